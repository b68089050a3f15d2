//! Where the live messages of every queue lie, and how many of them each segment holds.
//!
//! Changed by the committer only, after a group is durable; shared with the checkpoint and readers
//! behind one mutex (see `state.rs`). Publishers never touch it. Blocks of messages that nobody works on are
//! packed: a backlog costs about a byte per message, whatever its size, and 20 bytes at worst.
//! What is noted with messages (see `index/attributes.rs`) is packed likewise.

mod attributes;
mod block;
mod condemned;
mod cursor;
mod ledger;
#[cfg(test)]
mod model;
mod packed;
mod queue;
mod ranges;
mod segments;

use std::collections::HashMap;

use crate::log::Location;
use crate::record::Removal;
use crate::{Attributes, QueueId, Sequence};

use ledger::Ledger;
use packed::Entry;
use queue::{AttributeRun, QueueIndex};

pub(crate) use ledger::Changed;
pub(crate) use queue::{Stored, StoredBlock};

type Queues = HashMap<QueueId, QueueIndex, foldhash::fast::RandomState>;

/// The live messages of all queues.
#[derive(Debug, Default)]
pub(crate) struct Index {
    queues: Queues,
    ledger: Ledger,
    /// While the log is replayed, a queue's messages may come before it is known that the queue exists.
    replaying: bool,
}

/// What is known of a queue's live messages.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Live {
    /// Ascending, both ends included.
    pub(crate) sequences: Vec<(Sequence, Sequence)>,
    /// The first sequence that was surely never used.
    pub(crate) next: Sequence,
    pub(crate) content_bytes: u64,
}

impl Index {
    /// From here on a queue's messages may come before the queue itself.
    pub(crate) fn begin_replay(&mut self) {
        self.replaying = true;
    }

    /// Ends the replay: queues that were never created are gone, and so is what was settled
    /// before its publish, because that will not come any more.
    pub(crate) fn end_replay(&mut self) {
        self.replaying = false;
        let seen = self.queues.iter();
        let gone: Vec<QueueId> = seen
            .filter(|(_, queue)| !queue.created)
            .map(|(id, _)| *id)
            .collect();
        for queue in gone {
            self.delete_queue(queue);
        }
        for (id, queue) in &mut self.queues {
            if !queue.early.is_empty() {
                queue.early.clear();
                self.ledger.changed.early.insert(*id);
            }
        }
    }

    pub(crate) fn create_queue(&mut self, queue: QueueId) {
        let index = self.queues.entry(queue);
        index.or_insert_with(|| QueueIndex::new(queue)).created = true;
        self.ledger.changed.queues.insert(queue);
        self.ledger.changed.deleted.remove(&queue);
    }

    /// Adds a queue that the checkpoint never sees.
    pub(crate) fn create_volatile(&mut self, queue: QueueId) {
        let mut index = QueueIndex::new(queue);
        index.created = true;
        index.volatile = true;
        self.queues.insert(queue, index);
    }

    /// Forgets a volatile queue and its messages.
    pub(crate) fn forget_volatile(&mut self, queue: QueueId) {
        self.forget(queue);
    }

    pub(crate) fn delete_queue(&mut self, queue: QueueId) {
        self.forget(queue);
        self.ledger.changed.queues.remove(&queue);
        self.ledger.changed.early.remove(&queue);
        self.ledger.changed.deleted.insert(queue);
    }

    fn forget(&mut self, queue: QueueId) {
        if let Some(queue) = self.queues.remove(&queue) {
            let blocks = queue.delete(&mut self.ledger);
            self.ledger.condemned.queues.push(blocks);
        }
    }

    /// Lets segments go which only messages hold that were forgotten at once, in bounded steps.
    /// True until all are done.
    pub(crate) fn release_some(&mut self) -> bool {
        let Ledger {
            condemned,
            segments,
            ..
        } = &mut self.ledger;
        condemned.release_some(segments)
    }

    /// Raises the bound of the sequences that a queue has used.
    pub(crate) fn raise_next(&mut self, queue: QueueId, next: Sequence) {
        if let Some(index) = self.queues.get_mut(&queue) {
            index.raise_to(next.0, &mut self.ledger);
        }
    }

    /// Adds a message. It is dead if its queue does not exist, or has settled it already.
    pub(crate) fn publish(
        &mut self,
        queue: QueueId,
        sequence: Sequence,
        location: Location,
        content_bytes: u32,
    ) {
        let entry = Entry {
            location,
            content_bytes,
            slot: queue::slot(sequence.0),
        };
        if let Some((index, ledger)) = self.queue(queue) {
            index.insert(sequence.0, entry, ledger);
        }
    }

    /// Notes what a message has, if it is live.
    pub(crate) fn note(&mut self, queue: QueueId, sequence: Sequence, attributes: Attributes) {
        if let Some(index) = self.queues.get_mut(&queue) {
            index.note(sequence.0, attributes);
        }
    }

    /// Takes settled messages out.
    pub(crate) fn remove(&mut self, removal: Removal) {
        let Removal { queue, first, last } = removal;
        if first > last {
            return;
        }
        if let Some((index, ledger)) = self.queue(queue) {
            index.remove(first.0, last.0, ledger);
        }
    }

    fn queue(&mut self, queue: QueueId) -> Option<(&mut QueueIndex, &mut Ledger)> {
        let index = if self.replaying {
            let index = self.queues.entry(queue);
            Some(index.or_insert_with(|| QueueIndex::new(queue)))
        } else {
            self.queues.get_mut(&queue)
        };
        Some((index?, &mut self.ledger))
    }

    /// Where a message lies.
    pub(crate) fn get(&self, queue: QueueId, sequence: Sequence) -> Option<Location> {
        self.queues.get(&queue)?.cursor().locate(sequence.0)
    }

    /// What is noted with a message.
    pub(crate) fn attributes(&self, queue: QueueId, sequence: Sequence) -> Attributes {
        let index = self.queues.get(&queue);
        index.map_or(Attributes::NONE, |index| index.attributes(sequence.0))
    }

    /// Appends what is noted with messages to `runs`, ascending, for some blocks from `block` on. Gives the
    /// block to go on with, if there are more.
    pub(crate) fn attributes_from(
        &self,
        queue: QueueId,
        block: u64,
        runs: &mut Vec<AttributeRun>,
    ) -> Option<u64> {
        self.queues.get(&queue)?.attributes_from(block, runs)
    }

    /// Where messages lie, each in turn; in one walk for ascending sequences.
    pub(crate) fn locate(
        &self,
        queue: QueueId,
        sequences: &[Sequence],
    ) -> impl Iterator<Item = Option<Location>> {
        let mut cursor = self.queues.get(&queue).map(QueueIndex::cursor);
        let sequences = sequences.iter();
        sequences.map(move |sequence| cursor.as_mut()?.locate(sequence.0))
    }

    /// How many bytes of these messages, ascending, count as their content.
    pub(crate) fn content_bytes(&self, queue: QueueId, sequences: &[Sequence]) -> u64 {
        let Some(index) = self.queues.get(&queue) else {
            return 0;
        };
        let mut cursor = index.cursor();
        let sizes = sequences.iter();
        let sizes = sizes.filter_map(|sequence| cursor.content_bytes(sequence.0));
        sizes.map(u64::from).sum()
    }

    /// How many messages of a queue are live, and the bytes of their content.
    pub(crate) fn held(&self, queue: QueueId) -> (u64, u64) {
        let index = self.queues.get(&queue);
        index.map_or((0, 0), |index| (index.messages(), index.content_bytes()))
    }

    /// The queues, in no order.
    pub(crate) fn queues(&self) -> impl Iterator<Item = QueueId> {
        self.queues.keys().copied()
    }

    /// The live messages of a queue.
    pub(crate) fn live(&self, queue: QueueId) -> Option<Live> {
        let index = self.queues.get(&queue)?;
        let ranges = index.live().into_iter();
        Some(Live {
            sequences: ranges
                .map(|(first, last)| (Sequence(first), Sequence(last)))
                .collect(),
            next: Sequence(index.next_sequence()),
            content_bytes: index.content_bytes(),
        })
    }

    /// Forgets every message whose segment and end in it `keep` does not want. If it wants an end,
    /// it wants those before it. Returns how many are forgotten.
    pub(crate) fn retain(&mut self, keep: impl Fn(u32, u64) -> bool) -> u64 {
        if self
            .ledger
            .segments
            .ends()
            .all(|(segment, end)| keep(segment, end))
        {
            return 0;
        }
        let queues = self.queues.values_mut();
        queues
            .map(|queue| queue.retain(&keep, &mut self.ledger))
            .sum()
    }

    pub(crate) fn live_messages(&self) -> u64 {
        self.ledger.live_messages
    }

    /// Whether a segment has live messages.
    pub(crate) fn holds(&self, segment: u32) -> bool {
        self.ledger.segments.holds(segment)
    }

    /// The segments that hold anything, and how many bytes of live messages; one counts for each queue.
    pub(crate) fn live_bytes(&self) -> impl Iterator<Item = (u32, u64)> {
        self.ledger.segments.live_bytes()
    }

    /// Hands over what changed; from now on it counts as checkpointed.
    pub(crate) fn take_changed(&mut self) -> Changed {
        std::mem::take(&mut self.ledger.changed)
    }

    /// Counts as changed again what was handed over.
    pub(crate) fn put_back(&mut self, changed: Changed) {
        for (queue, block) in changed.blocks {
            if let Some(index) = self.queues.get_mut(&queue) {
                index.change_again(block, &mut self.ledger);
            }
        }
        let exists = |queue: &QueueId| self.queues.contains_key(queue);
        let newer = &mut self.ledger.changed;
        newer
            .queues
            .extend(changed.queues.into_iter().filter(exists));
        newer.early.extend(changed.early.into_iter().filter(exists));
        newer.deleted.extend(changed.deleted);
    }

    /// The value of a changed block.
    pub(crate) fn checkpoint_block(&mut self, queue: QueueId, block: u64) -> StoredBlock {
        let index = self.queues.get_mut(&queue);
        index.map_or_else(StoredBlock::default, |index| index.checkpoint(block))
    }

    /// The bound of the sequences that a queue may have used.
    pub(crate) fn reserved(&self, queue: QueueId) -> Option<Sequence> {
        Some(Sequence(self.queues.get(&queue)?.reserved))
    }

    /// What a queue settled before its publish was seen, both ends included.
    pub(crate) fn early(&self, queue: QueueId) -> Vec<(Sequence, Sequence)> {
        let Some(index) = self.queues.get(&queue) else {
            return Vec::new();
        };
        let ranges = index.early.iter();
        ranges
            .map(|(first, last)| (Sequence(first), Sequence(last)))
            .collect()
    }

    /// Puts a queue from the checkpoint into place.
    pub(crate) fn restore_queue(&mut self, queue: QueueId, reserved: Sequence) {
        let mut index = QueueIndex::new(queue);
        index.reserved = reserved.0;
        index.created = true;
        self.queues.insert(queue, index);
    }

    /// Puts a block from the checkpoint into place; false if its queue is not there, and `None` if
    /// the value makes no sense: then the index makes none either.
    pub(crate) fn restore_block(
        &mut self,
        queue: QueueId,
        number: u64,
        value: &[u8],
    ) -> Option<bool> {
        let Some(index) = self.queues.get_mut(&queue) else {
            return Some(false);
        };
        index.restore(number, value, &mut self.ledger)?;
        Some(true)
    }

    /// As `restore_block`, for the attributes of the block's messages.
    pub(crate) fn restore_attributes(
        &mut self,
        queue: QueueId,
        number: u64,
        value: &[u8],
    ) -> Option<bool> {
        let Some(index) = self.queues.get_mut(&queue) else {
            return Some(false);
        };
        index.restore_attributes(number, value)?;
        Some(true)
    }

    /// Puts what was settled early into place.
    pub(crate) fn restore_early(&mut self, queue: QueueId, first: Sequence, last: Sequence) {
        if let Some(index) = self.queues.get_mut(&queue) {
            index.early.insert(first.0, last.0);
        }
    }
}
