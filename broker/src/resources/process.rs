//! What this process uses, as the system tells. Nothing here fails: what can't be read is 0.

use std::fs;
use std::thread::available_parallelism;
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::{file_memory_bytes, free_disk_bytes, total_memory_bytes, used_memory_bytes};
use crate::config::Config;

/// What the process uses and may use at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProcessReading {
    /// Memory in use, in bytes.
    pub memory_bytes: u64,
    /// How much of it is files: the program itself, mostly.
    pub file_memory_bytes: u64,
    /// How much there may be.
    pub total_memory_bytes: u64,
    /// Free disk space where the data lies, in bytes.
    pub disk_free_bytes: u64,
    /// Open files and sockets.
    pub open_files: u64,
    /// How many there may be.
    pub max_files: u64,
    /// Processors that it may use.
    pub processors: usize,
    /// Threads.
    pub threads: u64,
    /// How often a thread was replaced by another on its processor, as far as threads are still there.
    pub context_switches: u64,
    /// Time of processors that all of its threads have had, in the program and in the system.
    pub cpu_time: Duration,
}

impl ProcessReading {
    /// What is used now.
    pub fn read(config: &Config) -> Self {
        let (threads, context_switches) = threads();
        Self {
            memory_bytes: used_memory_bytes().unwrap_or(0),
            file_memory_bytes: file_memory_bytes().unwrap_or(0),
            total_memory_bytes: total_memory_bytes(config),
            disk_free_bytes: free_disk_bytes(&config.data_dir).unwrap_or(0),
            open_files: open_files(),
            max_files: getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX),
            processors: available_parallelism().map_or(1, usize::from),
            threads,
            context_switches,
            cpu_time: cpu_time(),
        }
    }
}

fn cpu_time() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime)
        .try_into()
        .unwrap_or_default()
}

/// Since Linux 6.2 the folder's size says how many there are; before that they are counted.
fn open_files() -> u64 {
    const FOLDER: &str = "/proc/self/fd";
    match fs::metadata(FOLDER).map_or(0, |folder| folder.len()) {
        0 => fs::read_dir(FOLDER).map_or(0, |files| files.count() as u64),
        size => size,
    }
}

/// How many there are, and the context switches of all of them.
fn threads() -> (u64, u64) {
    let (mut threads, mut switches) = (0, 0);
    for thread in fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten()
    {
        threads += 1;
        let status = fs::read_to_string(thread.path().join("status"));
        switches += status.map_or(0, |status| switches_in(&status));
    }
    (threads, switches)
}

fn switches_in(status: &str) -> u64 {
    let lines = status.lines();
    let switches = lines.filter_map(|line| {
        let (name, count) = line.split_once(':')?;
        let count = count.trim().parse::<u64>();
        count
            .ok()
            .filter(|_| name.ends_with("voluntary_ctxt_switches"))
    });
    switches.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_what_is_used() {
        let reading = ProcessReading::read(&Config {
            data_dir: "/".into(),
            ..Config::default()
        });
        assert!(reading.open_files > 2 && reading.open_files <= reading.max_files);
        assert!(reading.cpu_time > Duration::ZERO);
        assert!(reading.threads > 0 && reading.processors > 0 && reading.disk_free_bytes > 0);
        assert!(reading.memory_bytes > 0 && reading.memory_bytes < reading.total_memory_bytes);
    }

    #[test]
    fn both_kinds_of_switches_count() {
        let status = "Threads:\t3\nvoluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t5\n";
        assert_eq!(switches_in(status), 17);
    }
}
