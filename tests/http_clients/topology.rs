//! Queues, exchanges, bindings and messages; connections, channels and consumers.

use std::time::Duration;

use lapin::options::{BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use rabbitmq_http_client::commons::PaginationParams;
use rabbitmq_http_client::requests::{BindingDeletionParams, ExchangeParams, QueueParams};

use crate::support::{broker, client};

const VHOST: &str = "/";

#[tokio::test]
async fn queues_are_understood() {
    let broker = broker();
    let client = client(&broker);
    for params in [
        QueueParams::new_durable_classic_queue("a/b", None).with_max_length(5),
        QueueParams::new_quorum_queue("q", None),
        QueueParams::new_transient_autodelete("t", None),
    ] {
        client.declare_queue(VHOST, &params).await.unwrap();
        client.declare_queue(VHOST, &params).await.unwrap();
    }
    assert_eq!(client.list_queues().await.unwrap().len(), 3);
    assert_eq!(client.list_queues_in(VHOST).await.unwrap().len(), 3);
    let page = PaginationParams::new(1, 2);
    assert_eq!(client.list_queues_paged(&page).await.unwrap().len(), 2);
    assert_eq!(client.list_quorum_queues().await.unwrap().len(), 1);
    client.list_queues_with_details().await.unwrap();
    let queue = client.get_queue_info(VHOST, "a/b").await.unwrap();
    assert!(queue.durable && queue.message_count == 0, "{queue:?}");
    client.purge_queue(VHOST, "a/b").await.unwrap();
    client.delete_queue(VHOST, "a/b", false).await.unwrap();
    assert!(client.delete_queue(VHOST, "a/b", false).await.is_err());
    client.delete_queue(VHOST, "a/b", true).await.unwrap();
}

#[tokio::test]
async fn messages_are_understood() {
    let broker = broker();
    let client = client(&broker);
    client.declare_classic_queue(VHOST, "q").await.unwrap();
    let publish =
        |key| client.publish_message(VHOST, "amq.default", key, "body", Default::default());
    assert!(publish("q").await.unwrap().routed);
    assert!(!publish("nowhere").await.unwrap().routed);
    let requeue = client.get_messages(VHOST, "q", 5, "ack_requeue_true");
    assert_eq!(requeue.await.unwrap()[0].payload, "body");
    let take = client.get_messages(VHOST, "q", 5, "ack_requeue_false");
    assert!(take.await.unwrap()[0].redelivered);
}

#[tokio::test]
async fn exchanges_and_bindings_are_understood() {
    let broker = broker();
    let client = client(&broker);
    let params = ExchangeParams::durable_topic("x", None);
    client.declare_exchange(VHOST, &params).await.unwrap();
    client.list_exchanges().await.unwrap();
    client.list_exchanges_in(VHOST).await.unwrap();
    assert_eq!(
        client
            .get_exchange_info(VHOST, "x")
            .await
            .unwrap()
            .exchange_type,
        "topic"
    );
    client.declare_classic_queue(VHOST, "q").await.unwrap();
    let bind = client.bind_queue(VHOST, "q", "x", Some("a.#"), None);
    bind.await.unwrap();
    let bind = client.bind_exchange(VHOST, "amq.fanout", "x", Some(""), None);
    bind.await.unwrap();
    client.list_bindings().await.unwrap();
    client.list_bindings_in(VHOST).await.unwrap();
    let of_source = client.list_exchange_bindings_with_source(VHOST, "x");
    assert_eq!(of_source.await.unwrap().len(), 2);
    let to_fanout = client.list_exchange_bindings_with_destination(VHOST, "amq.fanout");
    assert_eq!(to_fanout.await.unwrap().len(), 1);
    let bindings = client.list_queue_bindings(VHOST, "q").await.unwrap();
    let binding = bindings.iter().find(|binding| binding.source == "x");
    let params = BindingDeletionParams::from_binding_info(binding.unwrap());
    client.delete_binding(&params, false).await.unwrap();
    client.delete_exchange(VHOST, "x", false).await.unwrap();
}

#[tokio::test]
async fn connections_are_understood() {
    let broker = broker();
    let client = client(&broker);
    client.declare_classic_queue(VHOST, "q").await.unwrap();
    let address = format!("amqp://{}", broker.amqp());
    let properties = ConnectionProperties::default();
    let connection = Connection::connect(&address, properties).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel
        .basic_qos(7, BasicQosOptions::default())
        .await
        .unwrap();
    let options = BasicConsumeOptions::default();
    let consumer = channel.basic_consume("q".into(), "c".into(), options, FieldTable::default());
    let _consumer = consumer.await.unwrap();

    let connections = client.list_connections().await.unwrap();
    assert_eq!(connections.len(), 1);
    let name = &connections[0].name;
    client.get_connection_info(name).await.unwrap();
    client.list_connections_in(VHOST).await.unwrap();
    assert_eq!(
        client.list_user_connections("guest").await.unwrap().len(),
        1
    );
    let channels = client.list_channels().await.unwrap();
    assert_eq!(channels.len(), 1);
    client.list_channels_in(VHOST).await.unwrap();
    client.list_channels_on(name).await.unwrap();
    client.get_channel_info(&channels[0].name).await.unwrap();
    let consumers = client.list_consumers().await.unwrap();
    assert_eq!(consumers[0].consumer_tag, "c");
    client.list_consumers_in(VHOST).await.unwrap();
    client.get_queue_info(VHOST, "q").await.unwrap();

    let closed = client.close_connection(name, Some("enough"), false);
    closed.await.unwrap();
    let gone = async {
        while !client.list_connections().await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone)
        .await
        .unwrap();
}
