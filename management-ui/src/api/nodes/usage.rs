//! What a node uses, as counts with rates and samples.

use ferrymq_broker::resources::ProcessReading;
use ferrymq_broker::stats::NodeField;
use serde_json::{Map, Value};

use crate::api::overview::sums;
use crate::http::Site;
use crate::query::{Shown, View};
use crate::statistics::Numbers;

/// Compat: what is counted in Erlang alone, and in RabbitMQ's own files.
const ZEROS: [&str; 8] = [
    "gc_num",
    "gc_bytes_reclaimed",
    "io_seek_count",
    "io_reopen_count",
    "mnesia_ram_tx_count",
    "mnesia_disk_tx_count",
    "queue_index_read_count",
    "queue_index_write_count",
];

/// All counts.
pub(super) fn render(site: &Site, process: &ProcessReading, view: &View) -> Map<String, Value> {
    let mut numbers = Numbers::new(site, Shown::new(view));
    let store = site.broker.store().statistics();
    let node = &site.broker.statistics().node;
    for (name, number, field) in [
        ("mem_used", process.memory_bytes, NodeField::MemoryUsed),
        ("disk_free", process.disk_free_bytes, NodeField::DiskFree),
        ("fd_used", process.open_files, NodeField::OpenFiles),
        (
            "sockets_used",
            site.broker.connection_count() as u64,
            NodeField::Sockets,
        ),
        ("proc_used", process.threads, NodeField::Threads),
        (
            "context_switches",
            process.context_switches,
            NodeField::ContextSwitches,
        ),
        (
            "cpu_time",
            process.cpu_time.as_millis() as u64,
            NodeField::CpuMilliseconds,
        ),
        ("io_read_count", store.reads.count, NodeField::Reads),
        ("io_read_bytes", store.reads.bytes, NodeField::ReadBytes),
        ("io_write_count", store.writes.count, NodeField::Writes),
        ("io_write_bytes", store.writes.bytes, NodeField::WriteBytes),
        ("io_sync_count", store.syncs.count, NodeField::Syncs),
        ("msg_store_read_count", store.reads.count, NodeField::Reads),
        (
            "msg_store_write_count",
            store.writes.count,
            NodeField::Writes,
        ),
    ] {
        numbers.add(name, number, |moments| {
            node.details(&[field], moments, view.ranges.node)
        });
    }
    use NodeField::{ReadMicroseconds, Reads, SyncMicroseconds, Syncs, WriteMicroseconds, Writes};
    let (reads, writes, syncs) = (store.reads, store.writes, store.syncs);
    for (name, time, count, fields) in [
        (
            "io_read_avg_time",
            reads.time,
            reads.count,
            (ReadMicroseconds, Reads),
        ),
        (
            "io_write_avg_time",
            writes.time,
            writes.count,
            (WriteMicroseconds, Writes),
        ),
        (
            "io_sync_avg_time",
            syncs.time,
            syncs.count,
            (SyncMicroseconds, Syncs),
        ),
    ] {
        let overall = time.div_f64(count.max(1) as f64);
        numbers.add_mean_time(name, overall, |moments| {
            node.mean(fields.0, fields.1, moments, view.ranges.node)
        });
    }
    // Compat: nothing is sought; reads and writes say where.
    numbers.add_constant("io_seek_avg_time", 0.0);
    for name in ZEROS {
        numbers.add_constant(name, 0);
    }
    let mut shown = numbers.into_map();
    shown.append(&mut sums::churn(site, view, Shown::new(view)).into_map());
    shown
}
