//! `ferrymq store rebuild`.

use std::io::{self, Write};

use ferrymq_store::tools::Rebuilt;

use super::{DataDir, Error, line};

/// What to rebuild.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    data_dir: DataDir,
    /// Even if the log is damaged, and messages are lost
    #[arg(long)]
    force: bool,
}

/// Rebuilds the index; false if the log is damaged, whether that was an obstacle or not.
pub(super) fn run(args: &Args) -> Result<bool, Error> {
    let rebuilt = args.data_dir.open()?.rebuild(args.force)?;
    let mut out = io::stdout().lock();
    let (Rebuilt::Refused(damages) | Rebuilt::Done { damages, .. }) = &rebuilt;
    for damage in damages {
        writeln!(out, "damaged: {}", line(damage))?;
    }
    match &rebuilt {
        Rebuilt::Refused(_) => writeln!(
            out,
            "the log is damaged, and nothing was done; --force takes what is readable"
        )?,
        Rebuilt::Done {
            aside,
            queues,
            live_messages,
            definitions,
            ..
        } => {
            if let Some(aside) = aside {
                writeln!(out, "the old index is kept as {aside}")?;
            }
            writeln!(
                out,
                "the new index has {queues} queues, {live_messages} messages and {definitions} definitions"
            )?;
        }
    }
    Ok(damages.is_empty())
}
