//! Queues that hold more than belongs into memory: what comes out of them, and what they cost.
//!
//! These tests start a broker of their own, with little memory for queues.

use ferrymq_tests::harness::Options;
use futures_lite::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicNackOptions, BasicPublishOptions,
    BasicQosOptions, ConfirmSelectOptions, QueueDeclareOptions, QueuePurgeOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel};

use crate::support::*;

const QUEUE: &str = "backlog";
const BODY_BYTES: usize = 2048;
/// Messages whose bodies are far more than the broker may hold.
const MESSAGES: u64 = 40_000;

fn server() -> Server {
    Server::start_with(Options::default().configuration("[memory]\nqueues = \"4MiB\""))
}

fn body(number: u64) -> Vec<u8> {
    let mut body = number.to_be_bytes().to_vec();
    body.resize(BODY_BYTES, number as u8);
    body
}

fn number(body: &[u8]) -> u64 {
    let number = u64::from_be_bytes(*body.first_chunk().expect("a number"));
    assert_eq!(body, self::body(number), "another body");
    number
}

/// Publishes a range of messages and waits for all confirms; `persistent` says which are.
async fn fill(channel: &Channel, numbers: std::ops::Range<u64>, persistent: fn(u64) -> bool) {
    let selected = channel.confirm_select(ConfirmSelectOptions::default());
    within(selected).await.expect("confirm.select");
    let mut confirms = Vec::new();
    for number in numbers {
        let mode = 1 + u8::from(persistent(number));
        let properties = BasicProperties::default().with_delivery_mode(mode);
        let options = BasicPublishOptions::default();
        let (exchange, body) = ("".into(), body(number));
        let sent = channel.basic_publish(exchange, QUEUE.into(), options, &body, properties);
        confirms.push(sent.await.expect("publish"));
    }
    for confirm in confirms {
        assert!(within(confirm).await.expect("a confirm").is_ack());
    }
}

/// Consumes and acks `count` messages: their numbers.
async fn drain(channel: &Channel, count: usize) -> Vec<u64> {
    let qos = channel.basic_qos(500, BasicQosOptions::default());
    within(qos).await.expect("qos");
    let options = BasicConsumeOptions::default();
    let consumer = channel.basic_consume(QUEUE.into(), "".into(), options, FieldTable::default());
    let mut consumer = within(consumer).await.expect("consume");
    let mut numbers = Vec::new();
    while numbers.len() < count {
        let delivery = within(consumer.next()).await.expect("a delivery");
        let delivery = delivery.expect("a delivery");
        numbers.push(number(&delivery.data));
        within(delivery.ack(BasicAckOptions::default()))
            .await
            .expect("ack");
    }
    numbers
}

async fn ready(channel: &Channel) -> u32 {
    let declared = declare(channel, QUEUE, QueueDeclareOptions::durable()).await;
    declared.expect("declare").message_count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_backlog_costs_little_memory_and_comes_out_in_order() {
    for (kind, persistent) in [
        ("transient", (|_| false) as fn(u64) -> bool),
        ("persistent", |_| true),
        ("mixed", |number| number % 3 == 0),
    ] {
        let mut server = server();
        let (_connection, channel) = server.channel().await;
        assert_eq!(ready(&channel).await, 0);
        let before = server.process().resident_bytes();
        fill(&channel, 0..MESSAGES, persistent).await;
        let bodies = MESSAGES * BODY_BYTES as u64;
        let what = format!("{kind}: most of it has left memory");
        let process = server.process();
        eventually(&what, || {
            let grown = process.resident_bytes().saturating_sub(before);
            async move { grown < bodies / 2 }
        })
        .await;
        let (_other, consuming) = server.channel().await;
        let half = MESSAGES as usize / 2;
        let mut numbers = drain(&consuming, half).await;
        fill(&channel, MESSAGES..MESSAGES + 1000, persistent).await;
        drop((_other, consuming));
        let (_other, consuming) = server.channel().await;
        numbers.extend(drain(&consuming, half + 1000).await);
        let expected: Vec<u64> = (0..MESSAGES + 1000).collect();
        assert!(numbers == expected, "{kind}: not in order");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_survives_and_can_be_had_one_by_one() {
    let mut server = server();
    let (_connection, channel) = server.channel().await;
    ready(&channel).await;
    fill(&channel, 0..10_000, |number| number < 5000).await;
    server.kill_and_start();
    let (_connection, channel) = server.channel().await;
    assert_eq!(ready(&channel).await, 5000);
    let mut tags = Vec::new();
    for expected in 0..5000 {
        let got = channel.basic_get(QUEUE.into(), BasicGetOptions::default());
        let got = within(got).await.expect("get").expect("a message");
        assert_eq!(number(&got.data), expected);
        assert!(got.redelivered);
        assert_eq!(u64::from(got.message_count), 4999 - expected);
        tags.push(got.delivery_tag);
    }
    // Every third comes back to its place, among those that are settled.
    for (at, tag) in tags.iter().enumerate() {
        if at % 3 == 0 {
            let nack = channel.basic_nack(
                *tag,
                BasicNackOptions {
                    requeue: true,
                    ..Default::default()
                },
            );
            within(nack).await.expect("nack");
        } else {
            within(channel.basic_ack(*tag, BasicAckOptions::default()))
                .await
                .expect("ack");
        }
    }
    server.restart();
    let (_connection, channel) = server.channel().await;
    let numbers = drain(&channel, 1667).await;
    assert!(numbers.iter().copied().eq((0..5000).step_by(3)));
    assert_eq!(ready(&channel).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purged_backlog_stays_away() {
    let mut server = server();
    let (_connection, channel) = server.channel().await;
    ready(&channel).await;
    fill(&channel, 0..10_000, |number| number % 2 == 0).await;
    let purged = channel.queue_purge(QUEUE.into(), QueuePurgeOptions::default());
    assert_eq!(within(purged).await.expect("purge"), 10_000);
    fill(&channel, 10_000..10_010, |_| true).await;
    server.restart();
    let (_connection, channel) = server.channel().await;
    assert_eq!(ready(&channel).await, 10);
    assert_eq!(
        drain(&channel, 10).await,
        (10_000..10_010).collect::<Vec<_>>()
    );
}
