//! Sums over all connections, live and gone. Each adds what it has counted once per round.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ferrymq_routing::ExchangeName;

use super::fields::ExchangeField;
use super::flows::FlowRoom;
use super::history::History;
use super::{Activity, Kind};
use crate::config::RatesMode;
use crate::dead_letter::DeadLetterTotals;
use crate::queue::arguments::QueueType;

/// A sum for each [`Kind`].
#[derive(Debug, Default)]
pub struct Totals([AtomicU64; Kind::COUNT]);

impl Totals {
    /// Adds `activity`.
    pub fn add(&self, activity: &Activity) {
        for (kind, count) in activity.iter() {
            self.0[kind as usize].fetch_add(count, Ordering::Relaxed);
        }
    }

    /// What they are now.
    pub fn read(&self) -> Activity {
        let read = |index: usize| self.0[index].load(Ordering::Relaxed);
        Activity::from_counts(std::array::from_fn(read))
    }
}

/// [`Totals`] for each queue type, of what happens between queues and consumers.
#[derive(Debug, Default)]
pub struct TypeTotals([Totals; QueueType::ALL.len()]);

impl TypeTotals {
    /// Those of queues of this type.
    pub fn of(&self, queue_type: QueueType) -> &Totals {
        &self.0[queue_type as usize]
    }
}

/// What has happened in the broker since it was started.
#[derive(Debug, Default)]
pub struct BrokerTotals {
    /// What publishers did, and what became of it before it reached a queue.
    pub publishing: Totals,
    /// What happened between queues and consumers.
    pub consuming: TypeTotals,
    /// How large the published messages were.
    pub sizes: MessageSizes,
    /// What came and went.
    pub churn: Churn,
    /// What died in queues.
    pub dead_letters: DeadLetterTotals,
    /// How often a message's route was searched because it was not known.
    pub route_searches: AtomicU64,
    /// Room for flows; none unless they are counted.
    pub flows: Option<Arc<FlowRoom>>,
}

impl BrokerTotals {
    /// Those of a broker that keeps so much.
    pub(crate) fn new(rates_mode: RatesMode) -> Self {
        Self {
            flows: (rates_mode == RatesMode::Detailed).then(Arc::default),
            ..Self::default()
        }
    }

    /// Everything that happened to messages.
    pub fn activity(&self) -> Activity {
        let mut all = self.publishing.read();
        for queue_type in QueueType::ALL {
            all += self.consuming.of(queue_type).read();
        }
        all
    }
}

/// How much came and went since the start.
#[derive(Debug, Default)]
pub struct Churn {
    /// Connections that reached the broker.
    pub connections_created: AtomicU64,
    /// Connections that ended.
    pub connections_closed: AtomicU64,
    /// Channels that were opened.
    pub channels_created: AtomicU64,
    /// Channels that ended.
    pub channels_closed: AtomicU64,
    /// Declarations of queues, of new ones and of those that were there.
    pub queues_declared: AtomicU64,
    /// Queues that came into being.
    pub queues_created: AtomicU64,
    /// Queues that were deleted, by whomever.
    pub queues_deleted: AtomicU64,
}

/// What [`Churn`] has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChurnCounts {
    /// Connections that reached the broker.
    pub connections_created: u64,
    /// Connections that ended.
    pub connections_closed: u64,
    /// Channels that were opened.
    pub channels_created: u64,
    /// Channels that ended.
    pub channels_closed: u64,
    /// Declarations of queues, of new ones and of those that were there.
    pub queues_declared: u64,
    /// Queues that came into being.
    pub queues_created: u64,
    /// Queues that were deleted, by whomever.
    pub queues_deleted: u64,
}

impl Churn {
    /// What it has come to.
    pub fn read(&self) -> ChurnCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ChurnCounts {
            connections_created: read(&self.connections_created),
            connections_closed: read(&self.connections_closed),
            channels_created: read(&self.channels_created),
            channels_closed: read(&self.channels_closed),
            queues_declared: read(&self.queues_declared),
            queues_created: read(&self.queues_created),
            queues_deleted: read(&self.queues_deleted),
        }
    }
}

/// Counts one more of what `counter` counts.
pub(crate) fn count_one(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// What came in through an exchange.
#[derive(Debug)]
pub struct ExchangeTotals {
    /// The exchange's name.
    pub name: ExchangeName,
    published: AtomicU64,
    routed: AtomicU64,
    unroutable: AtomicU64,
    /// How that went.
    pub history: History<ExchangeField>,
}

impl ExchangeTotals {
    /// Those of an exchange that nothing came in through yet.
    pub fn new(name: ExchangeName) -> Self {
        Self {
            name,
            published: AtomicU64::new(0),
            routed: AtomicU64::new(0),
            unroutable: AtomicU64::new(0),
            history: History::default(),
        }
    }

    /// Adds what passed.
    pub fn add(&self, passed: &Passed) {
        self.published
            .fetch_add(passed.published, Ordering::Relaxed);
        self.routed.fetch_add(passed.routed, Ordering::Relaxed);
        if passed.unroutable > 0 {
            self.unroutable
                .fetch_add(passed.unroutable, Ordering::Relaxed);
        }
    }

    /// Messages that were published to it: RabbitMQ's `publish_in`.
    pub fn published(&self) -> u64 {
        self.published.load(Ordering::Relaxed)
    }

    /// How often they went into a queue: RabbitMQ's `publish_out`.
    pub fn routed(&self) -> u64 {
        self.routed.load(Ordering::Relaxed)
    }

    /// How many of the messages reached nothing, and were returned or dropped.
    pub fn unroutable(&self) -> u64 {
        self.unroutable.load(Ordering::Relaxed)
    }
}

/// Messages on their way through an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Passed {
    /// Those that were published to it.
    pub published: u64,
    /// How often they went into a queue.
    pub routed: u64,
    /// Those that reached nothing.
    pub unroutable: u64,
}

/// Upper bounds, in bytes of the body, by which messages are counted; larger ones come last.
pub const MESSAGE_SIZES: [u64; 8] = [
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    50_000_000,
    100_000_000,
];

/// How many published messages had a body of which size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sizes {
    /// Messages up to the bound of the same place, and above the one before; then the larger ones.
    pub counts: [u64; MESSAGE_SIZES.len() + 1],
    /// Bytes of all bodies together.
    pub bytes: u64,
}

impl Sizes {
    /// Counts a message with so many bytes.
    #[inline]
    pub fn add(&mut self, body_bytes: u64) {
        let place = MESSAGE_SIZES.iter().position(|bound| body_bytes <= *bound);
        self.counts[place.unwrap_or(MESSAGE_SIZES.len())] += 1;
        self.bytes += body_bytes;
    }
}

/// The sum of [`Sizes`].
#[derive(Debug, Default)]
pub struct MessageSizes {
    counts: [AtomicU64; MESSAGE_SIZES.len() + 1],
    bytes: AtomicU64,
}

impl MessageSizes {
    /// Adds `sizes`.
    pub fn add(&self, sizes: &Sizes) {
        for (sum, count) in self.counts.iter().zip(sizes.counts) {
            if count > 0 {
                sum.fetch_add(count, Ordering::Relaxed);
            }
        }
        self.bytes.fetch_add(sizes.bytes, Ordering::Relaxed);
    }

    /// What they are now.
    pub fn read(&self) -> Sizes {
        Sizes {
            counts: std::array::from_fn(|index| self.counts[index].load(Ordering::Relaxed)),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_add_up() {
        let totals = Totals::default();
        let mut activity = Activity::default();
        activity[Kind::Publish] = 3;
        totals.add(&activity);
        activity[Kind::Ack] = 2;
        totals.add(&activity);
        assert_eq!(totals.read()[Kind::Publish], 6);
        assert_eq!(totals.read()[Kind::Ack], 2);
    }

    #[test]
    fn a_message_counts_below_its_bound() {
        let mut sizes = Sizes::default();
        for bytes in [0, 100, 101, 100_000_000, 100_000_001] {
            sizes.add(bytes);
        }
        assert_eq!(sizes.counts, [2, 1, 0, 0, 0, 0, 0, 1, 1]);
        let sum = MessageSizes::default();
        sum.add(&sizes);
        sum.add(&sizes);
        assert_eq!(sum.read().bytes, 2 * sizes.bytes);
        assert_eq!(sum.read().counts[0], 4);
    }
}
