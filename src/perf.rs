//! `ferrymq perf`: a load generator that is cheap enough to share a machine with the broker it measures.
//!
//! One thread per connection, raw frames: producers write pre-encoded messages from a ring, consumers
//! read frames out of one large buffer. Nothing of the broker itself is used here.

mod answers;
mod args;
mod body;
mod churn;
mod clock;
mod confirms;
mod connection;
mod consumer;
mod contents;
mod declare;
mod deliveries;
mod error;
mod handling;
mod idle;
mod interrupt;
mod lane;
mod load;
mod parse;
mod plan;
mod polling;
mod process;
mod producer;
mod progress;
mod random;
mod report;
mod ring;
mod scenario;
mod schedule;
mod setup;
mod sizes;
mod stamp;
mod transaction;
mod verify;
mod watch;

use std::process::ExitCode;

pub(crate) use args::Args;
use args::{Command, Load};
use churn::Operation;
use error::Error;
pub(crate) use scenario::expand;

/// How a run ended that could be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Fine,
    /// Messages were lost, doubled, out of order or refused.
    Broken,
    /// A threshold was missed.
    Missed,
}

/// Exit codes: 0 is fine, 1 a run that failed or lost messages.
const EXIT_USAGE: u8 = 2;
const EXIT_MISSED: u8 = 3;

/// Runs the scenario that `args` describe.
pub(crate) fn run(args: Args) -> ExitCode {
    match interrupt::listen()
        .map_err(Error::Io)
        .and_then(|()| run_command(args.command()))
    {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Broken) => ExitCode::FAILURE,
        Ok(Outcome::Missed) => EXIT_MISSED.into(),
        Err(error) => {
            eprintln!("perf: {error}");
            match error {
                Error::Usage(_) => EXIT_USAGE.into(),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn run_command(command: Command) -> Result<Outcome, Error> {
    match command {
        Command::Throughput(args) => load::run(&args),
        Command::ConnectionChurn(args) => churn::run(Operation::Connection, &args),
        Command::ChannelChurn(args) => churn::run(Operation::Channel, &args),
        Command::QueueChurn(args) => churn::run(Operation::Queue, &args),
        Command::BindChurn(args) => churn::run(Operation::Bind, &args),
        Command::ConsumerChurn(args) => churn::run(Operation::Consumer, &args),
        Command::ConnectionCount(args) => idle::connections(&args),
        Command::QueueCount(args) => idle::queues(&args),
    }
}
