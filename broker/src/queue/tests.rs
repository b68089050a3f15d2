//! The queue's rules one by one, and the queue against a list.

use std::collections::VecDeque;
use std::sync::Arc;

use proptest::prelude::*;
use tokio::sync::Notify;

use super::*;
use crate::queue::consumers::ChannelLimit;
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
    }
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
            self.queue.publish(persistent, &mut self.effects).unwrap();
        }
    }

    fn subscribe(&mut self, subscription: Subscription) -> Slot {
        self.queue
            .subscribe(subscription, &mut self.effects)
            .unwrap()
    }

    fn settle(&mut self, slot: Slot, sequence: u64) {
        let settled = Settled {
            sequence: Sequence(sequence),
            persistent: true,
        };
        self.queue.settle(Some(slot), &[settled], &mut self.effects);
    }

    fn requeue(&mut self, slot: Option<Slot>, entries: Vec<Entry>) {
        self.queue
            .requeue(slot, entries.into_iter(), &mut self.effects);
    }

    /// What was handed out since the last call: (consumer, sequence).
    fn handed(&mut self) -> Vec<(Slot, u64)> {
        let deliveries = self.effects.deliveries.drain(..);
        deliveries
            .map(|delivery| (delivery.slot, delivery.entry.sequence.0))
            .collect()
    }

    fn removed(&mut self) -> Vec<u64> {
        let removed = self.effects.removed.drain(..);
        removed.map(|sequence| sequence.0).collect()
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
    let taken: Vec<Entry> = (0..3)
        .map(|_| bench.queue.get(false, &mut bench.effects).unwrap().0)
        .collect();
    let mut taken = taken.into_iter();
    let (first, second, third) = (taken.next(), taken.next(), taken.next());
    bench.requeue(None, second.into_iter().collect());
    bench.requeue(None, third.into_iter().collect());
    bench.requeue(None, first.into_iter().collect());
    let order: Vec<(u64, u32)> = std::iter::from_fn(|| bench.queue.get(true, &mut bench.effects))
        .map(|(entry, _)| (entry.sequence.0, entry.returns))
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
    bench
        .queue
        .unsubscribe(slot, std::iter::empty(), &mut bench.effects);
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
        returns: 0,
        message: message("m", true),
    };
    bench
        .queue
        .unsubscribe(first, [returned].into_iter(), &mut bench.effects);
    assert_eq!(bench.handed(), [(third, 2)], "requeued first, then served");
    bench
        .queue
        .unsubscribe(third, std::iter::empty(), &mut bench.effects);
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
    bench
        .queue
        .unsubscribe(a, std::iter::empty(), &mut bench.effects);
    assert!(!bench.effects.delete);
    bench
        .queue
        .unsubscribe(b, std::iter::empty(), &mut bench.effects);
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
    let accepted = bench
        .queue
        .publish(message("m", true), &mut bench.effects)
        .unwrap();
    assert!(accepted.settled);
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
        None
    );
    bench.settle(slot, 1);
    bench.requeue(Some(slot), Vec::new());
    assert_eq!(bench.queue.counts().ready, 0);
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

/// What somebody may do to a queue.
#[derive(Debug, Clone)]
enum Step {
    Publish { persistent: bool },
    Get,
    Settle(usize),
    Requeue(usize),
    Subscribe { prefetch: u16 },
    Unsubscribe,
    Purge,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<bool>().prop_map(|persistent| Step::Publish { persistent }),
        2 => Just(Step::Get),
        3 => (0..8usize).prop_map(Step::Settle),
        3 => (0..8usize).prop_map(Step::Requeue),
        1 => (0..4u16).prop_map(|prefetch| Step::Subscribe { prefetch }),
        1 => Just(Step::Unsubscribe),
        1 => Just(Step::Purge),
    ]
}

/// The same queue as two lists of sequences.
#[derive(Default)]
struct Model {
    ready: VecDeque<u64>,
    /// In the order in which they were handed out.
    unacked: Vec<(Option<Slot>, Entry)>,
    consumer: Option<(Slot, u16)>,
    published: u64,
    stored: Vec<u64>,
}

impl Model {
    /// Moves what the queue handed out, and checks that it was the right thing.
    fn handed(&mut self, bench: &mut Bench) {
        for delivery in bench.effects.deliveries.drain(..) {
            let expected = self.ready.pop_front();
            assert_eq!(expected, Some(delivery.entry.sequence.0));
            self.unacked.push((Some(delivery.slot), delivery.entry));
        }
        for removed in bench.effects.removed.drain(..) {
            let place = self.stored.iter().position(|&stored| stored == removed.0);
            self.stored
                .remove(place.expect("removed once, and only what is stored"));
        }
    }

    fn put_back(&mut self, sequence: u64) {
        let place = self.ready.partition_point(|&waiting| waiting < sequence);
        self.ready.insert(place, sequence);
    }

    fn slot_of(&self, slot: Option<Slot>) -> Option<Slot> {
        slot.filter(|slot| self.consumer.is_some_and(|(live, _)| live == *slot))
    }

    fn check(&self, bench: &Bench) {
        let counts = bench.queue.counts();
        assert_eq!(counts.ready, self.ready.len());
        assert_eq!(counts.unacked, self.unacked.len());
        if let Some((slot, prefetch)) = self.consumer {
            let theirs = self
                .unacked
                .iter()
                .filter(|(of, _)| *of == Some(slot))
                .count();
            let limit = if prefetch == 0 {
                usize::MAX
            } else {
                prefetch.into()
            };
            assert!(theirs <= limit);
            assert!(
                self.ready.is_empty() || theirs == limit,
                "somebody could be served"
            );
        }
    }

    fn apply(&mut self, step: Step, bench: &mut Bench) {
        match step {
            Step::Publish { persistent } => {
                self.published += 1;
                self.ready.push_back(self.published);
                if persistent {
                    self.stored.push(self.published);
                }
                let message = message("m", persistent);
                let accepted = bench.queue.publish(message, &mut bench.effects);
                assert_eq!(accepted.unwrap().sequence.0, self.published);
            }
            Step::Get => {
                let got = bench.queue.get(false, &mut bench.effects);
                assert_eq!(
                    got.as_ref().map(|(entry, _)| entry.sequence.0),
                    self.ready.pop_front()
                );
                self.unacked.extend(got.map(|(entry, _)| (None, entry)));
            }
            Step::Settle(index) if index < self.unacked.len() => {
                let (slot, entry) = self.unacked.remove(index);
                let settled = Settled {
                    sequence: entry.sequence,
                    persistent: entry.message.is_persistent(),
                };
                let slot = self.slot_of(slot);
                bench.queue.settle(slot, &[settled], &mut bench.effects);
            }
            Step::Requeue(index) if index < self.unacked.len() => {
                let (slot, entry) = self.unacked.remove(index);
                self.put_back(entry.sequence.0);
                let slot = self.slot_of(slot);
                bench.requeue(slot, vec![entry]);
            }
            Step::Subscribe { prefetch } if self.consumer.is_none() => {
                let slot = bench.subscribe(subscription(prefetch));
                self.consumer = Some((slot, prefetch));
            }
            Step::Unsubscribe => {
                if let Some((slot, _)) = self.consumer.take() {
                    let none = std::iter::empty();
                    bench.queue.unsubscribe(slot, none, &mut bench.effects);
                    self.unacked.iter_mut().for_each(|(of, _)| *of = None);
                }
            }
            Step::Purge => {
                let purged = bench.queue.purge(&mut bench.effects);
                assert_eq!(purged, self.ready.len());
                self.ready.clear();
            }
            _ => {}
        }
        self.handed(bench);
        self.check(bench);
    }
}

proptest! {
    #[test]
    fn the_queue_is_a_list(steps in prop::collection::vec(step(), 1..200)) {
        let mut bench = Bench::new(durable());
        let mut model = Model::default();
        for step in steps {
            model.apply(step, &mut bench);
        }
        // Everything persistent that is neither ready nor unacked has left the log.
        let mut kept: Vec<u64> = model.ready.iter().copied().collect();
        kept.extend(model.unacked.iter().map(|(_, entry)| entry.sequence.0));
        prop_assert!(model.stored.iter().all(|stored| kept.contains(stored)));
    }
}
