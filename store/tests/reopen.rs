//! The store on the real disk: what was confirmed is found again.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ferrymq_store::{
    Append, Attributes, Change, CommitPoint, Durability, Error, Options, Part, QueueId, Recovered,
    RecoveredQueue, Sequence, SimulatedDisk, Store, StoredMessage,
};
use tokio::sync::Notify;

fn open(directory: &Path) -> (Store, Recovered) {
    Store::open(directory, Options::default()).expect("opens")
}

/// Blocks until `point` is durable.
fn wait(store: &Store, point: CommitPoint) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let notify = Arc::new(Notify::new());
    while store.committed() < point {
        assert!(store.failure().is_none());
        store.wake_when_committed(point, &notify);
        runtime.block_on(notify.notified());
    }
}

fn create_queue(store: &Store, name: &str) -> QueueId {
    let id = store.allocate_queue_id();
    let value = id.0.to_string();
    store.change(&[Change::CreateQueue {
        id,
        key: name.as_bytes(),
        value: value.as_bytes(),
    }]);
    id
}

fn publish(store: &Store, queue: QueueId, sequences: std::ops::RangeInclusive<u64>) -> CommitPoint {
    store.append_with(|appender| {
        for sequence in sequences {
            let body = format!("message {sequence}");
            appender.push(&Append {
                targets: &[(queue, Sequence(sequence))],
                attributes: &[],
                parts: &[Part::Copied(body.as_bytes())],
                content_bytes: body.len() as u32,
                durability: Durability::Strict,
            });
        }
    })
}

fn sequences(numbers: impl IntoIterator<Item = u64>) -> Vec<Sequence> {
    numbers.into_iter().map(Sequence).collect()
}

#[test]
fn confirmed_messages_are_found_again() {
    let directory = tempfile::tempdir().unwrap();
    let (store, recovered) = open(directory.path());
    assert!(recovered.queues.is_empty() && recovered.definitions.is_empty());
    let queue = create_queue(&store, "orders");
    wait(&store, publish(&store, queue, 1..=1000));
    store.remove(queue, &sequences(1..=10));
    drop(store);

    let (store, recovered) = open(directory.path());
    assert_eq!(recovered.definitions, [(b"orders".to_vec(), b"1".to_vec())]);
    assert_eq!(recovered.queues.len(), 1);
    assert_eq!(recovered.queues[0].id, queue);
    assert_eq!(
        recovered.queues[0].sequences,
        [(Sequence(11), Sequence(1000))]
    );
    assert!(recovered.queues[0].next_sequence > Sequence(1000));
    assert!(store.allocate_queue_id() > queue);
    assert_eq!(store.stored(queue, &sequences([11, 12, 999, 1001])), 3);
    assert_eq!(store.stored(queue, &sequences([10, 11, 12])), 0);
    let read = store.read(queue, &sequences([999, 5, 11])).unwrap();
    let expected = [999, 11].map(|number| StoredMessage {
        sequence: Sequence(number),
        attributes: Attributes::NONE,
        bytes: format!("message {number}").into(),
    });
    assert_eq!(read, expected);
    store.attributes(queue, |_, _, _| unreachable!("nobody gave any"));
}

#[test]
fn an_opening_tells_what_it_had_to_read() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options {
        checkpoint_interval: Duration::from_secs(3_600),
        ..Options::default()
    };
    let open = || {
        Store::open(directory.path(), options.clone())
            .expect("opens")
            .0
    };
    let store = open();
    assert!(store.opening().is_new());
    let queue = create_queue(&store, "orders");
    wait(&store, publish(&store, queue, 1..=1000));
    drop(store);

    let store = open();
    let opening = store.opening().clone();
    assert!(
        !opening.is_new() && !opening.clean && opening.checkpoint.is_none(),
        "{opening:?}"
    );
    assert_eq!(opening.segments, 1);
    assert!(
        opening.records > 1_000 && opening.bytes > 10_000,
        "{opening:?}"
    );
    store.close(&[]).unwrap();
    drop(store);

    let opening = open().opening().clone();
    assert!(opening.clean && opening.checkpoint.is_some(), "{opening:?}");
    assert!(opening.records < 10, "{opening:?}");
}

#[test]
fn large_bodies_and_fan_out() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let (a, b) = (create_queue(&store, "a"), create_queue(&store, "b"));
    let large = Bytes::from(vec![7; 3_000_000]);
    let point = store.append([Append {
        targets: &[(a, Sequence(1)), (b, Sequence(1))],
        attributes: &[],
        parts: &[b"head"[..].into(), (&large).into(), b"tail"[..].into()],
        content_bytes: 3_000_000,
        durability: Durability::Strict,
    }]);
    wait(&store, point);
    store.remove(a, &[Sequence(1)]);
    drop(store);

    let (store, _) = open(directory.path());
    assert!(store.read(a, &[Sequence(1)]).unwrap().is_empty());
    let read = store.read(b, &[Sequence(1)]).unwrap();
    assert_eq!(read[0].bytes, [b"head", &large[..], b"tail"].concat());
}

#[test]
fn a_second_open_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let refused = Store::open(directory.path(), Options::default()).unwrap_err();
    let path = directory.path().display();
    let expected = format!(
        "data directory {path} is in use by process {}",
        std::process::id()
    );
    assert!(matches!(refused, Error::Locked { .. }));
    assert_eq!(refused.to_string(), expected);
    drop(store);
    open(directory.path());
}

#[test]
fn a_clean_stop_is_told_from_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let queue = create_queue(&store, "orders");
    publish(&store, queue, 1..=100);
    store.remove(queue, &sequences(1..=9));
    store
        .close(&[(
            queue,
            vec![(Sequence(11), Sequence(12)), (Sequence(20), Sequence(20))],
        )])
        .unwrap();
    assert_eq!(publish(&store, queue, 101..=101), CommitPoint::NEVER);
    assert_eq!(store.statistics().checkpoints, 1);
    drop(store);

    let (store, recovered) = open(directory.path());
    assert!(recovered.clean);
    assert_eq!(recovered.definitions, [(b"orders".to_vec(), b"1".to_vec())]);
    let expected = RecoveredQueue {
        id: queue,
        next_sequence: recovered.queues[0].next_sequence,
        sequences: vec![(Sequence(10), Sequence(100))],
        content_bytes: (10..=100)
            .map(|n| format!("message {n}").len() as u64)
            .sum(),
        redelivered: vec![(Sequence(11), Sequence(12)), (Sequence(20), Sequence(20))],
    };
    assert_eq!(recovered.queues, [expected]);
    assert_eq!(store.read(queue, &sequences([50])).unwrap().len(), 1);
    drop(store);

    let (_store, recovered) = open(directory.path());
    assert!(!recovered.clean);
    assert_eq!(
        recovered.queues[0].sequences,
        [(Sequence(10), Sequence(100))]
    );
}

#[test]
fn a_lost_index_is_rebuilt_from_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let queue = create_queue(&store, "kept");
    let deleted = create_queue(&store, "deleted");
    publish(&store, deleted, 1..=10);
    publish(&store, queue, 1..=100);
    store.remove(queue, &sequences(1..=50));
    store.change(&[
        Change::DeleteQueue {
            id: deleted,
            key: b"deleted",
        },
        Change::Put {
            key: b"user",
            value: &[7; 10_000],
        },
    ]);
    store.close(&[]).unwrap();
    drop(store);

    for damage in [remove_index, overwrite_index] {
        damage(directory.path());
        let (store, mut recovered) = open(directory.path());
        recovered.definitions.sort();
        let expected = [
            (b"kept".to_vec(), b"1".to_vec()),
            (b"user".to_vec(), vec![7; 10_000]),
        ];
        assert_eq!(recovered.definitions, expected);
        assert_eq!(recovered.queues.len(), 1);
        assert_eq!(
            recovered.queues[0].sequences,
            [(Sequence(51), Sequence(100))]
        );
        assert!(store.allocate_queue_id() > deleted);
        store.close(&[]).unwrap();
    }
    assert!(directory.path().join("index.damaged-1").exists());
}

fn remove_index(directory: &Path) {
    std::fs::remove_dir_all(directory.join("index")).expect("removed");
}

fn overwrite_index(directory: &Path) {
    for file in ["index/db", "index/conf"] {
        std::fs::write(directory.join(file), [0xa5; 70_000]).expect("overwritten");
    }
}

#[test]
fn ten_thousand_queues_are_found_again() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let queues: Vec<QueueId> = (0..10_000)
        .map(|n| create_queue(&store, &format!("q{n}")))
        .collect();
    for queue in &queues {
        publish(&store, *queue, 1..=3);
    }
    store.close(&[]).unwrap();
    drop(store);

    let (_store, recovered) = open(directory.path());
    assert_eq!(recovered.definitions.len(), 10_000);
    let whole = |queue: &RecoveredQueue| queue.sequences == [(Sequence(1), Sequence(3))];
    assert_eq!(
        recovered.queues.iter().filter(|queue| whole(queue)).count(),
        10_000
    );
}

#[test]
fn settled_messages_free_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options {
        segment_bytes: 100_000,
        checkpoint_bytes: 50_000,
        ..Options::default()
    };
    let (store, _) = Store::open(directory.path(), options).unwrap();
    let queue = create_queue(&store, "busy");
    for round in 0..100 {
        let first = round * 100 + 1;
        // Definitions in every segment must not keep it: snapshots take their place.
        store.change(&[Change::Put {
            key: &[round as u8],
            value: &[1; 2000],
        }]);
        wait(&store, publish(&store, queue, first..=first + 99));
        store.remove(queue, &sequences(first..=first + 99));
    }
    let mut probe = 100_000;
    while store.statistics().segments > 4 {
        probe += 1;
        wait(&store, publish(&store, queue, probe..=probe));
        store.remove(queue, &[Sequence(probe)]);
    }
    drop(store);

    remove_index(directory.path());
    let (_store, recovered) = open(directory.path());
    assert_eq!(recovered.definitions.len(), 101);
}

#[test]
fn an_id_of_which_only_removals_were_written_is_not_given_out_again() {
    let disk = SimulatedDisk::new();
    let options = Options {
        pending_limit_bytes: usize::MAX,
        ..Options::default()
    };
    let (store, mut steps, _) = Store::open_simulated(&disk, options.clone()).unwrap();
    let volatile = store.allocate_volatile_queue();
    publish(&store, volatile, 1..=5);
    // Settled before its group is written, so only that is written.
    store.remove(volatile, &sequences(1..=5));
    steps.commit();
    let disk = disk.crash(|| true);
    let (store, mut steps, _) = Store::open_simulated(&disk, options.clone()).unwrap();
    let queue = create_queue(&store, "orders");
    assert!(queue > volatile, "{queue:?}");
    publish(&store, queue, 1..=5);
    steps.commit();
    let disk = disk.crash(|| true);
    let (_store, _steps, recovered) = Store::open_simulated(&disk, options).unwrap();
    let all = vec![(Sequence(1), Sequence(5))];
    assert_eq!(recovered.queues[0].sequences, all);
}
