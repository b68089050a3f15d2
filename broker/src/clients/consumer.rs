//! A consumer as others see it.

use std::sync::{Arc, Weak};

use ferrymq_amqp::FieldTable;
use ferrymq_routing::QueueName;

use super::ClientChannel;
use crate::limits::Ticket;
use crate::stats::series::Moments;
use crate::stats::{Activity, Counter, History, Kind, MessageField};

/// A consumer of a queue, as long as it is subscribed.
pub struct ClientConsumer {
    /// Its tag on the channel.
    pub tag: String,
    /// Its vhost,
    pub vhost: Arc<str>,
    /// and its queue there.
    pub queue: QueueName,
    /// Deliveries must be acked.
    pub ack_required: bool,
    /// Nobody else may consume.
    pub exclusive: bool,
    /// Unacked deliveries at a time; 0: no limit.
    pub prefetch: Counter,
    /// What it was declared with.
    pub arguments: FieldTable,
    /// Milliseconds that a delivery may stay unacked; 0: as long as it likes.
    pub timeout_ms: Counter,
    /// How its counts went.
    pub history: History<MessageField>,
    pub(crate) counters: Arc<ConsumerCounters>,
    pub(crate) channel: Weak<ClientChannel>,
    /// As the broker's and its vhost's.
    pub(crate) _counts: [Ticket; 2],
}

/// What a consumer did with its messages: its connection's task alone writes it. They have a cache line of their own, because
/// the tasks of other consumers run on other threads.
#[derive(Default)]
#[repr(align(64))]
pub struct ConsumerCounters {
    /// Sent to it.
    pub delivered: Counter,
    /// Acked by it,
    pub acked: Counter,
    /// and how long they were unacked, all together.
    pub unacked_ms: Counter,
}

impl ClientConsumer {
    /// Its channel, unless that has just gone.
    pub fn channel(&self) -> Option<Arc<ClientChannel>> {
        self.channel.upgrade()
    }

    /// What it was sent, and what it acked.
    pub fn activity(&self) -> Activity {
        let mut activity = Activity::default();
        activity[match self.ack_required {
            true => Kind::Deliver,
            false => Kind::DeliverNoAck,
        }] = self.counters.delivered.get();
        activity[Kind::Ack] = self.counters.acked.get();
        activity
    }

    /// How long what it acked in the last interval was unacked, on average, in milliseconds. `None`: it acked nothing.
    pub fn mean_ack_time_ms(&self, moments: Moments) -> Option<f64> {
        let rate = |field| self.history.details(&[field], moments, None).rate;
        let acked = rate(MessageField::Happened(Kind::Ack));
        let mean = || rate(MessageField::UnackedMilliseconds) / acked;
        // No further than to a microsecond, which hides how fractions are rounded.
        (acked > 0.0).then(|| (mean() * 1_000.0).round() / 1_000.0)
    }

    /// Has it got nothing and acked nothing since the last interval began?
    pub fn is_still(&self, moments: Moments) -> bool {
        let moves = [Kind::Deliver, Kind::Ack].map(MessageField::Happened);
        let activity = self.activity();
        let now = activity[Kind::Deliver] + activity[Kind::Ack];
        self.history.newest(&moves) == now
            && self.history.details(&moves, moments, None).rate == 0.0
    }

    /// What the ticker takes note of.
    pub(crate) fn sample(&self) -> impl Iterator<Item = (MessageField, u64)> {
        let happened = self.activity();
        let happened = Kind::ALL.map(|kind| (MessageField::Happened(kind), happened[kind]));
        let unacked_ms = self.counters.unacked_ms.get();
        let unacked_ms = (MessageField::UnackedMilliseconds, unacked_ms);
        happened.into_iter().chain([unacked_ms])
    }
}
