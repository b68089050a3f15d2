//! tx: publishes and acks held until commit.

use lapin::BasicProperties;
use lapin::options::{BasicAckOptions, BasicPublishOptions, ConfirmSelectOptions};

use crate::support::*;

#[tokio::test]
async fn publishes_wait_for_commit() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let queue = unique("tx");
    durable_queue(&channel, &queue).await;
    let observer = open(&connection).await;
    within(channel.tx_select()).await.expect("tx.select");
    for body in ["one", "two"] {
        let properties = BasicProperties::default().with_delivery_mode(2);
        publish_with(&channel, "", &queue, body.as_bytes(), properties).await;
    }
    assert_eq!(counts(&channel, &queue).await.0, 0, "held");
    within(channel.tx_commit()).await.expect("commit");
    assert_eq!(drain(&observer, &queue).await, ["one", "two"]);
}

#[tokio::test]
async fn rollback_forgets_publishes_and_keeps_the_unacked() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let queue = unique("tx");
    durable_queue(&channel, &queue).await;
    publish_numbered(&open_confirming(&connection).await, &queue, 1).await;
    within(channel.tx_select()).await.expect("tx.select");
    let message = get(&channel, &queue).await.expect("a message");
    publish(&channel, "", &queue, b"never").await;
    channel
        .basic_ack(message.delivery_tag, BasicAckOptions::default())
        .await
        .expect("ack");
    within(channel.tx_rollback()).await.expect("rollback");
    assert_eq!(
        counts(&channel, &queue).await.0,
        0,
        "still with the channel, not redelivered"
    );

    channel
        .basic_ack(message.delivery_tag, BasicAckOptions::default())
        .await
        .expect("ack again");
    within(channel.tx_commit()).await.expect("commit");
    within(channel.close(200, "done".into()))
        .await
        .expect("close");
    assert_eq!(counts(&open(&connection).await, &queue).await.0, 0);
}

#[tokio::test]
async fn uncommitted_acks_return_with_the_channel() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let queue = unique("tx");
    durable_queue(&channel, &queue).await;
    publish_numbered(&open_confirming(&connection).await, &queue, 1).await;
    within(channel.tx_select()).await.expect("tx.select");
    let message = get(&channel, &queue).await.expect("a message");
    channel
        .basic_ack(message.delivery_tag, BasicAckOptions::default())
        .await
        .expect("ack");
    within(channel.close(200, "done".into()))
        .await
        .expect("close");
    assert_eq!(drain(&open(&connection).await, &queue).await, ["0"]);
}

#[tokio::test]
async fn commit_without_select_is_refused() {
    let server = Server::start();
    let connection = server.connect().await;
    let refused = within(open(&connection).await.tx_commit()).await;
    assert_refused(refused, 406, "channel is not transactional");
    let refused = within(open(&connection).await.tx_rollback()).await;
    assert_refused(refused, 406, "channel is not transactional");
}

#[tokio::test]
async fn tx_and_confirm_exclude_each_other() {
    let server = Server::start();
    let connection = server.connect().await;
    let channel = open_confirming(&connection).await;
    assert_refused(
        within(channel.tx_select()).await,
        406,
        "cannot switch from confirm to tx mode",
    );
    let channel = open(&connection).await;
    within(channel.tx_select()).await.expect("tx.select");
    let refused = within(channel.confirm_select(ConfirmSelectOptions::default())).await;
    assert_refused(refused, 406, "cannot switch from tx to confirm mode");
}

#[tokio::test]
async fn a_missing_exchange_is_noticed_at_publish() {
    let server = Server::start();
    let (_connection, channel) = server.channel().await;
    let watch = Watch::over(&channel).await;
    within(channel.tx_select()).await.expect("tx.select");
    let exchange = unique("missing");
    let (options, properties): (BasicPublishOptions, _) = Default::default();
    let sent = channel.basic_publish((&*exchange).into(), "".into(), options, b"", properties);
    sent.await.expect("send");
    let words = format!("no exchange '{exchange}' in vhost '/'");
    assert_reply(&watch.error().await, 404, &words);
}
