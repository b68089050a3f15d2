//! Queues and exchanges of vhosts as rows of lists, by name.

use std::ops::Range;
use std::sync::Arc;

use ferrymq_broker::queue::shared::SharedQueue;
use ferrymq_broker::routing::Exchange;
use ferrymq_broker::vhost::{Snapshot, VHost};

use crate::list::{Part, Rows, slice};

/// An exchange, which does not know its vhost.
#[derive(Clone)]
pub(crate) struct ExchangeRow {
    /// Where it is.
    pub(crate) vhost: Arc<str>,
    /// The exchange.
    pub(crate) exchange: Arc<Exchange>,
}

/// All queues of these vhosts, by name within each.
pub(crate) fn queues(vhosts: Vec<Arc<VHost>>) -> Rows<Arc<SharedQueue>> {
    vhosts.into_iter().map(Queues::of).collect()
}

/// All exchanges of these vhosts, by name within each.
pub(crate) fn exchanges(vhosts: Vec<Arc<VHost>>) -> Rows<ExchangeRow> {
    vhosts.into_iter().map(Exchanges::of).collect()
}

/// Those of a vhost at one moment.
struct Queues(Arc<Snapshot>);

impl Queues {
    fn of(vhost: Arc<VHost>) -> Self {
        Self(Arc::clone(&vhost.snapshot()))
    }
}

impl Part<Arc<SharedQueue>> for Queues {
    fn len(&self) -> usize {
        self.0.queues.len()
    }

    fn slice(self: Box<Self>, numbers: Range<usize>) -> Vec<Arc<SharedQueue>> {
        let queues = slice(self.0.queues.values(), numbers);
        queues.into_iter().cloned().collect()
    }
}

/// Those of a vhost at one moment.
struct Exchanges {
    vhost: Arc<str>,
    snapshot: Arc<Snapshot>,
}

impl Exchanges {
    fn of(vhost: Arc<VHost>) -> Self {
        Self {
            vhost: Arc::clone(vhost.name()),
            snapshot: Arc::clone(&vhost.snapshot()),
        }
    }
}

impl Part<ExchangeRow> for Exchanges {
    fn len(&self) -> usize {
        self.snapshot.topology.exchange_count()
    }

    fn slice(self: Box<Self>, numbers: Range<usize>) -> Vec<ExchangeRow> {
        let exchanges = slice(self.snapshot.topology.exchanges(), numbers);
        let row = |exchange: &Arc<Exchange>| ExchangeRow {
            vhost: Arc::clone(&self.vhost),
            exchange: Arc::clone(exchange),
        };
        exchanges.into_iter().map(row).collect()
    }
}
