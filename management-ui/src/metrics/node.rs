//! What the process uses, and what the log did on the disk. Erlang's own numbers are those of what is nearest to
//! them, or 0.

use super::core::uptime_seconds;
use super::family::{Family, Number};
use super::text::Text;
use crate::http::Site;

/// How many threads there could be; nothing limits them here.
const MAX_PROCESSES: u64 = 1 << 20;
const NET_TICKTIME_SECONDS: u64 = 60;

/// `node_coarse_metrics`: what is watched everywhere.
pub(super) fn coarse(text: &mut Text, site: &Site) {
    let process = site.broker.statistics().process();
    let config = site.broker.config();
    let total_bytes = ferrymq_broker::resources::total_memory_bytes(&config);
    let limit_bytes = config.memory_high_watermark.bytes(total_bytes);
    let sockets = site.broker.connection_count() as u64;
    let most_sockets = config.limits.connections.0.map(u64::try_from);
    let most_sockets = match most_sockets {
        Some(Ok(most)) => most,
        _ => process.max_files,
    };
    for (name, help, value) in [
        (
            "process_open_fds",
            "Open file descriptors",
            process.open_files,
        ),
        ("process_open_tcp_sockets", "Open TCP sockets", sockets),
        (
            "process_resident_memory_bytes",
            "Memory used in bytes",
            process.memory_bytes,
        ),
        (
            "disk_space_available_bytes",
            "Disk space available in bytes",
            process.disk_free_bytes,
        ),
        (
            "process_max_fds",
            "Open file descriptors limit",
            process.max_files,
        ),
        ("tcp_max", "Open TCP sockets limit", most_sockets),
        (
            "resident_memory_limit_bytes",
            "Memory high watermark in bytes",
            limit_bytes,
        ),
        (
            "disk_space_available_limit_bytes",
            "Free disk space low watermark in bytes",
            config.disk_free_limit_bytes,
        ),
        (
            "erlang_processes_used",
            "Erlang processes used (here: threads)",
            process.threads,
        ),
        (
            "erlang_processes_limit",
            "Erlang processes limit",
            MAX_PROCESSES,
        ),
        (
            "erlang_scheduler_run_queue",
            "Erlang scheduler run queue",
            0,
        ),
        (
            "erlang_net_ticktime_seconds",
            "Inter-node heartbeat interval",
            NET_TICKTIME_SECONDS,
        ),
    ] {
        text.single(&Family::gauge(name, help), value);
    }
    for (name, help, value) in [
        (
            "erlang_gc_runs_total",
            "Total number of Erlang garbage collector runs",
            0,
        ),
        (
            "erlang_gc_reclaimed_bytes_total",
            "Total number of bytes of memory reclaimed by Erlang garbage collector",
            0,
        ),
        (
            "erlang_scheduler_context_switches_total",
            "Total number of Erlang scheduler context switches (here: of threads)",
            process.context_switches,
        ),
    ] {
        text.single(&Family::counter(name, help), value);
    }
}

/// `node_metrics`: how long it runs.
pub(super) fn uptime(text: &mut Text, site: &Site) {
    const UPTIME: Family = Family::gauge("erlang_uptime_seconds", "Node uptime");
    text.single(&UPTIME, uptime_seconds(site));
}

/// `node_persister_metrics`: what the log did on the disk.
pub(super) fn persister(text: &mut Text, site: &Site) {
    let store = site.broker.store().statistics();
    let (reads, writes, syncs) = (store.reads, store.writes, store.syncs);
    let seconds = |time: std::time::Duration| Number::Real(time.as_secs_f64());
    let whole = Number::Whole;
    for (name, help, value) in [
        (
            "io_read_ops_total",
            "Total number of I/O read operations",
            whole(reads.count),
        ),
        (
            "io_read_bytes_total",
            "Total number of I/O bytes read",
            whole(reads.bytes),
        ),
        (
            "io_read_time_seconds_total",
            "Total I/O read time",
            seconds(reads.time),
        ),
        (
            "io_write_ops_total",
            "Total number of I/O write operations",
            whole(writes.count),
        ),
        (
            "io_write_bytes_total",
            "Total number of I/O bytes written",
            whole(writes.bytes),
        ),
        (
            "io_write_time_seconds_total",
            "Total I/O write time",
            seconds(writes.time),
        ),
        (
            "io_sync_ops_total",
            "Total number of I/O sync operations",
            whole(syncs.count),
        ),
        (
            "io_sync_time_seconds_total",
            "Total I/O sync time",
            seconds(syncs.time),
        ),
        (
            "io_seek_ops_total",
            "Total number of I/O seek operations",
            whole(0),
        ),
        (
            "io_seek_time_seconds_total",
            "Total I/O seek time",
            whole(0),
        ),
        (
            "io_reopen_ops_total",
            "Total number of times files have been reopened",
            whole(0),
        ),
        (
            "schema_db_ram_tx_total",
            "Total number of Schema DB memory transactions",
            whole(0),
        ),
        (
            "schema_db_disk_tx_total",
            "Total number of Schema DB disk transactions",
            whole(store.checkpoints),
        ),
        (
            "msg_store_read_total",
            "Total number of Message Store read operations",
            whole(reads.count),
        ),
        (
            "msg_store_write_total",
            "Total number of Message Store write operations",
            whole(writes.count),
        ),
        (
            "queue_index_read_ops_total",
            "Total number of Queue Index read operations",
            whole(0),
        ),
        (
            "queue_index_write_ops_total",
            "Total number of Queue Index write operations",
            whole(store.checkpoints),
        ),
    ] {
        text.single(&Family::counter(name, help), value);
    }
}
