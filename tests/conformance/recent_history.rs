//! The exchange type `x-recent-history`: a fanout whose latest messages also go to what is bound later.

use ferrymq_tests::Broker;
use ferrymq_tests::raw::{
    AMQPValue, BasicProperties, Channel, Connection, FieldTable, Returned, exchange, long_string,
    strings, table,
};

use crate::support::{channel, unique};

const KIND: &str = "x-recent-history";

fn of_length(length: i32) -> FieldTable {
    table([("x-recent-history-length", AMQPValue::LongInt(length))])
}

fn publish(channel: &Channel, exchange: &str, bodies: impl IntoIterator<Item = u32>) {
    for body in bodies {
        channel.publish(exchange, "any", &body.to_string());
    }
}

/// What a queue gets that is bound now.
#[track_caller]
fn replayed(channel: &Channel, exchange: &str) -> Vec<String> {
    let queue = channel.temporary_queue();
    channel.bind(&queue, exchange, "");
    channel.drain(&queue)
}

fn numbers(numbers: impl IntoIterator<Item = u32>) -> Vec<String> {
    numbers
        .into_iter()
        .map(|number| number.to_string())
        .collect()
}

#[test]
fn a_new_queue_gets_the_latest_twenty_oldest_first() {
    let channel = channel();
    let exchange = channel.exchange(&unique("history"), KIND);
    publish(&channel, &exchange, 1..=25);
    assert_eq!(replayed(&channel, &exchange), numbers(6..=25));
    publish(&channel, &exchange, 26..=26);
    assert_eq!(replayed(&channel, &exchange), numbers(7..=26));
}

#[test]
fn the_length_may_be_another() {
    let channel = channel();
    let exchange = channel.exchange_with(&unique("history"), KIND, of_length(3));
    publish(&channel, &exchange, 1..=2);
    assert_eq!(replayed(&channel, &exchange), numbers(1..=2));
    publish(&channel, &exchange, 3..=5);
    assert_eq!(replayed(&channel, &exchange), numbers(3..=5));
}

#[test]
fn long_histories_are_replayed_whole() {
    let channel = channel();
    let exchange = channel.exchange_with(&unique("history"), KIND, of_length(1000));
    publish(&channel, &exchange, 1..=1200);
    assert_eq!(replayed(&channel, &exchange), numbers(201..=1200));
}

#[test]
fn it_is_a_fanout() {
    let channel = channel();
    let exchange = channel.exchange(&unique("history"), KIND);
    let queues = [(); 2].map(|()| channel.temporary_queue());
    for queue in &queues {
        channel.bind(queue, &exchange, "a key");
    }
    publish(&channel, &exchange, 1..=3);
    for queue in &queues {
        assert_eq!(channel.drain(queue), numbers(1..=3));
    }
}

#[test]
fn a_message_keeps_its_address_and_properties() {
    let channel = channel();
    let exchange = channel.exchange(&unique("history"), KIND);
    let properties = BasicProperties::default()
        .with_message_id("id".into())
        .with_headers(table([("mine", AMQPValue::LongInt(7))]));
    channel.publish_with(&exchange, "a.key", "body", &properties);
    let queue = channel.temporary_queue();
    channel.bind(&queue, &exchange, "");
    let got = channel.got(&queue);
    assert_eq!(
        (got.exchange, got.routing_key.as_str()),
        (exchange, "a.key")
    );
    assert_eq!(got.content.decoded(), properties);
    assert!(!got.redelivered);
}

#[test]
fn binding_twice_replays_once_and_another_binding_again() {
    let channel = channel();
    let exchange = channel.exchange(&unique("history"), KIND);
    publish(&channel, &exchange, 1..=2);
    let queue = channel.temporary_queue();
    channel.bind(&queue, &exchange, "");
    channel.bind(&queue, &exchange, "");
    assert_eq!(channel.drain(&queue), numbers(1..=2));
    channel.bind(&queue, &exchange, "another key");
    assert_eq!(channel.drain(&queue), numbers(1..=2));
}

#[test]
fn a_newly_bound_exchange_routes_what_is_replayed() {
    let channel = channel();
    let exchange = channel.exchange(&unique("history"), KIND);
    let topic = channel.exchange(&unique("topic"), "topic");
    let queue = channel.temporary_queue();
    channel.bind(&queue, &topic, "wanted.#");
    let copied = BasicProperties::default().with_headers(table([("CC", strings(&["wanted.too"]))]));
    channel.publish(&exchange, "wanted.1", "1");
    channel.publish(&exchange, "unwanted", "2");
    channel.publish_with(&exchange, "unwanted", "3", &copied);
    channel.bind_exchange(&topic, &exchange, "");
    assert_eq!(channel.drain(&queue), ["1", "3"]);
}

#[test]
fn a_message_may_ask_not_to_be_stored() {
    let channel = channel();
    let exchange = channel.exchange(&unique("history"), KIND);
    let early = channel.temporary_queue();
    channel.bind(&early, &exchange, "");
    let with = |value| {
        BasicProperties::default().with_headers(table([("x-recent-history-no-store", value)]))
    };
    channel.publish_with(&exchange, "", "unstored", &with(AMQPValue::Boolean(true)));
    channel.publish(&exchange, "", "plain");
    channel.publish_with(&exchange, "", "false", &with(AMQPValue::Boolean(false)));
    channel.publish_with(&exchange, "", "text", &with(long_string("true")));
    assert_eq!(
        channel.drain(&early),
        ["unstored", "plain", "false", "text"]
    );
    assert_eq!(replayed(&channel, &exchange), ["plain", "false", "text"]);
}

#[test]
fn what_comes_through_another_exchange_is_remembered() {
    let channel = channel();
    let exchange = channel.exchange(&unique("history"), KIND);
    let source = channel.exchange(&unique("fanout"), "fanout");
    channel.bind_exchange(&exchange, &source, "");
    publish(&channel, &source, 1..=2);
    assert_eq!(replayed(&channel, &exchange), numbers(1..=2));
}

#[test]
fn what_nobody_gets_is_returned_and_remembered() {
    let channel = channel();
    let exchange = channel.exchange(&unique("history"), KIND);
    for number in 1..=2 {
        channel.publish_mandatory(&exchange, "any", &number.to_string());
    }
    for _ in 1..=2 {
        let returned: Returned = channel.expect();
        assert_eq!(returned.reply_code, 312);
    }
    assert_eq!(replayed(&channel, &exchange), numbers(1..=2));
}

#[test]
fn a_deleted_exchange_forgets() {
    let channel = channel();
    let exchange = channel.exchange(&unique("history"), KIND);
    publish(&channel, &exchange, 1..=2);
    channel.delete_exchange(&exchange);
    channel.exchange(&exchange, KIND);
    assert_eq!(replayed(&channel, &exchange), numbers([]));
}

#[track_caller]
fn check_refused(length: AMQPValue, shown: &str) {
    let channel = channel();
    channel.send(exchange::Declare {
        exchange: unique("history").into(),
        kind: KIND.into(),
        arguments: table([("x-recent-history-length", length)]),
        ..Default::default()
    });
    let words = "'x-recent-history-length' must be a positive integer";
    channel.refused(406, &format!("Invalid argument {shown}, {words}"));
}

#[test]
fn the_length_is_a_positive_integer() {
    check_refused(AMQPValue::LongInt(0), "0");
    check_refused(AMQPValue::LongLongInt(-1), "-1");
    check_refused(long_string("5"), "'5'");
}

#[test]
fn a_durable_history_outlives_a_restart() {
    let mut broker = Broker::start();
    let persistent = BasicProperties::default().with_delivery_mode(2);
    let channel = Connection::open(broker.amqp()).channel();
    for (name, durable) in [("kept", true), ("gone", false)] {
        channel.call::<exchange::DeclareOk>(exchange::Declare {
            exchange: name.into(),
            kind: KIND.into(),
            durable,
            arguments: of_length(3),
            ..Default::default()
        });
    }
    channel.confirm();
    for number in 1..=5 {
        channel.publish_with("kept", "", &number.to_string(), &persistent);
    }
    channel.publish("kept", "", "transient");
    channel.confirmed(6);
    let stop = |broker: &mut Broker| {
        broker.stop();
    };
    for end in [stop, Broker::kill] {
        end(&mut broker);
        broker.start_again();
        let channel = Connection::open(broker.amqp()).channel();
        assert_eq!(replayed(&channel, "kept"), numbers(4..=5));
        channel.confirm();
        channel.exchange("gone", KIND);
        assert_eq!(replayed(&channel, "gone"), numbers([]));
        channel.delete_exchange("gone");
    }
}
