//! What is told of channels and queues by exchange and queue. Where that is not counted, it is told of each channel
//! and of each queue alone.

use std::sync::Arc;

use ferrymq_broker::Broker;
use ferrymq_broker::clients::{ClientChannel, ClientConnection};
use ferrymq_broker::stats::flows::{ChannelFlows, RoutedEnds};
use ferrymq_broker::stats::{Activity, Kind};

use super::channels;
use super::connections::token;
use super::detailed::Wanted;
use super::family::{Column, counter};
use super::queues::QueueRow;
use super::registry::Rows;
use super::text::Labels;

/// `channel_queue_exchange_metrics`
pub(super) const PUBLISHED: [Column<u64>; 1] = [counter(
    "queue_messages_published_total",
    "Total number of messages published into a queue",
    |published| (*published).into(),
)];

/// `queue_exchange_metrics`
pub(super) const EXCHANGES: [Column<u64>; 1] = [counter(
    "queue_exchange_messages_published_total",
    "Total number of messages published into a queue through an exchange",
    |published| (*published).into(),
)];

/// What channels published, by exchange.
pub(super) fn publishing(broker: &Broker, wanted: &Wanted) -> Rows<Activity> {
    of_channels(broker, wanted, |flows, labels| {
        let exchanges = flows.exchanges.all().into_iter();
        let named = exchanges.filter_map(|(exchange, flow)| {
            let labels = with(labels, &[("exchange", exchange.get()?.name.as_str())]);
            Some((labels, flow.counters.read()))
        });
        named.collect()
    })
}

/// What channels consumed, by queue.
pub(super) fn consuming(broker: &Broker, wanted: &Wanted) -> Rows<Activity> {
    of_channels(broker, wanted, |flows, labels| {
        let queues = flows.queues.all().into_iter();
        let named = queues.filter_map(|(queue, flow)| {
            let queue = queue
                .get()
                .filter(|queue| wanted.has_queue(queue.name.as_str()))?;
            let labels = with(labels, &[("queue", queue.name.as_str())]);
            Some((labels, flow.counters.read()))
        });
        named.collect()
    })
}

/// What `by_end` tells of the flows of each channel, and of what is not told apart the sum; of a channel whose
/// flows are not counted, all of it.
fn of_channels(
    broker: &Broker,
    wanted: &Wanted,
    by_end: impl Fn(&ChannelFlows, &Labels) -> Vec<(Labels, Activity)>,
) -> Rows<Activity> {
    let mut rows = Vec::new();
    each_channel(broker, wanted, |connection, channel| {
        let labels = channels::labels(connection, channel);
        let rest = match &channel.flows {
            None => channel.counters.read(),
            Some(flows) => {
                rows.extend(by_end(flows, &labels));
                flows.rest.counters.read()
            }
        };
        if channel.flows.is_none() || !rest.is_zero() {
            rows.push((labels, rest));
        }
    });
    Arc::new(rows)
}

/// What went into queues: through each exchange on each channel, or, where that is not counted, into each of `queues`
/// at all.
pub(super) fn into_queues(broker: &Broker, wanted: &Wanted, queues: &Rows<QueueRow>) -> Rows<u64> {
    let mut rows = Vec::new();
    if broker.totals().flows.is_none() {
        let queues = queues.iter();
        rows.extend(queues.map(|(labels, row)| (labels.clone(), row.activity[Kind::Publish])));
        return Arc::new(rows);
    }
    each_channel(broker, wanted, |connection, channel| {
        let Some(flows) = &channel.flows else {
            return;
        };
        let token = token(connection, channel.number);
        for (ends, routed) in flows.routed.all() {
            if let Some((exchange, queue)) = names(&ends, wanted) {
                let vhost = vhost_of(connection);
                let labels = Labels::of(&[
                    ("channel", &token),
                    ("queue_vhost", vhost),
                    ("queue", &queue),
                    ("exchange_vhost", vhost),
                    ("exchange", &exchange),
                ]);
                rows.push((labels, routed.published()));
            }
        }
        let rest = flows.rest.counters.read()[Kind::Route];
        if rest > 0 {
            rows.push((channels::labels(connection, channel), rest));
        }
    });
    Arc::new(rows)
}

/// What went through exchanges into queues, on any channel or none. Nothing where that is not counted.
pub(super) fn through_exchanges(broker: &Broker, wanted: &Wanted) -> Rows<u64> {
    let mut rows = Vec::new();
    for vhost in broker.vhosts().values() {
        if !wanted.has_vhost(vhost.name()) {
            continue;
        }
        let in_vhost = Labels::of(&[("vhost", vhost.name())]);
        for (ends, routed) in vhost.routed().flows.all() {
            if let Some((exchange, queue)) = names(&ends, wanted) {
                let ends = [("exchange", &*exchange), ("queue", &*queue)];
                rows.push((with(&in_vhost, &ends), routed.published()));
            }
        }
        let rest = vhost.routed().rest.published();
        if rest > 0 {
            rows.push((in_vhost, rest));
        }
    }
    Arc::new(rows)
}

/// Gives each channel in the vhosts that are wanted, with its connection.
fn each_channel(
    broker: &Broker,
    wanted: &Wanted,
    mut give: impl FnMut(&ClientConnection, &ClientChannel),
) {
    let connections = broker.clients().all().into_iter();
    for connection in connections.filter(|connection| wanted.has_vhost(vhost_of(connection))) {
        for channel in connection.channels() {
            give(&connection, &channel);
        }
    }
}

/// Its name; empty before a connection has been let into one, when it has no channels yet.
fn vhost_of(connection: &ClientConnection) -> &str {
    connection.opened().map_or("", |opened| &opened.vhost)
}

/// The names of an exchange and a queue, if both are there and the queue is wanted.
fn names((exchange, queue): &RoutedEnds, wanted: &Wanted) -> Option<(String, String)> {
    let (exchange, queue) = (exchange.get()?, queue.get()?);
    let queue = queue.name.as_str();
    wanted
        .has_queue(queue)
        .then(|| (exchange.name.as_str().to_owned(), queue.to_owned()))
}

fn with(labels: &Labels, more: &[(&str, &str)]) -> Labels {
    let mut labels = labels.clone();
    for (name, value) in more {
        labels.add(name, value);
    }
    labels
}
