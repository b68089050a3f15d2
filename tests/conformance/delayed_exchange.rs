//! Exchanges that keep a message until the delay in its header `x-delay` is over.

use ferrymq_tests::Broker;
use ferrymq_tests::raw::{
    AMQPValue, BasicProperties, Channel, Connection, FieldTable, basic, exchange, long_string,
    strings, table,
};

use crate::support::{channel, confirming_channel, is_other_broker, unique};

/// Longer than any test.
const FOR_EVER_MS: i32 = 3_600_000;

fn inner(kind: &str) -> FieldTable {
    table([("x-delayed-type", long_string(kind))])
}

fn delayed(channel: &Channel, kind: &str) -> String {
    channel.exchange_with(&unique("delayed"), "x-delayed-message", inner(kind))
}

fn delay(value: AMQPValue) -> BasicProperties {
    BasicProperties::default().with_headers(table([("x-delay", value)]))
}

fn after(milliseconds: i32) -> BasicProperties {
    delay(AMQPValue::LongInt(milliseconds))
}

/// A queue bound with `key`, and its consumer.
fn consumed(channel: &Channel, exchange: &str, key: &str) -> String {
    let queue = channel.temporary_queue();
    channel.bind(&queue, exchange, key);
    channel.consume_with(basic::Consume {
        queue: queue.as_str().into(),
        no_ack: true,
        ..Default::default()
    });
    queue
}

#[track_caller]
fn check_delay(headers: &FieldTable, expected: AMQPValue) {
    assert_eq!(headers.inner().get("x-delay"), Some(&expected));
}

#[test]
fn messages_come_when_their_delay_is_over() {
    let channel = channel();
    let exchange = delayed(&channel, "fanout");
    consumed(&channel, &exchange, "");
    channel.publish_with(&exchange, "", "late", &after(600));
    channel.publish_with(&exchange, "", "soon", &after(200));
    channel.publish(&exchange, "", "now");
    assert_eq!(channel.deliveries(3), ["now", "soon", "late"]);
}

#[test]
fn those_due_at_once_come_in_the_order_of_publishing() {
    let channel = channel();
    let exchange = delayed(&channel, "direct");
    consumed(&channel, &exchange, "k");
    let bodies: Vec<String> = (0..500).map(|number| number.to_string()).collect();
    for body in &bodies {
        channel.publish_with(&exchange, "k", body, &after(300));
    }
    assert_eq!(channel.deliveries(500), bodies);
}

#[test]
fn a_delivered_message_carries_its_delay_negated_and_all_else_as_it_was() {
    let channel = channel();
    let exchange = delayed(&channel, "topic");
    consumed(&channel, &exchange, "a.*");
    let headers = table([
        ("mine", long_string("kept")),
        ("x-delay", AMQPValue::ShortInt(100)),
    ]);
    let properties = BasicProperties::default()
        .with_headers(headers)
        .with_message_id("id".into())
        .with_expiration("60000".into());
    channel.publish_with(&exchange, "a.b", "body", &properties);
    let delivery = channel.delivery();
    assert_eq!(delivery.text(), "body");
    assert_eq!(
        (delivery.exchange, delivery.routing_key.as_str()),
        (exchange, "a.b")
    );
    assert!(!delivery.redelivered);
    let decoded = delivery.content.decoded();
    let headers = decoded.headers().clone().expect("headers");
    check_delay(&headers, AMQPValue::LongLongInt(-100));
    assert_eq!(headers.inner().get("mine"), Some(&long_string("kept")));
    assert_eq!(decoded.message_id(), properties.message_id());
    assert_eq!(decoded.expiration(), properties.expiration());
}

#[test]
fn a_delivered_message_is_not_delayed_again() {
    let channel = channel();
    let exchange = delayed(&channel, "fanout");
    consumed(&channel, &exchange, "");
    channel.publish_with(&exchange, "", "again", &after(100));
    let delivered = channel.delivery().content.decoded();
    let late = channel.temporary_queue();
    channel.bind(&late, &exchange, "");
    channel.publish_with(&exchange, "", "again", &delivered);
    check_delay(
        &channel.delivery().content.headers(),
        AMQPValue::LongLongInt(-100),
    );
    assert_eq!(channel.drain(&late), ["again"]);
}

#[test]
fn whatever_is_no_delay_goes_on_at_once() {
    let channel = channel();
    let exchange = delayed(&channel, "fanout");
    let queue = channel.temporary_queue();
    channel.bind(&queue, &exchange, "");
    for value in [
        AMQPValue::LongInt(0),
        AMQPValue::LongInt(-5),
        AMQPValue::LongLongInt(i64::MIN),
        long_string("soon"),
        AMQPValue::Boolean(true),
        AMQPValue::Void,
    ] {
        channel.publish_with(&exchange, "", "body", &delay(value.clone()));
        let got = channel.got(&queue);
        check_delay(&got.content.headers(), value);
    }
}

#[test]
fn a_delay_is_an_integer_of_any_width() {
    let channel = channel();
    let exchange = delayed(&channel, "fanout");
    consumed(&channel, &exchange, "");
    for value in [
        AMQPValue::ShortShortInt(50),
        AMQPValue::ShortShortUInt(50),
        AMQPValue::ShortInt(50),
        AMQPValue::ShortUInt(50),
        AMQPValue::LongInt(50),
        AMQPValue::LongUInt(50),
        AMQPValue::LongLongInt(50),
    ] {
        channel.publish_with(&exchange, "", "body", &delay(value));
        let headers = channel.delivery().content.headers();
        check_delay(&headers, AMQPValue::LongLongInt(-50));
    }
}

#[test]
fn a_delay_may_be_longer_than_anybody_lives() {
    if is_other_broker("long delays are none there") {
        return;
    }
    let channel = confirming_channel();
    let exchange = delayed(&channel, "fanout");
    let queue = channel.temporary_queue();
    channel.bind(&queue, &exchange, "");
    for milliseconds in [i64::from(u32::MAX) + 1, i64::MAX] {
        let properties = delay(AMQPValue::LongLongInt(milliseconds));
        channel.publish_with(&exchange, "", "body", &properties);
    }
    channel.confirmed(2);
    assert_eq!(channel.counts(&queue), (0, 0));
}

#[test]
fn the_bindings_of_the_moment_count() {
    let channel = channel();
    let exchange = delayed(&channel, "direct");
    let before = channel.temporary_queue();
    channel.bind(&before, &exchange, "k");
    channel.publish_with(&exchange, "k", "first", &after(500));
    channel.unbind(&before, &exchange, "k");
    consumed(&channel, &exchange, "k");
    assert_eq!(channel.delivery().text(), "first");
    assert_eq!(channel.drain(&before), Vec::<String>::new());
}

#[test]
fn a_confirm_comes_when_the_message_waits_and_none_is_returned() {
    let channel = confirming_channel();
    let exchange = delayed(&channel, "direct");
    let method = basic::Publish {
        exchange: exchange.as_str().into(),
        routing_key: "nobody".into(),
        mandatory: true,
        ..Default::default()
    };
    channel.send_message(method, &after(FOR_EVER_MS), b"waits");
    channel.confirmed(1);
    channel.expect_nothing();
}

#[test]
fn copies_by_cc_are_routed_too() {
    let channel = channel();
    let exchange = delayed(&channel, "direct");
    let (one, two) = (channel.temporary_queue(), channel.temporary_queue());
    channel.bind(&one, &exchange, "1");
    channel.bind(&two, &exchange, "2");
    let headers = table([
        ("CC", strings(&["2"])),
        ("x-delay", AMQPValue::LongInt(100)),
    ]);
    let properties = BasicProperties::default().with_headers(headers);
    channel.publish_with(&exchange, "1", "both", &properties);
    for queue in [one, two] {
        channel.consume(&queue);
    }
    assert_eq!(channel.deliveries(2), ["both", "both"]);
}

#[test]
fn a_delay_counts_where_the_message_meets_the_exchange() {
    let channel = channel();
    let exchange = delayed(&channel, "fanout");
    let source = channel.exchange(&unique("fanout"), "fanout");
    channel.bind_exchange(&exchange, &source, "");
    consumed(&channel, &exchange, "");
    consumed(&channel, &source, "");
    channel.publish_with(&source, "", "body", &after(200));
    let at_once = channel.delivery();
    check_delay(&at_once.content.headers(), AMQPValue::LongInt(200));
    let late = channel.delivery();
    check_delay(&late.content.headers(), AMQPValue::LongLongInt(-200));
    assert_eq!(late.exchange, source);
}

#[test]
fn what_nobody_is_bound_for_goes_to_the_alternate_exchange_when_it_is_due() {
    let channel = channel();
    let alternate = channel.exchange(&unique("alternate"), "fanout");
    let mut arguments = inner("direct");
    arguments.insert("alternate-exchange".into(), long_string(&alternate));
    let exchange = channel.exchange_with(&unique("delayed"), "x-delayed-message", arguments);
    consumed(&channel, &alternate, "");
    channel.publish_with(&exchange, "nobody", "late", &after(300));
    channel.publish(&exchange, "nobody", "now");
    assert_eq!(channel.deliveries(2), ["now", "late"]);
}

#[test]
fn inner_types_bind_by_their_own_rules() {
    let channel = channel();
    let exchange = delayed(&channel, "headers");
    let queue = channel.temporary_queue();
    let wanted = table([("kind", long_string("wanted"))]);
    channel.bind_with(&queue, &exchange, "", wanted);
    let of = |kind| {
        let headers = table([
            ("kind", long_string(kind)),
            ("x-delay", AMQPValue::LongInt(100)),
        ]);
        BasicProperties::default().with_headers(headers)
    };
    channel.publish_with(&exchange, "", "1", &of("unwanted"));
    channel.publish_with(&exchange, "", "2", &of("wanted"));
    channel.consume(&queue);
    assert_eq!(channel.delivery().text(), "2");
    let hashing = delayed(&channel, "x-consistent-hash");
    channel.send(ferrymq_tests::raw::queue::Bind {
        queue: queue.into(),
        exchange: hashing.into(),
        routing_key: "no weight".into(),
        ..Default::default()
    });
    channel.refused(406, "the binding key must be a weight");
}

#[track_caller]
fn check_refused(kind: &str, arguments: FieldTable, words: &str) {
    let channel = channel();
    channel.send(exchange::Declare {
        exchange: unique("refused").into(),
        kind: kind.into(),
        arguments,
        ..Default::default()
    });
    channel.refused(406, words);
}

#[test]
fn the_inner_type_must_be_one() {
    let check = |arguments, detail: &str| {
        let words = "Invalid argument, 'x-delayed-type' must be an existing exchange type";
        check_refused("x-delayed-message", arguments, &format!("{words}{detail}"));
    };
    check(table([]), " for exchange");
    check(
        table([("x-delayed-type", AMQPValue::LongInt(1))]),
        ", and a string",
    );
    check(inner("nonsense"), ", not 'nonsense'");
    check(
        inner("x-delayed-message"),
        ", and not 'x-delayed-message' itself",
    );
}

#[test]
fn any_exchange_delays_that_is_declared_to() {
    if is_other_broker("LavinMQ's argument") {
        return;
    }
    let channel = channel();
    let arguments = table([("x-delayed-exchange", AMQPValue::Boolean(true))]);
    let exchange = channel.exchange_with(&unique("delayed"), "topic", arguments);
    consumed(&channel, &exchange, "a.#");
    channel.publish_with(&exchange, "a.b", "late", &after(300));
    channel.publish(&exchange, "a.b", "now");
    assert_eq!(channel.deliveries(2), ["now", "late"]);
    let arguments = table([("x-delayed-exchange", long_string("yes"))]);
    check_refused(
        "topic",
        arguments,
        "invalid type 'longstr' for arg 'x-delayed-exchange'",
    );
}

#[test]
fn what_waits_goes_with_its_exchange() {
    let channel = channel();
    let exchange = delayed(&channel, "fanout");
    channel.publish_with(&exchange, "", "gone", &after(200));
    channel.delete_exchange(&exchange);
    channel.exchange_with(&exchange, "x-delayed-message", inner("fanout"));
    consumed(&channel, &exchange, "");
    channel.publish_with(&exchange, "", "there", &after(500));
    assert_eq!(channel.delivery().text(), "there");
}

#[test]
fn a_large_body_waits_as_well() {
    let channel = channel();
    let exchange = delayed(&channel, "fanout");
    consumed(&channel, &exchange, "");
    let body = "x".repeat(300_000);
    channel.publish_with(&exchange, "", &body, &after(100));
    assert_eq!(channel.delivery().text(), body);
}

#[test]
fn what_waits_outlives_a_restart() {
    let mut broker = Broker::start();
    let channel = Connection::open(broker.amqp()).channel();
    channel.call::<exchange::DeclareOk>(exchange::Declare {
        exchange: "delayed".into(),
        kind: "x-delayed-message".into(),
        durable: true,
        arguments: inner("fanout"),
        ..Default::default()
    });
    let queue = channel.durable_queue_with("q", FieldTable::default());
    channel.bind(&queue, "delayed", "");
    channel.confirm();
    let persistent = |milliseconds| after(milliseconds).with_delivery_mode(2);
    channel.publish_with("delayed", "", "later", &persistent(6_000));
    channel.publish_with("delayed", "", "while down", &persistent(3_000));
    channel.publish_with("delayed", "", "never", &persistent(FOR_EVER_MS));
    channel.publish_with("delayed", "", "transient", &after(3_000));
    channel.confirmed(4);
    broker.kill();
    broker.start_again();
    let channel = Connection::open(broker.amqp()).channel();
    channel.consume(&queue);
    assert_eq!(channel.deliveries(1), ["while down"]);
    drop(channel);
    broker.restart();
    let channel = Connection::open(broker.amqp()).channel();
    channel.consume(&queue);
    // The first was not acked.
    let mut bodies = channel.deliveries(2);
    bodies.sort_unstable();
    assert_eq!(bodies, ["later", "while down"]);
}
