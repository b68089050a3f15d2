//! Memory and open files of a process, as Linux counts them.

use std::fs;
use std::thread;
use std::time::Duration;

/// What the broker may hold when all clients are gone; what the fuzzed sessions have left in
/// queues is included.
const AFTERWARDS_MIB: u64 = 200;

/// What it may have held at any time.
const PEAK_MIB: u64 = 600;

/// Files that the broker may open for itself meanwhile: segments of its log.
const OWN_DESCRIPTORS: u64 = 8;

/// Checks that memory was bounded and is given back. That takes the allocator a moment.
pub(crate) fn check_memory(pid: u32) {
    let peak = mebibytes(pid, "VmHWM");
    assert!(peak <= PEAK_MIB, "the broker grew to {peak} MiB");
    let now = settle(AFTERWARDS_MIB, || mebibytes(pid, "VmRSS"));
    assert!(now <= AFTERWARDS_MIB, "the broker still holds {now} MiB");
    println!("RSS {now} MiB, at most {peak} MiB");
}

/// Checks that no socket outlives its client. The broker parts slowly with those that offended.
pub(crate) fn check_descriptors(pid: u32, before: u64) {
    let allowed = before + OWN_DESCRIPTORS;
    let now = settle(allowed, || descriptors(pid));
    assert!(
        now <= allowed,
        "{now} open files, after {before} at the beginning"
    );
}

/// Sockets and files that the process has open.
pub(crate) fn descriptors(pid: u32) -> u64 {
    fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("a running process")
        .count() as u64
}

/// Measures until the value is small enough, for at most 20 seconds.
fn settle(enough: u64, measure: impl Fn() -> u64) -> u64 {
    for _ in 0..1_000 {
        if measure() <= enough {
            break;
        }
        thread::park_timeout(Duration::from_millis(20));
    }
    measure()
}

fn mebibytes(pid: u32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
    let line = status
        .lines()
        .find(|line| line.starts_with(field))
        .expect("a memory figure");
    let kibibytes = line
        .split_whitespace()
        .nth(1)
        .and_then(|text| text.parse::<u64>().ok());
    kibibytes.expect("a number of kB") / 1_024
}
