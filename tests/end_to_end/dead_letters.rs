//! Dead letters on their way: through many queues, over restarts and kills, and from the disk.
//!
//! These tests start a broker of their own in any case.

use std::collections::BTreeSet;

use ferrymq_tests::harness::Options;
use futures_lite::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicNackOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel};

use crate::support::*;

const ALWAYS_FULL: (&str, i32) = ("x-max-length", 0);

/// A queue whose dead go to the queue `graves`; durable, unless it is always full.
async fn mortal(channel: &Channel, name: &str, graves: &str, limit: Option<(&str, i32)>) {
    let mut arguments = table([
        ("x-dead-letter-exchange", long_string("")),
        ("x-dead-letter-routing-key", long_string(graves)),
    ]);
    if let Some((argument, value)) = limit {
        arguments.insert(argument.into(), AMQPValue::LongInt(value));
    }
    let options = QueueDeclareOptions {
        durable: limit != Some(ALWAYS_FULL),
        ..Default::default()
    };
    within(channel.queue_declare(name.into(), options, arguments))
        .await
        .expect("declare");
}

/// Publishes persistent messages of `size` bytes and waits for all confirms.
async fn fill(channel: &Channel, queue: &str, numbers: std::ops::Range<u32>, size: usize) {
    let selected = channel.confirm_select(ConfirmSelectOptions::default());
    within(selected).await.expect("confirm.select");
    let mut confirms = Vec::new();
    for number in numbers {
        let mut body = number.to_be_bytes().to_vec();
        body.resize(size, number as u8);
        let persistent = BasicProperties::default().with_delivery_mode(2);
        let options = BasicPublishOptions::default();
        let sent = channel.basic_publish("".into(), queue.into(), options, &body, persistent);
        confirms.push(sent.await.expect("publish"));
    }
    for confirm in confirms {
        assert!(within(confirm).await.expect("a confirm").is_ack());
    }
}

fn number(body: &[u8]) -> u32 {
    u32::from_be_bytes(*body.first_chunk().expect("a number"))
}

/// Everything that is ready, for good.
async fn take_all(channel: &Channel, queue: &str) -> Vec<u32> {
    let mut numbers = Vec::new();
    while let Some(message) = get(channel, queue).await {
        numbers.push(number(&message.data));
        message.ack(BasicAckOptions::default()).await.expect("ack");
    }
    numbers
}

fn deaths(delivery: &Delivery) -> Vec<FieldTable> {
    let headers = delivery.properties.headers().as_ref().expect("headers");
    let Some(AMQPValue::FieldArray(deaths)) = headers.inner().get("x-death") else {
        panic!("no x-death in {headers:?}");
    };
    let entry = |value: &AMQPValue| match value {
        AMQPValue::FieldTable(entry) => entry.clone(),
        other => panic!("{other:?} in x-death"),
    };
    deaths.as_slice().iter().map(entry).collect()
}

fn header(delivery: &Delivery, name: &str) -> Option<AMQPValue> {
    let headers = delivery.properties.headers().as_ref()?;
    headers.inner().get(name).cloned()
}

async fn reject(delivery: &Delivery) {
    let options = BasicNackOptions {
        requeue: false,
        ..Default::default()
    };
    delivery.nack(options).await.expect("nack");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_may_die_in_a_thousand_queues() {
    let server = Server::start_own();
    let (_connection, channel) = server.channel().await;
    let name = |number: usize| format!("q{number}");
    // Each is always full and hands on to the next.
    for number in 0..1000 {
        let next = name(number + 1);
        mortal(&channel, &name(number), &next, Some(ALWAYS_FULL)).await;
    }
    durable_queue(&channel, &name(1000)).await;
    fill(&channel, "q0", 0..2, 8).await;
    for number in 0..2 {
        let mut arrived = None;
        eventually("the message arrives", async || {
            arrived = get(&channel, "q1000").await;
            arrived.is_some()
        })
        .await;
        let message = arrived.expect("it is there");
        assert_eq!(self::number(&message.data), number);
        let first = header(&message, "x-first-death-queue");
        assert_eq!(first, Some(long_string("q0")));
        let last = header(&message, "x-last-death-queue");
        assert_eq!(last, Some(long_string("q999")));
        // The oldest are left out, so that the headers fit into a frame.
        assert!(deaths(&message).len() > 500);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_goes_on_after_a_kill() {
    let mut server = Server::start_own();
    let (_connection, channel) = server.channel().await;
    mortal(&channel, "one", "two", None).await;
    mortal(&channel, "two", "one", None).await;
    fill(&channel, "one", 7..8, 8).await;
    let message = get(&channel, "one").await.expect("a message");
    reject(&message).await;
    assert_eq!(counts(&channel, "two").await.0, 1);
    // What comes after it in the log is there: so is it.
    fill(&channel, "one", 9..10, 8).await;
    server.kill_and_start();
    let (_connection, channel) = server.channel().await;
    for queue in ["two", "one", "two", "one"] {
        let message = get(&channel, queue).await.expect("a message");
        if number(&message.data) == 9 {
            message.ack(BasicAckOptions::default()).await.expect("ack");
            reject(&get(&channel, queue).await.expect("another")).await;
        } else {
            reject(&message).await;
        }
        // The rejection has been handled once this is answered.
        counts(&channel, queue).await;
    }
    let message = get(&channel, "two").await.expect("a message");
    let counted = |entry: &FieldTable| entry.inner().get("count").cloned();
    let counted: Vec<_> = deaths(&message).iter().map(counted).collect();
    let times = |count| Some(AMQPValue::LongLongInt(count));
    assert_eq!(counted, [times(3), times(2)]);
    let first = header(&message, "x-first-death-queue");
    assert_eq!(first, Some(long_string("one")));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_message_is_in_neither_queue_after_a_kill() {
    const MESSAGES: u32 = 2_000;
    let mut server = Server::start_own();
    for round in 0..4 {
        let (connection, channel) = server.channel().await;
        mortal(&channel, "source", "graves", None).await;
        durable_queue(&channel, "graves").await;
        fill(&channel, "source", 0..MESSAGES, 100).await;
        let consumer = open(&connection).await;
        let mut deliveries = consume(&consumer, "source").await;
        // Killed in the middle of it, each time somewhere else.
        for _ in 0..MESSAGES / 5 * (round + 1) {
            reject(&next(&mut deliveries).await).await;
        }
        server.kill_and_start();
        let (_connection, channel) = server.channel().await;
        let mut found: BTreeSet<u32> = BTreeSet::new();
        for queue in ["source", "graves"] {
            found.extend(take_all(&channel, queue).await);
        }
        let missing: Vec<u32> = (0..MESSAGES)
            .filter(|number| !found.contains(number))
            .collect();
        assert!(missing.is_empty(), "in round {round}: {missing:?}");
        counts(&channel, "source").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_disk_only_is_dead_lettered_in_order() {
    const MESSAGES: u32 = 5_000;
    let options = Options::default().configuration("[memory]\nqueues = \"1MiB\"");
    let server = Server::start_with(options);
    let (_connection, channel) = server.channel().await;
    mortal(&channel, "source", "graves", Some(("x-message-ttl", 2_000))).await;
    durable_queue(&channel, "graves").await;
    fill(&channel, "source", 0..MESSAGES, 2048).await;
    let qos = channel.basic_qos(500, BasicQosOptions::default());
    within(qos).await.expect("qos");
    let options = BasicConsumeOptions::default();
    let consumer =
        channel.basic_consume("graves".into(), "".into(), options, FieldTable::default());
    let mut consumer = within(consumer).await.expect("consume");
    for number in 0..MESSAGES {
        let delivery = within(consumer.next()).await.expect("a delivery");
        let delivery = delivery.expect("a delivery");
        assert_eq!(self::number(&delivery.data), number);
        assert_eq!((delivery.data.len(), deaths(&delivery).len()), (2048, 1));
        within(delivery.ack(BasicAckOptions::default()))
            .await
            .expect("ack");
    }
    assert_eq!(counts(&channel, "source").await.0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_its_exchange_waits_over_a_restart() {
    let mut server = Server::start_own();
    let (_connection, channel) = server.channel().await;
    let arguments = table([
        ("x-queue-type", long_string("quorum")),
        ("x-dead-letter-exchange", long_string("later")),
        ("x-dead-letter-strategy", long_string("at-least-once")),
        ("x-overflow", long_string("reject-publish")),
        ("x-message-ttl", AMQPValue::LongInt(1)),
    ]);
    let options = QueueDeclareOptions::durable();
    within(channel.queue_declare("source".into(), options, arguments))
        .await
        .expect("declare");
    fill(&channel, "source", 0..100, 100).await;
    eventually("they expire", async || {
        counts(&channel, "source").await.0 == 0
    })
    .await;
    server.kill_and_start();
    let (_connection, channel) = server.channel().await;
    durable_queue(&channel, "graves").await;
    let declared = channel.exchange_declare(
        "later".into(),
        lapin::ExchangeKind::Fanout,
        Default::default(),
        FieldTable::default(),
    );
    within(declared).await.expect("declare an exchange");
    bind(&channel, "graves", "later", "").await.expect("bind");
    let mut found = Vec::new();
    eventually("all arrive", async || {
        found.extend(take_all(&channel, "graves").await);
        found.len() == 100
    })
    .await;
    assert_eq!(found, Vec::from_iter(0..100));
    assert!(take_all(&channel, "source").await.is_empty());
}
