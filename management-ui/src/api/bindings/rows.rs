//! Bindings as rows of lists. Every queue's binding to the default exchange is made up when it is shown: with very many
//! queues a page of the list costs no more than with few.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use ferrymq_broker::json;
use ferrymq_broker::routing::{Binding, Destination, Exchange};
use ferrymq_broker::vhost::{Snapshot, VHost};
use serde_json::{Value, json};

use super::key::Key;
use super::to_queue;
use crate::http::Site;
use crate::list::{Names, Part, Row, Rows, SortKey, pick, slice};
use crate::query::View;

/// A binding, which does not know its vhost.
pub(super) struct BindingRow {
    pub(super) vhost: Arc<str>,
    pub(super) binding: Arc<Binding>,
}

/// The bindings from an exchange at one moment, in their order.
pub(super) struct Source {
    vhost: Arc<str>,
    snapshot: Arc<Snapshot>,
    exchange: Arc<Exchange>,
}

/// All bindings of these vhosts: in each first those of the default exchange, then by source, destination and key.
pub(super) fn all(vhosts: Vec<Arc<VHost>>) -> Rows<BindingRow> {
    vhosts.iter().flat_map(|vhost| sources(vhost)).collect()
}

/// Every queue is bound to the default exchange by its name.
pub(super) fn default(queue: &str) -> Arc<Binding> {
    let binding = Binding::new("".into(), to_queue(queue), queue, Default::default());
    Arc::new(binding)
}

fn sources(vhost: &VHost) -> Vec<Source> {
    let snapshot = Arc::clone(&vhost.snapshot());
    let exchanges = snapshot.topology.exchanges();
    let source = |exchange: &Arc<Exchange>| Source {
        vhost: Arc::clone(vhost.name()),
        snapshot: Arc::clone(&snapshot),
        exchange: Arc::clone(exchange),
    };
    exchanges.map(source).collect()
}

impl Source {
    /// Those from the exchange `name`, if it exists.
    pub(super) fn find(vhost: &VHost, name: &str) -> Option<Self> {
        let snapshot = Arc::clone(&vhost.snapshot());
        Some(Self {
            vhost: Arc::clone(vhost.name()),
            exchange: Arc::clone(snapshot.topology.exchange(name)?),
            snapshot,
        })
    }
}

impl Source {
    /// Of the default exchange: all that it leads to.
    fn queues(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator {
        self.snapshot.queues.keys().map(|name| name.as_str())
    }

    /// Of any other: its bindings.
    fn bindings(&self) -> impl Iterator<Item = &Arc<Binding>> {
        let name = self.exchange.name.as_str();
        self.snapshot.topology.bindings_from(name)
    }

    fn row(&self, binding: Arc<Binding>) -> BindingRow {
        BindingRow {
            vhost: Arc::clone(&self.vhost),
            binding,
        }
    }

    fn rows(&self, bindings: impl Iterator<Item = Arc<Binding>>) -> Vec<BindingRow> {
        bindings.map(|binding| self.row(binding)).collect()
    }
}

impl Part<BindingRow> for Source {
    fn len(&self) -> usize {
        match self.exchange.name.is_default() {
            true => self.snapshot.queues.len(),
            false => self
                .snapshot
                .topology
                .count_from(self.exchange.name.as_str()),
        }
    }

    fn each(&self, names: Names<'_>, look: &mut dyn FnMut(usize, &BindingRow)) {
        let mut number = 0;
        let mut each = |binding| {
            let row = self.row(binding);
            if names.is_none_or(|wanted| wanted(&row.name())) {
                look(number, &row);
            }
            number += 1;
        };
        match self.exchange.name.is_default() {
            true => self.queues().map(default).for_each(&mut each),
            false => self.bindings().cloned().for_each(&mut each),
        }
    }

    fn slice(self: Box<Self>, numbers: Range<usize>) -> Vec<BindingRow> {
        match self.exchange.name.is_default() {
            true => self.rows(slice(self.queues(), numbers).into_iter().map(default)),
            false => {
                let wanted = self.bindings().skip(numbers.start).take(numbers.len());
                self.rows(wanted.cloned())
            }
        }
    }

    fn pick(self: Box<Self>, numbers: &[usize]) -> Vec<BindingRow> {
        match self.exchange.name.is_default() {
            true => self.rows(pick(self.queues(), numbers).into_iter().map(default)),
            false => self.rows(pick(self.bindings(), numbers).into_iter().cloned()),
        }
    }
}

impl Row for BindingRow {
    /// Compat: a binding has none.
    fn name(&self) -> Cow<'_, str> {
        let binding = &self.binding;
        let source = binding.source().as_str();
        let destination = binding.destination().name();
        format!("{source} {destination} {}", binding.routing_key()).into()
    }

    fn render(&self, _: &Site, _: &View) -> Value {
        let binding = &self.binding;
        let destination_type = match binding.destination() {
            Destination::Queue(_) => "queue",
            Destination::Exchange(_) => "exchange",
        };
        json!({
            "source": binding.source().as_str(),
            "vhost": &*self.vhost,
            "destination": binding.destination().name(),
            "destination_type": destination_type,
            "routing_key": &**binding.routing_key(),
            "arguments": json::from_table(binding.arguments()),
            "properties_key": Key::of(binding).to_string(),
        })
    }

    fn sort_key(&self, _: &Site, field: &str) -> Option<SortKey> {
        Some(match field {
            "source" => self.binding.source().as_str().into(),
            "vhost" => self.vhost.as_ref().into(),
            "destination" => self.binding.destination().name().into(),
            "routing_key" => self.binding.routing_key().as_ref().into(),
            _ => return None,
        })
    }
}
