//! Options: who consumes, and what becomes of a delivery.

use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use ferrymq_amqp::{AMQPValue, FieldTable};

use super::topology::table;
use crate::perf::parse;

/// Consumers and how they settle.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Consuming")]
pub(crate) struct Consuming {
    /// Consuming connections
    #[arg(long, short = 'y', default_value_t = 1)]
    pub(crate) consumers: u16,
    /// Channels of each consuming connection
    #[arg(long, short = 'Y', default_value = "1", value_name = "CHANNELS")]
    pub(crate) consumer_channels: NonZeroU16,
    /// Unacked messages per consumer (0: no limit)
    #[arg(long, short = 'q', default_value_t = 2_000, value_name = "MESSAGES")]
    pub(crate) prefetch: u16,
    /// Unacked messages per channel, whatever its consumers (0: no limit)
    #[arg(long, short = 'Q', default_value_t = 0, value_name = "MESSAGES")]
    pub(crate) channel_prefetch: u16,
    /// Ack every so many messages, all of them at once
    #[arg(
        long,
        short = 'A',
        visible_alias = "multi-ack-every",
        default_value = "100",
        value_name = "MESSAGES"
    )]
    ack_every: NonZeroU32,
    /// Consume without acks
    #[arg(long, short = 'a', visible_alias = "auto-ack", conflicts_with_all = [
        "ack_every", "nack", "requeue_every", "consumer_tx",
    ])]
    no_ack: bool,
    /// Refuse messages instead of acking them; they don't return to their queue
    #[arg(long)]
    nack: bool,
    /// Put every so-many-th message back into its queue when it comes for the first time (0: none)
    #[arg(long, default_value_t = 0, value_name = "MESSAGES")]
    pub(crate) requeue_every: u32,
    /// Ack in transactions of this many messages (0: none)
    #[arg(
        long,
        short = 'n',
        default_value_t = 0,
        value_name = "MESSAGES",
        conflicts_with = "ack_every"
    )]
    pub(crate) consumer_tx: u32,
    /// Start consumers with this argument; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse::argument)]
    consumer_arg: Vec<(String, AMQPValue)>,
    /// How long a consumer works on each message
    #[arg(long, short = 'L', value_name = "TIME", value_parser = parse::latency)]
    pub(crate) consumer_latency: Option<Duration>,
    /// Messages per second that each consumer takes at most
    #[arg(long, short = 'R', value_name = "PER SECOND", value_parser = parse::rate)]
    pub(crate) consumer_rate: Option<f64>,
    /// Fetch messages one by one (basic.get) instead of having them delivered
    #[arg(long, conflicts_with_all = ["prefetch", "channel_prefetch", "consumer_arg"])]
    pub(crate) poll: bool,
    /// How long to wait before asking an empty queue again
    #[arg(long, default_value = "1ms", value_name = "TIME", value_parser = parse::latency)]
    pub(crate) poll_interval: Duration,
    /// Start consumers when everything is published
    #[arg(long, conflicts_with = "backlog")]
    pub(crate) fill_first: bool,
}

/// What a consumer says about a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settlement {
    Nothing,
    Ack,
    Nack,
}

impl Consuming {
    pub(crate) fn settlement(&self) -> Settlement {
        match (self.no_ack, self.nack) {
            (true, _) => Settlement::Nothing,
            (_, true) => Settlement::Nack,
            _ => Settlement::Ack,
        }
    }

    /// Acks every so many deliveries, never more than the broker sends ahead.
    pub(crate) fn ack_every(&self) -> u32 {
        let wanted = match self.consumer_tx {
            0 => self.ack_every.get(),
            messages => messages,
        };
        let limits = [self.prefetch, self.channel_prefetch].into_iter();
        match limits.filter(|&limit| limit > 0).min() {
            Some(limit) if !self.poll => wanted.min(u32::from(limit).div_ceil(2)),
            _ => wanted,
        }
    }

    pub(crate) fn arguments(&self) -> FieldTable {
        table(&self.consumer_arg)
    }

    /// Channels that consume, all connections together.
    pub(crate) fn lanes(&self) -> usize {
        usize::from(self.consumers) * usize::from(self.consumer_channels.get())
    }
}
