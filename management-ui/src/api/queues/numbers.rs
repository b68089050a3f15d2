//! What is counted of a queue.

use ferrymq_broker::Properties;
use ferrymq_broker::queue::arguments::QueueType;
use ferrymq_broker::queue::shared::SharedQueue;
use ferrymq_broker::queue::{Counts, Queue};
use ferrymq_broker::stats::{Activity, MessageField};
use serde_json::{Map, Value, json};

use super::row::queue_type;
use crate::api::time::idle_since;
use crate::http::Site;
use crate::query::{Shown, View};
use crate::statistics::{Numbers, OF_QUEUES, garbage_collection, message_stats};

/// What one look behind the queue's lock finds.
struct Found {
    counts: Counts,
    activity: Activity,
    paged: usize,
    resident_bytes: u64,
    head_timestamp: Option<u64>,
    /// The consumer that alone may consume, or alone does.
    only_consumer: Option<String>,
}

/// Shows all of it.
pub(super) fn show(queue: &SharedQueue, site: &Site, view: &View, shown: &mut Shown<'_>) {
    let found = queue.inspect(|state| look(queue, state));
    show_messages(queue, site, view, &found, shown);
    show_consumers(queue, &found, shown);
    let (history, range) = (&queue.history, view.ranges.messages);
    let numbers = Numbers::new(site, Shown::within(view, "message_stats"));
    let happened = message_stats(numbers, &found.activity, OF_QUEUES, |fields, moments| {
        history.details(fields, moments, range)
    });
    if let Some(happened) = happened {
        shown.add("message_stats", happened.into_map());
    }
    if view.detailed {
        show_details(queue, site, shown);
    }
    if queue_type(queue) == QueueType::Quorum {
        show_quorum(queue, site, &found, shown);
    }
}

fn look(shared: &SharedQueue, queue: &Queue) -> Found {
    let timestamp = |message: &ferrymq_broker::message::Message| {
        Properties::parse(message.properties()).ok()?.timestamp()
    };
    let single = shared.declared.arguments.single_active_consumer;
    let consumers = match queue.counts().consumers {
        0 => Vec::new(),
        1 => queue.consumers(),
        _ if single => queue.consumers(),
        // Nobody is alone.
        _ => Vec::new(),
    };
    let only = consumers.iter().find(|subscribed| match single {
        true => subscribed.is_active,
        false => subscribed.consumer.exclusive,
    });
    Found {
        counts: queue.counts(),
        activity: *queue.activity(),
        paged: queue.paged(),
        resident_bytes: queue.resident_bytes(),
        head_timestamp: queue.front().and_then(|entry| timestamp(&entry.message)),
        only_consumer: only.map(|subscribed| subscribed.consumer.tag.clone()),
    }
}

fn show_messages(
    queue: &SharedQueue,
    site: &Site,
    view: &View,
    found: &Found,
    shown: &mut Shown<'_>,
) {
    let counts = &found.counts;
    let (mut numbers, history) = (Numbers::new(site, Shown::new(view)), &queue.history);
    numbers.add_constant("reductions", 0);
    let messages = counts.ready + counts.unacked;
    for (name, value, fields) in [
        ("messages", messages, &MessageField::HELD[..]),
        ("messages_ready", counts.ready, &[MessageField::Ready]),
        (
            "messages_unacknowledged",
            counts.unacked,
            &[MessageField::Unacked],
        ),
    ] {
        numbers.add(name, value, |moments| {
            history.details(fields, moments, view.ranges.lengths)
        });
    }
    shown.append(numbers.into_map());
    let bytes = counts.ready_bytes + counts.unacked_bytes;
    // Messages that are on disk only have their bytes there.
    let paged_bytes = match found.paged {
        0 => 0,
        _ => counts.ready_bytes.saturating_sub(found.resident_bytes),
    };
    let (persistent, persistent_bytes) = queue.persistent();
    shown.extend([
        ("memory", memory_bytes(found.resident_bytes).into()),
        ("messages_ram", messages.saturating_sub(found.paged).into()),
        (
            "messages_ready_ram",
            counts.ready.saturating_sub(found.paged).into(),
        ),
        ("messages_unacknowledged_ram", counts.unacked.into()),
        ("messages_persistent", persistent.into()),
        ("messages_paged_out", found.paged.into()),
        ("messages_delayed", counts.delayed.into()),
        ("message_bytes", bytes.into()),
        ("message_bytes_ready", counts.ready_bytes.into()),
        ("message_bytes_unacknowledged", counts.unacked_bytes.into()),
        ("message_bytes_ram", (bytes - paged_bytes).into()),
        ("message_bytes_persistent", persistent_bytes.into()),
        ("message_bytes_paged_out", paged_bytes.into()),
        ("head_message_timestamp", found.head_timestamp.into()),
    ]);
}

/// What a queue takes, itself and its messages.
pub(super) fn memory_bytes(resident_bytes: u64) -> u64 {
    size_of::<SharedQueue>() as u64 + resident_bytes
}

fn show_consumers(queue: &SharedQueue, found: &Found, shown: &mut Shown<'_>) {
    let capacity = queue.capacity.get();
    let single = queue.declared.arguments.single_active_consumer;
    let only = found.only_consumer.as_deref();
    shown.extend([
        ("consumers", found.counts.consumers.into()),
        ("consumer_capacity", capacity.into()),
        ("consumer_utilisation", capacity.into()),
        ("exclusive_consumer_tag", only.filter(|_| !single).into()),
        ("single_active_consumer_tag", only.filter(|_| single).into()),
    ]);
}

/// What long lists leave out.
fn show_details(queue: &SharedQueue, site: &Site, shown: &mut Shown<'_>) {
    if let Some(since) = idle_since(site, queue.history.changed_at()) {
        shown.add("idle_since", since);
    }
    shown.look_up("garbage_collection", garbage_collection);
    if queue_type(queue) == QueueType::Classic {
        // Compat: the version of the only file format that RabbitMQ still has.
        shown.add("storage_version", 2);
    }
}

fn show_quorum(queue: &SharedQueue, site: &Site, found: &Found, shown: &mut Shown<'_>) {
    let features = queue.inspect(|queue| {
        let features = queue.settings().features.as_ref();
        let limit = features.and_then(|features| features.delivery_limit);
        (limit, queue.by_priority())
    });
    let (delivery_limit, by_priority) = features;
    let by_priority = by_priority.into_iter();
    let by_priority: Map<String, Value> = by_priority
        .map(|(priority, count)| (priority.to_string(), count.into()))
        .collect();
    shown.extend([
        ("open_files", json!({ site.node(): 0 })),
        (
            "delivery_limit",
            delivery_limit.map_or_else(|| "unlimited".into(), Value::from),
        ),
        ("messages_dlx", found.counts.held.into()),
        ("message_bytes_dlx", found.counts.held_bytes.into()),
        ("messages_by_priority", by_priority.into()),
    ]);
}
