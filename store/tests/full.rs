//! A full disk: nothing is lost or promised, and draining consumers alone make room again.

use ferrymq_store::{
    Append, Change, CommitPoint, Durability, Fault, Options, Part, QueueId, Sequence,
    SimulatedDisk, Steps, Store,
};

const BODY_BYTES: usize = 1000;

struct World {
    disk: SimulatedDisk,
    store: Store,
    steps: Steps,
    queue: QueueId,
    published: u64,
}

impl World {
    fn new(options: Options) -> Self {
        Self::with_capacity(options, usize::MAX)
    }

    fn with_capacity(options: Options, bytes: usize) -> Self {
        let disk = SimulatedDisk::new();
        disk.set_capacity(bytes);
        let (store, mut steps, _) = Store::open_simulated(&disk, options).expect("opens");
        let queue = store.allocate_queue_id();
        create(&store, queue, b"queue");
        steps.commit();
        steps.checkpoint();
        Self {
            disk,
            store,
            steps,
            queue,
            published: 0,
        }
    }

    fn publish(&mut self) -> CommitPoint {
        self.published += 1;
        self.store.append([Append {
            targets: &[(self.queue, Sequence(self.published))],
            attributes: &[],
            parts: &[Part::Copied(&[7; BODY_BYTES])],
            content_bytes: BODY_BYTES as u32,
            durability: Durability::Strict,
        }])
    }

    fn remove(&self, first: u64, last: u64) {
        let ranges = [(Sequence(first), Sequence(last))];
        self.store.remove_ranges(self.queue, &ranges);
    }

    /// Publishes, group by group, until one is held up. Returns how many messages are durable.
    fn fill(&mut self) -> u64 {
        while !self.store.is_disk_full() {
            let durable = self.published;
            let point = self.publish();
            self.steps.commit();
            self.steps.checkpoint();
            if self.store.committed() < point {
                return durable;
            }
        }
        self.published
    }

    fn round(&mut self) {
        self.steps.commit();
        self.steps.checkpoint();
    }

    /// Records that a start after a power loss finds damaged.
    fn damaged_after(&self, keep: fn(u64) -> bool) -> u64 {
        let mut at = 0;
        let disk = self.disk.crash(|| {
            at += 1;
            keep(at)
        });
        let (store, _, _) = Store::open_simulated(&disk, small()).expect("opens");
        store.statistics().damaged_records
    }

    /// What a start after a power loss finds of the queue.
    fn recovered(&self) -> Vec<(Sequence, Sequence)> {
        let disk = self.disk.crash(|| false);
        disk.set_capacity(usize::MAX);
        let (store, _, recovered) = Store::open_simulated(&disk, small()).expect("opens");
        assert_eq!(store.statistics().damaged_records, 0);
        recovered.queues[0].sequences.clone()
    }
}

fn create(store: &Store, id: QueueId, key: &[u8]) -> CommitPoint {
    store.change(&[Change::CreateQueue {
        id,
        key,
        value: b"",
    }])
}

fn small() -> Options {
    Options {
        segment_bytes: 20_000,
        pending_limit_bytes: usize::MAX,
        reserve_bytes: 10_000,
        ..Options::default()
    }
}

fn one(first: u64, last: u64) -> Vec<(Sequence, Sequence)> {
    vec![(Sequence(first), Sequence(last))]
}

#[test]
fn a_group_waits_for_room_and_nothing_is_lost() {
    // The write, or the creation of a segment before it.
    for segment_bytes in [20_000, 1000] {
        let mut world = World::new(Options {
            segment_bytes,
            ..small()
        });
        let first = world.publish();
        world.steps.commit();
        assert_eq!(world.store.committed(), first);
        world.disk.fail_after(0, Fault::Full);
        let second = world.publish();
        world.steps.commit();
        let third = world.publish();
        world.steps.commit();
        let statistics = world.store.statistics();
        assert!(statistics.disk_full && statistics.failure.is_none());
        assert_eq!(world.store.committed(), first);
        assert!(first < second && second < third);
        assert_eq!(world.recovered(), one(1, 1));

        world.disk.mend();
        world.steps.commit();
        assert_eq!(world.store.committed(), third);
        assert!(!world.store.is_disk_full());
        assert_eq!(world.recovered(), one(1, 3));
    }
}

#[test]
fn a_sync_without_room_is_final() {
    let mut world = World::new(small());
    world.publish();
    world.disk.fail_after(1, Fault::Broken);
    world.steps.commit();
    assert!(world.store.failure().is_some());
    assert!(!world.store.is_disk_full());
}

#[test]
fn what_was_half_written_is_never_taken_for_damage() {
    let keeps: [fn(u64) -> bool; 3] = [|_| true, |_| false, |at| at.is_multiple_of(2)];
    for keep in keeps {
        for more in 0..40_usize {
            let mut world = World::new(small());
            world.publish();
            world.steps.commit();
            // Groups that end at any place, and shorter ones that go ahead over what is left of them.
            world
                .disk
                .set_capacity(world.disk.used_bytes() + more * 150);
            for _ in 0..4 {
                world.publish();
            }
            world.steps.commit();
            let committed = world.store.committed();
            for _ in 0..3 {
                world.remove(1, 1);
                world.steps.commit();
                let mut at = 0;
                let disk = world.disk.crash(|| {
                    at += 1;
                    keep(at)
                });
                disk.set_capacity(usize::MAX);
                let (store, _, recovered) = Store::open_simulated(&disk, small()).unwrap();
                assert_eq!(store.statistics().damaged_records, 0);
                let live = recovered.queues[0].sequences.iter();
                let live: u64 = live.map(|(first, last)| last.0 - first.0 + 1).sum();
                assert!(live >= 4 || world.store.committed() == committed);
            }
        }
    }
}

#[test]
fn nothing_is_left_of_a_half_written_group_when_its_segment_ends() {
    let keeps: [fn(u64) -> bool; 3] = [|_| true, |_| false, |at| at.is_multiple_of(2)];
    for keep in keeps {
        let mut world = World::new(small());
        for _ in 0..13 {
            world.publish();
        }
        world.steps.commit();
        world.disk.fail_after(0, Fault::Full);
        for _ in 0..4 {
            world.publish();
        }
        world.steps.commit();
        // Nobody needs that group any more, and the next one does not fit into the segment.
        world.remove(14, 17);
        world.disk.mend();
        world.steps.commit();
        for _ in 0..10 {
            world.publish();
        }
        world.steps.commit();
        assert_eq!(world.disk.paths("log/").len(), 3, "two segments, a reserve");
        assert_eq!(world.damaged_after(keep), 0);
    }
}

#[test]
fn draining_consumers_alone_make_room() {
    // Segments that end before the disk does, and one that is longer than the disk.
    for segment_bytes in [20_000, 64 << 20] {
        let options = Options {
            segment_bytes,
            ..small()
        };
        let mut world = World::with_capacity(options, 500_000);
        for _ in 0..3 {
            let before = world.published;
            let durable = world.fill();
            assert!(world.store.is_disk_full());
            assert!(durable - before > 100, "{durable}");
            // What was delivered without having been durable is settled, too.
            world.remove(1, world.published);
            let mut rounds = 0;
            while world.store.is_disk_full() {
                world.round();
                rounds += 1;
                assert!(rounds < 10, "{:?}", world.store.statistics());
            }
            let statistics = world.store.statistics();
            assert!(statistics.failure.is_none() && !statistics.checkpoint_failed);
            assert_eq!(statistics.live_messages, 0);
            let point = world.publish();
            world.round();
            assert_eq!(world.store.committed(), point);
            assert_eq!(world.recovered(), one(world.published, world.published));
            world.remove(world.published, world.published);
        }
    }
}

#[test]
fn a_deleted_queue_makes_room() {
    let mut world = World::new(small());
    world.disk.set_capacity(300_000);
    let other = world.store.allocate_queue_id();
    // Not written yet when the disk is full: the changes must stay in their order.
    world.disk.fail_after(0, Fault::Full);
    create(&world.store, other, b"other");
    world.publish();
    world.steps.commit();
    world.disk.mend();
    world.round();
    let durable = world.fill();
    assert!(durable > 100, "{durable}");
    for (id, key) in [(world.queue, &b"queue"[..]), (other, b"other")] {
        let gone = world.store.change(&[Change::DeleteQueue { id, key }]);
        assert!(gone > world.store.committed());
    }
    for _ in 0..5 {
        world.round();
    }
    assert!(!world.store.is_disk_full());
    let disk = world.disk.crash(|| false);
    let (_, _, recovered) = Store::open_simulated(&disk, small()).unwrap();
    assert!(recovered.queues.is_empty() && recovered.definitions.is_empty());
}

#[test]
fn changes_stay_in_their_order() {
    // Created in the group that waits, deleted while it waits; and the other way round.
    let mut world = World::new(small());
    let ids = [(); 2].map(|()| world.store.allocate_queue_id());
    world.disk.fail_after(0, Fault::Full);
    create(&world.store, ids[0], b"first");
    world.publish();
    world.steps.commit();
    create(&world.store, ids[1], b"second");
    world.steps.commit();
    let delete = Change::DeleteQueue {
        id: ids[0],
        key: b"first",
    };
    let deleted = world.store.change(&[delete]);
    world.disk.mend();
    world.steps.commit();
    assert_eq!(world.store.committed(), deleted);
    let disk = world.disk.crash(|| false);
    let (_, _, recovered) = Store::open_simulated(&disk, small()).unwrap();
    let found: Vec<QueueId> = recovered.queues.iter().map(|queue| queue.id).collect();
    assert_eq!(found, [world.queue, ids[1]]);
}

#[test]
fn what_follows_a_message_waits_for_it() {
    let mut world = World::new(small());
    world.disk.set_capacity(world.disk.used_bytes());
    // More than the segment has room for.
    for _ in 0..30 {
        world.publish();
    }
    let put = |key: &'static [u8]| [Change::Put { key, value: b"" }];
    let follow = |world: &World, key| {
        let strict = Durability::Strict;
        let store = &world.store;
        store.append_with(|log| log.follow(&put(key), strict))
    };
    // Before the disk is known to be full, and after.
    let first = follow(&world, b"first");
    world.steps.commit();
    assert!(world.store.is_disk_full());
    follow(&world, b"second");
    world.store.change(&put(b"ahead"));
    world.steps.commit();
    let definitions = |disk: &SimulatedDisk| {
        let disk = disk.crash(|| false);
        disk.set_capacity(usize::MAX);
        let (_, _, recovered) = Store::open_simulated(&disk, small()).unwrap();
        let mut keys: Vec<Vec<u8>> = recovered
            .definitions
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        keys.sort();
        keys
    };
    assert_eq!(definitions(&world.disk), [&b"ahead"[..], b"queue"]);
    assert!(world.store.committed() < first);
    world.disk.set_capacity(usize::MAX);
    world.round();
    world.round();
    let all: [&[u8]; 4] = [b"ahead", b"first", b"queue", b"second"];
    assert_eq!(definitions(&world.disk), all);
}

#[test]
fn a_change_is_answered_when_nothing_stands_before_it() {
    let mut world = World::new(Options {
        segment_bytes: 100,
        ..small()
    });
    world.disk.set_capacity(world.disk.used_bytes());
    // Even if that takes the reserve.
    let id = world.store.allocate_queue_id();
    let point = create(&world.store, id, b"another");
    world.steps.commit();
    world.steps.commit();
    assert!(world.store.is_disk_full());
    assert!(world.store.committed() >= point);
}

#[test]
fn a_checkpoint_without_room_is_tried_again() {
    for operations in 0..4 {
        let mut world = World::new(small());
        for _ in 0..300 {
            world.publish();
        }
        world.store.change(&[Change::Put {
            key: b"kept",
            value: b"value",
        }]);
        world.steps.commit();
        world.disk.fail_after(operations, Fault::Full);
        world.steps.checkpoint();
        let before = world.store.statistics();
        assert!(before.disk_full || operations > 2);
        assert!(!before.checkpoint_failed);
        // Meanwhile everything is settled; nothing of what was tried may come back.
        world.remove(1, 100);
        world.store.change(&[Change::Remove { key: b"kept" }]);
        world.disk.mend();
        world.round();
        world.round();
        let after = world.store.statistics();
        assert!(after.checkpoints > before.checkpoints);
        assert!(!after.disk_full && !after.checkpoint_failed);
        assert_eq!(world.recovered(), one(101, 300));
        // Without the log's older part: only the checkpoint knows.
        let disk = world.disk.crash(|| false);
        let (_, _, recovered) = Store::open_simulated(&disk, small()).unwrap();
        let keys: Vec<&[u8]> = recovered
            .definitions
            .iter()
            .map(|(key, _)| &key[..])
            .collect();
        assert_eq!(keys, [b"queue"]);
    }
}

#[test]
fn a_start_on_a_full_disk_takes_no_messages() {
    let mut world = World::new(small());
    world.disk.set_capacity(300_000);
    let durable = world.fill();
    let disk = world.disk.crash(|| true);
    disk.set_capacity(disk.used_bytes());
    // Its reserve is not there any more: something else took the room.
    let taken = disk.used_bytes() - 10_000;
    disk.set_capacity(taken);
    let (store, mut steps, recovered) = Store::open_simulated(&disk, small()).unwrap();
    assert!(store.is_disk_full());
    assert!(recovered.queues[0].sequences[0].1 >= Sequence(durable));
    disk.set_capacity(usize::MAX);
    steps.commit();
    assert!(!store.is_disk_full());
}
