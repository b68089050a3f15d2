//! Counters of the whole broker by protocol and queue type, which never fall, and the sizes of messages.

use ferrymq_broker::dead_letter::DeadLetterReason;
use ferrymq_broker::queue::arguments::QueueType;
use ferrymq_broker::stats::{Kind, MESSAGE_SIZES};

use super::family::{self, Family};
use super::text::{Labels, Text};
use crate::http::Site;

const PROTOCOL: &str = "amqp091";

/// What publishers did.
const PUBLISHING: [(&str, &str, Kind); 6] = [
    (
        "global_messages_received_total",
        "Total number of messages received from publishers",
        Kind::Publish,
    ),
    (
        "global_messages_received_confirm_total",
        "Total number of messages received from publishers expecting confirmations",
        Kind::PublishToConfirm,
    ),
    (
        "global_messages_routed_total",
        "Total number of messages routed to queues or streams",
        Kind::Route,
    ),
    (
        "global_messages_unroutable_dropped_total",
        "Total number of messages published as non-mandatory into an exchange and dropped as unroutable",
        Kind::DropUnroutable,
    ),
    (
        "global_messages_unroutable_returned_total",
        "Total number of messages published as mandatory into an exchange and returned to the publisher as unroutable",
        Kind::ReturnUnroutable,
    ),
    (
        "global_messages_confirmed_total",
        "Total number of messages confirmed to publishers",
        Kind::Confirm,
    ),
];

/// What consumers did, by queue type.
const CONSUMING: [(&str, &str, &[Kind]); 8] = [
    (
        "global_messages_delivered_total",
        "Total number of messages delivered to consumers",
        &[Kind::Deliver, Kind::DeliverNoAck, Kind::Get, Kind::GetNoAck],
    ),
    (
        "global_messages_delivered_consume_manual_ack_total",
        "Total number of messages delivered to consumers using basic.consume with manual acknowledgment",
        &[Kind::Deliver],
    ),
    (
        "global_messages_delivered_consume_auto_ack_total",
        "Total number of messages delivered to consumers using basic.consume with automatic acknowledgment",
        &[Kind::DeliverNoAck],
    ),
    (
        "global_messages_delivered_get_manual_ack_total",
        "Total number of messages delivered to consumers using basic.get with manual acknowledgment",
        &[Kind::Get],
    ),
    (
        "global_messages_delivered_get_auto_ack_total",
        "Total number of messages delivered to consumers using basic.get with automatic acknowledgment",
        &[Kind::GetNoAck],
    ),
    (
        "global_messages_get_empty_total",
        "Total number of times basic.get operations fetched no message",
        &[Kind::GetEmpty],
    ),
    (
        "global_messages_redelivered_total",
        "Total number of messages redelivered to consumers",
        &[Kind::Redeliver],
    ),
    (
        "global_messages_acknowledged_total",
        "Total number of message acknowledgements received from consumers",
        &[Kind::Ack],
    ),
];

/// How messages died. The last one has no reason of its own: those that arrived for certain.
const DEAD_LETTERED: [(&str, &str, Option<DeadLetterReason>); 5] = [
    (
        "global_messages_dead_lettered_maxlen_total",
        "Total number of messages dead-lettered due to overflow drop-head or reject-publish-dlx",
        Some(DeadLetterReason::MaxLength),
    ),
    (
        "global_messages_dead_lettered_expired_total",
        "Total number of messages dead-lettered due to message TTL exceeded",
        Some(DeadLetterReason::Expired),
    ),
    (
        "global_messages_dead_lettered_rejected_total",
        "Total number of messages dead-lettered due to basic.reject or basic.nack",
        Some(DeadLetterReason::Rejected),
    ),
    (
        "global_messages_dead_lettered_delivery_limit_total",
        "Total number of messages dead-lettered due to delivery-limit exceeded",
        Some(DeadLetterReason::DeliveryLimit),
    ),
    (
        "global_messages_dead_lettered_confirmed_total",
        "Total number of messages dead-lettered and confirmed by target queues",
        None,
    ),
];

/// Why messages die.
const REASONS: [DeadLetterReason; 4] = [
    DeadLetterReason::MaxLength,
    DeadLetterReason::Expired,
    DeadLetterReason::Rejected,
    DeadLetterReason::DeliveryLimit,
];

/// What can go wrong on a stream's own protocol, which nobody speaks here yet.
const STREAM_ERRORS: [&str; 17] = [
    "stream_error_access_refused_total",
    "stream_error_authentication_failure_total",
    "stream_error_frame_too_large_total",
    "stream_error_internal_error_total",
    "stream_error_precondition_failed_total",
    "stream_error_publisher_does_not_exist_total",
    "stream_error_sasl_authentication_failure_loopback_total",
    "stream_error_sasl_challenge_total",
    "stream_error_sasl_error_total",
    "stream_error_sasl_mechanism_not_supported_total",
    "stream_error_stream_already_exists_total",
    "stream_error_stream_does_not_exist_total",
    "stream_error_stream_not_available_total",
    "stream_error_subscription_id_already_exists_total",
    "stream_error_subscription_id_does_not_exist_total",
    "stream_error_unknown_frame_total",
    "stream_error_vhost_access_failure_total",
];

/// As labels name a queue type.
pub(super) fn queue_type(queue_type: QueueType) -> &'static str {
    match queue_type {
        QueueType::Classic => "rabbit_classic_queue",
        QueueType::Quorum => "rabbit_quorum_queue",
        QueueType::Stream => "rabbit_stream_queue",
    }
}

/// Everything here. Each combination of labels is there from the start, so that the first event is a rise.
pub(super) fn all(text: &mut Text, site: &Site) {
    let totals = site.broker.totals();
    let protocol = Labels::of(&[("protocol", PROTOCOL)]);
    let published = totals.publishing.read();
    for (name, help, kind) in PUBLISHING {
        text.family(&Family::counter(name, help));
        text.sample(name, protocol.as_str(), published[kind]);
    }
    let usage = site.broker.usage();
    for (name, help, value) in [
        (
            "global_publishers",
            "Publishers currently connected",
            usage.publishers.count(),
        ),
        (
            "global_consumers",
            "Consumers currently connected",
            usage.consumers.count(),
        ),
    ] {
        text.family(&Family::gauge(name, help));
        text.sample(name, protocol.as_str(), value as u64);
    }
    let consumed = QueueType::ALL.map(|kind| (queue_type(kind), totals.consuming.of(kind).read()));
    for (name, help, kinds) in CONSUMING {
        text.family(&Family::counter(name, help));
        for (queue_type, activity) in &consumed {
            let labels = Labels::of(&[("protocol", PROTOCOL), ("queue_type", queue_type)]);
            let sum: u64 = kinds.iter().map(|kind| activity[*kind]).sum();
            text.sample(name, labels.as_str(), sum);
        }
    }
    dead_letters(text, site);
    let stream = Labels::of(&[("protocol", "stream")]);
    for name in STREAM_ERRORS {
        let help = "Total number of errors of this kind on the stream protocol";
        text.family(&Family::counter(name, help));
        text.sample(name, stream.as_str(), 0);
    }
    sizes(text, site);
}

/// By queue type and strategy. Without a dead-letter exchange nothing is counted.
fn dead_letters(text: &mut Text, site: &Site) {
    let totals = &site.broker.totals().dead_letters;
    for (name, help, reason) in DEAD_LETTERED {
        text.family(&Family::counter(name, help));
        for kind in [QueueType::Classic, QueueType::Quorum] {
            for (strategy, held) in [
                ("disabled", None),
                ("at_most_once", Some(false)),
                ("at_least_once", Some(true)),
            ] {
                let labels = Labels::of(&[
                    ("queue_type", queue_type(kind)),
                    ("dead_letter_strategy", strategy),
                ]);
                let count = held.map_or(0, |held| {
                    let counts = totals.of(kind, held);
                    match reason {
                        Some(reason) => counts.of(reason),
                        // Those that are held count when they have arrived.
                        None if held => REASONS.iter().map(|reason| counts.of(*reason)).sum(),
                        None => 0,
                    }
                });
                text.sample(name, labels.as_str(), count);
            }
        }
    }
}

/// Upper bounds as dashboards look for them, character by character.
const BOUNDS: [&str; MESSAGE_SIZES.len()] = [
    "100.0", "1000.0", "10000.0", "100000.0", "1e+06", "1e+07", "5e+07", "1e+08",
];

fn sizes(text: &mut Text, site: &Site) {
    const SIZES: Family = Family::new(
        "message_size_bytes",
        family::Kind::Histogram,
        "Size of messages received from publishers",
    );
    let sizes = site.broker.totals().sizes.read();
    text.family(&SIZES);
    let mut count = 0;
    let bounds = BOUNDS.into_iter().chain(["+Inf"]);
    for (bound, more) in bounds.zip(sizes.counts) {
        count += more;
        let labels = Labels::of(&[("protocol", PROTOCOL), ("le", bound)]);
        text.sample("message_size_bytes_bucket", labels.as_str(), count);
    }
    let protocol = Labels::of(&[("protocol", PROTOCOL)]);
    text.sample("message_size_bytes_count", protocol.as_str(), count);
    text.sample("message_size_bytes_sum", protocol.as_str(), sizes.bytes);
}
