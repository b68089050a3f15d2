//! Options of a load: how long, how much, and what is checked; the others by group.

use std::time::Duration;

use super::{Broker, Consuming, Messages, Publishing, Reporting, Topology};
use crate::perf::parse;

/// A load: producers, consumers, and what is between them.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Load {
    #[command(flatten)]
    pub(crate) broker: Broker,
    #[command(flatten)]
    pub(crate) reporting: Reporting,
    /// How long to publish, warm-up included (default: 10 s, or until all messages are sent)
    #[arg(long, short = 'z', alias = "seconds", value_name = "SECONDS", value_parser = parse::span)]
    duration: Option<Duration>,
    /// How many messages to publish altogether, or to consume without producers (0: no limit)
    #[arg(long, short = 'C', default_value_t = 0)]
    pub(crate) messages: u64,
    /// End when so many messages are consumed altogether (0: when all are)
    #[arg(long, short = 'D', default_value_t = 0, value_name = "MESSAGES")]
    pub(crate) consume: u64,
    /// Time at the start which the summary leaves out
    #[arg(long, default_value = "0", value_name = "SECONDS", value_parser = parse::span)]
    pub(crate) warmup: Duration,
    /// Check for loss, duplicates and order
    #[arg(long, short = 'V', default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    verify: bool,
    /// Messages that do not come for so long are lost
    #[arg(long, default_value = "10", value_name = "SECONDS", value_parser = parse::interval)]
    pub(crate) drain_timeout: Duration,
    #[command(flatten)]
    pub(crate) publishing: Publishing,
    #[command(flatten)]
    pub(crate) consuming: Consuming,
    #[command(flatten)]
    pub(crate) message: Messages,
    #[command(flatten)]
    pub(crate) topology: Topology,
}

/// How long a run without any limit publishes.
const DEFAULT_DURATION: Duration = Duration::from_secs(10);

impl Load {
    /// How long to publish; `None` while only the number of messages counts.
    pub(crate) fn publishing_time(&self) -> Option<Duration> {
        let limit = self.duration.filter(|duration| !duration.is_zero());
        match (limit, self.messages.max(self.consume)) {
            (None, 0) => Some(DEFAULT_DURATION),
            (limit, _) => limit,
        }
    }

    /// Messages after which consuming ends; `None` when the producers say how many there are.
    pub(crate) fn consume_limit(&self) -> Option<u64> {
        match (self.consume, self.publishing.producers, self.messages) {
            (0, 0, 1..) => Some(self.messages),
            (0, _, _) => None,
            (limit, _, _) => Some(limit),
        }
    }

    /// Whether bodies say who sent which message.
    pub(crate) fn verifies(&self) -> bool {
        self.verify && self.message.have_room(8)
    }

    /// Whether messages of one producer arrive in a queue's order.
    pub(crate) fn keeps_order(&self) -> bool {
        self.consuming.requeue_every == 0 && self.message.priority.len() < 2
    }

    /// Whether messages may leave otherwise than by being consumed, or nobody knows where they go, so
    /// that there is no use in a long wait for them.
    pub(crate) fn may_lose(&self) -> bool {
        self.message.expiration.is_some() || self.consume > 0
    }
}
