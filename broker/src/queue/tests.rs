//! The queue's rules one by one, and the queue against a list.

use std::collections::VecDeque;
use std::sync::Arc;

use proptest::prelude::*;
use tokio::sync::Notify;

use super::*;
use crate::clock::Timestamp;
use crate::message::Message;
use crate::queue::consumers::ChannelLimit;
use crate::queue::paged::Paged;
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

    fn settle(&mut self, slot: Slot, sequence: u64) {
        let settled = Settled {
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
        .map(|entry| (entry.sequence.0, entry.returns))
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
        logged: Logged::Durable,
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
    bench.queue.page_out_candidates(0, 1, false);
    let stored: Vec<Sequence> = (2..=4).map(Sequence).collect();
    assert_eq!(bench.queue.page_out(0, &stored, 1).len(), 2);
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

/// What somebody may do to a queue.
#[derive(Debug, Clone)]
enum Step {
    Publish {
        persistent: bool,
    },
    Get,
    Settle(usize),
    Requeue(usize),
    Subscribe {
        prefetch: u16,
    },
    Unsubscribe,
    Purge,
    /// Some leave memory: beyond so many at the head, also those that the log does not have; the log
    /// has so many of the candidates.
    PageOut {
        keep: u64,
        all: bool,
        stored: usize,
    },
    /// Somebody begins to read, so many messages.
    BeginLoad(u64),
    /// The reading ends.
    FinishLoad,
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
        3 => (0..4u64, any::<bool>(), 0..30usize)
            .prop_map(|(keep, all, stored)| Step::PageOut { keep, all, stored }),
        2 => (1..6u64).prop_map(Step::BeginLoad),
        3 => Just(Step::FinishLoad),
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
    /// What the log has beside `stored`, because it was paged out.
    volatile: Vec<u64>,
    reading: Option<Load>,
}

impl Model {
    /// Moves what the queue handed out, and checks that it was the right thing.
    fn handed(&mut self, bench: &mut Bench) {
        for delivery in bench.effects.deliveries.drain(..) {
            let expected = self.ready.pop_front();
            assert_eq!(expected, Some(delivery.entry.sequence.0));
            self.unacked.push((Some(delivery.slot), delivery.entry));
        }
        let purged = bench.effects.purged.drain(..).map(Paged::ranges);
        let (durable, volatile): (Vec<_>, Vec<_>) = purged.unzip();
        let (durable, volatile) = (durable.concat(), volatile.concat());
        let durable = durable.into_iter().chain(bench.effects.removed.drain(..));
        let volatile = volatile
            .into_iter()
            .chain(bench.effects.removed_volatile.drain(..));
        for removed in each(durable) {
            take(&mut self.stored, removed);
        }
        for removed in each(volatile) {
            take(&mut self.volatile, removed);
        }
        bench.effects.load = false;
    }

    fn page_out(&mut self, bench: &mut Bench, keep: u64, all: bool, stored: usize) {
        let keep_bytes = keep * message("m", true).memory_bytes();
        let candidates = bench.queue.page_out_candidates(0, keep_bytes, all);
        for (sequence, _) in candidates.unlogged {
            self.volatile.push(sequence.0);
        }
        for &(sequence, logged) in &candidates.logged {
            let place = match logged {
                Logged::Volatile => &self.volatile,
                _ => &self.stored,
            };
            assert!(place.contains(&sequence.0), "only what the log has may go");
        }
        let logged = candidates.logged.iter().map(|(sequence, _)| *sequence);
        let stored: Vec<Sequence> = logged.take(stored).collect();
        let gone = bench.queue.page_out(0, &stored, keep_bytes);
        assert!(gone.iter().all(|entry| stored.contains(&entry.sequence)));
        let bytes = gone.iter().map(|entry| entry.message.memory_bytes());
        bench.queue.end_page_out(0, bytes.sum());
    }

    fn begin_load(&mut self, bench: &mut Bench, messages: u64) {
        if self.reading.is_none() {
            self.reading = bench.queue.begin_load(messages * 130);
        }
    }

    fn finish_load(&mut self, bench: &mut Bench) {
        let Some(asked) = self.reading.take() else {
            return;
        };
        let logged = |(sequence, logged): &(Sequence, Logged)| match logged {
            Logged::Volatile => self.volatile.contains(&sequence.0),
            _ => self.stored.contains(&sequence.0),
        };
        let found = asked.places.iter().filter(|place| logged(place));
        let found = found.map(|(sequence, _)| Found {
            sequence: *sequence,
            expires_at: Timestamp::NEVER,
            message: message("m", true),
        });
        let found = found.collect();
        let lost = bench.queue.finish_load(&asked, found, &mut bench.effects);
        assert_eq!(lost, 0);
    }

    fn put_back(&mut self, sequence: u64) {
        let place = self.ready.partition_point(|&waiting| waiting < sequence);
        self.ready.insert(place, sequence);
    }

    fn slot_of(&self, slot: Option<Slot>) -> Option<Slot> {
        slot.filter(|slot| self.consumer.is_some_and(|(live, _)| live == *slot))
    }

    fn check(&self, bench: &mut Bench) {
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
            let served = theirs == limit || bench.queue.waiting.front().is_none();
            assert!(served, "somebody could be served");
            let ask = theirs < limit && bench.queue.waiting.request_load();
            assert!(!ask, "what somebody waits for is being read, or asked for");
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
                let accepted_at = Accepted {
                    sequence: Sequence(self.published),
                    stored: persistent,
                };
                assert_eq!(accepted, Outcome::Accepted(accepted_at));
            }
            Step::Get => match bench.queue.get(false, &mut bench.effects) {
                Got::Message(entry, left) => {
                    assert_eq!(self.ready.pop_front(), Some(entry.sequence.0));
                    assert_eq!(left, self.ready.len());
                    self.unacked.push((None, entry));
                }
                Got::Empty => assert!(self.ready.is_empty()),
                Got::OnDisk => assert!(!self.ready.is_empty()),
            },
            Step::Settle(index) if index < self.unacked.len() => {
                let (slot, entry) = self.unacked.remove(index);
                let settled = Settled {
                    sequence: entry.sequence,
                    logged: entry.logged,
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
                    bench.queue.unsubscribe(slot, &mut bench.effects);
                    self.unacked.iter_mut().for_each(|(of, _)| *of = None);
                }
            }
            Step::Purge => {
                let purged = bench.queue.purge(&mut bench.effects);
                assert_eq!(purged, self.ready.len());
                self.ready.clear();
            }
            Step::PageOut { keep, all, stored } => self.page_out(bench, keep, all, stored),
            Step::BeginLoad(messages) => self.begin_load(bench, messages),
            Step::FinishLoad => self.finish_load(bench),
            _ => {}
        }
        self.handed(bench);
        self.check(bench);
    }
}

fn take(sequences: &mut Vec<u64>, sequence: u64) {
    let place = sequences.iter().position(|&stored| stored == sequence);
    sequences.remove(place.expect("removed once, and only what is stored"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
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
        prop_assert!(model.volatile.iter().all(|stored| kept.contains(stored)));
        // Everything but the head can leave memory.
        model.apply(Step::Unsubscribe, &mut bench);
        model.apply(Step::FinishLoad, &mut bench);
        for _ in 0..20 {
            model.page_out(&mut bench, 2, true, usize::MAX);
        }
        prop_assert!(bench.queue.resident_bytes() <= 2 * message("m", true).memory_bytes());
        // Everything ready comes out, in order.
        while !model.ready.is_empty() {
            model.apply(Step::Get, &mut bench);
            model.apply(Step::FinishLoad, &mut bench);
            model.apply(Step::BeginLoad(2), &mut bench);
            model.apply(Step::FinishLoad, &mut bench);
        }
        prop_assert_eq!(bench.queue.resident_bytes(), 0);
    }
}
