//! The broker in this process stops and starts again like the built program.

use ferrymq_tests::InProcess;
use ferrymq_tests::raw::{BasicProperties, Connection, FieldTable};

use crate::support::{channel, vhost};

#[test]
fn messages_survive_a_restart() {
    let mut broker = InProcess::start();
    let channel = Connection::open(broker.amqp()).channel();
    channel.durable_queue_with("kept", FieldTable::default());
    channel.confirm();
    let persistent = BasicProperties::default().with_delivery_mode(2);
    channel.publish_with("", "kept", "a", &persistent);
    channel.confirmed(1);
    assert_eq!(broker.broker().connection_count(), 1);
    drop(channel);
    broker.restart();
    assert_eq!(broker.broker().connection_count(), 0);
    let channel = Connection::open(broker.amqp()).channel();
    assert_eq!(channel.drain("kept"), ["a"]);
}

#[test]
fn who_declared_a_queue_survives_a_restart() {
    let mut broker = InProcess::start();
    let declared_by = |broker: &InProcess| {
        let queue = vhost(broker).snapshot().queues["kept"].clone();
        queue.declared.by.clone()
    };
    channel(&broker).durable_queue_with("kept", FieldTable::default());
    assert_eq!(declared_by(&broker).as_deref(), Some("guest"));
    broker.restart();
    assert_eq!(declared_by(&broker).as_deref(), Some("guest"));
}

#[tokio::test]
async fn an_async_test_may_restart_it_too() {
    let mut broker = InProcess::start();
    broker.restart_with(|config| config.node_name = "other".into());
    assert_eq!(broker.broker().config().node_name, "other");
}
