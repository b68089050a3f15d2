//! Where the live messages of every queue lie, and how many of them each segment holds.
//!
//! Changed by the committer only, after a group is durable; shared with the checkpoint and readers
//! behind one mutex (see `state.rs`). Publishers never touch it. 16 bytes per live message.

mod block;
mod queue;
mod ranges;

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::log::Location;
use crate::record::Removal;
use crate::{QueueId, Sequence};

pub(crate) use block::Block;
pub(crate) use queue::Stored;
use queue::{Inserted, QueueIndex};

type Queues = HashMap<QueueId, QueueIndex, foldhash::fast::RandomState>;

/// The live messages of all queues.
#[derive(Debug, Default)]
pub(crate) struct Index {
    queues: Queues,
    /// What each segment holds; segments without an entry hold nothing.
    segments: BTreeMap<u32, Usage>,
    live_messages: u64,
    changed: Changed,
    /// While the log is replayed, a queue's messages may come before it is known that the queue exists.
    replaying: bool,
}

/// What keeps a segment from being removed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    /// A message counts once for each queue.
    pub(crate) live_messages: u64,
    pub(crate) live_bytes: u64,
}

/// What changed since the last checkpoint.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    pub(crate) blocks: Vec<(QueueId, u64)>,
    /// Queues which are new, or whose bound of sequences was raised.
    pub(crate) queues: HashSet<QueueId>,
    /// Queues that no longer exist.
    pub(crate) deleted: HashSet<QueueId>,
    /// Queues which have had sequences settled before their publish.
    pub(crate) early: HashSet<QueueId>,
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
                self.changed.early.insert(*id);
            }
        }
    }

    pub(crate) fn create_queue(&mut self, queue: QueueId) {
        let index = self
            .queues
            .entry(queue)
            .or_insert_with(|| QueueIndex::new(1));
        index.created = true;
        self.changed.queues.insert(queue);
        self.changed.deleted.remove(&queue);
    }

    /// Adds a queue that the checkpoint never sees.
    pub(crate) fn create_volatile(&mut self, queue: QueueId) {
        let mut index = QueueIndex::new(1);
        index.created = true;
        index.volatile = true;
        self.queues.insert(queue, index);
    }

    /// Forgets a volatile queue and its messages.
    pub(crate) fn forget_volatile(&mut self, queue: QueueId) {
        if let Some(forgotten) = self.queues.remove(&queue) {
            debug_assert!(forgotten.volatile);
            self.release_all(&forgotten);
        }
    }

    fn release_all(&mut self, queue: &QueueIndex) {
        for (_, location) in queue.iter() {
            release(&mut self.segments, &mut self.live_messages, location);
        }
    }

    pub(crate) fn delete_queue(&mut self, queue: QueueId) {
        if let Some(deleted) = self.queues.remove(&queue) {
            self.release_all(&deleted);
        }
        self.changed.queues.remove(&queue);
        self.changed.early.remove(&queue);
        self.changed.deleted.insert(queue);
    }

    /// Raises the bound of the sequences that a queue has used.
    pub(crate) fn raise_next(&mut self, queue: QueueId, next: Sequence) {
        if let Some(index) = self.queues.get_mut(&queue) {
            index.next = index.next.max(next.0);
            index.reserved = index.reserved.max(next.0);
            self.changed.queues.insert(queue);
        }
    }

    /// Adds a message. It is dead if its queue does not exist, or has settled it already.
    pub(crate) fn publish(&mut self, queue: QueueId, sequence: Sequence, location: Location) {
        let Some(index) = self.queue(queue) else {
            return;
        };
        let raised = index.raise(sequence.0);
        let mut dirty = None;
        let inserted = index.insert(sequence.0, location, |block| dirty = Some(block));
        if raised {
            self.changed.queues.insert(queue);
        }
        if let Some(block) = dirty {
            self.changed.blocks.push((queue, block));
        }
        match inserted {
            Inserted::Dead => {
                self.changed.early.insert(queue);
                return;
            }
            Inserted::Moved(before) => {
                release(&mut self.segments, &mut self.live_messages, before);
            }
            Inserted::New => {}
        }
        self.hold(location);
    }

    /// Takes settled messages out.
    pub(crate) fn remove(&mut self, removal: Removal) {
        let Removal { queue, first, last } = removal;
        if first > last || self.queue(queue).is_none() {
            return;
        }
        let index = self.queues.get_mut(&queue).expect("checked above");
        let raised = index.raise(last.0);
        let (segments, live, changed) = (
            &mut self.segments,
            &mut self.live_messages,
            &mut self.changed,
        );
        let early = index.remove(
            first.0,
            last.0,
            |location| release(segments, live, location),
            |block| changed.blocks.push((queue, block)),
        );
        if early {
            changed.early.insert(queue);
        }
        if raised {
            changed.queues.insert(queue);
        }
    }

    fn queue(&mut self, queue: QueueId) -> Option<&mut QueueIndex> {
        if self.replaying {
            return Some(
                self.queues
                    .entry(queue)
                    .or_insert_with(|| QueueIndex::new(1)),
            );
        }
        self.queues.get_mut(&queue)
    }

    /// Where a message lies.
    pub(crate) fn get(&self, queue: QueueId, sequence: Sequence) -> Option<Location> {
        self.queues.get(&queue)?.get(sequence.0)
    }

    /// The queues, in no order.
    pub(crate) fn queues(&self) -> impl Iterator<Item = QueueId> {
        self.queues.keys().copied()
    }

    /// The live sequences of a queue as ascending ranges, the first that was never used, and the
    /// bytes of the messages' content.
    pub(crate) fn live(&self, queue: QueueId) -> (Vec<(Sequence, Sequence)>, Sequence, u64) {
        let Some(index) = self.queues.get(&queue) else {
            return (Vec::new(), Sequence(1), 0);
        };
        let mut ranges: Vec<(Sequence, Sequence)> = Vec::new();
        let mut content_bytes = 0;
        for (sequence, location) in index.iter() {
            content_bytes += u64::from(location.length);
            match ranges.last_mut() {
                Some((_, last)) if last.0 + 1 == sequence => last.0 = sequence,
                _ => ranges.push((Sequence(sequence), Sequence(sequence))),
            }
        }
        (
            ranges,
            Sequence(index.next.max(index.reserved)),
            content_bytes,
        )
    }

    /// Forgets every message which `keep` does not want. Returns how many.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(Location) -> bool) -> u64 {
        let mut lost = 0;
        for (id, queue) in &mut self.queues {
            let (segments, live) = (&mut self.segments, &mut self.live_messages);
            let blocks = &mut self.changed.blocks;
            let decide = |_, location| {
                let kept = keep(location);
                if !kept {
                    release(segments, live, location);
                    lost += 1;
                }
                kept
            };
            queue.retain(decide, |block| blocks.push((*id, block)));
        }
        lost
    }

    pub(crate) fn live_messages(&self) -> u64 {
        self.live_messages
    }

    /// Whether a segment has live messages.
    pub(crate) fn holds(&self, segment: u32) -> bool {
        self.segments.contains_key(&segment)
    }

    /// Hands over what changed; from now on it counts as checkpointed.
    pub(crate) fn take_changed(&mut self) -> Changed {
        let mut changed = std::mem::take(&mut self.changed);
        let durable = |id: &QueueId| self.queues.get(id).is_none_or(|queue| !queue.volatile);
        changed.blocks.retain(|(id, _)| durable(id));
        changed.queues.retain(durable);
        changed.early.retain(durable);
        changed
    }

    /// The value of a changed block.
    pub(crate) fn checkpoint_block(&mut self, queue: QueueId, block: u64) -> Stored {
        let index = self.queues.get_mut(&queue);
        index.map_or(Stored::Unchanged, |index| index.checkpoint(block))
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
        let mut index = QueueIndex::new(1);
        index.reserved = reserved.0;
        index.created = true;
        self.queues.insert(queue, index);
    }

    /// Puts a block from the checkpoint into place; false if its queue is not there.
    pub(crate) fn restore_block(&mut self, queue: QueueId, number: u64, block: Block) -> bool {
        let Some(index) = self.queues.get_mut(&queue) else {
            return false;
        };
        let locations: Vec<Location> = block.iter().map(|(_, location)| location).collect();
        index.restore(number, block);
        for location in locations {
            self.hold(location);
        }
        true
    }

    /// Puts what was settled early into place.
    pub(crate) fn restore_early(&mut self, queue: QueueId, first: Sequence, last: Sequence) {
        if let Some(index) = self.queues.get_mut(&queue) {
            index.early.insert(first.0, last.0);
        }
    }

    fn hold(&mut self, location: Location) {
        let usage = self.segments.entry(location.segment).or_default();
        usage.live_messages += 1;
        usage.live_bytes += u64::from(location.length);
        self.live_messages += 1;
    }
}

/// Undoes `hold`.
fn release(segments: &mut BTreeMap<u32, Usage>, live: &mut u64, location: Location) {
    *live -= 1;
    let Some(usage) = segments.get_mut(&location.segment) else {
        return;
    };
    usage.live_messages -= 1;
    usage.live_bytes -= u64::from(location.length);
    if usage.live_messages == 0 {
        segments.remove(&location.segment);
    }
}
