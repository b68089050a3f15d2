//! Options: who publishes, and how fast.

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use crate::perf::parse;
use crate::perf::schedule::Step;

/// Producers and their pace.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Publishing")]
pub(crate) struct Publishing {
    /// Publishing connections
    #[arg(long, short = 'x', default_value_t = 1)]
    pub(crate) producers: u16,
    /// Channels of each publishing connection
    #[arg(long, short = 'X', default_value = "1", value_name = "CHANNELS")]
    pub(crate) producer_channels: NonZeroU16,
    /// Publisher confirms, with at most this many unconfirmed messages per channel (0: no confirms)
    #[arg(
        long,
        short = 'c',
        default_value_t = 0,
        value_name = "WINDOW",
        conflicts_with = "producer_tx"
    )]
    pub(crate) confirm: u32,
    /// How long the last confirms may take
    #[arg(long, default_value = "60", value_name = "SECONDS", value_parser = parse::span)]
    pub(crate) confirm_timeout: Duration,
    /// Publish in transactions of this many messages (0: none)
    #[arg(long, short = 'm', default_value_t = 0, value_name = "MESSAGES")]
    pub(crate) producer_tx: u32,
    /// Messages per second of all producers together; latency then counts from the moment when a
    /// message was due (default: as fast as possible)
    #[arg(long, short = 'r', value_name = "PER SECOND", value_parser = parse::rate,
        conflicts_with_all = ["rate_per_producer", "variable_rate"])]
    pub(crate) rate: Option<f64>,
    /// The same, for each producer
    #[arg(long, value_name = "PER SECOND", value_parser = parse::rate, conflicts_with = "variable_rate")]
    pub(crate) rate_per_producer: Option<f64>,
    /// The same as --rate, one rate after the other and again from the first (1000:10s,5000:2s)
    #[arg(long, value_name = "PER SECOND:TIME", value_delimiter = ',')]
    pub(crate) variable_rate: Vec<Step>,
    /// Stop publishing while this many messages are published and not yet consumed (0: never)
    #[arg(long, default_value_t = 0, value_name = "MESSAGES")]
    pub(crate) backlog: u64,
    /// Exit with 3 when one in a hundred confirms takes longer
    #[arg(long, value_name = "LATENCY", value_parser = parse::latency)]
    pub(crate) max_confirm_p99: Option<Duration>,
    /// Write the latencies of confirms to this file, in HdrHistogram's percentile format
    #[arg(long, value_name = "FILE")]
    pub(crate) confirm_histogram: Option<PathBuf>,
}

impl Publishing {
    /// The rates of each producer, one after the other; empty when it publishes as fast as possible.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let producers = f64::from(self.producers.max(1));
        let total = self.rate.map(|rate| rate / producers);
        match total.or(self.rate_per_producer) {
            Some(rate) => vec![Step::forever(rate)],
            None => self
                .variable_rate
                .iter()
                .map(|step| step.shared_by(producers))
                .collect(),
        }
    }

    /// Channels that publish, all connections together.
    pub(crate) fn lanes(&self) -> usize {
        usize::from(self.producers) * usize::from(self.producer_channels.get())
    }

    /// Whether the broker says what it has taken.
    pub(crate) fn is_answered(&self) -> bool {
        self.confirm > 0 || self.producer_tx > 0
    }
}
