//! What memory is used for, by RabbitMQ's names.

use serde_json::{Map, Value, json};

use super::usage;
use crate::http::Site;

/// Compat: clients need every key, and whole numbers. The first ones tell of something here, the rest are of
/// Erlang.
const NAMES: [&str; 28] = [
    QUEUES,
    UNACKED,
    OUTBOXES,
    INDEX,
    HISTORIES,
    PROGRAM,
    "connection_readers",
    "connection_channels",
    "connection_other",
    "queue_slave_procs",
    "quorum_queue_procs",
    "quorum_queue_dlx_procs",
    "stream_queue_procs",
    "stream_queue_replica_reader_procs",
    "stream_queue_coordinator_procs",
    "plugins",
    "metadata_store",
    "other_proc",
    "metrics",
    "mnesia",
    "quorum_ets",
    "metadata_store_ets",
    "other_ets",
    "atom",
    "allocated_unused",
    "reserved_unallocated",
    "total",
    REST,
];

/// Messages that wait in queues of any type.
const QUEUES: &str = "queue_procs";
/// Messages that consumers have not settled.
const UNACKED: &str = "binary";
/// Deliveries that wait for their sockets.
const OUTBOXES: &str = "connection_writers";
/// Where messages lie in the log: about a byte for each.
const INDEX: &str = "msg_index";
/// Samples of how everything went.
const HISTORIES: &str = "mgmt_db";
/// The program itself.
const PROGRAM: &str = "code";
/// Everything else.
const REST: &str = "other_system";

/// The parts in bytes. Together they are what the process uses.
fn parts(site: &Site) -> (u64, Map<String, Value>) {
    let process = usage::process(site);
    let sums = site.broker.statistics().sums();
    let total = process.memory_bytes;
    let mut parts: Map<_, _> = NAMES
        .iter()
        .map(|name| ((*name).into(), 0.into()))
        .collect();
    let mut rest = total;
    for (name, bytes) in [
        (PROGRAM, process.file_memory_bytes),
        (QUEUES, site.broker.paging().resident_bytes()),
        (UNACKED, sums.queues.unacked_bytes),
        (OUTBOXES, sums.outbox_bytes),
        (HISTORIES, sums.history_bytes),
        (INDEX, site.broker.store().statistics().live_messages),
    ] {
        // They were not looked at in the same moment.
        let bytes = bytes.min(rest);
        rest -= bytes;
        parts.insert(name.into(), bytes.into());
    }
    parts.insert(REST.into(), rest.into());
    (total, parts)
}

/// The parts in bytes, and the total in the three ways in which it is counted.
pub(super) fn breakdown(site: &Site) -> Value {
    let (total, mut parts) = parts(site);
    parts.insert("strategy".into(), "rss".into());
    let total = json!({ "rss": total, "allocated": total, "erlang": total });
    parts.insert("total".into(), total);
    parts.into()
}

/// The parts in percent of the total. Compat: what is there at all has one at least.
pub(super) fn relative(site: &Site) -> Value {
    let (total, mut parts) = parts(site);
    for bytes in parts.values_mut() {
        let part = bytes.as_u64().unwrap_or(0);
        *bytes = percent(part, total).into();
    }
    parts.insert("total".into(), 100.into());
    parts.into()
}

fn percent(part: u64, total: u64) -> u64 {
    match (part, total) {
        (0, _) | (_, 0) => 0,
        _ => ((part * 100 + total / 2) / total).max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_has_one_percent_at_least() {
        assert_eq!(percent(0, 1_000), 0);
        assert_eq!(percent(1, 1_000), 1);
        assert_eq!(percent(14, 1_000), 1);
        assert_eq!(percent(15, 1_000), 2);
        assert_eq!(percent(1_000, 1_000), 100);
        assert_eq!(percent(0, 0), 0);
    }
}
