//! `ferrymq store`: looks at the data of a stopped broker, or makes its index anew.
//!
//! What can be told of bytes is told by the store's own tools; here they get their meaning: names of queues,
//! messages, definitions.

mod dump;
mod json;
mod rebuild;
mod verify;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use ferrymq_store::tools::{Damage, Offline};

/// The exit code when something is damaged.
const DAMAGED: u8 = 1;
/// The exit code when nothing could be done.
const FAILED: u8 = 2;

/// Look at the data of a stopped broker, or make its index anew.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Clone, Subcommand)]
enum Verb {
    /// Check every record and the whole index; changes nothing. Exits with 1 if anything is damaged
    Verify(verify::Args),
    /// Print the log's records as JSON, one a line; changes nothing
    Dump(dump::Args),
    /// Make the index anew from the log; the old one is moved aside
    Rebuild(rebuild::Args),
}

/// Whose data.
#[derive(Debug, Clone, clap::Args)]
struct DataDir {
    /// Where the broker keeps its data
    #[arg(
        long,
        value_name = "DIR",
        env = "FERRYMQ_DATA_DIR",
        default_value = "ferrymq-data"
    )]
    data_dir: PathBuf,
}

impl DataDir {
    fn open(&self) -> Result<Offline, Error> {
        Ok(Offline::open(&self.data_dir)?)
    }
}

/// Why nothing could be told, or no more.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Store(#[from] ferrymq_store::Error),
    #[error("there is no queue '{queue}'")]
    NoSuchQueue { queue: String },
    #[error("cannot print: {0}")]
    Output(#[from] io::Error),
}

/// Does what `args` ask for: 0 if all is well, 1 if something is damaged, 2 if it can't be done.
pub(crate) fn run(args: &Args) -> ExitCode {
    let whole = match &args.verb {
        Verb::Verify(args) => verify::run(args),
        Verb::Dump(args) => dump::run(args),
        Verb::Rebuild(args) => rebuild::run(args),
    };
    match whole {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(DAMAGED),
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ferrymq: {error}");
            ExitCode::from(FAILED)
        }
    }
}

/// A damage on a line of its own: `log/0000000001.segment, byte 60: a record is damaged`.
fn line(damage: &Damage) -> String {
    let Damage { file, offset, what } = damage;
    match offset {
        Some(offset) => format!("{file}, byte {offset}: {what}"),
        None => format!("{file}: {what}"),
    }
}
