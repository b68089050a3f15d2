//! Segments that a few live messages pin are freed, and a copy never revives what was settled.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ferrymq_store::{
    Append, Attributes, Change, Durability, Options, Part, QueueId, Sequence, SimulatedDisk, Steps,
    Store,
};

const SEGMENT_BYTES: u64 = 20_000;

fn options() -> Options {
    Options {
        segment_bytes: SEGMENT_BYTES,
        pending_limit_bytes: usize::MAX,
        ..Options::default()
    }
}

struct World {
    disk: SimulatedDisk,
    store: Store,
    steps: Steps,
    queue: QueueId,
    published: u64,
    kept: Vec<Sequence>,
}

impl World {
    fn new() -> Self {
        Self::with(options())
    }

    fn with(options: Options) -> Self {
        let disk = SimulatedDisk::new();
        let (store, steps, _) = Store::open_simulated(&disk, options).expect("opens");
        let id = store.allocate_queue_id();
        store.change(&[Change::CreateQueue {
            id,
            key: b"queue",
            value: b"",
        }]);
        Self {
            disk,
            store,
            steps,
            queue: id,
            published: 0,
            kept: Vec::new(),
        }
    }

    fn body(sequence: u64) -> Vec<u8> {
        let mut body = sequence.to_le_bytes().to_vec();
        body.resize(300, sequence as u8);
        body
    }

    /// Some have none.
    fn attributes(sequence: u64) -> Attributes {
        let expires = sequence / 100 % 3 * 1000;
        Attributes {
            expires,
            ..Attributes::NONE
        }
    }

    /// Publishes and settles messages, and keeps one of so many.
    fn churn(&mut self, messages: u64, keep_every: u64) {
        for _ in 0..messages {
            self.published += 1;
            let sequence = Sequence(self.published);
            self.store.append([Append {
                targets: &[(self.queue, sequence)],
                attributes: &[Self::attributes(sequence.0)],
                parts: &[Part::Copied(&Self::body(sequence.0))],
                content_bytes: 300,
                durability: Durability::Strict,
            }]);
            self.steps.commit();
            if self.published.is_multiple_of(keep_every) {
                self.kept.push(sequence);
            } else {
                self.store.remove(self.queue, &[sequence]);
            }
        }
    }

    fn round(&mut self) {
        self.steps.commit();
        self.steps.checkpoint();
    }

    fn crash(&mut self) {
        // Settlements alone are not synced.
        self.store.change(&[Change::Remove { key: b"nothing" }]);
        self.steps.commit();
        self.disk = self.disk.crash(|| false);
        let (store, steps, _) = Store::open_simulated(&self.disk, options()).expect("opens");
        self.store = store;
        self.steps = steps;
    }

    fn check(&self) {
        let read = self.store.read(self.queue, &self.kept).expect("readable");
        assert_eq!(read.len(), self.kept.len());
        let mut attributes = BTreeMap::new();
        for message in read {
            let number = message.sequence.0;
            assert_eq!(message.bytes[..], Self::body(number));
            assert_eq!(message.attributes, Self::attributes(number));
            attributes.insert(message.sequence, message.attributes);
        }
        attributes.retain(|_, attributes| *attributes != Attributes::NONE);
        let mut noted = BTreeMap::new();
        self.store.attributes(self.queue, |first, last, same| {
            noted.extend((first.0..=last.0).map(|number| (Sequence(number), same)));
        });
        assert_eq!(noted, attributes);
        let statistics = self.store.statistics();
        assert_eq!(statistics.live_messages, self.kept.len() as u64);
        assert_eq!(statistics.damaged_records, 0);
    }
}

#[test]
fn the_log_stays_small_however_much_goes_through_it() {
    let mut world = World::new();
    for round in 0..150 {
        world.churn(200, 100);
        world.round();
        let live_bytes = world.kept.len() as u64 * 400;
        let bound = 2 * live_bytes + 8 * SEGMENT_BYTES;
        let statistics = world.store.statistics();
        assert!(statistics.log_bytes <= bound, "{round}: {statistics:?}");
    }
    assert!(world.store.statistics().written_bytes > 5_000_000);
    world.check();
    world.crash();
    world.check();
    world.disk.lose_table();
    world.crash();
    let read = world
        .store
        .read(world.queue, &world.kept)
        .expect("readable");
    assert_eq!(read.len(), world.kept.len());
}

#[test]
fn nothing_is_copied_while_most_is_live() {
    let mut world = World::new();
    world.churn(2000, 1);
    world.round();
    let before = world.store.statistics();
    world.round();
    world.round();
    assert_eq!(world.store.statistics().written_bytes, before.written_bytes);
    world.check();
}

#[test]
fn a_settlement_wins_against_a_copy() {
    // Before the copy is written, in its group, and after it; each with and without the table.
    for order in 0..3 {
        for lose_table in [false, true] {
            let mut world = World::new();
            world.churn(1500, 20);
            world.steps.commit();
            let kept = std::mem::take(&mut world.kept);
            world.store.remove(world.queue, &kept[..20]);
            if order == 0 {
                world.steps.commit();
            }
            world.steps.checkpoint();
            if order == 1 {
                world.store.remove(world.queue, &kept[20..40]);
            }
            world.steps.commit();
            if order == 2 {
                world.store.remove(world.queue, &kept[20..40]);
                world.steps.commit();
            }
            let from = if order == 0 { 20 } else { 40 };
            world.kept = kept[from..].to_vec();
            world.check();
            if lose_table {
                world.disk.lose_table();
            }
            world.crash();
            if lose_table {
                let read = world
                    .store
                    .read(world.queue, &world.kept)
                    .expect("readable");
                assert_eq!(read.len(), world.kept.len());
            } else {
                world.check();
            }
            for _ in 0..10 {
                world.round();
            }
            world.crash();
            if !lose_table {
                world.check();
            }
        }
    }
}

#[test]
fn a_damaged_record_is_reported_and_left() {
    // Every segment that is mostly dead is read.
    let mut world = World::with(Options {
        compaction_dead_segments: 0,
        ..options()
    });
    world.churn(300, 30);
    let first = world
        .disk
        .paths("log/")
        .into_iter()
        .next()
        .expect("a segment");
    let at = 30 * 352;
    world.disk.damage(&first, |bytes| bytes[at] ^= 1);
    world.churn(1500, 100);
    for _ in 0..20 {
        world.round();
    }
    let statistics = world.store.statistics();
    assert!(statistics.damaged_records > 0);
    assert!(world.disk.paths(&first).len() >= 2, "kept, and kept aside");
    let read = world
        .store
        .read(world.queue, &world.kept)
        .expect("readable");
    assert!(read.len() + 1 >= world.kept.len());
}

#[test]
fn a_message_is_found_while_it_is_moved() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = Options {
        segment_bytes: SEGMENT_BYTES,
        checkpoint_bytes: 10_000,
        checkpoint_interval: Duration::from_millis(1),
        // Whatever is mostly dead goes.
        compaction_dead_segments: 0,
        ..Options::default()
    };
    let (store, _) = Store::open(directory.path(), options).expect("opens");
    let queue = store.allocate_queue_id();
    store.change(&[Change::CreateQueue {
        id: queue,
        key: b"queue",
        value: b"",
    }]);
    let append = |sequence: u64| {
        store.append([Append {
            targets: &[(queue, Sequence(sequence))],
            attributes: &[World::attributes(sequence)],
            parts: &[Part::Copied(&World::body(sequence))],
            content_bytes: 300,
            durability: Durability::Strict,
        }])
    };
    let wait = |point| {
        while store.committed() < point {
            std::thread::yield_now();
        }
    };
    // The first segment also has the queue's definition.
    (1..=100).for_each(|sequence| wait(append(sequence)));
    let kept: Vec<Sequence> = (3..=20).map(|number| Sequence(number * 50)).collect();
    (101..1000).map(append).for_each(drop);
    wait(append(1000));
    let log = directory.path().join("log");
    let files = std::fs::read_dir(&log).expect("a log");
    let mut held: Vec<PathBuf> = files.map(|entry| entry.expect("a file").path()).collect();
    held.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "segment")
    });
    held.retain(|path| !path.ends_with("0000000001.segment"));
    assert!(!held.is_empty());
    let settled = (1..=1000)
        .map(Sequence)
        .filter(|sequence| !kept.contains(sequence));
    store.remove(queue, &settled.collect::<Vec<_>>());
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                let read = store.read(queue, &kept).expect("readable");
                assert_eq!(read.len(), kept.len());
            }
        });
        for sequence in 1001..=10_000 {
            append(sequence);
            store.remove(queue, &[Sequence(sequence)]);
        }
        // Those segments go, because what they held was moved.
        let mut sequence = 10_000;
        while held.iter().any(|path| path.exists()) {
            sequence += 1;
            wait(append(sequence));
            store.remove(queue, &[Sequence(sequence)]);
        }
        is_done.store(true, Ordering::Relaxed);
    });
    assert_eq!(store.statistics().damaged_records, 0);
    assert!(store.statistics().failure.is_none());
}
