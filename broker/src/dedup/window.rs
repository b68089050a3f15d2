//! The latest values, oldest first, and an index of them. Some 35 bytes per value.
//!
//! ```text
//!  entries   oldest ─────────▶ newest         a ring of `slots` places: where the log keeps what has which number
//!  numbers   first …  first + len - 1         a number's place is its remainder
//!  index     value ──▶ number
//! ```
//!
//! A value leaves when it is too old, or when as many as are asked for came after it.

use std::collections::VecDeque;
use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::slots::{Slot, SlotChanges};
use super::value::Value;
use crate::clock::Timestamp;

/// So many old values leave for each that comes, at most: nobody waits for a million of them.
const LEAVING: usize = 2;

/// The values of one queue or exchange.
#[derive(Debug)]
pub struct Window {
    entries: VecDeque<Entry>,
    /// The number of the first entry.
    first: u64,
    /// The lower half of the number of each entry that counts.
    index: HashTable<u32>,
    hasher: RandomState,
    slots: u32,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    value: Value,
    expires_at: Timestamp,
}

impl Entry {
    /// Keeps its place, and counts no more.
    const FORGOTTEN: Self = Self {
        value: Value([0, 0]),
        expires_at: Timestamp::from_millis(0),
    };
}

impl Window {
    /// An empty one that remembers up to `slots` values, at least one.
    pub fn new(slots: u32) -> Self {
        Self {
            entries: VecDeque::new(),
            first: 0,
            index: HashTable::new(),
            hasher: RandomState::default(),
            slots: slots.max(1),
        }
    }

    /// How many values it remembers, those included whose time is over and which nobody has looked for.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// How many it remembers at most.
    pub fn slots(&self) -> u32 {
        self.slots
    }

    /// How many of the slots have ever been used.
    pub fn used(&self) -> u32 {
        let numbers = self.first + self.entries.len() as u64;
        u64::from(self.slots).min(numbers) as u32
    }

    /// Is this value remembered?
    pub fn contains(&mut self, value: Value, now: Timestamp) -> bool {
        match self.find(value) {
            Some(at) if self.entries[at].expires_at > now => true,
            Some(at) => {
                self.drop_at(at);
                false
            }
            None => false,
        }
    }

    /// Remembers a value which is not there.
    pub fn remember(&mut self, value: Value, expires_at: Timestamp, now: Timestamp) -> Slot {
        self.make_room(now);
        let number = self.first + self.entries.len() as u64;
        self.push(Entry { value, expires_at });
        self.slot(number)
    }

    /// Forgets a value, if it is there.
    pub fn forget(&mut self, value: Value) {
        if let Some(at) = self.find(value) {
            self.drop_at(at);
        }
    }

    /// Remembers up to `slots` values from now on.
    pub fn resize(&mut self, slots: u32) -> SlotChanges {
        let slots = slots.max(1);
        if slots == self.slots {
            return SlotChanges::default();
        }
        let used = self.used();
        while self.entries.len() > slots as usize {
            self.pop();
        }
        self.slots = slots;
        SlotChanges {
            removed: (0..used).collect(),
            put: self.live(),
        }
    }

    /// What the log held, in any order, whatever the number of slots was then.
    pub fn recovered(slots: u32, mut held: Vec<Slot>) -> (Self, SlotChanges) {
        let mut window = Self::new(slots);
        held.sort_unstable_by_key(|slot| slot.number);
        let moved = held
            .iter()
            .any(|slot| slot.place != window.place(slot.number));
        let next = held.last().map_or(0, |newest| newest.number + 1);
        let first = next.saturating_sub(u64::from(window.slots));
        let kept = &held[held.partition_point(|slot| slot.number < first)..];
        window.first = kept.first().map_or(next, |oldest| oldest.number);
        for slot in kept {
            // Numbers that are missing were of messages which no restart brings back.
            while window.first + (window.entries.len() as u64) < slot.number {
                window.entries.push_back(Entry::FORGOTTEN);
            }
            // An older one was too old when this one came.
            window.forget(slot.value);
            window.push(Entry {
                value: slot.value,
                expires_at: slot.expires_at,
            });
        }
        let mut changes = SlotChanges::default();
        if moved {
            changes.removed = held.iter().map(|slot| slot.place).collect();
            changes.put = window.live();
        }
        (window, changes)
    }

    /// Lets what is too old leave, and the oldest one if there is no room.
    fn make_room(&mut self, now: Timestamp) {
        for _ in 0..LEAVING {
            let oldest = self.entries.front();
            if oldest.is_some_and(|oldest| oldest.expires_at <= now) {
                self.pop();
            }
        }
        if self.entries.len() >= self.slots as usize {
            self.pop();
        }
        let grows = self.entries.len() == self.entries.capacity();
        if grows {
            // Not twice as much, which is what would happen: it would be half empty.
            let more = (self.entries.len() / 4).max(64);
            let most = self.slots as usize - self.entries.len();
            self.entries.reserve_exact(more.min(most));
        }
    }

    fn push(&mut self, entry: Entry) {
        let number = (self.first + self.entries.len() as u64) as u32;
        self.entries.push_back(entry);
        let Self {
            entries,
            first,
            index,
            hasher,
            ..
        } = self;
        let hash_of = |number: &u32| {
            let at = number.wrapping_sub(*first as u32) as usize;
            hasher.hash_one(entries[at].value)
        };
        index.insert_unique(hasher.hash_one(entry.value), number, hash_of);
    }

    fn pop(&mut self) {
        let Some(oldest) = self.entries.front() else {
            return;
        };
        if oldest.expires_at > Entry::FORGOTTEN.expires_at {
            self.drop_at(0);
        }
        self.entries.pop_front();
        self.first += 1;
    }

    /// Where in the entries a value stands.
    fn find(&self, value: Value) -> Option<usize> {
        let at = |number: &u32| number.wrapping_sub(self.first as u32) as usize;
        let is = |number: &u32| self.entries[at(number)].value == value;
        self.index.find(self.hasher.hash_one(value), is).map(at)
    }

    /// An entry counts no more.
    fn drop_at(&mut self, at: usize) {
        let entry = std::mem::replace(&mut self.entries[at], Entry::FORGOTTEN);
        let number = (self.first + at as u64) as u32;
        let hash = self.hasher.hash_one(entry.value);
        if let Ok(found) = self.index.find_entry(hash, |other| *other == number) {
            found.remove();
        }
    }

    fn live(&self) -> Vec<Slot> {
        let numbers = self.first..self.first + self.entries.len() as u64;
        let live = numbers
            .zip(&self.entries)
            .filter(|(_, entry)| entry.expires_at > Entry::FORGOTTEN.expires_at);
        live.map(|(number, _)| self.slot(number)).collect()
    }

    fn slot(&self, number: u64) -> Slot {
        let entry = self.entries[(number - self.first) as usize];
        Slot {
            place: self.place(number),
            number,
            value: entry.value,
            expires_at: entry.expires_at,
        }
    }

    fn place(&self, number: u64) -> u32 {
        (number % u64::from(self.slots)) as u32
    }
}

#[cfg(test)]
mod tests;
