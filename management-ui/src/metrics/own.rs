//! What only this broker has to tell: names begin with `ferrymq_`.

use ferrymq_broker::StoreStatistics;

use super::core::uptime_seconds;
use super::family::{Family, Kind, Number};
use super::text::{Labels, Text};
use crate::http::Site;

/// Everything here.
pub(super) fn all(text: &mut Text, site: &Site) {
    text.with_prefix("ferrymq_", |text| {
        let store = site.broker.store().statistics();
        broker(text, site);
        syncs(text, &store);
        log(text, &store);
    });
}

fn broker(text: &mut Text, site: &Site) {
    const BUILD: Family = Family::gauge("build_info", "The version that runs");
    let labels = Labels::of(&[("version", env!("CARGO_PKG_VERSION"))]);
    text.family(&BUILD);
    text.sample(BUILD.name, labels.as_str(), 1);

    let statistics = site.broker.statistics();
    let (sums, process) = (statistics.sums(), statistics.process());
    let room = site.broker.totals().flows.as_ref();
    for (name, help, value) in [
        (
            "uptime_seconds",
            "Time since the start",
            uptime_seconds(site),
        ),
        ("threads", "Threads of the process", process.threads),
        (
            "outbox_bytes",
            "Deliveries that wait for their connection's task",
            sums.outbox_bytes,
        ),
        (
            "queue_memory_bytes",
            "Memory of messages in queues",
            site.broker.paging().resident_bytes(),
        ),
        (
            "statistics_memory_bytes",
            "Memory of rates and samples",
            sums.history_bytes,
        ),
        (
            "flows",
            "Pairs of channels, exchanges and queues that are counted one by one",
            room.map_or(0, |room| room.flows() as u64),
        ),
    ] {
        text.single(&Family::gauge(name, help), value);
    }
    const CPU: Family = Family::counter(
        "process_cpu_seconds_total",
        "Time of processors that the process has had",
    );
    text.single(&CPU, process.cpu_time.as_secs_f64());
    let (hits, misses) = statistics.route_cache(site.broker.totals());
    for (name, help, value) in [
        (
            "consumer_timeouts_total",
            "Consumers cancelled because they kept a delivery for too long",
            site.broker.consumer_timeouts(),
        ),
        (
            "route_cache_hits_total",
            "Published messages whose route was known",
            hits,
        ),
        (
            "route_cache_misses_total",
            "Published messages whose route was searched",
            misses,
        ),
        (
            "flows_refused_total",
            "Times that there was no room for another pair of channels, exchanges and queues",
            room.map_or(0, |room| room.refused()),
        ),
    ] {
        text.single(&Family::counter(name, help), value);
    }
}

/// How long the disk takes to make the log durable.
fn syncs(text: &mut Text, store: &StoreStatistics) {
    const SYNCS: Family = Family::new(
        "fsync_seconds",
        Kind::Histogram,
        "Time that a sync of the log takes",
    );
    let syncs = &store.syncs;
    text.family(&SYNCS);
    for (bound, count) in &syncs.at_most {
        let labels = Labels::of(&[("le", &bound.as_secs_f64().to_string())]);
        text.sample("fsync_seconds_bucket", labels.as_str(), *count);
    }
    text.sample("fsync_seconds_bucket", "le=\"+Inf\"", syncs.count);
    text.sample("fsync_seconds_count", "", syncs.count);
    text.sample("fsync_seconds_sum", "", syncs.time.as_secs_f64());
}

fn log(text: &mut Text, store: &StoreStatistics) {
    let flag = |is_so: bool| u64::from(is_so);
    for (name, help, value) in [
        (
            "store_failed",
            "Whether the log failed: nothing is written or confirmed until a restart",
            flag(store.failure.is_some()),
        ),
        (
            "store_disk_full",
            "Whether there is no room on the disk, and messages wait for some",
            flag(store.disk_full),
        ),
        (
            "checkpoint_failed",
            "Whether checkpoints failed: the log grows until a restart",
            flag(store.checkpoint_failed),
        ),
        ("log_bytes", "Bytes of the log's segments", store.log_bytes),
        (
            "log_live_bytes",
            "Bytes of the log that belong to messages in queues, once for each queue",
            store.live_bytes,
        ),
        (
            "log_dead_bytes",
            "Bytes of the log that belong to no message in a queue",
            store.log_bytes.saturating_sub(store.live_bytes),
        ),
        ("log_segments", "Segments of the log", store.segments as u64),
        (
            "log_pending_bytes",
            "Bytes that wait to be written to the log",
            store.pending_bytes as u64,
        ),
        (
            "log_unsynced_bytes",
            "Bytes of the log that a power loss may take back",
            store.unsynced_bytes,
        ),
        (
            "log_messages",
            "Messages in the log's index, once for each queue",
            store.live_messages,
        ),
    ] {
        text.single(&Family::gauge(name, help), value);
    }
    let seconds = |time: std::time::Duration| Number::Real(time.as_secs_f64());
    let whole = Number::Whole;
    for (name, help, value) in [
        (
            "log_groups_total",
            "Groups written to the log",
            whole(store.groups),
        ),
        (
            "log_syncs_total",
            "Syncs of the log",
            whole(store.syncs.count),
        ),
        (
            "log_written_bytes_total",
            "Bytes written to the log",
            whole(store.written_bytes),
        ),
        (
            "log_relaxed_messages_total",
            "Messages that waited for no sync",
            whole(store.relaxed_messages),
        ),
        (
            "log_damaged_records_total",
            "Records found damaged",
            whole(store.damaged_records),
        ),
        (
            "checkpoints_total",
            "Checkpoints written",
            whole(store.checkpoints),
        ),
        (
            "checkpoint_seconds_total",
            "Time that checkpoints took",
            seconds(store.checkpoint_time),
        ),
    ] {
        text.single(&Family::counter(name, help), value);
    }
}
