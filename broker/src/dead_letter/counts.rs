//! How many messages were dead-lettered, of a queue and of all of them, and what became of them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::dead_letter::DeadLetterReason;
use crate::queue::arguments::QueueType;
use crate::vhost::Sent;

/// Never counted on the path of a message that lives.
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

    /// How many died and were sent on, for any reason.
    fn sent(&self) -> u64 {
        let counts = self.by_reason.iter();
        counts.map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// How often one reached no queue: there was no exchange, no route, or the way led in a circle. It was
    /// dropped, or is tried again.
    pub fn unroutable(&self) -> u64 {
        self.unroutable.load(Ordering::Relaxed)
    }

    /// How often one was refused by a queue that was full. It was dropped there, or is tried again.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, sent: &Sent) {
        for (total, count) in self.by_reason.iter().zip(sent.by_reason) {
            if count > 0 {
                total.fetch_add(count, Ordering::Relaxed);
            }
        }
        self.unroutable
            .fetch_add(sent.unroutable, Ordering::Relaxed);
        self.refused.fetch_add(sent.refused, Ordering::Relaxed);
    }

    /// A circle was cut: is it the first one?
    pub(crate) fn is_first_cycle(&self) -> bool {
        !self.cycle_seen.swap(true, Ordering::Relaxed)
    }
}

/// Those of all queues since the start, by queue type and by how they are sent on.
#[derive(Debug, Default)]
pub struct DeadLetterTotals([[DeadLetterCounts; 2]; QueueType::ALL.len()]);

impl DeadLetterTotals {
    /// Those of queues of this type, that are sent on at least once, or at most.
    pub fn of(&self, queue_type: QueueType, at_least_once: bool) -> &DeadLetterCounts {
        &self.0[queue_type as usize][usize::from(at_least_once)]
    }

    /// How many died and were sent on, of all together.
    pub fn sent(&self) -> u64 {
        self.0.iter().flatten().map(DeadLetterCounts::sent).sum()
    }
}
