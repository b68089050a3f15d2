//! The command line of `ferrymq`.

mod completion;
mod config;
mod ctl;
mod dialect;
#[cfg(test)]
mod documentation;
mod listeners;
mod logging;
mod perf;
mod pid_file;
mod probe;
mod reload;
mod serve;
mod service;
mod settings;
mod signals;
mod store;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An AMQP 0-9-1 message broker in one binary
#[derive(Parser)]
#[command(name = "ferrymq", version, args_conflicts_with_subcommands = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::Args,
}

#[derive(Subcommand)]
enum Command {
    /// Run the broker; the same as no command at all
    Serve(serve::Args),
    /// Administer a broker: rabbitmqctl's commands, and more
    Ctl(Box<ctl::Args>),
    /// Print a script that completes commands in a shell
    Completion(completion::Args),
    /// Look at the configuration: check it, print it, convert a rabbitmq.conf
    Config(config::Args),
    /// Does the broker of this machine answer? Exit code 0 if so, else 1
    Ping(probe::Args),
    /// Would the broker of this machine serve clients? Exit code 0 if so, else 1
    Healthcheck(probe::Args),
    /// Measure a broker: throughput, latency, what it costs, and whether every message arrives
    Perf(Box<perf::Args>),
    /// Look at the data of a stopped broker, or make its index anew
    Store(store::Args),
}

/// The broker's own part of the command line. The tree of all commands takes 8 MB to build, which a broker would keep
/// for as long as it runs.
#[derive(Parser)]
#[command(name = "ferrymq", version)]
struct ServeAlone {
    #[command(flatten)]
    serve: serve::Args,
}

impl ServeAlone {
    /// What the broker is told, if it is meant at all and nothing is wrong: all else is for the whole command line.
    fn parse_from_all(arguments: &[OsString]) -> Option<serve::Args> {
        let named = arguments.get(1).is_some_and(|first| first == "serve");
        let (program, rest) = arguments.split_first()?;
        let own = std::iter::once(program).chain(&rest[usize::from(named)..]);
        let parsed = Self::try_parse_from(own).ok()?;
        Some(parsed.serve)
    }
}

fn main() -> ExitCode {
    let arguments = perf::expand(dialect::translate(std::env::args_os()));
    match ServeAlone::parse_from_all(&arguments) {
        Some(args) => serve(&args),
        None => run(arguments),
    }
}

fn serve(args: &serve::Args) -> ExitCode {
    match args.overrides_checked() {
        Ok(overrides) => serve::run(args, &overrides),
        Err(error) => {
            let usage = clap::error::ErrorKind::InvalidValue;
            CommandLine::command().error(usage, error).exit()
        }
    }
}

/// Any command.
fn run(arguments: Vec<OsString>) -> ExitCode {
    let is_ctl = arguments.get(1).is_some_and(|command| command == "ctl");
    let command_line = match CommandLine::try_parse_from(arguments) {
        Err(error) if is_ctl && error.use_stderr() => {
            // Compat: another code than for the rest of the program.
            let _ = error.print();
            return ExitCode::from(ctl::USAGE);
        }
        parsed => parsed.unwrap_or_else(|error| error.exit()),
    };
    let command = command_line
        .command
        .unwrap_or(Command::Serve(command_line.serve));
    match command {
        Command::Serve(args) => serve(&args),
        Command::Ctl(args) => ctl::run(*args),
        Command::Completion(args) => completion::run(&args, CommandLine::command()),
        Command::Config(args) => config::run(args),
        Command::Ping(args) => probe::run(&args, probe::Question::Alive),
        Command::Healthcheck(args) => probe::run(&args, probe::Question::Ready),
        Command::Perf(args) => perf::run(*args),
        Command::Store(args) => store::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn serving_needs_no_command() {
        let parse = |arguments: &[&str]| CommandLine::try_parse_from(arguments);
        assert!(parse(&["ferrymq"]).unwrap().command.is_none());
        let implied = parse(&["ferrymq", "--data-dir", "d"]).unwrap();
        assert!(implied.command.is_none());
        let named = parse(&["ferrymq", "serve", "--data-dir", "d"]).unwrap();
        assert!(matches!(named.command, Some(Command::Serve(_))));
        assert!(parse(&["ferrymq", "sail"]).is_err());
        assert!(parse(&["ferrymq", "--sail"]).is_err());
    }

    #[test]
    fn a_broker_is_recognised_without_the_other_commands() {
        let is_broker = |arguments: &[&str]| {
            let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            ServeAlone::parse_from_all(&arguments).is_some()
        };
        assert!(is_broker(&["ferrymq"]));
        assert!(is_broker(&["ferrymq", "--data-dir", "d"]));
        assert!(is_broker(&["ferrymq", "serve", "--data-dir", "d"]));
        assert!(!is_broker(&["ferrymq", "serve", "--help"]));
        assert!(!is_broker(&["ferrymq", "ctl", "status"]));
        assert!(!is_broker(&["ferrymq", "--sail"]));
        assert!(!is_broker(&[]));
    }
}
