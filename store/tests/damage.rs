//! Damaged files on a simulated disk: noticed, kept aside, never delivered, never a panic.

use std::collections::BTreeMap;

use ferrymq_store::{
    Append, Change, Durability, Error, Options, Part, QueueId, Recovered, Sequence, SimulatedDisk,
    Store,
};

const MESSAGES: u64 = 20;

/// Small enough for a few segments.
fn options() -> Options {
    Options {
        segment_bytes: 600,
        pending_limit_bytes: usize::MAX,
        ..Options::default()
    }
}

fn body(sequence: u64) -> Vec<u8> {
    let mut body = vec![sequence as u8; 50];
    body.extend_from_slice(&sequence.to_le_bytes());
    body
}

/// A queue with `MESSAGES`, each in a group of its own; the first few in the checkpoint.
fn filled(close: bool) -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    let (store, mut steps, _) = Store::open_simulated(&disk, options()).expect("opens");
    let id = store.allocate_queue_id();
    store.change(&[Change::CreateQueue {
        id,
        key: b"queue",
        value: b"value",
    }]);
    for sequence in 1..=MESSAGES {
        let target = [(id, Sequence(sequence))];
        store.append([message(&target, &[Part::Copied(&body(sequence))])]);
        steps.commit();
        if sequence == 4 {
            steps.checkpoint();
        }
    }
    if close {
        steps.checkpoint();
        store.close(&[]).expect("closes");
    }
    disk.crash(|| false)
}

/// What can be read, and how many damaged records were noticed.
fn reopen(disk: &SimulatedDisk) -> (BTreeMap<Sequence, Vec<u8>>, u64, Recovered) {
    let (store, mut steps, recovered) = Store::open_simulated(disk, options()).expect("opens");
    let mut found = BTreeMap::new();
    for queue in &recovered.queues {
        let ranges = queue
            .sequences
            .iter()
            .flat_map(|(first, last)| first.0..=last.0);
        let sequences: Vec<Sequence> = ranges.map(Sequence).collect();
        let read = store.read(queue.id, &sequences).expect("readable");
        found.extend(
            read.into_iter()
                .map(|message| (message.sequence, message.bytes.to_vec())),
        );
    }
    // It goes on working.
    let id = store.allocate_queue_id();
    store.change(&[Change::CreateQueue {
        id,
        key: b"next",
        value: b"",
    }]);
    steps.commit();
    steps.checkpoint();
    assert!(store.failure().is_none() && !store.statistics().checkpoint_failed);
    (found, store.statistics().damaged_records, recovered)
}

/// Damages a copy, and checks what must be true however it was damaged. Returns what is left.
fn check(
    what: &str,
    disk: &SimulatedDisk,
    may_cut_tail: bool,
    damage: impl Fn(&SimulatedDisk),
) -> usize {
    let disk = disk.crash(|| false);
    damage(&disk);
    let (found, noticed, _) = reopen(&disk);
    for (sequence, found) in &found {
        assert_eq!(*found, body(sequence.0), "{what}: another body");
    }
    let lost = MESSAGES as usize - found.len();
    if lost > usize::from(may_cut_tail) {
        assert!(noticed > 0, "{what}: {lost} messages are lost in silence");
    }
    // And once more: nothing gets worse.
    let (again, _, _) = reopen(&disk.crash(|| false));
    assert_eq!(again, found, "{what}: the second start differs");
    found.len()
}

fn segments(disk: &SimulatedDisk) -> Vec<String> {
    disk.paths("log/")
}

#[test]
fn every_flipped_byte_is_noticed() {
    for close in [true, false] {
        let disk = filled(close);
        assert!(segments(&disk).len() > 2);
        for path in segments(&disk) {
            let mut length = 0;
            disk.damage(&path, |bytes| length = bytes.len());
            for at in 0..length {
                let what = format!("byte {at} of {path}, closed: {close}");
                // Without a clean stop, the last group may just be unfinished.
                let kept = check(&what, &disk, !close, |disk| {
                    disk.damage(&path, |bytes| bytes[at] ^= 0x10)
                });
                assert!(kept + 1 >= MESSAGES as usize, "{what}: {kept} kept");
                let what = format!("{what}, without index");
                let kept = check(&what, &disk, !close, |disk| {
                    disk.lose_table();
                    disk.damage(&path, |bytes| bytes[at] ^= 0x10);
                });
                assert!(
                    kept == 0 || kept + 1 >= MESSAGES as usize,
                    "{what}: {kept} kept"
                );
            }
        }
    }
}

#[test]
fn a_cut_or_missing_segment_is_noticed() {
    let disk = filled(true);
    for path in segments(&disk) {
        for length in [0, 10, 40, 200] {
            let what = format!("{path} cut to {length}");
            check(&what, &disk, false, |disk| {
                disk.damage(&path, |bytes| bytes.truncate(length))
            });
            check(&format!("{what}, without index"), &disk, false, |disk| {
                disk.lose_table();
                disk.damage(&path, |bytes| bytes.truncate(length));
            });
        }
        check(&format!("{path} zeroed"), &disk, false, |disk| {
            disk.damage(&path, |bytes| bytes.fill(0))
        });
    }
}

#[test]
fn damaged_segments_are_kept_aside() {
    let disk = filled(true);
    let path = segments(&disk)[1].clone();
    disk.damage(&path, |bytes| bytes[100] ^= 1);
    reopen(&disk);
    assert!(segments(&disk).contains(&format!("{path}.damaged")));
}

#[test]
fn swapped_segments_are_noticed() {
    let disk = filled(true);
    let paths = segments(&disk);
    check("swapped", &disk, false, |disk| {
        let mut first = Vec::new();
        disk.damage(&paths[0], |bytes| first.clone_from(bytes));
        disk.damage(&paths[1], |bytes| std::mem::swap(bytes, &mut first));
        disk.damage(&paths[0], |bytes| *bytes = first);
    });
}

#[test]
fn an_unknown_version_is_refused() {
    let disk = filled(false);
    let path = segments(&disk)[1].clone();
    disk.damage(&path, |bytes| {
        bytes[8] = 9;
        let crc = crc32c::crc32c(&bytes[..28]);
        bytes[28..32].copy_from_slice(&crc.to_le_bytes());
    });
    let refused = Store::open_simulated(&disk, options()).unwrap_err();
    assert!(matches!(refused, Error::UnknownVersion { found: 9, .. }));
    let expected = format!("{path} has format version 9, this program reads version 1");
    assert_eq!(refused.to_string(), expected);
}

#[test]
fn what_was_settled_before_it_was_written_is_not_written() {
    let disk = SimulatedDisk::new();
    let (store, mut steps, _) = Store::open_simulated(&disk, Options::default()).unwrap();
    let id = store.allocate_queue_id();
    store.change(&[Change::CreateQueue {
        id,
        key: b"queue",
        value: b"",
    }]);
    steps.commit();
    let before = store.statistics().written_bytes;
    let sequences: Vec<Sequence> = (1..=100).map(Sequence).collect();
    store.append_with(|appender| {
        for sequence in &sequences {
            appender.push(&message(&[(id, *sequence)], &[Part::Copied(&[7; 1000])]));
        }
    });
    store.remove(id, &sequences[..50]);
    store.remove(id, &sequences[51..]);
    steps.commit();
    let written = store.statistics().written_bytes - before;
    assert!((1000..1200).contains(&written), "{written} bytes");
    assert_eq!(store.read(id, &sequences).unwrap().len(), 1);
    let (_, _, recovered) =
        Store::open_simulated(&disk.crash(|| false), Options::default()).unwrap();
    assert_eq!(
        recovered.queues[0].sequences,
        [(Sequence(51), Sequence(51))]
    );
    assert_eq!(recovered.queues[0].id, QueueId(1));
}

fn message<'a>(targets: &'a [(QueueId, Sequence)], parts: &'a [Part<'a>]) -> Append<'a> {
    Append {
        targets,
        attributes: &[],
        parts,
        content_bytes: 0,
        durability: Durability::Strict,
    }
}
