//! What is asked of a session by somebody who is no client of it.

use std::sync::Arc;

use ferrymq_broker::clients::ClientConnection;
use ferrymq_tests::InProcess;
use ferrymq_tests::raw::{Connection, FieldTable, basic};

use crate::support::vhost;

fn only_client(broker: &InProcess) -> Arc<ClientConnection> {
    let clients = broker.broker().clients().all();
    let client = clients.into_iter().next();
    client.expect("somebody is connected")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_is_cancelled_and_its_client_told() {
    let broker = InProcess::start();
    let channel = Connection::open(broker.amqp()).channel();
    channel.queue_with("q", FieldTable::default());
    let tag = channel.consume("q");
    let client = only_client(&broker);
    assert!(!client.cancel_consumer(1, "other").await);
    assert!(!client.cancel_consumer(2, &tag).await);
    assert!(client.cancel_consumer(1, &tag).await);
    let cancel: basic::Cancel = channel.expect();
    assert_eq!(cancel.consumer_tag.as_str(), tag);
    assert_eq!(channel.counts("q").1, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefetch_is_changed_from_outside() {
    let broker = InProcess::start();
    let channel = Connection::open(broker.amqp()).channel();
    channel.queue_with("q", FieldTable::default());
    channel.fill("q", &["a", "b", "c"]);
    channel.qos(1, false);
    channel.consume("q");
    channel.delivery();
    let client = only_client(&broker);
    assert!(!client.set_prefetch(9, 2).await);
    assert!(client.set_prefetch(1, 2).await);
    channel.delivery();
    assert_eq!(channel.counts("q").0, 1, "the third one waits");
    let entry = client.channel(1).unwrap();
    assert_eq!(entry.prefetch.get(), 2);
    assert_eq!(entry.consumers()[0].prefetch.get(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_tells_what_is_unacked() {
    let broker = InProcess::start();
    let channel = Connection::open(broker.amqp()).channel();
    for queue in ["q", "other"] {
        channel.queue_with(queue, FieldTable::default());
    }
    channel.confirm();
    for body in ["a", "b"] {
        channel.publish("", "q", body);
    }
    channel.publish("", "other", "c");
    channel.confirmed(3);
    channel.got("q");
    channel.got("other");
    let tag = channel.consume("q");
    channel.delivery();
    let queue = Arc::clone(&vhost(&broker).snapshot().queues["q"]);
    let client = only_client(&broker);
    let held = client.unacked(&queue, 10).await;
    let tags: Vec<_> = held
        .iter()
        .map(|held| held.consumer_tag.as_deref())
        .collect();
    assert_eq!(tags, [None, Some(tag.as_str())]);
    assert_eq!(client.unacked(&queue, 1).await.len(), 1);
}
