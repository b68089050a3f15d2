//! What is counted while clients work: per channel, queue, exchange, vhost and altogether.

use std::sync::Arc;

use ferrymq_broker::clients::{ClientChannel, ClientConnection, State};
use ferrymq_broker::queue::Queue;
use ferrymq_broker::stats::{Activity, Kind};
use ferrymq_tests::InProcess;

use crate::support::{channel, eventually, vhost};

/// The connection that was opened last.
fn latest(broker: &InProcess) -> Arc<ClientConnection> {
    let all = broker.broker().clients().all();
    let latest = all.into_iter().max_by_key(|connection| connection.id);
    latest.expect("a connection")
}

fn entry(broker: &InProcess, number: u16) -> Arc<ClientChannel> {
    latest(broker).channel(number).expect("an open channel")
}

/// Totals get what a round of the connection's task has counted at its end.
#[track_caller]
fn check(read: impl Fn() -> Activity, expected: &[(Kind, u64)]) {
    let mut counted: Vec<_> = Vec::new();
    eventually("the counts", || {
        counted = read().iter().collect();
        counted == expected
    });
}

fn queue_activity(broker: &InProcess, queue: &str) -> Activity {
    vhost(broker).snapshot().queues[queue].inspect(|queue| *queue.activity())
}

#[test]
fn what_passes_through_a_queue_is_counted_everywhere() {
    let broker = InProcess::start();
    let client = channel(&broker);
    client.confirm();
    client.queue("q");
    for body in ["one", "two", "three"] {
        client.publish("", "q", body);
    }
    client.confirmed(3);
    let first = client.got("q");
    client.ack(first.delivery_tag);
    let second = client.got("q");
    client.nack(second.delivery_tag, true);
    client.consume("q");
    let deliveries = [client.delivery(), client.delivery()];
    client.ack(deliveries[0].delivery_tag);

    let expected = [
        (Kind::Publish, 3),
        (Kind::PublishToConfirm, 3),
        (Kind::Route, 3),
        (Kind::Confirm, 3),
        (Kind::Deliver, 2),
        (Kind::Get, 2),
        (Kind::Redeliver, 1),
        (Kind::Ack, 2),
        (Kind::Settle, 3),
    ];
    let own = entry(&broker, 1);
    check(|| own.counters.read(), &expected);
    assert_eq!(own.counters.read().unacked(), 1);
    assert_eq!(own.counters.read().unconfirmed(), 0);
    assert_eq!(own.consumer_count(), 1);
    assert!(own.is_confirming() && !own.is_transactional());

    let in_queue = [
        (Kind::Publish, 3),
        (Kind::Deliver, 2),
        (Kind::Get, 2),
        (Kind::Redeliver, 1),
        (Kind::Ack, 2),
    ];
    check(|| queue_activity(&broker, "q"), &in_queue);
    let counts = vhost(&broker).snapshot().queues["q"].inspect(Queue::counts);
    assert_eq!((counts.unacked, counts.unacked_bytes), (1, 5));

    // Settlements are the channels' business alone.
    let totals = &expected[..expected.len() - 1];
    check(|| broker.broker().totals().activity(), totals);
    check(|| vhost(&broker).totals().read(), totals);
    let exchange = vhost(&broker).exchange_totals("").expect("it was used");
    assert_eq!((exchange.published(), exchange.routed()), (3, 3));

    client.close();
    check(|| broker.broker().totals().activity(), totals);
    assert_eq!(latest(&broker).channel_count(), 0);
}

#[test]
fn what_nobody_gets_is_counted_as_dropped_or_returned() {
    let broker = InProcess::start();
    let client = channel(&broker);
    client.publish("", "nowhere", "dropped");
    client.publish_mandatory("", "nowhere", "returned");
    let expected = [
        (Kind::Publish, 2),
        (Kind::ReturnUnroutable, 1),
        (Kind::DropUnroutable, 1),
    ];
    let own = entry(&broker, 1);
    check(|| own.counters.read(), &expected);
    check(|| broker.broker().totals().activity(), &expected);
    let sizes = broker.broker().totals().sizes.read();
    assert_eq!((sizes.counts[0], sizes.bytes), (2, 15));
}

#[test]
fn a_connection_is_known_as_long_as_it_lasts() {
    let broker = InProcess::start();
    let client = channel(&broker);
    let entry = latest(&broker);
    let opened = entry.opened().expect("it is open");
    assert_eq!(opened.user.name(), "guest");
    assert_eq!(&*opened.vhost, "/");
    assert_eq!(entry.state(), State::Running);
    assert!(entry.traffic.received_bytes.get() > 100);
    assert!(entry.traffic.sent_bytes.get() > 100);
    let name = entry.name();
    let found = broker.broker().clients().find(&name).expect("by its name");
    assert!(Arc::ptr_eq(&found, &entry));
    entry.close("enough");
    let close = client.connection().read_to_close();
    assert_eq!(close.expect("a reason").reply_code, 320);
}
