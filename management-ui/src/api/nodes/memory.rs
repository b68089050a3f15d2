//! What memory is used for, by RabbitMQ's names.

use serde_json::{Map, Value, json};

use crate::http::Site;
use crate::memory::Memory;

/// Compat: clients need every key, and whole numbers. These are of Erlang.
const NOTHING: [&str; 20] = [
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
];

/// The parts in bytes.
fn parts(memory: &Memory) -> Map<String, Value> {
    let parts = [
        ("code", memory.program),
        ("queue_procs", memory.queues),
        ("binary", memory.unacked),
        ("connection_writers", memory.outboxes),
        ("mgmt_db", memory.histories),
        ("msg_index", memory.index),
        ("other_system", memory.rest),
    ];
    let nothing = NOTHING.map(|name| (name, 0));
    let all = parts.into_iter().chain(nothing);
    all.map(|(name, bytes)| (name.to_owned(), bytes.into()))
        .collect()
}

/// The parts in bytes, and the total in the three ways in which it is counted.
pub(super) fn breakdown(site: &Site) -> Value {
    let memory = Memory::of(site);
    let mut parts = parts(&memory);
    parts.insert("strategy".into(), "rss".into());
    let total = memory.total;
    let total = json!({ "rss": total, "allocated": total, "erlang": total });
    parts.insert("total".into(), total);
    parts.into()
}

/// The parts in percent of the total. Compat: what is there at all has one at least.
pub(super) fn relative(site: &Site) -> Value {
    let memory = Memory::of(site);
    let mut parts = parts(&memory);
    for bytes in parts.values_mut() {
        let part = bytes.as_u64().unwrap_or(0);
        *bytes = percent(part, memory.total).into();
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
