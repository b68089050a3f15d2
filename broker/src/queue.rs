//! The queue as a state machine: messages in order, consumers with credit, and what happens
//! between them. It has never heard of frames or channels; it reads no clock and does no I/O.
//!
//! ```text
//!  publish ──▶ ready ──▶ handed over ──▶ settled        (no-ack: settled at once)
//!                ▲            │
//!                └─ requeue ◀─┘  at the original position
//! ```
//!
//! A handed-over message is held by the consumer's channel; the queue counts it. What must happen
//! outside comes out as [`Effects`].

mod argument_rules;
pub mod arguments;
pub mod consumer_arguments;
pub mod consumers;
pub mod equivalence;
pub mod ready;
pub mod shared;

use crate::message::Message;
use crate::queue::consumers::{Consumers, Port, Slot, Subscription};
use crate::queue::ready::{Entry, Ready};

pub use ferrymq_store::Sequence;

/// A message on its way to a consumer.
#[derive(Debug)]
pub struct Delivery {
    /// The consumer, in its queue's table.
    pub slot: Slot,
    /// The message at its place.
    pub entry: Entry,
}

/// What must happen after a command, in the order in which it must happen.
#[derive(Default)]
pub struct Effects {
    /// Hand these to their consumers.
    pub deliveries: Vec<Delivery>,
    /// These persistent messages are settled: remove them from the log.
    pub removed: Vec<Sequence>,
    /// The last consumer of an auto-delete queue went: delete it.
    pub delete: bool,
}

/// What became of a published message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// Its place in the queue.
    pub sequence: Sequence,
    /// It was handed to a consumer that does not ack: there is nothing left to keep.
    pub settled: bool,
}

/// A handed-over message that its consumer is done with.
#[derive(Debug, Clone, Copy)]
pub struct Settled {
    /// Its place in the queue.
    pub sequence: Sequence,
    /// It may stand in the log.
    pub persistent: bool,
}

/// Why a consumer was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// An exclusive consumer is there, or others are and this one wants to be exclusive.
    ExclusiveUse,
}

/// Counts that `queue.declare-ok` and the statistics show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Messages that wait.
    pub ready: usize,
    /// Messages handed over and not settled.
    pub unacked: usize,
    /// Consumers.
    pub consumers: usize,
    /// Bytes of the bodies that wait.
    pub ready_bytes: u64,
}

/// How a queue treats its consumers and itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
    /// Persistent messages stand in the log.
    pub durable: bool,
    /// Deleted when its last consumer goes.
    pub auto_delete: bool,
    /// Only one consumer is served at a time.
    pub single_active_consumer: bool,
}

/// One queue.
pub struct Queue {
    settings: Settings,
    ready: Ready,
    unacked: usize,
    consumers: Consumers,
    next_sequence: Sequence,
    /// Invariant: a deleted queue holds nothing and takes nothing.
    deleted: bool,
}

impl Queue {
    /// An empty queue whose first message gets `next_sequence`.
    pub fn new(settings: Settings, next_sequence: Sequence) -> Self {
        Self {
            settings,
            ready: Ready::default(),
            unacked: 0,
            consumers: Consumers::new(settings.single_active_consumer),
            next_sequence,
            deleted: false,
        }
    }

    /// Puts a message back that the log held at start. Called in ascending order, before anything
    /// else happens to the queue.
    pub fn recover(&mut self, entry: Entry) {
        debug_assert!(entry.sequence < self.next_sequence);
        self.ready.push(entry);
    }

    /// What it counts now.
    pub fn counts(&self) -> Counts {
        Counts {
            ready: self.ready.len(),
            unacked: self.unacked,
            consumers: self.consumers.len(),
            ready_bytes: self.ready.body_bytes(),
        }
    }

    /// Was it deleted? Commands on it do nothing then.
    pub fn is_deleted(&self) -> bool {
        self.deleted
    }

    /// Accepts `message`: hands it to a consumer that can take it now, or appends it.
    ///
    /// `None`: the queue was deleted meanwhile, and the message counts as settled.
    pub fn publish(&mut self, message: Message, effects: &mut Effects) -> Option<Accepted> {
        if self.deleted {
            return None;
        }
        let sequence = self.next_sequence;
        self.next_sequence = Sequence(sequence.0 + 1);
        let entry = Entry {
            sequence,
            returns: 0,
            message,
        };
        let mut settled = false;
        match self.next_consumer(&entry.message) {
            Some(slot) => {
                settled = self.hand_over(slot, entry, effects);
            }
            None => self.ready.push(entry),
        }
        Some(Accepted { sequence, settled })
    }

    /// Takes the next message for `basic.get`, and tells how many are left.
    ///
    /// With `no_ack` it counts as settled.
    pub fn get(&mut self, no_ack: bool, effects: &mut Effects) -> Option<(Entry, usize)> {
        let entry = self.ready.pop()?;
        if no_ack {
            self.note_removed(entry.sequence, entry.message.is_persistent(), effects);
        } else {
            self.unacked += 1;
        }
        Some((entry, self.ready.len()))
    }

    /// Adds a consumer and serves it what it can take.
    ///
    /// # Errors
    /// When it or another consumer demands to be alone.
    pub fn subscribe(
        &mut self,
        subscription: Subscription,
        effects: &mut Effects,
    ) -> Result<Slot, Refused> {
        let conflict = subscription.exclusive
            && (!self.consumers.is_empty() || self.consumers.is_single_active());
        if conflict || self.consumers.is_exclusive() {
            return Err(Refused::ExclusiveUse);
        }
        let slot = self.consumers.add(subscription);
        self.serve(effects);
        Ok(slot)
    }

    /// Removes a consumer. `returned` come back before anybody else is served; whatever else it
    /// was handed stays with its channel, unacked.
    pub fn unsubscribe(
        &mut self,
        slot: Slot,
        returned: impl ExactSizeIterator<Item = Entry>,
        effects: &mut Effects,
    ) {
        if self.deleted {
            return;
        }
        self.put_back(returned);
        self.consumers.remove(slot);
        effects.delete = self.settings.auto_delete && self.consumers.is_empty();
        self.serve(effects);
    }

    /// Hands nothing more to the consumer; it is about to be removed.
    pub fn pause(&mut self, slot: Slot) {
        if !self.deleted {
            self.consumers.pause(slot);
        }
    }

    /// The consumer has room or credit again.
    pub fn resume(&mut self, slot: Slot, effects: &mut Effects) {
        self.consumers.resume(slot);
        self.serve(effects);
    }

    /// Deliveries are done with: acked, or rejected for good. `slot` is the consumer that held
    /// them, if it is still one.
    pub fn settle(&mut self, slot: Option<Slot>, settled: &[Settled], effects: &mut Effects) {
        if self.deleted {
            return;
        }
        self.unacked -= settled.len();
        for delivery in settled {
            self.note_removed(delivery.sequence, delivery.persistent, effects);
        }
        self.credit(slot, settled.len(), effects);
    }

    /// Deliveries come back to their original positions. `slot` as in [`Queue::settle`].
    pub fn requeue(
        &mut self,
        slot: Option<Slot>,
        entries: impl ExactSizeIterator<Item = Entry>,
        effects: &mut Effects,
    ) {
        if self.deleted {
            return;
        }
        let count = entries.len();
        self.put_back(entries);
        self.credit(slot, count, effects);
    }

    /// Drops all ready messages; gives their number. Unacked ones stay.
    pub fn purge(&mut self, effects: &mut Effects) -> usize {
        let purged = self.ready.drain();
        for entry in &purged {
            self.note_removed(entry.sequence, entry.message.is_persistent(), effects);
        }
        purged.len()
    }

    /// Ends the queue: drops everything, gives the consumers that must be told.
    pub fn delete(&mut self) -> Vec<Port> {
        self.deleted = true;
        self.unacked = 0;
        self.ready.drain();
        self.consumers.drain()
    }

    /// Where the deliveries of the consumer in `slot` go.
    pub fn port(&self, slot: Slot) -> &Port {
        self.consumers.port(slot).0
    }

    /// The ready messages that were handed out before, for the store to remember at a clean stop.
    pub fn returned(&self) -> Vec<(Sequence, Sequence)> {
        let persistent = |entry: &&Entry| entry.returns > 0 && entry.message.is_persistent();
        self.ready
            .iter()
            .filter(persistent)
            .map(|entry| (entry.sequence, entry.sequence))
            .collect()
    }

    /// Hands out ready messages while somebody can take them.
    fn serve(&mut self, effects: &mut Effects) {
        while let Some(front) = self.ready.front() {
            let Some(slot) = self.consumers.next(&front.message) else {
                return;
            };
            let entry = self.ready.pop().expect("the front was there");
            let (sequence, persistent) = (entry.sequence, entry.message.is_persistent());
            if self.hand_over(slot, entry, effects) {
                self.note_removed(sequence, persistent, effects);
            }
        }
    }

    fn put_back(&mut self, entries: impl ExactSizeIterator<Item = Entry>) {
        self.unacked -= entries.len();
        for mut entry in entries {
            entry.returns = entry.returns.saturating_add(1);
            self.ready.put_back(entry);
        }
    }

    /// A consumer for a message that just came. Order: what waits goes first.
    fn next_consumer(&mut self, message: &Message) -> Option<Slot> {
        if !self.ready.is_empty() {
            return None;
        }
        self.consumers.next(message)
    }

    /// Tells whether the message is settled by being sent.
    fn hand_over(&mut self, slot: Slot, entry: Entry, effects: &mut Effects) -> bool {
        let (_, no_ack) = self.consumers.port(slot);
        if !no_ack {
            self.unacked += 1;
        }
        effects.deliveries.push(Delivery { slot, entry });
        no_ack
    }

    fn credit(&mut self, slot: Option<Slot>, deliveries: usize, effects: &mut Effects) {
        if let Some(slot) = slot {
            self.consumers.restore_credit(slot, deliveries as u32);
        }
        self.serve(effects);
    }

    fn note_removed(&self, sequence: Sequence, persistent: bool, effects: &mut Effects) {
        if persistent && self.settings.durable {
            effects.removed.push(sequence);
        }
    }
}

#[cfg(test)]
mod tests;
