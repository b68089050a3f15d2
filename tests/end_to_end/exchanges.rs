//! Exchanges and bindings: declaring and deleting them, and what goes with them.

use lapin::ExchangeKind;
use lapin::options::{
    ExchangeBindOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions,
};
use lapin::types::FieldTable;

use crate::support::*;

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
    delete_queue(&channel, &queue, Default::default())
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
    delete_queue(&channel, &queue, Default::default())
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
