//! What waits in an exchange can be listed, counted and cancelled; policies switch delays.

use std::sync::Arc;

use ferrymq_broker::queue::Queue;
use ferrymq_broker::queue::shared::{SharedQueue, Work};
use ferrymq_tests::InProcess;
use ferrymq_tests::raw::{
    AMQPValue, BasicProperties, Channel, Connection, FieldTable, long_string, table,
};

use crate::support::{actor, set_policy, vhost};

/// Longer than any test.
const FOR_EVER_MS: i32 = 3_600_000;

fn confirming(broker: &InProcess) -> Channel {
    let channel = Connection::open(broker.amqp()).channel();
    channel.confirm();
    channel
}

fn after(milliseconds: i32) -> BasicProperties {
    let headers = table([("x-delay", AMQPValue::LongInt(milliseconds))]);
    BasicProperties::default().with_headers(headers)
}

fn delaying(broker: &InProcess, exchange: &str) -> Option<Arc<SharedQueue>> {
    let found = vhost(broker).delayed_in_exchange(&actor(broker), exchange);
    found.expect("an exchange that can be read")
}

#[track_caller]
fn bodies(queue: &SharedQueue) -> Vec<String> {
    let listed = queue.inspect(|queue| queue.delayed(None, 10));
    let messages = listed.iter().filter_map(|listed| listed.message.as_ref());
    messages
        .map(|message| String::from_utf8_lossy(message.own_bytes()).into_owned())
        .collect()
}

#[test]
fn what_waits_is_listed_counted_and_cancelled() {
    let broker = InProcess::start();
    let channel = confirming(&broker);
    let arguments = table([("x-delayed-type", long_string("fanout"))]);
    channel.exchange_with("later", "x-delayed-message", arguments);
    let queue = channel.queue("q");
    channel.bind(&queue, "later", "");
    channel.publish_with("later", "", "second", &after(FOR_EVER_MS + 1000));
    channel.publish_with("later", "", "first", &after(FOR_EVER_MS));
    channel.confirmed(2);
    let waiting = delaying(&broker, "later").expect("an exchange that delays");
    assert_eq!(waiting.inspect(Queue::counts).delayed, 2);
    let listed = bodies(&waiting);
    assert!(
        listed[0].ends_with("first") && listed[1].ends_with("second"),
        "{listed:?}"
    );
    let listed = waiting.inspect(|queue| queue.delayed(None, 1));
    let first = listed[0].sequence;
    let mut work = Work::default();
    assert!(waiting.run(&mut work, |queue, effects| {
        queue.cancel_delayed(first, effects)
    }));
    assert!(!waiting.run(&mut work, |queue, effects| {
        queue.cancel_delayed(first, effects)
    }));
    assert_eq!(bodies(&waiting).len(), 1);
    assert_eq!(channel.counts(&queue), (0, 0));
}

#[test]
fn a_policy_lets_an_exchange_delay() {
    let mut broker = InProcess::start();
    let channel = confirming(&broker);
    assert!(delaying(&broker, "amq.fanout").is_none());
    set_policy(
        &broker,
        "delays",
        "amq.fanout",
        serde_json::json!({"delayed-message": true}),
    );
    let queue = channel.durable_queue_with("q", FieldTable::default());
    channel.bind(&queue, "amq.fanout", "");
    let persistent = after(FOR_EVER_MS).with_delivery_mode(2);
    channel.publish_with("amq.fanout", "", "waits", &persistent);
    channel.confirmed(1);
    assert_eq!(channel.counts(&queue), (0, 0));
    drop(channel);
    broker.restart();
    let waiting = delaying(&broker, "amq.fanout").expect("an exchange that delays");
    assert_eq!(waiting.inspect(Queue::counts).delayed, 1);
    drop(waiting);
    let channel = Connection::open(broker.amqp()).channel();
    channel.publish_with("amq.fanout", "", "soon", &after(50));
    channel.consume("q");
    assert_eq!(channel.delivery().text(), "soon");
}
