//! What a publisher repeats is confirmed and dropped.

use crate::support::vhost;
use ferrymq_tests::InProcess;
use ferrymq_tests::raw::{
    AMQPValue, BasicProperties, Channel, Connection, FieldTable, basic, exchange,
};

fn arguments(more: &[(&str, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    let wanted = AMQPValue::Boolean(true);
    table.insert("x-message-deduplication".into(), wanted);
    for (name, value) in more {
        table.insert((*name).into(), value.clone());
    }
    table
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

fn with_value(header: &str, value: AMQPValue) -> BasicProperties {
    let mut headers = FieldTable::default();
    headers.insert(header.into(), value);
    BasicProperties::default()
        .with_delivery_mode(2)
        .with_headers(headers)
}

fn confirming(broker: &InProcess) -> Channel {
    let channel = Connection::open(broker.amqp()).channel();
    channel.confirm();
    channel
}

/// Publishes bodies with a value each.
fn publish(channel: &Channel, queue: &str, messages: &[(&str, &str)]) {
    for (value, body) in messages {
        let properties = with_value("x-deduplication-header", text(value));
        channel.publish_with("", queue, body, &properties);
    }
}

/// The next confirm is for the publish with this tag.
fn answered(channel: &Channel, tag: u64) {
    assert_eq!(channel.expect::<basic::Ack>().delivery_tag, tag);
}

fn duplicates(broker: &InProcess, queue: &str) -> u64 {
    let vhost = vhost(broker);
    let snapshot = vhost.snapshot();
    let counts = snapshot.queues[queue].inspect(|queue| queue.counts());
    counts.duplicates
}

#[test]
fn a_duplicate_is_confirmed_dropped_and_counted() {
    let broker = InProcess::start();
    let channel = confirming(&broker);
    channel.durable_queue_with("q", arguments(&[]));
    publish(
        &channel,
        "q",
        &[("1", "a"), ("2", "b"), ("1", "c"), ("2", "d")],
    );
    channel.confirmed(4);
    for tag in [5, 6] {
        channel.publish("", "q", "without a value");
        answered(&channel, tag);
    }
    let all = ["a", "b", "without a value", "without a value"];
    assert_eq!(channel.drain("q"), all);
    assert_eq!(duplicates(&broker, "q"), 2);
    // That the originals were consumed changes nothing.
    publish(&channel, "q", &[("1", "e")]);
    answered(&channel, 7);
    assert_eq!(channel.drain("q"), [""; 0]);
}

#[test]
fn a_window_is_as_long_as_it_was_asked_for() {
    let broker = InProcess::start();
    let channel = confirming(&broker);
    let size = ("x-cache-size", AMQPValue::LongInt(2));
    channel.queue_with("q", arguments(&[size]));
    let values = [("1", "a"), ("2", "b"), ("3", "c"), ("2", "d"), ("1", "e")];
    publish(&channel, "q", &values);
    channel.confirmed(5);
    assert_eq!(channel.drain("q"), ["a", "b", "c", "e"]);
}

#[test]
fn the_value_may_stand_elsewhere() {
    let broker = InProcess::start();
    let channel = confirming(&broker);
    let header = ("x-deduplication-header", text("order"));
    channel.queue_with("by-header", arguments(&[header]));
    let header = ("x-deduplication-header", text("message-id"));
    channel.queue_with("by-id", arguments(&[header]));
    for body in ["a", "b"] {
        let properties = with_value("order", AMQPValue::LongInt(7));
        channel.publish_with("", "by-header", body, &properties);
    }
    for (id, body) in [("1", "a"), ("2", "b"), ("1", "c")] {
        let properties = BasicProperties::default().with_message_id(id.into());
        channel.publish_with("", "by-id", body, &properties);
    }
    channel.confirmed(5);
    assert_eq!(channel.drain("by-header"), ["a"]);
    assert_eq!(channel.drain("by-id"), ["a", "b"]);
}

#[test]
fn other_queues_of_a_fan_out_take_what_one_knows() {
    let broker = InProcess::start();
    let channel = confirming(&broker);
    channel.exchange("both", "fanout");
    channel.durable_queue_with("once", arguments(&[]));
    channel.durable_queue_with("twice", FieldTable::default());
    for queue in ["once", "twice"] {
        channel.bind(queue, "both", "");
    }
    for body in ["a", "b"] {
        let properties = with_value("x-deduplication-header", text("1"));
        channel.publish_with("both", "", body, &properties);
    }
    channel.confirmed(2);
    assert_eq!(channel.drain("once"), ["a"]);
    assert_eq!(channel.drain("twice"), ["a", "b"]);
}

#[test]
fn what_was_refused_may_be_sent_again() {
    let broker = InProcess::start();
    let channel = confirming(&broker);
    let limits = [
        ("x-max-length", AMQPValue::LongInt(1)),
        ("x-overflow", text("reject-publish")),
    ];
    channel.queue_with("q", arguments(&limits));
    publish(&channel, "q", &[("1", "a")]);
    channel.confirmed(1);
    publish(&channel, "q", &[("2", "b")]);
    channel.expect::<basic::Nack>();
    assert_eq!(channel.drain("q"), ["a"]);
    publish(&channel, "q", &[("2", "b")]);
    answered(&channel, 3);
    assert_eq!(channel.drain("q"), ["b"]);
}

#[test]
fn a_dead_letter_is_no_duplicate_of_itself() {
    let broker = InProcess::start();
    let channel = confirming(&broker);
    let back = [
        ("x-dead-letter-exchange", text("")),
        ("x-dead-letter-routing-key", text("q")),
    ];
    channel.queue_with("q", arguments(&back));
    publish(&channel, "q", &[("1", "a")]);
    channel.confirmed(1);
    let got = channel.got("q");
    channel.reject(got.delivery_tag, false);
    assert_eq!(channel.got("q").text(), "a");
}

#[test]
fn an_exchange_takes_no_value_twice_and_remembers_it() {
    let mut broker = InProcess::start();
    let channel = confirming(&broker);
    let declare = |channel: &Channel| {
        channel.call::<exchange::DeclareOk>(exchange::Declare {
            exchange: "once".into(),
            kind: "fanout".into(),
            durable: true,
            arguments: arguments(&[]),
            ..exchange::Declare::default()
        });
    };
    declare(&channel);
    channel.durable_queue_with("q", FieldTable::default());
    channel.bind("q", "once", "");
    let send = |channel: &Channel, value: &str| {
        let properties = with_value("x-deduplication-header", text(value));
        channel.publish_with("once", "", value, &properties);
    };
    for value in ["1", "2", "1", "3", "2"] {
        send(&channel, value);
    }
    channel.confirmed(5);
    assert_eq!(channel.drain("q"), ["1", "2", "3"]);
    drop(channel);
    broker.restart();
    let channel = confirming(&broker);
    for value in ["3", "4", "1"] {
        send(&channel, value);
    }
    channel.confirmed(3);
    assert_eq!(channel.drain("q"), ["4"]);
    channel.delete_exchange("once");
    declare(&channel);
    channel.bind("q", "once", "");
    send(&channel, "4");
    answered(&channel, 4);
    assert_eq!(channel.drain("q"), ["4"]);
}

#[test]
fn what_a_queue_refused_may_be_sent_to_the_exchange_again() {
    let broker = InProcess::start();
    let channel = confirming(&broker);
    channel.exchange_with("once", "fanout", arguments(&[]));
    let mut limits = FieldTable::default();
    limits.insert("x-max-length".into(), AMQPValue::LongInt(1));
    limits.insert("x-overflow".into(), text("reject-publish"));
    channel.queue_with("q", limits);
    channel.bind("q", "once", "");
    let send = |value: &str| {
        let properties = with_value("x-deduplication-header", text(value));
        channel.publish_with("once", "", value, &properties);
    };
    send("1");
    answered(&channel, 1);
    // The second is refused, and so is what repeats it.
    send("2");
    channel.expect::<basic::Nack>();
    send("2");
    channel.expect::<basic::Nack>();
    assert_eq!(channel.drain("q"), ["1"]);
    send("2");
    answered(&channel, 4);
    assert_eq!(channel.drain("q"), ["2"]);
}

#[test]
fn a_wrong_argument_is_refused_by_name() {
    let broker = InProcess::start();
    let channel = Connection::open(broker.amqp()).channel();
    channel.send(exchange::Declare {
        exchange: "once".into(),
        kind: "fanout".into(),
        arguments: arguments(&[("x-cache-size", AMQPValue::LongInt(0))]),
        ..exchange::Declare::default()
    });
    channel.refused(406, "x-cache-size");
}

#[test]
fn a_restart_remembers() {
    let mut broker = InProcess::start();
    let channel = confirming(&broker);
    channel.durable_queue_with("q", arguments(&[]));
    channel.durable_queue_with("gone", arguments(&[]));
    for queue in ["q", "gone"] {
        publish(&channel, queue, &[("1", "a"), ("2", "b"), ("3", "c")]);
    }
    channel.confirmed(6);
    assert_eq!(channel.drain("q"), ["a", "b", "c"]);
    channel.delete_queue("gone");
    drop(channel);
    for _ in 0..2 {
        broker.restart();
        let channel = confirming(&broker);
        publish(&channel, "q", &[("3", "d"), ("2", "e"), ("1", "f")]);
        channel.confirmed(3);
        assert_eq!(channel.drain("q"), [""; 0]);
    }
    let channel = confirming(&broker);
    channel.durable_queue_with("gone", arguments(&[]));
    publish(&channel, "gone", &[("1", "a")]);
    channel.confirmed(1);
    assert_eq!(channel.drain("gone"), ["a"]);
}

#[test]
fn a_restart_with_a_shorter_window_keeps_the_latest() {
    let mut broker = InProcess::start();
    let channel = confirming(&broker);
    let size = ("x-cache-size", AMQPValue::LongInt(3));
    channel.durable_queue_with("q", arguments(&[size]));
    for round in 0..5 {
        let values: Vec<String> = (0..4).map(|number| format!("{round}-{number}")).collect();
        let messages: Vec<(&str, &str)> = values.iter().map(|value| (&**value, "a")).collect();
        publish(&channel, "q", &messages);
    }
    channel.confirmed(20);
    assert_eq!(channel.drain("q").len(), 20);
    drop(channel);
    broker.restart();
    let channel = confirming(&broker);
    publish(
        &channel,
        "q",
        &[("4-1", "a"), ("4-2", "b"), ("4-3", "c"), ("4-0", "d")],
    );
    channel.confirmed(4);
    assert_eq!(channel.drain("q"), ["d"]);
}
