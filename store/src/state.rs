//! What the durable part of the log means: live messages and changed definitions.
//!
//! Each kind of record is applied here, whether it was just committed or is replayed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::index::Index;
use crate::log::{Location, Position};
use crate::record::{self, ChangeView, Removal, SnapshotHead};
use crate::{Attributes, Change, QueueId, Sequence};

/// Behind one mutex, shared by the committer, the checkpoint and readers.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) index: Index,
    /// Definitions that changed since the last checkpoint; `None`: removed.
    pub(crate) definitions: ChangedDefinitions,
    /// Segments which hold changes that no snapshot contains, or parts of the last snapshot.
    pub(crate) definition_segments: BTreeSet<u32>,
    /// The segments there are, and how long each is.
    pub(crate) segments: BTreeMap<u32, u64>,
    /// A snapshot whose parts are being seen.
    snapshot: Option<SnapshotHead>,
    /// The end of the last group that was applied.
    pub(crate) applied: Position,
    /// Above every queue id seen.
    pub(crate) next_queue_id: u64,
    /// What is applied may be checkpointed at once: only what is on stable storage is.
    pub(crate) checkpointing: bool,
}

pub(crate) type ChangedDefinitions = HashMap<Box<[u8]>, Option<Box<[u8]>>>;

impl State {
    /// Applies a publish for one of its queues.
    pub(crate) fn publish(
        &mut self,
        (queue, sequence): (QueueId, Sequence),
        location: Location,
        content_bytes: u32,
    ) {
        self.note_queue(queue);
        self.index.publish(queue, sequence, location, content_bytes);
    }

    /// Applies a copy for one of its queues: it moves a message that is live, and never revives one.
    pub(crate) fn copy(
        &mut self,
        target: (QueueId, Sequence),
        location: Location,
        content_bytes: u32,
    ) {
        self.note_queue(target.0);
        if self.is_live(target) {
            self.publish(target, location, content_bytes);
        }
    }

    /// Applies what stands behind one of the targets of a publish or a copy, after that.
    pub(crate) fn note(&mut self, (queue, sequence): (QueueId, Sequence), attributes: Attributes) {
        if attributes != Attributes::NONE {
            self.index.note(queue, sequence, attributes);
        }
    }

    /// Applies a removal. Its queue may be a volatile one of which nothing else was written.
    pub(crate) fn remove(&mut self, removal: Removal) {
        self.note_queue(removal.queue);
        self.index.remove(removal);
    }

    /// An id that stands in the log is never given out again: what was settled under it would take the
    /// messages of another queue with it.
    fn note_queue(&mut self, queue: QueueId) {
        self.next_queue_id = self.next_queue_id.max(queue.0 + 1);
    }

    pub(crate) fn is_live(&self, (queue, sequence): (QueueId, Sequence)) -> bool {
        self.index.get(queue, sequence).is_some()
    }

    /// Applies the payload of a change record.
    pub(crate) fn change(&mut self, payload: &[u8], segment: u32) {
        self.definition_segments.insert(segment);
        for change in record::changes(payload) {
            self.apply(&change);
        }
    }

    /// Applies one change.
    pub(crate) fn apply(&mut self, change: &ChangeView<'_>) {
        match *change {
            ChangeView::Definition(Change::Put { key, value }) => self.put(key, Some(value)),
            ChangeView::Definition(Change::Remove { key }) => self.put(key, None),
            ChangeView::Definition(Change::CreateQueue { id, key, value }) => {
                self.create_queue(id);
                self.put(key, Some(value));
            }
            ChangeView::Definition(Change::DeleteQueue { id, key }) => {
                self.note_queue(id);
                self.index.delete_queue(id);
                self.put(key, None);
            }
            ChangeView::Queue { id, next } => {
                self.create_queue(id);
                self.index.raise_next(id, next);
            }
        }
    }

    /// Notes a part of a snapshot. Once all are seen, older segments are not needed for definitions.
    pub(crate) fn snapshot(&mut self, payload: &[u8], segment: u32) {
        self.definition_segments.insert(segment);
        let Some((head, _)) = SnapshotHead::parse(payload) else {
            return;
        };
        let follows = self
            .snapshot
            .is_some_and(|before| before.base == head.base && before.part + 1 == head.part);
        self.snapshot = (head.part == 0 || follows).then_some(head);
        if self.snapshot.is_some() && head.last {
            let base = Position::from_u64(head.base).segment;
            self.definition_segments = self.definition_segments.split_off(&base);
            self.snapshot = None;
        }
    }

    fn create_queue(&mut self, id: QueueId) {
        self.note_queue(id);
        self.index.create_queue(id);
    }

    fn put(&mut self, key: &[u8], value: Option<&[u8]>) {
        self.definitions.insert(key.into(), value.map(Into::into));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Removal;

    #[test]
    fn a_copy_moves_what_is_live_and_revives_nothing() {
        let at = |segment| Location {
            segment,
            offset: 32,
            length: 100,
        };
        let mut state = State::default();
        state.create_queue(QueueId(1));
        for sequence in [1, 2] {
            state.publish((QueueId(1), Sequence(sequence)), at(1), 10);
        }
        state.remove(Removal {
            queue: QueueId(1),
            first: Sequence(1),
            last: Sequence(1),
        });
        for sequence in [1, 2, 3] {
            state.copy((QueueId(1), Sequence(sequence)), at(2), 10);
        }
        assert_eq!(state.index.live_messages(), 1);
        assert_eq!(state.index.get(QueueId(1), Sequence(2)), Some(at(2)));
        assert!(!state.index.holds(1));
    }
}
