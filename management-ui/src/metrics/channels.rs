//! What is told of channels, one by one or added up.

use ferrymq_broker::clients::{ClientChannel, ClientConnection};
use ferrymq_broker::stats::{Activity, ChannelSums, Kind};

use super::connections::token;
use super::family::{Column, counter, gauge};
use super::text::Labels;

/// What there is to tell of one channel, and its labels.
pub(super) fn row(connection: &ClientConnection, channel: &ClientChannel) -> (Labels, ChannelSums) {
    (labels(connection, channel), ChannelSums::of(channel))
}

/// The labels of a channel.
pub(super) fn labels(connection: &ClientConnection, channel: &ClientChannel) -> Labels {
    let mut labels = Labels::of(&[("channel", &token(connection, channel.number))]);
    if let Some(opened) = connection.opened() {
        labels.add("vhost", &opened.vhost);
    }
    labels
}

/// `channel_metrics`
pub(super) const METRICS: [Column<ChannelSums>; 7] = [
    gauge("channel_consumers", "Consumers on a channel", |sums| {
        sums.consumers.into()
    }),
    gauge(
        "channel_messages_unacked",
        "Delivered but not yet acknowledged messages",
        |sums| sums.unacked.into(),
    ),
    gauge(
        "channel_messages_unconfirmed",
        "Published but not yet confirmed messages",
        |sums| sums.unconfirmed.into(),
    ),
    gauge(
        "channel_messages_uncommitted",
        "Messages received in a transaction but not yet committed",
        |sums| sums.uncommitted_messages.into(),
    ),
    gauge(
        "channel_acks_uncommitted",
        "Message acknowledgements in a transaction not yet committed",
        |sums| sums.uncommitted_acks.into(),
    ),
    gauge(
        "consumer_prefetch",
        "Limit of unacknowledged messages for each consumer",
        |sums| sums.prefetch.into(),
    ),
    gauge(
        "channel_prefetch",
        "Total limit of unacknowledged messages for all consumers on a channel",
        |sums| sums.global_prefetch.into(),
    ),
];

/// `channel_process_metrics`
pub(super) const PROCESS: [Column<ChannelSums>; 1] = [counter(
    "channel_process_reductions_total",
    "Total number of channel process reductions",
    |_| 0.into(),
)];

/// `channel_exchange_metrics`
pub(super) const PUBLISHING: [Column<Activity>; 4] = [
    counter(
        "channel_messages_published_total",
        "Total number of messages published into an exchange on a channel",
        |activity| activity[Kind::Publish].into(),
    ),
    counter(
        "channel_messages_confirmed_total",
        "Total number of messages published into an exchange and confirmed on the channel",
        |activity| activity[Kind::Confirm].into(),
    ),
    counter(
        "channel_messages_unroutable_returned_total",
        "Total number of messages published as mandatory into an exchange and returned to the publisher as unroutable",
        |activity| activity[Kind::ReturnUnroutable].into(),
    ),
    counter(
        "channel_messages_unroutable_dropped_total",
        "Total number of messages published as non-mandatory into an exchange and dropped as unroutable",
        |activity| activity[Kind::DropUnroutable].into(),
    ),
];

/// `channel_queue_metrics`
pub(super) const CONSUMING: [Column<Activity>; 7] = [
    counter(
        "channel_get_ack_total",
        "Total number of messages fetched with basic.get in manual acknowledgement mode",
        |activity| activity[Kind::Get].into(),
    ),
    counter(
        "channel_get_total",
        "Total number of messages fetched with basic.get in automatic acknowledgement mode",
        |activity| activity[Kind::GetNoAck].into(),
    ),
    counter(
        "channel_messages_delivered_ack_total",
        "Total number of messages delivered to consumers in manual acknowledgement mode",
        |activity| activity[Kind::Deliver].into(),
    ),
    counter(
        "channel_messages_delivered_total",
        "Total number of messages delivered to consumers in automatic acknowledgement mode",
        |activity| activity[Kind::DeliverNoAck].into(),
    ),
    counter(
        "channel_messages_redelivered_total",
        "Total number of messages redelivered to consumers",
        |activity| activity[Kind::Redeliver].into(),
    ),
    counter(
        "channel_messages_acked_total",
        "Total number of messages acknowledged by consumers",
        |activity| activity[Kind::Ack].into(),
    ),
    counter(
        "channel_get_empty_total",
        "Total number of times basic.get operations fetched no message",
        |activity| activity[Kind::GetEmpty].into(),
    ),
];
