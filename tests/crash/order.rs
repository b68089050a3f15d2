//! No segment is unlinked before the index which makes it dead is on stable storage: seen from outside,
//! in the system calls of a loaded broker.
//!
//! A kill does not show this, because the page cache survives it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use ferrymq_tests::harness::Options;
use ferrymq_tests::load::{Consuming, Ledger, Load, Publishing, Work, places};

use crate::CONFIGURATION;

/// sled's one file.
const INDEX: &str = "/index/db>";
/// Enough for several checkpoints that find dead segments.
const CONFIRMS: u64 = 12_000;

#[test]
fn the_index_is_synced_before_a_segment_is_unlinked() {
    let mut broker = Options::default().configuration(CONFIGURATION).start();
    let file = broker.data_directory().join("trace");
    let mut tracer = trace(broker.pid(), &file);
    places::declare(broker.amqp());
    let ledger = Arc::<Mutex<Ledger>>::default();
    let publishing = Publishing {
        bytes: vec![(1, 1_000..6_000)],
        ..Publishing::to(places::TO_FLOW)
    };
    let consuming = Consuming::fast(places::FLOW);
    let work = vec![Work::Publish(publishing), Work::Consume(consuming)];
    let load = Load::start(broker.amqp(), 0, 1, &ledger, work);
    load.wait_for(CONFIRMS);
    broker.kill();
    load.end();
    tracer.wait().expect("strace ends with the broker");
    let trace = fs::read_to_string(file).expect("the trace");
    let unlinked = check(&trace).unwrap_or_else(|line| panic!("too early: {line}"));
    assert!(unlinked >= 3, "only {unlinked} segments were unlinked");
}

/// Follows all threads of the process from now on.
fn trace(pid: u32, file: &Path) -> Child {
    let mut strace = Command::new("strace")
        .args(["-f", "-y", "-s", "0", "-p", &pid.to_string()])
        .args([
            "-e",
            "trace=pwrite64,pwritev,pwritev2,write,fsync,fdatasync,unlink,unlinkat",
        ])
        .arg("-o")
        .arg(file)
        .stderr(Stdio::piped())
        .spawn()
        .expect("run strace");
    let mut said = BufReader::new(strace.stderr.take().expect("a pipe"));
    let mut line = String::new();
    said.read_line(&mut line).expect("what strace says");
    assert!(line.contains("attached"), "strace: {line}");
    // It says more when the broker ends.
    std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
    strace
}

/// How many segments were unlinked; or the line in which one is, with the index not synced since its last
/// write.
fn check(trace: &str) -> Result<usize, &str> {
    let mut order = Order::default();
    let mut unlinked = 0;
    for (at, line) in (1..).zip(trace.lines()) {
        let Some((thread, call)) = line.split_once(' ') else {
            continue;
        };
        let call = call.trim_start();
        if call.starts_with("unlink") && call.contains(".segment\"") {
            unlinked += 1;
            if !order.is_synced() {
                return Err(line);
            }
        } else if call.starts_with("<... ") {
            order.end(thread, at);
        } else if call.contains(INDEX) {
            order.begin(thread, call.contains("sync("), at);
            if !call.ends_with("<unfinished ...>") {
                order.end(thread, at);
            }
        }
    }
    Ok(unlinked)
}

/// What happened to the index, by line numbers.
#[derive(Debug, Default)]
struct Order<'a> {
    /// What each thread is doing: whether it is a sync, and since when.
    running: BTreeMap<&'a str, (bool, u64)>,
    /// When the last write ended.
    written: u64,
    /// When the last sync began that has succeeded.
    synced: u64,
}

impl<'a> Order<'a> {
    fn begin(&mut self, thread: &'a str, is_sync: bool, at: u64) {
        self.running.insert(thread, (is_sync, at));
    }

    fn end(&mut self, thread: &str, at: u64) {
        match self.running.remove(thread) {
            Some((true, since)) => self.synced = self.synced.max(since),
            Some((false, _)) => self.written = at,
            None => {}
        }
    }

    fn is_synced(&self) -> bool {
        let writing = self.running.values().any(|(is_sync, _)| !is_sync);
        !writing && self.written < self.synced
    }
}

#[test]
fn a_wrong_order_is_found() {
    let write = "7  pwrite64(11</d/index/db>, \"\"..., 24, 144) = 24\n";
    let sync = "8  fsync(12</d/index/db>) = 0\n";
    let unlink = "8  unlink(\"d/log/0000000001.segment\") = 0\n";
    let begun = "7  pwrite64(11</d/index/db>, \"\"..., 24, 144 <unfinished ...>\n";
    let ended = "7  <... pwrite64 resumed>) = 24\n";
    let late = "8  fsync(12</d/index/db> <unfinished ...>\n";
    let check = |lines: &[&str]| check(&lines.concat()).map_err(str::to_owned);
    assert_eq!(check(&[write, sync, unlink]), Ok(1));
    assert_eq!(check(&[begun, ended, sync, unlink]), Ok(1));
    for wrong in [
        vec![write, unlink],
        vec![sync, write, unlink],
        vec![begun, sync, unlink],
        vec![begun, sync, ended, unlink],
        vec![write, late, unlink],
    ] {
        assert!(check(&wrong).is_err(), "{wrong:?}");
    }
}
