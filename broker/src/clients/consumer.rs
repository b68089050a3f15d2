//! A consumer as others see it.

use std::sync::{Arc, Weak};

use ferrymq_amqp::FieldTable;
use ferrymq_routing::QueueName;

use super::ClientChannel;
use crate::limits::Ticket;
use crate::stats::Counter;

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
    pub(crate) channel: Weak<ClientChannel>,
    /// As the broker's and its vhost's.
    pub(crate) _counts: [Ticket; 2],
}

impl ClientConsumer {
    /// Its channel, unless that has just gone.
    pub fn channel(&self) -> Option<Arc<ClientChannel>> {
        self.channel.upgrade()
    }
}
