//! A binding, and what makes two bindings the same one.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use ferrymq_amqp::FieldTable;
use ferrymq_amqp::table::encode_table;

use crate::{ExchangeName, QueueName};

/// Where a binding leads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// A queue.
    Queue(QueueName),
    /// Another exchange, which routes on by the same routing keys and headers.
    Exchange(ExchangeName),
}

/// A rule of an exchange: what matches goes to the destination.
///
/// Its identity, for equality and order, is all four parts. Arguments are the same when names, types and
/// values are: 5 in one byte and 5 in eight are two bindings.
#[derive(Debug, Clone)]
pub struct Binding {
    source: ExchangeName,
    destination: Destination,
    routing_key: Arc<str>,
    arguments: FieldTable,
    /// The arguments as bytes in the order of their names; empty when there are none.
    encoded_arguments: Box<[u8]>,
}

impl Destination {
    /// The name of the queue or exchange.
    pub fn name(&self) -> &str {
        match self {
            Self::Queue(queue) => queue.as_str(),
            Self::Exchange(exchange) => exchange.as_str(),
        }
    }
}

impl Binding {
    /// The binding of `destination` to `source`.
    pub fn new(
        source: ExchangeName,
        destination: Destination,
        routing_key: impl Into<Arc<str>>,
        arguments: FieldTable,
    ) -> Self {
        let mut encoded = Vec::new();
        if !arguments.inner().is_empty() {
            encode_table(&mut encoded, &arguments);
        }
        Self {
            source,
            destination,
            routing_key: routing_key.into(),
            arguments,
            encoded_arguments: encoded.into(),
        }
    }

    /// The exchange that routes by this binding.
    pub fn source(&self) -> &ExchangeName {
        &self.source
    }

    /// Where matching messages go.
    pub fn destination(&self) -> &Destination {
        &self.destination
    }

    /// The binding key.
    pub fn routing_key(&self) -> &Arc<str> {
        &self.routing_key
    }

    /// The arguments; only headers exchanges look at them.
    pub fn arguments(&self) -> &FieldTable {
        &self.arguments
    }

    /// Whether one end is the default exchange, whose bindings nobody can change.
    pub fn touches_default_exchange(&self) -> bool {
        let to_default =
            matches!(&self.destination, Destination::Exchange(name) if name.is_default());
        self.source.is_default() || to_default
    }

    /// The same binding, its names sharing the allocations of these equal ones.
    pub(crate) fn sharing(self, source: ExchangeName, destination: Destination) -> Self {
        debug_assert!(self.source == source && self.destination == destination);
        Self {
            source,
            destination,
            ..self
        }
    }

    fn identity(&self) -> (&ExchangeName, &Destination, &str, &[u8]) {
        // Invariant: the bindings of one exchange sort by destination first, so that walking them meets
        // all bindings of one destination in a row.
        let Self {
            source,
            destination,
            routing_key,
            encoded_arguments,
            ..
        } = self;
        (source, destination, routing_key, encoded_arguments)
    }
}

impl PartialEq for Binding {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Binding {}

impl PartialOrd for Binding {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Binding {
    fn cmp(&self, other: &Self) -> Ordering {
        self.identity().cmp(&other.identity())
    }
}

impl Hash for Binding {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use ferrymq_amqp::AMQPValue;

    use super::*;
    use crate::testing::{binding, binding_with, text};

    #[test]
    fn identity_is_all_four_parts() {
        let first = binding_with(
            "s",
            "k",
            "q",
            &[("a", AMQPValue::LongInt(5)), ("b", text("1"))],
        );
        let check = |other: Binding, same| {
            assert_eq!(first == other, same, "{other:?}");
            assert_eq!(first.cmp(&other).is_eq(), same, "{other:?}");
        };
        let number = |number| [("b", text("1")), ("a", number)];
        check(
            binding_with("s", "k", "q", &number(AMQPValue::LongInt(5))),
            true,
        );
        check(
            binding_with("s", "k", "q", &number(AMQPValue::LongInt(6))),
            false,
        );
        check(
            binding_with("s", "k", "q", &number(AMQPValue::ShortInt(5))),
            false,
        );
        check(
            binding_with("t", "k", "q", &number(AMQPValue::LongInt(5))),
            false,
        );
        check(
            binding_with("s", "l", "q", &number(AMQPValue::LongInt(5))),
            false,
        );
        check(
            binding_with("s", "k", "r", &number(AMQPValue::LongInt(5))),
            false,
        );
        check(binding("s", "k", "q"), false);
    }

    #[test]
    fn a_queue_and_an_exchange_of_one_name_are_two_destinations() {
        let to = |to| Binding::new("s".into(), to, "k", FieldTable::default());
        assert_ne!(
            to(Destination::Queue("n".into())),
            to(Destination::Exchange("n".into()))
        );
    }
}
