//! Rejected messages on their way to the dead-letter exchange, over the wire: from one queue into another, with
//! all headers, while nothing else happens. The broker and its client share the machine.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ferrymq_tests::InProcess;
use ferrymq_tests::raw::{BasicProperties, Channel, Connection, long_string, queue, table};

const MESSAGES: u64 = 100_000;
/// A consumer rejects so many at a time.
const TOGETHER: u64 = 500;
const BODY: &str = "sixteen bytes...";

fn purge(channel: &Channel, queue: &str) {
    channel.call::<queue::PurgeOk>(queue::Purge {
        queue: queue.into(),
        nowait: false,
    });
}

/// Fills the queue, then has a consumer reject everything: how long that takes until all have arrived.
fn reject_all(address: std::net::SocketAddr, properties: &BasicProperties) -> Duration {
    let channel = Connection::open(address).channel();
    channel.confirm();
    for _ in 0..MESSAGES {
        channel.publish_with("", "source", BODY, properties);
    }
    channel.confirmed(MESSAGES);
    let consumer = channel.connection().channel();
    consumer.qos(2 * TOGETHER as u16, false);
    let started = Instant::now();
    consumer.consume("source");
    for number in 1..=MESSAGES {
        consumer.delivery();
        if number % TOGETHER == 0 {
            consumer.nack_up_to(number, false);
        }
    }
    while u64::from(channel.counts("graves").0) < MESSAGES {}
    let took = started.elapsed();
    purge(&channel, "graves");
    channel.connection().close();
    took
}

fn rejected(criterion: &mut Criterion) {
    let broker = InProcess::start();
    let channel = Connection::open(broker.amqp()).channel();
    let to_graves = table([
        ("x-dead-letter-exchange", long_string("")),
        ("x-dead-letter-routing-key", long_string("graves")),
    ]);
    channel.durable_queue_with("source", to_graves);
    channel.durable_queue_with("graves", table([]));
    let mut group = criterion.benchmark_group("dead-letter rejected messages of 16 B");
    group.throughput(Throughput::Elements(MESSAGES));
    group.sample_size(10);
    for (name, mode) in [("transient", 1), ("persistent", 2)] {
        let properties = BasicProperties::default().with_delivery_mode(mode);
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|rounds| {
                (0..rounds)
                    .map(|_| reject_all(broker.amqp(), &properties))
                    .sum()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, rejected);
criterion_main!(benches);
