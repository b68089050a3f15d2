//! Queues: declaring, purging and deleting them, and who may.

use lapin::ExchangeKind;
use lapin::options::{
    BasicRecoverOptions, BasicRejectOptions, ExchangeDeleteOptions, QueueDeclareOptions,
    QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::AMQPValue;

use crate::support::*;

#[tokio::test]
async fn declare_answers_with_the_name_and_the_counts() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let name = unique("counts");
    let new = declare(&channel, &name, QueueDeclareOptions::durable())
        .await
        .expect("declare");
    assert_eq!(
        (
            new.name().as_str(),
            new.message_count(),
            new.consumer_count()
        ),
        (&*name, 0, 0)
    );

    let publisher = open_confirming(&connection).await;
    publish_numbered(&publisher, &name, 3).await;
    let again = declare(&channel, &name, QueueDeclareOptions::durable())
        .await
        .expect("redeclare");
    assert_eq!((again.message_count(), again.consumer_count()), (3, 0));

    let mut consumer = consume(&channel, &name).await;
    next_bodies(&mut consumer, 3).await;
    assert_eq!(
        counts(&channel, &name).await,
        (0, 1),
        "unacked messages are not ready"
    );
}

#[tokio::test]
async fn a_server_named_queue_has_a_name_of_its_own() {
    let server = Server::start();
    let (_connection, channel) = server.channel().await;
    let first = temporary_queue(&channel).await;
    let second = temporary_queue(&channel).await;
    assert!(first.starts_with("amq.gen-"), "{first}");
    assert_ne!(first, second);
}

#[tokio::test]
async fn the_empty_name_means_the_queue_declared_last() {
    let server = Server::start();
    let (_connection, channel) = server.channel().await;
    let queue = temporary_queue(&channel).await;
    bind(&channel, "", "amq.direct", &queue)
        .await
        .expect("bind the last queue");
    publish(&channel, "amq.direct", &queue, b"by binding").await;
    let mut consumer = consume(&channel, "").await;
    assert_eq!(text(&next(&mut consumer).await), "by binding");
}

#[tokio::test]
async fn redeclaring_with_other_properties_is_refused() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let name = unique("redeclare");
    durable_queue(&channel, &name).await;
    let refused = declare(&channel, &name, QueueDeclareOptions::default()).await;
    let words = format!("inequivalent arg 'durable' for queue '{name}' in vhost '/'");
    assert_refused(refused, 406, &words);

    let channel = open(&connection).await;
    let arguments = table([("x-max-length", AMQPValue::LongInt(10))]);
    let options = QueueDeclareOptions::durable();
    let refused = within(channel.queue_declare((&*name).into(), options, arguments)).await;
    let words = format!("inequivalent arg 'x-max-length' for queue '{name}' in vhost '/'");
    assert_refused(refused, 406, &words);
}

#[tokio::test]
async fn integers_of_other_widths_are_the_same_argument() {
    let server = Server::start();
    let (_connection, channel) = server.channel().await;
    let name = unique("widths");
    let widths = [
        AMQPValue::LongInt(5_000),
        AMQPValue::LongLongInt(5_000),
        AMQPValue::ShortInt(5_000),
        AMQPValue::LongUInt(5_000),
    ];
    for width in widths {
        let arguments = table([("x-message-ttl", width)]);
        let options = QueueDeclareOptions::durable();
        within(channel.queue_declare((&*name).into(), options, arguments))
            .await
            .expect("equal");
    }
}

#[tokio::test]
async fn arguments_are_validated() {
    let server = Server::start();
    let connection = server.connect().await;
    let wrong = [
        ("x-message-ttl", long_string("soon")),
        ("x-message-ttl", AMQPValue::LongInt(-1)),
        ("x-max-length", AMQPValue::LongInt(-1)),
        ("x-max-length-bytes", AMQPValue::Boolean(true)),
        ("x-expires", AMQPValue::LongInt(0)),
        ("x-max-priority", AMQPValue::LongInt(256)),
        ("x-overflow", long_string("explode")),
        ("x-dead-letter-exchange", AMQPValue::LongInt(1)),
        ("x-single-active-consumer", long_string("yes")),
    ];
    for (argument, value) in wrong {
        let channel = open(&connection).await;
        let arguments = table([(argument, value.clone())]);
        let options = QueueDeclareOptions::exclusive();
        let refused = within(channel.queue_declare("".into(), options, arguments)).await;
        assert_refused(refused, 406, &format!("arg '{argument}'"));
    }
}

#[tokio::test]
async fn what_is_missing_is_not_found_and_closes_only_the_channel() {
    let server = Server::start();
    let connection = server.connect().await;
    let survivor = open(&connection).await;
    let (queue, exchange) = (unique("missing"), unique("missing"));
    let no_queue = format!("no queue '{queue}' in vhost '/'");
    let no_exchange = format!("no exchange '{exchange}' in vhost '/'");

    let channel = open(&connection).await;
    let passive = QueueDeclareOptions::default().passive();
    assert_refused(declare(&channel, &queue, passive).await, 404, &no_queue);
    let channel = open(&connection).await;
    let declared = declare_exchange(&channel, &exchange, ExchangeKind::Direct, PASSIVE).await;
    assert_refused(declared, 404, &no_exchange);
    let channel = open(&connection).await;
    let purged = within(channel.queue_purge((&*queue).into(), QueuePurgeOptions::default())).await;
    assert_refused(purged, 404, &no_queue);
    let channel = open(&connection).await;
    assert_refused(
        bind(&channel, &queue, "amq.direct", "").await,
        404,
        &no_queue,
    );
    let channel = open(&connection).await;
    let last = temporary_queue(&channel).await;
    assert_refused(
        bind(&channel, &last, &exchange, "").await,
        404,
        &no_exchange,
    );
    let channel = open(&connection).await;
    let consumed = consume_with(&channel, &queue, "", Default::default()).await;
    assert_refused(consumed.map(|_| ()), 404, &no_queue);

    temporary_queue(&survivor).await;
}

#[tokio::test]
async fn deleting_what_is_missing_succeeds() {
    let server = Server::start();
    let (_connection, channel) = server.channel().await;
    let missing = unique("missing");
    let deleted = delete_queue(&channel, &missing, QueueDeleteOptions::default()).await;
    assert_eq!(deleted.expect("idempotent"), 0);
    let options = ExchangeDeleteOptions::default();
    within(channel.exchange_delete(missing.as_str().into(), options))
        .await
        .expect("idempotent");
}

#[tokio::test]
async fn purge_removes_what_is_ready_and_nothing_else() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let queue = temporary_queue(&channel).await;
    publish_numbered(&open_confirming(&connection).await, &queue, 5).await;
    let unacked = get(&channel, &queue).await.expect("a message");
    let purged = within(channel.queue_purge(queue.as_str().into(), Default::default())).await;
    assert_eq!(purged.expect("purge"), 4);
    unacked
        .reject(BasicRejectOptions { requeue: true })
        .await
        .expect("reject");
    assert_eq!(drain(&channel, &queue).await, ["0"]);
}

#[tokio::test]
async fn delete_counts_the_messages_and_honours_its_conditions() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let name = unique("delete");
    durable_queue(&channel, &name).await;
    publish_numbered(&open_confirming(&connection).await, &name, 2).await;

    let if_empty = QueueDeleteOptions {
        if_empty: true,
        ..Default::default()
    };
    let refused = delete_queue(&open(&connection).await, &name, if_empty).await;
    assert_refused(
        refused,
        406,
        &format!("queue '{name}' in vhost '/' not empty"),
    );

    let consumer = consume(&channel, &name).await;
    let if_unused = QueueDeleteOptions {
        if_unused: true,
        ..Default::default()
    };
    let refused = delete_queue(&open(&connection).await, &name, if_unused).await;
    assert_refused(refused, 406, &format!("queue '{name}' in vhost '/' in use"));

    within(channel.basic_cancel(consumer.tag(), Default::default()))
        .await
        .expect("cancel");
    within(channel.basic_recover(BasicRecoverOptions { requeue: true }))
        .await
        .expect("recover");
    let deleted = delete_queue(&channel, &name, if_unused).await;
    assert_eq!(deleted.expect("unused now"), 2);
    assert!(!queue_exists(&connection, &name).await);
}

#[tokio::test]
async fn an_exclusive_queue_belongs_to_its_connection() {
    let server = Server::start();
    let (owner, channel) = server.channel().await;
    let name = unique("exclusive");
    declare(&channel, &name, QueueDeclareOptions::exclusive())
        .await
        .expect("declare");
    let sibling = open(&owner).await;
    assert_eq!(
        counts(&sibling, &name).await,
        (0, 0),
        "all channels of the connection may"
    );

    let stranger = server.connect().await;
    let locked = format!("cannot obtain exclusive access to locked queue '{name}' in vhost '/'");
    let passive = QueueDeclareOptions::default().passive();
    assert_refused(
        declare(&open(&stranger).await, &name, passive).await,
        405,
        &locked,
    );
    let consumed = consume_with(&open(&stranger).await, &name, "", Default::default()).await;
    assert_refused(consumed.map(|_| ()), 405, &locked);
    let deleted = delete_queue(&open(&stranger).await, &name, Default::default()).await;
    assert_refused(deleted, 405, &locked);
    publish(
        &open_confirming(&stranger).await,
        "",
        &name,
        b"publishing is allowed",
    )
    .await;
    assert_eq!(counts(&sibling, &name).await.0, 1);
}

#[tokio::test]
async fn exclusive_queues_are_gone_when_the_close_is_answered() {
    let server = Server::start();
    let observer = server.connect().await;
    for _ in 0..10 {
        let (owner, channel) = server.channel().await;
        let queue = temporary_queue(&channel).await;
        within(owner.close(200, "done".into()))
            .await
            .expect("close");
        assert!(
            !queue_exists(&observer, &queue).await,
            "{queue} outlived its connection"
        );
    }
}

#[tokio::test]
async fn an_auto_delete_queue_goes_with_its_last_consumer() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let name = unique("auto-delete");
    declare(
        &channel,
        &name,
        QueueDeclareOptions::default().auto_delete(),
    )
    .await
    .expect("declare");
    get(&channel, &name).await;
    assert!(
        queue_exists(&connection, &name).await,
        "get is not a consumer"
    );

    let first = consume(&channel, &name).await;
    let second = consume(&channel, &name).await;
    within(channel.basic_cancel(first.tag(), Default::default()))
        .await
        .expect("cancel");
    assert!(
        queue_exists(&connection, &name).await,
        "one consumer is left"
    );
    within(channel.basic_cancel(second.tag(), Default::default()))
        .await
        .expect("cancel");
    eventually("the queue is deleted", async || {
        !queue_exists(&connection, &name).await
    })
    .await;
}
