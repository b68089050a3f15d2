//! Bindings of a vhost: between exchanges and queues, and between exchanges.

use std::sync::Arc;

use ferrymq_routing::{Binding, Destination, ExchangeKind, Removed};
use ferrymq_store::CommitPoint;

use super::{Change, Snapshot, VHost};
use crate::actor::Actor;
use crate::auth::{Permission, ResourceKind};
use crate::definitions::Definition;
use crate::error::Error;
use crate::events::{BindingEvent, Event};
use crate::queue::arguments::QueueType;
use crate::queue::shared::{SharedQueue, Work};
use crate::reply_to;
use crate::session::ConnectionId;

impl VHost {
    /// Binds; gives the point at which the binding is on disk. Binding twice is no error.
    ///
    /// # Errors
    /// 403 without `write` on the destination or `read` on the source, and for the default
    /// exchange; 404 when an end is missing; 405 for a queue of another connection; 406 when the
    /// source's type refuses the arguments.
    pub fn bind(
        &self,
        actor: &Actor,
        binding: Binding,
        work: &mut Work,
    ) -> Result<CommitPoint, Error> {
        self.check_binding(actor, &binding)?;
        let mut change = self.change_by(actor);
        let Some(binding) = change.create_binding(binding, actor.connection)? else {
            return Ok(change.unchanged());
        };
        let point = change.publish();
        self.replay(&binding, work);
        Ok(point)
    }

    /// Unbinds. What is not bound, or not there, counts as unbound.
    ///
    /// # Errors
    /// 403 and 405 as [`VHost::bind`].
    pub fn unbind(&self, actor: &Actor, binding: &Binding) -> Result<CommitPoint, Error> {
        self.check_binding(actor, binding)?;
        let mut change = self.change_by(actor);
        if let Destination::Queue(name) = binding.destination()
            && change.next.queues.contains_key(name)
        {
            change.next.queue(&self.name, actor, name.as_str())?;
        }
        let removed = change.next.topology.unbind(binding);
        if removed.bindings.is_empty() {
            return Ok(change.unchanged());
        }
        change.log_removed(&removed);
        Ok(change.publish())
    }

    /// Permissions, and names that can't be bound.
    fn check_binding(&self, actor: &Actor, binding: &Binding) -> Result<(), Error> {
        let (kind, destination) = match binding.destination() {
            Destination::Queue(name) => (ResourceKind::Queue, name.as_str()),
            Destination::Exchange(name) => (ResourceKind::Exchange, name.as_str()),
        };
        let source: &str = binding.source().as_str();
        if kind == ResourceKind::Queue && reply_to::is_reply_name(destination) {
            return Err(Error::AccessRefused(
                crate::auth::AccessRefused::bind_reply_to(),
            ));
        }
        let users = &self.users;
        users.require(
            &actor.user,
            &self.name,
            Permission::Write,
            kind,
            destination,
        )?;
        if kind == ResourceKind::Exchange {
            self.refuse_default_exchange(destination)?;
        }
        self.refuse_default_exchange(source)?;
        self.require_exchange(actor, Permission::Read, source)?;
        if self.exchange_kind(source) == Some(ExchangeKind::Topic) {
            users.require_topic(
                &actor.user,
                &self.name,
                Permission::Read,
                source,
                binding.routing_key(),
            )?;
        }
        Ok(())
    }

    fn check_ends(
        &self,
        snapshot: &Snapshot,
        connection: Option<ConnectionId>,
        binding: &Binding,
    ) -> Result<(), Error> {
        let source: &str = binding.source().as_str();
        if snapshot.topology.exchange(source).is_none() {
            return Err(Error::no_exchange(source, &self.name));
        }
        match binding.destination() {
            Destination::Queue(name) => {
                let queue = snapshot.queue_for(&self.name, connection, name.as_str())?;
                check_queue_type(snapshot, binding, &queue)
            }
            Destination::Exchange(name) => match snapshot.topology.exchange(name.as_str()) {
                Some(_) => Ok(()),
                None => Err(Error::no_exchange(name.as_str(), &self.name)),
            },
        }
    }

    fn binding_event(&self, binding: Arc<Binding>, by: String) -> BindingEvent {
        BindingEvent {
            vhost: Arc::clone(&self.name),
            binding,
            by,
        }
    }

    pub(super) fn exchange_kind(&self, name: &str) -> Option<ExchangeKind> {
        let snapshot = self.snapshot.load();
        Some(snapshot.topology.exchange(name)?.routes_as())
    }
}

/// Some exchanges lead to classic queues only.
fn check_queue_type(
    snapshot: &Snapshot,
    binding: &Binding,
    queue: &SharedQueue,
) -> Result<(), Error> {
    let source = snapshot.topology.exchange(binding.source().as_str());
    let queue_type = queue.declared.arguments.queue_type;
    match source.map(|source| source.routes_as()) {
        Some(ExchangeKind::LocalRandom) if queue_type != QueueType::Classic => {
            let text = format!("Queue type {queue_type} not valid for this exchange type");
            Err(Error::PreconditionFailed(text))
        }
        _ => Ok(()),
    }
}

impl Snapshot {
    /// A binding survives a restart only if both of its ends do.
    pub(super) fn is_durable(&self, binding: &Binding) -> bool {
        self.durable_exchange(binding.source().as_str()).is_some()
            && match binding.destination() {
                Destination::Queue(name) => {
                    let queue = self.queues.get(name);
                    queue.is_some_and(|queue| queue.durable.is_some())
                }
                Destination::Exchange(name) => self.durable_exchange(name.as_str()).is_some(),
            }
    }
}

impl Change<'_> {
    /// Makes a binding part of the change, and of the log if both of its ends are durable. `connection`:
    /// whose exclusive queues can be bound. `None`: it is there already.
    pub(super) fn create_binding(
        &mut self,
        binding: Binding,
        connection: Option<ConnectionId>,
    ) -> Result<Option<Arc<Binding>>, Error> {
        let vhost = self.vhost;
        vhost.check_ends(&self.next, connection, &binding)?;
        let added = self.next.topology.bind(binding.clone());
        if !added.map_err(|why| Error::PreconditionFailed(why.to_string()))? {
            return Ok(None);
        }
        if self.next.is_durable(&binding) {
            self.last.bindings += 1;
            let order = self.last.bindings;
            self.put(Definition::binding(&vhost.name, &binding, order));
        }
        let binding = Arc::new(binding);
        self.note(|by| Event::BindingCreated(vhost.binding_event(Arc::clone(&binding), by)));
        Ok(Some(binding))
    }

    /// Asked of the snapshot before the change, so that it also answers for ends that are about to go.
    pub(super) fn is_durable(&self, binding: &Binding) -> bool {
        self.vhost.snapshot.load().is_durable(binding)
    }

    /// Takes bindings and auto-deleted exchanges that went with something else out of the log, and
    /// tells of them.
    pub(super) fn log_removed(&mut self, removed: &Removed) {
        for binding in &removed.bindings {
            if self.is_durable(binding) {
                let definition = Definition::binding(&self.vhost.name, binding, 0);
                self.remove(definition);
            }
            let vhost = self.vhost;
            let binding = Arc::clone(binding);
            self.note(|by| Event::BindingDeleted(vhost.binding_event(binding, by)));
        }
        let before = self.vhost.snapshot.load();
        for exchange in &removed.exchanges {
            self.vhost.exchange_totals.write().remove(exchange);
            let Some(exchange) = before.topology.exchange(exchange.as_str()) else {
                continue;
            };
            if exchange.durable {
                self.remove(Definition::exchange(&self.vhost.name, exchange));
            }
            self.remove_hidden_queues(&exchange.name);
            self.remove_window(exchange);
            let vhost = self.vhost;
            let exchange = Arc::clone(exchange);
            self.note(|by| Event::ExchangeDeleted(vhost.exchange_event(exchange, by)));
        }
    }
}
