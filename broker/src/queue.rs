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
pub mod options;
pub mod paged;
pub mod ready;
pub mod schedule;
pub mod shared;

use crate::message::Message;
use crate::queue::consumers::{Consumers, Port, Slot, Subscription};
use crate::queue::paged::{Paged, Ranges};
use crate::queue::ready::{Candidates, Entry, Logged, Ready};

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
    /// These messages are settled: remove them from the log,
    pub removed: Ranges,
    /// and these from what a restart forgets anyway.
    pub removed_volatile: Ranges,
    /// These were on disk only, and are settled.
    pub purged: Option<Paged>,
    /// Read on: see [`Queue::begin_load`].
    pub load: bool,
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

/// What `basic.get` finds.
#[derive(Debug)]
pub enum Got {
    /// A message, and how many are left.
    Message(Entry, usize),
    /// The queue is empty.
    Empty,
    /// The next message has to be read first.
    OnDisk,
}

/// A handed-over message that its consumer is done with.
#[derive(Debug, Clone, Copy)]
pub struct Settled {
    /// Its place in the queue.
    pub sequence: Sequence,
    /// Where it stands in the log.
    pub logged: Logged,
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

    /// A queue with the messages that the log held at start.
    pub fn recovered(settings: Settings, next_sequence: Sequence, ready: Ready) -> Self {
        Self {
            ready,
            ..Self::new(settings, next_sequence)
        }
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
        let logged = match message.is_persistent() && self.settings.durable {
            true => Logged::Durable,
            false => Logged::No,
        };
        let entry = Entry {
            sequence,
            returns: 0,
            logged,
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
    pub fn get(&mut self, no_ack: bool, effects: &mut Effects) -> Got {
        let Some(entry) = self.ready.pop() else {
            return match self.ready.is_empty() {
                true => Got::Empty,
                false => Got::OnDisk,
            };
        };
        if no_ack {
            note_removed(entry.sequence, entry.logged, effects);
        } else {
            self.unacked += 1;
        }
        effects.load |= self.ready.request_load();
        Got::Message(entry, self.ready.len())
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

    /// Removes a consumer. What it was handed stays with its channel, unacked.
    pub fn unsubscribe(&mut self, slot: Slot, effects: &mut Effects) {
        if self.deleted {
            return;
        }
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
            note_removed(delivery.sequence, delivery.logged, effects);
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
        let count = self.ready.len();
        let (entries, paged) = self.ready.drain();
        for entry in &entries {
            note_removed(entry.sequence, entry.logged, effects);
        }
        effects.purged = paged;
        count
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
    pub fn returned(&self) -> Ranges {
        let mut ranges = self.ready.returned_on_disk();
        let durable = |entry: &&Entry| entry.returns > 0 && entry.logged == Logged::Durable;
        for entry in self.ready.resident().filter(durable) {
            paged::push(&mut ranges, entry.sequence);
        }
        ranges
    }

    /// Bytes of memory that the ready messages hold, about.
    pub fn resident_bytes(&self) -> u64 {
        self.ready.resident_bytes()
    }

    /// How many ready messages are on disk only.
    pub fn paged(&self) -> usize {
        self.ready.paged()
    }

    /// Is somebody reading messages back?
    pub fn is_loading(&self) -> bool {
        self.ready.is_loading()
    }

    /// What is to be read back next, some `max_bytes` of it, if it is time and nobody does it already.
    /// [`Queue::finish_load`] or [`Queue::abandon_load`] must follow.
    pub fn begin_load(&mut self, max_bytes: u64) -> Option<Vec<(Sequence, Logged)>> {
        self.ready.begin_load(max_bytes)
    }

    /// What was asked for has been read; `found` of it, ascending. The others can't be read and are
    /// settled. Gives their number.
    pub fn finish_load(
        &mut self,
        asked: &[(Sequence, Logged)],
        found: Vec<(Sequence, Message)>,
        effects: &mut Effects,
    ) -> usize {
        let lost = self.ready.finish_load(asked, found);
        for &(sequence, logged) in &lost {
            note_removed(sequence, logged, effects);
        }
        self.serve(effects);
        lost.len()
    }

    /// What was asked for could not be read now.
    pub fn abandon_load(&mut self) {
        self.ready.abandon_load();
    }

    /// Is it time for some messages to leave memory? Asks once until [`Queue::end_page_out`].
    pub fn request_page_out(&mut self) -> bool {
        self.ready.request_page_out()
    }

    /// See [`Ready::page_out_candidates`].
    pub fn page_out_candidates(&mut self, keep_bytes: u64, all: bool) -> Candidates {
        self.ready.page_out_candidates(keep_bytes, all)
    }

    /// See [`Ready::page_out`].
    pub fn page_out(&mut self, stored: &[Sequence], keep_bytes: u64) -> Vec<Entry> {
        self.ready.page_out(stored, keep_bytes)
    }

    /// See [`Ready::end_page_out`].
    pub fn end_page_out(&mut self, gone_bytes: u64) {
        self.ready.end_page_out(gone_bytes);
    }

    /// Hands out ready messages while somebody can take them, and has more read ahead of them.
    fn serve(&mut self, effects: &mut Effects) {
        while let Some(front) = self.ready.front() {
            let Some(slot) = self.consumers.next(&front.message) else {
                break;
            };
            let entry = self.ready.pop().expect("the front was there");
            let (sequence, logged) = (entry.sequence, entry.logged);
            if self.hand_over(slot, entry, effects) {
                note_removed(sequence, logged, effects);
            }
        }
        effects.load |= !self.consumers.is_empty() && self.ready.request_load();
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
}

fn note_removed(sequence: Sequence, logged: Logged, effects: &mut Effects) {
    match logged {
        Logged::No => {}
        Logged::Durable => paged::push(&mut effects.removed, sequence),
        Logged::Volatile => paged::push(&mut effects.removed_volatile, sequence),
    }
}

#[cfg(test)]
mod tests;
