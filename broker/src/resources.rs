//! Memory and disk: how much there is, how much is used, and the alarms that follow.

mod process;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::alarms::Alarms;
use crate::broker::Broker;
use crate::config::Config;

pub use process::ProcessReading;

/// How often memory and disk are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Watches memory and disk until the broker stops, and switches its alarms.
pub async fn watch(broker: Arc<Broker>) {
    let mut marks = Marks::of(&broker.config());
    marks.log();
    let mut config_changes = broker.config_changes();
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = broker.store().condition_changed() => {}
            _ = config_changes.changed() => {
                let now = Marks::of(&config_changes.borrow_and_update());
                if now != marks {
                    marks = now;
                    marks.log();
                }
            }
            () = broker.stopping() => return,
        }
        look(&broker, &marks);
    }
}

/// Switches the alarms by what is used and free now.
fn look(broker: &Broker, marks: &Marks) {
    let free = free_disk_bytes(&broker.config().data_dir);
    let before = broker.alarms();
    let alarms = Alarms {
        memory: used_memory_bytes().is_some_and(|used| used > marks.memory_bytes),
        disk: broker.store().is_disk_full()
            || free.is_some_and(|free| free < marks.disk_free_bytes),
    };
    if alarms.disk != before.disk {
        let (free, limit) = (free.unwrap_or(0), marks.disk_free_bytes);
        match alarms.disk {
            true => tracing::warn!(
                "Free disk space is insufficient. Free bytes: {free}. Limit: {limit}"
            ),
            false => {
                tracing::info!("Free disk space is sufficient. Free bytes: {free}. Limit: {limit}");
            }
        }
    }
    broker.set_alarms(alarms);
}

/// From where on publishers have to wait.
#[derive(PartialEq, Eq)]
struct Marks {
    total_bytes: u64,
    memory_bytes: u64,
    disk_free_bytes: u64,
}

impl Marks {
    fn of(config: &Config) -> Self {
        let total_bytes = total_memory_bytes(config);
        Self {
            total_bytes,
            memory_bytes: config.memory_high_watermark.bytes(total_bytes),
            disk_free_bytes: config.disk_free_limit_bytes,
        }
    }

    fn log(&self) {
        tracing::info!(
            "Memory high watermark set to {} MiB ({} bytes) of {} MiB ({} bytes) total",
            self.memory_bytes >> 20,
            self.memory_bytes,
            self.total_bytes >> 20,
            self.total_bytes,
        );
        tracing::info!(
            "Disk free limit set to {} MB ({} bytes)",
            self.disk_free_bytes / 1_000_000,
            self.disk_free_bytes,
        );
    }
}

/// The memory that this process may use, in bytes: as configured, or the machine's, or its control
/// group's if that is less.
pub fn total_memory_bytes(config: &Config) -> u64 {
    config
        .memory_total_bytes
        .unwrap_or_else(system_memory_bytes)
}

fn system_memory_bytes() -> u64 {
    let machine = std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| in_kib(&text, "MemTotal:"))
        .unwrap_or(u64::MAX);
    [
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ]
    .iter()
    .filter_map(|path| std::fs::read_to_string(path).ok()?.trim().parse().ok())
    .fold(machine, u64::min)
}

/// The memory that this process has in use, in bytes.
fn used_memory_bytes() -> Option<u64> {
    of_process("VmRSS:")
}

/// How much of it is mapped files, in bytes.
fn file_memory_bytes() -> Option<u64> {
    of_process("RssFile:")
}

fn of_process(name: &str) -> Option<u64> {
    in_kib(&std::fs::read_to_string("/proc/self/status").ok()?, name)
}

/// The disk space that the data directory could still use, in bytes.
fn free_disk_bytes(directory: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(directory).ok()?;
    Some(disk.f_bavail * disk.f_frsize)
}

/// The number behind `name` in a file of the proc file system that counts in KiB.
fn in_kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(number * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_what_there_is() {
        let (used, total) = (used_memory_bytes().unwrap(), system_memory_bytes());
        assert!(used > 0 && used < total, "{used} of {total}");
        assert!(free_disk_bytes(Path::new("/")).is_some());
        assert!(free_disk_bytes(Path::new("/no/such/place")).is_none());
    }

    #[test]
    fn numbers_are_found_by_name() {
        assert_eq!(
            in_kib("MemTotal:  16 kB\nVmRSS: 2 kB\n", "VmRSS:"),
            Some(2048)
        );
        assert_eq!(in_kib("MemTotal:  16 kB\n", "VmRSS:"), None);
    }
}
