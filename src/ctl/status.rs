//! `status`, `cluster_status` and their parts: what the broker tells of itself, for people in sections
//! and for programs as one object.

mod cluster;
mod node;
mod parts;
mod text;

use clap::Subcommand;

use super::context::Context;
use super::error::Error;
use text::Unit;

#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Command {
    /// What the broker does and has: versions, directories, alarms, memory, disk, totals, listeners
    Status {
        #[arg(long, value_enum, default_value = "gb")]
        unit: Unit,
    },
    /// The cluster, which is this broker alone
    ClusterStatus,
    /// Status, cluster status and all lists, to be sent to whoever helps
    Report,
    /// What the broker's memory is used for
    MemoryBreakdown {
        #[arg(long, value_enum, default_value = "gb")]
        unit: Unit,
    },
    /// Where the broker listens
    Listeners,
    /// Which alarms are on
    Alarms,
    /// Where the broker logs to
    LogLocation {
        #[arg(short = 'a', long, hide = true)]
        all: bool,
    },
}

impl Command {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Error> {
        match self {
            Self::Status { unit } => node::print(context, unit),
            Self::ClusterStatus => cluster::print(context),
            Self::Report => parts::report(context),
            Self::MemoryBreakdown { unit } => parts::memory_breakdown(context, unit),
            Self::Listeners => parts::listeners(context),
            Self::Alarms => parts::alarms(context),
            Self::LogLocation { .. } => parts::log_location(context),
        }
    }
}
