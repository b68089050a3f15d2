//! `x-delayed` with `x-delay`, and delayed retry: messages that are ready later.

use ferrymq_tests::raw::{
    AMQPValue, BasicProperties, Channel, FieldTable, long_string, queue, table,
};

use crate::support::{channel, eventually, is_other_broker, unique};

const DELAYED: (&str, AMQPValue) = ("x-delayed", AMQPValue::Boolean(true));

fn delayed(milliseconds: i64) -> BasicProperties {
    let delay = ("x-delay", AMQPValue::LongLongInt(milliseconds));
    BasicProperties::default().with_headers(table([delay]))
}

fn declare(channel: &Channel, arguments: FieldTable) -> String {
    channel.queue_with(&unique("delays"), arguments)
}

#[test]
fn a_delayed_message_comes_when_its_time_has_come() {
    if is_other_broker("has no delayed queues") {
        return;
    }
    let channel = channel();
    let queue = declare(&channel, table([DELAYED]));
    channel.publish_with("", &queue, "third", &delayed(120));
    channel.publish_with("", &queue, "second", &delayed(60));
    channel.publish_with("", &queue, "first", &delayed(0));
    channel.consume(&queue);
    assert_eq!(channel.deliveries(3), ["first", "second", "third"]);
    channel.delete_queue(&queue);
}

#[test]
fn a_delayed_message_is_not_ready() {
    if is_other_broker("has no delayed queues") {
        return;
    }
    let channel = channel();
    let queue = declare(&channel, table([DELAYED]));
    channel.publish_with("", &queue, "a", &delayed(1_000_000));
    assert_eq!(channel.counts(&queue).0, 0);
    assert!(channel.get(&queue).is_none());
    channel.delete_queue(&queue);
}

#[test]
fn what_was_due_together_comes_in_the_order_of_publishing() {
    if is_other_broker("has no delayed queues") {
        return;
    }
    let channel = channel();
    let queue = declare(&channel, table([DELAYED]));
    channel.publish_with("", &queue, "a", &delayed(40));
    channel.publish_with("", &queue, "b", &delayed(20));
    channel.publish_with("", &queue, "c", &delayed(0));
    eventually("all are ready", || channel.counts(&queue).0 == 3);
    assert_eq!(channel.drain(&queue), ["a", "b", "c"]);
    channel.delete_queue(&queue);
}

#[test]
fn delays_need_a_queue_that_takes_them() {
    let channel = channel();
    let queue = channel.queue(&unique("plain"));
    channel.publish_with("", &queue, "a", &delayed(1_000_000));
    assert_eq!(channel.drain(&queue), ["a"]);
    channel.delete_queue(&queue);
}

#[test]
fn a_returned_message_waits_before_it_comes_again() {
    if is_other_broker("has other arguments for it") {
        return;
    }
    let channel = channel();
    let arguments = table([
        ("x-retry-delay", AMQPValue::LongInt(300)),
        ("x-retry-backoff", AMQPValue::LongInt(2)),
        ("x-retry-max-delay", AMQPValue::LongInt(400)),
    ]);
    let queue = declare(&channel, arguments);
    channel.publish("", &queue, "a");
    channel.publish("", &queue, "b");
    channel.consume(&queue);
    let first = channel.delivery();
    let second = channel.delivery();
    assert_eq!((first.text(), second.text()), ("a".into(), "b".into()));
    channel.nack(first.delivery_tag, true);
    channel.publish("", &queue, "c");
    let third = channel.delivery();
    assert_eq!(third.text(), "c", "the returned one waits");
    let again = channel.delivery();
    assert_eq!((again.text(), again.redelivered), ("a".into(), true));
    channel.reject(again.delivery_tag, true);
    assert_eq!(channel.delivery().text(), "a");
    channel.delete_queue(&queue);
}

#[test]
fn rabbitmqs_arguments_for_delayed_retry_work_on_every_type() {
    for kind in ["classic", "quorum"] {
        let channel = channel();
        let arguments = table([
            ("x-queue-type", long_string(kind)),
            ("x-delayed-retry-type", long_string("all")),
            ("x-delayed-retry-min", AMQPValue::LongInt(500)),
            ("x-delayed-retry-max", AMQPValue::LongInt(1_000)),
        ]);
        let queue = channel.durable_queue_with(&unique("delays"), arguments);
        channel.fill(&queue, &["a", "b"]);
        channel.consume(&queue);
        let first = channel.delivery();
        channel.delivery();
        channel.reject(first.delivery_tag, true);
        channel.fill(&queue, &["c"]);
        assert_eq!(channel.deliveries(2), ["c", "a"], "{kind}");
        channel.delete_queue(&queue);
    }
}

#[test]
fn wrong_arguments_are_explained() {
    if is_other_broker("has other arguments for it") {
        return;
    }
    let channel = channel();
    for (name, value) in [
        ("x-delayed", long_string("true")),
        ("x-retry-delay", AMQPValue::LongInt(0)),
        ("x-retry-backoff", AMQPValue::Double(1.5)),
        ("x-retry-max-delay", long_string("60")),
        ("x-delayed-retry-type", long_string("some")),
        ("x-delayed-retry-min", AMQPValue::LongInt(0)),
    ] {
        channel.send(queue::Declare {
            queue: unique("wrong").as_str().into(),
            arguments: table([(name, value)]),
            ..queue::Declare::default()
        });
        channel.refused(406, &format!("PRECONDITION_FAILED - invalid arg '{name}'"));
        channel.reopen();
    }
}
