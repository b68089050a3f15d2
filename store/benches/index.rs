//! What the index costs: memory per message, time to open, to purge and to delete a backlog.
//!
//! Every pattern is written to a store of its own, which a fresh process then opens.
//! `FERRYMQ_BENCH_DIR` says where, `FERRYMQ_BENCH_MESSAGES` how many messages.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ferrymq_store::{
    Append, Change, Durability, Options, Part, QueueId, RecoveredQueue, Sequence, Store,
};
use rustix::time::ClockId;

/// Tells a child process what to measure.
const CHILD: &str = "FERRYMQ_BENCH_CHILD";
/// Messages that are appended under one lock.
const RUN: u64 = 50;

/// How messages are spread over queues.
#[derive(Debug, Clone, Copy)]
struct Pattern {
    name: &'static str,
    queues: u64,
    /// Of all messages, every so many-th.
    share: u64,
    /// Bodies are shorter than this, and of any length; 0: 16 bytes.
    random_bytes: u64,
    /// Whether sequences are appended in no order.
    shuffled: bool,
}

const ONE_QUEUE: Pattern = Pattern {
    name: "one queue",
    queues: 1,
    share: 1,
    random_bytes: 0,
    shuffled: false,
};

const PATTERNS: [Pattern; 6] = [
    ONE_QUEUE,
    Pattern {
        name: "100 queues in turn",
        queues: 100,
        ..ONE_QUEUE
    },
    Pattern {
        name: "one queue, any length",
        random_bytes: 100,
        ..ONE_QUEUE
    },
    Pattern {
        name: "100 queues in turn, any length",
        queues: 100,
        random_bytes: 100,
        ..ONE_QUEUE
    },
    Pattern {
        name: "one queue, in no order",
        share: 10,
        shuffled: true,
        ..ONE_QUEUE
    },
    Pattern {
        name: "100,000 queues of few messages",
        queues: 100_000,
        share: 50,
        ..ONE_QUEUE
    },
];

fn main() {
    if let Some(directory) = std::env::var_os(CHILD) {
        return open(Path::new(&directory));
    }
    let messages = std::env::var("FERRYMQ_BENCH_MESSAGES").ok();
    let messages = messages.map_or(10_000_000, |number| number.parse().expect("a number"));
    for pattern in PATTERNS {
        let base = std::env::var_os("FERRYMQ_BENCH_DIR").unwrap_or_else(|| "/var/tmp".into());
        let directory = tempfile::tempdir_in(PathBuf::from(base)).expect("a directory");
        fill(directory.path(), pattern, messages / pattern.share);
        println!("{}", pattern.name);
        let program = std::env::current_exe().expect("has a path");
        let mut child = Command::new(program);
        let status = child.env(CHILD, directory.path()).status();
        assert!(status.expect("started").success());
    }
}

fn fill(directory: &Path, pattern: Pattern, messages: u64) {
    let (store, _) = Store::open(directory, Options::default()).expect("opens");
    let queues: Vec<QueueId> = (0..pattern.queues).map(|_| create(&store)).collect();
    let per_queue = messages / pattern.queues;
    let mut random = 1_u64;
    let body = [7; 4096];
    let mut appended = 0;
    while appended < per_queue * pattern.queues {
        store.append_with(|appender| {
            for number in appended..appended + RUN {
                let (queue, mut sequence) = (number % pattern.queues, number / pattern.queues);
                if pattern.shuffled {
                    sequence = sequence * 7919 % per_queue;
                }
                random = random.wrapping_mul(6_364_136_223_846_793_005) + 1_442_695;
                let length = (random >> 40).checked_rem(pattern.random_bytes);
                let body = &body[..length.unwrap_or(16) as usize];
                appender.push(&Append {
                    targets: &[(queues[queue as usize], Sequence(sequence + 1))],
                    attributes: &[],
                    parts: &[Part::Copied(body)],
                    content_bytes: body.len() as u32,
                    durability: Durability::Relaxed,
                });
            }
        });
        appended += RUN;
    }
    store.close(&[]).expect("closes");
}

fn create(store: &Store) -> QueueId {
    let id = store.allocate_queue_id();
    let key = id.0.to_le_bytes();
    store.change(&[Change::CreateQueue {
        id,
        key: &key,
        value: &key,
    }]);
    id
}

/// Opens a store and says what that cost, and what it costs to purge and to delete its queues.
fn open(directory: &Path) {
    let (before, start) = (resident_bytes(), now());
    let (store, recovered) = Store::open(directory, Options::default()).expect("opens");
    let (opened, used) = (now() - start, processor_time());
    let older_half = |queue: &RecoveredQueue| {
        let (first, last) = queue.sequences[0];
        (queue.id, (first, Sequence(u64::midpoint(first.0, last.0))))
    };
    let queues: Vec<_> = recovered.queues.iter().map(older_half).collect();
    drop(recovered);
    let bytes = resident_bytes().saturating_sub(before);
    let messages = store.statistics().live_messages;
    println!(
        "  {messages} messages: opened in {opened:.1?} ({used:.1?} of processor); {:.1} MB, {:.2} B per message, {} B per queue",
        bytes as f64 / 1e6,
        bytes as f64 / messages as f64,
        bytes / queues.len() as u64,
    );
    let start = now();
    for (id, range) in &queues {
        store.remove_ranges(*id, &[*range]);
    }
    commit(&store);
    println!("  half of it purged in {:.1?}", now() - start);
    let start = now();
    for (id, _) in &queues {
        let key = &id.0.to_le_bytes();
        store.change(&[Change::DeleteQueue { id: *id, key }]);
    }
    commit(&store);
    println!("  deleted in {:.1?}", now() - start);
}

fn commit(store: &Store) {
    let point = store.change(&[]);
    while store.committed() < point {
        assert!(store.failure().is_none());
        std::thread::sleep(Duration::from_micros(50));
    }
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm.split(' ').nth(1).expect("the second field");
    pages.parse::<u64>().expect("a number") * rustix::param::page_size() as u64
}

/// What this process has used of processors, all in all.
fn processor_time() -> Duration {
    time(ClockId::ProcessCPUTime)
}

fn now() -> Duration {
    time(ClockId::Monotonic)
}

fn time(clock: ClockId) -> Duration {
    let time = rustix::time::clock_gettime(clock);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
