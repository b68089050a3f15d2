//! Messages that are ready later.

use std::time::Duration;

use ferrymq_amqp::AMQPValue;
use ferrymq_amqp::content::with_header;

use super::expiry::{at, with};
use super::*;
use crate::queue::options::Options;
use crate::queue::retry::Retry;

/// A persistent message that is to be ready so many milliseconds later.
fn delayed(milliseconds: i64) -> Message {
    let value = AMQPValue::LongLongInt(milliseconds);
    let properties = with_header(&[0, 0], "x-delay", &value);
    let bytes = [b"\0\0".as_slice(), &properties, b"body"].concat();
    Message::small(&bytes, 2, properties.len(), true)
}

fn delaying() -> Features {
    Features {
        delayed: true,
        ..Features::default()
    }
}

fn retrying(options: &Options) -> Features {
    Features {
        retry: Retry::new(options),
        ..Features::default()
    }
}

fn backing_off() -> Features {
    retrying(&Options {
        retry_delay: Some(Duration::from_millis(100)),
        retry_backoff: Some(2),
        retry_max_delay: Some(Duration::from_millis(300)),
        ..Options::default()
    })
}

impl Bench {
    /// Ready ones, and delayed ones.
    fn both(&self) -> (usize, usize) {
        let counts = self.queue.counts();
        (counts.ready, counts.delayed)
    }

    /// The delayed ones in a list: when, and which.
    fn list(&self, after: Option<(u64, u64)>, count: usize) -> Vec<(u64, u64)> {
        let after = after.map(|(due, sequence)| (at(due), Sequence(sequence)));
        let listed = self.queue.delayed(after, count).into_iter();
        listed
            .map(|listed| (listed.due.as_millis(), listed.sequence.0))
            .collect()
    }

    /// The delayed messages leave memory, but for the first.
    fn page_out_delayed(&mut self) {
        let section = Section::Delayed(0);
        let candidates = self.queue.page_out_candidates(section, 0, true);
        let stored: Vec<Sequence> = candidates.logged.iter().map(|(place, _)| *place).collect();
        let gone = self.queue.page_out(section, &stored, 0);
        let bytes = gone.iter().map(|entry| entry.message.memory_bytes());
        self.queue.end_page_out(section, bytes.sum());
    }

    fn gets(&mut self) -> Vec<u64> {
        let all = std::iter::from_fn(|| self.get(true));
        all.map(|entry| entry.sequence.0).collect()
    }
}

#[test]
fn a_delayed_message_takes_its_place_when_it_is_due() {
    let mut bench = with(delaying());
    for delay in [300, 0, 100, -5, 200] {
        assert!(bench.publish_at(1_000, delayed(delay)).stored);
    }
    assert_eq!((bench.both(), bench.next()), ((2, 3), Some(1_100)));
    bench.pass(1_099);
    assert_eq!(bench.both(), (2, 3));
    bench.pass(1_250);
    assert_eq!((bench.both(), bench.next()), ((4, 1), Some(1_300)));
    assert_eq!(bench.gets(), [2, 3, 4, 5]);
    let slot = bench.subscribe(subscription(0));
    bench.pass(1_300);
    assert_eq!(bench.handed(), [(slot, 1)]);
}

#[test]
fn the_header_means_nothing_to_other_queues() {
    let mut bench = Bench::new(durable());
    bench.publish_at(0, delayed(100));
    assert_eq!(bench.both(), (1, 0));
}

#[test]
fn a_time_to_live_begins_when_the_delay_ends() {
    let mut bench = with(Features {
        message_ttl: Some(Duration::from_millis(50)),
        ..delaying()
    });
    bench.publish_at(0, delayed(100));
    bench.pass(100);
    assert_eq!((bench.both(), bench.next()), ((1, 0), Some(150)));
    assert_eq!(bench.pass(150), [1]);
}

#[test]
fn what_is_on_disk_only_becomes_ready_there() {
    let mut bench = with(delaying());
    for delay in [300, 100, 200, 100] {
        bench.publish_at(0, delayed(delay));
    }
    bench.publish_at(0, message("", true));
    bench.page_out_delayed();
    assert_eq!((bench.queue.paged(), bench.both()), (3, (1, 4)));
    bench.pass(200);
    assert_eq!((bench.queue.paged(), bench.both()), (3, (4, 1)));
    let moved = bench.effects.moved.drain(..);
    let moved: Vec<(u64, Section)> = moved
        .map(|place| (place.sequence.0, place.section))
        .collect();
    assert_eq!(
        moved.iter().map(|moved| moved.0).collect::<Vec<_>>(),
        [2, 4, 3]
    );
    bench.queue.move_bytes(moved[0].1, 12);
    assert_eq!(bench.queue.counts().ready_bytes, 12);
    assert!(matches!(
        bench.queue.get(true, &mut bench.effects),
        Got::OnDisk
    ));
    let load = bench.queue.begin_load(1_000_000).unwrap();
    let places: Vec<u64> = load.places.iter().map(|(place, _)| place.0).collect();
    assert_eq!(places, [2, 3, 4]);
    let found = load.places.iter().map(|&(sequence, _)| Found {
        sequence,
        expires_at: Timestamp::NEVER,
        message: delayed(1),
    });
    let found = found.collect();
    assert_eq!(bench.queue.finish_load(&load, found, &mut bench.effects), 0);
    assert_eq!(bench.gets(), [2, 3, 4, 5]);
}

#[test]
fn a_delayed_message_goes_between_those_at_the_end() {
    let mut bench = with(delaying());
    bench.publish_at(0, delayed(100));
    for _ in 0..3 {
        bench.publish_at(0, message("", true));
    }
    let section = Section::Ready(0);
    bench.queue.page_out_candidates(section, 1, false);
    bench.queue.page_out(section, &[Sequence(3)], 1);
    bench.publish_at(0, delayed(200));
    bench.publish_at(0, message("", true));
    bench.page_out_delayed();
    bench.pass(200);
    assert_eq!(bench.both(), (6, 0));
    assert_eq!(bench.gets(), [1, 2]);
    let load = bench.queue.begin_load(1_000_000).unwrap();
    let found = load.places.iter().map(|&(sequence, _)| Found {
        sequence,
        expires_at: Timestamp::NEVER,
        message: message("", true),
    });
    let found = found.collect();
    bench.queue.finish_load(&load, found, &mut bench.effects);
    assert_eq!(bench.gets(), [3, 4, 5, 6]);
}

#[test]
fn delayed_messages_are_listed_by_time_a_page_at_a_time() {
    let mut bench = with(delaying());
    for delay in [300, 100, 200, 100] {
        bench.publish_at(0, delayed(delay));
    }
    assert_eq!(bench.list(None, 3), [(100, 2), (100, 4), (200, 3)]);
    assert_eq!(bench.list(Some((100, 2)), 2), [(100, 4), (200, 3)]);
    assert_eq!(bench.list(Some((200, 3)), 9), [(300, 1)]);
    assert_eq!(bench.list(None, 0), []);
    bench.page_out_delayed();
    assert_eq!(bench.list(None, 1), [(100, 2)]);
}

#[test]
fn delayed_messages_can_be_cancelled() {
    let mut bench = with(delaying());
    for delay in [300, 100, 200, 100] {
        bench.publish_at(0, delayed(delay));
    }
    let second = Sequence(2);
    assert!(bench.queue.cancel_delayed(second, &mut bench.effects));
    assert!(!bench.queue.cancel_delayed(second, &mut bench.effects));
    assert_eq!((bench.removed(), bench.both()), (vec![2], (0, 3)));
    bench.page_out_delayed();
    assert!(bench.queue.cancel_delayed(Sequence(3), &mut bench.effects));
    assert_eq!((bench.removed(), bench.effects.unread.len()), (vec![3], 1));
    assert_eq!(bench.queue.cancel_all_delayed(&mut bench.effects), 2);
    assert_eq!((bench.both(), bench.next()), ((0, 0), None));
    let (durable, _) = bench.effects.purged.pop().unwrap().ranges();
    assert_eq!(
        (bench.removed(), each(durable).collect()),
        (vec![1], vec![4])
    );
}

#[test]
fn a_purge_drops_delayed_messages_too() {
    let mut bench = with(delaying());
    bench.publish_at(0, delayed(100));
    bench.publish_at(0, delayed(0));
    assert_eq!(bench.queue.purge(&mut bench.effects), 2);
    assert_eq!((bench.removed(), bench.next()), (vec![1, 2], None));
}

#[test]
fn limits_count_what_is_ready() {
    let mut bench = with(Features {
        max_length: Some(1),
        ..delaying()
    });
    bench.publish_at(0, delayed(100));
    bench.publish_at(0, delayed(100));
    assert_eq!(bench.both(), (0, 2));
    assert_eq!(bench.pass(100), [1]);
    assert_eq!(bench.both(), (1, 0));
}

#[test]
fn a_returned_message_waits_longer_each_time() {
    let mut bench = with(backing_off());
    bench.publish_at(0, message("m", true));
    bench.publish_at(0, message("m", true));
    let mut now = 0;
    for wait in [100, 200, 300, 300] {
        bench.effects.now = at(now);
        let first = bench.get(false).unwrap();
        assert_eq!(first.sequence, Sequence(1));
        bench.requeue(None, vec![first]);
        assert_eq!((bench.both(), bench.next()), ((1, 1), Some(now + wait)));
        now += wait;
        bench.pass(now);
        assert_eq!(bench.both(), (2, 0));
    }
}

#[test]
fn a_message_that_waits_to_be_tried_again_may_expire() {
    let mut bench = with(Features {
        message_ttl: Some(Duration::from_millis(50)),
        ..backing_off()
    });
    bench.publish_at(0, message("m", true));
    let first = bench.get(false).unwrap();
    bench.requeue(None, vec![first]);
    assert_eq!((bench.both(), bench.pass(50)), ((0, 1), vec![1]));
    assert_eq!(bench.both(), (0, 0));
}

#[test]
fn what_is_due_in_masses_holds_nobody_up() {
    let mut bench = with(delaying());
    for _ in 0..600 {
        bench.publish_at(0, delayed(10));
    }
    bench.pass(10);
    assert_eq!((bench.both(), bench.next()), ((250, 350), Some(10)));
}
