//! Publishers wait while memory or disk runs low; everything else goes on.

use ferrymq_tests::Broker;
use ferrymq_tests::harness::Options;
use ferrymq_tests::raw::{Channel, Connection, Login, Tuning, basic, connections};

use crate::support::{eventually, is_other_broker};

/// A broker that wants more disk space than there is.
fn without_disk() -> Broker {
    let limit = (1_u64 << 60).to_string();
    let options = Options::default().environment("FERRYMQ_DISK_FREE_LIMIT", &limit);
    let broker = options.start();
    broker.wait_for_log("disk resource limit alarm set");
    broker
}

fn expect_blocked(channel: &Channel, reason: &str) {
    let blocked: connections::Blocked = channel.connection().expect();
    assert_eq!(blocked.reason.as_str(), reason);
}

#[test]
fn a_client_is_told_when_it_publishes() {
    if is_other_broker("needs a broker of its own") {
        return;
    }
    let broker = without_disk();
    let channel = Connection::open(broker.amqp()).channel();
    let queue = channel.queue("waiting");
    channel.expect_nothing();
    channel.publish("", &queue, "held back");
    expect_blocked(&channel, "low on disk");
    let observer = Connection::open(broker.amqp()).channel();
    assert_eq!(observer.counts(&queue), (0, 0));
}

#[test]
fn a_client_is_told_once() {
    if is_other_broker("needs a broker of its own") {
        return;
    }
    let broker = without_disk();
    let connection = Connection::open(broker.amqp());
    let (publisher, other) = (connection.channel(), connection.channel());
    for _ in 0..3 {
        publisher.publish("", "nowhere", "held back");
    }
    expect_blocked(&publisher, "low on disk");
    other.publish("", "nowhere", "held back, too");
    let third = connection.channel();
    third.expect_nothing();
    assert_eq!(connection.received(), None, "a second notice");
}

#[test]
fn a_client_that_does_not_want_to_know_is_not_told() {
    if is_other_broker("needs a broker of its own") {
        return;
    }
    let broker = without_disk();
    let login = Login::default().without("connection.blocked");
    let connection = Connection::open_with(broker.amqp(), &login, Tuning::default());
    let (publisher, other) = (connection.channel(), connection.channel());
    let queue = other.queue("waiting");
    publisher.publish("", &queue, "held back");
    assert_eq!(other.counts(&queue), (0, 0));
    assert_eq!(connection.received(), None);
}

#[test]
fn a_blocked_connection_can_be_dropped() {
    if is_other_broker("needs a broker of its own") {
        return;
    }
    let broker = without_disk();
    let observer = Connection::open(broker.amqp()).channel();
    let channel = Connection::open(broker.amqp()).channel();
    let queue = observer.queue("waiting");
    channel.consume(&queue);
    channel.publish("", &queue, "held back");
    expect_blocked(&channel, "low on disk");
    channel.connection().drop_socket();
    eventually("the consumer's end", || observer.counts(&queue) == (0, 0));
}

/// A broker that uses as much memory as it may, in messages of the queue `full`.
struct WithoutMemory {
    /// Kept alive.
    _broker: Broker,
    /// Has to wait, its last publish not confirmed.
    publisher: Channel,
    /// On a connection of its own.
    consumer: Channel,
    /// How many messages the queue holds.
    confirmed: u64,
}

impl WithoutMemory {
    fn new() -> Self {
        let options = Options::default().environment("FERRYMQ_MEMORY_HIGH_WATERMARK", "150MiB");
        let broker = options.start();
        let publisher = Connection::open(broker.amqp()).channel();
        let consumer = Connection::open(broker.amqp()).channel();
        publisher.queue("full");
        publisher.confirm();
        let confirmed = (0..10_000).find(|_| !publish_or_wait(&publisher));
        let confirmed = confirmed.expect("no alarm after ten thousand messages");
        Self {
            _broker: broker,
            publisher,
            consumer,
            confirmed,
        }
    }
}

/// Publishes 100 kB; false when that has to wait.
fn publish_or_wait(publisher: &Channel) -> bool {
    publisher.publish("", "full", &"x".repeat(100_000));
    let frame = publisher
        .connection()
        .next()
        .expect("a confirm or a notice");
    frame.channel == publisher.id()
}

#[test]
fn consumers_go_on_and_publishers_too_when_there_is_room_again() {
    if is_other_broker("needs a broker of its own") {
        return;
    }
    let WithoutMemory {
        _broker,
        publisher,
        consumer,
        confirmed,
    } = WithoutMemory::new();
    consumer.consume("full");
    for tag in 1..=confirmed {
        assert_eq!(consumer.delivery().delivery_tag, tag);
        consumer.ack(tag);
    }
    publisher.connection().expect::<connections::Unblocked>();
    assert_eq!(publisher.expect::<basic::Ack>().delivery_tag, confirmed + 1);
    assert_eq!(consumer.delivery().delivery_tag, confirmed + 1);
}

#[test]
fn acks_of_a_blocked_connection_are_handled() {
    if is_other_broker("needs a broker of its own") {
        return;
    }
    let WithoutMemory {
        _broker,
        publisher,
        consumer,
        confirmed,
    } = WithoutMemory::new();
    let own_consumer = publisher.connection().channel();
    own_consumer.qos(1, false);
    own_consumer.consume("full");
    own_consumer.delivery();
    own_consumer.ack(1);
    assert_eq!(own_consumer.delivery().delivery_tag, 2);
    assert_eq!(
        consumer.counts("full").0,
        u32::try_from(confirmed - 2).expect("few messages")
    );
}
