//! Direct reply-to: answers without a reply queue.

use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::{BasicProperties, Channel, Consumer};

use crate::support::*;

const PSEUDO_QUEUE: &str = "amq.rabbitmq.reply-to";
const NO_ACK: BasicConsumeOptions = BasicConsumeOptions {
    no_local: false,
    no_ack: true,
    exclusive: false,
    nowait: false,
};

async fn await_replies(channel: &Channel) -> Consumer {
    consume_with(channel, PSEUDO_QUEUE, "", NO_ACK)
        .await
        .expect("consume replies")
}

async fn request(channel: &Channel, queue: &str, body: &str) {
    let properties = BasicProperties::default()
        .with_reply_to(PSEUDO_QUEUE.into())
        .with_correlation_id(body.into());
    publish_with(channel, "", queue, body.as_bytes(), properties).await;
}

/// Takes one request and returns where its answer goes.
async fn reply_address(server: &mut Consumer) -> String {
    let request = next(server).await;
    request
        .properties
        .reply_to()
        .as_ref()
        .expect("a reply address")
        .to_string()
}

#[tokio::test]
async fn requests_are_answered_straight_to_the_channel() {
    let server = Server::start();
    let (responder, requests) = server.channel().await;
    let queue = temporary_queue(&requests).await;
    let mut incoming = consume_with(&requests, &queue, "", NO_ACK)
        .await
        .expect("consume");
    let (_client, channel) = server.channel().await;
    let mut replies = await_replies(&channel).await;
    for number in 0..100_u32 {
        request(&channel, &queue, &number.to_string()).await;
    }
    let answers = open(&responder).await;
    for _ in 0..100 {
        let request = next(&mut incoming).await;
        let address = request
            .properties
            .reply_to()
            .clone()
            .expect("a reply address");
        assert!(
            address.as_str().starts_with("amq.rabbitmq.reply-to."),
            "{address}"
        );
        let correlation = request
            .properties
            .correlation_id()
            .clone()
            .expect("a correlation id");
        let properties = BasicProperties::default().with_correlation_id(correlation);
        publish_with(&answers, "", address.as_str(), &request.data, properties).await;
    }
    for number in 0..100_u32 {
        let reply = next(&mut replies).await;
        assert_eq!(text(&reply), number.to_string());
        assert_eq!(reply.exchange.as_str(), "");
        assert!(
            reply
                .routing_key
                .as_str()
                .starts_with("amq.rabbitmq.reply-to.")
        );
    }
}

#[tokio::test]
async fn a_request_without_a_reply_consumer_is_refused() {
    let server = Server::start();
    let (_connection, channel) = server.channel().await;
    let watch = Watch::over(&channel).await;
    request(&channel, "any", "who will listen?").await;
    assert_reply(
        &watch.error().await,
        406,
        "fast reply consumer does not exist",
    );
}

#[tokio::test]
async fn the_reply_consumer_is_one_and_without_acks() {
    let server = Server::start();
    let connection = server.connect().await;
    let channel = open(&connection).await;
    let acking = consume_with(&channel, PSEUDO_QUEUE, "", Default::default()).await;
    assert_refused(acking.map(|_| ()), 406, "reply consumer cannot acknowledge");
    let channel = open(&connection).await;
    await_replies(&channel).await;
    let second = consume_with(&channel, PSEUDO_QUEUE, "other", NO_ACK).await;
    assert_refused(second.map(|_| ()), 406, "reply consumer already set");
}

#[tokio::test]
async fn declaring_the_address_tells_whether_the_requester_waits() {
    let server = Server::start();
    let (_responder, requests) = server.channel().await;
    let queue = temporary_queue(&requests).await;
    let mut incoming = consume(&requests, &queue).await;
    let (client, channel) = server.channel().await;
    let _replies = await_replies(&channel).await;
    request(&channel, &queue, "still there?").await;
    let address = reply_address(&mut incoming).await;
    let passive = QueueDeclareOptions::default().passive();
    let waiting = declare(&requests, &address, passive)
        .await
        .expect("the requester waits");
    assert_eq!((waiting.message_count(), waiting.consumer_count()), (0, 1));
    within(client.close(200, "gone".into()))
        .await
        .expect("close");
    let observer = server.connect().await;
    assert!(!queue_exists(&observer, &address).await);
}

#[tokio::test]
async fn a_mandatory_reply_to_nobody_is_returned() {
    let server = Server::start();
    let (responder, requests) = server.channel().await;
    let queue = temporary_queue(&requests).await;
    let mut incoming = consume(&requests, &queue).await;
    let (client, channel) = server.channel().await;
    let _replies = await_replies(&channel).await;
    request(&channel, &queue, "hello").await;
    let address = reply_address(&mut incoming).await;
    within(client.close(200, "gone".into()))
        .await
        .expect("close");
    let answers = open_confirming(&responder).await;
    let options = BasicPublishOptions {
        mandatory: true,
        immediate: false,
    };
    let sent = answers.basic_publish(
        "".into(),
        (&*address).into(),
        options,
        b"too late",
        BasicProperties::default(),
    );
    let confirmation = within(async { sent.await?.await }).await.expect("publish");
    assert_eq!(
        confirmation.take_message().expect("returned").reply_code,
        312
    );
}

#[tokio::test]
async fn a_reply_address_is_not_guessable() {
    let server = Server::start();
    let (_responder, requests) = server.channel().await;
    let queue = temporary_queue(&requests).await;
    let mut incoming = consume(&requests, &queue).await;
    let mut addresses = std::collections::HashSet::new();
    let client = server.connect().await;
    for _ in 0..10 {
        let channel = open(&client).await;
        let _replies = await_replies(&channel).await;
        request(&channel, &queue, "where?").await;
        let address = reply_address(&mut incoming).await;
        assert!(address.len() >= PSEUDO_QUEUE.len() + 16, "{address}");
        addresses.insert(address);
    }
    assert_eq!(addresses.len(), 10);
}
