//! `ferrymq ctl`: administration over the HTTP API, by the local socket or from afar. A file per noun.
//!
//! Commands, columns, output and exit codes are rabbitmqctl's where it has them.

mod bindings;
mod browse;
mod checks;
mod client;
mod command;
mod connections;
mod context;
mod definitions;
mod delayed;
mod error;
mod events;
mod exchanges;
mod features;
mod jobs;
mod limits;
mod listing;
mod messages;
mod node;
mod output;
mod parameters;
mod path;
mod permissions;
mod policies;
mod queues;
mod settings;
mod status;
mod target;
mod top;
mod unsupported;
mod users;
mod values;
mod vhosts;

use std::process::ExitCode;
use std::time::Duration;

use client::Client;
use context::Context;
use error::Error;
use output::Output;

/// The exit code for a command line that can't be meant.
pub(crate) const USAGE: u8 = 64;

/// Whom to ask, what to do, and how to print it.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: target::Args,
    #[command(flatten)]
    output: output::Args,
    /// The vhost that is meant, instead of "/"
    #[arg(short = 'p', long, global = true)]
    vhost: Option<String>,
    /// Give up when an answer takes longer; "infinity": never
    #[arg(short, long, value_name = "SECONDS", global = true, value_parser = timeout)]
    timeout: Option<Timeout>,
    /// Compat: accepted, and ignored
    #[arg(short, long, global = true, hide = true)]
    node: Option<String>,
    #[arg(short, long, global = true, hide = true)]
    longnames: bool,
    #[arg(long, global = true, hide = true)]
    script_name: Option<String>,
    #[arg(long, global = true, hide = true)]
    erlang_cookie: Option<String>,
    #[command(subcommand)]
    command: command::Command,
}

/// How long an answer may take; `None`: for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Timeout(Option<Duration>);

/// Runs one command; the exit codes are rabbitmqctl's.
pub(crate) fn run(args: Args) -> ExitCode {
    match try_run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(),
    }
}

fn try_run(args: Args) -> Result<(), Error> {
    if let command::Command::Unsupported(command) = &args.command {
        return command.run();
    }
    let timeout = args.timeout.and_then(|timeout| timeout.0);
    let mut context = Context {
        client: Client::new(args.target.target()?, timeout)?,
        out: Output::new(&args.output),
        vhost: args.vhost,
    };
    args.command.run(&mut context)?;
    Ok(context.out.finish()?)
}

fn timeout(text: &str) -> Result<Timeout, String> {
    if matches!(text, "infinity" | "0") {
        return Ok(Timeout(None));
    }
    let seconds = text.parse::<f64>().ok();
    let span = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let span = span.filter(|span| !span.is_zero());
    span.map(|span| Timeout(Some(span)))
        .ok_or_else(|| "expected seconds, or \"infinity\"".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_seconds() {
        let check = |text, millis: Option<u64>| {
            assert_eq!(
                timeout(text),
                Ok(Timeout(millis.map(Duration::from_millis)))
            );
        };
        check("60", Some(60_000));
        check("0.5", Some(500));
        check("infinity", None);
        check("0", None);
        for wrong in ["", "-1", "x", "NaN", "1e300"] {
            assert!(timeout(wrong).is_err(), "{wrong}");
        }
    }
}
