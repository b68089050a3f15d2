//! Messages and queues whose time has come.

use std::time::Duration;

use super::*;
use crate::queue::options::DeadLetterStrategy;
use crate::queue::settings::DeadLetter;

pub(super) fn at(milliseconds: u64) -> Timestamp {
    Timestamp::from_millis(milliseconds)
}

/// A persistent message with a time to live of its own.
fn expiring(milliseconds: u64) -> Message {
    let expiration = milliseconds.to_string();
    let mut bytes = vec![0, 0, 1, 0, expiration.len() as u8];
    bytes.extend_from_slice(expiration.as_bytes());
    let properties_len = bytes.len() - 2;
    Message::small(&bytes, 2, properties_len, true)
}

pub(super) fn with(features: Features) -> Bench {
    Bench::new(Settings {
        features: Some(Arc::new(features)),
        ..durable()
    })
}

fn dead_lettering() -> Features {
    Features {
        dead_letter: Some(Arc::new(DeadLetter {
            exchange: "dead".into(),
            routing_key: None,
            strategy: DeadLetterStrategy::AtMostOnce,
        })),
        ..Features::default()
    }
}

fn unused_for(milliseconds: u64) -> Features {
    Features {
        expires: Some(Duration::from_millis(milliseconds)),
        ..Features::default()
    }
}

impl Bench {
    pub(super) fn publish_at(&mut self, now: u64, message: Message) -> Accepted {
        self.effects.now = at(now);
        match self.queue.publish(message, &mut self.effects) {
            Outcome::Accepted(accepted) => accepted,
            other => panic!("{other:?}"),
        }
    }

    /// Time has come to `now`; gives what was removed from the log.
    pub(super) fn pass(&mut self, now: u64) -> Vec<u64> {
        self.effects.now = at(now);
        self.queue.handle_timeout(&mut self.effects);
        self.removed()
    }

    pub(super) fn next(&self) -> Option<u64> {
        self.queue.next_timeout().map(Timestamp::as_millis)
    }

    pub(super) fn ready(&self) -> usize {
        self.queue.counts().ready
    }
}

#[test]
fn a_message_expires_wherever_it_stands() {
    let mut bench = Bench::new(durable());
    for ttl in [300, 100, 200, 100] {
        bench.publish_at(1_000, expiring(ttl));
    }
    bench.publish(1);
    assert_eq!(bench.next(), Some(1_100));
    assert_eq!(bench.pass(1_099), [0; 0]);
    assert_eq!(bench.pass(1_100), [2, 4]);
    assert_eq!(bench.ready(), 3);
    assert_eq!(bench.next(), Some(1_200));
    assert_eq!(bench.pass(1_400), [3, 1]);
    assert_eq!((bench.ready(), bench.next()), (1, None));
}

#[test]
fn the_smaller_time_to_live_counts() {
    let features = Features {
        message_ttl: Some(Duration::from_millis(100)),
        ..Features::default()
    };
    let mut bench = with(features);
    bench.publish_at(0, expiring(50));
    bench.publish_at(0, expiring(500));
    bench.publish_at(10, message("m", true));
    assert_eq!(bench.pass(50), [1]);
    assert_eq!(bench.pass(100), [2]);
    assert_eq!(bench.pass(110), [3]);
}

#[test]
fn without_time_to_live_only_a_free_consumer_gets_it() {
    let mut bench = Bench::new(durable());
    assert!(!bench.publish_at(5, expiring(0)).stored);
    assert_eq!((bench.ready(), bench.removed()), (0, vec![]));
    let slot = bench.subscribe(subscription(1));
    assert!(bench.publish_at(5, expiring(0)).stored);
    bench.publish_at(5, expiring(0));
    assert_eq!(bench.handed(), [(slot, 2)]);
    assert_eq!(bench.next(), None);
}

#[test]
fn a_dead_letter_without_time_to_live_is_kept_until_it_has_arrived() {
    let mut bench = with(dead_lettering());
    assert!(bench.publish_at(5, expiring(0)).stored);
    let dead = bench.effects.dead.pop().unwrap();
    assert_eq!(dead.place, Some((Sequence(1), Logged::Durable)));
    assert_eq!(dead.reason, DeadLetterReason::Expired);
    assert_eq!(bench.queue.counts().dead_lettering, 1);
}

#[test]
fn the_dead_come_by_deadline() {
    let mut bench = with(dead_lettering());
    for ttl in [300, 100, 200] {
        bench.publish_at(0, expiring(ttl));
    }
    assert_eq!(bench.pass(300), [0; 0]);
    let dead = bench.effects.dead.drain(..);
    let order: Vec<u64> = dead.map(|dead| dead.place.unwrap().0.0).collect();
    assert_eq!(order, [2, 3, 1]);
    assert_eq!(bench.ready(), 0);
}

#[test]
fn what_has_expired_is_not_handed_out_even_if_nobody_has_noticed() {
    let mut bench = Bench::new(durable());
    bench.publish_at(0, expiring(50));
    bench.publish_at(0, expiring(60));
    bench.publish_at(0, message("m", true));
    bench.effects.now = at(50);
    assert_eq!(bench.get(true).unwrap().sequence, Sequence(2));
    bench.publish_at(50, expiring(5));
    bench.effects.now = at(60);
    let slot = bench.subscribe(subscription(0));
    assert_eq!(bench.handed(), [(slot, 3)]);
    assert_eq!(bench.removed(), [1, 2, 4]);
}

#[test]
fn what_somebody_holds_does_not_expire_before_it_comes_back() {
    let mut bench = Bench::new(durable());
    bench.publish_at(0, expiring(50));
    bench.publish_at(0, expiring(90));
    let early = bench.get(false).unwrap();
    let late = bench.get(false).unwrap();
    assert_eq!(bench.pass(40), [0; 0]);
    bench.requeue(None, vec![early]);
    assert_eq!(bench.next(), Some(50));
    assert_eq!(bench.pass(60), [1]);
    assert_eq!(bench.pass(100), [0; 0]);
    bench.requeue(None, vec![late]);
    assert_eq!((bench.removed(), bench.ready()), (vec![2], 0));
}

#[test]
fn a_message_that_comes_back_still_expires_when_its_deadline_was_forgotten() {
    let mut bench = Bench::new(durable());
    bench.publish_at(0, expiring(50));
    let held = bench.get(false).unwrap();
    bench.queue.purge(&mut bench.effects);
    bench.requeue(None, vec![held]);
    assert_eq!(bench.next(), Some(50));
    assert_eq!(bench.pass(50), [1]);
}

#[test]
fn what_is_on_disk_only_expires_too() {
    let mut bench = Bench::new(durable());
    for ttl in [500, 100, 200, 300] {
        bench.publish_at(0, expiring(ttl));
    }
    bench.queue.page_out_candidates(Section::Ready(0), 1, false);
    let stored: Vec<Sequence> = (2..=4).map(Sequence).collect();
    assert_eq!(bench.queue.page_out(Section::Ready(0), &stored, 1).len(), 3);
    assert_eq!(bench.pass(200), [2, 3]);
    let unread = bench.effects.unread.iter();
    let unread: Vec<u64> = unread.map(|place| place.sequence.0).collect();
    assert_eq!(unread, [2, 3]);
    assert_eq!((bench.ready(), bench.queue.paged()), (2, 1));
}

#[test]
fn priorities_and_returned_messages_expire_too() {
    let mut bench = with(Features {
        max_priority: Some(9),
        returned_first: true,
        ..Features::default()
    });
    // Flags: priority and expiration.
    let urgent = b"\0\0\x09\0\x07\x0250";
    bench.publish_at(0, Message::small(urgent, 2, urgent.len() - 2, true));
    bench.publish_at(0, expiring(70));
    let urgent = bench.get(false).unwrap();
    assert_eq!(urgent.level(), 7);
    let other = bench.get(false).unwrap();
    bench.requeue(None, vec![urgent, other]);
    assert_eq!(bench.pass(50), [1]);
    assert_eq!(bench.pass(70), [2]);
    let urgent = b"\0\0\x09\0\x07\x0250";
    bench.publish_at(70, Message::small(urgent, 2, urgent.len() - 2, true));
    assert_eq!(bench.pass(120), [3]);
}

#[test]
fn deadlines_of_messages_that_are_gone_are_forgotten() {
    let mut bench = Bench::new(durable());
    for round in 0..20_000 {
        bench.publish_at(round * 2, expiring(1_000_000));
        bench.get(true);
    }
    let held = (0..20).map(|round| {
        bench.publish_at(50_000 + round, expiring(1_000_000));
        bench.get(false).unwrap()
    });
    let mut held: Vec<Entry> = held.collect();
    for _ in 0..1_000 {
        bench.requeue(None, std::mem::take(&mut held));
        held.extend(std::iter::from_fn(|| bench.get(false)));
    }
    let timed = bench.queue.timed.as_ref().unwrap();
    assert!(timed.expiry.runs() < 2_000, "{}", timed.expiry.runs());
}

#[test]
fn nobody_waits_long_for_a_queue_in_which_much_expires() {
    let mut bench = Bench::new(durable());
    for _ in 0..600 {
        bench.publish_at(0, expiring(10));
    }
    assert_eq!(bench.pass(10).len(), 250);
    assert_eq!(bench.next(), Some(10));
    assert_eq!(bench.pass(11).len(), 250);
    assert_eq!(bench.pass(12).len(), 100);
}

#[test]
fn a_queue_that_nobody_uses_goes() {
    let mut bench = with(unused_for(100));
    bench.queue.renew(at(0));
    bench.pass(99);
    assert!(!bench.effects.delete);
    bench.publish_at(99, message("m", true));
    bench.pass(100);
    assert!(bench.effects.delete, "a publish is no use");
}

#[test]
fn a_use_of_the_queue_gives_it_more_time() {
    let mut bench = with(unused_for(100));
    bench.queue.renew(at(0));
    bench.effects.now = at(50);
    bench.get(true);
    assert_eq!(bench.next(), Some(150));
    bench.queue.renew(at(60));
    assert_eq!(bench.next(), Some(160));
    let slot = bench.subscribe(subscription(0));
    assert_eq!(bench.next(), None);
    bench.pass(500);
    assert!(!bench.effects.delete);
    bench.queue.unsubscribe(slot, &mut bench.effects);
    assert_eq!(bench.next(), Some(600));
    bench.pass(600);
    assert!(bench.effects.delete);
}

#[test]
fn a_change_of_policy_begins_anew() {
    let mut bench = with(unused_for(100));
    bench.queue.renew(at(0));
    bench.effects.now = at(50);
    let settings = |features| Settings {
        features: Some(Arc::new(features)),
        ..durable()
    };
    let longer = settings(unused_for(500));
    bench.queue.configure(longer.clone(), &mut bench.effects);
    assert_eq!(bench.next(), Some(550));
    bench.effects.now = at(60);
    bench.queue.configure(longer, &mut bench.effects);
    assert_eq!(bench.next(), Some(550), "nothing has changed");
    bench.queue.configure(durable(), &mut bench.effects);
    assert_eq!(bench.next(), None);
}
