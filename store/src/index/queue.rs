//! One queue's live messages.

use std::collections::BTreeMap;

use super::block::{BLOCK_SEQUENCES, Block};
use super::ranges::Ranges;
use crate::log::Location;

/// How far ahead of the sequences in use their bound is checkpointed, so that this is seldom.
const RESERVED_SEQUENCES: u64 = 1 << 20;

/// Where the live messages of a queue lie.
#[derive(Debug)]
pub(crate) struct QueueIndex {
    blocks: BTreeMap<u64, Block>,
    /// Settled before their publish was seen.
    pub(crate) early: Ranges,
    /// Above every sequence seen.
    pub(crate) next: u64,
    /// Above `next`; what the checkpoint holds, or will.
    pub(crate) reserved: u64,
    /// False while only messages for this queue were seen, in a replay.
    pub(crate) created: bool,
    /// Not to be checkpointed.
    pub(crate) volatile: bool,
}

/// What an insertion did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    New,
    /// It was known, at this place.
    Moved(Location),
    /// It had been settled before.
    Dead,
}

impl QueueIndex {
    pub(crate) fn new(next: u64) -> Self {
        Self {
            blocks: BTreeMap::new(),
            early: Ranges::default(),
            next,
            reserved: next,
            created: false,
            volatile: false,
        }
    }

    /// Notes that `sequence` is in use. True if the checkpointed bound must be raised.
    pub(crate) fn raise(&mut self, sequence: u64) -> bool {
        self.next = self.next.max(sequence + 1);
        let raise = self.next > self.reserved;
        if raise {
            self.reserved = self.next + RESERVED_SEQUENCES;
        }
        raise
    }

    /// Adds a message. `dirty` is called if its block was clean.
    pub(crate) fn insert(
        &mut self,
        sequence: u64,
        location: Location,
        dirty: impl FnOnce(u64),
    ) -> Inserted {
        if !self.early.is_empty() && self.early.remove(sequence) {
            return Inserted::Dead;
        }
        let number = sequence / BLOCK_SEQUENCES;
        let block = self.blocks.entry(number).or_default();
        mark(block, number, dirty);
        match block.insert(slot(sequence), location) {
            None => Inserted::New,
            Some(before) => Inserted::Moved(before),
        }
    }

    /// Takes messages out and hands each one's place to `removed`; what is not there is
    /// remembered as settled early, and true is returned. `dirty` is called for clean blocks.
    pub(crate) fn remove(
        &mut self,
        first: u64,
        last: u64,
        mut removed: impl FnMut(Location),
        mut dirty: impl FnMut(u64),
    ) -> bool {
        let newest = self.next / BLOCK_SEQUENCES;
        let mut expected = first;
        let mut missing = Vec::new();
        let mut emptied = Vec::new();
        for (&number, block) in self
            .blocks
            .range_mut(first / BLOCK_SEQUENCES..=last / BLOCK_SEQUENCES)
        {
            let start = number * BLOCK_SEQUENCES;
            let end = (start + BLOCK_SEQUENCES - 1).min(last);
            let mut any = false;
            block.remove(slot(first.max(start)), slot(end), |slot, location| {
                let sequence = start + u64::from(slot);
                if expected < sequence {
                    missing.push((expected, sequence - 1));
                }
                expected = sequence + 1;
                any = true;
                removed(location);
            });
            if any {
                mark(block, number, &mut dirty);
            }
            if any && block.is_empty() && number < newest {
                emptied.push(number);
            }
        }
        if expected <= last {
            missing.push((expected, last));
        }
        self.free(&emptied);
        let early = !missing.is_empty();
        for (first, last) in missing {
            self.early.insert(first, last);
        }
        early
    }

    /// Frees blocks which were emptied and will not be used again.
    fn free(&mut self, emptied: &[u64]) {
        for number in emptied {
            match self.blocks.get_mut(number) {
                // The checkpoint still has to remove its value.
                Some(block) if block.stored => block.shrink(),
                _ => drop(self.blocks.remove(number)),
            }
        }
    }

    pub(crate) fn get(&self, sequence: u64) -> Option<Location> {
        self.blocks
            .get(&(sequence / BLOCK_SEQUENCES))?
            .get(slot(sequence))
    }

    /// Every live message, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, Location)> {
        self.blocks.iter().flat_map(|(number, block)| {
            let start = number * BLOCK_SEQUENCES;
            block
                .iter()
                .map(move |(slot, location)| (start + u64::from(slot), location))
        })
    }

    /// Keeps the messages which `keep` wants.
    pub(crate) fn retain(
        &mut self,
        mut keep: impl FnMut(u64, Location) -> bool,
        mut dirty: impl FnMut(u64),
    ) {
        for (&number, block) in &mut self.blocks {
            let mut changed = false;
            block.retain(|slot, location| {
                let kept = keep(number * BLOCK_SEQUENCES + u64::from(slot), location);
                changed |= !kept;
                kept
            });
            if changed {
                mark(block, number, &mut dirty);
            }
        }
    }

    /// Puts a block that the checkpoint holds into place.
    pub(crate) fn restore(&mut self, number: u64, block: Block) {
        if let Some((slot, _)) = block.iter().last() {
            let sequence = number.saturating_mul(BLOCK_SEQUENCES) + u64::from(slot);
            self.next = self.next.max(sequence + 1);
            self.reserved = self.reserved.max(self.next);
        }
        self.blocks.insert(number, block);
    }

    /// The value of a dirty block for the checkpoint, which then counts as clean.
    pub(crate) fn checkpoint(&mut self, number: u64) -> Stored {
        let Some(block) = self.blocks.get_mut(&number) else {
            return Stored::Unchanged;
        };
        block.dirty = false;
        if !block.is_empty() {
            block.stored = true;
            block.shrink();
            return Stored::Put(block.pack());
        }
        let stored = block.stored;
        self.blocks.remove(&number);
        if stored {
            Stored::Remove
        } else {
            Stored::Unchanged
        }
    }
}

/// What the checkpoint has to do with a block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    Put(Vec<u8>),
    Remove,
    Unchanged,
}

fn mark(block: &mut Block, number: u64, dirty: impl FnOnce(u64)) {
    if !block.dirty {
        block.dirty = true;
        dirty(number);
    }
}

fn slot(sequence: u64) -> u16 {
    u16::try_from(sequence % BLOCK_SEQUENCES).expect("blocks are small")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: u32) -> Location {
        Location {
            segment: 1,
            offset,
            length: 10,
        }
    }

    fn remove(queue: &mut QueueIndex, first: u64, last: u64) -> (usize, bool) {
        let mut removed = 0;
        let early = queue.remove(first, last, |_| removed += 1, |_| {});
        (removed, early)
    }

    #[test]
    fn a_range_across_blocks_is_removed() {
        let mut queue = QueueIndex::new(1);
        for sequence in 1..=600 {
            queue.insert(sequence, at(1), |_| {});
            queue.raise(sequence);
        }
        assert_eq!(remove(&mut queue, 100, 500), (401, false));
        assert_eq!(queue.iter().count(), 199);
        assert_eq!(queue.blocks.len(), 3);
    }

    #[test]
    fn settled_before_published_is_dead_on_arrival() {
        let mut queue = QueueIndex::new(1);
        queue.insert(2, at(1), |_| {});
        assert_eq!(remove(&mut queue, 1, 3), (1, true));
        assert_eq!(queue.insert(1, at(2), |_| {}), Inserted::Dead);
        assert_eq!(queue.insert(3, at(3), |_| {}), Inserted::Dead);
        assert_eq!(queue.insert(4, at(4), |_| {}), Inserted::New);
        assert!(queue.early.is_empty());
    }

    #[test]
    fn blocks_are_checkpointed_when_they_change() {
        let mut queue = QueueIndex::new(1);
        let mut dirty = Vec::new();
        for sequence in 1..=300 {
            queue.insert(sequence, at(1), |block| dirty.push(block));
            queue.raise(sequence);
        }
        assert_eq!(dirty, [0, 1, 2]);
        assert!(matches!(queue.checkpoint(0), Stored::Put(_)));
        dirty.clear();
        queue.remove(1, 127, |_| {}, |block| dirty.push(block));
        assert_eq!(dirty, [0]);
        assert_eq!(queue.checkpoint(0), Stored::Remove);
        remove(&mut queue, 128, 255);
        assert_eq!(queue.checkpoint(1), Stored::Unchanged);
    }
}
