//! What queues are asked for outlives a restart, together with the messages.

use std::sync::Arc;

use ferrymq_broker::clock;
use ferrymq_tests::InProcess;
use ferrymq_tests::raw::{
    AMQPValue, BasicProperties, Channel, Connection, basic, long_string, table,
};

fn open(broker: &InProcess) -> Channel {
    Connection::open(broker.amqp()).channel()
}

fn publish(channel: &Channel, queue: &str, messages: &[(&str, BasicProperties)]) {
    channel.confirm();
    for (body, properties) in messages {
        channel.publish_with("", queue, body, properties);
    }
    channel.confirmed(messages.len() as u64);
}

fn persistent() -> BasicProperties {
    BasicProperties::default().with_delivery_mode(2)
}

#[test]
fn a_quorum_queue_keeps_transient_messages() {
    let mut broker = InProcess::start();
    let channel = open(&broker);
    channel.durable_queue_with("quorum", table([("x-queue-type", long_string("quorum"))]));
    channel.durable_queue_with("classic", table([]));
    for queue in ["quorum", "classic"] {
        let channel = open(&broker);
        let transient = BasicProperties::default().with_delivery_mode(1);
        publish(&channel, queue, &[("t", transient), ("p", persistent())]);
    }
    drop(channel);
    broker.restart();
    let channel = open(&broker);
    assert_eq!(channel.drain("quorum"), ["t", "p"]);
    assert_eq!(channel.drain("classic"), ["p"]);
}

#[test]
fn priorities_hold_after_a_restart() {
    let mut broker = InProcess::start();
    let channel = open(&broker);
    channel.durable_queue_with(
        "levels",
        table([("x-max-priority", AMQPValue::LongInt(10))]),
    );
    let at = |priority| persistent().with_priority(priority);
    let messages = [
        ("low", at(1)),
        ("high", at(9)),
        ("middle", at(5)),
        ("high too", at(9)),
    ];
    publish(&channel, "levels", &messages);
    drop(channel);
    broker.restart();
    let channel = open(&broker);
    assert_eq!(channel.counts("levels").0, 4);
    channel.publish_with("", "levels", "highest", &at(10));
    let expected = ["highest", "high", "high too", "middle", "low"];
    assert_eq!(channel.drain("levels"), expected);
}

#[test]
fn a_limit_holds_for_what_a_start_found() {
    let mut broker = InProcess::start();
    let channel = open(&broker);
    for (queue, argument) in [("length", "x-max-length"), ("bytes", "x-max-length-bytes")] {
        channel.durable_queue_with(queue, table([(argument, AMQPValue::LongInt(3))]));
        let channel = open(&broker);
        let messages = ["a", "b", "c"].map(|body| (body, persistent()));
        publish(&channel, queue, &messages);
    }
    drop(channel);
    broker.restart();
    for queue in ["length", "bytes"] {
        let channel = open(&broker);
        publish(&channel, queue, &[("d", persistent())]);
        assert_eq!(channel.drain(queue), ["b", "c", "d"], "{queue}");
    }
}

#[test]
fn dropped_messages_stay_dropped() {
    let mut broker = InProcess::start();
    let channel = open(&broker);
    channel.durable_queue_with("short", table([("x-max-length", AMQPValue::LongInt(1))]));
    let messages = ["a", "b", "c"].map(|body| (body, persistent()));
    publish(&channel, "short", &messages);
    let got = channel.got("short");
    channel.send(basic::Reject {
        delivery_tag: got.delivery_tag,
        requeue: false,
    });
    channel.expect_nothing();
    drop(channel);
    broker.restart();
    assert_eq!(open(&broker).counts("short").0, 0);
}

#[test]
fn what_a_lost_connection_held_waits_before_it_comes_again() {
    let broker = InProcess::start();
    let channel = open(&broker);
    let delay = ("x-retry-delay", AMQPValue::LongInt(300_000));
    channel.durable_queue_with("retried", table([delay]));
    publish(&channel, "retried", &[("a", persistent())]);
    let lost = open(&broker);
    lost.got("retried");
    // A round trip later its connection has nothing to do, and has given back what it worked with.
    lost.expect_nothing();
    lost.connection().drop_socket();
    let vhost = broker.broker().vhost("/").unwrap();
    let queue = Arc::clone(&vhost.snapshot().queues["retried"]);
    while queue.inspect(|queue| queue.counts().unacked) > 0 {
        std::thread::yield_now();
    }
    let listed = queue.inspect(|queue| queue.delayed(None, 1));
    assert!(listed[0].due > clock::now(), "it waits from now on");
}
