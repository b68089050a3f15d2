//! A connection's consumers, across its channels: what a number in the outbox stands for.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::clients::{ClientConsumer, ConsumerCounters};
use crate::queue::arguments::QueueType;
use crate::queue::consumers::Slot;
use crate::queue::shared::SharedQueue;
use crate::session::outbox::ConsumerNumber;
use crate::stats::flows::Flow;

/// Whoever receives deliveries on a channel: a consumer, one `basic.get`, or direct reply-to.
pub struct Consumer {
    /// The channel.
    pub channel: u16,
    /// The consumer tag as a short string on the wire; empty for `basic.get`.
    pub tag: Box<[u8]>,
    /// The queue; none for direct reply-to.
    pub queue: Option<Arc<SharedQueue>>,
    /// Its place there, as long as it consumes.
    pub slot: Option<Slot>,
    /// The queue's type.
    pub queue_type: QueueType,
    /// What others see of it, as long as it consumes.
    pub entry: Weak<ClientConsumer>,
    /// What it did, as others see it; none for what nobody sees: `basic.get` and direct reply-to.
    pub counters: Option<Arc<ConsumerCounters>>,
    /// Where the channel counts what comes from the queue; none unless that is counted.
    pub flow: Option<Arc<Flow>>,
    /// Deliveries count as acked when sent.
    pub no_ack: bool,
    /// Deliveries that it has not settled.
    pub unacked: u32,
    /// How long a delivery may stay unacked, if the consumer itself says so.
    pub own_timeout: Option<Duration>,
    /// How long a delivery may stay unacked.
    pub timeout: Option<Duration>,
    /// It is still subscribed. Afterwards it only waits for its last deliveries to be settled.
    pub live: bool,
}

impl Consumer {
    /// The consumer tag.
    pub fn tag(&self) -> &str {
        std::str::from_utf8(&self.tag[1..]).unwrap_or_default()
    }
}

/// The table of them, by number.
#[derive(Default)]
pub struct ConsumerTable {
    entries: Vec<Option<Consumer>>,
    free: Vec<u32>,
}

impl ConsumerTable {
    /// Adds one and gives it a number.
    pub fn add(&mut self, consumer: Consumer) -> ConsumerNumber {
        match self.free.pop() {
            Some(number) => {
                self.entries[number as usize] = Some(consumer);
                ConsumerNumber(number)
            }
            None => {
                self.entries.push(Some(consumer));
                ConsumerNumber(self.entries.len() as u32 - 1)
            }
        }
    }

    /// The one with this number.
    #[inline]
    pub fn get(&self, number: ConsumerNumber) -> Option<&Consumer> {
        self.entries.get(number.0 as usize)?.as_ref()
    }

    /// The one with this number, to change it.
    #[inline]
    pub fn get_mut(&mut self, number: ConsumerNumber) -> Option<&mut Consumer> {
        self.entries.get_mut(number.0 as usize)?.as_mut()
    }

    /// Removes one that neither consumes nor has anything unacked; leaves others alone.
    pub fn remove_if_done(&mut self, number: ConsumerNumber) {
        let done = |consumer: &Consumer| !consumer.live && consumer.unacked == 0;
        if self.get(number).is_some_and(done) {
            self.entries[number.0 as usize] = None;
            self.free.push(number.0);
        }
    }

    /// The numbers of all on `channel`.
    pub fn of_channel(&self, channel: u16) -> Vec<ConsumerNumber> {
        self.iter()
            .filter(|(_, consumer)| consumer.channel == channel)
            .map(|(number, _)| number)
            .collect()
    }

    /// How many consume on `channel`.
    pub fn count_live(&self, channel: u16) -> usize {
        let live = |consumer: &Consumer| consumer.live && consumer.channel == channel;
        self.iter().filter(|(_, consumer)| live(consumer)).count()
    }

    /// The live consumer with this tag on `channel`.
    pub fn find(&self, channel: u16, tag: &str) -> Option<ConsumerNumber> {
        let wanted = |consumer: &Consumer| {
            consumer.live
                && consumer.channel == channel
                && consumer.tag.get(1..) == Some(tag.as_bytes())
        };
        self.iter()
            .find(|(_, consumer)| wanted(consumer))
            .map(|(number, _)| number)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (ConsumerNumber, &Consumer)> {
        let numbered = self.entries.iter().enumerate();
        numbered.filter_map(|(number, consumer)| {
            Some((ConsumerNumber(number as u32), consumer.as_ref()?))
        })
    }
}
