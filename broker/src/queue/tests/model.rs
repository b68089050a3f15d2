//! The queue, with any of its features, against a list.

mod elsewhere;
mod on_disk;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use ferrymq_store::Attributes;
use proptest::prelude::*;

use super::*;
use crate::queue::entry::Marks;
use crate::queue::options::Overflow;
use crate::queue::paged::Returned;
use crate::queue::scan::{Position, Seen};
use crate::queue::settings::DeliveryCounting;
use steps::{Publish, Step, features, sized, step, with_times};

/// Where a message stands among those that wait: returned ones, then priorities from the highest, then
/// the order of publishing.
type Place = (u64, std::cmp::Reverse<u8>, u64);

/// What a look at the whole queue sees, in small steps.
fn scanned(queue: &Queue) -> Vec<Seen> {
    let mut position = Position::START;
    let mut all = Vec::new();
    loop {
        let (part, seen) = queue.scan(position, 3);
        let Some(last) = seen.last() else {
            return all;
        };
        let after = last.sequence();
        position = Position { part, after };
        all.extend(seen);
    }
}

#[derive(Debug, Clone, Copy)]
struct Item {
    sequence: u64,
    level: u8,
    size: usize,
    expires: u64,
}

fn item(entry: &Entry) -> Item {
    Item {
        sequence: entry.sequence.0,
        level: entry.level(),
        size: entry.message.body_len() as usize,
        expires: entry.expires_at.as_millis(),
    }
}

/// What a message is like, whatever becomes of it.
#[derive(Debug, Clone, Copy)]
struct Meta {
    size: usize,
    expires: u64,
}

type Messages = BTreeMap<u64, Meta>;

/// The same queue as lists of sequences.
#[derive(Default)]
struct Model {
    features: Features,
    /// Milliseconds.
    now: u64,
    waiting: BTreeMap<Place, Item>,
    /// By the time at which they will be ready; and whether they came back.
    delayed: BTreeMap<(u64, u64), (Item, bool)>,
    /// In the order in which they were handed out.
    unacked: Vec<(Option<Slot>, Entry)>,
    consumer: Option<(Slot, u16)>,
    /// Taken out, on their way elsewhere.
    away: Vec<Entry>,
    published: u64,
    returned: u64,
    stored: Vec<u64>,
    /// What the log has beside `stored`, because it was paged out.
    volatile: Vec<u64>,
    /// What memory does not have.
    on_disk: BTreeSet<u64>,
    reading: Option<Load>,
    /// What the last step must have given up, in order.
    dead: Vec<(u64, DeadLetterReason)>,
}

impl Model {
    fn next(&self) -> Option<Item> {
        self.waiting.values().next().copied()
    }

    fn take_next(&mut self) -> Item {
        let (_, item) = self.waiting.pop_first().expect("something waits");
        self.on_disk.remove(&item.sequence);
        item
    }

    fn bytes(&self) -> usize {
        self.waiting.values().map(|item| item.size).sum()
    }

    fn is_full(&self, more: usize, more_bytes: usize) -> bool {
        let features = &self.features;
        let length = (self.waiting.len() + more) as u64;
        let bytes = (self.bytes() + more_bytes) as u64;
        features.max_length.is_some_and(|max| length > max)
            || features.max_length_bytes.is_some_and(|max| bytes > max)
    }

    /// What a queue with limits drops.
    fn drop_heads(&mut self) {
        if self.features.overflow != Overflow::DropHead {
            return;
        }
        let needs_sizes = self.features.max_length_bytes.is_some();
        while self.is_full(0, 0)
            && let Some(next) = self.next()
        {
            if needs_sizes && self.on_disk.contains(&next.sequence) {
                break;
            }
            self.take_next();
            self.dead.push((next.sequence, DeadLetterReason::MaxLength));
        }
    }

    /// Moves what the queue handed out before it dropped what was too much.
    fn handed_before_drops(&mut self, bench: &mut Bench) {
        let next = |model: &Self| model.next().map(|item| item.sequence);
        while let Some(first) = bench.effects.deliveries.first()
            && next(self) == Some(first.entry.sequence.0)
        {
            self.take_next();
            let first = bench.effects.deliveries.remove(0);
            self.unacked.push((Some(first.slot), first.entry));
        }
        self.drop_heads();
    }

    /// Moves what the queue handed out, and checks that it was the right thing.
    fn handed(&mut self, bench: &mut Bench) {
        for delivery in std::mem::take(&mut bench.effects.deliveries) {
            assert_eq!(self.take_next().sequence, delivery.entry.sequence.0);
            self.unacked.push((Some(delivery.slot), delivery.entry));
        }
    }

    /// What has left the queue has left the log, or is on its way elsewhere.
    fn left(&mut self, bench: &mut Bench) {
        self.dead_lettered(bench);
        let purged = bench.effects.purged.drain(..).map(paged::Paged::ranges);
        let (durable, volatile): (Vec<_>, Vec<_>) = purged.unzip();
        let durable = durable.concat().into_iter();
        for removed in each(durable.chain(bench.effects.removed.drain(..))) {
            take(&mut self.stored, removed);
        }
        let volatile = volatile.concat().into_iter();
        for removed in each(volatile.chain(bench.effects.removed_volatile.drain(..))) {
            take(&mut self.volatile, removed);
        }
        bench.effects.load = false;
    }

    fn dead_lettered(&mut self, bench: &mut Bench) {
        let expected = std::mem::take(&mut self.dead);
        let dead = std::mem::take(&mut bench.effects.dead);
        if self.features.dead_letter.is_none() {
            assert!(dead.is_empty());
            return;
        }
        let places = dead
            .iter()
            .filter_map(|dead| Some((dead.place?.0.0, dead.reason)));
        assert_eq!(places.collect::<Vec<_>>(), expected);
        let placed = dead.into_iter().filter_map(|dead| dead.place);
        let placed: Vec<_> = placed.collect();
        let on_their_way = placed.len() + self.away.len();
        assert_eq!(bench.queue.counts().dead_lettering, on_their_way);
        bench.queue.forwarded(placed.len());
        for (sequence, logged) in placed {
            bench.effects.remove(sequence, logged);
        }
    }

    fn wait(&mut self, item: Item) {
        let last = (u64::MAX, std::cmp::Reverse(item.level), item.sequence);
        self.waiting.insert(last, item);
    }

    fn come_back(&mut self, entry: &Entry, how: Return) {
        let failed = match self.features.counting {
            DeliveryCounting::Returns => true,
            DeliveryCounting::Failures => matches!(how, Return::Rejected | Return::Lost),
        };
        let failures = entry.failures() + u16::from(failed);
        if self
            .features
            .delivery_limit
            .is_some_and(|limit| failures > limit)
        {
            self.dead
                .push((entry.sequence.0, DeadLetterReason::DeliveryLimit));
            return;
        }
        let item = item(entry);
        if item.expires <= self.now {
            self.dead.push((item.sequence, DeadLetterReason::Expired));
            return;
        }
        let returned = Returned {
            returns: entry.returns() + 1,
            failures,
        };
        let was_failure = matches!(how, Return::Rejected | Return::Lost);
        let retry = self.features.retry;
        match retry.and_then(|retry| retry.delay(returned, was_failure)) {
            Some(delay) => {
                let due = self.now + delay.as_millis() as u64;
                self.delayed.insert((due, item.sequence), (item, true));
            }
            None => self.wait_again(item),
        }
    }

    fn wait_again(&mut self, item: Item) {
        if !self.features.returned_first {
            return self.wait(item);
        }
        self.returned += 1;
        let first = (self.returned, std::cmp::Reverse(item.level), item.sequence);
        self.waiting.insert(first, item);
    }

    fn pass(&mut self, bench: &mut Bench, messages: &Messages, milliseconds: u64) {
        self.now += milliseconds;
        bench.effects.now = Timestamp::from_millis(self.now);
        bench.queue.handle_timeout(&mut bench.effects);
        Self::size_unread(bench, messages);
        while let Some(first) = self.delayed.first_entry()
            && first.key().0 <= self.now
        {
            let (item, returned) = first.remove();
            match returned && !self.on_disk.contains(&item.sequence) {
                true => self.wait_again(item),
                false => self.wait(item),
            }
        }
        let waiting = self.waiting.values();
        let delayed = self.delayed.values().map(|(item, _)| item);
        let all = waiting
            .chain(delayed)
            .map(|item| (item.expires, item.sequence));
        let mut expired: Vec<_> = all.filter(|(expires, _)| *expires <= self.now).collect();
        expired.sort_unstable();
        for (_, sequence) in expired {
            self.dead.push((sequence, DeadLetterReason::Expired));
            self.waiting.retain(|_, item| item.sequence != sequence);
            self.delayed
                .retain(|_, (item, _)| item.sequence != sequence);
            self.on_disk.remove(&sequence);
        }
        self.handed_before_drops(bench);
        let next = bench.queue.next_timeout();
        assert!(next.is_none_or(|next| next > bench.effects.now));
    }

    fn slot_of(&self, slot: Option<Slot>) -> Option<Slot> {
        slot.filter(|slot| self.consumer.is_some_and(|(live, _)| live == *slot))
    }

    fn check(&self, bench: &mut Bench) {
        let counts = bench.queue.counts();
        assert_eq!(counts.ready, self.waiting.len());
        assert_eq!(counts.delayed, self.delayed.len());
        assert_eq!(counts.ready_bytes, self.bytes() as u64);
        assert_eq!(counts.unacked, self.unacked.len());
        assert_eq!(bench.queue.paged(), self.on_disk.len());
        let waiting: Vec<u64> = self.waiting.values().map(|item| item.sequence).collect();
        let scanned = scanned(&bench.queue).into_iter();
        let scanned: Vec<u64> = scanned.map(|seen| seen.sequence().0).collect();
        assert_eq!(scanned, waiting);
        let Some((slot, prefetch)) = self.consumer else {
            return;
        };
        let theirs = self.unacked.iter().filter(|(of, _)| *of == Some(slot));
        let (theirs, limit) = (theirs.count(), usize::from(prefetch));
        let has_credit = limit == 0 || theirs < limit;
        assert!(limit == 0 || theirs <= limit);
        let served = !has_credit || bench.queue.waiting.front().is_none();
        assert!(served, "somebody could be served");
        let ask = has_credit && bench.queue.waiting.request_load();
        assert!(!ask, "what somebody waits for is being read, or asked for");
    }

    fn publish(&mut self, bench: &mut Bench, publish: Publish, messages: &mut Messages) {
        let Publish {
            persistent,
            priority,
            size,
            expiration,
            delay,
        } = publish;
        let message = with_times(size, persistent, priority, expiration, delay);
        let outcome = bench.queue.publish(message, &mut bench.effects);
        let delay = delay.filter(|delay| *delay > 0 && self.features.delayed);
        let refuses = self.features.overflow != Overflow::DropHead && self.is_full(1, size);
        if delay.is_none() && refuses {
            assert_eq!(outcome, Outcome::Refused);
            return;
        }
        self.published += 1;
        let ready_at = self.now + delay.unwrap_or(0);
        let queue_ttl = self.features.message_ttl.map(|ttl| ttl.as_millis() as u64);
        let ttl = expiration.into_iter().chain(queue_ttl).min();
        let expires = ttl.map_or(u64::MAX, |ttl| ready_at + ttl);
        messages.insert(self.published, Meta { size, expires });
        let item = Item {
            sequence: self.published,
            level: priority.min(self.features.max_priority.unwrap_or(0)),
            size,
            expires,
        };
        let handed = bench.effects.deliveries.iter();
        let is_handed = handed
            .map(|delivery| delivery.entry.sequence.0)
            .any(|of| of == item.sequence);
        let is_dead = delay.is_none() && expires <= self.now && !is_handed;
        let leaves = !is_dead || self.features.dead_letter.is_some();
        let stored = (persistent || self.features.persist_all) && leaves;
        let noted = Attributes {
            level: item.level,
            due: delay.map_or(0, |_| ready_at),
            expires: ttl.map_or(0, |_| expires.max(1)),
        };
        let accepted = Accepted {
            sequence: Sequence(self.published),
            stored,
            noted: noted != Attributes::NONE,
        };
        if accepted.noted {
            assert_eq!(bench.effects.noted, noted);
        }
        assert_eq!(outcome, Outcome::Accepted(accepted));
        if stored {
            self.stored.push(self.published);
        }
        match delay {
            Some(_) => drop(
                self.delayed
                    .insert((ready_at, item.sequence), (item, false)),
            ),
            None if is_dead => self.dead.push((item.sequence, DeadLetterReason::Expired)),
            None => self.wait(item),
        }
        self.handed_before_drops(bench);
    }

    fn get(&mut self, bench: &mut Bench) {
        let next = self.next();
        match bench.queue.get(false, &mut bench.effects) {
            Got::Message(entry, left) => {
                assert_eq!(self.take_next().sequence, entry.sequence.0);
                assert_eq!(left, self.waiting.len());
                self.unacked.push((None, entry));
            }
            Got::Empty => assert!(next.is_none()),
            Got::OnDisk => assert!(self.on_disk.contains(&next.unwrap().sequence)),
        }
    }

    fn apply(&mut self, step: Step, bench: &mut Bench, messages: &mut Messages) {
        match step {
            Step::Publish(publish) => self.publish(bench, publish, messages),
            Step::Get => self.get(bench),
            Step::Settle(index) if index < self.unacked.len() => {
                let (slot, entry) = self.unacked.remove(index);
                let settled = Settled {
                    body_bytes: 0,
                    sequence: entry.sequence,
                    logged: entry.logged(),
                };
                let slot = self.slot_of(slot);
                bench.queue.settle(slot, &[settled], &mut bench.effects);
            }
            Step::Reject(index) if index < self.unacked.len() => {
                let (slot, entry) = self.unacked.remove(index);
                self.dead
                    .push((entry.sequence.0, DeadLetterReason::Rejected));
                let slot = self.slot_of(slot);
                let entries = vec![entry].into_iter();
                bench.queue.reject(slot, entries, &mut bench.effects);
            }
            Step::Requeue(index, how) if index < self.unacked.len() => {
                let (slot, entry) = self.unacked.remove(index);
                self.come_back(&entry, how);
                let slot = self.slot_of(slot);
                let entries = vec![entry].into_iter();
                bench.queue.requeue(slot, entries, how, &mut bench.effects);
                self.handed_before_drops(bench);
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
                assert_eq!(purged, self.waiting.len() + self.delayed.len());
                self.waiting.clear();
                self.delayed.clear();
                self.on_disk.clear();
            }
            Step::PageOut {
                level,
                keep,
                all,
                stored,
            } => {
                let sections = bench.queue.sections();
                let part = sections[level % sections.len()];
                self.page_out(bench, part, keep, all, stored);
            }
            Step::BeginLoad(messages) => self.begin_load(bench, messages),
            Step::FinishLoad => self.finish_load(bench, messages),
            Step::Pass(milliseconds) => self.pass(bench, messages, milliseconds),
            Step::TakeOut { from, every } => self.take_out(bench, messages, from, every),
            Step::Arrive(most) => self.arrive(bench, most),
            Step::Restore(most) => self.restore(bench, most),
            Step::CancelDelayed(index) => self.cancel_delayed(bench, index),
            Step::Configure(max_length) => {
                self.features.max_length = max_length;
                let settings = with_features(&self.features);
                bench.queue.configure(settings, &mut bench.effects);
                self.drop_heads();
            }
            _ => {}
        }
        Self::size_unread(bench, messages);
        self.handed(bench);
        self.left(bench);
        self.check(bench);
    }
}

fn with_features(features: &Features) -> Settings {
    Settings {
        features: Some(Arc::new(features.clone())),
        ..durable()
    }
}

fn take(sequences: &mut Vec<u64>, sequence: u64) {
    let place = sequences.iter().position(|&stored| stored == sequence);
    sequences.remove(place.expect("removed once, and only what is stored"));
}

fn check_is_a_list(settings: Settings, steps: Vec<Step>) {
    let features = settings.features.as_deref().cloned().unwrap_or_default();
    let is_plain = settings.features.is_none();
    let mut bench = Bench::new(settings);
    let mut model = Model {
        features,
        ..Model::default()
    };
    let mut messages = Messages::new();
    for step in steps {
        if !(is_plain && matches!(step, Step::Configure(_))) {
            model.apply(step, &mut bench, &mut messages);
        }
    }
    // Everything persistent that is neither ready nor unacked has left the log.
    let mut kept: Vec<u64> = model.waiting.values().map(|item| item.sequence).collect();
    kept.extend(model.delayed.values().map(|(item, _)| item.sequence));
    kept.extend(model.unacked.iter().map(|(_, entry)| entry.sequence.0));
    kept.extend(model.away.iter().map(|entry| entry.sequence.0));
    assert!(model.stored.iter().all(|stored| kept.contains(stored)));
    assert!(model.volatile.iter().all(|stored| kept.contains(stored)));
    // Everything ready comes out, in order.
    model.apply(Step::Unsubscribe, &mut bench, &mut messages);
    model.apply(Step::FinishLoad, &mut bench, &mut messages);
    model.apply(Step::Pass(1_000), &mut bench, &mut messages);
    model.apply(Step::Arrive(usize::MAX), &mut bench, &mut messages);
    for _ in 0..1_000 {
        for step in [
            Step::Get,
            Step::FinishLoad,
            Step::BeginLoad(2),
            Step::FinishLoad,
        ] {
            model.apply(step, &mut bench, &mut messages);
        }
        if model.waiting.is_empty() {
            break;
        }
    }
    assert!(model.waiting.is_empty(), "all comes out");
    assert_eq!(bench.queue.resident_bytes(), 0);
    assert_eq!(bench.queue.counts().ready_bytes, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn the_queue_is_a_list(steps in prop::collection::vec(step(), 1..200)) {
        check_is_a_list(durable(), steps);
    }

    #[test]
    fn with_features_it_is_a_list_too(
        features in features(),
        steps in prop::collection::vec(step(), 1..200),
    ) {
        check_is_a_list(with_features(&features), steps);
    }

    #[test]
    fn everything_but_the_head_can_leave_memory(count in 1..60usize) {
        let mut bench = Bench::new(durable());
        let mut model = Model::default();
        let mut messages = Messages::new();
        for number in 0..count {
            let persistent = number % 3 != 0;
            let publish = Publish { persistent, priority: 0, size: 1, expiration: None, delay: None };
            model.apply(Step::Publish(publish), &mut bench, &mut messages);
        }
        for _ in 0..20 {
            model.page_out(&mut bench, Section::Ready(0), 2, true, usize::MAX);
        }
        prop_assert!(bench.queue.resident_bytes() <= 2 * message("m", true).memory_bytes());
    }
}
