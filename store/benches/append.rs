//! How fast the store appends, beside the limit: plain appends with a sync of the same size.
//!
//! `FERRYMQ_BENCH_DIR` says where; the default is the directory for large temporary files.

use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ferrymq_store::{
    Append, Change, CommitPoint, Durability, Options, Part, QueueId, Sequence, Store,
};

const BODY_BYTES: usize = 1024;
/// Messages per sample.
const MESSAGES: u64 = 40_000;
/// Messages that one publisher has unconfirmed.
const IN_FLIGHT: u64 = 4000;
/// Messages that are appended under one lock.
const RUN: u64 = 50;

fn temporary() -> tempfile::TempDir {
    let base = std::env::var_os("FERRYMQ_BENCH_DIR").unwrap_or_else(|| "/var/tmp".into());
    tempfile::tempdir_in(PathBuf::from(base)).expect("a directory for the benchmark")
}

/// Appends `MESSAGES` with up to `IN_FLIGHT` unconfirmed, each settled once it is confirmed.
fn append_all(store: &Store, queues: &[QueueId], next: &mut u64, body: &[u8]) {
    let mut window = std::collections::VecDeque::new();
    let mut appended = 0;
    let mut confirmed = CommitPoint::ALWAYS;
    while appended < MESSAGES {
        let point = store.append_with(|appender| {
            for number in *next..*next + RUN {
                let queue = queues[number as usize % queues.len()];
                appender.push(&Append {
                    targets: &[(queue, Sequence(number))],
                    attributes: &[],
                    parts: &[Part::Copied(body)],
                    content_bytes: BODY_BYTES as u32,
                    durability: Durability::Strict,
                });
            }
        });
        window.push_back((point, *next));
        *next += RUN;
        appended += RUN;
        while window.len() as u64 * RUN >= IN_FLIGHT {
            confirmed = store.committed();
            let Some(&(point, first)) = window.front() else {
                break;
            };
            if point > confirmed {
                std::thread::sleep(Duration::from_micros(50));
                continue;
            }
            window.pop_front();
            settle(store, queues, first);
        }
    }
    for (point, first) in window {
        while point > confirmed {
            std::thread::sleep(Duration::from_micros(50));
            confirmed = store.committed();
        }
        settle(store, queues, first);
    }
}

fn settle(store: &Store, queues: &[QueueId], first: u64) {
    if let [queue] = queues {
        let sequences: Vec<Sequence> = (first..first + RUN).map(Sequence).collect();
        store.remove(*queue, &sequences);
    } else {
        for number in first..first + RUN {
            store.remove(queues[number as usize % queues.len()], &[Sequence(number)]);
        }
    }
}

fn store_with(queues: usize, options: Options) -> (tempfile::TempDir, Store, Vec<QueueId>) {
    let directory = temporary();
    let (store, _) = Store::open(directory.path(), options).expect("opens");
    let create = |number: usize| {
        let id = store.allocate_queue_id();
        let key = number.to_le_bytes();
        store.change(&[Change::CreateQueue {
            id,
            key: &key,
            value: &key,
        }]);
        id
    };
    let queues = (0..queues).map(create).collect();
    (directory, store, queues)
}

fn confirmed(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("confirmed");
    group
        .throughput(Throughput::Elements(MESSAGES))
        .sample_size(20);
    let body = vec![7; BODY_BYTES];
    let directory = temporary();
    let mut file = File::create(directory.path().join("plain")).expect("created");
    let chunk = vec![7; BODY_BYTES * IN_FLIGHT as usize];
    group.bench_function("plain append and fdatasync", |bencher| {
        bencher.iter(|| {
            for _ in 0..MESSAGES / IN_FLIGHT {
                file.write_all(&chunk).expect("written");
                file.sync_data().expect("synced");
            }
        });
    });
    for queues in [1, 10_000] {
        let (_directory, store, queues) = store_with(queues, Options::default());
        let mut next = 1;
        group.bench_function(format!("store, {} queues", queues.len()), |bencher| {
            bencher.iter(|| append_all(&store, &queues, &mut next, &body));
        });
    }
    group.finish();
}

/// The publisher's share alone: what `append_with` costs the thread that calls it.
fn publisher(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("publisher");
    group.throughput(Throughput::Elements(RUN));
    for bytes in [16, BODY_BYTES] {
        let body = vec![7; bytes];
        let (_directory, store, queues) = store_with(1, Options::default());
        let mut next = 1;
        group.bench_function(format!("{bytes} bytes"), |bencher| {
            let mut append = || {
                let first = next;
                next += RUN;
                let point = store.append_with(|appender| {
                    for number in first..next {
                        appender.push(&Append {
                            targets: &[(queues[0], Sequence(number))],
                            attributes: &[],
                            parts: &[Part::Copied(&body)],
                            content_bytes: BODY_BYTES as u32,
                            durability: Durability::Strict,
                        });
                    }
                });
                (point, first)
            };
            bencher.iter_custom(|iterations| {
                let mut spent = Duration::ZERO;
                let mut unsettled = Vec::new();
                for _ in 0..iterations {
                    let before = thread_time();
                    unsettled.push(black_box(append()));
                    spent += thread_time() - before;
                    if unsettled.len() as u64 * RUN >= IN_FLIGHT {
                        for (point, first) in unsettled.drain(..) {
                            while store.committed() < point {
                                std::thread::sleep(Duration::from_micros(50));
                            }
                            settle(&store, &queues, first);
                        }
                    }
                }
                spent
            });
        });
    }
    group.finish();
}

/// What this thread has used of its processor.
fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

criterion_group!(benches, confirmed, publisher);
criterion_main!(benches);
