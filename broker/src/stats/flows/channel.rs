//! What a channel has to do with exchanges and queues.

use std::sync::Arc;

use super::room::FlowRoom;
use super::routed::{RoutedFlows, RoutedTotals};
use super::table::FlowTable;
use super::{Identity, RoutedEnds};
use crate::limits::Ticket;
use crate::queue::shared::SharedQueue;
use crate::stats::{Counter, Counters, ExchangeTotals, History, Kind, MessageField};
use crate::vhost::VHost;

/// What passed between a channel and an exchange or a queue.
#[derive(Debug, Default)]
pub struct Flow {
    /// How many messages each happened to.
    pub counters: Counters,
    /// How that went.
    pub history: History<MessageField>,
    _counts: Option<Ticket>,
}

impl Flow {
    fn new(ticket: Ticket) -> Self {
        Self {
            _counts: Some(ticket),
            ..Self::default()
        }
    }

    /// Counts a message that is sent.
    pub(crate) fn count_sent(&self, kind: Kind, again: bool) {
        self.counters.add(kind, 1);
        if again {
            self.counters.add(Kind::Redeliver, 1);
        }
    }
}

/// What a channel published through an exchange into a queue.
#[derive(Debug)]
pub struct ChannelRouted {
    published: Counter,
    /// The same of all channels.
    of_all: Arc<RoutedTotals>,
    _counts: Ticket,
}

impl ChannelRouted {
    /// How many messages.
    pub fn published(&self) -> u64 {
        self.published.get()
    }
}

/// All flows of a channel.
pub struct ChannelFlows {
    room: Arc<FlowRoom>,
    /// With the exchanges that it published to.
    pub exchanges: FlowTable<Identity<ExchangeTotals>, Flow>,
    /// With the queues that it consumed or fetched from.
    pub queues: FlowTable<Identity<SharedQueue>, Flow>,
    /// From exchanges into queues.
    pub routed: FlowTable<RoutedEnds, ChannelRouted>,
    /// What there was no room to tell apart, of all three: their kinds differ.
    pub rest: Arc<Flow>,
}

impl ChannelFlows {
    /// None yet.
    pub(crate) fn new(room: &Arc<FlowRoom>) -> Self {
        Self {
            room: Arc::clone(room),
            exchanges: FlowTable::default(),
            queues: FlowTable::default(),
            routed: FlowTable::default(),
            rest: Arc::default(),
        }
    }

    /// Where what passes to `exchange` is counted.
    pub(crate) fn to(&self, exchange: &Arc<ExchangeTotals>) -> Arc<Flow> {
        let flow = self.exchanges.find(Identity::of(exchange), || self.begin());
        flow.unwrap_or_else(|| Arc::clone(&self.rest))
    }

    /// Where what comes from `queue` is counted.
    pub(crate) fn from(&self, queue: &Arc<SharedQueue>) -> Arc<Flow> {
        let flow = self.queues.find(Identity::of(queue), || self.begin());
        flow.unwrap_or_else(|| Arc::clone(&self.rest))
    }

    fn begin(&self) -> Option<Flow> {
        self.room.take().map(Flow::new)
    }

    /// Counts messages that went through `exchange` into `queue`; `of_all`: the flows of their vhost.
    pub(crate) fn route(
        &self,
        of_all: &RoutedFlows,
        exchange: &Arc<ExchangeTotals>,
        queue: &Arc<SharedQueue>,
        count: u64,
    ) {
        let ends = (Identity::of(exchange), Identity::of(queue));
        let begin = || {
            Some(ChannelRouted {
                published: Counter::default(),
                of_all: of_all.find(&self.room, ends.clone()),
                _counts: self.room.take()?,
            })
        };
        if let Some(routed) = self.routed.find(ends.clone(), begin) {
            routed.published.add(count);
            routed.of_all.add(count);
        } else {
            self.rest.counters.add(Kind::Route, count);
            of_all.find(&self.room, ends).add(count);
        }
    }

    /// All that have a history, in no order.
    pub(in crate::stats) fn all(&self) -> impl Iterator<Item = Arc<Flow>> + use<> {
        let exchanges = self.exchanges.all().into_iter().map(|(_, flow)| flow);
        let queues = self.queues.all().into_iter().map(|(_, flow)| flow);
        exchanges.chain(queues)
    }

    /// Forgets those with what is not in `vhost` any more.
    pub(in crate::stats) fn prune(&self, vhost: &VHost) {
        self.exchanges
            .retain(|exchange| vhost.has_exchange(exchange));
        self.queues.retain(|queue| vhost.has_queue(queue));
        self.routed.retain(|ends| vhost.has_both(ends));
    }
}

#[cfg(test)]
mod tests {
    use ferrymq_amqp::FieldTable;

    use super::*;
    use crate::actor::Actor;
    use crate::broker::Broker;
    use crate::config::Config;
    use crate::queue::arguments::Flags;
    use crate::queue::shared::Work;
    use crate::vhost::QueueDeclare;

    fn exchange(name: &str) -> Arc<ExchangeTotals> {
        Arc::new(ExchangeTotals::new(name.into()))
    }

    #[test]
    fn what_has_no_room_is_counted_all_the_same() {
        let room = FlowRoom::for_tests(1);
        let flows = ChannelFlows::new(&room);
        let (a, b) = (exchange("a"), exchange("b"));
        flows.to(&a).counters.add(Kind::Publish, 2);
        flows.to(&b).counters.add(Kind::Publish, 3);
        flows.to(&a).counters.add(Kind::Publish, 2);
        let told_apart = flows.exchanges.get(&Identity::of(&a));
        let told_apart = told_apart.expect("there was room");
        assert_eq!(told_apart.counters.read()[Kind::Publish], 4);
        assert!(flows.exchanges.get(&Identity::of(&b)).is_none());
        assert_eq!(flows.rest.counters.read()[Kind::Publish], 3);
        drop((flows, told_apart));
        assert_eq!(room.flows(), 0);
    }
    #[test]
    fn what_goes_into_queues_is_summed_up_before_it_is_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let config = Config {
            data_dir: directory.path().to_owned(),
            ..Config::default()
        };
        let broker = Broker::open(config).unwrap();
        let vhost = broker.vhost("/").unwrap();
        let actor = Actor {
            user: broker.users().user("guest").unwrap(),
            connection: None,
        };
        let queue = |name: &str| {
            let declare = QueueDeclare {
                name: name.to_owned(),
                flags: Flags::default(),
                arguments: FieldTable::default(),
            };
            let declared = vhost.declare_queue(&actor, declare, &mut Work::default());
            assert!(declared.is_ok());
            Arc::clone(&vhost.snapshot().queues[name])
        };
        let (x, q, r) = (exchange("x"), queue("q"), queue("r"));
        let flows = ChannelFlows::new(&FlowRoom::for_tests(1));
        flows.route(vhost.routed(), &x, &q, 2);
        flows.route(vhost.routed(), &x, &q, 2);
        flows.route(vhost.routed(), &x, &r, 3);
        assert!(flows.routed.all().is_empty());
        assert_eq!(flows.rest.counters.read()[Kind::Route], 7);
        let summed_up = vhost.routed().flows.all();
        assert_eq!(summed_up.len(), 1);
        assert_eq!(summed_up[0].1.published(), 4);
        assert_eq!(vhost.routed().rest.published(), 3);
    }
}
