//! A channel as others see it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::{ClientConnection, ClientConsumer};
use crate::queue::shared::SharedQueue;
use crate::stats::flows::{ChannelFlows, Flow, FlowRoom};
use crate::stats::{Counter, Counters, History, MessageField};

/// An open channel.
pub struct ClientChannel {
    /// Its number on the connection.
    pub number: u16,
    /// What has happened on it. What is unacked or unconfirmed follows from that.
    pub counters: Counters,
    /// How that went.
    pub history: History<MessageField>,
    /// The same by exchange and queue; none unless that is counted.
    pub flows: Option<Arc<ChannelFlows>>,
    /// What `basic.qos` set for consumers to come; 0: no limit.
    pub prefetch: Counter,
    /// What `basic.qos` set for the whole channel; 0: no limit.
    pub global_prefetch: Counter,
    /// Publishes that wait for `tx.commit`,
    pub uncommitted_messages: Counter,
    /// and deliveries whose settlement does.
    pub uncommitted_acks: Counter,
    /// When the oldest delivery that is not settled was sent, in milliseconds since the Unix epoch; 0: there is none.
    pub oldest_unacked_at: Counter,
    confirm: AtomicBool,
    transactional: AtomicBool,
    connection: Weak<ClientConnection>,
    consumers: Mutex<Vec<Weak<ClientConsumer>>>,
}

impl ClientChannel {
    pub(super) fn new(
        number: u16,
        connection: &Arc<ClientConnection>,
        room: Option<&Arc<FlowRoom>>,
    ) -> Self {
        Self {
            number,
            counters: Counters::default(),
            history: History::default(),
            flows: room.map(|room| Arc::new(ChannelFlows::new(room))),
            prefetch: Counter::default(),
            global_prefetch: Counter::default(),
            uncommitted_messages: Counter::default(),
            uncommitted_acks: Counter::default(),
            oldest_unacked_at: Counter::default(),
            confirm: AtomicBool::new(false),
            transactional: AtomicBool::new(false),
            connection: Arc::downgrade(connection),
            consumers: Mutex::default(),
        }
    }

    /// Its connection, unless that has just gone.
    pub fn connection(&self) -> Option<Arc<ClientConnection>> {
        self.connection.upgrade()
    }

    /// `127.0.0.1:57214 -> 127.0.0.1:5672 (1)`, by which it is addressed.
    pub fn name(&self) -> String {
        let connection = self.connection().map(|connection| connection.name());
        format!("{} ({})", connection.unwrap_or_default(), self.number)
    }

    /// Are its publishes confirmed?
    pub fn is_confirming(&self) -> bool {
        self.confirm.load(Ordering::Relaxed)
    }

    /// Does it wait for `tx.commit`?
    pub fn is_transactional(&self) -> bool {
        self.transactional.load(Ordering::Relaxed)
    }

    /// Its consumers, oldest first.
    pub fn consumers(&self) -> Vec<Arc<ClientConsumer>> {
        let consumers = self.consumers.lock();
        consumers.iter().filter_map(Weak::upgrade).collect()
    }

    /// How many consumers it has.
    pub fn consumer_count(&self) -> usize {
        let consumers = self.consumers.lock();
        consumers
            .iter()
            .filter(|consumer| consumer.strong_count() > 0)
            .count()
    }

    /// Where what comes from `queue` is counted, if it is.
    pub(crate) fn flow_from(&self, queue: &Arc<SharedQueue>) -> Option<Arc<Flow>> {
        self.flows.as_ref().map(|flows| flows.from(queue))
    }

    pub(crate) fn set_confirming(&self) {
        self.confirm.store(true, Ordering::Relaxed);
    }

    pub(crate) fn set_transactional(&self) {
        self.transactional.store(true, Ordering::Relaxed);
    }

    pub(crate) fn add_consumer(&self, consumer: &Arc<ClientConsumer>) {
        let mut consumers = self.consumers.lock();
        consumers.retain(|consumer| consumer.strong_count() > 0);
        consumers.push(Arc::downgrade(consumer));
    }
}
