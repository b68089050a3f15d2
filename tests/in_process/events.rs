//! What happens in the broker is published to `amq.rabbitmq.event`, and told to subscribers.

use ferrymq_broker::alarms::Alarms;
use ferrymq_broker::events::{Event, Heard};
use ferrymq_tests::InProcess;
use ferrymq_tests::raw::{
    AMQPValue, BasicProperties, Connection, Delivery, FieldTable, Login, exchange, queue, table,
};

use crate::support::{self, channel, check, check_texts, event, listener, text};

const EXCHANGE: &str = "amq.rabbitmq.event";

#[test]
fn queues_come_and_go() {
    let broker = InProcess::start();
    let events = listener(&broker, "queue.*");
    let client = channel(&broker);
    client.queue_with("orders", table([("x-expires", AMQPValue::LongInt(60_000))]));
    let created = event(&events, "queue.created");
    let names = [
        ("name", "orders"),
        ("vhost", "/"),
        ("type", "classic"),
        ("user_who_performed_action", "guest"),
    ];
    check_texts(&created, &names);
    for (flag, value) in [
        ("durable", false),
        ("auto_delete", false),
        ("exclusive", false),
    ] {
        check(&created, flag, AMQPValue::Boolean(value));
    }
    let arguments = table([("x-expires", AMQPValue::LongInt(60_000))]);
    check(&created, "arguments", AMQPValue::FieldTable(arguments));
    client.queue_with("orders", table([("x-expires", AMQPValue::LongInt(60_000))]));
    client.delete_queue("orders");
    check_texts(&event(&events, "queue.deleted"), &names);
}

#[test]
fn an_event_has_no_body_and_says_when() {
    let broker = InProcess::start();
    let events = listener(&broker, "#");
    channel(&broker).queue("orders");
    let found = std::iter::from_fn(|| Some(events.delivery()));
    let created: Delivery = found
        .into_iter()
        .find(|event| event.routing_key == "queue.created")
        .expect("an endless stream");
    assert_eq!(created.exchange, EXCHANGE);
    assert!(created.content.body.is_empty());
    let properties = created.content.decoded();
    assert_eq!(*properties.delivery_mode(), Some(2));
    let seconds = properties.timestamp().expect("a timestamp");
    match created.content.headers().inner().get("timestamp_in_ms") {
        Some(AMQPValue::LongLongInt(ms)) => assert_eq!(*ms as u64 / 1_000, seconds),
        other => panic!("{other:?}"),
    }
}

#[test]
fn exchanges_and_bindings_come_and_go() {
    let broker = InProcess::start();
    let (exchanges, bindings) = (
        listener(&broker, "exchange.*"),
        listener(&broker, "binding.*"),
    );
    // The listener for bindings hears of its own.
    event(&bindings, "binding.created");
    let client = channel(&broker);
    client.call::<exchange::DeclareOk>(exchange::Declare {
        exchange: "letters".into(),
        kind: "topic".into(),
        auto_delete: true,
        ..Default::default()
    });
    let created = event(&exchanges, "exchange.created");
    let by = ("user_who_performed_action", "guest");
    check_texts(
        &created,
        &[("name", "letters"), ("vhost", "/"), ("type", "topic"), by],
    );
    for (flag, value) in [
        ("durable", false),
        ("auto_delete", true),
        ("internal", false),
    ] {
        check(&created, flag, AMQPValue::Boolean(value));
    }
    let queue = client.queue("post");
    client.bind(&queue, "letters", "a.*");
    let names = [
        ("source_name", "letters"),
        ("source_kind", "exchange"),
        ("destination_name", "post"),
        ("destination_kind", "queue"),
        ("routing_key", "a.*"),
        ("vhost", "/"),
        by,
    ];
    check_texts(&event(&bindings, "binding.created"), &names);
    client.delete_queue("post");
    check_texts(&event(&bindings, "binding.deleted"), &names);
    check_texts(
        &event(&exchanges, "exchange.deleted"),
        &[("name", "letters"), by],
    );
}

#[test]
fn connections_channels_and_consumers_come_and_go() {
    let broker = InProcess::start();
    let events = listener(&broker, "#");
    let setup = channel(&broker);
    setup.queue("work");
    while events.delivery().routing_key != "queue.created" {}
    let client = channel(&broker);
    event(&events, "user.authentication.success");
    let opened = event(&events, "connection.created");
    check_texts(
        &opened,
        &[
            ("user", "guest"),
            ("vhost", "/"),
            ("protocol", "AMQP 0-9-1"),
        ],
    );
    check_texts(
        &opened,
        &[("auth_mechanism", "PLAIN"), ("peer_host", "127.0.0.1")],
    );
    let port = i64::from(broker.amqp().port());
    check(&opened, "port", AMQPValue::LongLongInt(port));
    check(&opened, "ssl", AMQPValue::Boolean(false));
    let socket = client.connection().socket();
    let (peer, local) = (socket.local_addr().unwrap(), socket.peer_addr().unwrap());
    assert_eq!(text(&opened, "name"), format!("{peer} -> {local}"));
    let channel = event(&events, "channel.created");
    check(&channel, "number", AMQPValue::LongLongInt(1));
    assert_eq!(text(&channel, "connection"), text(&opened, "pid"));
    let tag = client.consume("work");
    let consumer = event(&events, "consumer.created");
    check_texts(
        &consumer,
        &[("consumer_tag", &tag), ("queue", "work"), ("vhost", "/")],
    );
    check(&consumer, "ack_required", AMQPValue::Boolean(true));
    assert_eq!(text(&consumer, "channel"), text(&channel, "pid"));
    client.connection().close();
    check_texts(
        &event(&events, "consumer.deleted"),
        &[("consumer_tag", &tag)],
    );
    let closed = event(&events, "channel.closed");
    assert_eq!(text(&closed, "pid"), text(&channel, "pid"));
    let closed = event(&events, "connection.closed");
    for name in ["pid", "name"] {
        assert_eq!(text(&closed, name), text(&opened, name));
    }
}

#[test]
fn a_consumer_goes_once_however_it_goes() {
    let broker = InProcess::start();
    let client = channel(&broker);
    client.queue("one");
    client.queue("two");
    let events = listener(&broker, "consumer.*");
    let cancelled = client.consume("one");
    event(&events, "consumer.created");
    // A cancelled consumer stays until this is settled.
    client.publish("", "one", "unacked");
    client.delivery();
    client.cancel(&cancelled);
    check_texts(
        &event(&events, "consumer.deleted"),
        &[("consumer_tag", &cancelled)],
    );
    let tag = client.consume("two");
    event(&events, "consumer.created");
    client.send(queue::Delete {
        queue: "two".into(),
        ..Default::default()
    });
    check_texts(
        &event(&events, "consumer.deleted"),
        &[("consumer_tag", &tag)],
    );
    client.connection().drop_socket();
    let marker = support::channel(&broker);
    marker.consume("one");
    event(&events, "consumer.created");
}

#[test]
fn a_channel_closed_by_both_sides_goes_once() {
    let broker = InProcess::start();
    let events = listener(&broker, "channel.*");
    let client = channel(&broker);
    event(&events, "channel.created");
    client.send(queue::Declare {
        queue: "missing".into(),
        passive: true,
        ..Default::default()
    });
    event(&events, "channel.closed");
    client.refused_without_answer(404, "missing");
    client.connection().close();
    support::channel(&broker);
    event(&events, "channel.created");
}

#[test]
fn logins_succeed_and_fail() {
    let broker = InProcess::start();
    let events = listener(&broker, "user.#");
    let refused = Connection::connect(broker.amqp());
    refused.start();
    refused.send_start_ok(&Login::plain("nobody", "secret"));
    let failed = event(&events, "user.authentication.failure");
    check_texts(&failed, &[("name", "nobody"), ("auth_mechanism", "PLAIN")]);
    check_texts(
        &failed,
        &[("connection_type", "network"), ("peer_host", "127.0.0.1")],
    );
    assert!(text(&failed, "error").contains("no such user"));
    let client = channel(&broker);
    let succeeded = event(&events, "user.authentication.success");
    check_texts(&succeeded, &[("name", "guest")]);
    assert!(!succeeded.contains_key("error"));
    let peer = client.connection().socket().local_addr().unwrap();
    check(
        &succeeded,
        "peer_port",
        AMQPValue::LongLongInt(peer.port().into()),
    );
}

#[test]
fn alarms_are_set_and_cleared() {
    let broker = InProcess::start_with(|config| config.node_name = "here".into());
    let events = listener(&broker, "alarm.*");
    let memory = Alarms {
        memory: true,
        ..Alarms::default()
    };
    broker.broker().set_alarms(memory);
    let names = [("source", "memory"), ("node", "here")];
    check_texts(&event(&events, "alarm.set"), &names);
    broker.broker().set_alarms(Alarms::default());
    check_texts(&event(&events, "alarm.cleared"), &names);
}

#[test]
fn clients_cannot_publish_events() {
    let broker = InProcess::start();
    let client = channel(&broker);
    client.publish(EXCHANGE, "queue.created", "a lie");
    client.refused(
        403,
        "cannot publish to internal exchange 'amq.rabbitmq.event'",
    );
}

#[test]
fn a_durable_listener_outlives_a_restart() {
    let mut broker = InProcess::start();
    let client = channel(&broker);
    client.durable_queue_with("audit", FieldTable::default());
    client.bind("audit", EXCHANGE, "queue.created");
    client.queue("before");
    drop(client);
    broker.restart();
    let client = support::channel(&broker);
    client.queue("after");
    client.publish_with("", "audit", "end", &BasicProperties::default());
    let names = ["before", "after"].map(|_| {
        let headers = client.got("audit").content.headers();
        text(&headers, "name")
    });
    assert_eq!(names, ["before", "after"]);
}

#[tokio::test]
async fn a_subscriber_in_this_process_hears_everything() {
    let broker = InProcess::start();
    let mut subscription = broker.broker().events().subscribe();
    let address = broker.amqp();
    let declare = tokio::task::spawn_blocking(move || {
        Connection::open(address).channel().queue("heard");
    });
    declare.await.unwrap();
    loop {
        match subscription.next().await {
            Heard::Event(occurrence) => {
                if let Event::QueueCreated(queue) = &occurrence.event {
                    return assert_eq!(queue.name, "heard");
                }
            }
            Heard::Lost(lost) => panic!("{lost} lost"),
        }
    }
}
