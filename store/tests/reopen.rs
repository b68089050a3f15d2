//! The store on the real disk: what was confirmed is found again.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use ferrymq_store::{
    Append, Change, CommitPoint, Error, Options, Part, QueueId, Recovered, Sequence, Store,
};
use tokio::sync::Notify;

fn open(directory: &Path) -> (Store, Recovered) {
    Store::open(directory, Options::default()).unwrap()
}

/// Blocks until `point` is durable.
fn wait(store: &Store, point: CommitPoint) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
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
            appender.push(
                &[(queue, Sequence(sequence))],
                &[Part::Copied(body.as_bytes())],
            );
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
    let read = store.read(queue, &sequences([999, 5, 11])).unwrap();
    let expected = [
        (Sequence(999), "message 999".into()),
        (Sequence(11), Bytes::from("message 11")),
    ];
    assert_eq!(read, expected);
}

#[test]
fn large_bodies_and_fan_out() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let (a, b) = (create_queue(&store, "a"), create_queue(&store, "b"));
    let large = Bytes::from(vec![7; 3_000_000]);
    let point = store.append([Append {
        targets: &[(a, Sequence(1)), (b, Sequence(1))],
        parts: &[b"head"[..].into(), (&large).into(), b"tail"[..].into()],
    }]);
    wait(&store, point);
    store.remove(a, &[Sequence(1)]);
    drop(store);

    let (store, _) = open(directory.path());
    assert!(store.read(a, &[Sequence(1)]).unwrap().is_empty());
    let read = store.read(b, &[Sequence(1)]).unwrap();
    assert_eq!(read[0].1, [b"head", &large[..], b"tail"].concat());
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
