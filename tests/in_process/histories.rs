//! How what is counted went: the ticker, told when to tick, against what clients did in between.

use std::time::Duration;

use ferrymq_broker::clock;
use ferrymq_broker::config::RatesMode;
use ferrymq_broker::stats::series::Range;
use ferrymq_broker::stats::{
    ChurnField, ExchangeField, Kind, MessageField, NodeField, Protocol, TrafficField, reset, ticker,
};
use ferrymq_tests::InProcess;
use ferrymq_tests::raw::{BasicProperties, FieldTable};

use crate::support::{channel, eventually, vhost};

const HOUR: Duration = Duration::from_secs(3_600);

/// A broker that ticks on its own only at the start, and has done so.
fn broker(rates_mode: RatesMode) -> InProcess {
    let broker = InProcess::start_with(|config| {
        config.statistics_interval = HOUR;
        config.rates_mode = rates_mode;
    });
    eventually("the tick at the start", || {
        broker.broker().statistics().process().memory_bytes > 0
    });
    broker
}

/// Ticks so many hours from now.
fn tick(broker: &InProcess, hours: u32) {
    let now = clock::now().after(hours * HOUR);
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a thread that waits");
    runtime.block_on(ticker::tick(broker.broker(), now));
}

#[test]
fn every_object_has_a_rate() {
    let broker = broker(RatesMode::Basic);
    let client = channel(&broker);
    client.confirm();
    client.queue("q");
    tick(&broker, 1);
    for _ in 0..36 {
        client.publish("", "q", "body");
    }
    client.confirmed(36);
    client.got("q");
    eventually("the totals", || {
        broker.broker().totals().activity()[Kind::Get] == 1
    });
    tick(&broker, 2);

    let statistics = broker.broker().statistics();
    let moments = statistics.moments();
    let published = [MessageField::Happened(Kind::Publish)];
    let vhost = vhost(&broker);
    let queue = vhost.snapshot().queues["q"].clone();
    let connection = broker.broker().clients().all().remove(0);
    let entry = connection.channel(1).expect("an open channel");
    for history in [
        &queue.history,
        &vhost.history,
        &statistics.messages,
        &entry.history,
    ] {
        assert_eq!(history.details(&published, moments, None).rate, 0.01);
        let left = history.details(&MessageField::DELIVER_GET, moments, None);
        assert_eq!(left.rate, 1.0 / 3_600.0);
        assert_eq!(left.samples, None);
    }
    for history in [&queue.history, &vhost.history, &statistics.messages] {
        assert_eq!(
            history.details(&MessageField::HELD, moments, None).rate,
            0.01
        );
    }
    let exchange = vhost.exchange_totals("").expect("it was used");
    for field in [ExchangeField::In, ExchangeField::Out] {
        assert_eq!(exchange.history.details(&[field], moments, None).rate, 0.01);
    }
    let received = connection
        .history
        .details(&[TrafficField::Received], moments, None);
    assert!(received.rate > 0.1, "{received:?}");
    let created = statistics
        .churn
        .details(&[ChurnField::QueuesCreated], moments, None);
    assert_eq!(created.rate, 0.0, "that was an hour before");

    tick(&broker, 3);
    let moments = statistics.moments();
    assert_eq!(queue.history.details(&published, moments, None).rate, 0.0);
    let range = Range::new(3 * 3_600, 3_600).expect("a range");
    let details = queue.history.details(&published, moments, Some(range));
    let samples: Vec<_> = details
        .samples
        .iter()
        .flatten()
        .map(|sample| sample.sample)
        .collect();
    assert_eq!(samples, [36, 36, 0, 0]);
    assert_eq!(details.average(), Some(18.0));
    assert_eq!(details.average_rate(), Some(36.0 / 3.0 / 3_600.0));
    let memory = statistics
        .node
        .details(&[NodeField::MemoryUsed], moments, Some(range));
    assert!(
        memory
            .samples
            .iter()
            .flatten()
            .all(|sample| sample.sample > 1 << 20)
    );
}

#[test]
fn sums_are_those_of_all_objects_and_traffic_never_falls() {
    let broker = broker(RatesMode::None);
    let client = channel(&broker);
    client.queue("a");
    client.queue("b");
    client.publish("", "a", "four");
    client.publish("", "b", "sixsix");
    client.publish("", "b", "sixsix");
    client.got("b");
    tick(&broker, 1);
    let statistics = broker.broker().statistics();
    let sums = statistics.sums();
    assert_eq!((sums.queues.queues, sums.queues.messages()), (2, 3));
    assert_eq!((sums.queues.ready, sums.queues.ready_bytes), (2, 10));
    assert_eq!((sums.queues.unacked, sums.queues.unacked_bytes), (1, 6));
    assert_eq!(sums.channels.unacked, 1);
    assert_eq!(vhost(&broker).queue_sums(), sums.queues);
    assert!(statistics.process().memory_bytes > 1 << 20);
    let a = vhost(&broker).snapshot().queues["a"].clone();
    assert_eq!(a.history.changed_at(), None, "nothing is kept in this mode");

    client.connection().close();
    eventually("the end of the connection", || {
        broker.broker().connection_count() == 0
    });
    tick(&broker, 2);
    let after = statistics.sums();
    assert_eq!(after.channels.unacked, 0);
    assert!(after.traffic.received_bytes > sums.traffic.received_bytes);
    let attempts = statistics.auth_attempts.of(Protocol::Amqp091);
    assert_eq!((attempts.succeeded, attempts.failed), (1, 0));
}

#[test]
fn capacity_is_the_time_in_which_consumers_wait() {
    let broker = broker(RatesMode::Basic);
    let client = channel(&broker);
    client.queue("q");
    let queue = vhost(&broker).snapshot().queues["q"].clone();
    tick(&broker, 1);
    assert_eq!(queue.capacity.get(), 0.0);
    client.consume("q");
    tick(&broker, 2);
    assert_eq!(queue.capacity.get(), 1.0);
}

#[test]
fn what_a_restart_finds_did_not_come_just_then() {
    let mut broker = broker(RatesMode::Basic);
    let client = channel(&broker);
    client.confirm();
    client.durable_queue_with("q", FieldTable::default());
    let persistent = BasicProperties::default().with_delivery_mode(2);
    client.publish_with("", "q", "kept", &persistent);
    client.confirmed(1);
    drop(client);
    broker.restart();
    // The first tick may already be one later than the start.
    tick(&broker, 2);
    let statistics = broker.broker().statistics();
    let queue = vhost(&broker).snapshot().queues["q"].clone();
    let ready = queue
        .history
        .details(&[MessageField::Ready], statistics.moments(), None);
    assert_eq!(ready.rate, 0.0);
    assert_eq!(statistics.sums().queues.ready, 1);
}

#[test]
fn a_consumer_has_rates_and_a_mean_ack_time() {
    let broker = broker(RatesMode::Basic);
    let client = channel(&broker);
    client.queue("q");
    client.qos(2, false);
    client.consume("q");
    tick(&broker, 1);
    client.fill("q", &["a", "b", "c"]);
    let first = client.delivery();
    client.delivery();
    client.ack(first.delivery_tag);
    client.delivery();
    let connection = broker.broker().clients().all().remove(0);
    let consumers = connection.channel(1).expect("a channel").consumers();
    let consumer = &consumers[0];
    let statistics = broker.broker().statistics();
    let rate = |kind| {
        let (history, fields) = (&consumer.history, [MessageField::Happened(kind)]);
        history.details(&fields, statistics.moments(), None).rate
    };
    let rates = || (rate(Kind::Deliver), rate(Kind::Ack));
    let mean = || consumer.mean_ack_time_ms(statistics.moments());
    let is_still = || consumer.is_still(statistics.moments());
    assert_eq!((rates(), mean()), ((0.0, 0.0), None));
    assert!(!is_still(), "since the tick");
    tick(&broker, 2);
    assert_eq!(rates(), (3.0 / 3_600.0, 1.0 / 3_600.0));
    let ms = mean().expect("something was acked");
    assert!((0.0..60_000.0).contains(&ms), "{ms}");
    assert!(!is_still(), "in the last interval");
    tick(&broker, 3);
    assert_eq!((rates(), mean()), ((0.0, 0.0), None));
    assert!(is_still());
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a thread that waits");
    runtime.block_on(reset::run(broker.broker()));
    assert!(is_still(), "it goes on from what it is");
}

#[test]
fn without_rates_nothing_is_kept_of_consumers() {
    let broker = broker(RatesMode::None);
    let client = channel(&broker);
    client.queue("q");
    client.consume("q");
    client.fill("q", &["a"]);
    client.delivery();
    tick(&broker, 1);
    let connection = broker.broker().clients().all().remove(0);
    let consumers = connection.channel(1).expect("a channel").consumers();
    assert_eq!(consumers[0].activity()[Kind::Deliver], 1);
    assert_eq!(consumers[0].history.changed_at(), None);
}
