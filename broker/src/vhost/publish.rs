//! Publishing into a vhost: find the queues, give each its copy, log what must survive.

use std::sync::Arc;

use ferrymq_amqp::Properties;
use ferrymq_routing::{ExchangeKind, ExchangeName, QueueName, RouteInput, Routed};
use ferrymq_store::{Append, Attributes, CommitPoint, Durability, QueueId};
use smallvec::SmallVec;

use super::{Purpose, Snapshot, VHost};
use crate::actor::Actor;
use crate::auth::Permission;
use crate::clock::Timestamp;
use crate::dedup::ExchangeWindow;
use crate::error::Error;
use crate::message::Message;
use crate::queue::entry::Entry;
use crate::queue::shared::{SharedQueue, Work};
use crate::queue::{Accepted, Effects, Outcome, Sequence};
use crate::reply_to::{self, Requester};
use crate::session::outbox::{Handover, Item};
use crate::session::publishing::addressed;
use crate::stats::{ExchangeTotals, count_one};

/// Where messages with the same exchange and routing key go.
#[derive(Clone, Default)]
pub struct Route {
    /// First those that bindings lead to, then those that exchanges keep messages in.
    queues: SmallVec<[Arc<SharedQueue>; 1]>,
    /// How many of them bindings lead to.
    bound: usize,
    /// An exchange keeps the message until its delay is over.
    waits: bool,
    requesters: SmallVec<[Requester; 1]>,
    /// Of the exchange that a client published to.
    totals: Option<Arc<ExchangeTotals>>,
    /// The exchange drops what repeats a value.
    window: Option<Arc<ExchangeWindow>>,
    /// What a confirm stands for: the strictest of the queues decides.
    durability: Durability,
    /// Holds for this message only: its headers decided, or chance did.
    pub once: bool,
}

/// A run of messages for one route, on its way into the queues.
#[derive(Default)]
pub struct Pending {
    /// The messages, in order.
    pub messages: Vec<Message>,
    /// Where each message of the run that must survive stands: (message, its places).
    stored: Vec<Stored>,
    /// Which messages of the run some queue refused, ascending; to be taken after each run.
    pub refused: Vec<usize>,
}

struct Stored {
    message: Message,
    targets: SmallVec<[(QueueId, Sequence); 1]>,
    /// What is noted for each of the targets; none at all if that is nothing, as for most messages: those
    /// don't move room for it about.
    attributes: Vec<Attributes>,
}

impl Stored {
    fn new(message: Message) -> Self {
        Self {
            message,
            targets: SmallVec::new(),
            attributes: Vec::new(),
        }
    }

    /// A queue has taken it.
    #[inline]
    fn add(&mut self, id: QueueId, accepted: Accepted, effects: &Effects) {
        if accepted.noted {
            self.attributes.resize(self.targets.len(), Attributes::NONE);
            self.attributes.push(effects.noted);
        } else if !self.attributes.is_empty() {
            self.attributes.push(Attributes::NONE);
        }
        self.targets.push((id, accepted.sequence));
    }
}

impl Route {
    /// Into this queue alone.
    pub(crate) fn to(queue: Arc<SharedQueue>) -> Self {
        Self::new(SmallVec::from_buf([queue]))
    }

    /// To these queues.
    pub(super) fn new(queues: SmallVec<[Arc<SharedQueue>; 1]>) -> Self {
        let durability = queues.iter().filter_map(|queue| queue.durability()).max();
        Self {
            bound: queues.len(),
            queues,
            durability: durability.unwrap_or_default(),
            ..Self::default()
        }
    }

    /// Does its exchange or any of its queues drop what repeats a value?
    #[inline]
    pub(super) fn deduplicates(&self) -> bool {
        self.window.is_some() || self.queues.iter().any(|queue| queue.deduplicates())
    }

    /// What its exchange has seen.
    pub(super) fn window(&self) -> Option<&Arc<ExchangeWindow>> {
        self.window.as_ref()
    }

    /// Does a restart remember what any of them has seen?
    pub(super) fn keeps_values(&self) -> bool {
        let keeps = |queue: &Arc<SharedQueue>| queue.deduplicates() && queue.durable.is_some();
        let window = self.window.as_ref();
        window.is_some_and(|window| window.owner().is_some()) || self.queues.iter().any(keeps)
    }

    /// What a confirm stands for.
    pub(super) fn durability(&self) -> Durability {
        self.durability
    }

    /// Does nobody get the message? An exchange may remember it all the same.
    pub fn is_unroutable(&self) -> bool {
        self.bound == 0 && self.requesters.is_empty() && !self.waits
    }

    /// Is there no queue at all?
    pub fn is_empty(&self) -> bool {
        self.queues.is_empty() && self.requesters.is_empty()
    }

    /// How many queues a message reaches.
    pub fn reached(&self) -> usize {
        self.bound + self.requesters.len()
    }

    /// Of the exchange that a client published to.
    pub(crate) fn totals(&self) -> Option<&Arc<ExchangeTotals>> {
        self.totals.as_ref()
    }

    /// The queues that bindings lead to.
    pub(crate) fn bound_queues(&self) -> &[Arc<SharedQueue>] {
        &self.queues[..self.bound]
    }

    /// Their names.
    pub fn queues(&self) -> impl Iterator<Item = &str> {
        let bound = self.bound_queues().iter();
        bound.map(|queue| queue.name.as_str())
    }

    /// Does it lead to the same queues as `other`?
    pub(crate) fn leads_where(&self, other: &Self) -> bool {
        let same = |(a, b): (&Arc<SharedQueue>, &Arc<SharedQueue>)| Arc::ptr_eq(a, b);
        self.queues.len() == other.queues.len() && self.queues.iter().zip(&other.queues).all(same)
    }

    /// Each queue that it leads to, with the route to it alone.
    pub(crate) fn each(&self) -> impl Iterator<Item = (QueueName, Self)> {
        self.queues.iter().map(|queue| {
            let alone = Self {
                queues: SmallVec::from_buf([Arc::clone(queue)]),
                durability: self.durability,
                ..Self::default()
            };
            (queue.name.clone(), alone)
        })
    }

    /// Without the queues that `leave_out` accepts; `None` when it accepts none.
    pub(crate) fn without(&self, mut leave_out: impl FnMut(&QueueName) -> bool) -> Option<Self> {
        let mut queues = self.queues.clone();
        let mut bound = self.bound;
        let mut index = 0;
        queues.retain(|queue| {
            index += 1;
            let stays = index > self.bound || !leave_out(&queue.name);
            bound -= usize::from(!stays);
            stays
        });
        (bound < self.bound).then(|| Self {
            queues,
            bound,
            ..self.clone()
        })
    }
}

impl VHost {
    /// Where a message goes that `actor` publishes. `routing_keys`: the published key, then CC
    /// and BCC; `properties` when it has any to look at.
    ///
    /// # Errors
    /// amqp.md 11: 403 without `write` on the exchange or, for a topic exchange, on a key; 404
    /// when the exchange is missing; 403 when it is internal.
    pub fn route(
        &self,
        actor: &Actor,
        exchange: &str,
        routing_keys: &[&str],
        properties: Option<&Properties<'_>>,
    ) -> Result<Route, Error> {
        count_one(&self.broker_totals.route_searches);
        self.require_exchange(actor, Permission::Write, exchange)?;
        let snapshot = self.snapshot.load();
        let found = snapshot
            .topology
            .exchange(exchange)
            .ok_or_else(|| Error::no_exchange(exchange, &self.name))?;
        if found.internal {
            return Err(Error::InternalExchange(self.exchange_resource(exchange)));
        }
        if found.routes_as() == ExchangeKind::Topic {
            for key in routing_keys {
                let users = &self.users;
                users.require_topic(&actor.user, &self.name, Permission::Write, exchange, key)?;
            }
        }
        let route = self.route_in(&snapshot, exchange, &input(routing_keys, properties));
        Ok(Route {
            totals: Some(self.count_exchange(exchange)),
            ..route
        })
    }

    /// Where the broker's own publishes go: like [`VHost::route`], whoever may do it and whatever the
    /// exchange is for. A missing exchange leads nowhere.
    pub fn find_route(
        &self,
        exchange: &str,
        routing_keys: &[&str],
        properties: Option<&Properties<'_>>,
    ) -> Route {
        let input = input(routing_keys, properties);
        self.route_in(&self.snapshot.load(), exchange, &input)
    }

    /// The same for a message whose delay is over.
    pub(crate) fn find_due_route(
        &self,
        exchange: &str,
        routing_keys: &[&str],
        properties: Option<&Properties<'_>>,
    ) -> Route {
        let input = RouteInput {
            is_due: true,
            ..input(routing_keys, properties)
        };
        self.route_in(&self.snapshot.load(), exchange, &input)
    }

    /// The same by what existed at one moment.
    pub(super) fn route_in(
        &self,
        snapshot: &Snapshot,
        exchange: &str,
        input: &RouteInput<'_>,
    ) -> Route {
        let mut route = snapshot.route(exchange, input);
        if exchange.is_empty() {
            self.add_requesters(input.routing_keys, &mut route);
        }
        route
    }

    /// Gives every queue of `route` its copy of the pending messages, and hands over what can be
    /// handed over. Gives the point from which on the persistent ones are as durable as the
    /// strictest of the queues wants it.
    pub fn publish(&self, route: &Route, pending: &mut Pending, work: &mut Work) -> CommitPoint {
        for requester in &route.requesters {
            requester.answer(&pending.messages, work);
        }
        match &route.queues[..] {
            [] => pending.messages.clear(),
            [queue] => enqueue_last(queue, pending, work),
            queues => {
                pending.prepare_fan_out();
                for queue in queues {
                    enqueue_copies(queue, pending, work);
                }
                pending.messages.clear();
                pending.stored.retain(|stored| !stored.targets.is_empty());
                pending.refused.sort_unstable();
                pending.refused.dedup();
            }
        }
        self.log(route.durability, pending)
    }

    /// Publishes a message of the broker's own to `exchange`, internal or not.
    pub(crate) fn publish_own(&self, exchange: &str, message: Message, now: Timestamp) {
        let (_, routing_key) = addressed(&message);
        let properties = Properties::parse(message.properties()).ok();
        let route = self.find_route(exchange, &[routing_key], properties.as_ref());
        let mut pending = Pending::default();
        pending.messages.push(message);
        let mut work = Work::default();
        work.set_now(now);
        self.publish(&route, &mut pending, &mut work);
        self.finish(&mut work);
    }

    /// Answers go to whoever waits for them, if it is still there.
    fn add_requesters(&self, routing_keys: &[&str], route: &mut Route) {
        for key in routing_keys
            .iter()
            .filter(|key| reply_to::is_reply_name(key))
        {
            route.requesters.extend(self.reply_to.find(key));
            route.once = true;
        }
    }

    /// One record per message, however many queues it went to.
    fn log(&self, durability: Durability, pending: &mut Pending) -> CommitPoint {
        if pending.stored.is_empty() {
            return CommitPoint(0);
        }
        let point = self.paging.store().append_with(|log| {
            for Stored {
                message,
                targets,
                attributes,
            } in &pending.stored
            {
                message.with_stored_parts(|parts| {
                    log.push(&Append {
                        targets,
                        attributes,
                        parts,
                        content_bytes: message.content_bytes(),
                        durability,
                    });
                });
            }
        });
        pending.stored.clear();
        point
    }
}

impl Snapshot {
    pub(super) fn route(&self, exchange: &str, input: &RouteInput<'_>) -> Route {
        let mut routed = Routed::default();
        self.topology.route(exchange, input, &mut routed);
        let queue = |name: &QueueName| self.queues.get(name).cloned();
        let mut queues: SmallVec<[Arc<SharedQueue>; 1]> =
            routed.queues.iter().filter_map(queue).collect();
        let bound = queues.len();
        for (exchanges, purpose) in [
            (&routed.delaying, Purpose::Delay),
            (&routed.recording, Purpose::History),
        ] {
            let hidden = |name: &ExchangeName| self.hidden_queue(name.as_str(), purpose).cloned();
            queues.extend(exchanges.iter().filter_map(hidden));
        }
        let waits = !routed.delaying.is_empty();
        // What nobody gets is to be returned, each message by itself.
        let unroutable = bound == 0 && !waits && !queues.is_empty();
        Route {
            bound,
            waits,
            window: self.windows.get(exchange).cloned(),
            once: routed.depends_on_message || input.routing_keys.len() > 1 || unroutable,
            ..Route::new(queues)
        }
    }
}

/// What of a message decides where it goes.
pub(super) fn input<'a>(
    routing_keys: &'a [&'a str],
    properties: Option<&'a Properties<'a>>,
) -> RouteInput<'a> {
    RouteInput {
        routing_keys,
        properties,
        random: rand::random(),
        is_due: false,
    }
}

impl Pending {
    fn prepare_fan_out(&mut self) {
        let messages = self.messages.iter().cloned();
        self.stored.extend(messages.map(Stored::new));
    }
}

/// The only queue of a route takes the messages themselves.
fn enqueue_last(queue: &Arc<SharedQueue>, pending: &mut Pending, work: &mut Work) {
    let Pending {
        messages,
        stored,
        refused,
    } = pending;
    let id = queue.durable.as_ref().map(|durable| durable.id);
    if queue.tail().has_listeners() {
        queue.tail().tell(messages, work.now());
    }
    queue.run(work, |queue, effects| {
        for (index, message) in messages.drain(..).enumerate() {
            let Some(id) = id.filter(|_| queue.keeps(&message)) else {
                if queue.publish(message, effects) == Outcome::Refused {
                    refused.push(index);
                }
                continue;
            };
            let mut copy = Stored::new(message.clone());
            match queue.publish(message, effects) {
                Outcome::Accepted(accepted) if accepted.stored => {
                    copy.add(id, accepted, effects);
                    stored.push(copy);
                }
                Outcome::Refused => refused.push(index),
                _ => {}
            }
        }
    });
}

fn enqueue_copies(queue: &Arc<SharedQueue>, pending: &mut Pending, work: &mut Work) {
    let id = queue.durable.as_ref().map(|durable| durable.id);
    let Pending {
        messages,
        stored,
        refused,
    } = pending;
    if queue.tail().has_listeners() {
        queue.tail().tell(messages, work.now());
    }
    queue.run(work, |queue, effects| {
        for (index, (message, stored)) in messages.iter().zip(stored).enumerate() {
            match (queue.publish(message.clone(), effects), id) {
                (Outcome::Accepted(accepted), Some(id)) if accepted.stored => {
                    stored.add(id, accepted, effects);
                }
                (Outcome::Refused, _) => refused.push(index),
                _ => {}
            }
        }
    });
}

impl Requester {
    /// At most once: answers that don't fit into a full outbox are dropped.
    fn answer(&self, messages: &[Message], work: &mut Work) {
        let fits = messages
            .iter()
            .filter(|message| self.outbox.reserve(message));
        let items = fits.map(|message| {
            Item::Deliver(Handover {
                consumer: self.number,
                entry: Entry::unqueued(message.clone()),
            })
        });
        self.outbox.push(items, &mut work.dirty);
    }
}

#[cfg(test)]
mod tests;
