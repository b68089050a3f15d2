//! Policies, declarations and events as the cases need them.

use ferrymq_broker::actor::Actor;
use ferrymq_broker::clock;
use ferrymq_broker::policy::{ApplyTo, PolicyError, PolicyKind, PolicyRequest};
use ferrymq_broker::vhost::VHost;
use ferrymq_tests::InProcess;
use ferrymq_tests::raw::{AMQPValue, Channel, Connection, FieldTable, basic, long_string};
use serde_json::Value as Json;
use std::sync::Arc;
use std::time::Duration;

/// The only vhost there is at first.
pub(crate) fn vhost(broker: &InProcess) -> Arc<VHost> {
    broker.broker().vhost("/").expect("the default vhost")
}

/// The default user, by no connection.
#[track_caller]
pub(crate) fn actor(broker: &InProcess) -> Actor {
    Actor {
        user: broker
            .broker()
            .users()
            .user("guest")
            .expect("the default user"),
        connection: None,
    }
}

/// A channel on a connection of its own.
#[track_caller]
pub(crate) fn channel(broker: &InProcess) -> Channel {
    Connection::open(broker.amqp()).channel()
}

pub(crate) fn request(
    pattern: &str,
    apply_to: ApplyTo,
    priority: i64,
    definition: Json,
) -> PolicyRequest {
    let Json::Object(definition) = definition else {
        panic!("a definition is an object");
    };
    PolicyRequest {
        pattern: pattern.into(),
        apply_to,
        priority,
        definition,
    }
}

/// Sets a policy on all queues and exchanges whose name begins with `prefix`.
#[track_caller]
pub(crate) fn set_policy(broker: &InProcess, name: &str, prefix: &str, definition: Json) {
    let request = request(&format!("^{prefix}"), ApplyTo::All, 0, definition);
    set(broker, PolicyKind::User, name, request).expect("a policy that can apply");
}

pub(crate) fn set(
    broker: &InProcess,
    kind: PolicyKind,
    name: &str,
    request: PolicyRequest,
) -> Result<(), PolicyError> {
    vhost(broker)
        .set_policy(kind, name, request, "guest", clock::now())
        .map(drop)
}

/// Clears a policy that is there.
#[track_caller]
pub(crate) fn clear_policy(broker: &InProcess, name: &str) {
    let cleared = vhost(broker).clear_policy(PolicyKind::User, name, "guest", clock::now());
    assert!(cleared.is_some(), "no policy '{name}'");
}

pub(crate) fn long(value: i64) -> AMQPValue {
    AMQPValue::LongLongInt(value)
}

/// A consumer of the events whose keys `pattern` matches.
pub(crate) fn listener(broker: &InProcess, pattern: &str) -> Channel {
    let channel = Connection::open(broker.amqp()).channel();
    let queue = channel.temporary_queue();
    channel.consume_with(basic::Consume {
        queue: queue.as_str().into(),
        no_ack: true,
        ..Default::default()
    });
    channel.bind(&queue, "amq.rabbitmq.event", pattern);
    channel
}

/// The next event, which must have this key.
#[track_caller]
pub(crate) fn event(listener: &Channel, key: &str) -> FieldTable {
    let delivery = listener.delivery();
    assert_eq!(delivery.routing_key, key);
    delivery.content.headers()
}

#[track_caller]
pub(crate) fn check(headers: &FieldTable, name: &str, expected: AMQPValue) {
    assert_eq!(headers.inner().get(name), Some(&expected), "{name}");
}

#[track_caller]
pub(crate) fn check_texts(headers: &FieldTable, expected: &[(&str, &str)]) {
    for (name, text) in expected {
        check(headers, name, long_string(text));
    }
}

#[track_caller]
pub(crate) fn text(headers: &FieldTable, name: &str) -> String {
    match headers.inner().get(name) {
        Some(AMQPValue::LongString(text)) => text.to_string(),
        other => panic!("{name}: {other:?}"),
    }
}

/// Waits until `happened`.
#[track_caller]
pub(crate) fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let give_up = clock::now().after(Duration::from_secs(10));
    while !happened() {
        assert!(clock::now() < give_up, "{what} did not come");
        std::thread::yield_now();
    }
}
