//! Random histories on a simulated disk, with power losses at any point, against a model.
//!
//! What was confirmed is there, with its bytes; what waited for no sync may go with the power, but not with the
//! process. What was settled durably does not come back. What was neither
//! may be there or not, but never with other bytes.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use ferrymq_store::{
    Append, Attributes, Change, CommitPoint, Durability, Fault, Options, Part, QueueId, Recovered,
    Sequence, SimulatedDisk, Steps, Store, StoredMessage,
};
use proptest::prelude::*;

type Id = (QueueId, Sequence);

/// What may happen.
#[derive(Debug, Clone)]
enum Step {
    CreateQueue,
    DeleteQueue(usize),
    /// Two definitions in one record, of this length.
    Define(usize),
    /// To how many queues, and how many bytes.
    Publish {
        queues: usize,
        bytes: usize,
        durability: Durability,
    },
    /// The settlement is appended before the message.
    SettleThenPublish(usize),
    Settle(usize),
    Commit,
    Checkpoint,
    /// Everything that was not synced survives with this probability in 256.
    Crash {
        keep: u8,
        seed: u64,
    },
    /// The same, after so many writes and syncs of a commit and a checkpoint.
    CrashInside {
        after: u64,
        keep: u8,
        seed: u64,
    },
    /// The process ends, and everything that was written survives.
    Kill,
    /// The same, after so many writes and syncs of a commit and a checkpoint.
    KillInside {
        after: u64,
    },
    /// After a crash, the start stops after so many writes and syncs, and crashes again.
    CrashInRecovery {
        after: u64,
        keep: u8,
        seed: u64,
    },
    /// With or without a last checkpoint.
    Close(bool),
    LoseTable,
    /// So many writes and syncs from now on, the disk fails.
    Fail {
        after: u64,
        full: bool,
    },
    /// A full disk has room again.
    Mend,
    /// Only so much more fits on the disk.
    Limit(usize),
}

fn durability() -> impl Strategy<Value = Durability> {
    prop_oneof![Just(Durability::Strict), Just(Durability::Relaxed)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::CreateQueue),
        1 => any::<usize>().prop_map(Step::DeleteQueue),
        3 => (0..9000_usize).prop_map(Step::Define),
        20 => (1..4_usize, prop_oneof![0..300_usize, 17_000..40_000_usize], durability())
            .prop_map(|(queues, bytes, durability)| Step::Publish { queues, bytes, durability }),
        2 => any::<usize>().prop_map(Step::SettleThenPublish),
        12 => any::<usize>().prop_map(Step::Settle),
        10 => Just(Step::Commit),
        5 => Just(Step::Checkpoint),
        3 => (any::<u8>(), any::<u64>()).prop_map(|(keep, seed)| Step::Crash { keep, seed }),
        2 => (0..12_u64, any::<u8>(), any::<u64>())
            .prop_map(|(after, keep, seed)| Step::CrashInside { after, keep, seed }),
        1 => (0..6_u64, any::<u8>(), any::<u64>())
            .prop_map(|(after, keep, seed)| Step::CrashInRecovery { after, keep, seed }),
        2 => Just(Step::Kill),
        1 => (0..12_u64).prop_map(|after| Step::KillInside { after }),
        1 => any::<bool>().prop_map(Step::Close),
        1 => Just(Step::LoseTable),
        1 => (0..20_u64, any::<bool>()).prop_map(|(after, full)| Step::Fail { after, full }),
        1 => (0..12_u64).prop_map(|after| Step::Fail { after, full: true }),
        2 => (0..50_000_usize).prop_map(Step::Limit),
        4 => Just(Step::Mend),
    ]
}

fn options() -> Options {
    Options {
        segment_bytes: 20_000,
        pending_limit_bytes: usize::MAX,
        reserve_bytes: 4000,
        compaction_dead_segments: 1,
        compaction_round_bytes: 15_000,
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

/// What should be true of one message.
#[derive(Debug)]
struct Message {
    body: Vec<u8>,
    attributes: Attributes,
    published: CommitPoint,
    /// Settled, and since when.
    settled: Option<CommitPoint>,
}

/// The last group that was written.
fn written(store: &Store) -> u64 {
    store.committed().0 / 2
}

/// When all of a group is on stable storage.
fn end(group: u64) -> CommitPoint {
    CommitPoint(2 * group + 1)
}

/// The world, and what should be true of it.
struct World {
    disk: SimulatedDisk,
    store: Store,
    steps: Steps,
    /// The group that is gathered.
    group: u64,
    /// The last group that a power loss leaves, as the store tells.
    synced: u64,
    queues: Vec<QueueId>,
    next: BTreeMap<QueueId, u64>,
    messages: BTreeMap<Id, Message>,
    /// Queues created or deleted, and when that was appended.
    created: BTreeMap<QueueId, CommitPoint>,
    deleted: BTreeMap<QueueId, CommitPoint>,
    /// Values of the definition pair, newest last.
    defined: Vec<(CommitPoint, Vec<u8>)>,
    /// Without the table, settled messages may come back.
    may_redeliver: bool,
    counter: u32,
}

impl World {
    fn new() -> Self {
        let disk = SimulatedDisk::new();
        let (store, steps, _) = Store::open_simulated(&disk, options()).expect("opens");
        Self {
            disk,
            store,
            steps,
            group: 1,
            synced: 0,
            queues: Vec::new(),
            next: BTreeMap::new(),
            messages: BTreeMap::new(),
            created: BTreeMap::new(),
            deleted: BTreeMap::new(),
            defined: vec![(CommitPoint::ALWAYS, Vec::new())],
            may_redeliver: false,
            counter: 0,
        }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::CreateQueue => self.create_queue(),
            Step::DeleteQueue(which) => self.delete_queue(which),
            Step::Define(length) => self.define(length),
            Step::Publish {
                queues,
                bytes,
                durability,
            } => self.publish(queues, bytes, durability),
            Step::SettleThenPublish(which) => self.settle_then_publish(which),
            Step::Settle(which) => self.settle(which),
            Step::Commit => self.commit(),
            Step::Checkpoint => self.checkpoint(),
            Step::Crash { keep, seed } => self.crash(keep, seed),
            Step::CrashInside { after, keep, seed } => {
                self.disk.fail_after(after, Fault::Broken);
                self.commit();
                self.checkpoint();
                self.crash(keep, seed);
            }
            Step::Kill => self.kill(),
            Step::KillInside { after } => {
                self.disk.fail_after(after, Fault::Broken);
                self.commit();
                self.checkpoint();
                self.kill();
            }
            Step::CrashInRecovery { after, keep, seed } => {
                self.disk = self.disk.crash(dice(keep, seed));
                self.disk.fail_after(after, Fault::Broken);
                if let Ok((store, mut steps, _)) = Store::open_simulated(&self.disk, options()) {
                    steps.checkpoint();
                    drop(store);
                }
                self.crash(keep, seed >> 1);
            }
            Step::Close(checkpoint) => self.close(checkpoint),
            Step::LoseTable => {
                self.crash(0, 1);
                self.disk.lose_table();
                self.may_redeliver = true;
                self.crash(0, 1);
            }
            Step::Fail { after, full } => {
                let fault = if full { Fault::Full } else { Fault::Broken };
                self.disk.fail_after(after, fault);
            }
            Step::Mend if self.store.failure().is_none() => {
                self.disk.mend();
                self.disk.set_capacity(usize::MAX);
            }
            Step::Mend => {}
            Step::Limit(bytes) => self.disk.set_capacity(self.disk.used_bytes() + bytes),
        }
    }

    fn point(&self, durability: Durability) -> CommitPoint {
        match durability {
            _ if self.store.failure().is_some() => CommitPoint::NEVER,
            Durability::Relaxed => CommitPoint(2 * self.group),
            Durability::Strict => end(self.group),
        }
    }

    fn create_queue(&mut self) {
        let id = self.store.allocate_queue_id();
        assert!(!self.created.contains_key(&id), "{id:?} was used before");
        let key = format!("queue {}", id.0);
        let point = self.store.change(&[Change::CreateQueue {
            id,
            key: key.as_bytes(),
            value: b"",
        }]);
        assert_eq!(point, self.point(Durability::Strict));
        self.created.insert(id, point);
        self.next.insert(id, 1);
        self.queues.push(id);
    }

    fn delete_queue(&mut self, which: usize) {
        if self.queues.is_empty() {
            return;
        }
        let id = self.queues.swap_remove(which % self.queues.len());
        let key = format!("queue {}", id.0);
        let point = self.store.change(&[Change::DeleteQueue {
            id,
            key: key.as_bytes(),
        }]);
        self.deleted.insert(id, point);
    }

    fn define(&mut self, length: usize) {
        self.counter += 1;
        let mut value = self.counter.to_le_bytes().to_vec();
        value.resize(length + 4, 1);
        let point = self.store.change(&[
            Change::Put {
                key: b"left",
                value: &value,
            },
            Change::Put {
                key: b"right",
                value: &value,
            },
        ]);
        self.defined.push((point, value));
    }

    fn targets(&mut self, queues: usize) -> Vec<Id> {
        let skip = self.counter as usize % self.queues.len().max(1);
        let chosen: BTreeSet<_> = self
            .queues
            .iter()
            .cycle()
            .skip(skip)
            .take(queues)
            .copied()
            .collect();
        let next = &mut self.next;
        let target = |queue: QueueId| {
            let next = next
                .get_mut(&queue)
                .expect("every queue has a next sequence");
            *next += 1;
            (queue, Sequence(*next - 1))
        };
        chosen.into_iter().map(target).collect()
    }

    fn publish(&mut self, queues: usize, bytes: usize, durability: Durability) {
        let targets = self.targets(queues);
        if !targets.is_empty() {
            self.append(&targets, bytes, durability);
        }
    }

    fn append(&mut self, targets: &[Id], bytes: usize, durability: Durability) {
        self.counter += 1;
        let mut body = self.counter.to_le_bytes().to_vec();
        body.resize(bytes + 4, self.counter as u8);
        let shared = Bytes::from(body.clone()).slice(4..);
        let parts = [Part::Copied(&body[..4]), Part::Shared(&shared)];
        let attributes = self.attributes(targets);
        let point = self.store.append([Append {
            targets,
            attributes: &attributes,
            parts: &parts,
            content_bytes: bytes as u32,
            durability,
        }]);
        assert_eq!(point, self.point(durability));
        for (at, target) in targets.iter().enumerate() {
            let message = Message {
                body: body.clone(),
                attributes: attributes.get(at).copied().unwrap_or_default(),
                published: point,
                settled: None,
            };
            self.messages.insert(*target, message);
        }
    }

    /// For each target, or nothing at all.
    fn attributes(&self, targets: &[Id]) -> Vec<Attributes> {
        let level = self.counter as u8 % 3;
        if level == 0 {
            return Vec::new();
        }
        let attributes = |(queue, _): &Id| Attributes {
            level,
            due: queue.0 % 2 * u64::from(self.counter),
            expires: u64::MAX,
        };
        targets.iter().map(attributes).collect()
    }

    fn settle_then_publish(&mut self, which: usize) {
        let targets = self.targets(2);
        let Some(target) = targets.get(which % targets.len().max(1)).copied() else {
            return;
        };
        self.store.remove(target.0, &[target.1]);
        let settled = self.point(Durability::Strict);
        if which.is_multiple_of(3) {
            self.commit();
        }
        if which.is_multiple_of(5) {
            self.checkpoint();
        }
        let relaxed = which.is_multiple_of(2);
        let durability = [Durability::Strict, Durability::Relaxed][usize::from(relaxed)];
        self.append(&targets, 10, durability);
        self.messages.get_mut(&target).expect("appended").settled = Some(settled);
    }

    fn settle(&mut self, which: usize) {
        let live = self
            .messages
            .iter()
            .filter(|(id, message)| message.settled.is_none() && self.queues.contains(&id.0));
        let live: Vec<Id> = live.map(|(id, _)| *id).collect();
        let Some(&id) = live.get(which % live.len().max(1)) else {
            return;
        };
        self.store.remove(id.0, &[id.1]);
        let point = self.point(Durability::Strict);
        self.messages
            .get_mut(&id)
            .expect("chosen from them")
            .settled = Some(point);
    }

    fn commit(&mut self) {
        self.steps.commit();
        self.group = self.steps.next_group();
        self.note_synced();
    }

    fn checkpoint(&mut self) {
        self.steps.checkpoint();
        self.note_synced();
    }

    fn note_synced(&mut self) {
        if self.store.statistics().unsynced_bytes == 0 {
            self.synced = written(&self.store);
        }
    }

    fn crash(&mut self, keep: u8, seed: u64) {
        let disk = self.disk.crash(dice(keep, seed));
        self.reopen(disk, end(self.synced), false);
    }

    fn kill(&mut self) {
        self.disk.fail_after(u64::MAX / 2, Fault::Broken);
        let survived = end(written(&self.store));
        self.reopen(self.disk.clone(), survived, false);
    }

    fn close(&mut self, checkpoint: bool) {
        self.commit();
        if checkpoint {
            self.checkpoint();
        }
        let closed = self.store.close(&[]).is_ok();
        self.note_synced();
        if closed {
            self.reopen(self.disk.crash(|| false), end(self.synced), true);
        } else {
            self.crash(0, 1);
        }
    }

    /// Opens what was left, which has to have everything until `survived`.
    fn reopen(&mut self, disk: SimulatedDisk, survived: CommitPoint, clean: bool) {
        let committed = self.store.committed();
        disk.set_capacity(usize::MAX);
        let (store, steps, recovered) = Store::open_simulated(&disk, options()).expect("opens");
        self.disk = disk;
        self.store = store;
        self.steps = steps;
        self.group = 1;
        self.synced = 0;
        assert_eq!(self.store.statistics().damaged_records, 0);
        assert!(recovered.clean || !clean);
        self.check_definitions(&recovered, committed);
        self.check_queues(&recovered, committed);
        self.check_messages(&recovered, committed, survived);
        self.may_redeliver = false;
    }

    fn check_definitions(&mut self, recovered: &Recovered, committed: CommitPoint) {
        let value = |key: &[u8]| {
            let found = recovered.definitions.iter().find(|(found, _)| found == key);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let found = value(b"left");
        assert_eq!(found, value(b"right"), "a record of changes was torn");
        let oldest = self
            .defined
            .iter()
            .rposition(|(point, _)| *point <= committed)
            .unwrap_or(0);
        let possible = &self.defined[oldest..];
        assert!(
            possible.iter().any(|(_, value)| *value == found),
            "a definition is lost"
        );
        self.defined = vec![(CommitPoint::ALWAYS, found)];
    }

    fn check_queues(&mut self, recovered: &Recovered, committed: CommitPoint) {
        let found: Vec<QueueId> = recovered.queues.iter().map(|queue| queue.id).collect();
        for (id, created) in &self.created {
            let deleted = self.deleted.get(id).copied();
            if *created <= committed && deleted.is_none() {
                assert!(found.contains(id), "{id:?} is lost");
            }
            if deleted.is_some_and(|deleted| deleted <= committed) {
                assert!(!found.contains(id), "{id:?} came back");
            }
        }
        let named = |id: &QueueId| {
            let key = format!("queue {}", id.0).into_bytes();
            recovered.definitions.iter().any(|(found, _)| *found == key)
        };
        assert!(found.iter().all(named), "a queue without its definition");
        for queue in &recovered.queues {
            self.next.insert(queue.id, queue.next_sequence.0);
        }
        for id in &found {
            self.created.insert(*id, CommitPoint::ALWAYS);
        }
        // What was never durable may be given out again.
        self.created.retain(|_, created| *created <= committed);
        let gone = self.created.keys().filter(|id| !found.contains(id));
        self.deleted = gone.map(|id| (*id, CommitPoint::ALWAYS)).collect();
        self.queues = found;
    }

    fn check_messages(
        &mut self,
        recovered: &Recovered,
        committed: CommitPoint,
        survived: CommitPoint,
    ) {
        let mut found = BTreeMap::new();
        for queue in &recovered.queues {
            let ranges = queue
                .sequences
                .iter()
                .flat_map(|(first, last)| first.0..=last.0);
            let sequences: Vec<Sequence> = ranges.map(Sequence).collect();
            let read = self.store.read(queue.id, &sequences).expect("readable");
            assert_eq!(read.len(), sequences.len());
            self.check_attributes(queue.id, &read);
            let content = read.iter().map(|message| message.bytes.len() as u64 - 4);
            assert_eq!(queue.content_bytes, content.sum::<u64>());
            assert!(
                sequences
                    .iter()
                    .all(|sequence| *sequence < queue.next_sequence)
            );
            found.extend(
                read.into_iter()
                    .map(|message| ((queue.id, message.sequence), message)),
            );
        }
        let queues: BTreeSet<QueueId> = self.queues.iter().copied().collect();
        for (id, message) in &self.messages {
            let is_there = found.contains_key(id);
            let strict = !message.published.0.is_multiple_of(2);
            let confirmed = strict && message.published <= committed;
            let survived_it = message.published <= survived;
            if (confirmed || survived_it) && message.settled.is_none() && queues.contains(&id.0) {
                assert!(is_there, "{id:?} was confirmed and is lost");
            }
            let settled = message.settled.is_some_and(|settled| settled <= survived);
            // A settlement before its publish holds only if the publish came durably, too.
            if settled && survived_it && !self.may_redeliver {
                assert!(!is_there, "{id:?} was settled and came back");
            }
        }
        for (id, message) in &found {
            let expected = &self.messages[id];
            assert_eq!(message.bytes[..], expected.body, "{id:?} has another body");
            assert_eq!(message.attributes, expected.attributes, "{id:?}");
        }
        self.messages.retain(|id, message| {
            message.published = CommitPoint::ALWAYS;
            let gone = message.settled.is_some() && !found.contains_key(id);
            message.settled = gone.then_some(CommitPoint::ALWAYS);
            found.contains_key(id) || message.settled.is_some()
        });
    }

    /// The index notes what the records say.
    fn check_attributes(&self, queue: QueueId, read: &[StoredMessage]) {
        let mut noted = Vec::new();
        self.store.attributes(queue, |first, last, attributes| {
            noted.extend((first.0..=last.0).map(|number| (Sequence(number), attributes)));
        });
        let attributed = read
            .iter()
            .map(|message| (message.sequence, message.attributes));
        let attributed = attributed.filter(|(_, attributes)| *attributes != Attributes::NONE);
        assert_eq!(noted, attributed.collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_confirmed_is_lost(steps in prop::collection::vec(step(), 1..150)) {
        let mut world = World::new();
        for step in steps {
            world.run(step);
        }
        world.crash(128, 7);
        world.crash(0, 7);
    }
}

fn check(steps: impl IntoIterator<Item = Step>) {
    let mut world = World::new();
    steps.into_iter().for_each(|step| world.run(step));
    world.crash(0, 7);
}

#[test]
fn blocks_of_an_unfinished_checkpoint_are_forgotten() {
    let publish = || Step::Publish {
        queues: 1,
        bytes: 10,
        durability: Durability::Strict,
    };
    let unfinished = || Step::CrashInside {
        after: 1,
        keep: 255,
        seed: 1,
    };
    // A queue that the last checkpoint does not know, and no checkpoint at all.
    for before in [
        vec![
            Step::CreateQueue,
            Step::Commit,
            Step::Checkpoint,
            Step::DeleteQueue(0),
        ],
        vec![],
    ] {
        let after = [Step::Settle(0), Step::Commit, Step::Checkpoint];
        let steps = [Step::CreateQueue, publish(), Step::Commit, unfinished()];
        check(before.into_iter().chain(steps).chain(after));
    }
}
