//! Exchanges of a vhost: declare and delete.

use std::sync::Arc;

use ferrymq_amqp::FieldTable;
use ferrymq_routing::Exchange;
use ferrymq_store::CommitPoint;

use super::policies::Wanted;
use super::{Change, VHost};
use crate::actor::Actor;
use crate::auth::Permission;
use crate::definitions::Definition;
use crate::error::Error;
use crate::events::{Event, ExchangeEvent};
use crate::limits::Reached;
use crate::queue::arguments;

/// What `exchange.declare` asks for.
pub struct ExchangeDeclare {
    /// Its name.
    pub name: String,
    /// The name of its type.
    pub kind: String,
    /// Survives a restart.
    pub durable: bool,
    /// Deleted when its last binding as a source goes.
    pub auto_delete: bool,
    /// Clients can't publish to it.
    pub internal: bool,
    /// Arguments of its type, and `alternate-exchange`.
    pub arguments: FieldTable,
}

impl VHost {
    /// Declares an exchange, or finds an equal one. Gives the point at which it is on disk.
    ///
    /// # Errors
    /// amqp.md 7.2, in RabbitMQ's order: unknown type 406, default exchange 403, no permission
    /// 403, existing and different 406, reserved name 403, invalid arguments 406.
    pub fn declare_exchange(
        &self,
        actor: &Actor,
        declare: ExchangeDeclare,
    ) -> Result<CommitPoint, Error> {
        let kind = declare.kind.parse().map_err(|_| {
            Error::PreconditionFailed(format!("unknown exchange type '{}'", declare.kind))
        })?;
        let name = declare.name.as_str();
        self.refuse_default_exchange(name)?;
        self.require_exchange(actor, Permission::Configure, name)?;
        let exchange = Exchange {
            durable: declare.durable,
            auto_delete: declare.auto_delete,
            internal: declare.internal,
            arguments: declare.arguments,
            ..Exchange::new(name, kind)
        };
        let valid = exchange
            .validate()
            .map_err(|why| self.invalid_exchange(name, &why));
        let valid = valid.and_then(|()| {
            arguments::check_exchange(&exchange.arguments)
                .map_err(|why| why.on(self.exchange_resource(name)))
        });
        let mut change = self.change_by(actor);
        if let Some(existing) = change.next.topology.exchange(name) {
            existing
                .check_equivalent(&exchange)
                .map_err(|difference| self.inequivalent(name, &difference))?;
            return Ok(change.unchanged());
        }
        if exchange.name.is_reserved() {
            return Err(Error::ReservedName {
                kind: "exchange",
                name: name.to_owned(),
            });
        }
        valid?;
        if let Some(alternate) = exchange.alternate() {
            self.require_exchange(actor, Permission::Read, name)?;
            self.require_exchange(actor, Permission::Write, alternate)?;
        }
        self.declared.check_exchanges().map_err(|Reached(most)| {
            Error::PreconditionFailed(format!(
                "cannot declare exchange '{name}': exchange limit of {most} is reached"
            ))
        })?;
        change
            .create_exchange(exchange)
            .map_err(|why| self.invalid_exchange(name, &why))?;
        Ok(change.publish())
    }

    /// Is there an exchange `name`? (`exchange.declare` with passive.)
    ///
    /// # Errors
    /// 403 for the default exchange and without any permission on the name, 404 when missing.
    pub fn find_exchange(&self, actor: &Actor, name: &str) -> Result<(), Error> {
        self.refuse_default_exchange(name)?;
        self.users.require_any(
            &actor.user,
            &self.name,
            crate::auth::ResourceKind::Exchange,
            name,
        )?;
        match self.snapshot.load().topology.exchange(name) {
            Some(_) => Ok(()),
            None => Err(Error::no_exchange(name, &self.name)),
        }
    }

    /// Deletes an exchange with its bindings; one that is missing counts as deleted.
    ///
    /// # Errors
    /// 403 for the default exchange, `amq.*` and without permission; 406 with `if_unused` when
    /// it is the source of a binding.
    pub fn delete_exchange(
        &self,
        actor: &Actor,
        name: &str,
        if_unused: bool,
    ) -> Result<CommitPoint, Error> {
        self.refuse_default_exchange(name)?;
        if name.starts_with("amq.") {
            return Err(Error::SystemExchange(self.exchange_resource(name)));
        }
        self.require_exchange(actor, Permission::Configure, name)?;
        let mut change = self.change_by(actor);
        if change.next.topology.exchange(name).is_none() {
            return Ok(change.unchanged());
        }
        if if_unused && !change.next.topology.is_unused(name) {
            return Err(Error::InUse(self.exchange_resource(name)));
        }
        let removed = change.next.topology.delete_exchange(name);
        change.log_removed(&removed);
        Ok(change.publish())
    }

    pub(super) fn exchange_event(&self, exchange: Arc<Exchange>, by: String) -> ExchangeEvent {
        ExchangeEvent {
            vhost: Arc::clone(&self.name),
            exchange,
            by,
        }
    }

    pub(super) fn refuse_default_exchange(&self, name: &str) -> Result<(), Error> {
        if name.is_empty() {
            return Err(Error::DefaultExchange);
        }
        Ok(())
    }

    pub(super) fn require_exchange(
        &self,
        actor: &Actor,
        permission: Permission,
        name: &str,
    ) -> Result<(), Error> {
        let kind = crate::auth::ResourceKind::Exchange;
        Ok(self
            .users
            .require(&actor.user, &self.name, permission, kind, name)?)
    }

    fn inequivalent(&self, name: &str, difference: &ferrymq_routing::Inequivalent) -> Error {
        let (received, current) = (&difference.received, &difference.current);
        Error::Inequivalent {
            argument: difference.argument.to_owned(),
            resource: self.exchange_resource(name),
            difference: format!("received {received} but current is {current}"),
        }
    }

    pub(super) fn invalid_exchange(&self, name: &str, why: &ferrymq_routing::Error) -> Error {
        Error::PreconditionFailed(format!("{why} for {}", self.exchange_resource(name)))
    }
}

impl Change<'_> {
    /// Makes a new exchange part of the change, and of the log if it is durable.
    pub(super) fn create_exchange(
        &mut self,
        exchange: Exchange,
    ) -> Result<(), ferrymq_routing::Error> {
        let vhost = self.vhost;
        let name = exchange.name.clone();
        let definition = Definition::exchange(&vhost.name, &exchange);
        let wanted = Wanted::of(&self.policies(), &exchange);
        self.next.topology.declare_exchange(exchange)?;
        let created = self.next.topology.exchange(name.as_str()).cloned();
        let exchange = created.expect("it was just declared");
        if exchange.durable {
            self.put(definition);
        }
        wanted.apply(&mut self.next, &exchange);
        self.create_hidden_queues(&exchange);
        self.create_window(&exchange);
        self.note(|by| Event::ExchangeCreated(vhost.exchange_event(exchange, by)));
        Ok(())
    }
}
