//! What went from the exchanges of a vhost into its queues.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::RoutedEnds;
use super::room::FlowRoom;
use super::table::FlowTable;
use crate::limits::Ticket;
use crate::stats::{ExchangeField, History};
use crate::vhost::VHost;

/// What went through an exchange into a queue. Never falls as long as both are there.
#[derive(Debug, Default)]
pub struct RoutedTotals {
    published: AtomicU64,
    /// How that went.
    pub history: History<ExchangeField>,
    _counts: Option<Ticket>,
}

impl RoutedTotals {
    /// How many messages.
    pub fn published(&self) -> u64 {
        self.published.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, count: u64) {
        self.published.fetch_add(count, Ordering::Relaxed);
    }
}

/// All of a vhost.
#[derive(Default)]
pub struct RoutedFlows {
    /// Those that are told apart.
    pub flows: FlowTable<RoutedEnds, RoutedTotals>,
    /// What there was no room to tell apart.
    pub rest: Arc<RoutedTotals>,
}

impl RoutedFlows {
    /// Where what goes from one end to the other is counted.
    pub(crate) fn find(&self, room: &FlowRoom, ends: RoutedEnds) -> Arc<RoutedTotals> {
        let begin = || {
            Some(RoutedTotals {
                _counts: Some(room.take()?),
                ..RoutedTotals::default()
            })
        };
        let totals = self.flows.find(ends, begin);
        totals.unwrap_or_else(|| Arc::clone(&self.rest))
    }

    /// Forgets those of which an end is not in `vhost` any more.
    pub(in crate::stats) fn prune(&self, vhost: &VHost) {
        self.flows.retain(|ends| vhost.has_both(ends));
    }
}
