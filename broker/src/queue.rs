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

pub(crate) mod argument_rules;
pub mod arguments;
pub mod consumer_arguments;
pub mod consumers;
mod deduplicate;
pub mod delayed;
mod effects;
pub mod entry;
pub mod equivalence;
mod expiry;
mod held;
mod limits;
pub mod options;
pub mod paged;

mod publish;
pub mod ready;
pub mod retry;
mod returns;
pub mod scan;
pub mod schedule;
mod sections;
pub mod settings;
pub mod shared;
mod throttle;
pub mod timeouts;
mod transfer;
pub mod waiting;

use crate::clock::Timestamp;
use crate::dedup::Deduplicator;
use crate::queue::consumers::{Consumers, Port, Slot, Subscribed, Subscription};
use crate::queue::delayed::drop_all;
use crate::queue::entry::{Entry, Logged};
use crate::queue::held::Held;
use crate::queue::paged::Ranges;
use crate::queue::ready::Found;
use crate::queue::settings::{Features, Settings};
use crate::queue::throttle::Throttle;
use crate::queue::timeouts::{MESSAGES_AT_ONCE, Recovered, Timed};
use crate::queue::waiting::{Load, Waiting};
use crate::stats::{Activity, Kind};

pub use crate::dead_letter::DeadLetterReason;
pub use effects::{Arrived, Dead, Delivery, Effects};
pub use ferrymq_store::Sequence;
pub use held::Kept;
pub use publish::{Accepted, Outcome};
pub use returns::Return;

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
    /// Bytes of its body.
    pub body_bytes: u32,
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
    /// Messages that will be ready later.
    pub delayed: usize,
    /// Messages handed over and not settled.
    pub unacked: usize,
    /// Messages on their way to the dead-letter exchange.
    pub dead_lettering: usize,
    /// Messages that died and stay until they have arrived elsewhere,
    pub held: usize,
    /// and the bytes of their bodies.
    pub held_bytes: u64,
    /// Messages dropped since the start because they repeated a value.
    pub duplicates: u64,
    /// Consumers.
    pub consumers: usize,
    /// Bytes of the bodies that wait,
    pub ready_bytes: u64,
    /// and of those that were handed over and are not settled.
    pub unacked_bytes: u64,
}

/// One queue.
pub struct Queue {
    settings: Settings,
    waiting: Waiting,
    unacked: usize,
    unacked_bytes: u64,
    /// What has happened in it since the start.
    activity: Activity,
    /// Messages that wait no more, and are to arrive elsewhere before they are settled.
    dead_lettering: usize,
    /// Messages that died and stay until they have arrived elsewhere.
    held: Option<Box<Held>>,
    consumers: Consumers,
    next_sequence: Sequence,
    deduplicator: Option<Box<Deduplicator>>,
    timed: Option<Box<Timed>>,
    throttle: Option<Box<Throttle>>,
    /// Without consumers it goes then, if it is to go at all.
    unused_until: Timestamp,
    /// Invariant: a deleted queue holds nothing and takes nothing.
    deleted: bool,
}

impl Queue {
    /// An empty queue whose first message gets `next_sequence`.
    pub fn new(settings: Settings, next_sequence: Sequence) -> Self {
        let mut queue = Self {
            consumers: Consumers::new(settings.single_active_consumer),
            settings,
            waiting: Waiting::default(),
            unacked: 0,
            unacked_bytes: 0,
            activity: Activity::default(),
            dead_lettering: 0,
            held: None,
            next_sequence,
            deduplicator: None,
            timed: None,
            throttle: None,
            unused_until: Timestamp::NEVER,
            deleted: false,
        };
        queue.configure_rate(Timestamp::from_millis(0));
        queue
    }

    /// A queue with the messages that the log held at start.
    pub fn recovered(settings: Settings, next_sequence: Sequence, messages: Recovered) -> Self {
        let (waiting, timed) = messages.split();
        Self {
            waiting,
            timed,
            ..Self::new(settings, next_sequence)
        }
    }

    /// What it counts now.
    pub fn counts(&self) -> Counts {
        let (held, held_bytes) = self.held();
        Counts {
            ready: self.waiting.len(),
            delayed: self.delayed_len(),
            unacked: self.unacked,
            dead_lettering: self.dead_lettering,
            held,
            held_bytes,
            duplicates: self.duplicates(),
            consumers: self.consumers.len(),
            ready_bytes: self.waiting.body_bytes(),
            unacked_bytes: self.unacked_bytes,
        }
    }

    /// What has happened in it since the start.
    pub fn activity(&self) -> &Activity {
        &self.activity
    }

    /// Its consumers as others see them, oldest first.
    pub fn consumers(&self) -> Vec<Subscribed> {
        self.consumers.entries()
    }

    /// Could a message be handed out at once?
    pub fn is_ready_to_deliver(&self) -> bool {
        self.waiting.is_empty() && self.consumers.has_room()
    }

    /// The message that is next, if it is in memory.
    pub fn front(&self) -> Option<&Entry> {
        self.waiting.front()
    }

    /// The place that the next message gets.
    pub fn next_sequence(&self) -> Sequence {
        self.next_sequence
    }

    /// Was it deleted? Commands on it do nothing then.
    pub fn is_deleted(&self) -> bool {
        self.deleted
    }

    /// What it obeys now.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// From now on it obeys `settings`, which may differ in their features. Tells whether there are
    /// messages left to drop: see [`Queue::enforce_limits_some`].
    pub fn configure(&mut self, settings: Settings, effects: &mut Effects) -> bool {
        let before = std::mem::replace(&mut self.settings, settings);
        self.configure_deduplication(effects);
        if !self.settings.holds_dead() {
            self.drop_held(effects);
        }
        self.configure_rate(effects.now);
        if before.expires() != self.settings.expires() {
            self.renew(effects.now);
        }
        let more = self.enforce_limits_some(MESSAGES_AT_ONCE, effects);
        self.serve(effects);
        more
    }

    /// Takes the next message for `basic.get`, and tells how many are left.
    ///
    /// With `no_ack` it counts as settled. A queue that may hand out nothing now seems empty.
    pub fn get(&mut self, no_ack: bool, effects: &mut Effects) -> Got {
        self.renew(effects.now);
        let now = effects.now;
        let expired = |front: &Entry| front.expires_at <= now;
        while self.waiting.front().is_some_and(expired) {
            self.expire_front(effects);
        }
        if self.is_held_back(now) {
            return Got::Empty;
        }
        let Some(entry) = self.waiting.pop() else {
            self.activity[Kind::GetEmpty] += u64::from(self.waiting.is_empty());
            return match self.waiting.is_empty() {
                true => Got::Empty,
                false => Got::OnDisk,
            };
        };
        self.note_handed_out();
        self.count_sent([Kind::Get, Kind::GetNoAck], &entry, no_ack);
        if no_ack {
            effects.remove(entry.sequence, entry.logged());
        }
        effects.load |= self.waiting.request_load();
        Got::Message(entry, self.waiting.len())
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
        self.renew(effects.now);
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

    /// The consumer may hold more unacked deliveries, or fewer: then it gets none before enough are settled.
    pub fn set_prefetch(&mut self, slot: Slot, prefetch: u16, effects: &mut Effects) {
        self.consumers.set_prefetch(slot, prefetch);
        self.serve(effects);
    }

    /// Deliveries are acked. `slot` is the consumer that held them, if it is still one.
    pub fn settle(&mut self, slot: Option<Slot>, settled: &[Settled], effects: &mut Effects) {
        if self.deleted {
            return;
        }
        self.unacked -= settled.len();
        self.activity[Kind::Ack] += settled.len() as u64;
        for delivery in settled {
            self.unacked_bytes -= u64::from(delivery.body_bytes);
            effects.remove(delivery.sequence, delivery.logged);
        }
        self.credit(slot, settled.len(), effects);
    }

    /// Drops all messages that wait, delayed ones too, and gives their number; also the dead that it holds.
    /// Unacked ones stay.
    pub fn purge(&mut self, effects: &mut Effects) -> usize {
        let count = self.waiting.len() + self.cancel_all_delayed(effects);
        drop_all(std::mem::take(&mut self.waiting), effects);
        self.drop_held(effects);
        self.timed = None;
        count
    }

    /// Ends the queue: drops everything, gives the consumers that must be told.
    pub fn delete(&mut self) -> Vec<Port> {
        self.deleted = true;
        self.unacked = 0;
        self.unacked_bytes = 0;
        self.dead_lettering = 0;
        self.held = None;
        self.waiting.drain();
        self.timed = None;
        self.consumers.drain()
    }

    /// Where all its consumers are reached.
    pub fn ports(&self) -> Vec<Port> {
        self.consumers.ports().cloned().collect()
    }

    /// Where the deliveries of the consumer in `slot` go.
    pub fn port(&self, slot: Slot) -> &Port {
        self.consumers.port(slot).0
    }

    /// The messages that wait and were handed out before, for the store to remember at a clean stop.
    pub fn returned(&self) -> Ranges {
        let mut ranges = Ranges::new();
        let durable = |entry: &&Entry| entry.returns() > 0 && entry.logged() == Logged::Durable;
        for waiting in self.all_waiting() {
            ranges.extend(waiting.returned_on_disk());
            for entry in waiting.resident().filter(durable) {
                paged::push(&mut ranges, entry.sequence);
            }
        }
        ranges
    }

    /// Bytes of memory that the messages hold which wait, about.
    #[inline]
    pub fn resident_bytes(&self) -> u64 {
        let delayed = self.timed.as_ref();
        let delayed = delayed.map_or(0, |timed| timed.delayed.held.resident_bytes());
        self.waiting.resident_bytes() + delayed
    }

    /// How many messages are on disk only.
    pub fn paged(&self) -> usize {
        self.all_waiting().map(Waiting::paged).sum()
    }

    /// The ready ones, and the delayed ones.
    fn all_waiting(&self) -> impl Iterator<Item = &Waiting> {
        let delayed = self.timed.iter().map(|timed| &timed.delayed.held);
        std::iter::once(&self.waiting).chain(delayed)
    }

    /// Is somebody reading messages back?
    pub fn is_loading(&self) -> bool {
        self.waiting.is_loading()
    }

    /// What is to be read back next, some `max_bytes` of it, if it is time and nobody does it already.
    /// [`Queue::finish_load`] or [`Queue::abandon_load`] must follow.
    pub fn begin_load(&mut self, max_bytes: u64) -> Option<Load> {
        self.waiting.begin_load(max_bytes)
    }

    /// What was asked for has been read; `found` of it, ascending. The others can't be read and are
    /// settled. Gives their number.
    pub fn finish_load(&mut self, asked: &Load, found: Vec<Found>, effects: &mut Effects) -> usize {
        let lost = self.waiting.finish_load(asked, found);
        for &(sequence, logged) in &lost {
            effects.remove(sequence, logged);
        }
        self.serve(effects);
        self.enforce_limits(effects);
        lost.len()
    }

    /// What was asked for could not be read now.
    pub fn abandon_load(&mut self, asked: &Load) {
        self.waiting.abandon_load(asked);
    }

    /// Messages that were [dead-lettered](Effects::dead) have arrived, or are given up.
    pub fn forwarded(&mut self, count: usize) {
        self.dead_lettering = self.dead_lettering.saturating_sub(count);
    }

    /// How many messages wait at each priority that has any.
    pub fn by_priority(&self) -> std::collections::BTreeMap<u8, usize> {
        self.waiting.by_priority()
    }

    /// Hands out ready messages while somebody can take them, and has more read ahead of them.
    fn serve(&mut self, effects: &mut Effects) {
        if self.consumers.is_empty() {
            return;
        }
        self.begin_serving();
        let mut expired = 0;
        while let Some(front) = self.waiting.front() {
            if front.expires_at <= effects.now {
                // More than that is left to the timer.
                if expired == MESSAGES_AT_ONCE {
                    break;
                }
                expired += 1;
                self.expire_front(effects);
                continue;
            }
            if let Some(throttle) = &mut self.throttle
                && throttle.holds_back(effects.now)
            {
                break;
            }
            let Some(slot) = self.consumers.next(&front.message) else {
                break;
            };
            let entry = self.waiting.pop().expect("the front was there");
            let (sequence, logged) = (entry.sequence, entry.logged());
            if self.hand_over(slot, entry, effects) {
                effects.remove(sequence, logged);
            }
        }
        effects.load |= self.waiting.request_load();
    }

    /// Tells whether the message is settled by being sent.
    fn hand_over(&mut self, slot: Slot, entry: Entry, effects: &mut Effects) -> bool {
        let (_, no_ack) = self.consumers.port(slot);
        self.count_sent([Kind::Deliver, Kind::DeliverNoAck], &entry, no_ack);
        self.note_handed_out();
        effects.deliveries.push(Delivery { slot, entry });
        no_ack
    }

    /// Counts a message that leaves for a client; `kinds`: to be acked, or not.
    #[inline]
    fn count_sent(&mut self, kinds: [Kind; 2], entry: &Entry, no_ack: bool) {
        self.activity[kinds[usize::from(no_ack)]] += 1;
        self.activity[Kind::Redeliver] += u64::from(entry.returns() > 0);
        if !no_ack {
            self.unacked += 1;
            self.unacked_bytes += entry.message.body_len();
        }
    }

    fn credit(&mut self, slot: Option<Slot>, deliveries: usize, effects: &mut Effects) {
        if let Some(slot) = slot {
            self.consumers.restore_credit(slot, deliveries as u32);
        }
        self.serve(effects);
    }
}

#[cfg(test)]
mod tests;
