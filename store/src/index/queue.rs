//! One queue's live messages.

use std::collections::BTreeMap;
use std::collections::btree_map::IntoValues;
use std::ops::Range;

use super::attributes::BlockAttributes;
use super::block::{BLOCK_SEQUENCES, Block};
use super::cursor::Cursor;
use super::ledger::Ledger;
use super::packed::{Entry, Run};
use super::ranges::Ranges;
use crate::{Attributes, QueueId, Sequence};

/// How far ahead of the sequences in use their bound is checkpointed, so that this is seldom.
const RESERVED_SEQUENCES: u64 = 1 << 20;
/// So many blocks may be open. With fewer, a queue with a few thousand messages in flight, which are
/// settled before the next checkpoint, would pack each of them for nothing.
const OPEN_BLOCKS: usize = 64;
/// The same where no checkpoint comes to close them, and messages stay for long.
const OPEN_BLOCKS_VOLATILE: usize = 4;
/// In so many blocks attributes are looked at in one step.
const BLOCKS_PER_STEP: usize = 64;

/// Messages which have the same attributes: the first, the last, and what they have.
pub(crate) type AttributeRun = (Sequence, Sequence, Attributes);

/// Where the live messages of a queue lie. 120 bytes and its blocks.
#[derive(Debug)]
pub(crate) struct QueueIndex {
    id: QueueId,
    blocks: BTreeMap<u64, Block>,
    // Invariant: exactly the open blocks, in the order in which they were opened.
    open: Vec<u64>,
    /// Settled before their publish was seen.
    pub(crate) early: Ranges,
    messages: u64,
    content_bytes: u64,
    /// Above every sequence seen.
    next: u64,
    /// Above `next`; what the checkpoint holds, or will.
    pub(crate) reserved: u64,
    /// False while only messages for this queue were seen, in a replay.
    pub(crate) created: bool,
    /// Not to be checkpointed.
    pub(crate) volatile: bool,
}

impl QueueIndex {
    pub(crate) fn new(id: QueueId) -> Self {
        Self {
            id,
            blocks: BTreeMap::new(),
            open: Vec::new(),
            early: Ranges::default(),
            messages: 0,
            content_bytes: 0,
            next: 1,
            reserved: 1,
            created: false,
            volatile: false,
        }
    }

    /// The first sequence that was surely never used.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.next.max(self.reserved)
    }

    /// How many live messages there are.
    pub(crate) fn messages(&self) -> u64 {
        self.messages
    }

    /// The content of all live messages.
    pub(crate) fn content_bytes(&self) -> u64 {
        self.content_bytes
    }

    /// All sequences before `next` are in use, and the checkpoint is to know that.
    pub(crate) fn raise_to(&mut self, next: u64, ledger: &mut Ledger) {
        self.next = self.next.max(next);
        self.reserved = self.reserved.max(next);
        ledger.changed.queues.insert(self.id);
    }

    /// Adds a message, unless it was settled before.
    pub(crate) fn insert(&mut self, sequence: u64, entry: Entry, ledger: &mut Ledger) {
        self.raise(sequence, ledger);
        if !self.early.is_empty() && self.early.remove(sequence) {
            if !self.volatile {
                ledger.changed.early.insert(self.id);
            }
            return;
        }
        let number = sequence / BLOCK_SEQUENCES;
        let block = self.blocks.entry(number).or_default();
        let opened = block.open();
        mark(block, (self.id, number), self.volatile, ledger);
        if let Some(before) = block.insert(entry) {
            self.content_bytes -= u64::from(before.content_bytes);
            ledger.segments.release(&Run::of_one(before));
        } else {
            self.messages += 1;
            ledger.live_messages += 1;
        }
        self.content_bytes += u64::from(entry.content_bytes);
        ledger.segments.hold(&Run::of_one(entry));
        if opened {
            self.note_open(number);
        }
    }

    /// Notes what a message has that was just inserted; nothing if it was dead on arrival.
    pub(crate) fn note(&mut self, sequence: u64, attributes: Attributes) {
        if let Some(block) = self.blocks.get_mut(&(sequence / BLOCK_SEQUENCES)) {
            block.note(slot(sequence), attributes);
        }
    }

    /// Takes messages out. What is not there is remembered as settled early.
    pub(crate) fn remove(&mut self, first: u64, last: u64, ledger: &mut Ledger) {
        self.raise(last, ledger);
        let mut missing = Missing {
            expected: first,
            ranges: Vec::new(),
        };
        let (from, to) = (first / BLOCK_SEQUENCES, last / BLOCK_SEQUENCES);
        let end = BLOCK_SEQUENCES as u8 - 1;
        if from == to {
            self.remove_part(from, slot(first), slot(last), &mut missing, ledger);
        } else {
            self.remove_part(from, slot(first), end, &mut missing, ledger);
            if from + 1 < to {
                self.remove_blocks(from + 1..to, &mut missing, ledger);
            }
            self.remove_part(to, 0, slot(last), &mut missing, ledger);
        }
        missing.up_to(last + 1);
        if !missing.ranges.is_empty() && !self.volatile {
            ledger.changed.early.insert(self.id);
        }
        for (first, last) in missing.ranges {
            self.early.insert(first, last);
        }
    }

    fn remove_part(
        &mut self,
        number: u64,
        first: u8,
        last: u8,
        missing: &mut Missing,
        ledger: &mut Ledger,
    ) {
        let block = self.blocks.get_mut(&number);
        let Some(block) = block.filter(|block| !block.is_empty()) else {
            return;
        };
        let opened = block.open();
        let before = (block.messages(), block.content_bytes());
        let start = number * BLOCK_SEQUENCES;
        block.remove(first, last, |entries| {
            for entry in entries {
                missing.found(start + u64::from(entry.slot), 1);
            }
            ledger.segments.release_entries(entries);
        });
        let removed = u64::from(before.0 - block.messages());
        self.messages -= removed;
        self.content_bytes -= before.1 - block.content_bytes();
        ledger.live_messages -= removed;
        if removed > 0 {
            mark(block, (self.id, number), self.volatile, ledger);
        }
        let finished = block.is_empty() && number < self.next / BLOCK_SEQUENCES;
        if opened {
            self.note_open(number);
        }
        if finished {
            self.free(number);
        }
    }

    /// Takes out all messages of some blocks, which are not opened for it.
    fn remove_blocks(&mut self, numbers: Range<u64>, missing: &mut Missing, ledger: &mut Ledger) {
        let newest = self.next / BLOCK_SEQUENCES;
        let remove = |number: &u64, block: &mut Block| {
            let start = number * BLOCK_SEQUENCES;
            if !block.is_empty() {
                mark(block, (self.id, *number), self.volatile, ledger);
            }
            let gone = block.take();
            self.messages -= u64::from(gone.messages());
            self.content_bytes -= gone.content_bytes();
            ledger.live_messages -= u64::from(gone.messages());
            if gone.is_full() {
                missing.found(start, BLOCK_SEQUENCES);
                ledger.condemned.blocks.push(gone);
            } else {
                for run in gone.runs() {
                    missing.found(start + u64::from(run.first.slot), run.messages.into());
                    ledger.segments.release(&run);
                }
            }
            // The checkpoint still has to remove the value of one that it stored.
            !block.stored && *number < newest
        };
        self.blocks
            .extract_if(numbers.clone(), remove)
            .for_each(drop);
        self.open.retain(|number| !numbers.contains(number));
    }

    /// Where messages lie; in one walk for ascending sequences.
    pub(crate) fn cursor(&self) -> Cursor<'_> {
        Cursor::new(&self.blocks)
    }

    /// The live sequences as ascending ranges, both ends included.
    pub(crate) fn live(&self) -> Vec<(u64, u64)> {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for (number, block) in &self.blocks {
            for run in block.runs() {
                let first = number * BLOCK_SEQUENCES + u64::from(run.first.slot);
                let last = first + u64::from(run.messages) - 1;
                match ranges.last_mut() {
                    Some((_, end)) if *end + 1 == first => *end = last,
                    _ => ranges.push((first, last)),
                }
            }
        }
        ranges
    }

    /// Keeps the messages whose segment and end in it `keep` wants. If it wants an end, it wants
    /// those before it. Returns how many are lost.
    pub(crate) fn retain(&mut self, keep: impl Fn(u32, u64) -> bool, ledger: &mut Ledger) -> u64 {
        let whole = |run: &Run| keep(run.first.location.segment, run.end_offset());
        let blocks = self
            .blocks
            .iter()
            .filter(|(_, block)| !block.runs().all(|run| whole(&run)));
        let damaged: Vec<u64> = blocks.map(|(number, _)| *number).collect();
        let before = self.messages;
        for number in damaged {
            let block = self.blocks.get_mut(&number).expect("just seen");
            mark(block, (self.id, number), self.volatile, ledger);
            let opened = block.open();
            block.retain(|entry| {
                let run = Run::of_one(*entry);
                let kept = whole(&run);
                if !kept {
                    self.messages -= 1;
                    self.content_bytes -= run.content_bytes();
                    ledger.live_messages -= 1;
                    ledger.segments.release(&run);
                }
                kept
            });
            if opened {
                self.note_open(number);
            }
        }
        before - self.messages
    }

    /// Puts a block that the checkpoint holds into place; `None` if its value makes no sense.
    pub(crate) fn restore(&mut self, number: u64, value: &[u8], ledger: &mut Ledger) -> Option<()> {
        let start = number.checked_mul(BLOCK_SEQUENCES)?;
        let mut end = 0;
        let block = Block::restore(value, |run| {
            ledger.segments.hold(run);
            end = run.end();
        })?;
        self.next = self.next.max(start.checked_add(end.into())?);
        self.reserved = self.reserved.max(self.next);
        self.messages += u64::from(block.messages());
        self.content_bytes += block.content_bytes();
        ledger.live_messages += u64::from(block.messages());
        self.blocks.insert(number, block);
        Some(())
    }

    /// Puts a block's attributes that the checkpoint holds into place; `None` if they make no sense.
    pub(crate) fn restore_attributes(&mut self, number: u64, value: &[u8]) -> Option<()> {
        let block = self.blocks.get_mut(&number)?;
        block.attributes = BlockAttributes::restore(value)?;
        block.attributes_stored = true;
        Some(())
    }

    /// What is noted with a message.
    pub(crate) fn attributes(&self, sequence: u64) -> Attributes {
        let block = self.blocks.get(&(sequence / BLOCK_SEQUENCES));
        block.map_or(Attributes::NONE, |block| {
            block.attributes.get(slot(sequence))
        })
    }

    /// Appends the attributes in some blocks from this number on to `runs`. Gives the next one's.
    pub(crate) fn attributes_from(&self, number: u64, runs: &mut Vec<AttributeRun>) -> Option<u64> {
        let mut blocks = self.blocks.range(number..);
        for (number, block) in blocks.by_ref().take(BLOCKS_PER_STEP) {
            for (slot, attributes) in block.attributes.entries() {
                let sequence = number * BLOCK_SEQUENCES + u64::from(slot);
                match runs.last_mut() {
                    Some((_, last, same)) if last.0 + 1 == sequence && *same == attributes => {
                        last.0 = sequence;
                    }
                    _ => runs.push((Sequence(sequence), Sequence(sequence), attributes)),
                }
            }
        }
        blocks.next().map(|(number, _)| *number)
    }

    /// Marks a block dirty that the checkpoint could not write, even if it is gone since.
    pub(crate) fn change_again(&mut self, number: u64, ledger: &mut Ledger) {
        let block = self.blocks.entry(number).or_default();
        block.stored = true;
        block.attributes_stored = true;
        block.dirty = true;
        ledger.changed.blocks.push((self.id, number));
    }

    /// The value of a dirty block for the checkpoint, which then counts as clean. It is closed,
    /// unless the next message belongs there.
    pub(crate) fn checkpoint(&mut self, number: u64) -> StoredBlock {
        let Some(block) = self.blocks.get_mut(&number) else {
            return StoredBlock::default();
        };
        block.dirty = false;
        if block.is_empty() {
            let stored = StoredBlock {
                messages: Stored::new(None, &mut block.stored),
                attributes: Stored::new(None, &mut block.attributes_stored),
            };
            self.free(number);
            return stored;
        }
        if number == self.next / BLOCK_SEQUENCES {
            block.shrink();
        } else {
            block.close();
            self.open.retain(|open| *open != number);
        }
        StoredBlock {
            messages: Stored::new(Some(block.pack()), &mut block.stored),
            attributes: Stored::new(block.attributes.pack(), &mut block.attributes_stored),
        }
    }

    /// Hands over all blocks, whose messages no longer count as live.
    pub(crate) fn delete(self, ledger: &mut Ledger) -> IntoValues<u64, Block> {
        ledger.live_messages -= self.messages;
        self.blocks.into_values()
    }

    /// Notes that `sequence` is in use.
    fn raise(&mut self, sequence: u64, ledger: &mut Ledger) {
        self.next = self.next.max(sequence + 1);
        if self.next > self.reserved {
            self.reserved = self.next + RESERVED_SEQUENCES;
            if !self.volatile {
                ledger.changed.queues.insert(self.id);
            }
        }
    }

    /// Notes that a block was opened, and closes another if there are many.
    fn note_open(&mut self, number: u64) {
        self.open.push(number);
        if self.open.len() > self.open_max() {
            let oldest = self.open[0];
            match self.blocks.get_mut(&oldest) {
                Some(block) if !block.is_empty() => {
                    block.close();
                    self.open.remove(0);
                }
                _ => self.free(oldest),
            }
        }
    }

    fn open_max(&self) -> usize {
        if self.volatile {
            OPEN_BLOCKS_VOLATILE
        } else {
            OPEN_BLOCKS
        }
    }

    /// Forgets an empty block, unless the checkpoint still has to remove its value.
    fn free(&mut self, number: u64) {
        self.open.retain(|open| *open != number);
        match self.blocks.get_mut(&number) {
            Some(block) if block.stored => drop(block.take()),
            _ => drop(self.blocks.remove(&number)),
        }
        if self.blocks.is_empty() {
            // A map keeps its last node, half a kilobyte, and so would every queue that is idle.
            self.blocks = BTreeMap::new();
            self.open = Vec::new();
        }
    }
}

/// What the checkpoint has to do with a block. One batch has both, so that they belong together.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct StoredBlock {
    pub(crate) messages: Stored,
    pub(crate) attributes: Stored,
}

/// What the checkpoint has to do with a value.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Stored {
    Put(Vec<u8>),
    Remove,
    #[default]
    Unchanged,
}

impl Stored {
    /// From the value that there is to be now, and whether the checkpoint has one.
    fn new(value: Option<Vec<u8>>, is_stored: &mut bool) -> Self {
        let was_stored = std::mem::replace(is_stored, value.is_some());
        match value {
            Some(value) => Self::Put(value),
            None if was_stored => Self::Remove,
            None => Self::Unchanged,
        }
    }
}

/// Finds what is not there while a range is walked through.
#[derive(Debug)]
struct Missing {
    expected: u64,
    /// First to last, both included.
    ranges: Vec<(u64, u64)>,
}

impl Missing {
    /// So many sequences from `first` on are there.
    fn found(&mut self, first: u64, messages: u64) {
        self.up_to(first);
        self.expected = first + messages;
    }

    fn up_to(&mut self, end: u64) {
        if self.expected < end {
            self.ranges.push((self.expected, end - 1));
        }
    }
}

/// Tells the checkpoint of a block that changed.
fn mark(block: &mut Block, key: (QueueId, u64), volatile: bool, ledger: &mut Ledger) {
    if !block.dirty && !volatile {
        block.dirty = true;
        ledger.changed.blocks.push(key);
    }
}

/// The place of a sequence in its block.
pub(crate) fn slot(sequence: u64) -> u8 {
    u8::try_from(sequence % BLOCK_SEQUENCES).expect("blocks are small")
}

#[cfg(test)]
impl QueueIndex {
    pub(crate) fn check_invariants(&self) {
        let is_open = |number: &u64| self.blocks[number].is_open();
        assert!(self.open.iter().all(is_open));
        let open = self.blocks.keys().filter(|number| is_open(number));
        assert_eq!(self.open.len(), open.count());
        assert!(self.open.len() <= self.open_max());
        for block in self.blocks.values().filter(|block| !block.is_open()) {
            assert!(!block.is_empty() || block.stored && block.dirty);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Location;

    /// A queue with neighbours in the log as its messages 1 to `last`.
    fn filled(last: u64) -> (QueueIndex, Ledger) {
        let mut queue = QueueIndex::new(QueueId(1));
        let mut ledger = Ledger::default();
        for sequence in 1..=last {
            queue.insert(sequence, at(sequence), &mut ledger);
        }
        (queue, ledger)
    }

    fn at(sequence: u64) -> Entry {
        let location = Location {
            segment: 1,
            offset: 1100 * sequence as u32,
            length: 1100,
        };
        Entry {
            location,
            content_bytes: 1024,
            slot: slot(sequence),
        }
    }

    fn dirty(ledger: &mut Ledger) -> Vec<u64> {
        let blocks = std::mem::take(&mut ledger.changed.blocks);
        blocks.into_iter().map(|(_, block)| block).collect()
    }

    #[test]
    fn a_backlog_is_packed_but_for_its_end() {
        let (mut queue, mut ledger) = filled(10_000);
        assert_eq!(queue.open.len(), OPEN_BLOCKS);
        for number in dirty(&mut ledger) {
            assert!(matches!(queue.checkpoint(number).messages, Stored::Put(_)));
        }
        assert_eq!(queue.open, [10_000 / BLOCK_SEQUENCES]);
        let packed = queue.blocks.values().map(|block| block.pack().len());
        assert!(packed.sum::<usize>() < 10_000 / 8);
    }

    #[test]
    fn a_backlog_is_drained_with_few_open_blocks() {
        let (mut queue, mut ledger) = filled(10_000);
        for first in (1..=10_000).step_by(100) {
            queue.remove(first, first + 99, &mut ledger);
            queue.check_invariants();
        }
        assert_eq!(queue.live(), []);
        assert!(queue.early.is_empty());
        assert_eq!(queue.blocks.len(), 1);
        assert_eq!((ledger.live_messages, queue.content_bytes()), (0, 0));
    }

    #[test]
    fn a_range_across_blocks_is_removed() {
        let (mut queue, mut ledger) = filled(600);
        queue.remove(100, 500, &mut ledger);
        assert_eq!(queue.live(), [(1, 99), (501, 600)]);
        assert_eq!(queue.blocks.len(), 3);
        // The blocks in between still count for their segment, until a checkpoint comes.
        assert_eq!(ledger.live_messages, 199);
        assert_eq!(ledger.segments.usage()[&1].0, 199 + 256);
        assert!(!ledger.condemned.release_some(&mut ledger.segments));
        assert_eq!(ledger.segments.usage()[&1].0, 199);
    }

    #[test]
    fn settled_before_published_is_dead_on_arrival() {
        let (mut queue, mut ledger) = filled(0);
        queue.insert(2, at(2), &mut ledger);
        queue.remove(1, 3, &mut ledger);
        assert!(ledger.changed.early.contains(&QueueId(1)));
        queue.insert(1, at(1), &mut ledger);
        queue.insert(3, at(3), &mut ledger);
        assert_eq!(queue.live(), []);
        queue.insert(4, at(4), &mut ledger);
        assert_eq!(queue.live(), [(4, 4)]);
        assert!(queue.early.is_empty());
    }

    #[test]
    fn blocks_are_checkpointed_when_they_change() {
        let (mut queue, mut ledger) = filled(300);
        assert_eq!(dirty(&mut ledger), [0, 1, 2]);
        assert!(matches!(queue.checkpoint(0).messages, Stored::Put(_)));
        queue.remove(1, 127, &mut ledger);
        assert_eq!(dirty(&mut ledger), [0]);
        assert_eq!(queue.checkpoint(0).messages, Stored::Remove);
        queue.remove(128, 255, &mut ledger);
        assert_eq!(queue.checkpoint(1).messages, Stored::Unchanged);
    }

    #[test]
    fn a_volatile_queue_is_packed_without_a_checkpoint() {
        let (mut queue, mut ledger) = (QueueIndex::new(QueueId(1)), Ledger::default());
        queue.volatile = true;
        for sequence in 1..=100_000 {
            queue.insert(sequence, at(sequence), &mut ledger);
        }
        queue.check_invariants();
        queue.remove(1, 99_999, &mut ledger);
        assert!(ledger.changed.blocks.is_empty() && ledger.changed.queues.is_empty());
        assert_eq!(queue.blocks.len(), 1);
    }
}
