//! A virtual host: one topology and its queues.
//!
//! Readers take an immutable snapshot and never lock. Writers take turns: copy the snapshot
//! (cheap, its maps are persistent), change the copy, write the change to the log, swap. The
//! generation tells routes that were cached under an older snapshot.

mod bindings;
mod bulk;
mod by_name;
mod deduplicate;
mod deletion;
mod exchanges;
mod forward;
mod hidden;
mod history;
mod messages;
mod metadata;
mod parameters;
mod pause;
mod policies;
mod policy_conflicts;
mod policy_preview;
mod publish;
mod queues;
mod trace;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::{ArcSwap, Guard};
use ferrymq_routing::{Exchange, ExchangeName, Topology};
use ferrymq_store::CommitPoint;
use parking_lot::{Mutex, MutexGuard, RwLock};

use crate::actor::Actor;
use crate::auth::Users;
use crate::dedup::{ExchangeWindow, Gate};
use crate::definitions::{self, Definition};
use crate::error::Error;
use crate::events::{EVENT_EXCHANGE, Event, Events, INTERNAL_USER};
use crate::limits::{Declarations, Usage, VHostLimits};
use crate::names::Resource;
use crate::paging::Paging;
use crate::parameters::Parameters;
use crate::policy::Policies;
use crate::queue::settings::Defaults;
use crate::queue::shared::{SharedQueue, Work};
use crate::reply_to::ReplyTo;
use crate::session::ConnectionId;
use crate::session::outbox::Item;
use crate::stats::flows::{Identity, RoutedEnds, RoutedFlows};
use crate::stats::{
    BrokerTotals, ExchangeTotals, History, MessageField, QueueSums, Totals, TrafficField,
    TrafficTotals,
};

use forward::Blocked;
pub(crate) use forward::Sent;

pub use bulk::VHostBatch;
pub(crate) use bulk::{Prepared, Unfinished};
pub use by_name::Queues;
pub use exchanges::ExchangeDeclare;
pub use hidden::{Hidden, Purpose};
pub use messages::{Fate, Fetched, Outgoing, Published};
pub use metadata::Metadata;
pub use policy_conflicts::{Conflict, Conflicts};
pub use policy_preview::{Effect, InForce, PolicyPreview};
pub use publish::{Pending, Route};
pub use queues::{DeleteConditions, QueueDeclare, QueueStatus};
pub use trace::Trace;

/// A virtual host.
pub struct VHost {
    name: Arc<str>,
    node_name: Arc<str>,
    snapshot: ArcSwap<Snapshot>,
    generation: AtomicU64,
    /// Held while the snapshot changes: the log's order of definitions is the snapshots'.
    writing: Mutex<LastChange>,
    /// Copies of what passes go to the firehose. Read once per run of messages.
    traced: AtomicBool,
    paging: Arc<Paging>,
    gate: Gate,
    blocked: Blocked,
    /// Of queues whose arguments don't say.
    defaults: Defaults,
    users: Arc<Users>,
    events: Arc<Events>,
    reply_to: Arc<ReplyTo>,
    policies: ArcSwap<Policies>,
    /// Held while queues are told about policies.
    applying: Mutex<()>,
    parameters: Mutex<Parameters<(String, String)>>,
    metadata: ArcSwap<Metadata>,
    limits: Mutex<VHostLimits>,
    usage: Usage,
    declared: Arc<Declarations>,
    broker_totals: Arc<BrokerTotals>,
    totals: Totals,
    /// How what happens in it went, and the messages in its queues.
    pub history: History<MessageField>,
    queue_sums: Mutex<QueueSums>,
    traffic: TrafficTotals,
    /// How what went over its connections' sockets did.
    pub traffic_history: History<TrafficField>,
    /// Of exchanges that were published to.
    exchange_totals: RwLock<HashMap<ExchangeName, Arc<ExchangeTotals>>>,
    routed: RoutedFlows,
}

/// What a vhost begins with.
#[derive(Default)]
pub struct Contents {
    /// Exchanges, bindings, queues.
    pub snapshot: Snapshot,
    /// The order of the latest durable binding.
    pub bindings: u64,
    /// Policies; the queues know already which of them apply.
    pub policies: Policies,
    /// By component and name.
    pub parameters: Parameters<(String, String)>,
    /// What is known about it.
    pub metadata: Metadata,
    /// How much there may be in it.
    pub limits: VHostLimits,
}

/// What all vhosts of a broker share.
#[derive(Clone)]
pub struct Shared {
    /// The broker's own name.
    pub node_name: Arc<str>,
    /// The log, and what leaves memory.
    pub paging: Arc<Paging>,
    /// Of queues whose arguments don't say.
    pub defaults: Defaults,
    /// Users and permissions.
    pub users: Arc<Users>,
    /// What happens is told there.
    pub events: Arc<Events>,
    /// Who waits for answers by direct reply-to.
    pub reply_to: Arc<ReplyTo>,
    /// How much is declared in all vhosts together.
    pub declared: Arc<Declarations>,
    /// What has happened in all of them together.
    pub totals: Arc<BrokerTotals>,
}

/// What a change of durable definitions goes on from.
struct LastChange {
    /// When the latest one is on disk.
    on_disk: CommitPoint,
    /// The order of the latest binding.
    bindings: u64,
    /// The vhost is gone: nothing is kept any more.
    deleted: bool,
}

/// Everything that exists in a vhost at one moment.
#[derive(Clone, Default)]
pub struct Snapshot {
    /// Exchanges and bindings.
    pub topology: Topology,
    /// Queues by name. Invariant: the same names as in `topology`.
    pub queues: Queues,
    /// The queues that exchanges keep messages in, by exchange.
    pub hidden: imbl::HashMap<ExchangeName, Hidden>,
    /// What exchanges that drop repeated messages have seen.
    pub windows: imbl::HashMap<ExchangeName, Arc<ExchangeWindow>>,
}

impl VHost {
    /// A vhost with these contents.
    pub fn new(name: Arc<str>, contents: Contents, shared: Shared) -> Self {
        let Shared {
            node_name,
            paging,
            defaults,
            users,
            events,
            reply_to,
            declared,
            totals,
        } = shared;
        let Contents {
            mut snapshot,
            bindings,
            policies,
            parameters,
            metadata,
            limits,
        } = contents;
        snapshot.apply_policies(&policies);
        declared.change((0, 0), snapshot.sizes());
        Self {
            name,
            node_name,
            snapshot: ArcSwap::from_pointee(snapshot),
            generation: AtomicU64::new(1),
            writing: Mutex::new(LastChange {
                on_disk: CommitPoint::ALWAYS,
                bindings,
                deleted: false,
            }),
            traced: AtomicBool::new(metadata.tracing),
            paging,
            gate: Gate::default(),
            blocked: Blocked::default(),
            defaults,
            users,
            events,
            reply_to,
            policies: ArcSwap::from_pointee(policies),
            applying: Mutex::new(()),
            parameters: Mutex::new(parameters),
            metadata: ArcSwap::from_pointee(metadata),
            limits: Mutex::new(limits),
            usage: Usage::default(),
            declared,
            broker_totals: totals,
            totals: Totals::default(),
            history: History::default(),
            queue_sums: Mutex::default(),
            traffic: TrafficTotals::default(),
            traffic_history: History::default(),
            exchange_totals: RwLock::default(),
            routed: RoutedFlows::default(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Switches the firehose.
    pub fn set_tracing(&self, on: bool) {
        let metadata = Metadata::clone(&self.metadata());
        self.set_metadata(Metadata {
            tracing: on,
            ..metadata
        });
    }

    /// Is the firehose on?
    #[inline]
    pub fn is_traced(&self) -> bool {
        self.traced.load(Ordering::Relaxed)
    }

    /// What is open in it.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// What has happened in it since the start.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// What came in through the exchange of this name, if anything has.
    pub fn exchange_totals(&self, exchange: &str) -> Option<Arc<ExchangeTotals>> {
        self.exchange_totals.read().get(exchange).cloned()
    }

    /// What went over the sockets of its connections.
    pub fn traffic(&self) -> &TrafficTotals {
        &self.traffic
    }

    /// What its queues held at the last tick.
    pub fn queue_sums(&self) -> QueueSums {
        *self.queue_sums.lock()
    }

    pub(crate) fn set_queue_sums(&self, sums: QueueSums) {
        *self.queue_sums.lock() = sums;
    }

    /// Those of all exchanges that were published to.
    pub fn all_exchange_totals(&self) -> Vec<(ExchangeName, Arc<ExchangeTotals>)> {
        let all = self.exchange_totals.read();
        let all = all.iter();
        all.map(|(name, totals)| (name.clone(), Arc::clone(totals)))
            .collect()
    }

    /// The same, to be counted on.
    fn count_exchange(&self, exchange: &str) -> Arc<ExchangeTotals> {
        self.exchange_totals(exchange).unwrap_or_else(|| {
            let mut all = self.exchange_totals.write();
            let totals = all
                .entry(exchange.into())
                .or_insert_with_key(|name| Arc::new(ExchangeTotals::new(name.clone())));
            Arc::clone(totals)
        })
    }

    /// What went from its exchanges into its queues; nothing unless that is counted.
    pub fn routed(&self) -> &RoutedFlows {
        &self.routed
    }

    /// Is this exchange, which was published to, still there?
    pub(crate) fn has_exchange(&self, exchange: &Identity<ExchangeTotals>) -> bool {
        let totals = exchange.get();
        totals
            .is_some_and(|totals| exchange.is(self.exchange_totals(totals.name.as_str()).as_ref()))
    }

    /// Is this queue still there?
    pub(crate) fn has_queue(&self, queue: &Identity<SharedQueue>) -> bool {
        let found = queue.get();
        found.is_some_and(|found| queue.is(self.snapshot.load().queues.get(&found.name)))
    }

    /// Are both ends still there?
    pub(crate) fn has_both(&self, (exchange, queue): &RoutedEnds) -> bool {
        self.has_exchange(exchange) && self.has_queue(queue)
    }

    /// What exists now.
    pub fn snapshot(&self) -> Guard<Arc<Snapshot>> {
        self.snapshot.load()
    }

    /// Changes whenever a route that was found before may not hold any more: after a change of
    /// exchanges, queues or bindings, or of anybody's permissions.
    #[inline]
    pub fn generation(&self) -> (u64, u64) {
        (
            self.generation.load(Ordering::Acquire),
            self.users.generation(),
        )
    }

    /// The queue `name`, if `actor`'s connection may use it.
    ///
    /// # Errors
    /// 404 when it is missing, 405 when it is exclusive to another connection.
    pub fn queue(&self, actor: &Actor, name: &str) -> Result<Arc<SharedQueue>, Error> {
        self.snapshot.load().queue(&self.name, actor, name)
    }

    /// Is anything bound to the exchange for events, which the default vhost has?
    pub(crate) fn has_event_listeners(&self) -> bool {
        !self.snapshot.load().topology.is_unused(EVENT_EXCHANGE)
    }

    fn note_event_listeners(&self) {
        let snapshot = self.snapshot.load();
        if snapshot.topology.exchange(EVENT_EXCHANGE).is_some() {
            let is_bound = !snapshot.topology.is_unused(EVENT_EXCHANGE);
            self.events.note_bindings(is_bound);
        }
    }

    fn queue_resource(&self, name: &str) -> Resource {
        Resource::queue(name, &self.name)
    }

    fn exchange_resource(&self, name: &str) -> Resource {
        Resource::exchange(name, &self.name)
    }

    /// Begins a change by the broker itself: nobody else changes this vhost until it is dropped.
    fn change(&self) -> Change<'_> {
        let last = self.writing.lock();
        let next = Snapshot::clone(&self.snapshot.load());
        Change {
            vhost: self,
            last,
            next,
            policies: None,
            log: Vec::new(),
            by: None,
            events: Vec::new(),
            ended: Vec::new(),
        }
    }

    /// Begins a change by `actor`.
    fn change_by(&self, actor: &Actor) -> Change<'_> {
        self.change_in_the_name_of(Arc::clone(actor.user.shared_name()))
    }

    fn change_in_the_name_of(&self, user: Arc<str>) -> Change<'_> {
        Change {
            by: Some(user),
            ..self.change()
        }
    }
}

impl Snapshot {
    /// How many queues and exchanges there are.
    fn sizes(&self) -> (usize, usize) {
        (self.queues.len(), self.topology.exchange_count())
    }

    fn durable_exchange(&self, name: &str) -> Option<&Exchange> {
        let exchange = self.topology.exchange(name)?;
        exchange.durable.then_some(&**exchange)
    }

    fn queue(&self, vhost: &str, actor: &Actor, name: &str) -> Result<Arc<SharedQueue>, Error> {
        self.queue_for(vhost, actor.connection, name)
    }

    fn queue_for(
        &self,
        vhost: &str,
        connection: Option<ConnectionId>,
        name: &str,
    ) -> Result<Arc<SharedQueue>, Error> {
        let queue = self
            .queues
            .get(name)
            .ok_or_else(|| Error::no_queue(name, vhost))?;
        if queue.owner.is_some() && queue.owner != connection {
            return Err(Error::Locked(Resource::queue(name, vhost)));
        }
        Ok(Arc::clone(queue))
    }
}

impl fmt::Debug for VHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vhost '{}'", self.name)
    }
}

/// A change of a vhost in the making. Dropped without [`Change::publish`], it never happened.
struct Change<'a> {
    vhost: &'a VHost,
    last: MutexGuard<'a, LastChange>,
    next: Snapshot,
    /// Policies, if they change.
    policies: Option<Arc<Policies>>,
    /// Changes of durable definitions, for the log.
    log: Vec<definitions::Change>,
    /// Who makes it.
    by: Option<Arc<str>>,
    /// What to tell when it has happened.
    events: Vec<Event>,
    /// What exchanges kept that are gone by then.
    ended: Vec<Hidden>,
}

impl Change<'_> {
    fn put(&mut self, definition: Definition) {
        self.log.push(definitions::Change::put(&definition));
    }

    fn remove(&mut self, definition: Definition) {
        self.log.push(definitions::Change::remove(&definition));
    }

    /// Writes what has been collected to the log; gives the point at which it is on disk.
    fn log_now(&mut self) -> CommitPoint {
        if !self.log.is_empty() && !self.last.deleted {
            self.last.on_disk = definitions::log(self.vhost.paging.store(), &self.log);
        }
        self.log.clear();
        self.last.on_disk
    }

    /// Notes what happens by the change, if anybody listens; the event is given who did it.
    fn note(&mut self, event: impl FnOnce(String) -> Event) {
        if self.vhost.events.is_listening() {
            let by = self.by.as_deref().unwrap_or(INTERNAL_USER);
            self.events.push(event(by.to_owned()));
        }
    }

    /// Logs the change, makes it visible and tells of it; gives the point at which it is on disk.
    fn publish(self) -> CommitPoint {
        let events = &self.vhost.events;
        let (on_disk, happened) = self.publish_quietly();
        for event in happened {
            events.emit(|| event);
        }
        on_disk
    }

    /// The same for somebody who tells of it later: gives what there is to tell.
    fn publish_quietly(mut self) -> (CommitPoint, Vec<Event>) {
        if self.last.deleted {
            return (self.last.on_disk, Vec::new());
        }
        self.log_now();
        let vhost = self.vhost;
        if let Some(policies) = self.policies {
            vhost.policies.store(policies);
        }
        let before = vhost.snapshot.load().sizes();
        vhost.declared.change(before, self.next.sizes());
        vhost.snapshot.store(Arc::new(self.next));
        vhost.generation.fetch_add(1, Ordering::Release);
        vhost.note_event_listeners();
        let blocked = vhost.blocked.take();
        if !blocked.is_empty() {
            vhost.paging.transfers().retry(blocked);
        }
        let on_disk = self.last.on_disk;
        drop(self.last);
        VHost::end_hidden_queues(self.ended);
        (on_disk, self.events)
    }

    /// The policies that hold when the change does.
    fn policies(&self) -> Arc<Policies> {
        match &self.policies {
            Some(policies) => Arc::clone(policies),
            None => self.vhost.policies.load_full(),
        }
    }

    /// Nothing needs to change; gives the point at which everything so far is on disk.
    fn unchanged(self) -> CommitPoint {
        self.last.on_disk
    }
}

/// Empties a queue that has left its vhost, and tells its consumers.
fn end_queue(queue: &Arc<SharedQueue>, work: &mut Work) -> usize {
    let mut consumers = Vec::new();
    let ready = queue.run(work, |queue, effects| {
        queue.forget_values(effects);
        let ready = queue.counts().ready;
        consumers = queue.delete();
        ready
    });
    queue.tail().end();
    for port in consumers {
        let notice = std::iter::once(Item::Cancelled(port.number));
        port.outbox.push(notice, &mut work.dirty);
    }
    ready
}
