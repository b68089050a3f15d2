//! Consumers that keep a delivery for too long.

use ferrymq_tests::harness::Options;
use ferrymq_tests::raw::{
    AMQPValue, Channel, Connection, Delivery, Expected, FieldTable, Login, Tuning, basic,
    long_string, table,
};

use crate::support::{address, channel, connect, is_other_broker, unique};

/// A time-out of one second, as an argument.
fn one_second() -> FieldTable {
    table([("x-consumer-timeout", AMQPValue::LongInt(1000))])
}

/// Expects the consumer to be cancelled, its `delivery` to be there for others, and an ack that comes too late to do
/// nothing.
#[track_caller]
fn check_cancelled(channel: &Channel, queue: &str, consumer_tag: &str, delivery: &Delivery) {
    let cancel: basic::Cancel = channel.expect();
    assert_eq!(cancel.consumer_tag.as_str(), consumer_tag);
    let other = channel.connection().channel();
    let got = other.got(queue);
    assert_eq!((got.text().as_str(), got.redelivered), ("a", true));
    channel.ack(delivery.delivery_tag);
    channel.expect_nothing();
    assert_eq!(channel.counts(queue), (0, 0));
}

#[test]
fn a_queue_may_have_a_time_out() {
    if is_other_broker("3.10 looks once a minute") {
        return;
    }
    let channel = channel();
    let queue = channel.queue_with(&unique("timeout"), one_second());
    let tag = channel.consume(&queue);
    channel.fill(&queue, &["a"]);
    let delivery = channel.delivery();
    check_cancelled(&channel, &queue, &tag, &delivery);
}

#[test]
fn a_consumer_may_have_a_time_out() {
    if is_other_broker("unknown in 3.10") {
        return;
    }
    let channel = channel();
    let queue = channel.temporary_queue();
    let consume = basic::Consume {
        queue: queue.as_str().into(),
        arguments: one_second(),
        ..Default::default()
    };
    let tag = channel.consume_with(consume);
    channel.fill(&queue, &["a"]);
    let delivery = channel.delivery();
    check_cancelled(&channel, &queue, &tag, &delivery);
}

#[test]
fn the_broker_may_have_a_time_out() {
    if is_other_broker("needs a broker of its own") {
        return;
    }
    let options = Options::default().environment("FERRYMQ_QUEUES_CONSUMER_TIMEOUT", "1s");
    let broker = options.start();
    let channel = Connection::open(broker.amqp()).channel();
    let queue = channel.queue("slow");
    let tag = channel.consume(&queue);
    channel.fill(&queue, &["a"]);
    let delivery = channel.delivery();
    check_cancelled(&channel, &queue, &tag, &delivery);
}

#[test]
fn only_the_slow_consumer_is_cancelled() {
    if is_other_broker("3.10 looks once a minute") {
        return;
    }
    let connection = connect();
    let (channel, observer) = (connection.channel(), connection.channel());
    let queue = channel.queue_with(&unique("timeout"), one_second());
    channel.qos(1, false);
    let slow = channel.consume(&queue);
    channel.consume(&queue);
    channel.fill(&queue, &["a", "b"]);
    let deliveries = [channel.delivery(), channel.delivery()];
    for delivery in &deliveries {
        if delivery.consumer_tag != slow {
            channel.ack(delivery.delivery_tag);
        }
    }
    let (mut cancelled, mut redelivered) = (None, None);
    while cancelled.is_none() || redelivered.is_none() {
        match Delivery::from_event(channel.next()) {
            Ok(delivery) => redelivered = Some(delivery),
            Err(event) => cancelled = basic::Cancel::from_event(*event).ok(),
        }
    }
    assert_eq!(
        cancelled.map(|cancel| cancel.consumer_tag.into()),
        Some(slow)
    );
    assert_eq!(
        redelivered.map(|delivery| delivery.text()).as_deref(),
        Some("a")
    );
    assert_eq!(observer.counts(&queue), (0, 1));
}

#[test]
fn without_the_capability_the_channel_is_closed() {
    if is_other_broker("3.10 looks once a minute") {
        return;
    }
    let login = Login::default().without("consumer_cancel_notify");
    let channel = Connection::open_with(address(), &login, Tuning::default()).channel();
    let queue = channel.queue_with(&unique("timeout"), one_second());
    channel.consume(&queue);
    channel.fill(&queue, &["a"]);
    channel.delivery();
    channel.refused(406, "delivery acknowledgement on channel 1 timed out");
    channel.reopen();
    assert!(channel.got(&queue).redelivered);
}

#[test]
fn a_time_out_is_a_number() {
    if is_other_broker("not checked in 3.10") {
        return;
    }
    let channel = channel();
    let queue = channel.temporary_queue();
    let arguments = table([("x-consumer-timeout", long_string("soon"))]);
    channel.send(basic::Consume {
        queue: queue.into(),
        arguments,
        ..Default::default()
    });
    channel.refused(406, "x-consumer-timeout");
}
