//! `expiration` and `x-message-ttl`: messages that wait for too long, amqp.md 17.

use ferrymq_tests::raw::{
    AMQPValue, BasicProperties, Channel, FieldTable, long_string, queue, table,
};

use crate::support::{channel, confirming_channel, connect, eventually, is_other_broker, unique};

fn expiring(milliseconds: &str) -> BasicProperties {
    BasicProperties::default().with_expiration(milliseconds.into())
}

fn ttl(milliseconds: i64) -> (&'static str, AMQPValue) {
    ("x-message-ttl", AMQPValue::LongLongInt(milliseconds))
}

/// A queue for the dead letters of another one, whose arguments these are.
fn graveyard(channel: &Channel) -> (String, FieldTable) {
    let dead = channel.queue(&unique("dead"));
    let arguments = table([
        ("x-dead-letter-exchange", long_string("")),
        ("x-dead-letter-routing-key", long_string(&dead)),
    ]);
    (dead, arguments)
}

#[test]
fn an_expired_message_leaves_by_itself() {
    let channel = channel();
    let queue = channel.queue(&unique("ttl"));
    channel.publish_with("", &queue, "a", &expiring("20"));
    channel.publish("", &queue, "b");
    eventually("the message expires", || channel.counts(&queue).0 == 1);
    assert_eq!(channel.drain(&queue), ["b"]);
    channel.delete_queue(&queue);
}

#[test]
fn messages_expire_by_deadline_wherever_they_stand() {
    if is_other_broker("only the head expires") {
        return;
    }
    let channel = channel();
    let (dead, arguments) = graveyard(&channel);
    let queue = channel.queue_with(&unique("mixed"), arguments);
    for (body, span) in [("never", "100000"), ("c", "90"), ("a", "30"), ("b", "60")] {
        channel.publish_with("", &queue, body, &expiring(span));
    }
    channel.consume(&dead);
    assert_eq!(channel.deliveries(3), ["a", "b", "c"]);
    assert_eq!(channel.drain(&queue), ["never"]);
    channel.delete_queue(&queue);
    channel.delete_queue(&dead);
}

#[test]
fn the_smaller_time_to_live_counts() {
    let channel = channel();
    let queue = channel.queue_with(&unique("smaller"), table([ttl(20)]));
    channel.publish_with("", &queue, "a", &expiring("100000"));
    eventually("the message expires", || channel.counts(&queue).0 == 0);
    channel.delete_queue(&queue);
    let queue = channel.queue_with(&unique("smaller"), table([ttl(100_000)]));
    channel.publish_with("", &queue, "a", &expiring("20"));
    eventually("the message expires", || channel.counts(&queue).0 == 0);
    channel.delete_queue(&queue);
}

#[test]
fn without_time_to_live_a_message_reaches_only_who_waits_for_it() {
    let channel = confirming_channel();
    let queue = channel.queue(&unique("immediate"));
    channel.publish_with("", &queue, "nobody", &expiring("0"));
    channel.confirmed(1);
    assert_eq!(channel.counts(&queue).0, 0);
    let consumer = connect().channel();
    consumer.consume(&queue);
    consumer.publish_with("", &queue, "somebody", &expiring("0"));
    assert_eq!(consumer.deliveries(1), ["somebody"]);
    channel.delete_queue(&queue);
}

#[test]
fn a_message_that_nobody_takes_at_once_is_a_dead_letter() {
    let channel = channel();
    let (dead, mut arguments) = graveyard(&channel);
    arguments.insert("x-message-ttl".into(), AMQPValue::LongInt(0));
    let queue = channel.queue_with(&unique("immediate"), arguments);
    channel.publish("", &queue, "a");
    channel.consume(&dead);
    assert_eq!(channel.deliveries(1), ["a"]);
    channel.delete_queue(&queue);
    channel.delete_queue(&dead);
}

#[test]
fn what_a_consumer_holds_expires_when_it_comes_back() {
    let channel = channel();
    let queue = channel.queue(&unique("held"));
    let clock = channel.queue_with(&unique("clock"), table([ttl(40)]));
    channel.publish_with("", &queue, "a", &expiring("20"));
    let got = channel.got(&queue);
    channel.publish("", &clock, "tick");
    eventually("time passes", || channel.counts(&clock).0 == 0);
    channel.nack(got.delivery_tag, true);
    assert!(channel.get(&queue).is_none());
    channel.delete_queue(&queue);
    channel.delete_queue(&clock);
}

#[test]
fn a_time_to_live_is_milliseconds_of_at_most_ten_years() {
    let channel = channel();
    for value in [
        AMQPValue::LongInt(-1),
        long_string("60"),
        AMQPValue::LongLongInt(315_360_000_001),
        AMQPValue::Double(1.5),
    ] {
        channel.send(queue::Declare {
            queue: unique("wrong").as_str().into(),
            arguments: table([("x-message-ttl", value)]),
            ..queue::Declare::default()
        });
        channel.refused(406, "PRECONDITION_FAILED - invalid arg 'x-message-ttl'");
        channel.reopen();
    }
}
