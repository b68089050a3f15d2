//! How many live messages each segment of the log holds.

use std::collections::BTreeMap;

use super::packed::Run;

/// What keeps a segment from being removed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    /// A message counts once for each queue.
    pub(crate) live_messages: u64,
    pub(crate) live_bytes: u64,
}

/// What each segment holds; segments without an entry hold nothing.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    usage: BTreeMap<u32, Usage>,
}

impl Segments {
    /// Whether a segment has live messages.
    pub(crate) fn holds(&self, segment: u32) -> bool {
        self.usage.contains_key(&segment)
    }

    #[cfg(test)]
    pub(crate) fn usage(&self) -> &BTreeMap<u32, Usage> {
        &self.usage
    }

    pub(crate) fn hold(&mut self, run: &Run) {
        let usage = self.usage.entry(run.first.location.segment).or_default();
        usage.live_messages += u64::from(run.messages);
        usage.live_bytes += run.record_bytes();
    }

    /// Undoes `hold`.
    pub(crate) fn release(&mut self, run: &Run) {
        let segment = run.first.location.segment;
        let usage = self.usage.get_mut(&segment).expect("held before");
        usage.live_messages -= u64::from(run.messages);
        usage.live_bytes -= run.record_bytes();
        if usage.live_messages == 0 {
            self.usage.remove(&segment);
        }
    }
}
