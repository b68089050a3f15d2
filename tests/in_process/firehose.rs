//! Copies of what is published and delivered, while tracing is on.

use ferrymq_broker::queue::shared::Work;
use ferrymq_broker::vhost::{Fate, Outgoing, VHost};
use ferrymq_tests::InProcess;
use ferrymq_tests::raw::{
    AMQPValue, BasicProperties, Channel, Connection, Delivery, FieldTable, basic, long_string,
    strings, table, tx,
};

use crate::support::actor;

const EXCHANGE: &str = "amq.rabbitmq.trace";

/// A broker whose vhost is traced, and a consumer of the copies whose keys `pattern` matches.
fn traced(pattern: &str) -> (InProcess, Channel) {
    let broker = InProcess::start();
    let listener = listener(&broker, pattern);
    vhost(&broker, |vhost| vhost.set_tracing(true));
    (broker, listener)
}

fn vhost(broker: &InProcess, action: impl FnOnce(&VHost)) {
    action(&broker.broker().vhost("/").expect("the default vhost"));
}

fn listener(broker: &InProcess, pattern: &str) -> Channel {
    let channel = client(broker);
    let queue = channel.temporary_queue();
    channel.bind(&queue, EXCHANGE, pattern);
    channel.consume_with(basic::Consume {
        queue: queue.into(),
        no_ack: true,
        ..Default::default()
    });
    channel
}

fn client(broker: &InProcess) -> Channel {
    Connection::open(broker.amqp()).channel()
}

/// The next copy, which must have this key and body.
#[track_caller]
fn copy(listener: &Channel, key: &str, body: &str) -> FieldTable {
    let copy: Delivery = listener.delivery();
    assert_eq!(
        (copy.routing_key.as_str(), copy.text().as_str()),
        (key, body)
    );
    assert_eq!(copy.exchange, EXCHANGE);
    let properties = copy.content.decoded();
    assert_eq!(*properties.delivery_mode(), None, "only headers");
    copy.content.headers()
}

#[track_caller]
fn check(headers: &FieldTable, expected: &[(&str, AMQPValue)]) {
    for (name, value) in expected {
        assert_eq!(headers.inner().get(*name), Some(value), "{name}");
    }
}

#[test]
fn what_is_published_is_copied() {
    let (broker, listener) = traced("publish.#");
    let client = client(&broker);
    let [one, two] = ["one", "two"].map(|name| client.queue(name));
    client.bind(&one, "amq.topic", "a.*");
    client.bind(&two, "amq.topic", "b.*");
    let headers = table([("CC", strings(&["b.c"])), ("mine", AMQPValue::LongInt(7))]);
    let properties = BasicProperties::default()
        .with_content_type("text/plain".into())
        .with_priority(3)
        .with_timestamp(1_700_000_000)
        .with_headers(headers.clone());
    client.publish_with("amq.topic", "a.b", "body", &properties);
    let copied = copy(&listener, "publish.amq.topic", "body");
    let socket = client.connection().socket();
    let (peer, local) = (socket.local_addr().unwrap(), socket.peer_addr().unwrap());
    let expected = table([
        ("content_type", long_string("text/plain")),
        ("headers", AMQPValue::FieldTable(headers)),
        ("priority", AMQPValue::LongInt(3)),
        ("timestamp", AMQPValue::LongInt(1_700_000_000)),
    ]);
    let node = broker.broker().config().node_name.clone();
    check(
        &copied,
        &[
            ("exchange_name", long_string("amq.topic")),
            ("routing_keys", strings(&["a.b", "b.c"])),
            ("properties", AMQPValue::FieldTable(expected)),
            ("node", long_string(&node)),
            ("vhost", long_string("/")),
            ("connection", long_string(&format!("{peer} -> {local}"))),
            ("channel", AMQPValue::LongInt(1)),
            ("user", long_string("guest")),
            ("routed_queues", strings(&["one", "two"])),
        ],
    );
    assert!(!copied.contains_key("redelivered"));
}

#[test]
fn every_message_of_a_run_is_copied_and_the_unroutable_too() {
    let (broker, listener) = traced("publish.#");
    let client = client(&broker);
    client.queue("q");
    for body in ["1", "2", "3"] {
        client.publish("", "q", body);
    }
    client.publish("amq.direct", "nowhere", "lost");
    for body in ["1", "2", "3"] {
        let headers = copy(&listener, "publish.", body);
        check(&headers, &[("routed_queues", strings(&["q"]))]);
    }
    let lost = copy(&listener, "publish.amq.direct", "lost");
    check(&lost, &[("routed_queues", strings(&[]))]);
}

#[test]
fn what_a_transaction_publishes_is_copied_when_it_commits() {
    let (broker, listener) = traced("publish.#");
    let client = client(&broker);
    client.queue("q");
    client.call::<tx::SelectOk>(tx::Select {});
    client.publish("", "q", "rolled back");
    client.call::<tx::RollbackOk>(tx::Rollback {});
    for body in ["1", "2"] {
        client.publish("", "q", body);
    }
    client.publish("", "nowhere", "3");
    client.call::<tx::CommitOk>(tx::Commit {});
    for body in ["1", "2", "3"] {
        copy(&listener, "publish.", body);
    }
}

#[test]
fn what_is_delivered_is_copied() {
    let (broker, listener) = traced("deliver.#");
    let client = client(&broker);
    client.queue("q");
    client.publish("", "q", "body");
    let got = client.got("q");
    let headers = copy(&listener, "deliver.q", "body");
    let names = [
        ("exchange_name", long_string("")),
        ("routing_keys", strings(&["q"])),
        ("vhost", long_string("/")),
        ("channel", AMQPValue::LongInt(1)),
        ("user", long_string("guest")),
    ];
    check(&headers, &names);
    check(&headers, &[("redelivered", AMQPValue::LongInt(0))]);
    assert!(!headers.contains_key("routed_queues"));
    client.nack(got.delivery_tag, true);
    client.consume("q");
    client.delivery();
    let headers = copy(&listener, "deliver.q", "body");
    check(&headers, &names);
    check(&headers, &[("redelivered", AMQPValue::LongInt(1))]);
}

#[test]
fn what_comes_and_goes_without_a_channel_is_copied() {
    let (broker, listener) = traced("#");
    client(&broker).queue("q");
    let check_copy = |key: &str, more: &[(&str, AMQPValue)]| {
        let headers = copy(&listener, key, "body");
        check(&headers, more);
        let expected = [
            ("connection", long_string("HTTP API")),
            ("channel", AMQPValue::LongInt(0)),
            ("user", long_string("guest")),
        ];
        check(&headers, &expected);
    };
    vhost(&broker, |vhost| {
        let mut work = Work::default();
        let outgoing = Outgoing {
            exchange: "",
            routing_key: "q",
            properties: &[0, 0],
            body: b"body".to_vec(),
        };
        let actor = actor(&broker);
        vhost.publish_one(&actor, outgoing, &mut work).unwrap();
        check_copy("publish.", &[("routed_queues", strings(&["q"]))]);
        for redelivered in [0, 1] {
            let fetched = vhost.fetch(&actor, "q", 5, Fate::Requeue, &mut work);
            assert_eq!(fetched.unwrap().len(), 1);
            let redelivered = AMQPValue::LongInt(redelivered);
            check_copy("deliver.q", &[("redelivered", redelivered)]);
        }
        vhost.finish(&mut work);
    });
}

#[test]
fn copies_are_not_copied() {
    let (broker, listener) = traced("#");
    let client = client(&broker);
    client.queue("q");
    // The listener's own deliveries would come in between, for ever.
    for body in ["1", "2", "3"] {
        client.publish("", "q", body);
        copy(&listener, "publish.", body);
    }
    client.bind_exchange("amq.fanout", EXCHANGE, "publish.#");
    let queue = client.queue("copies");
    client.bind(&queue, "amq.fanout", "");
    client.publish("", "q", "4");
    copy(&listener, "publish.", "4");
    assert_eq!(client.got("copies").text(), "4");
    client.publish("", "q", "5");
    copy(&listener, "publish.", "5");
}

#[test]
fn nothing_is_copied_while_it_is_off() {
    let (broker, listener) = traced("#");
    let client = client(&broker);
    client.queue("q");
    vhost(&broker, |vhost| vhost.set_tracing(false));
    client.publish("", "q", "unseen");
    client.got("q");
    vhost(&broker, |vhost| vhost.set_tracing(true));
    client.publish("", "q", "seen");
    copy(&listener, "publish.", "seen");
}

#[test]
fn large_bodies_are_copied_whole() {
    let (broker, listener) = traced("publish.#");
    let client = client(&broker);
    let body = "x".repeat(300_000);
    client.publish("", "nowhere", &body);
    copy(&listener, "publish.", &body);
}
