//! Stopping and starting again: what is there afterwards, and how the end looks from outside.
//!
//! These tests start a broker of their own in any case.

use ferrymq_tests::harness::program;
use futures_lite::StreamExt;
use lapin::options::{ExchangeBindOptions, ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Event, ExchangeKind};

use crate::support::*;

fn persistent() -> BasicProperties {
    BasicProperties::default().with_delivery_mode(2)
}

async fn exchange(channel: &Channel, name: &str, durable: bool) {
    let options = ExchangeDeclareOptions {
        durable,
        ..Default::default()
    };
    let kind = ExchangeKind::Direct;
    let declared = channel.exchange_declare(name.into(), kind, options, FieldTable::default());
    within(declared).await.expect("declare an exchange");
}

async fn exchange_exists(connection: &lapin::Connection, name: &str) -> bool {
    let options = ExchangeDeclareOptions {
        passive: true,
        ..Default::default()
    };
    let channel = open(connection).await;
    let declared = channel.exchange_declare(
        name.into(),
        ExchangeKind::Direct,
        options,
        FieldTable::default(),
    );
    within(declared).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn durable_queues_exchanges_and_bindings_survive_and_transient_ones_do_not() {
    let mut server = Server::start_own();
    let (_connection, channel) = server.channel().await;
    exchange(&channel, "durable", true).await;
    exchange(&channel, "onward", true).await;
    exchange(&channel, "transient", false).await;
    let arguments = table([("x-message-ttl", AMQPValue::LongInt(3_600_000))]);
    let options = QueueDeclareOptions::durable();
    within(channel.queue_declare("durable".into(), options, arguments))
        .await
        .expect("declare");
    declare(&channel, "transient", QueueDeclareOptions::default())
        .await
        .expect("declare");
    declare(&channel, "exclusive", QueueDeclareOptions::exclusive())
        .await
        .expect("declare");
    bind(&channel, "durable", "durable", "key")
        .await
        .expect("bind");
    bind(&channel, "durable", "transient", "key")
        .await
        .expect("bind");
    bind(&channel, "durable", "onward", "key")
        .await
        .expect("bind");
    let (options, arguments): (ExchangeBindOptions, _) = Default::default();
    let (to, from) = ("onward".into(), "amq.topic".into());
    within(channel.exchange_bind(to, from, "#".into(), options, arguments))
        .await
        .expect("bind");

    server.restart();
    let connection = server.connect().await;
    for (name, expected) in [
        ("durable", true),
        ("transient", false),
        ("exclusive", false),
    ] {
        assert_eq!(
            queue_exists(&connection, name).await,
            expected,
            "queue {name}"
        );
    }
    for (name, expected) in [("durable", true), ("onward", true), ("transient", false)] {
        assert_eq!(
            exchange_exists(&connection, name).await,
            expected,
            "exchange {name}"
        );
    }
    let channel = open_confirming(&connection).await;
    publish(&channel, "durable", "key", b"by the durable binding").await;
    publish(&channel, "amq.topic", "key", b"through both exchanges").await;
    let bodies = drain(&channel, "durable").await;
    assert_eq!(bodies, ["by the durable binding", "through both exchanges"]);
    let refused = declare(&channel, "durable", QueueDeclareOptions::durable()).await;
    assert_refused(refused, 406, "inequivalent arg 'x-message-ttl'");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_stays_deleted() {
    let mut server = Server::start_own();
    let (_connection, channel) = server.channel().await;
    exchange(&channel, "gone", true).await;
    exchange(&channel, "kept", true).await;
    durable_queue(&channel, "gone").await;
    durable_queue(&channel, "kept").await;
    bind(&channel, "kept", "kept", "old").await.expect("bind");
    let confirming = open_confirming(&_connection).await;
    publish_with(&confirming, "", "gone", b"from before", persistent()).await;
    let unbound = channel.queue_unbind(
        "kept".into(),
        "kept".into(),
        "old".into(),
        FieldTable::default(),
    );
    within(unbound).await.expect("unbind");
    within(channel.queue_delete("gone".into(), Default::default()))
        .await
        .expect("delete");
    within(channel.exchange_delete("gone".into(), Default::default()))
        .await
        .expect("delete");

    server.restart();
    let connection = server.connect().await;
    assert!(!queue_exists(&connection, "gone").await);
    assert!(!exchange_exists(&connection, "gone").await);
    let channel = open_confirming(&connection).await;
    publish(&channel, "kept", "old", b"nowhere").await;
    assert_eq!(counts(&channel, "kept").await.0, 0);
    durable_queue(&channel, "gone").await;
    assert_eq!(
        counts(&channel, "gone").await.0,
        0,
        "a new queue of that name is empty"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn persistent_messages_survive_in_order_with_their_properties() {
    let mut server = Server::start_own();
    let (connection, channel) = server.channel().await;
    durable_queue(&channel, "orders").await;
    let publisher = open_confirming(&connection).await;
    let properties = persistent()
        .with_message_id("id".into())
        .with_headers(table([("kind", AMQPValue::LongInt(7))]));
    for number in 0..500 {
        let body = number.to_string();
        publish_with(
            &publisher,
            "",
            "orders",
            body.as_bytes(),
            properties.clone(),
        )
        .await;
    }
    publish_with(&publisher, "", "orders", &vec![9; 3_000_000], persistent()).await;
    publish(&publisher, "", "orders", b"transient").await;

    server.restart();
    let (_connection, channel) = server.channel().await;
    assert_eq!(counts(&channel, "orders").await.0, 501);
    let mut consumer = consume(&channel, "orders").await;
    for number in 0..500 {
        let delivery = next(&mut consumer).await;
        assert_eq!(text(&delivery), number.to_string());
        assert_eq!(delivery.properties, properties);
        assert!(!delivery.redelivered, "never handed out before");
    }
    assert!(next(&mut consumer).await.data == vec![9; 3_000_000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn acked_messages_stay_gone_and_unacked_ones_are_flagged() {
    let mut server = Server::start_own();
    let (connection, channel) = server.channel().await;
    durable_queue(&channel, "orders").await;
    let publisher = open_confirming(&connection).await;
    for number in 0..10 {
        publish_with(
            &publisher,
            "",
            "orders",
            number.to_string().as_bytes(),
            persistent(),
        )
        .await;
    }
    for number in 0..6 {
        let message = get(&channel, "orders").await.expect("a message");
        if number % 2 == 0 {
            within(message.ack(Default::default())).await.expect("ack");
        }
    }
    counts(&channel, "orders").await;

    server.restart();
    let (_connection, channel) = server.channel().await;
    let mut left = Vec::new();
    while let Some(message) = get(&channel, "orders").await {
        left.push((text(&message), message.redelivered));
    }
    let expected = [("1", true), ("3", true), ("5", true)]
        .into_iter()
        .chain([("6", false), ("7", false), ("8", false), ("9", false)])
        .map(|(body, redelivered)| (body.to_owned(), redelivered));
    assert_eq!(left, Vec::from_iter(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn confirmed_messages_survive_a_kill() {
    let mut server = Server::start_own();
    let (connection, channel) = server.channel().await;
    durable_queue(&channel, "orders").await;
    let publisher = open_confirming(&connection).await;
    for number in 0..200 {
        let body = number.to_string();
        assert!(
            publish_with(&publisher, "", "orders", body.as_bytes(), persistent())
                .await
                .is_ack()
        );
    }
    server.kill_and_start();
    let (_connection, channel) = server.channel().await;
    assert_eq!(drain(&channel, "orders").await, numbers(0..200));
}

#[tokio::test(flavor = "multi_thread")]
async fn several_restarts_in_a_row_change_nothing() {
    let mut server = Server::start_own();
    {
        let (connection, channel) = server.channel().await;
        durable_queue(&channel, "orders").await;
        let publisher = open_confirming(&connection).await;
        for number in 0..50 {
            publish_with(
                &publisher,
                "",
                "orders",
                number.to_string().as_bytes(),
                persistent(),
            )
            .await;
        }
    }
    for round in 0..4 {
        if round % 2 == 0 {
            server.restart()
        } else {
            server.kill_and_start()
        }
        let (_connection, channel) = server.channel().await;
        let message = get(&channel, "orders").await.expect("the head");
        assert_eq!(text(&message), "0", "round {round}");
        assert_eq!(message.message_count, 49, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_closes_connections_with_320_and_exits_cleanly() {
    let mut server = Server::start_own();
    let connection = server.connect().await;
    let mut events = connection.events_listener();
    let status = server.stop();
    assert!(status.success(), "{status}");
    let error = within(async {
        loop {
            match events.next().await {
                Some(Event::Error(error)) => break error,
                Some(_) => {}
                None => panic!("the connection ended without a word"),
            }
        }
    })
    .await;
    assert_reply(&error, 320, "CONNECTION_FORCED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_on_the_same_data_is_refused() {
    let mut server = Server::start_own();
    let directory = server.process().data_directory();
    let second = tokio::process::Command::new(program())
        .args([
            "serve",
            "--amqp-listen",
            "127.0.0.1:0",
            "--http-listen",
            "127.0.0.1:0",
        ])
        .args(["--metrics-listen", "127.0.0.1:0", "--data-dir"])
        .arg(&directory)
        .kill_on_drop(true)
        .output();
    let output = within(second).await.expect("run the program a second time");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(!output.status.success(), "{said}");
    let directory = directory.display().to_string();
    assert!(
        said.contains(&directory),
        "the message does not name {directory}: {said}"
    );
    let pid = server.process().pid().to_string();
    assert!(
        said.contains(&pid),
        "the message does not name the process {pid}: {said}"
    );
    assert!(!said.contains("panicked"), "{said}");
    temporary_queue(&server.channel().await.1).await;
}
