//! An exchange that drops what publishers repeat, before it routes.
//!
//! A value is remembered when its message comes, and forgotten again if a queue refuses that: then the publisher is
//! told, and may send it again. Who repeats it in between is told the same, once that is known.

use parking_lot::Mutex;

use super::{Deduplicator, Novelty, Owner, Slot, SlotChanges};
use crate::clock::Timestamp;
use crate::dedup::value::Value;
use crate::message::Message;
use crate::queue::options::Deduplication;

/// The values that an exchange has seen lately.
#[derive(Debug)]
pub struct ExchangeWindow {
    /// Set when a restart knows them.
    owner: Option<Owner>,
    deduplicator: Mutex<Deduplicator>,
}

/// A run of messages without those that were repeated.
#[derive(Debug, Default)]
pub struct Sifted {
    /// The place in the run of each message that passed, and what is remembered of it.
    passed: Vec<(usize, Option<Remembered>)>,
    /// The places of those that did not, and their values.
    repeated: Vec<(usize, Value)>,
}

#[derive(Debug, Clone, Copy)]
struct Remembered {
    value: Value,
    /// What a restart is to know.
    slot: Option<Slot>,
}

impl ExchangeWindow {
    /// One that has seen nothing.
    pub fn new(asked: &Deduplication, owner: Option<Owner>) -> Self {
        Self {
            owner,
            deduplicator: Mutex::new(Deduplicator::new(asked)),
        }
    }

    /// One that goes on where the log has it; gives what the log is to be told.
    pub fn recovered(asked: &Deduplication, owner: Owner, slots: Vec<Slot>) -> (Self, SlotChanges) {
        let (deduplicator, changes) = Deduplicator::recovered(asked, slots);
        let window = Self {
            owner: Some(owner),
            deduplicator: Mutex::new(deduplicator),
        };
        (window, changes)
    }

    /// Whose its slots are in the log.
    pub fn owner(&self) -> Option<Owner> {
        self.owner
    }

    /// Duplicates dropped since the start.
    pub fn duplicates(&self) -> u64 {
        self.deduplicator.lock().duplicates()
    }

    /// Takes what is repeated out of a run.
    pub fn sift(&self, messages: &mut Vec<Message>, now: Timestamp) -> Sifted {
        let mut deduplicator = self.deduplicator.lock();
        let mut sifted = Sifted::default();
        let mut place = 0..;
        messages.retain(|message| {
            let index = place.next().unwrap_or_default();
            let remembered = match deduplicator.look(message, now) {
                Novelty::Known(value) => {
                    deduplicator.count_duplicate();
                    sifted.repeated.push((index, value));
                    return false;
                }
                Novelty::New(value, expires_at) => {
                    let slot = deduplicator.remember(value, expires_at, now);
                    let kept = message.is_persistent() && self.owner.is_some();
                    let slot = kept.then_some(slot);
                    Some(Remembered { value, slot })
                }
                Novelty::NoValue => None,
            };
            sifted.passed.push((index, remembered));
            true
        });
        sifted
    }

    /// What passed has reached its queues; `refused`: which of those did not, ascending. Counts these by their
    /// places in the run from here on, and gives what the log is to remember of the others.
    pub fn settle(&self, sifted: &Sifted, refused: &mut [usize]) -> SlotChanges {
        let mut deduplicator = self.deduplicator.lock();
        let mut changes = SlotChanges::default();
        for (number, (_, remembered)) in sifted.passed.iter().enumerate() {
            let Some(remembered) = remembered else {
                continue;
            };
            match refused.binary_search(&number) {
                Ok(_) => deduplicator.forget(remembered.value),
                Err(_) => changes.put.extend(remembered.slot),
            }
        }
        for refused in refused {
            *refused = sifted.passed[*refused].0;
        }
        changes
    }

    /// Everybody's originals have reached their queues: what was a duplicate of a refused one is refused.
    pub fn refuse_orphans(&self, sifted: &Sifted, refused: &mut Vec<usize>, now: Timestamp) {
        let mut deduplicator = self.deduplicator.lock();
        let orphans = sifted.repeated.iter();
        let orphans = orphans.filter(|(_, value)| !deduplicator.knows(*value, now));
        refused.extend(orphans.map(|(place, _)| *place));
        refused.sort_unstable();
    }

    /// The exchange is gone: what the log has of it is to go.
    pub fn places(&self) -> SlotChanges {
        SlotChanges {
            removed: self.deduplicator.lock().places().collect(),
            put: Vec::new(),
        }
    }
}

impl Sifted {
    /// Was anything repeated?
    pub fn has_repeated(&self) -> bool {
        !self.repeated.is_empty()
    }
}
