//! Objects as a document, and the API, show them.

use ferrymq_broker::auth::{PermissionSet, TopicPermissionSet, User};
use ferrymq_broker::json::from_table;
use ferrymq_broker::limits::VHostLimits;
use ferrymq_broker::policy::Policy;
use ferrymq_broker::queue::arguments::{Declared, QueueType};
use ferrymq_broker::queue::shared::SharedQueue;
use ferrymq_broker::routing::{Binding, Destination, Exchange};
use ferrymq_broker::vhost::Metadata;
use serde::Serialize;
use serde_json::{Value as Json, json};

/// Compat: global parameters that are RabbitMQ's own, or ours, begin so.
const INTERNAL_PREFIX: &str = "internal";
/// Names that the broker makes.
const RESERVED_PREFIX: &str = "amq.";
const QUEUE_TYPE: &str = "x-queue-type";

pub(crate) fn user(user: &User) -> Json {
    json!({
        "name": user.name(),
        "password_hash": user.password().exported(),
        "hashing_algorithm": user.password().algorithm(),
        "tags": user.tags(),
        "limits": as_json(user.limits()),
    })
}

/// What is known about a vhost, and how much there may be in it.
pub(crate) fn vhost(name: &str, metadata: &Metadata, limits: VHostLimits) -> Json {
    let mut shown = json!({
        "name": name,
        "limits": as_json(limits),
        "metadata": self::metadata(metadata),
    });
    if metadata.tracing {
        shown["tracing"] = true.into();
    }
    shown
}

pub(crate) fn metadata(metadata: &Metadata) -> Json {
    let mut shown = json!({ "description": metadata.description, "tags": metadata.tags });
    if let Some(queue_type) = metadata.default_queue_type {
        shown["default_queue_type"] = queue_type.as_str().into();
    }
    if metadata.protected_from_deletion {
        shown["protected_from_deletion"] = true.into();
    }
    shown
}

pub(crate) fn permission(user: &str, vhost: &str, set: &PermissionSet) -> Json {
    json!({
        "user": user,
        "vhost": vhost,
        "configure": set.configure.as_str(),
        "write": set.write.as_str(),
        "read": set.read.as_str(),
    })
}

pub(crate) fn topic_permission(
    user: &str,
    vhost: &str,
    exchange: &str,
    set: &TopicPermissionSet,
) -> Json {
    let (write, read) = set.texts();
    json!({
        "user": user,
        "vhost": vhost,
        "exchange": exchange,
        "write": write,
        "read": read,
    })
}

pub(crate) fn policy(vhost: &str, policy: &Policy) -> Json {
    json!({
        "vhost": vhost,
        "name": &*policy.name,
        "pattern": policy.pattern.as_str(),
        "apply-to": policy.apply_to.as_str(),
        "priority": policy.priority,
        "definition": policy.definition.entries(),
    })
}

pub(crate) fn parameter(vhost: &str, component: &str, name: &str, value: &Json) -> Json {
    json!({ "vhost": vhost, "component": component, "name": name, "value": value })
}

pub(crate) fn global_parameter(name: &str, value: &Json) -> Json {
    json!({ "name": name, "value": value })
}

/// A queue; its type is spelled out where a declaration without one would be of another, `default_type`.
pub(crate) fn queue(vhost: &str, name: &str, declared: &Declared, default_type: QueueType) -> Json {
    let queue_type = declared.arguments.queue_type;
    let mut arguments = from_table(declared.arguments.table());
    if queue_type != default_type {
        let own = || queue_type.as_str().into();
        arguments.entry(QUEUE_TYPE).or_insert_with(own);
    }
    json!({
        "name": name,
        "vhost": vhost,
        "durable": declared.flags.durable,
        "auto_delete": declared.flags.auto_delete,
        "type": queue_type.as_str(),
        "arguments": arguments,
    })
}

pub(crate) fn exchange(vhost: &str, exchange: &Exchange) -> Json {
    json!({
        "name": exchange.name.as_str(),
        "vhost": vhost,
        "type": exchange.kind.as_str(),
        "durable": exchange.durable,
        "auto_delete": exchange.auto_delete,
        "internal": exchange.internal,
        "arguments": from_table(&exchange.arguments),
    })
}

pub(crate) fn binding(vhost: &str, binding: &Binding) -> Json {
    json!({
        "source": binding.source().as_str(),
        "vhost": vhost,
        "destination": binding.destination().name(),
        "destination_type": destination_type(binding.destination()),
        "routing_key": &**binding.routing_key(),
        "arguments": from_table(binding.arguments()),
    })
}

pub(crate) fn destination_type(destination: &Destination) -> &'static str {
    match destination {
        Destination::Queue(_) => "queue",
        Destination::Exchange(_) => "exchange",
    }
}

/// Is it a global parameter that stays between a broker and itself?
pub(crate) fn is_internal(name: &str) -> bool {
    name.starts_with(INTERNAL_PREFIX)
}

/// Does the broker make queues and exchanges of this name itself?
pub(crate) fn is_reserved(name: &str) -> bool {
    name.is_empty() || name.starts_with(RESERVED_PREFIX)
}

/// Queues that somebody else could declare.
pub(crate) fn is_exported(queue: &SharedQueue) -> bool {
    queue.owner.is_none() && !is_reserved(queue.name.as_str())
}

pub(crate) fn as_json(value: impl Serialize) -> Json {
    serde_json::to_value(value).expect("text and numbers are JSON")
}
