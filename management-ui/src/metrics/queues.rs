//! What is told of queues, one by one or added up.

use std::sync::Arc;

use ferrymq_broker::queue::shared::SharedQueue;
use ferrymq_broker::stats::{Activity, Kind, QueueSums};

use super::family::{Column, Family, counter, gauge};
use super::global::queue_type;
use super::text::{Labels, Text};

/// One queue, or all of them.
pub(super) struct QueueRow {
    pub(super) sums: QueueSums,
    pub(super) activity: Activity,
    /// Reads and writes of the log, which is shared: known of all queues together only.
    pub(super) disk: (u64, u64),
    /// Of the oldest message, if it is in memory and has one.
    pub(super) head_timestamp: Option<u64>,
    pub(super) queue_type: &'static str,
}

impl QueueRow {
    /// What there is to tell of one queue, and its labels.
    pub(super) fn of(queue: &Arc<SharedQueue>) -> (Labels, Self) {
        let (persistent, capacity) = (queue.persistent(), queue.capacity.get());
        let row = queue.inspect(|inner| Self {
            sums: QueueSums::of(inner, persistent, capacity),
            activity: *inner.activity(),
            disk: (0, 0),
            head_timestamp: inner.front().and_then(|entry| entry.message.timestamp()),
            queue_type: queue_type(queue.declared.arguments.queue_type),
        });
        let labels = Labels::of(&[("vhost", &queue.vhost), ("queue", queue.name.as_str())]);
        (labels, row)
    }
}

/// `queue_coarse_metrics`
pub(super) const COARSE: [Column<QueueRow>; 4] = [
    gauge(
        "queue_messages_ready",
        "Messages ready to be delivered to consumers",
        |row| row.sums.ready.into(),
    ),
    gauge(
        "queue_messages_unacked",
        "Messages delivered to consumers but not yet acknowledged",
        |row| row.sums.unacked.into(),
    ),
    gauge(
        "queue_messages",
        "Sum of ready and unacknowledged messages - total queue depth",
        |row| row.sums.messages().into(),
    ),
    counter(
        "queue_process_reductions_total",
        "Total number of queue process reductions",
        |_| 0.into(),
    ),
];

/// `queue_consumer_count`
pub(super) const CONSUMERS: [Column<QueueRow>; 1] =
    [gauge("queue_consumers", "Consumers on a queue", |row| {
        row.sums.consumers.into()
    })];

/// `queue_metrics`, but for the count of consumers.
pub(super) const METRICS: [Column<QueueRow>; 15] = [
    gauge("queue_consumer_capacity", "Consumer capacity", |row| {
        row.sums.capacity.into()
    }),
    gauge(
        "queue_consumer_utilisation",
        "Same as consumer capacity",
        |row| row.sums.capacity.into(),
    ),
    gauge(
        "queue_process_memory_bytes",
        "Memory in bytes used by the queue's messages",
        |row| row.sums.memory_bytes.into(),
    ),
    gauge(
        "queue_messages_ram",
        "Ready and unacknowledged messages stored in memory",
        |row| in_memory(row, row.sums.messages()).into(),
    ),
    gauge(
        "queue_messages_ram_bytes",
        "Size of ready and unacknowledged messages stored in memory",
        |row| row.sums.memory_bytes.into(),
    ),
    gauge(
        "queue_messages_ready_ram",
        "Ready messages stored in memory",
        |row| in_memory(row, row.sums.ready).into(),
    ),
    gauge(
        "queue_messages_unacked_ram",
        "Unacknowledged messages stored in memory",
        |row| row.sums.unacked.into(),
    ),
    gauge("queue_messages_persistent", "Persistent messages", |row| {
        row.sums.persistent.into()
    }),
    gauge(
        "queue_messages_persistent_bytes",
        "Size in bytes of persistent messages",
        |row| row.sums.persistent_bytes.into(),
    ),
    gauge(
        "queue_messages_bytes",
        "Size in bytes of ready and unacknowledged messages",
        |row| (row.sums.ready_bytes + row.sums.unacked_bytes).into(),
    ),
    gauge(
        "queue_messages_ready_bytes",
        "Size in bytes of ready messages",
        |row| row.sums.ready_bytes.into(),
    ),
    gauge(
        "queue_messages_unacked_bytes",
        "Size in bytes of all unacknowledged messages",
        |row| row.sums.unacked_bytes.into(),
    ),
    counter(
        "queue_disk_reads_total",
        "Total number of times queue read messages from disk",
        |row| row.disk.0.into(),
    ),
    counter(
        "queue_disk_writes_total",
        "Total number of times queue wrote messages to disk",
        |row| row.disk.1.into(),
    ),
    gauge("stream_segments", "Stream segment files", |_| 0.into()),
];

/// Messages of `count` that are not on disk only; those that are wait.
fn in_memory(row: &QueueRow, count: u64) -> u64 {
    count.saturating_sub(row.sums.paged)
}

/// `queue_delivery_metrics`
pub(super) const DELIVERIES: [Column<QueueRow>; 7] = [
    counter(
        "queue_get_ack_total",
        "Total number of messages fetched from a queue with basic.get in manual acknowledgement mode",
        |row| row.activity[Kind::Get].into(),
    ),
    counter(
        "queue_get_total",
        "Total number of messages fetched from a queue with basic.get in automatic acknowledgement mode",
        |row| row.activity[Kind::GetNoAck].into(),
    ),
    counter(
        "queue_messages_delivered_ack_total",
        "Total number of messages delivered from a queue to consumers in manual acknowledgement mode",
        |row| row.activity[Kind::Deliver].into(),
    ),
    counter(
        "queue_messages_delivered_total",
        "Total number of messages delivered from a queue to consumers in automatic acknowledgement mode",
        |row| row.activity[Kind::DeliverNoAck].into(),
    ),
    counter(
        "queue_messages_redelivered_total",
        "Total number of messages redelivered from a queue to consumers",
        |row| row.activity[Kind::Redeliver].into(),
    ),
    counter(
        "queue_messages_acked_total",
        "Total number of messages acknowledged by consumers on a queue",
        |row| row.activity[Kind::Ack].into(),
    ),
    counter(
        "queue_get_empty_total",
        "Total number of times basic.get operations fetched no message on a queue",
        |row| row.activity[Kind::GetEmpty].into(),
    ),
];

/// The timestamps of the oldest messages.
pub(super) fn head_timestamps(text: &mut Text, rows: &[(Labels, QueueRow)]) {
    const HEAD: Family = Family::gauge(
        "queue_head_message_timestamp",
        "Timestamp of the first message in the queue, if any",
    );
    if !rows.is_empty() {
        text.family(&HEAD);
    }
    for (labels, row) in rows {
        if let Some(timestamp) = row.head_timestamp {
            text.sample(HEAD.name, labels.as_str(), timestamp);
        }
    }
}

/// What kind of queue each is.
pub(super) fn info(text: &mut Text, rows: &[(Labels, QueueRow)]) {
    const INFO: Family = Family::gauge(
        "queue_info",
        "A metric with a constant '1' value and labels that provide some queue details",
    );
    if !rows.is_empty() {
        text.family(&INFO);
    }
    for (labels, row) in rows {
        let mut labels = labels.clone();
        labels.add("queue_type", row.queue_type);
        labels.add("membership", "leader");
        text.sample(INFO.name, labels.as_str(), 1);
    }
}
