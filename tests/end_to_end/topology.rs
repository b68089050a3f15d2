//! Declaring, binding, purging and deleting, and who may.

use lapin::options::{
    ExchangeBindOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions,
    QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};

use crate::support::*;

async fn declare_exchange(
    channel: &Channel,
    name: &str,
    kind: ExchangeKind,
    options: ExchangeDeclareOptions,
) -> lapin::Result<()> {
    within(channel.exchange_declare(name.into(), kind, options, FieldTable::default())).await
}

async fn delete(channel: &Channel, queue: &str, options: QueueDeleteOptions) -> lapin::Result<u32> {
    within(channel.queue_delete(queue.into(), options)).await
}

async fn bind(channel: &Channel, queue: &str, exchange: &str, key: &str) -> lapin::Result<()> {
    let (options, arguments) = Default::default();
    within(channel.queue_bind(
        queue.into(),
        exchange.into(),
        key.into(),
        options,
        arguments,
    ))
    .await
}

const PASSIVE: ExchangeDeclareOptions = ExchangeDeclareOptions {
    passive: true,
    durable: false,
    auto_delete: false,
    internal: false,
    nowait: false,
};

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
    let deleted = delete(&channel, &missing, QueueDeleteOptions::default()).await;
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
        .reject(lapin::options::BasicRejectOptions { requeue: true })
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
    let refused = delete(&open(&connection).await, &name, if_empty).await;
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
    let refused = delete(&open(&connection).await, &name, if_unused).await;
    assert_refused(refused, 406, &format!("queue '{name}' in vhost '/' in use"));

    within(channel.basic_cancel(consumer.tag(), Default::default()))
        .await
        .expect("cancel");
    within(channel.basic_recover(lapin::options::BasicRecoverOptions { requeue: true }))
        .await
        .expect("recover");
    let deleted = delete(&channel, &name, if_unused).await;
    assert_eq!(deleted.expect("unused now"), 2);
    assert!(!queue_exists(&connection, &name).await);
}

#[tokio::test]
async fn unbind_stops_routing_and_is_idempotent() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let queue = temporary_queue(&channel).await;
    let key = unique("key");
    bind(&channel, &queue, "amq.direct", &key)
        .await
        .expect("bind");
    for _ in 0..2 {
        let (name, key) = (queue.as_str().into(), key.as_str().into());
        let unbound = channel.queue_unbind(name, "amq.direct".into(), key, FieldTable::default());
        within(unbound).await.expect("unbind");
    }
    let publisher = open_confirming(&connection).await;
    publish(&publisher, "amq.direct", &key, b"nowhere").await;
    assert_eq!(counts(&channel, &queue).await.0, 0);
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
    let deleted = delete(&open(&stranger).await, &name, Default::default()).await;
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

#[tokio::test]
async fn an_auto_delete_exchange_goes_with_its_last_binding() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let name = unique("auto-delete");
    let options = ExchangeDeclareOptions {
        auto_delete: true,
        ..Default::default()
    };
    declare_exchange(&channel, &name, ExchangeKind::Fanout, options)
        .await
        .expect("declare");
    let queue = temporary_queue(&channel).await;
    bind(&channel, &queue, &name, "").await.expect("bind");
    delete(&channel, &queue, Default::default())
        .await
        .expect("delete the queue");
    let asking = open(&connection).await;
    let gone = declare_exchange(&asking, &name, ExchangeKind::Fanout, PASSIVE).await;
    assert_refused(gone, 404, &format!("no exchange '{name}' in vhost '/'"));
}

#[tokio::test]
async fn an_exchange_in_use_is_not_deleted_if_unused() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let name = unique("in-use");
    let declared = declare_exchange(&channel, &name, ExchangeKind::Fanout, Default::default());
    declared.await.expect("declare");
    let queue = temporary_queue(&channel).await;
    bind(&channel, &queue, &name, "").await.expect("bind");
    let if_unused = ExchangeDeleteOptions {
        if_unused: true,
        nowait: false,
    };
    let other = open(&connection).await;
    let refused = within(other.exchange_delete(name.as_str().into(), if_unused)).await;
    assert_refused(
        refused,
        406,
        &format!("exchange '{name}' in vhost '/' in use"),
    );
    delete(&channel, &queue, Default::default())
        .await
        .expect("delete the queue");
    let deleted = within(channel.exchange_delete(name.as_str().into(), if_unused)).await;
    deleted.expect("unused now");
}

#[tokio::test]
async fn an_exchange_is_not_redeclared_as_another_type() {
    let server = Server::start();
    let (_connection, channel) = server.channel().await;
    let name = unique("type");
    let declared = declare_exchange(&channel, &name, ExchangeKind::Fanout, Default::default());
    declared.await.expect("declare");
    let refused = declare_exchange(&channel, &name, ExchangeKind::Topic, Default::default()).await;
    let words = format!("inequivalent arg 'type' for exchange '{name}' in vhost '/'");
    assert_refused(refused, 406, &words);
}

#[tokio::test]
async fn the_predeclared_exchanges_are_there() {
    let server = Server::start();
    let (_connection, channel) = server.channel().await;
    let expected = [
        ("amq.direct", ExchangeKind::Direct),
        ("amq.fanout", ExchangeKind::Fanout),
        ("amq.topic", ExchangeKind::Topic),
        ("amq.headers", ExchangeKind::Headers),
        ("amq.match", ExchangeKind::Headers),
    ];
    for (name, kind) in expected {
        declare_exchange(&channel, name, kind, PASSIVE)
            .await
            .expect("predeclared");
    }
}

#[tokio::test]
async fn reserved_names_are_refused() {
    let server = Server::start();
    let connection = server.connect().await;
    let queue = declare(&open(&connection).await, "amq.mine", Default::default()).await;
    assert_refused(
        queue,
        403,
        "queue name 'amq.mine' contains reserved prefix 'amq.*'",
    );
    let channel = open(&connection).await;
    let exchange = declare_exchange(
        &channel,
        "amq.mine",
        ExchangeKind::Direct,
        Default::default(),
    );
    let words = "exchange name 'amq.mine' contains reserved prefix 'amq.*'";
    assert_refused(exchange.await, 403, words);
    let channel = open(&connection).await;
    let deleted = within(channel.exchange_delete("amq.direct".into(), Default::default())).await;
    assert_refused(deleted, 403, "exchange 'amq.direct' in vhost '/'");
}

#[tokio::test]
async fn the_default_exchange_is_not_bound() {
    let server = Server::start();
    let (_connection, channel) = server.channel().await;
    let queue = temporary_queue(&channel).await;
    let refused = bind(&channel, &queue, "", "key").await;
    assert_refused(
        refused,
        403,
        "operation not permitted on the default exchange",
    );
}

#[tokio::test]
async fn deleting_an_exchange_removes_its_bindings_both_ways() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let (source, target) = (unique("source"), unique("target"));
    for name in [&source, &target] {
        let declared = declare_exchange(&channel, name, ExchangeKind::Fanout, Default::default());
        declared.await.expect("declare");
    }
    let queue = temporary_queue(&channel).await;
    bind(&channel, &queue, &target, "").await.expect("bind");
    let (options, arguments): (ExchangeBindOptions, _) = Default::default();
    let (to, from) = (target.as_str().into(), source.as_str().into());
    within(channel.exchange_bind(to, from, "".into(), options, arguments))
        .await
        .expect("bind");
    let deleted = within(channel.exchange_delete(target.as_str().into(), Default::default())).await;
    deleted.expect("delete");

    let redeclared = declare_exchange(&channel, &target, ExchangeKind::Fanout, Default::default());
    redeclared.await.expect("redeclare");
    let publisher = open_confirming(&connection).await;
    publish(&publisher, &source, "", b"nowhere").await;
    publish(&publisher, &target, "", b"nowhere").await;
    assert_eq!(counts(&channel, &queue).await.0, 0);
}

#[tokio::test]
async fn binding_twice_is_one_binding() {
    let server = Server::start();
    let (connection, channel) = server.channel().await;
    let queue = temporary_queue(&channel).await;
    let key = unique("key");
    for _ in 0..2 {
        let (options, arguments): (QueueBindOptions, _) = Default::default();
        let (name, key) = (queue.as_str().into(), key.as_str().into());
        let bound = channel.queue_bind(name, "amq.direct".into(), key, options, arguments);
        within(bound).await.expect("bind");
    }
    publish(
        &open_confirming(&connection).await,
        "amq.direct",
        &key,
        b"once",
    )
    .await;
    assert_eq!(drain(&channel, &queue).await, ["once"]);
}
