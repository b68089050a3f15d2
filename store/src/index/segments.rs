//! How many live messages each segment of the log holds.

use super::packed::{Entry, Run};

/// What keeps a segment from being removed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    /// A message counts once for each queue.
    pub(crate) live_messages: u64,
    pub(crate) live_bytes: u64,
    /// No live message ends behind this offset.
    end: u64,
}

/// What each segment holds; segments without an entry hold nothing.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    /// Ascending. Most messages come to the last, and most go from the first.
    usage: Vec<(u32, Usage)>,
}

impl Segments {
    /// Whether a segment has live messages.
    pub(crate) fn holds(&self, segment: u32) -> bool {
        self.find(segment).is_ok()
    }

    pub(crate) fn hold(&mut self, run: &Run) {
        let segment = run.first.location.segment;
        let at = self.find(segment).unwrap_or_else(|at| {
            self.usage.insert(at, (segment, Usage::default()));
            at
        });
        let usage = &mut self.usage[at].1;
        usage.live_messages += u64::from(run.messages);
        usage.live_bytes += run.record_bytes();
        usage.end = usage.end.max(run.end_offset());
    }

    /// The segments that hold anything, and how much.
    pub(crate) fn live_bytes(&self) -> impl Iterator<Item = (u32, u64)> {
        let usage = self.usage.iter();
        usage.map(|(segment, usage)| (*segment, usage.live_bytes))
    }

    /// The segments that hold anything, and how far at most.
    pub(crate) fn ends(&self) -> impl Iterator<Item = (u32, u64)> {
        self.usage
            .iter()
            .map(|(segment, usage)| (*segment, usage.end))
    }

    /// Undoes `hold`.
    pub(crate) fn release(&mut self, run: &Run) {
        let (messages, bytes) = (u64::from(run.messages), run.record_bytes());
        self.release_from(run.first.location.segment, messages, bytes);
    }

    /// Undoes `hold` for single messages.
    pub(crate) fn release_entries(&mut self, entries: &[Entry]) {
        let segment = |entry: &Entry| entry.location.segment;
        for entries in entries.chunk_by(|before, next| segment(before) == segment(next)) {
            let lengths = entries.iter().map(|entry| u64::from(entry.location.length));
            self.release_from(segment(&entries[0]), entries.len() as u64, lengths.sum());
        }
    }

    fn release_from(&mut self, segment: u32, messages: u64, bytes: u64) {
        let at = self.find(segment).expect("held before");
        let usage = &mut self.usage[at].1;
        usage.live_messages -= messages;
        usage.live_bytes -= bytes;
        if usage.live_messages == 0 {
            self.usage.remove(at);
        }
    }

    fn find(&self, segment: u32) -> Result<usize, usize> {
        match self.usage.last() {
            Some((last, _)) if *last == segment => Ok(self.usage.len() - 1),
            _ => self
                .usage
                .binary_search_by_key(&segment, |(number, _)| *number),
        }
    }

    /// Live messages and bytes of every segment that has any.
    #[cfg(test)]
    pub(crate) fn usage(&self) -> std::collections::BTreeMap<u32, (u64, u64)> {
        let usage = self.usage.iter();
        usage
            .map(|(segment, usage)| (*segment, (usage.live_messages, usage.live_bytes)))
            .collect()
    }
}
