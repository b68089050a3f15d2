//! The memory of a process, as Linux counts it.

use std::fs;
use std::thread;
use std::time::Duration;

/// What the broker may hold when all clients are gone; what the fuzzed sessions have left in
/// queues is included.
const AFTERWARDS_MIB: u64 = 200;

/// What it may have held at any time.
const PEAK_MIB: u64 = 600;

/// Checks that memory was bounded and is given back. That takes the allocator a moment.
pub(crate) fn check_memory(pid: u32) {
    let peak = mebibytes(pid, "VmHWM");
    assert!(peak <= PEAK_MIB, "the broker grew to {peak} MiB");
    let mut now = 0;
    for _ in 0..500 {
        now = mebibytes(pid, "VmRSS");
        if now <= AFTERWARDS_MIB {
            println!("RSS {now} MiB, at most {peak} MiB");
            return;
        }
        thread::park_timeout(Duration::from_millis(20));
    }
    panic!("the broker still holds {now} MiB");
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
