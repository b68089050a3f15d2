//! Messages in memory, ascending by sequence. One that is taken out of the middle leaves a gap: gaps are
//! closed when they come to an end, or when they outnumber what is left.

use std::collections::VecDeque;
use std::sync::LazyLock;

use super::Entry;
use crate::message::Message;
use crate::queue::Sequence;

/// So many gaps are never worth closing.
const TOLERATED_GAPS: usize = 64;
/// An emptied run keeps room for this many entries.
const KEPT_ENTRIES: usize = 4096;

/// What stands in a gap. Told from a message by its address's length: no message is without one.
static NO_MESSAGE: LazyLock<Message> = LazyLock::new(|| Message::small(&[], 0, 0, false));

/// Invariant: no gap at either end.
#[derive(Debug, Default)]
pub(super) struct Run {
    entries: VecDeque<Entry>,
    gaps: usize,
}

impl Run {
    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.gaps
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn front(&self) -> Option<&Entry> {
        self.entries.front()
    }

    pub(super) fn back(&self) -> Option<&Entry> {
        self.entries.back()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| !is_gap(entry))
    }

    /// Those behind `after`.
    pub(super) fn after(&self, after: Sequence) -> impl Iterator<Item = &Entry> {
        let start = self
            .entries
            .partition_point(|entry| entry.sequence <= after);
        self.entries.range(start..).filter(|entry| !is_gap(entry))
    }

    pub(super) fn push_back(&mut self, entry: Entry) {
        self.entries.push_back(entry);
    }

    pub(super) fn pop_front(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        if self.gaps > 0 {
            self.trim();
        }
        Some(entry)
    }

    pub(super) fn pop_back(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_back()?;
        if self.gaps > 0 {
            self.trim();
        }
        Some(entry)
    }

    /// Puts an entry to its place, which may be the gap that it left.
    pub(super) fn insert(&mut self, entry: Entry) {
        let is_last = self
            .back()
            .is_none_or(|last| last.sequence < entry.sequence);
        if is_last {
            return self.entries.push_back(entry);
        }
        let before = |waiting: &Entry| waiting.sequence < entry.sequence;
        let position = match self.front().is_some_and(before) {
            true => self.entries.partition_point(before),
            false => 0,
        };
        match self.entries.get_mut(position) {
            Some(gap) if gap.sequence == entry.sequence => {
                debug_assert!(is_gap(gap));
                *gap = entry;
                self.gaps -= 1;
            }
            _ => self.entries.insert(position, entry),
        }
    }

    pub(super) fn find(&self, sequence: Sequence) -> Option<&Entry> {
        let entry = &self.entries[self.index(sequence)?];
        (!is_gap(entry)).then_some(entry)
    }

    /// Takes an entry out of its place.
    pub(super) fn remove(&mut self, sequence: Sequence) -> Option<Entry> {
        let index = self.index(sequence)?;
        let entry = &mut self.entries[index];
        if is_gap(entry) {
            return None;
        }
        let gap = Entry {
            message: NO_MESSAGE.clone(),
            ..*entry
        };
        let taken = std::mem::replace(entry, gap);
        self.gaps += 1;
        self.trim();
        if self.gaps > self.entries.len() / 2 + TOLERATED_GAPS {
            self.close_gaps();
        }
        Some(taken)
    }

    /// All of them side by side, for work on many.
    pub(super) fn dense(&mut self) -> &mut VecDeque<Entry> {
        if self.gaps > 0 {
            self.close_gaps();
        }
        &mut self.entries
    }

    /// Takes all of `other`, which come after these.
    pub(super) fn append(&mut self, other: &mut Self) {
        self.entries.append(&mut other.entries);
        self.gaps += std::mem::take(&mut other.gaps);
    }

    /// An emptied run that was long once gives its memory back.
    pub(super) fn release(&mut self) {
        if self.entries.capacity() > KEPT_ENTRIES {
            self.entries = VecDeque::new();
        }
    }

    fn index(&self, sequence: Sequence) -> Option<usize> {
        let place = |entry: &Entry| entry.sequence;
        self.entries.binary_search_by_key(&sequence, place).ok()
    }

    fn trim(&mut self) {
        while self.entries.front().is_some_and(is_gap) {
            self.entries.pop_front();
            self.gaps -= 1;
        }
        while self.entries.back().is_some_and(is_gap) {
            self.entries.pop_back();
            self.gaps -= 1;
        }
    }

    fn close_gaps(&mut self) {
        self.entries.retain(|entry| !is_gap(entry));
        self.gaps = 0;
    }
}

impl From<VecDeque<Entry>> for Run {
    fn from(entries: VecDeque<Entry>) -> Self {
        Self { entries, gaps: 0 }
    }
}

impl IntoIterator for Run {
    type Item = Entry;
    type IntoIter = std::collections::vec_deque::IntoIter<Entry>;

    fn into_iter(mut self) -> Self::IntoIter {
        self.dense();
        self.entries.into_iter()
    }
}

fn is_gap(entry: &Entry) -> bool {
    entry.message.address().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(sequence: u64) -> Entry {
        Entry {
            sequence: Sequence(sequence),
            ..Entry::unqueued(Message::small(b"\0\0\0\0", 2, 2, false))
        }
    }

    fn sequences(run: &Run) -> Vec<u64> {
        run.iter().map(|entry| entry.sequence.0).collect()
    }

    #[test]
    fn what_is_taken_out_is_gone_and_the_ends_are_never_gaps() {
        let mut run = Run::default();
        (1..=6).for_each(|sequence| run.push_back(entry(sequence)));
        for taken in [3, 5, 6] {
            assert_eq!(run.remove(Sequence(taken)).unwrap().sequence.0, taken);
            assert!(run.remove(Sequence(taken)).is_none(), "only once");
        }
        assert_eq!(sequences(&run), [1, 2, 4]);
        assert_eq!((run.len(), run.back().unwrap().sequence.0), (3, 4));
        run.pop_front();
        run.pop_front();
        assert_eq!(run.front().unwrap().sequence.0, 4);
        run.insert(entry(2));
        run.insert(entry(3));
        assert_eq!(sequences(&run), [2, 3, 4]);
    }

    #[test]
    fn what_comes_back_to_its_gap_is_found_again() {
        let mut run = Run::default();
        (1..=3).for_each(|sequence| run.push_back(entry(sequence)));
        for _ in 0..3 {
            let taken = run.remove(Sequence(2)).unwrap();
            run.insert(taken);
            assert_eq!(sequences(&run), [1, 2, 3]);
            assert_eq!(run.len(), 3);
            assert!(run.find(Sequence(2)).is_some());
        }
    }

    #[test]
    fn many_gaps_are_closed() {
        let mut run = Run::default();
        (1..=10_000).for_each(|sequence| run.push_back(entry(sequence)));
        (2..=9_000).for_each(|sequence| drop(run.remove(Sequence(sequence))));
        assert_eq!(run.len(), 1_001);
        assert!(run.entries.len() <= 2 * 1_001 + 2 * TOLERATED_GAPS);
        assert_eq!(run.dense().len(), 1_001);
    }
}
