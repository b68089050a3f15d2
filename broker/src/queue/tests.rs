//! The queue's rules one by one; against a list: `tests/model.rs`.

mod delayed;
mod expiry;
mod held_back;
mod model;

use std::sync::Arc;

use tokio::sync::Notify;

use super::*;
use crate::clock::Timestamp;
use crate::message::Message;
use crate::queue::consumers::ChannelLimit;
use crate::queue::entry::Marks;
use crate::queue::entry::Section;
use crate::session::outbox::{ConsumerNumber, Outbox};

fn message(body: &str, persistent: bool) -> Message {
    let bytes = [b"\0\0\0\0", body.as_bytes()].concat();
    Message::small(&bytes, 2, 2, persistent)
}

fn subscription(prefetch: u16) -> Subscription {
    Subscription {
        port: Port {
            outbox: Arc::new(Outbox::new(Arc::new(Notify::new()))),
            number: ConsumerNumber(0),
            channel: Arc::new(ChannelLimit::default()),
        },
        no_ack: false,
        exclusive: false,
        prefetch,
        priority: 0,
        entry: None,
    }
}

/// Every sequence in `ranges`.
fn each(ranges: impl IntoIterator<Item = (Sequence, Sequence)>) -> impl Iterator<Item = u64> {
    ranges
        .into_iter()
        .flat_map(|(first, last)| first.0..=last.0)
}

/// A queue under test; remembers what it handed out.
struct Bench {
    queue: Queue,
    effects: Effects,
}

impl Bench {
    fn new(settings: Settings) -> Self {
        Self {
            queue: Queue::new(settings, Sequence(1)),
            effects: Effects::default(),
        }
    }

    fn publish(&mut self, count: usize) {
        for _ in 0..count {
            let persistent = message("m", true);
            let outcome = self.queue.publish(persistent, &mut self.effects);
            assert!(matches!(outcome, Outcome::Accepted(_)));
        }
    }

    fn subscribe(&mut self, subscription: Subscription) -> Slot {
        self.queue
            .subscribe(subscription, &mut self.effects)
            .unwrap()
    }

    fn set_prefetch(&mut self, slot: Slot, prefetch: u16) {
        self.queue.set_prefetch(slot, prefetch, &mut self.effects);
    }

    fn settle(&mut self, slot: Slot, sequence: u64) {
        let settled = Settled {
            body_bytes: 0,
            sequence: Sequence(sequence),
            logged: Logged::Durable,
        };
        self.queue.settle(Some(slot), &[settled], &mut self.effects);
    }

    fn requeue(&mut self, slot: Option<Slot>, entries: Vec<Entry>) {
        self.queue
            .requeue(slot, entries.into_iter(), Return::Nacked, &mut self.effects);
    }

    fn get(&mut self, no_ack: bool) -> Option<Entry> {
        match self.queue.get(no_ack, &mut self.effects) {
            Got::Message(entry, _) => Some(entry),
            Got::Empty | Got::OnDisk => None,
        }
    }

    /// What was handed out since the last call: (consumer, sequence).
    fn handed(&mut self) -> Vec<(Slot, u64)> {
        let deliveries = self.effects.deliveries.drain(..);
        deliveries
            .map(|delivery| (delivery.slot, delivery.entry.sequence.0))
            .collect()
    }

    fn removed(&mut self) -> Vec<u64> {
        each(self.effects.removed.drain(..)).collect()
    }
}

fn durable() -> Settings {
    Settings {
        durable: true,
        ..Settings::default()
    }
}

#[test]
fn consumers_take_turns() {
    let mut bench = Bench::new(durable());
    let (a, b) = (
        bench.subscribe(subscription(0)),
        bench.subscribe(subscription(0)),
    );
    bench.publish(4);
    assert_eq!(bench.handed(), [(a, 1), (b, 2), (a, 3), (b, 4)]);
}

#[test]
fn prefetch_holds_back_until_an_ack() {
    let mut bench = Bench::new(durable());
    let slot = bench.subscribe(subscription(2));
    bench.publish(4);
    assert_eq!(bench.handed(), [(slot, 1), (slot, 2)]);
    bench.settle(slot, 1);
    assert_eq!(bench.handed(), [(slot, 3)]);
    assert_eq!(bench.removed(), [1]);
    assert_eq!(bench.queue.counts().unacked, 2);
}

#[test]
fn a_new_prefetch_counts_at_once() {
    let mut bench = Bench::new(durable());
    let slot = bench.subscribe(subscription(1));
    bench.publish(6);
    assert_eq!(bench.handed(), [(slot, 1)]);
    bench.set_prefetch(slot, 3);
    assert_eq!(bench.handed(), [(slot, 2), (slot, 3)]);
    bench.set_prefetch(slot, 2);
    bench.settle(slot, 1);
    assert_eq!(bench.handed(), [], "two are still unacked");
    bench.settle(slot, 2);
    assert_eq!(bench.handed(), [(slot, 4)]);
    bench.set_prefetch(slot, 0);
    assert_eq!(bench.handed(), [(slot, 5), (slot, 6)]);
    bench.set_prefetch(slot, 1);
    bench.publish(1);
    assert_eq!(bench.handed(), []);
}

#[test]
fn higher_priority_is_served_first() {
    let mut bench = Bench::new(durable());
    let low = bench.subscribe(subscription(0));
    let high = bench.subscribe(Subscription {
        priority: 5,
        ..subscription(1)
    });
    bench.publish(3);
    assert_eq!(bench.handed(), [(high, 1), (low, 2), (low, 3)]);
    bench.settle(high, 1);
    bench.publish(1);
    assert_eq!(bench.handed(), [(high, 4)]);
}

#[test]
fn a_requeued_message_returns_to_its_position() {
    let mut bench = Bench::new(durable());
    bench.publish(4);
    let taken: Vec<Entry> = (0..3).map(|_| bench.get(false).unwrap()).collect();
    let mut taken = taken.into_iter();
    let (first, second, third) = (taken.next(), taken.next(), taken.next());
    bench.requeue(None, second.into_iter().collect());
    bench.requeue(None, third.into_iter().collect());
    bench.requeue(None, first.into_iter().collect());
    let order: Vec<(u64, u16)> = std::iter::from_fn(|| bench.get(true))
        .map(|entry| (entry.sequence.0, entry.returns()))
        .collect();
    assert_eq!(order, [(1, 1), (2, 1), (3, 1), (4, 0)]);
}

#[test]
fn an_exclusive_consumer_is_alone() {
    let mut bench = Bench::new(durable());
    let exclusive = || Subscription {
        exclusive: true,
        ..subscription(0)
    };
    let slot = bench.subscribe(exclusive());
    let refused = bench.queue.subscribe(subscription(0), &mut bench.effects);
    assert_eq!(refused, Err(Refused::ExclusiveUse));
    bench.queue.unsubscribe(slot, &mut bench.effects);
    bench.subscribe(subscription(0));
    let refused = bench.queue.subscribe(exclusive(), &mut bench.effects);
    assert_eq!(refused, Err(Refused::ExclusiveUse));
}

#[test]
fn a_single_active_consumer_hands_over_to_priority_then_age() {
    let mut bench = Bench::new(Settings {
        single_active_consumer: true,
        ..durable()
    });
    let first = bench.subscribe(subscription(0));
    let second = bench.subscribe(subscription(0));
    let third = bench.subscribe(Subscription {
        priority: 1,
        ..subscription(0)
    });
    bench.publish(2);
    assert_eq!(bench.handed(), [(first, 1), (first, 2)]);
    let returned = Entry {
        sequence: Sequence(2),
        marks: Marks::new(Logged::Durable),
        ..Entry::unqueued(message("m", true))
    };
    bench.queue.pause(first);
    bench.requeue(None, vec![returned]);
    assert_eq!(bench.handed(), []);
    bench.queue.unsubscribe(first, &mut bench.effects);
    assert_eq!(bench.handed(), [(third, 2)], "requeued first, then served");
    bench.queue.unsubscribe(third, &mut bench.effects);
    bench.publish(1);
    assert_eq!(bench.handed(), [(second, 3)]);
}

#[test]
fn an_auto_delete_queue_goes_with_its_last_consumer() {
    let mut bench = Bench::new(Settings {
        auto_delete: true,
        ..Settings::default()
    });
    let (a, b) = (
        bench.subscribe(subscription(0)),
        bench.subscribe(subscription(0)),
    );
    bench.queue.unsubscribe(a, &mut bench.effects);
    assert!(!bench.effects.delete);
    bench.queue.unsubscribe(b, &mut bench.effects);
    assert!(bench.effects.delete);
}

#[test]
fn what_goes_straight_to_a_no_ack_consumer_is_never_stored() {
    let mut bench = Bench::new(durable());
    let no_ack = Subscription {
        no_ack: true,
        ..subscription(1)
    };
    bench.publish(1);
    bench.subscribe(no_ack);
    assert_eq!(bench.removed(), [1], "this one waited, so it is in the log");
    let outcome = bench.queue.publish(message("m", true), &mut bench.effects);
    let accepted = Accepted {
        sequence: Sequence(2),
        stored: false,
        noted: false,
    };
    assert_eq!(outcome, Outcome::Accepted(accepted));
    assert_eq!(bench.removed(), [0; 0]);
}

#[test]
fn a_deleted_queue_takes_nothing() {
    let mut bench = Bench::new(durable());
    let slot = bench.subscribe(subscription(1));
    bench.publish(2);
    assert_eq!(bench.queue.delete().len(), 1);
    assert_eq!(
        bench.queue.publish(message("m", true), &mut bench.effects),
        Outcome::Gone
    );
    bench.settle(slot, 1);
    bench.requeue(Some(slot), Vec::new());
    assert_eq!(bench.queue.counts().ready, 0);
}

#[test]
fn reading_that_turned_out_not_to_be_due_is_asked_for_again() {
    let mut bench = Bench::new(durable());
    bench.publish(4);
    let first = bench.get(false).unwrap();
    bench.queue.page_out_candidates(Section::Ready(0), 1, false);
    let stored: Vec<Sequence> = (2..=4).map(Sequence).collect();
    assert_eq!(bench.queue.page_out(Section::Ready(0), &stored, 1).len(), 2);
    let slot = bench.subscribe(subscription(1));
    assert_eq!(bench.handed(), [(slot, 2)]);
    assert!(std::mem::take(&mut bench.effects.load));

    bench.requeue(None, vec![first]);
    assert!(bench.queue.begin_load(1_000).is_none(), "one is at hand");
    bench.settle(slot, 2);
    assert_eq!(bench.handed(), [(slot, 1)]);
    assert!(bench.effects.load);
}

#[test]
fn purge_leaves_unacked_alone() {
    let mut bench = Bench::new(durable());
    let slot = bench.subscribe(subscription(1));
    bench.publish(3);
    assert_eq!(bench.queue.purge(&mut bench.effects), 2);
    assert_eq!(bench.removed(), [2, 3]);
    let counts = bench.queue.counts();
    assert_eq!((counts.ready, counts.unacked), (0, 1));
    bench.settle(slot, 1);
    assert_eq!(bench.removed(), [1]);
}
