//! `ferrymq perf`: a load generator that is cheap enough to share a machine with the broker it measures.
//!
//! One thread per connection, raw frames: producers write pre-encoded messages from a ring, consumers
//! read frames out of one large buffer. Nothing of the broker itself is used here.

mod args;
mod clock;
mod confirms;
mod connection;
mod consumer;
mod error;
mod idle;
mod load;
mod plan;
mod process;
mod producer;
mod progress;
mod report;
mod ring;
mod verify;
mod watch;

use std::process::ExitCode;

pub(crate) use args::Args;
use error::Error;

/// Runs the scenario that `args` describe: 0 when it ran and nothing was lost, doubled or out of order.
pub(crate) fn run(args: Args) -> ExitCode {
    let outcome = if args.idle_connections > 0 {
        idle::connections(&args)
    } else if args.idle_queues > 0 {
        idle::queues(&args)
    } else {
        load::run(&args)
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("perf: {error}");
            ExitCode::FAILURE
        }
    }
}
