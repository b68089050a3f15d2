//! Messages that go on from queue to queue: whatever happens, each is in at least one of them.

use std::collections::BTreeMap;

use ferrymq_store::{
    Append, Change, CommitPoint, Durability, Fault, Options, Part, QueueId, Recovered, Sequence,
    SimulatedDisk, Steps, Store,
};
use proptest::prelude::*;

const QUEUES: usize = 3;

type Place = (QueueId, Sequence);

/// What may happen.
#[derive(Debug, Clone)]
enum Step {
    Publish(usize, Durability),
    /// A message goes on to another queue, and leaves its own now or later.
    Transfer {
        which: usize,
        to: usize,
        later: bool,
        durability: Durability,
    },
    /// What was to happen later.
    Leave,
    Ack(usize),
    Commit,
    Checkpoint,
    /// So many writes and syncs from now on, the disk fails.
    Fail(u64, Fault),
    /// Only so much more fits on the disk.
    Limit(usize),
    /// A full disk has room again.
    Mend,
    /// Sectors that were not synced survive with this probability in 256.
    Crash(u8, u64),
    /// What the process wrote survives.
    Kill,
}

fn durability() -> impl Strategy<Value = Durability> {
    prop_oneof![3 => Just(Durability::Strict), 1 => Just(Durability::Relaxed)]
}

fn step() -> impl Strategy<Value = Step> {
    let which = any::<usize>;
    prop_oneof![
        8 => (0..QUEUES, durability()).prop_map(|(to, durability)| Step::Publish(to, durability)),
        12 => (which(), 0..QUEUES, any::<bool>(), durability()).prop_map(
            |(which, to, later, durability)| Step::Transfer { which, to, later, durability }
        ),
        4 => Just(Step::Leave),
        3 => which().prop_map(Step::Ack),
        8 => Just(Step::Commit),
        2 => Just(Step::Checkpoint),
        1 => (0..8_u64).prop_map(|after| Step::Fail(after, Fault::Broken)),
        3 => (0..8_u64).prop_map(|after| Step::Fail(after, Fault::Full)),
        2 => (0..6000_usize).prop_map(Step::Limit),
        3 => Just(Step::Mend),
        3 => (any::<u8>(), any::<u64>()).prop_map(|(keep, seed)| Step::Crash(keep, seed)),
        1 => Just(Step::Kill),
    ]
}

fn options() -> Options {
    Options {
        segment_bytes: 5000,
        pending_limit_bytes: usize::MAX,
        reserve_bytes: 4000,
        ..Options::default()
    }
}

/// Decides what a power loss keeps.
fn dice(keep: u8, seed: u64) -> impl FnMut() -> bool {
    let mut random = seed | 1;
    move || {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695);
        (random >> 40) as u8 <= keep
    }
}

/// A message, wherever it is.
#[derive(Debug)]
struct Message {
    place: Place,
    /// When it was safe in its first queue.
    published: CommitPoint,
    is_acked: bool,
}

struct World {
    disk: SimulatedDisk,
    store: Store,
    steps: Steps,
    queues: Vec<QueueId>,
    next: BTreeMap<QueueId, u64>,
    messages: BTreeMap<u64, Message>,
    /// To leave a place once the other one is as safe as this.
    leaving: Vec<(CommitPoint, Place)>,
    published: u64,
    /// How long messages are.
    bytes: usize,
}

impl World {
    fn new(bytes: usize) -> Self {
        let disk = SimulatedDisk::new();
        let (store, mut steps, _) = Store::open_simulated(&disk, options()).expect("opens");
        let create = |_| {
            let id = store.allocate_queue_id();
            let key = &id.0.to_le_bytes();
            store.change(&[Change::CreateQueue {
                id,
                key,
                value: b"",
            }]);
            id
        };
        let queues: Vec<QueueId> = (0..QUEUES).map(create).collect();
        steps.commit();
        Self {
            disk,
            store,
            steps,
            next: queues.iter().map(|id| (*id, 1)).collect(),
            queues,
            messages: BTreeMap::new(),
            leaving: Vec::new(),
            published: 0,
            bytes,
        }
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Publish(to, durability) => self.publish(to, durability),
            Step::Transfer {
                which,
                to,
                later,
                durability,
            } => self.transfer(which, to, later, durability),
            Step::Leave => self.leave(),
            Step::Ack(which) => self.ack(which),
            Step::Commit => self.steps.commit(),
            Step::Checkpoint => self.steps.checkpoint(),
            Step::Fail(after, fault) => self.disk.fail_after(after, fault),
            Step::Limit(bytes) => self.disk.set_capacity(self.disk.used_bytes() + bytes),
            Step::Mend if self.store.failure().is_none() => {
                self.disk.mend();
                self.disk.set_capacity(usize::MAX);
            }
            Step::Mend => {}
            Step::Crash(keep, seed) => self.reopen(self.disk.crash(dice(keep, seed)), false),
            Step::Kill => {
                self.disk.fail_after(u64::MAX / 2, Fault::Broken);
                self.reopen(self.disk.clone(), true);
            }
        }
    }

    fn append(&mut self, number: u64, to: usize, durability: Durability) -> (CommitPoint, Place) {
        let queue = self.queues[to % QUEUES];
        let next = self.next.get_mut(&queue).expect("one of them");
        let place = (queue, Sequence(*next));
        *next += 1;
        let mut body = number.to_le_bytes().to_vec();
        body.resize(8 + self.bytes, 7);
        let point = self.store.append([Append {
            targets: &[place],
            attributes: &[],
            parts: &[Part::Copied(&body)],
            content_bytes: 0,
            durability,
        }]);
        (point, place)
    }

    fn publish(&mut self, to: usize, durability: Durability) {
        self.published += 1;
        let (published, place) = self.append(self.published, to, durability);
        let message = Message {
            place,
            published,
            is_acked: false,
        };
        self.messages.insert(self.published, message);
    }

    /// A message that is not acked.
    fn choose(&mut self, which: usize) -> Option<u64> {
        let live = self
            .messages
            .iter()
            .filter(|(_, message)| !message.is_acked);
        let live: Vec<u64> = live.map(|(number, _)| *number).collect();
        live.get(which % live.len().max(1)).copied()
    }

    fn transfer(&mut self, which: usize, to: usize, later: bool, durability: Durability) {
        let Some(number) = self.choose(which) else {
            return;
        };
        let (point, place) = self.append(number, to, durability);
        let message = self.messages.get_mut(&number).expect("chosen from them");
        let before = std::mem::replace(&mut message.place, place);
        self.leaving.push((point, before));
        if !later {
            self.leave();
        }
    }

    fn leave(&mut self) {
        for (point, (queue, sequence)) in self.leaving.drain(..) {
            let range = [(sequence, sequence)];
            self.store.remove_ranges_after(point, queue, &range);
        }
    }

    fn ack(&mut self, which: usize) {
        if let Some(number) = self.choose(which) {
            let message = self.messages.get_mut(&number).expect("chosen from them");
            message.is_acked = true;
            self.store.remove(message.place.0, &[message.place.1]);
        }
    }

    /// Once there is room, each message is in one queue only, if it is not acked.
    fn settle(&mut self) {
        self.run(&Step::Mend);
        for _ in 0..2 {
            self.steps.checkpoint();
            self.steps.commit();
        }
        let live = self.messages.values().filter(|message| !message.is_acked);
        let live = live.count() as u64;
        assert_eq!(self.store.statistics().live_messages, live);
    }

    /// Whether a start from what is left finds every message. Changes nothing.
    fn check(&self, left: SimulatedDisk) {
        self.find(left, self.store.committed(), false);
    }

    /// Opens what is left, which has all messages that were safe, and says where they are.
    fn find(
        &self,
        disk: SimulatedDisk,
        committed: CommitPoint,
        is_written_enough: bool,
    ) -> (Store, Steps, Recovered, BTreeMap<u64, Place>) {
        disk.set_capacity(usize::MAX);
        let (store, steps, recovered) = Store::open_simulated(&disk, options()).expect("opens");
        assert_eq!(store.statistics().damaged_records, 0);
        let mut found = BTreeMap::new();
        for queue in &recovered.queues {
            let ranges = queue.sequences.iter();
            let sequences = ranges.flat_map(|(first, last)| first.0..=last.0);
            let sequences: Vec<Sequence> = sequences.map(Sequence).collect();
            for message in store.read(queue.id, &sequences).expect("readable") {
                let number = message.bytes.first_chunk().expect("it is longer");
                let number = u64::from_le_bytes(*number);
                let place = (queue.id, message.sequence);
                if let Some((queue, sequence)) = found.insert(number, place) {
                    // Twice is not too often.
                    store.remove(queue, &[sequence]);
                }
            }
        }
        for (number, message) in &self.messages {
            let strict = message.published.0 % 2 == 1 || message.published == CommitPoint::ALWAYS;
            let is_safe = message.published <= committed && (strict || is_written_enough);
            let is_there = found.contains_key(number);
            assert!(
                is_there || message.is_acked || !is_safe,
                "message {number} is in no queue: {message:?}"
            );
        }
        (store, steps, recovered, found)
    }

    fn reopen(&mut self, disk: SimulatedDisk, is_written_enough: bool) {
        let committed = self.store.committed();
        let (store, steps, recovered, found) =
            self.find(disk.clone(), committed, is_written_enough);
        for queue in &recovered.queues {
            self.next.insert(queue.id, queue.next_sequence.0);
        }
        let message = |(number, place)| {
            let message = Message {
                place,
                published: CommitPoint::ALWAYS,
                is_acked: false,
            };
            (number, message)
        };
        self.messages = found.into_iter().map(message).collect();
        self.leaving.clear();
        (self.disk, self.store, self.steps) = (disk, store, steps);
        // What is there by now stays.
        self.store.change(&[]);
        self.steps.commit();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_message_is_always_somewhere(steps in prop::collection::vec(step(), 1..150)) {
        let mut world = World::new(100);
        for step in steps {
            world.run(&step);
        }
        world.run(&Step::Crash(128, 7));
        world.run(&Step::Crash(0, 7));
    }
}

/// Chains of transfers within a group and across groups, while the disk is fine, full or has room again.
fn script() -> Vec<Step> {
    let publish = |to| Step::Publish(to, Durability::Strict);
    let transfer = |which, to, later| Step::Transfer {
        which,
        to,
        later,
        durability: Durability::Strict,
    };
    vec![
        publish(0),
        publish(0),
        Step::Commit,
        Step::Checkpoint,
        transfer(0, 1, false),
        transfer(0, 2, true),
        transfer(1, 1, false),
        publish(1),
        transfer(2, 2, false),
        Step::Commit,
        transfer(1, 2, false),
        Step::Commit,
        transfer(0, 0, false),
        Step::Ack(1),
        transfer(0, 1, true),
        Step::Commit,
        Step::Leave,
        Step::Commit,
        Step::Checkpoint,
    ]
}

/// Runs the script with this fault after so many writes and syncs. Says how many there were.
fn check(fault: Fault, after: u64, mend_at: Option<usize>, keep: u8) -> u64 {
    // A group is longer than a sector, so that a power loss can keep a part of it.
    let mut world = World::new(700);
    let before = world.disk.operations();
    world.disk.fail_after(after, fault);
    for (at, step) in script().iter().enumerate() {
        if mend_at == Some(at) {
            world.run(&Step::Mend);
        }
        world.run(step);
        world.check(world.disk.crash(dice(keep, after + at as u64)));
    }
    let operations = world.disk.operations() - before;
    if fault == Fault::Full {
        world.settle();
    }
    operations
}

/// How many writes and syncs there are when nothing fails.
fn operations() -> u64 {
    let operations = check(Fault::Broken, u64::MAX / 2, None, 0);
    assert!(operations > 10);
    operations
}

#[test]
fn every_write_may_be_the_last() {
    for after in 0..operations() {
        for keep in [0, 100, 128, 200, 255] {
            check(Fault::Broken, after, None, keep);
        }
    }
}

#[test]
fn the_disk_may_be_full_at_every_write() {
    for after in 0..operations() {
        for mend_at in [None, Some(9), Some(11), Some(15), Some(17)] {
            for keep in [0, 128, 255] {
                check(Fault::Full, after, mend_at, keep);
            }
        }
    }
}
