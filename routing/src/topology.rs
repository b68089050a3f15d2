//! One vhost's exchanges, queue names and bindings: declaring, binding, and what goes along with what.

use std::sync::Arc;

use imbl::OrdMap;

use crate::binding_set::BindingSet;
use crate::matcher::Matcher;
use crate::{Binding, Destination, Error, Exchange, ExchangeKind, ExchangeName, Map, QueueName};

/// The longest binding key, in bytes. The wire cannot carry longer ones, and matchers rely on it.
const MAX_ROUTING_KEY_BYTES: usize = 255;

/// One vhost's exchanges, queue names and bindings.
///
/// A value: cloning it costs nothing, and what is then changed in the clone is not in the original.
/// The cost of a change does not depend on how much there is already.
#[derive(Debug, Clone)]
pub struct Topology {
    exchanges: Map<ExchangeName, Arc<Node>>,
    /// The same exchanges, in the order of their names.
    ordered: OrdMap<ExchangeName, Arc<Exchange>>,
    /// The bindings to each queue.
    queues: Map<QueueName, BindingSet>,
}

/// An exchange among the others.
///
/// Invariant: a binding is in `outgoing` and `matcher` of its source, and in the bindings to its
/// destination; or in none of them.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) matcher: Matcher,
    /// The bindings from this exchange.
    pub(crate) outgoing: BindingSet,
    /// The bindings to this exchange.
    incoming: BindingSet,
    policy_alternate: Option<ExchangeName>,
    /// The alternate exchange, by argument or else by policy.
    alternate: Option<ExchangeName>,
    /// Messages with a delay wait here, by declaration or policy.
    pub(crate) delays: bool,
}

/// What a change of the topology took away.
#[derive(Debug, Default)]
pub struct Removed {
    /// The bindings that are gone.
    pub bindings: Vec<Arc<Binding>>,
    /// The exchanges that are gone: first the one that was to be deleted, then auto-delete exchanges which
    /// lost their last binding.
    pub exchanges: Vec<ExchangeName>,
}

impl Default for Topology {
    fn default() -> Self {
        Self::new()
    }
}

impl Topology {
    /// The topology of a new vhost: the default exchange and the predeclared `amq.*` ones.
    pub fn new() -> Self {
        let mut topology = Self {
            exchanges: Map::default(),
            ordered: OrdMap::new(),
            queues: Map::default(),
        };
        for (name, kind) in [
            ("", ExchangeKind::Direct),
            ("amq.direct", ExchangeKind::Direct),
            ("amq.fanout", ExchangeKind::Fanout),
            ("amq.topic", ExchangeKind::Topic),
            ("amq.headers", ExchangeKind::Headers),
            ("amq.match", ExchangeKind::Headers),
            ("amq.rabbitmq.trace", ExchangeKind::Topic),
        ] {
            topology.predeclare(name, kind, name == "amq.rabbitmq.trace");
        }
        topology
    }

    /// Adds the internal exchange that the broker publishes its events to.
    pub fn add_event_exchange(&mut self) {
        self.predeclare("amq.rabbitmq.event", ExchangeKind::Topic, true);
    }

    fn predeclare(&mut self, name: &str, kind: ExchangeKind, internal: bool) {
        let exchange = Exchange {
            durable: true,
            internal,
            ..Exchange::new(name, kind)
        };
        self.insert(exchange)
            .expect("predeclared exchanges have no arguments");
    }

    /// The exchange with this name; the empty name is the default exchange's.
    pub fn exchange(&self, name: &str) -> Option<&Arc<Exchange>> {
        self.node(name).map(|node| &node.exchange)
    }

    /// How many exchanges there are, with the default one.
    pub fn exchange_count(&self) -> usize {
        self.exchanges.len()
    }

    /// All exchanges with the default one, in the order of their names.
    pub fn exchanges(&self) -> impl DoubleEndedIterator<Item = &Arc<Exchange>> + ExactSizeIterator {
        self.ordered.values()
    }

    /// Whether there is a queue with this name.
    pub fn has_queue(&self, name: &str) -> bool {
        self.queues.contains_key(name)
    }

    /// All bindings that somebody made, in no particular order. The default exchange's are not among them.
    pub fn bindings(&self) -> impl Iterator<Item = &Arc<Binding>> {
        self.exchanges
            .values()
            .flat_map(|node| node.outgoing.iter())
    }

    /// The bindings from an exchange, in their order.
    pub fn bindings_from(&self, exchange: &str) -> impl Iterator<Item = &Arc<Binding>> {
        self.node(exchange)
            .into_iter()
            .flat_map(|node| node.outgoing.iter())
    }

    /// How many bindings there are from an exchange.
    pub fn count_from(&self, exchange: &str) -> usize {
        self.node(exchange).map_or(0, |node| node.outgoing.len())
    }

    /// How many bindings there are to an exchange.
    pub fn count_to_exchange(&self, exchange: &str) -> usize {
        self.node(exchange).map_or(0, |node| node.incoming.len())
    }

    /// The bindings to a queue, in their order.
    pub fn bindings_to_queue(&self, queue: &str) -> impl Iterator<Item = &Arc<Binding>> {
        self.queues
            .get(queue)
            .into_iter()
            .flat_map(BindingSet::iter)
    }

    /// The bindings to an exchange, in their order.
    pub fn bindings_to_exchange(&self, exchange: &str) -> impl Iterator<Item = &Arc<Binding>> {
        self.node(exchange)
            .into_iter()
            .flat_map(|node| node.incoming.iter())
    }

    /// Whether an exchange is the source of no binding.
    pub fn is_unused(&self, exchange: &str) -> bool {
        self.node(exchange)
            .is_none_or(|node| node.outgoing.is_empty())
    }

    /// Where an exchange sends what it cannot route; its argument counts before the policy.
    pub fn alternate(&self, exchange: &str) -> Option<&ExchangeName> {
        self.node(exchange)?.alternate()
    }

    /// Whether messages with a delay wait at an exchange, by its declaration or by policy.
    pub fn delays(&self, exchange: &str) -> bool {
        self.node(exchange).is_some_and(|node| node.delays)
    }

    /// Creates an exchange. Whether one that exists is what a client asked for, is for
    /// [`Exchange::check_equivalent`] to say.
    pub fn declare_exchange(&mut self, exchange: Exchange) -> Result<(), Error> {
        if exchange.name.is_default() {
            return Err(Error::DefaultExchange);
        }
        if self.exchanges.contains_key(&exchange.name) {
            return Err(Error::ExchangeExists(exchange.name));
        }
        self.insert(exchange)
    }

    /// Deletes an exchange, if it exists, and its bindings in both directions. The default exchange stays.
    pub fn delete_exchange(&mut self, name: &str) -> Removed {
        let mut removed = Removed::default();
        if let Some((name, _)) = self.exchanges.get_key_value(name)
            && !name.is_default()
        {
            self.delete_with_sources(vec![name.clone()], &mut removed);
        }
        removed
    }

    /// Says which alternate exchange the policies give an exchange; it counts unless the exchange has the
    /// argument.
    pub fn set_policy_alternate(&mut self, exchange: &str, alternate: Option<ExchangeName>) {
        // A look before: changing a node copies it.
        if self
            .node(exchange)
            .is_some_and(|node| node.policy_alternate != alternate)
            && let Some(node) = self.node_mut(exchange)
        {
            node.policy_alternate = alternate;
            node.alternate = node.exchange.alternate().map(ExchangeName::from);
            node.alternate = node.alternate.take().or(node.policy_alternate.clone());
        }
    }

    /// Says whether the policies have an exchange keep messages until their delay is over; it does
    /// anyway when it was declared to.
    pub fn set_policy_delays(&mut self, exchange: &str, delays: bool) {
        let changed = self.node(exchange).and_then(|node| {
            let delays = delays || node.exchange.delays();
            (node.delays != delays).then_some(delays)
        });
        // A look before: changing a node copies it.
        if let Some(delays) = changed
            && let Some(node) = self.node_mut(exchange)
        {
            node.delays = delays;
        }
    }

    /// The alternate exchange that the policies give an exchange, whether it counts or not.
    pub fn policy_alternate(&self, exchange: &str) -> Option<&ExchangeName> {
        self.node(exchange)?.policy_alternate.as_ref()
    }

    /// Adds a queue, if it is not there.
    pub fn add_queue(&mut self, name: QueueName) {
        if !self.has_queue(name.as_str()) {
            self.queues.insert(name, BindingSet::default());
        }
    }

    /// Removes a queue, if it is there, and the bindings to it.
    pub fn remove_queue(&mut self, name: &str) -> Removed {
        let mut removed = Removed::default();
        if let Some(incoming) = self.queues.remove(name) {
            let doomed = self.unbind_sources(&incoming, &mut removed);
            self.delete_with_sources(doomed, &mut removed);
        }
        removed
    }

    /// Adds a binding; whether it is new.
    pub fn bind(&mut self, binding: Binding) -> Result<bool, Error> {
        let binding = Arc::new(self.resolve(binding)?);
        // A look before: changing a node copies it.
        let node = self.node(binding.source().as_str());
        if node.is_some_and(|node| node.outgoing.get(&binding).is_some()) {
            return Ok(false);
        }
        let source = self.node_mut(binding.source().as_str()).expect("resolved");
        source.matcher.bind(&binding)?;
        source.outgoing.insert(Arc::clone(&binding));
        let incoming = self.incoming_mut(binding.destination()).expect("resolved");
        incoming.insert(Arc::clone(&binding));
        Ok(true)
    }

    /// Removes a binding, if it is there.
    pub fn unbind(&mut self, binding: &Binding) -> Removed {
        let mut removed = Removed::default();
        let source = self.node(binding.source().as_str());
        if let Some(binding) = source.and_then(|node| node.outgoing.get(binding)).cloned() {
            if let Some(incoming) = self.incoming_mut(binding.destination()) {
                incoming.remove(&binding);
            }
            let doomed = self.unbind_sources(&BindingSet::One(binding), &mut removed);
            self.delete_with_sources(doomed, &mut removed);
        }
        removed
    }

    pub(crate) fn node(&self, exchange: &str) -> Option<&Node> {
        self.exchanges.get(exchange).map(|node| &**node)
    }

    pub(crate) fn queue_name(&self, queue: &str) -> Option<&QueueName> {
        self.queues.get_key_value(queue).map(|(name, _)| name)
    }

    fn node_mut(&mut self, exchange: &str) -> Option<&mut Node> {
        self.exchanges.get_mut(exchange).map(Arc::make_mut)
    }

    fn incoming_mut(&mut self, destination: &Destination) -> Option<&mut BindingSet> {
        match destination {
            Destination::Queue(queue) => self.queues.get_mut(queue),
            Destination::Exchange(exchange) => self
                .node_mut(exchange.as_str())
                .map(|node| &mut node.incoming),
        }
    }

    fn insert(&mut self, exchange: Exchange) -> Result<(), Error> {
        let node = Node {
            matcher: Matcher::new(&exchange)?,
            alternate: exchange.alternate().map(ExchangeName::from),
            policy_alternate: None,
            delays: exchange.delays(),
            outgoing: BindingSet::default(),
            incoming: BindingSet::default(),
            exchange: Arc::new(exchange),
        };
        let name = node.exchange.name.clone();
        self.ordered
            .insert(name.clone(), Arc::clone(&node.exchange));
        self.exchanges.insert(name, Arc::new(node));
        Ok(())
    }

    /// Checks both ends of a new binding, and has it share the names of what it binds.
    fn resolve(&self, binding: Binding) -> Result<Binding, Error> {
        if binding.touches_default_exchange() {
            return Err(Error::DefaultExchange);
        }
        let key_bytes = binding.routing_key().len();
        if key_bytes > MAX_ROUTING_KEY_BYTES {
            return Err(Error::RoutingKeyTooLong(key_bytes));
        }
        let exchange_name = |name: &ExchangeName| match self.exchanges.get_key_value(name) {
            Some((name, _)) => Ok(name.clone()),
            None => Err(Error::NoSuchExchange(name.clone())),
        };
        let source = exchange_name(binding.source())?;
        let destination = match binding.destination() {
            Destination::Exchange(name) => Destination::Exchange(exchange_name(name)?),
            Destination::Queue(name) => match self.queue_name(name.as_str()) {
                Some(name) => Destination::Queue(name.clone()),
                None => return Err(Error::NoSuchQueue(name.clone())),
            },
        };
        Ok(binding.sharing(source, destination))
    }

    /// Removes these bindings from their sources. Returns the sources that go with their last binding.
    fn unbind_sources(
        &mut self,
        bindings: &BindingSet,
        removed: &mut Removed,
    ) -> Vec<ExchangeName> {
        let mut doomed = Vec::new();
        for binding in bindings.iter() {
            let Some(source) = self.node_mut(binding.source().as_str()) else {
                continue;
            };
            source.matcher.unbind(binding);
            source.outgoing.remove(binding);
            if source.exchange.auto_delete && source.outgoing.is_empty() {
                doomed.push(binding.source().clone());
            }
            removed.bindings.push(Arc::clone(binding));
        }
        doomed
    }

    /// Deletes exchanges, their bindings, and the auto-delete exchanges that had their last binding to one
    /// of them.
    fn delete_with_sources(&mut self, mut doomed: Vec<ExchangeName>, removed: &mut Removed) {
        while let Some(name) = doomed.pop() {
            self.ordered.remove(&name);
            let Some(node) = self.exchanges.remove(&name) else {
                continue;
            };
            for binding in node.outgoing.iter() {
                if let Some(incoming) = self.incoming_mut(binding.destination()) {
                    incoming.remove(binding);
                }
                removed.bindings.push(Arc::clone(binding));
            }
            removed.exchanges.push(name);
            // A binding to itself is not in the way: as a source the exchange is gone already.
            doomed.extend(self.unbind_sources(&node.incoming, removed));
        }
    }
}

impl Node {
    pub(crate) fn alternate(&self) -> Option<&ExchangeName> {
        self.alternate.as_ref()
    }
}

#[cfg(test)]
mod tests;
