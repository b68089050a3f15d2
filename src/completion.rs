//! `ferrymq completion`: scripts that complete commands, flags and columns in a shell.

use std::io;
use std::process::ExitCode;

use clap_complete::{Shell, generate};

/// For which shell.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    shell: Shell,
}

/// Prints the script for `command`, which is the whole program.
pub(crate) fn run(args: &Args, mut command: clap::Command) -> ExitCode {
    generate(args.shell, &mut command, "ferrymq", &mut io::stdout());
    ExitCode::SUCCESS
}
