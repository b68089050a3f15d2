//! Acks, rejects and what comes back.

use lapin::options::{BasicAckOptions, BasicNackOptions, BasicRecoverOptions, BasicRejectOptions};
use lapin::{Channel, Connection};

use crate::support::*;

const REQUEUE: BasicRejectOptions = BasicRejectOptions { requeue: true };
const DROP: BasicRejectOptions = BasicRejectOptions { requeue: false };

/// A durable queue with the messages 0, 1, 2 … and a channel to take them on.
async fn filled(server: &Server, count: u32) -> (Connection, Channel, String) {
    let (connection, channel) = server.channel().await;
    let queue = unique("ack");
    durable_queue(&channel, &queue).await;
    publish_numbered(&open_confirming(&connection).await, &queue, count).await;
    (connection, channel, queue)
}

/// What the queue holds, and which of it is flagged as redelivered.
async fn contents(channel: &Channel, queue: &str) -> Vec<(String, bool)> {
    let mut contents = Vec::new();
    while let Some(message) = get(channel, queue).await {
        contents.push((text(&message), message.redelivered));
        within(message.ack(Default::default())).await.expect("ack");
    }
    contents
}

fn expected<const N: usize>(contents: [(u32, bool); N]) -> Vec<(String, bool)> {
    contents
        .map(|(number, redelivered)| (number.to_string(), redelivered))
        .into()
}

#[tokio::test]
async fn an_acked_message_is_gone() {
    let server = Server::start();
    let (connection, channel, queue) = filled(&server, 3).await;
    let mut consumer = consume(&channel, &queue).await;
    for _ in 0..3 {
        let delivery = next(&mut consumer).await;
        assert!(!delivery.redelivered);
        within(delivery.ack(Default::default())).await.expect("ack");
    }
    within(channel.close(200, "done".into()))
        .await
        .expect("close");
    assert!(contents(&open(&connection).await, &queue).await.is_empty());
}

#[tokio::test]
async fn multiple_acks_all_up_to_the_tag() {
    let server = Server::start();
    let (connection, channel, queue) = filled(&server, 6).await;
    let mut consumer = consume(&channel, &queue).await;
    let mut deliveries = Vec::new();
    for _ in 0..6 {
        deliveries.push(next(&mut consumer).await);
    }
    within(deliveries[1].ack(Default::default()))
        .await
        .expect("ack one");
    within(deliveries[3].ack(BasicAckOptions { multiple: true }))
        .await
        .expect("ack to the fourth");
    within(channel.close(200, "done".into()))
        .await
        .expect("close");
    let left = contents(&open(&connection).await, &queue).await;
    assert_eq!(left, expected([(4, true), (5, true)]));
}

#[tokio::test]
async fn acking_twice_closes_the_channel_and_returns_the_rest() {
    let server = Server::start();
    let (connection, channel, queue) = filled(&server, 2).await;
    let watch = Watch::over(&channel).await;
    get(&channel, &queue).await.expect("a message");
    get(&channel, &queue).await.expect("a message");
    for _ in 0..2 {
        channel
            .basic_ack(1, BasicAckOptions::default())
            .await
            .expect("send");
    }
    assert_reply(&watch.error().await, 406, "unknown delivery tag 1");
    let left = contents(&open(&connection).await, &queue).await;
    assert_eq!(left, expected([(1, true)]));
}

#[tokio::test]
async fn tag_zero_means_everything_outstanding() {
    let server = Server::start();
    let (connection, channel, queue) = filled(&server, 3).await;
    for _ in 0..2 {
        get(&channel, &queue).await.expect("a message");
    }
    for _ in 0..2 {
        let all = BasicAckOptions { multiple: true };
        channel
            .basic_ack(0, all)
            .await
            .expect("also with nothing outstanding");
    }
    within(channel.close(200, "done".into()))
        .await
        .expect("close");
    let left = contents(&open(&connection).await, &queue).await;
    assert_eq!(left, expected([(2, false)]));
}

#[tokio::test]
async fn rejected_messages_go_or_come_back() {
    let server = Server::start();
    let (_connection, channel, queue) = filled(&server, 3).await;
    let first = get(&channel, &queue).await.expect("a message");
    let second = get(&channel, &queue).await.expect("a message");
    within(first.reject(DROP)).await.expect("drop");
    within(second.reject(REQUEUE)).await.expect("requeue");
    assert_eq!(
        contents(&channel, &queue).await,
        expected([(1, true), (2, false)])
    );
}

#[tokio::test]
async fn requeued_messages_return_to_their_place() {
    let server = Server::start();
    let (connection, channel, queue) = filled(&server, 6).await;
    let mut taken = Vec::new();
    for _ in 0..4 {
        taken.push(get(&channel, &queue).await.expect("a message"));
    }
    for index in [2, 0, 3] {
        within(taken[index].reject(REQUEUE)).await.expect("requeue");
    }
    let other = open(&connection).await;
    eventually("three messages are back", async || {
        counts(&other, &queue).await.0 == 5
    })
    .await;
    let left = contents(&other, &queue).await;
    let order = [(0, true), (2, true), (3, true), (4, false), (5, false)];
    assert_eq!(left, expected(order));
}

#[tokio::test]
async fn nack_multiple_returns_all_in_order() {
    let server = Server::start();
    let (_connection, channel, queue) = filled(&server, 5).await;
    let mut taken = Vec::new();
    for _ in 0..4 {
        taken.push(get(&channel, &queue).await.expect("a message"));
    }
    let options = BasicNackOptions {
        multiple: true,
        requeue: true,
    };
    within(taken[2].nack(options)).await.expect("nack");
    let left = contents(&channel, &queue).await;
    assert_eq!(
        left,
        expected([(0, true), (1, true), (2, true), (4, false)])
    );
}

#[tokio::test]
async fn nack_without_requeue_drops() {
    let server = Server::start();
    let (_connection, channel, queue) = filled(&server, 4).await;
    for _ in 0..3 {
        get(&channel, &queue).await.expect("a message");
    }
    let options = BasicNackOptions {
        multiple: true,
        requeue: false,
    };
    channel
        .basic_nack(0, options)
        .await
        .expect("nack everything");
    assert_eq!(contents(&channel, &queue).await, expected([(3, false)]));
}

#[tokio::test]
async fn closing_the_channel_returns_what_is_unacked() {
    let server = Server::start();
    let (connection, channel, queue) = filled(&server, 5).await;
    let mut consumer = consume(&channel, &queue).await;
    next_bodies(&mut consumer, 5).await;
    within(channel.close(200, "done".into()))
        .await
        .expect("close");
    let left = contents(&open(&connection).await, &queue).await;
    assert_eq!(
        left,
        expected([(0, true), (1, true), (2, true), (3, true), (4, true)])
    );
}

#[tokio::test]
async fn closing_the_connection_returns_what_is_unacked() {
    let server = Server::start();
    let (connection, channel, queue) = filled(&server, 3).await;
    let mut consumer = consume(&channel, &queue).await;
    next_bodies(&mut consumer, 3).await;
    within(connection.close(200, "done".into()))
        .await
        .expect("close");
    let (_connection, channel) = server.channel().await;
    let left = contents(&channel, &queue).await;
    assert_eq!(left, expected([(0, true), (1, true), (2, true)]));
}

#[tokio::test]
async fn recover_returns_the_unacked_to_the_queue() {
    let server = Server::start();
    let (_connection, channel, queue) = filled(&server, 3).await;
    for _ in 0..2 {
        get(&channel, &queue).await.expect("a message");
    }
    let recovered = channel.basic_recover(BasicRecoverOptions { requeue: true });
    within(recovered).await.expect("recover-ok");
    let left = contents(&channel, &queue).await;
    assert_eq!(left, expected([(0, true), (1, true), (2, false)]));
}

#[tokio::test]
async fn a_requeued_message_goes_to_another_consumer_flagged() {
    let server = Server::start();
    let (connection, channel, queue) = filled(&server, 1).await;
    let mut first = consume(&channel, &queue).await;
    let delivery = next(&mut first).await;
    let mut second = consume(&open(&connection).await, &queue).await;
    within(channel.basic_cancel(first.tag(), Default::default()))
        .await
        .expect("cancel");
    within(delivery.reject(REQUEUE)).await.expect("requeue");
    let again = next(&mut second).await;
    assert!(again.redelivered);
    within(again.ack(Default::default())).await.expect("ack");
}

#[tokio::test]
async fn tags_count_per_channel_and_belong_to_it() {
    let server = Server::start();
    let (connection, channel, queue) = filled(&server, 3).await;
    let first = get(&channel, &queue).await.expect("a message");
    let mut consumer = consume(&channel, &queue).await;
    let second = next(&mut consumer).await;
    assert_eq!(
        (first.delivery_tag, second.delivery_tag),
        (1, 2),
        "get and consume share them"
    );
    let stranger = open(&connection).await;
    let watch = Watch::over(&stranger).await;
    stranger
        .basic_ack(1, BasicAckOptions::default())
        .await
        .expect("send");
    assert_reply(&watch.error().await, 406, "unknown delivery tag 1");
}
