//! `/metrics/memory-breakdown`: the process's memory by what it is for, under RabbitMQ's names. What is not measured
//! is 0, and the rest is "other".

use super::family::Family;
use super::text::Text;
use crate::http::Site;
use crate::memory::Memory;

/// RabbitMQ's parts that have no counterpart here, or whose share is in the rest.
const NOTHING: [(&str, &str); 21] = [
    (
        "client_connection_reader_bytes",
        "Client connection reader processes footprint in bytes",
    ),
    (
        "client_connection_channel_bytes",
        "Client connection channel processes footprint in bytes",
    ),
    (
        "client_connection_other_bytes",
        "Client connection other processes footprint in bytes",
    ),
    (
        "quorum_queue_erlang_process_bytes",
        "Quorum queue processes footprint in bytes",
    ),
    (
        "quorum_queue_dlx_erlang_process_bytes",
        "Quorum queue DLX worker processes footprint in bytes",
    ),
    (
        "stream_erlang_process_bytes",
        "Stream processes footprint in bytes",
    ),
    (
        "stream_replica_reader_erlang_process_bytes",
        "Stream replica reader processes footprint in bytes",
    ),
    (
        "stream_coordinator_erlang_process_bytes",
        "Stream coordinator processes footprint in bytes",
    ),
    ("plugin_bytes", "Total plugin footprint in bytes"),
    (
        "modern_metadata_store_bytes",
        "Modern metadata store footprint in bytes",
    ),
    (
        "other_erlang_process_bytes",
        "Other processes footprint in bytes",
    ),
    ("metrics_bytes", "Metric table footprint in bytes"),
    (
        "classic_metadata_store_bytes",
        "Classic metadata store footprint in bytes",
    ),
    (
        "quorum_queue_ets_table_bytes",
        "Quorum queue ETS tables footprint in bytes",
    ),
    (
        "modern_metadata_store_ets_table_bytes",
        "Modern metadata store ETS tables footprint in bytes",
    ),
    (
        "other_ets_table_bytes",
        "Other ETS tables footprint in bytes",
    ),
    ("atom_table_bytes", "Atom table size in bytes"),
    (
        "runtime_allocated_unused_bytes",
        "Runtime allocated but unused memory size in bytes",
    ),
    (
        "runtime_reserved_unallocated_bytes",
        "Runtime reserved but unallocated memory size in bytes",
    ),
    ("stream_queue_bytes", "Stream queues footprint in bytes"),
    ("queue_index_bytes", "Queue index footprint in bytes"),
];

/// Everything here.
pub(super) fn all(text: &mut Text, site: &Site) {
    let memory = Memory::of(site);
    let parts = [
        (
            "code_module_bytes",
            "The program itself, in bytes",
            memory.program,
        ),
        (
            "classic_queue_erlang_process_bytes",
            "Queues' messages in memory, in bytes",
            memory.queues,
        ),
        (
            "binary_heap_bytes",
            "Messages that consumers have not settled, in bytes",
            memory.unacked,
        ),
        (
            "client_connection_writer_bytes",
            "Deliveries on their way to connections, in bytes",
            memory.outboxes,
        ),
        (
            "management_stats_db_bytes",
            "Rates and samples, in bytes",
            memory.histories,
        ),
        (
            "message_index_bytes",
            "Where messages lie in the log, in bytes",
            memory.index,
        ),
        (
            "other_system_bytes",
            "Everything else, in bytes",
            memory.rest,
        ),
    ];
    let nothing = NOTHING.map(|(name, help)| (name, help, 0));
    text.with_prefix("rabbitmq_memory_", |text| {
        for (name, help, bytes) in parts.into_iter().chain(nothing) {
            text.single(&Family::gauge(name, help), bytes);
        }
    });
}
