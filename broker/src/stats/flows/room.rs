//! How many flows there may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::limits::{Counter, Limit, Ticket};

/// So many flows are told apart at a time, in the whole broker. A busy one takes 1 KiB, all together 50 MB.
const MOST_FLOWS: usize = 50_000;

/// Room for the flows of a broker.
#[derive(Debug)]
pub struct FlowRoom {
    most: usize,
    flows: Arc<Counter>,
    refused: AtomicU64,
}

impl Default for FlowRoom {
    fn default() -> Self {
        Self::new(MOST_FLOWS)
    }
}

impl FlowRoom {
    fn new(most: usize) -> Self {
        Self {
            most,
            flows: Arc::default(),
            refused: AtomicU64::new(0),
        }
    }

    /// How many there are.
    pub fn flows(&self) -> usize {
        self.flows.count()
    }

    /// How often there was no room for another: not 0 means that not everything is told apart.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Room for one more, if there is any.
    pub(super) fn take(&self) -> Option<Ticket> {
        let most = i64::try_from(self.most).ok();
        let ticket = self.flows.take(Limit(most)).ok();
        if ticket.is_none() && self.refused.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!(
                "{} pairs of channels, exchanges and queues are counted one by one, and no more: what passes between \
                 others is counted without them",
                self.most
            );
        }
        ticket
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_makes_room() {
        let room = FlowRoom::new(1);
        let first = room.take();
        assert!(first.is_some() && room.take().is_none());
        assert_eq!((room.flows(), room.refused()), (1, 1));
        drop(first);
        assert!(room.take().is_some());
        assert_eq!(room.refused(), 1);
    }

    impl FlowRoom {
        /// With room for so many.
        pub(in crate::stats) fn for_tests(most: usize) -> Arc<Self> {
            Arc::new(Self::new(most))
        }
    }
}
