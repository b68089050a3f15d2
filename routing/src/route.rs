//! From an exchange to queues: over bindings between exchanges and over alternate exchanges.

use ferrymq_amqp::Properties;
use smallvec::SmallVec;

use crate::binding_set::BindingSet;
use crate::distinct::Distinct;
use crate::topology::{Node, Topology};
use crate::{Destination, ExchangeName, QueueName};

/// What of a message decides where it goes.
#[derive(Debug, Clone, Copy)]
pub struct RouteInput<'a> {
    /// The published routing key, then those in the headers `CC` and `BCC`.
    pub routing_keys: &'a [&'a str],
    /// The message's properties, for exchanges that look at them.
    pub properties: Option<&'a Properties<'a>>,
    /// Any number, drawn anew for each message.
    pub random: u64,
}

/// Where a message goes. Meant to be used again and again: it keeps its allocation.
#[derive(Debug, Clone, Default)]
pub struct Routed {
    /// The queues, each once.
    pub queues: Vec<QueueName>,
    /// Whether headers, properties or chance had a say. If not, every message with this exchange and these
    /// routing keys goes to the same queues, until the topology changes.
    pub depends_on_message: bool,
}

/// What has been reached on the way.
pub(crate) struct Reached<'t, 'r> {
    routed: &'r mut Routed,
    /// Exchanges to go on from.
    exchanges: SmallVec<[&'t ExchangeName; 8]>,
    /// Whether the exchange being asked has led anywhere.
    anywhere: bool,
    /// How often queues were added; within one time they differ.
    additions: usize,
}

impl Topology {
    /// Which queues a message published to `exchange` reaches: each once, whichever and however many ways
    /// lead there. No exchange is asked twice. A missing exchange leads nowhere.
    pub fn route(&self, exchange: &str, input: &RouteInput<'_>, routed: &mut Routed) {
        let mut reached = Reached::new(routed);
        if exchange.is_empty() {
            self.route_by_queue_name(input, &mut reached);
        } else {
            self.route_through_exchanges(exchange, input, &mut reached);
        }
        reached.finish();
    }

    fn route_through_exchanges<'t>(
        &'t self,
        first: &str,
        input: &RouteInput<'_>,
        reached: &mut Reached<'t, '_>,
    ) {
        let mut visited = Distinct::new();
        if let Some(node) = self.node(first) {
            visited.add(node);
        }
        let mut next = 0;
        while let Some(node) = visited.get(next) {
            next += 1;
            self.ask(node, input, reached);
            for exchange in reached.exchanges.drain(..) {
                if let Some(node) = self.node(exchange.as_str()) {
                    visited.add(node);
                }
            }
        }
    }

    /// Asks one exchange, and sends what it leads nowhere on to its alternate exchange.
    fn ask<'t>(&'t self, node: &'t Node, input: &RouteInput<'_>, reached: &mut Reached<'t, '_>) {
        reached.anywhere = false;
        if node.exchange.name.is_default() {
            self.route_by_queue_name(input, reached);
        } else {
            node.matcher.route(&node.outgoing, input, reached);
        }
        if !reached.anywhere {
            reached.exchanges.extend(node.alternate());
        }
    }

    /// The default exchange: every queue is bound to it by its name.
    fn route_by_queue_name<'t>(&'t self, input: &RouteInput<'_>, reached: &mut Reached<'t, '_>) {
        for key in input.routing_keys {
            if let Some(queue) = self.queue_name(key) {
                reached.add_queue(queue);
            }
        }
    }
}

impl<'t, 'r> Reached<'t, 'r> {
    fn new(routed: &'r mut Routed) -> Self {
        routed.queues.clear();
        routed.depends_on_message = false;
        Self {
            routed,
            exchanges: SmallVec::new(),
            anywhere: false,
            additions: 0,
        }
    }

    /// Says that other messages with the same routing keys may go elsewhere.
    pub(crate) fn decided_by_message(&mut self) {
        self.routed.depends_on_message = true;
    }

    /// Adds one destination.
    pub(crate) fn add(&mut self, destination: &'t Destination) {
        self.add_each(std::iter::once(destination));
    }

    /// Adds the destinations of all these bindings, which have one source.
    pub(crate) fn add_all(&mut self, bindings: &'t BindingSet) {
        self.add_each(bindings.iter().map(|binding| binding.destination()));
    }

    /// Adds destinations in their order; of equal ones in a row only the first.
    pub(crate) fn add_each(&mut self, destinations: impl Iterator<Item = &'t Destination>) {
        let mut last = None;
        for destination in destinations {
            if last == Some(destination) {
                continue;
            }
            last = Some(destination);
            match destination {
                Destination::Queue(queue) => self.routed.queues.push(queue.clone()),
                Destination::Exchange(exchange) => self.exchanges.push(exchange),
            }
        }
        if last.is_some() {
            self.anywhere = true;
            self.additions += 1;
        }
    }

    fn add_queue(&mut self, queue: &QueueName) {
        self.routed.queues.push(queue.clone());
        self.anywhere = true;
        self.additions += 1;
    }

    /// Leaves each queue once.
    fn finish(self) {
        let queues = &mut self.routed.queues;
        if self.additions > 1 && queues.len() > 1 {
            queues.sort_unstable();
            queues.dedup();
        }
    }
}
