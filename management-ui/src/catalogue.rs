//! Queues and exchanges of vhosts as rows of lists, by name.

use std::ops::Range;
use std::sync::Arc;

use ferrymq_broker::queue::shared::SharedQueue;
use ferrymq_broker::routing::Exchange;
use ferrymq_broker::vhost::{Snapshot, VHost};

use crate::list::{Names, Part, Rows, pick, slice};

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

    /// A name lies nearer than its queue: the others are not looked at. Who looks at all takes them first: it is
    /// faster than to wait for the memory of one after another.
    fn each(&self, names: Names<'_>, look: &mut dyn FnMut(usize, &Arc<SharedQueue>)) {
        let Some(wanted) = names else {
            let queues: Vec<_> = self.0.queues.values().cloned().collect();
            let queues = queues.iter().enumerate();
            return queues.for_each(|(number, queue)| look(number, queue));
        };
        for (number, (name, queue)) in self.0.queues.iter().enumerate() {
            if wanted(name.as_str()) {
                look(number, queue);
            }
        }
    }

    fn slice(self: Box<Self>, numbers: Range<usize>) -> Vec<Arc<SharedQueue>> {
        let queues = slice(self.0.queues.values(), numbers);
        queues.into_iter().cloned().collect()
    }

    fn pick(self: Box<Self>, numbers: &[usize]) -> Vec<Arc<SharedQueue>> {
        let queues = pick(self.0.queues.values(), numbers);
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

impl Exchanges {
    fn row(&self, exchange: &Arc<Exchange>) -> ExchangeRow {
        ExchangeRow {
            vhost: Arc::clone(&self.vhost),
            exchange: Arc::clone(exchange),
        }
    }
}

impl Part<ExchangeRow> for Exchanges {
    fn len(&self) -> usize {
        self.snapshot.topology.exchange_count()
    }

    fn each(&self, names: Names<'_>, look: &mut dyn FnMut(usize, &ExchangeRow)) {
        for (number, exchange) in self.snapshot.topology.exchanges().enumerate() {
            if names.is_none_or(|wanted| wanted(exchange.name.as_str())) {
                look(number, &self.row(exchange));
            }
        }
    }

    fn slice(self: Box<Self>, numbers: Range<usize>) -> Vec<ExchangeRow> {
        let exchanges = slice(self.snapshot.topology.exchanges(), numbers);
        let exchanges = exchanges.into_iter();
        exchanges.map(|exchange| self.row(exchange)).collect()
    }

    fn pick(self: Box<Self>, numbers: &[usize]) -> Vec<ExchangeRow> {
        let exchanges = pick(self.snapshot.topology.exchanges(), numbers);
        let exchanges = exchanges.into_iter();
        exchanges.map(|exchange| self.row(exchange)).collect()
    }
}
