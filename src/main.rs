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

fn main() -> ExitCode {
    let arguments = perf::expand(dialect::translate(std::env::args_os()));
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
        Command::Serve(args) => match args.overrides_checked() {
            Ok(overrides) => serve::run(&args, &overrides),
            Err(error) => {
                let usage = clap::error::ErrorKind::InvalidValue;
                CommandLine::command().error(usage, error).exit()
            }
        },
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
}
