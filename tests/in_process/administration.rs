//! What is asked of a session by somebody who is no client of it.

use std::sync::Arc;

use ferrymq_broker::clients::ClientConnection;
use ferrymq_broker::session::requests::Held;
use ferrymq_tests::InProcess;
use ferrymq_tests::raw::{Channel, Connection, FieldTable, basic, tx};

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

/// A channel that has got `a`, `b`, `c` and `d` of the queue `q` with a consumer that has ended, and not settled them; `e`
/// waits.
fn with_four_unacked(broker: &InProcess) -> Channel {
    let channel = Connection::open(broker.amqp()).channel();
    channel.queue_with("q", FieldTable::default());
    channel.fill("q", &["a", "b", "c", "d", "e"]);
    channel.qos(4, false);
    let tag = channel.consume("q");
    assert_eq!(channel.deliveries(4), ["a", "b", "c", "d"]);
    channel.cancel(&tag);
    channel
}

/// Takes back from channel 1 what of `q` has one of these tags.
async fn take_back(broker: &InProcess, tags: &[u64]) {
    let queue = Arc::clone(&vhost(broker).snapshot().queues["q"]);
    let client = only_client(broker);
    for &tag in tags {
        let which = Held {
            channel: Some(1),
            delivery_tag: Some(tag),
            ..Held::default()
        };
        assert_eq!(client.requeue_unacked(&queue, which.clone()).await, 1);
        assert_eq!(client.requeue_unacked(&queue, which).await, 0, "again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_is_taken_back_is_in_its_place_and_its_ack_ignored() {
    let broker = InProcess::start();
    let channel = with_four_unacked(&broker);
    take_back(&broker, &[2]).await;
    channel.ack(2);
    channel.reject(2, true);
    let got = channel.got("q");
    assert_eq!((got.text().as_str(), got.redelivered), ("b", true));
    assert_eq!(got.content.headers().inner().len(), 2, "as after a nack");
    channel.ack(got.delivery_tag);
    channel.ack(1);
    channel.ack(1);
    channel.refused(406, "unknown delivery tag 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn multiple_goes_over_what_was_taken_back() {
    let broker = InProcess::start();
    let channel = with_four_unacked(&broker);
    take_back(&broker, &[2, 3]).await;
    channel.ack_up_to(2);
    assert_eq!(channel.counts("q").0, 3, "b, c and e wait, a is gone");
    channel.nack_up_to(4, true);
    channel.nack_up_to(3, false);
    channel.ack_up_to(0);
    assert_eq!(channel.drain("q"), ["b", "c", "d", "e"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_keeps_what_it_holds() {
    let broker = InProcess::start();
    let channel = with_four_unacked(&broker);
    let _: tx::SelectOk = channel.call(tx::Select {});
    channel.ack(1);
    take_back(&broker, &[2]).await;
    channel.ack_up_to(3);
    let _: tx::RollbackOk = channel.call(tx::Rollback {});
    channel.ack_up_to(2);
    channel.ack(3);
    let _: tx::CommitOk = channel.call(tx::Commit {});
    assert_eq!(channel.counts("q").0, 2, "b and e wait");
    channel.close();
    let other = channel.connection().channel();
    assert_eq!(other.drain("q"), ["b", "d", "e"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_a_consumer_or_a_connection_is_taken_back() {
    let broker = InProcess::start();
    let connection = Connection::open(broker.amqp());
    let (channel, other) = (connection.channel(), connection.channel());
    channel.queue_with("q", FieldTable::default());
    channel.fill("q", &["a", "b", "c"]);
    channel.got("q");
    other.qos(1, false);
    let tag = other.consume("q");
    other.delivery();
    let queue = Arc::clone(&vhost(&broker).snapshot().queues["q"]);
    let client = only_client(&broker);
    let of_consumer = |tag: &str| Held {
        channel: Some(other.id()),
        consumer_tag: Some(tag.to_owned()),
        ..Held::default()
    };
    let nobody = client.requeue_unacked(&queue, of_consumer("nobody")).await;
    assert_eq!(nobody, 0);
    let theirs = client.requeue_unacked(&queue, of_consumer(&tag)).await;
    assert_eq!(theirs, 1);
    let again = other.delivery();
    assert_ne!(
        client.channel(other.id()).unwrap().oldest_unacked_at.get(),
        0
    );
    assert_eq!(
        (again.text().as_str(), again.redelivered),
        ("b", true),
        "it had room"
    );
    other.cancel(&tag);
    let all = client.requeue_unacked(&queue, Held::default()).await;
    assert_eq!(all, 2);
    assert_eq!(
        client.channel(other.id()).unwrap().oldest_unacked_at.get(),
        0
    );
    assert_eq!(channel.drain("q"), ["a", "b", "c"]);
}
