//! What the queues have in common: what segments hold, and what the next checkpoint has to write.

use std::collections::HashSet;

use super::condemned::Condemned;
use super::segments::Segments;
use crate::QueueId;

/// Kept by every queue's changes.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) segments: Segments,
    /// A message counts once for each queue.
    pub(crate) live_messages: u64,
    pub(crate) changed: Changed,
    pub(crate) condemned: Condemned,
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
