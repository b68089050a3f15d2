//! What a channel counts by exchange and queue, where that is counted at all.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::stats::flows::{ChannelFlows, Flow};
use crate::stats::{ExchangeTotals, Kind};
use crate::vhost::{Route, VHost};

/// A publisher's side of [`ChannelFlows`].
pub struct PublisherFlows {
    flows: Arc<ChannelFlows>,
    /// Where the latest publishes were counted.
    latest: Arc<Flow>,
    /// Runs of publishes that wait for their confirm, in the order of their tags. Bounded by what may wait for
    /// the log.
    unconfirmed: VecDeque<(Arc<Flow>, u64)>,
}

impl PublisherFlows {
    /// Nothing was published yet.
    pub fn new(flows: &Arc<ChannelFlows>) -> Self {
        Self {
            flows: Arc::clone(flows),
            latest: Arc::clone(&flows.rest),
            unconfirmed: VecDeque::new(),
        }
    }

    /// Messages went along `route`.
    pub fn published(&mut self, vhost: &VHost, route: &Route, count: u64) {
        self.latest = self.to(route.totals());
        self.latest.counters.add(Kind::Publish, count);
        if let Some(exchange) = route.totals() {
            for queue in route.bound_queues() {
                self.flows.route(vhost.routed(), exchange, queue, count);
            }
        }
    }

    /// A message came back or was dropped, as `kind` says, because it reached no queue.
    pub fn unroutable(&self, route: &Route, kind: Kind) {
        self.to(route.totals()).counters.add(kind, 1);
    }

    /// The latest publishes will be confirmed.
    pub fn to_confirm(&mut self, count: u64) {
        match self.unconfirmed.back_mut() {
            Some((flow, waiting)) if Arc::ptr_eq(flow, &self.latest) => *waiting += count,
            _ => {
                let latest = Arc::clone(&self.latest);
                self.unconfirmed.push_back((latest, count));
            }
        }
    }

    /// The next `count` publishes are confirmed, or refused, as `kind` says.
    pub fn confirmed(&mut self, kind: Kind, mut count: u64) {
        while count > 0
            && let Some((flow, waiting)) = self.unconfirmed.front_mut()
        {
            let answered = count.min(*waiting);
            flow.counters.add(kind, answered);
            *waiting -= answered;
            count -= answered;
            if *waiting == 0 {
                self.unconfirmed.pop_front();
            }
        }
    }

    fn to(&self, exchange: Option<&Arc<ExchangeTotals>>) -> Arc<Flow> {
        match exchange {
            Some(exchange) => self.flows.to(exchange),
            None => Arc::clone(&self.flows.rest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::flows::{FlowRoom, Identity};

    #[test]
    fn confirms_are_counted_where_their_messages_were() {
        let room = Arc::new(FlowRoom::default());
        let flows = Arc::new(ChannelFlows::new(&room));
        let mut publisher = PublisherFlows::new(&flows);
        let exchange = |name: &str| Arc::new(ExchangeTotals::new(name.into()));
        let (a, b) = (exchange("a"), exchange("b"));
        for (exchange, count) in [(&a, 2), (&b, 1), (&a, 3)] {
            publisher.latest = flows.to(exchange);
            publisher.to_confirm(count);
        }
        publisher.confirmed(Kind::Confirm, 4);
        publisher.confirmed(Kind::Nack, 1);
        let counted = |exchange| {
            let flow = flows.exchanges.get(&Identity::of(exchange));
            let counted = flow.expect("a flow").counters.read();
            (counted[Kind::Confirm], counted[Kind::Nack])
        };
        assert_eq!((counted(&a), counted(&b)), ((3, 1), (1, 0)));
        assert_eq!(publisher.unconfirmed.len(), 1, "one still waits");
        publisher.confirmed(Kind::Confirm, 9);
        assert_eq!(counted(&a), (4, 1));
    }
}
