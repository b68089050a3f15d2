//! Consumers: who gets which message, how many at once, and how it ends.

use lapin::options::{BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Consumer};

use crate::support::*;

const NO_ACK: BasicConsumeOptions = BasicConsumeOptions {
    no_local: false,
    no_ack: true,
    exclusive: false,
    nowait: false,
};
const EXCLUSIVE: BasicConsumeOptions = BasicConsumeOptions {
    no_local: false,
    no_ack: false,
    exclusive: true,
    nowait: false,
};

async fn prefetch(channel: &Channel, count: u16, global: bool) {
    within(channel.basic_qos(count, BasicQosOptions { global }))
        .await
        .expect("basic.qos");
}

async fn cancel(channel: &Channel, consumer: &Consumer) {
    within(channel.basic_cancel(consumer.tag(), Default::default()))
        .await
        .expect("cancel");
}

async fn ack(delivery: lapin::message::Delivery) {
    within(delivery.ack(Default::default())).await.expect("ack");
}

#[tokio::test]
async fn messages_come_in_order_those_waiting_and_those_arriving() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let queue = temporary_queue(&channel).await;
    let publisher = open_confirming(&connection).await;
    publish_numbered(&publisher, &queue, 500).await;
    let mut consumer = consume_with(&channel, &queue, "", NO_ACK)
        .await
        .expect("consume");
    assert_eq!(next_bodies(&mut consumer, 500).await, numbers(0..500));
    publish_numbered(&publisher, &queue, 500).await;
    assert_eq!(next_bodies(&mut consumer, 500).await, numbers(0..500));
    assert_eq!(counts(&channel, &queue).await, (0, 1));
}

#[tokio::test]
async fn no_ack_messages_do_not_come_back() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let name = unique("no-ack");
    durable_queue(&channel, &name).await;
    publish_numbered(&open_confirming(&connection).await, &name, 10).await;
    let consuming = open(&connection).await;
    let mut consumer = consume_with(&consuming, &name, "", NO_ACK)
        .await
        .expect("consume");
    next_bodies(&mut consumer, 10).await;
    within(consuming.close(200, "done".into()))
        .await
        .expect("close");
    assert_eq!(counts(&channel, &name).await, (0, 0));
}

#[tokio::test]
async fn tags_are_the_clients_or_the_servers() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let queue = temporary_queue(&channel).await;
    let generated = consume(&channel, &queue).await;
    assert!(
        generated.tag().as_str().starts_with("amq.ctag-"),
        "{}",
        generated.tag()
    );
    let own = consume_with(&channel, &queue, "mine", Default::default())
        .await
        .expect("consume");
    assert_eq!(own.tag().as_str(), "mine");
    let other = open(&connection).await;
    consume_with(&other, &queue, "mine", Default::default())
        .await
        .expect("another channel");
}

#[tokio::test]
async fn several_consumers_take_turns() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let queue = temporary_queue(&channel).await;
    let mut consumers = Vec::new();
    for _ in 0..3 {
        consumers.push(consume(&open(&connection).await, &queue).await);
    }
    publish_numbered(&open_confirming(&connection).await, &queue, 30).await;
    let mut all = Vec::new();
    for consumer in &mut consumers {
        let bodies = next_bodies(consumer, 10).await;
        let own: Vec<u32> = bodies
            .iter()
            .map(|body| body.parse().expect("a number"))
            .collect();
        assert!(own.is_sorted(), "{own:?}");
        all.extend(own);
    }
    all.sort_unstable();
    assert_eq!(all, Vec::from_iter(0..30));
}

#[tokio::test]
async fn prefetch_limits_each_consumer() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let queue = temporary_queue(&channel).await;
    prefetch(&channel, 3, false).await;
    let mut first = consume(&channel, &queue).await;
    let mut second = consume(&channel, &queue).await;
    publish_numbered(&open_confirming(&connection).await, &queue, 20).await;
    assert_eq!(
        counts(&channel, &queue).await,
        (14, 2),
        "three each are out"
    );
    ack(next(&mut first).await).await;
    eventually("an ack frees one slot", async || {
        counts(&channel, &queue).await == (13, 2)
    })
    .await;
    assert_eq!(next_bodies(&mut first, 3).await.len(), 3);
    assert_eq!(next_bodies(&mut second, 3).await.len(), 3);
    counts(&channel, &queue).await;
    assert!(is_idle(&mut first).await && is_idle(&mut second).await);
}

#[tokio::test]
async fn prefetch_one_works_through_the_queue() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let queue = temporary_queue(&channel).await;
    prefetch(&channel, 1, false).await;
    publish_numbered(&open_confirming(&connection).await, &queue, 200).await;
    let mut consumer = consume(&channel, &queue).await;
    for number in 0..200 {
        let delivery = next(&mut consumer).await;
        assert_eq!(text(&delivery), number.to_string());
        ack(delivery).await;
    }
}

#[tokio::test]
async fn global_prefetch_is_shared_by_the_channel() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let queue = temporary_queue(&channel).await;
    prefetch(&channel, 5, true).await;
    let mut consumers = [
        consume(&channel, &queue).await,
        consume(&channel, &queue).await,
    ];
    publish_numbered(&open_confirming(&connection).await, &queue, 20).await;
    assert_eq!(
        counts(&channel, &queue).await,
        (15, 2),
        "five are out, together"
    );
    prefetch(&channel, 7, true).await;
    eventually("the higher limit counts at once", async || {
        counts(&channel, &queue).await == (13, 2)
    })
    .await;
    let mut received = 0;
    for consumer in &mut consumers {
        while !is_idle_after_round_trip(&channel, &queue, consumer).await {
            received += 1;
        }
    }
    assert_eq!(received, 7);
}

/// Takes one delivery if there is one: false means that it took one.
async fn is_idle_after_round_trip(channel: &Channel, queue: &str, consumer: &mut Consumer) -> bool {
    counts(channel, queue).await;
    is_idle(consumer).await
}

#[tokio::test]
async fn prefetch_does_not_limit_get() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let queue = temporary_queue(&channel).await;
    prefetch(&channel, 1, false).await;
    prefetch(&channel, 1, true).await;
    publish_numbered(&open_confirming(&connection).await, &queue, 3).await;
    for left in [2, 1, 0] {
        let message = get(&channel, &queue).await.expect("a message");
        assert_eq!(message.message_count, left);
    }
    assert!(get(&channel, &queue).await.is_none());
}

#[tokio::test]
async fn an_exclusive_consumer_is_alone() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let name = unique("alone");
    durable_queue(&channel, &name).await;
    let exclusive = consume_with(&channel, &name, "", EXCLUSIVE)
        .await
        .expect("consume");
    let words = format!("queue '{name}' in vhost '/' in exclusive use");
    for options in [BasicConsumeOptions::default(), EXCLUSIVE] {
        let refused = consume_with(&open(&connection).await, &name, "", options).await;
        assert_refused(refused.map(|_| ()), 403, &words);
    }
    cancel(&channel, &exclusive).await;
    let shared = consume(&channel, &name).await;
    let refused = consume_with(&open(&connection).await, &name, "", EXCLUSIVE).await;
    assert_refused(refused.map(|_| ()), 403, &words);
    cancel(&channel, &shared).await;
}

#[tokio::test]
async fn after_cancel_nothing_is_delivered_and_the_unacked_stay() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let name = unique("cancel");
    durable_queue(&channel, &name).await;
    prefetch(&channel, 2, false).await;
    let mut consumer = consume(&channel, &name).await;
    let publisher = open_confirming(&connection).await;
    publish_numbered(&publisher, &name, 5).await;
    let first = next(&mut consumer).await;
    let second = next(&mut consumer).await;
    cancel(&channel, &consumer).await;
    ack(first).await;
    assert_eq!(counts(&channel, &name).await, (3, 0));
    ack(second).await;
    within(channel.close(200, "done".into()))
        .await
        .expect("close");
    let channel = open(&connection).await;
    assert_eq!(drain(&channel, &name).await, ["2", "3", "4"]);
}

#[tokio::test]
async fn cancelling_an_unknown_tag_succeeds() {
    let server = Server::start();
    let (_connection, channel) = server.channel().await;
    let cancelled = channel.basic_cancel("nobody".into(), Default::default());
    within(cancelled).await.expect("idempotent");
}

#[tokio::test]
async fn a_consumer_is_told_when_its_queue_is_deleted() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let queue = unique("cancelled");
    durable_queue(&channel, &queue).await;
    let mut consumer = consume(&channel, &queue).await;
    let deleted = open(&connection)
        .await
        .queue_delete((&*queue).into(), Default::default())
        .await;
    deleted.expect("delete");
    let end = within(futures_lite::StreamExt::next(&mut consumer)).await;
    assert!(
        end.is_none(),
        "the stream ends with the server's basic.cancel: {end:?}"
    );
    temporary_queue(&channel).await;
}

async fn consume_at_priority(channel: &Channel, queue: &str, priority: i32) -> Consumer {
    let arguments = table([("x-priority", AMQPValue::LongInt(priority))]);
    let options = BasicConsumeOptions::default();
    let consume = channel.basic_consume(queue.into(), "".into(), options, arguments);
    within(consume).await.expect("consume")
}

#[tokio::test]
async fn higher_consumer_priorities_come_first() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let queue = temporary_queue(&channel).await;
    prefetch(&channel, 4, false).await;
    let mut low = consume_at_priority(&channel, &queue, -1).await;
    let mut high = consume_at_priority(&channel, &queue, 10).await;
    let mut normal = consume(&channel, &queue).await;
    publish_numbered(&open_confirming(&connection).await, &queue, 10).await;
    assert_eq!(next_bodies(&mut high, 4).await, numbers(0..4));
    assert_eq!(next_bodies(&mut normal, 4).await, numbers(4..8));
    assert_eq!(next_bodies(&mut low, 2).await, numbers(8..10));
}

#[tokio::test]
async fn a_single_active_consumer_is_followed_by_the_next() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let name = unique("single-active");
    let arguments = table([("x-single-active-consumer", AMQPValue::Boolean(true))]);
    let options = QueueDeclareOptions::durable();
    within(channel.queue_declare((&*name).into(), options, arguments))
        .await
        .expect("declare");
    let channels = [open(&connection).await, open(&connection).await];
    let mut first = consume(&channels[0], &name).await;
    let mut second = consume(&channels[1], &name).await;
    let publisher = open_confirming(&connection).await;
    publish_numbered(&publisher, &name, 4).await;
    assert_eq!(next_bodies(&mut first, 4).await, numbers(0..4));
    counts(&channels[1], &name).await;
    assert!(is_idle(&mut second).await, "one at a time");
    within(channels[0].close(200, "done".into()))
        .await
        .expect("close");
    assert_eq!(next_bodies(&mut second, 4).await, numbers(0..4));
}

#[tokio::test]
async fn a_consumer_that_reads_slowly_gets_everything() {
    let server = Server::start();
    let (_connection, channel) = server.channel().await;
    let queue = unique("slow");
    durable_queue(&channel, &queue).await;
    let publisher = open_confirming(&server.connect().await).await;
    let body = vec![7; 100_000];
    for _ in 0..200 {
        publish(&publisher, "", &queue, &body).await;
    }
    let mut consumer = consume_with(&channel, &queue, "", NO_ACK)
        .await
        .expect("consume");
    for _ in 0..200 {
        assert_eq!(next(&mut consumer).await.data.len(), body.len());
    }
}

#[tokio::test]
async fn consumers_come_and_go_while_messages_flow() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let queue = unique("churn");
    durable_queue(&channel, &queue).await;
    publish_numbered(&open_confirming(&connection).await, &queue, 300).await;
    let mut received = Vec::new();
    while received.len() < 300 {
        let channel = open(&connection).await;
        prefetch(&channel, 7, false).await;
        let mut consumer = consume(&channel, &queue).await;
        for _ in 0..10 {
            let delivery = next(&mut consumer).await;
            received.push(text(&delivery));
            ack(delivery).await;
        }
        within(channel.close(200, "next".into()))
            .await
            .expect("close");
    }
    assert_eq!(
        received,
        numbers(0..300),
        "requeued ones return to their place"
    );
    assert_eq!(counts(&channel, &queue).await, (0, 0));
}

#[tokio::test]
async fn arguments_of_other_brokers_are_ignored() {
    let server = Server::start();
    let (_connection, channel) = server.channel().await;
    let queue = temporary_queue(&channel).await;
    let arguments: FieldTable = table([
        ("x-cancel-on-ha-failover", AMQPValue::Boolean(true)),
        ("vendor-extension", long_string("anything")),
    ]);
    let options = BasicConsumeOptions::default();
    let consume = channel.basic_consume((&*queue).into(), "".into(), options, arguments);
    within(consume).await.expect("consume");
}
