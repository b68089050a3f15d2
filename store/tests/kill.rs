//! A process that is killed while it publishes, settles and checkpoints: what it saw confirmed is there.
//!
//! The test starts itself again as the process to be killed.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use ferrymq_store::{
    Append, Change, CommitPoint, Durability, Options, Part, QueueId, Recovered, Sequence, Store,
};

const ROUNDS: u64 = 12;
const RUN: u64 = 20;
const DIRECTORY: &str = "FERRYMQ_TEST_KILL_DIRECTORY";

/// Everything happens often.
fn options() -> Options {
    Options {
        segment_bytes: 256 * 1024,
        checkpoint_bytes: 128 * 1024,
        checkpoint_interval: Duration::from_millis(10),
        ..Options::default()
    }
}

fn body(sequence: u64) -> Vec<u8> {
    sequence.to_le_bytes().repeat(1 + sequence as usize % 200)
}

fn queue_of(store: &Store, recovered: &Recovered) -> (QueueId, u64) {
    if let Some(queue) = recovered.queues.first() {
        return (queue.id, queue.next_sequence.0);
    }
    let id = store.allocate_queue_id();
    let point = store.change(&[Change::CreateQueue {
        id,
        key: b"queue",
        value: b"",
    }]);
    wait(store, point);
    (id, 1)
}

fn wait(store: &Store, point: CommitPoint) {
    while store.committed() < point {
        assert!(store.failure().is_none());
        std::thread::yield_now();
    }
}

/// The process to be killed; nothing when run as a test.
#[test]
fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let (store, recovered) = Store::open(Path::new(&directory), options()).expect("opens");
    let (queue, mut next) = queue_of(&store, &recovered);
    let mut ledger = std::io::stdout();
    writeln!(ledger, "\nfirst {next}").expect("the parent reads");
    let mut settled = next;
    loop {
        let end = next + RUN;
        let point = store.append_with(|appender| {
            for sequence in next..end {
                appender.push(&Append {
                    targets: &[(queue, Sequence(sequence))],
                    attributes: &[],
                    parts: &[Part::Copied(&body(sequence))],
                    content_bytes: 0,
                    durability: Durability::Strict,
                });
            }
        });
        next = end;
        wait(&store, point);
        writeln!(ledger, "confirmed {next}").expect("the parent reads");
        // A few hundred stay; every seventh message for ever.
        while next - settled > 300 {
            let sequences = settled..settled + RUN;
            writeln!(ledger, "settled {}", sequences.end).expect("the parent reads");
            settled = sequences.end;
            let sequences: Vec<Sequence> = sequences.filter(|n| n % 7 > 0).map(Sequence).collect();
            store.remove(queue, &sequences);
        }
    }
}

/// What a child said: its first sequence, and the ends of what it settled and saw confirmed.
#[derive(Debug, Default)]
struct Ledger {
    first: u64,
    settled: u64,
    confirmed: u64,
}

fn run_and_kill(directory: &Path, after: Duration) -> Ledger {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command
        .args(["child", "--exact", "--nocapture"])
        .env(DIRECTORY, directory);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("starts");
    let lines = BufReader::new(child.stdout.take().expect("piped"));
    let reader = std::thread::spawn(move || {
        let mut ledger = Ledger::default();
        for line in lines.lines().map_while(Result::ok) {
            let Some((word, number)) = line.split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse() else { continue };
            match word {
                "first" => {
                    ledger = Ledger {
                        first: number,
                        settled: number,
                        confirmed: number,
                    }
                }
                "confirmed" => ledger.confirmed = number,
                "settled" => ledger.settled = number,
                _ => {}
            }
        }
        ledger
    });
    std::thread::sleep(after);
    child.kill().expect("killed");
    child.wait().expect("ended");
    reader.join().expect("read")
}

#[test]
fn a_killed_process_loses_nothing_confirmed() {
    let directory = tempfile::tempdir().unwrap();
    let mut expected: Vec<u64> = Vec::new();
    let mut confirmed = 0;
    for round in 0..ROUNDS {
        let ledger = run_and_kill(
            directory.path(),
            Duration::from_millis(60 + 37 * (round % 5)),
        );
        expected.extend((ledger.first..ledger.settled).filter(|number| number % 7 == 0));
        expected.extend(ledger.settled..ledger.confirmed);
        confirmed += ledger.confirmed - ledger.first;

        let (store, recovered) = Store::open(directory.path(), options()).unwrap();
        assert!(!recovered.clean);
        assert_eq!(store.statistics().damaged_records, 0);
        let (queue, next) = queue_of(&store, &recovered);
        let ranges = recovered
            .queues
            .first()
            .map(|queue| queue.sequences.clone())
            .unwrap_or_default();
        let live: Vec<Sequence> = ranges
            .iter()
            .flat_map(|(first, last)| first.0..=last.0)
            .map(Sequence)
            .collect();
        for number in &expected {
            assert!(
                live.binary_search(&Sequence(*number)).is_ok(),
                "{number} is lost: {ledger:?}"
            );
        }
        let read = store.read(queue, &live).unwrap();
        assert_eq!(read.len(), live.len());
        assert!(
            read.iter()
                .all(|found| found.bytes[..] == body(found.sequence.0))
        );
        assert!(next >= ledger.confirmed);
    }
    assert!(confirmed > 0, "nothing was ever confirmed");
}
