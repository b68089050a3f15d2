//! A disk that fails or is full, and a publisher that is faster than the disk.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use ferrymq_store::{
    Append, Change, CommitPoint, Durability, Error, Fault, Options, Part, QueueId, Sequence,
    SimulatedDisk, Steps, Store,
};
use tokio::sync::Notify;

fn publish(store: &Store, queue: QueueId, sequence: u64) -> CommitPoint {
    publish_as(store, queue, sequence, Durability::Strict)
}

fn publish_as(store: &Store, queue: QueueId, sequence: u64, durability: Durability) -> CommitPoint {
    let target = [(queue, Sequence(sequence))];
    store.append([Append {
        targets: &target,
        attributes: &[],
        parts: &[Part::Copied(&[7; 100])],
        content_bytes: 100,
        durability,
    }])
}

fn create_queue(store: &Store) -> QueueId {
    let id = store.allocate_queue_id();
    store.change(&[Change::CreateQueue {
        id,
        key: b"queue",
        value: b"",
    }]);
    id
}

/// Takes the notification, if there is one.
fn is_notified(notify: &Notify) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    pin!(notify.notified()).poll(&mut context).is_ready()
}

#[test]
fn a_failed_write_or_sync_is_final() {
    // The write itself, then its sync.
    for operations in [0, 1] {
        let disk = SimulatedDisk::new();
        let (store, mut steps, _) = Store::open_simulated(&disk, Options::default()).unwrap();
        let queue = create_queue(&store);
        let confirmed = publish(&store, queue, 1);
        steps.commit();
        assert_eq!(store.committed(), confirmed);

        let notify = Arc::new(Notify::new());
        let point = publish(&store, queue, 2);
        store.wake_when_committed(point, &notify);
        disk.fail_after(operations, Fault::Broken);
        steps.commit();
        assert!(is_notified(&notify));
        assert_eq!(store.committed(), confirmed);
        assert!(matches!(*store.failure().unwrap(), Error::Io { .. }));
        assert!(store.statistics().failure.is_some());

        // The disk recovers; the store does not, because nobody knows what the file holds.
        disk.mend();
        assert_eq!(publish(&store, queue, 3), CommitPoint::NEVER);
        assert_eq!(
            store.change(&[Change::Remove { key: b"queue" }]),
            CommitPoint::NEVER
        );
        store.wake_when_committed(CommitPoint::NEVER, &notify);
        assert!(is_notified(&notify));
        steps.commit();
        assert_eq!(store.committed(), confirmed);
        assert!(matches!(store.close(&[]), Err(Error::Failed(_))));

        let disk = disk.crash(|| false);
        let (_, _, recovered) = Store::open_simulated(&disk, Options::default()).unwrap();
        assert!(!recovered.clean);
        assert_eq!(recovered.queues[0].sequences, [(Sequence(1), Sequence(1))]);
    }
}

#[test]
fn a_waiter_is_told_once_its_point_is_durable() {
    let disk = SimulatedDisk::new();
    let (store, mut steps, _) = Store::open_simulated(&disk, Options::default()).unwrap();
    let queue = create_queue(&store);
    let notify = Arc::new(Notify::new());
    assert_eq!(store.append([]), CommitPoint::ALWAYS);
    store.wake_when_committed(CommitPoint::ALWAYS, &notify);
    assert!(is_notified(&notify));
    let point = publish(&store, queue, 1);
    store.wake_when_committed(point, &notify);
    assert!(!is_notified(&notify));
    steps.commit();
    assert!(is_notified(&notify));
    store.wake_when_committed(point, &notify);
    assert!(is_notified(&notify));
}

#[test]
fn relaxed_messages_are_committed_when_they_are_written() {
    let disk = SimulatedDisk::new();
    let (store, mut steps, _) = Store::open_simulated(&disk, Options::default()).unwrap();
    let queue = create_queue(&store);
    steps.commit();
    let syncs = store.statistics().syncs.count;
    let notify = Arc::new(Notify::new());
    let relaxed = publish_as(&store, queue, 1, Durability::Relaxed);
    store.wake_when_committed(relaxed, &notify);
    steps.commit();
    assert_eq!(store.committed(), relaxed);
    assert!(is_notified(&notify));
    assert_eq!(store.read(queue, &[Sequence(1)]).unwrap().len(), 1);
    let statistics = store.statistics();
    assert_eq!(
        (statistics.syncs.count, statistics.relaxed_messages),
        (syncs, 1)
    );
    assert!(statistics.unsynced_bytes > 100);

    // In one group with a strict message: it is committed although the sync fails.
    let relaxed = publish_as(&store, queue, 2, Durability::Relaxed);
    let strict = publish(&store, queue, 3);
    assert!(relaxed < strict);
    disk.fail_after(1, Fault::Broken);
    steps.commit();
    assert!(store.failure().is_some());
    assert_eq!(store.committed(), relaxed);
}

#[test]
fn nothing_stays_unsynced() {
    type Sync = fn(&Store, &mut Steps, QueueId);
    let by: [(Sync, &str); 4] = [
        (|_, steps, _| steps.checkpoint(), "a checkpoint"),
        (|store, _, _| store.close(&[]).unwrap(), "the stop"),
        (
            |store, steps, queue| {
                publish(store, queue, 2);
                steps.commit();
            },
            "a strict message",
        ),
        (
            |store, steps, queue| {
                for sequence in 2..20 {
                    publish_as(store, queue, sequence, Durability::Relaxed);
                    steps.commit();
                }
            },
            "the next segment",
        ),
    ];
    for (sync, what) in by {
        let disk = SimulatedDisk::new();
        let options = Options {
            segment_bytes: 1000,
            ..Options::default()
        };
        let (store, mut steps, _) = Store::open_simulated(&disk, options.clone()).unwrap();
        let queue = create_queue(&store);
        steps.commit();
        publish_as(&store, queue, 1, Durability::Relaxed);
        steps.commit();
        assert!(store.statistics().unsynced_bytes > 0);
        sync(&store, &mut steps, queue);
        let (_, _, recovered) = Store::open_simulated(&disk.crash(|| false), options).unwrap();
        assert_eq!(recovered.queues[0].sequences[0].0, Sequence(1), "{what}");
    }
}

#[test]
fn a_failed_checkpoint_leaves_the_log_in_charge() {
    let disk = SimulatedDisk::new();
    let (store, mut steps, _) = Store::open_simulated(&disk, Options::default()).unwrap();
    let queue = create_queue(&store);
    publish(&store, queue, 1);
    steps.commit();
    disk.fail_after(0, Fault::Broken);
    steps.checkpoint();
    disk.mend();
    assert!(store.statistics().checkpoint_failed);
    let point = publish(&store, queue, 2);
    steps.commit();
    steps.checkpoint();
    assert_eq!(store.committed(), point);
    let disk = disk.crash(|| false);
    let (_, _, recovered) = Store::open_simulated(&disk, Options::default()).unwrap();
    assert_eq!(recovered.queues[0].sequences, [(Sequence(1), Sequence(2))]);
}

#[test]
fn too_much_pending_holds_publishers_back() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options {
        pending_limit_bytes: 10_000,
        congested_bytes: 100,
        ..Options::default()
    };
    let (store, _) = Store::open(directory.path(), options).unwrap();
    let queue = create_queue(&store);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for sequence in 0..500 {
                    publish(store, queue, 1 + thread * 500 + sequence);
                    assert!(store.statistics().pending_bytes < 11_000);
                }
            });
        }
    });
    store.close(&[]).unwrap();
    assert!(!store.is_congested());
    assert_eq!(store.statistics().live_messages, 2000);
}
