//! What keeps messages out of a queue, or in it: repeated values, a pause, a rate.

use super::*;
use crate::queue::options::Deduplication;
use ferrymq_amqp::AMQPValue;
use ferrymq_amqp::content::with_header;
use std::time::Duration;

fn at(milliseconds: u64) -> Timestamp {
    Timestamp::from_millis(milliseconds)
}

fn with(features: Features) -> Settings {
    Settings {
        features: Some(Arc::new(features)),
        ..durable()
    }
}

fn deduplicating() -> Settings {
    with(Features {
        deduplication: Some(Box::new(Deduplication {
            cache_size: Some(10),
            cache_ttl: Some(Duration::from_secs(60)),
            header: None,
        })),
        ..Features::default()
    })
}

/// Publishes a value; tells whether it was taken.
fn publish(bench: &mut Bench, value: &str, now: u64) -> bool {
    let header = AMQPValue::LongString(value.into());
    let properties = with_header(&[0, 0], "x-deduplication-header", &header);
    let message = message("m", true).with_properties(&properties);
    bench.effects.now = at(now);
    bench.effects.deduplicate = true;
    let outcome = bench.queue.publish(message, &mut bench.effects);
    assert!(matches!(outcome, Outcome::Accepted(_) | Outcome::Duplicate));
    matches!(outcome, Outcome::Accepted(_))
}

#[test]
fn a_window_goes_on_over_a_restart_while_the_clock_has() {
    let mut before = Bench::new(deduplicating());
    assert!(publish(&mut before, "a", 1_000));
    assert!(publish(&mut before, "b", 31_000));
    assert!(!publish(&mut before, "a", 31_000));
    let slots = std::mem::take(&mut before.effects.slots.put);
    // Half of the first one's time has passed.
    let mut after = Bench::new(deduplicating());
    after.queue.restore_values(slots, &mut after.effects);
    assert!(!publish(&mut after, "a", 60_999));
    assert!(publish(&mut after, "a", 61_000));
    assert!(!publish(&mut after, "b", 61_000));
    assert_eq!(after.queue.counts().duplicates, 2);
}

#[test]
fn what_the_broker_passes_on_is_not_looked_at() {
    let mut bench = Bench::new(deduplicating());
    assert!(publish(&mut bench, "a", 0));
    bench.effects.deduplicate = false;
    bench.publish(1);
    assert_eq!(bench.queue.counts().ready, 2);
}

#[test]
fn settings_that_ask_for_no_window_forget_it() {
    let mut bench = Bench::new(deduplicating());
    publish(&mut bench, "a", 0);
    bench.effects.slots = Default::default();
    bench.queue.configure(durable(), &mut bench.effects);
    assert_eq!(bench.effects.slots.removed, [0]);
    bench.queue.configure(deduplicating(), &mut bench.effects);
    assert!(publish(&mut bench, "a", 0));
}

#[test]
fn a_paused_queue_serves_nobody_until_it_is_resumed() {
    let mut bench = Bench::new(durable());
    let a = bench.subscribe(subscription(0));
    bench.queue.set_paused(true, &mut bench.effects);
    bench.publish(2);
    assert!(bench.get(true).is_none());
    assert_eq!(bench.handed(), []);
    bench.queue.set_paused(false, &mut bench.effects);
    assert_eq!(bench.handed(), [(a, 1), (a, 2)]);
    bench.publish(1);
    assert_eq!(bench.handed(), [(a, 3)]);
}

#[test]
fn a_rate_serves_again_when_it_is_time() {
    let mut bench = Bench::new(with(Features {
        max_deliver_rate: Some(10),
        ..Features::default()
    }));
    bench.effects.now = at(5_000);
    let a = bench.subscribe(subscription(0));
    bench.publish(3);
    assert_eq!(bench.handed(), [(a, 1)]);
    assert_eq!(bench.queue.next_timeout(), Some(at(5_100)));
    bench.effects.now = at(5_099);
    bench.queue.handle_timeout(&mut bench.effects);
    assert_eq!(bench.handed(), []);
    bench.effects.now = at(5_100);
    bench.queue.handle_timeout(&mut bench.effects);
    assert_eq!(bench.handed(), [(a, 2)]);
    bench.effects.now = at(5_200);
    bench.queue.handle_timeout(&mut bench.effects);
    assert_eq!(bench.handed(), [(a, 3)]);
    // Nobody waits any more.
    assert_eq!(bench.queue.next_timeout(), None);
}

#[test]
fn what_was_taken_out_and_not_taken_elsewhere_returns_to_its_place() {
    let mut bench = Bench::new(durable());
    bench.publish(3);
    let (_, seen) = bench.queue.scan(scan::Position::START, 10);
    let entries: Vec<Entry> = seen
        .into_iter()
        .filter_map(|seen| match seen {
            scan::Seen::Entry(entry) => Some(entry),
            scan::Seen::OnDisk(_) => None,
        })
        .collect();
    let first = bench.get(false).unwrap();
    let taken = bench.queue.take_out(entries, &mut bench.effects);
    assert_eq!(taken.len(), 2);
    let counts = bench.queue.counts();
    assert_eq!((counts.ready, counts.dead_lettering), (0, 2));
    bench.queue.restore(taken, &mut bench.effects);
    bench.requeue(None, vec![first]);
    let order: Vec<(u64, u16)> = std::iter::from_fn(|| bench.get(true))
        .map(|entry| (entry.sequence.0, entry.returns()))
        .collect();
    assert_eq!(order, [(1, 1), (2, 0), (3, 0)]);
    assert_eq!(bench.queue.counts().dead_lettering, 0);
}
