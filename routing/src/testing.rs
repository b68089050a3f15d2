//! What the tests of this crate share: short ways to build topologies and messages.

use ferrymq_amqp::table::encode_table;
use ferrymq_amqp::{AMQPValue, FieldTable, Properties};

use crate::{
    Binding, Destination, Error, Exchange, ExchangeKind, QueueName, RouteInput, Routed, Topology,
};

/// A table of these entries.
pub(crate) fn table(entries: &[(&str, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert((*name).into(), value.clone());
    }
    table
}

pub(crate) fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

/// The binding of a queue; of an exchange if the name starts with `x`.
pub(crate) fn binding(source: &str, key: &str, destination: &str) -> Binding {
    binding_with(source, key, destination, &[])
}

pub(crate) fn binding_with(
    source: &str,
    key: &str,
    destination: &str,
    arguments: &[(&str, AMQPValue)],
) -> Binding {
    let to = match destination.starts_with('x') {
        true => Destination::Exchange(destination.into()),
        false => Destination::Queue(destination.into()),
    };
    Binding::new(source.into(), to, key, table(arguments))
}

/// Adds a binding with its queue.
pub(crate) fn bind(topology: &mut Topology, binding: Binding) -> Result<bool, Error> {
    if let Destination::Queue(queue) = binding.destination() {
        topology.add_queue(queue.clone());
    }
    topology.bind(binding)
}

/// An exchange `x` of this kind, with these (key, queue).
pub(crate) fn bound(kind: ExchangeKind, bindings: &[(&str, &str)]) -> Topology {
    let mut topology = Topology::new();
    topology.declare_exchange(Exchange::new("x", kind)).unwrap();
    for (key, queue) in bindings {
        bind(&mut topology, binding("x", key, queue)).unwrap();
    }
    topology
}

/// Properties as bytes: headers, and by their flag bits message id (7), correlation id (10), timestamp (6).
pub(crate) fn properties(bit: u32, value: &[u8]) -> Vec<u8> {
    let mut bytes = (1_u16 << bit).to_be_bytes().to_vec();
    bytes.extend_from_slice(value);
    bytes
}

pub(crate) fn headers(entries: &[(&str, AMQPValue)]) -> Vec<u8> {
    let mut value = Vec::new();
    encode_table(&mut value, &table(entries));
    properties(13, &value)
}

pub(crate) fn routed(
    topology: &Topology,
    exchange: &str,
    keys: &[&str],
    properties: &[u8],
    random: u64,
) -> Routed {
    let properties = Properties::parse(properties).unwrap();
    let mut routed = Routed::default();
    let input = RouteInput {
        routing_keys: keys,
        properties: Some(&properties),
        random,
        is_due: false,
    };
    topology.route(exchange, &input, &mut routed);
    routed
}

/// The queues that a message with these keys reaches, as `q1 q2`.
pub(crate) fn queues(topology: &Topology, exchange: &str, keys: &[&str]) -> String {
    joined(&routed(topology, exchange, keys, &[0, 0], 0).queues)
}

pub(crate) fn joined(queues: &[QueueName]) -> String {
    queues
        .iter()
        .map(QueueName::as_str)
        .collect::<Vec<_>>()
        .join(" ")
}
