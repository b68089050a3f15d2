//! What must happen outside of a queue after a command on it.

use std::collections::BTreeSet;

use ferrymq_routing::QueueName;

use ferrymq_store::Attributes;

use crate::clock::Timestamp;
use crate::dead_letter::DeadLetterReason;
use crate::dedup::SlotChanges;
use crate::message::Message;
use crate::queue::Sequence;
use crate::queue::consumers::Slot;
use crate::queue::entry::{Entry, Logged, OnDisk, Taken};
use crate::queue::paged::{self, Paged, Ranges};

/// A message on its way to a consumer.
#[derive(Debug)]
pub struct Delivery {
    /// The consumer, in its queue's table.
    pub slot: Slot,
    /// The message at its place.
    pub entry: Entry,
}

/// A message that a queue gives up on, on its way to the dead-letter exchange.
#[derive(Debug)]
pub struct Dead {
    /// Its place, which it keeps until it has arrived elsewhere: then the queue wants to hear
    /// [`Queue::forwarded`](super::Queue::forwarded). `None`: it was refused, and never had one.
    pub place: Option<(Sequence, Logged)>,
    /// Why.
    pub reason: DeadLetterReason,
    /// When.
    pub died_at: Timestamp,
    /// The message; `None`: it is on disk only.
    pub message: Option<Message>,
    /// Where an earlier attempt got it.
    pub arrived: Arrived,
}

/// The queues in which a dead letter is while others still refuse it.
pub type Arrived = Option<Box<BTreeSet<QueueName>>>;

/// What must happen after a command, in the order in which it must happen.
#[derive(Default)]
pub struct Effects {
    /// When the command is carried out: set by whoever gives it.
    pub now: Timestamp,
    /// What is published comes from a publisher, who holds the [gate](crate::dedup::Gate): what repeats a
    /// value is dropped.
    pub deduplicate: bool,
    /// How many messages were dropped as duplicates.
    pub duplicates: usize,
    /// What the log is to remember of published values.
    pub slots: SlotChanges,
    /// What a restart must know of the message that was just published, beside its bytes. Out here so that
    /// the many that have nothing to note don't carry it.
    pub noted: Attributes,
    /// Hand these to their consumers.
    pub deliveries: Vec<Delivery>,
    /// Messages to be dead-lettered, in order.
    pub dead: Vec<Dead>,
    /// These left the waiting ones unread: their size is to be looked up, and told to the queue with
    /// [`Queue::forget_bytes`](super::Queue::forget_bytes).
    pub unread: Vec<OnDisk>,
    /// These delayed messages became ready unread: likewise [`Queue::move_bytes`](super::Queue::move_bytes).
    pub moved: Vec<OnDisk>,
    /// These messages are settled: remove them from the log,
    pub removed: Ranges,
    /// and these from what a restart forgets anyway.
    pub removed_volatile: Ranges,
    /// These were on disk only, and are settled.
    pub purged: Vec<Paged>,
    /// Read on: see [`Queue::begin_load`](super::Queue::begin_load).
    pub load: bool,
    /// The queue is to be deleted: its last consumer went, or it was unused for too long.
    pub delete: bool,
}

impl Effects {
    /// Has anything left or become ready unread that nobody has counted yet?
    pub fn has_unsized(&self) -> bool {
        !self.unread.is_empty() || !self.moved.is_empty()
    }

    /// Notes that a message is settled.
    pub fn remove(&mut self, sequence: Sequence, logged: Logged) {
        match logged {
            Logged::No => {}
            Logged::Durable => paged::push(&mut self.removed, sequence),
            Logged::Volatile => paged::push(&mut self.removed_volatile, sequence),
        }
    }

    /// Notes that a message goes to the dead-letter exchange.
    pub fn dead_letter(&mut self, taken: Taken, reason: DeadLetterReason) {
        let (place, message) = match taken {
            Taken::Entry(entry) => ((entry.sequence, entry.logged()), Some(entry.message)),
            Taken::OnDisk(place) => ((place.sequence, place.logged), None),
        };
        self.dead.push(Dead {
            place: Some(place),
            reason,
            died_at: self.now,
            message,
            arrived: None,
        });
    }
}
