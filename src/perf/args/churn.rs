//! Options of the scenarios that are not about messages: objects made and deleted, objects at rest.

use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use super::{Broker, Reporting};
use crate::perf::parse;

/// Something done again and again.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Churn {
    #[command(flatten)]
    pub(crate) broker: Broker,
    #[command(flatten)]
    pub(crate) reporting: Reporting,
    /// How long to go on
    #[arg(long, short = 'z', default_value = "10", value_name = "SECONDS", value_parser = parse::interval)]
    pub(crate) duration: Duration,
    /// How often to do it altogether (0: until the time is over)
    #[arg(long, short = 'C', default_value_t = 0)]
    pub(crate) operations: u64,
    /// How many do it at the same time, each with a connection
    #[arg(long, short = 'x', default_value = "1", value_name = "WORKERS")]
    pub(crate) concurrency: NonZeroU16,
    /// Start of the names of queues
    #[arg(long, short = 'u', default_value = "ferrymq-perf", value_name = "NAME")]
    pub(crate) queue: String,
    /// Declare durable queues
    #[arg(long)]
    pub(crate) durable: bool,
}

/// Objects at rest.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Count {
    #[command(flatten)]
    pub(crate) broker: Broker,
    /// How many
    #[arg(long, short = 'x', default_value = "1000")]
    pub(crate) count: NonZeroU32,
    /// Name of the queue, or start of the queues' names
    #[arg(long, short = 'u', default_value = "ferrymq-perf", value_name = "NAME")]
    pub(crate) queue: String,
    /// Leave the queues as they are at the end
    #[arg(long)]
    pub(crate) keep_queue: bool,
    /// How long to let them rest
    #[arg(long, default_value = "0", value_name = "SECONDS", value_parser = parse::span)]
    pub(crate) rest: Duration,
}
