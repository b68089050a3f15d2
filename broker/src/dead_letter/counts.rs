//! How many messages of a queue were dead-lettered, and what became of them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::dead_letter::DeadLetterReason;

/// Counted as long as the queue lives; never on the path of a message that lives.
#[derive(Debug, Default)]
pub struct DeadLetterCounts {
    by_reason: [AtomicU64; DeadLetterReason::COUNT],
    unroutable: AtomicU64,
    refused: AtomicU64,
    cycle_seen: AtomicBool,
}

impl DeadLetterCounts {
    /// How many died for this reason and were sent on.
    pub fn of(&self, reason: DeadLetterReason) -> u64 {
        self.by_reason[reason as usize].load(Ordering::Relaxed)
    }

    /// How many of them were dropped, because they reached no queue: there was no exchange, no route,
    /// or the way led in a circle.
    pub fn unroutable(&self) -> u64 {
        self.unroutable.load(Ordering::Relaxed)
    }

    /// How many of them were refused by a queue that was full.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(crate) fn add(
        &self,
        reasons: impl Iterator<Item = DeadLetterReason>,
        unroutable: u64,
        refused: u64,
    ) {
        let mut counts = [0; DeadLetterReason::COUNT];
        reasons.for_each(|reason| counts[reason as usize] += 1);
        for (total, count) in self.by_reason.iter().zip(counts) {
            if count > 0 {
                total.fetch_add(count, Ordering::Relaxed);
            }
        }
        self.unroutable.fetch_add(unroutable, Ordering::Relaxed);
        self.refused.fetch_add(refused, Ordering::Relaxed);
    }

    /// A circle was cut: is it the first one?
    pub(crate) fn is_first_cycle(&self) -> bool {
        !self.cycle_seen.swap(true, Ordering::Relaxed)
    }
}
