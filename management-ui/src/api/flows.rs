//! What passed between whom, as lists in answers about one of both. All are empty unless `statistics.rates_mode` is
//! `detailed`.

use std::sync::Arc;

use ferrymq_broker::clients::ClientChannel;
use ferrymq_broker::queue::shared::SharedQueue;
use ferrymq_broker::stats::flows::{ChannelFlows, Flow, Identity, RoutedTotals};
use ferrymq_broker::stats::{ExchangeField, ExchangeTotals};
use ferrymq_broker::vhost::VHost;
use serde_json::{Value, json};

use super::consumers::channel_details;
use crate::http::Site;
use crate::query::{Shown, View};
use crate::statistics::{FROM_QUEUES, Kinds, Numbers, TO_EXCHANGES, message_stats};

/// Where flows are looked for, and what is shown of them.
pub(super) struct Flows<'a> {
    site: &'a Site,
    view: &'a View,
    vhost: &'a str,
}

impl<'a> Flows<'a> {
    /// Those in `vhost`.
    pub(super) fn new(site: &'a Site, view: &'a View, vhost: &'a str) -> Self {
        Self { site, view, vhost }
    }

    /// `publishes` of a channel: to which exchanges.
    pub(super) fn publishes(&self, channel: &ClientChannel) -> Value {
        let flows = channel.flows.as_ref();
        let found = flows.into_iter().flat_map(|flows| flows.exchanges.all());
        let shown = found.filter_map(|(exchange, flow)| {
            let stats = self.stats(&flow, TO_EXCHANGES)?;
            Some((exchange.get()?.name.as_str().to_owned(), stats))
        });
        self.sorted("exchange", shown)
    }

    /// `deliveries` of a channel: from which queues.
    pub(super) fn deliveries(&self, channel: &ClientChannel) -> Value {
        let flows = channel.flows.as_ref();
        let found = flows.into_iter().flat_map(|flows| flows.queues.all());
        let shown = found.filter_map(|(queue, flow)| {
            let stats = self.stats(&flow, FROM_QUEUES)?;
            Some((queue.get()?.name.as_str().to_owned(), stats))
        });
        self.sorted("queue", shown)
    }

    /// `deliveries` of a queue: to which channels.
    pub(super) fn left_queue(&self, queue: &Arc<SharedQueue>) -> Value {
        let queue = Identity::of(queue);
        self.of_channels(|flows| self.stats(&*flows.queues.get(&queue)?, FROM_QUEUES))
    }

    /// `incoming` of an exchange: from which channels.
    pub(super) fn entered_exchange(&self, exchange: &Arc<ExchangeTotals>) -> Value {
        let exchange = Identity::of(exchange);
        self.of_channels(|flows| self.stats(&*flows.exchanges.get(&exchange)?, TO_EXCHANGES))
    }

    /// `incoming` of a queue: through which exchanges.
    pub(super) fn entered_queue(&self, vhost: &VHost, queue: &Arc<SharedQueue>) -> Value {
        let found = vhost.routed().flows.select(|(_, to)| to.is(Some(queue)));
        let shown = found.into_iter().filter_map(|((exchange, _), routed)| {
            Some((
                exchange.get()?.name.as_str().to_owned(),
                self.routed(&routed),
            ))
        });
        self.sorted("exchange", shown)
    }

    /// `outgoing` of an exchange: into which queues.
    pub(super) fn left_exchange(&self, vhost: &VHost, exchange: &Arc<ExchangeTotals>) -> Value {
        let flows = &vhost.routed().flows;
        let found = flows.select(|(from, _)| from.is(Some(exchange)));
        let shown = found.into_iter().filter_map(|((_, queue), routed)| {
            Some((queue.get()?.name.as_str().to_owned(), self.routed(&routed)))
        });
        self.sorted("queue", shown)
    }

    /// By name; `end` is what has it.
    fn sorted(&self, end: &str, flows: impl Iterator<Item = (String, Value)>) -> Value {
        let mut flows: Vec<_> = flows.collect();
        flows.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let flows = flows.into_iter();
        flows
            .map(|(name, stats)| json!({ "stats": stats, end: { "name": name, "vhost": self.vhost } }))
            .collect()
    }

    /// Of each channel in the vhost what `stats` finds, if anything.
    fn of_channels(&self, stats: impl Fn(&ChannelFlows) -> Option<Value>) -> Value {
        if self.site.broker.totals().flows.is_none() {
            return json!([]);
        }
        let connections = self.site.broker.clients().all().into_iter();
        let connections = connections.filter(|connection| {
            let opened = connection.opened();
            opened.is_some_and(|opened| &*opened.vhost == self.vhost)
        });
        let channels = connections.flat_map(|connection| connection.channels());
        let shown = channels.filter_map(|channel| {
            let stats = stats(channel.flows.as_ref()?)?;
            let details = channel_details(&channel, self.site);
            Some(json!({ "stats": stats, "channel_details": details }))
        });
        shown.collect()
    }

    fn stats(&self, flow: &Flow, kinds: Kinds) -> Option<Value> {
        let (activity, range) = (flow.counters.read(), self.view.ranges.messages);
        let stats = message_stats(self.numbers(), &activity, kinds, |fields, moments| {
            flow.history.details(fields, moments, range)
        });
        Some(stats?.into_map().into())
    }

    fn numbers(&self) -> Numbers<'a> {
        Numbers::new(self.site, Shown::default())
    }

    fn routed(&self, routed: &RoutedTotals) -> Value {
        let mut numbers = self.numbers();
        let range = self.view.ranges.messages;
        numbers.add("publish", routed.published(), |moments| {
            let field = [ExchangeField::Out];
            routed.history.details(&field, moments, range)
        });
        numbers.into_map().into()
    }
}
