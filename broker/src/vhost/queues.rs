//! Queues of a vhost: declare, delete, purge.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ferrymq_amqp::{FieldTable, table};
use ferrymq_routing::QueueName;
use ferrymq_store::{CommitPoint, Durability};

use super::{Change, Snapshot, VHost, end_queue};
use crate::actor::Actor;
use crate::auth::{Permission, ResourceKind};
use crate::definitions::Definition;
use crate::error::Error;
use crate::events::Event;
use crate::limits::Reached;
use crate::queue::argument_rules::QUEUE_TYPE;
use crate::queue::arguments::{self, Declared, Flags, QueueType};
use crate::queue::equivalence::{check_equivalent, check_migrated};
use crate::queue::settings::Settings;
use crate::queue::shared::{Durable, SharedQueue, Work, policies};
use crate::queue::{Queue, Sequence};
use crate::session::ConnectionId;
use crate::stats::count_one;

/// What `queue.declare` asks for.
pub struct QueueDeclare {
    /// Its name; empty: the broker finds one.
    pub name: String,
    /// Durable, exclusive, auto-delete.
    pub flags: Flags,
    /// `x-arguments`.
    pub arguments: FieldTable,
}

/// What `queue.declare-ok` says.
pub struct QueueStatus {
    /// Its name.
    pub name: QueueName,
    /// Messages that wait.
    pub ready: usize,
    /// Consumers.
    pub consumers: usize,
    /// When its declaration is on disk.
    pub declared_at: CommitPoint,
}

/// When `queue.delete` is to be refused.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeleteConditions {
    /// When it has consumers.
    pub if_unused: bool,
    /// When messages wait in it.
    pub if_empty: bool,
}

impl VHost {
    /// Declares a queue, or finds an equal one.
    ///
    /// # Errors
    /// amqp.md 9.1, in RabbitMQ's order: reserved name 403, no permission 403, exclusive to
    /// another connection 405, existing and different 406, invalid arguments 406.
    pub fn declare_queue(
        &self,
        actor: &Actor,
        declare: QueueDeclare,
        work: &mut Work,
    ) -> Result<QueueStatus, Error> {
        let server_named = declare.name.is_empty();
        let name = self.queue_name(&declare)?;
        self.require_queue(actor, Permission::Configure, &name)?;
        let explicit = table::get(&declare.arguments, QUEUE_TYPE).is_some();
        let declared = Declared::parse(
            declare.flags,
            server_named,
            declare.arguments,
            self.default_queue_type(&name),
        )
        .map_err(|why| why.on(self.queue_resource(&name)));
        let mut change = self.change_by(actor);
        count_one(&self.broker_totals.churn.queues_declared);
        if change.next.queues.contains_key(name.as_str()) {
            let existing = change.next.queue(&self.name, actor, &name)?;
            self.check_declared_again(&existing, declare.flags, declared?, explicit)?;
            let point = change.unchanged();
            renew(&existing, work);
            return Ok(status(&existing, point));
        }
        let declared = declared?;
        if let Some(exchange) = &declared.arguments.options().dead_letter_exchange {
            self.require_queue(actor, Permission::Read, &name)?;
            self.require_exchange(actor, Permission::Write, exchange)?;
        }
        self.check_queue_limits(&change.next, &name)?;
        let queue = change.create_queue(name.into(), declared, actor.connection);
        let point = change.publish();
        count_one(&self.broker_totals.churn.queues_created);
        queue.run(work, |queue, effects| queue.renew(effects.now));
        log_relaxed(&queue);
        Ok(status(&queue, point))
    }

    /// The type of a queue whose declaration names none. Who declares a classic queue again need not
    /// know that others are the default by now.
    fn default_queue_type(&self, name: &str) -> QueueType {
        let snapshot = self.snapshot.load();
        match snapshot.queues.get(name) {
            Some(queue) if queue.declared.arguments.queue_type == QueueType::Classic => {
                QueueType::Classic
            }
            _ => {
                let of_vhost = self.metadata.load().default_queue_type;
                of_vhost.unwrap_or(self.defaults.queue_type)
            }
        }
    }

    /// Is `existing` what the declaration asks for? `explicit`: it names a type.
    fn check_declared_again(
        &self,
        existing: &SharedQueue,
        flags: Flags,
        declared: Declared,
        explicit: bool,
    ) -> Result<(), Error> {
        let resource = || self.queue_resource(existing.name.as_str());
        let types = [&existing.declared, &declared].map(|queue| queue.arguments.queue_type);
        let migrating = explicit && types == [QueueType::Quorum, QueueType::Classic];
        let equivalent = if migrating && self.defaults.relaxed_redeclaration {
            check_migrated(&existing.declared, &declared)
        } else if flags.exclusive != existing.owner.is_some() {
            return Err(Error::Locked(resource()));
        } else {
            check_equivalent(&existing.declared, &declared)
        };
        equivalent.map_err(|difference| difference.on(resource()))
    }

    fn check_queue_limits(&self, snapshot: &Snapshot, name: &str) -> Result<(), Error> {
        let refused = |place: &str, most: usize| {
            Error::PreconditionFailed(format!(
                "cannot declare queue '{name}': queue limit in {place} ({most}) is reached"
            ))
        };
        let in_vhost = self.limits().max_queues.check(snapshot.queues.len());
        in_vhost.map_err(|Reached(most)| refused(&format!("vhost '{}'", self.name), most))?;
        let in_all = self.declared.check_queues();
        in_all.map_err(|Reached(most)| refused("cluster", most))
    }

    /// Finds a queue without changing anything (`queue.declare` with passive).
    ///
    /// # Errors
    /// 403 without any permission on the name, 404 when missing, 405 when exclusive to another
    /// connection.
    pub fn find_queue(
        &self,
        actor: &Actor,
        name: &str,
        work: &mut Work,
    ) -> Result<QueueStatus, Error> {
        self.users
            .require_any(&actor.user, &self.name, ResourceKind::Queue, name)?;
        let queue = self.queue(actor, name)?;
        renew(&queue, work);
        Ok(status(&queue, CommitPoint::ALWAYS))
    }

    /// Deletes a queue; gives the number of ready messages that went with it, and the point at
    /// which it is gone from disk. One that is missing counts as deleted.
    ///
    /// # Errors
    /// 403 without permission, 405 when exclusive to another connection, 406 when `conditions`
    /// are not met.
    pub fn delete_queue(
        &self,
        actor: &Actor,
        name: &str,
        conditions: DeleteConditions,
        work: &mut Work,
    ) -> Result<(usize, CommitPoint), Error> {
        self.require_queue(actor, Permission::Configure, name)?;
        let snapshot = self.snapshot.load_full();
        if !snapshot.queues.contains_key(name) {
            // It may be on its way out: somebody else's delete, or its last consumer's end.
            return Ok((0, self.change().unchanged()));
        }
        let queue = snapshot.queue(&self.name, actor, name)?;
        let counts = queue.inspect(Queue::counts);
        if conditions.if_unused && counts.consumers > 0 {
            return Err(Error::InUse(self.queue_resource(name)));
        }
        if conditions.if_empty && counts.ready > 0 {
            return Err(Error::NotEmpty(self.queue_resource(name)));
        }
        Ok(self.remove_by(self.change_by(actor), &queue, work))
    }

    /// Removes `queue`, if it is still the one of its name: when its last consumer went
    /// (auto-delete), or with its connection (exclusive).
    pub fn remove_queue(&self, queue: &Arc<SharedQueue>, work: &mut Work) -> (usize, CommitPoint) {
        self.remove_by(self.change(), queue, work)
    }

    fn remove_by(
        &self,
        mut change: Change<'_>,
        queue: &Arc<SharedQueue>,
        work: &mut Work,
    ) -> (usize, CommitPoint) {
        let name = queue.name.as_str();
        let current = change.next.queues.get(name);
        if !current.is_some_and(|current| Arc::ptr_eq(current, queue)) {
            return (0, change.unchanged());
        }
        change.next.queues.remove(name);
        let removed = change.next.topology.remove_queue(name);
        change.log_removed(&removed);
        if let Some(durable) = &queue.durable {
            change.remove(Definition::queue(
                &self.name,
                &queue.name,
                durable.id,
                &queue.declared,
            ));
            if queue.inspect(Queue::is_paused) {
                change.remove(Definition::paused_queue(&self.name, &queue.name));
            }
        }
        change.note(|by| Event::QueueDeleted(queue.event(by)));
        let point = change.publish();
        count_one(&self.broker_totals.churn.queues_deleted);
        (end_queue(queue, work), point)
    }

    /// Drops the ready messages of a queue; gives their number.
    ///
    /// # Errors
    /// 403 without `read`, 404 when missing, 405 when exclusive to another connection.
    pub fn purge_queue(&self, actor: &Actor, name: &str, work: &mut Work) -> Result<usize, Error> {
        self.require_queue(actor, Permission::Read, name)?;
        let queue = self.queue(actor, name)?;
        Ok(queue.run(work, Queue::purge))
    }

    /// The queue `name`, if `actor` may read it.
    ///
    /// # Errors
    /// As [`VHost::purge_queue`].
    pub fn readable_queue(&self, actor: &Actor, name: &str) -> Result<Arc<SharedQueue>, Error> {
        self.require_queue(actor, Permission::Read, name)?;
        self.queue(actor, name)
    }

    /// The queue `name`, if `actor` may put messages into it: as by the default exchange.
    ///
    /// # Errors
    /// 403 without `write` on the default exchange, 404 when missing, 405 when exclusive to another connection.
    pub fn writable_queue(&self, actor: &Actor, name: &str) -> Result<Arc<SharedQueue>, Error> {
        self.require_exchange(actor, Permission::Write, "")?;
        self.queue(actor, name)
    }

    pub(super) fn require_queue(
        &self,
        actor: &Actor,
        permission: Permission,
        name: &str,
    ) -> Result<(), Error> {
        let kind = ResourceKind::Queue;
        Ok(self
            .users
            .require(&actor.user, &self.name, permission, kind, name)?)
    }

    /// The name asked for, or a new one.
    fn queue_name(&self, declare: &QueueDeclare) -> Result<String, Error> {
        if declare.name.is_empty() {
            let prefix = arguments::name_prefix(&declare.arguments)
                .map_err(|why| why.on(self.queue_resource("")))?;
            let random: [u8; 16] = rand::random();
            let random = URL_SAFE_NO_PAD.encode(random);
            return Ok(format!("{}{random}", prefix.unwrap_or("amq.gen-")));
        }
        if declare.name.starts_with("amq.") {
            return Err(Error::ReservedName {
                kind: "queue",
                name: declare.name.clone(),
            });
        }
        Ok(declare.name.clone())
    }
}

impl Change<'_> {
    /// Makes a new queue part of the change, and of the log if it is durable. `connection`: whose it is if
    /// it is exclusive. Whoever makes the change is who declared it.
    pub(super) fn create_queue(
        &mut self,
        name: QueueName,
        declared: Declared,
        connection: Option<ConnectionId>,
    ) -> Arc<SharedQueue> {
        let vhost = self.vhost;
        let declared = Declared {
            by: self.by.clone(),
            ..declared
        };
        let durable = declared.flags.durable.then(|| {
            let id = vhost.paging.store().allocate_queue_id();
            self.put(Definition::queue(&vhost.name, &name, id, &declared));
            Durable {
                id,
                durability: vhost.defaults.durability,
            }
        });
        let exclusive = declared.flags.exclusive;
        let queue_type = declared.arguments.queue_type;
        let applied = self.policies().for_queue(name.as_str(), queue_type);
        let options = policies::options(&declared, applied.as_deref());
        let settings = Settings::new(&declared, &options, &vhost.defaults);
        let queue = SharedQueue::new(
            name.clone(),
            Arc::clone(&vhost.name),
            declared,
            connection.filter(|_| exclusive),
            durable,
            applied,
            Queue::new(settings, Sequence(1)),
            Arc::clone(&vhost.paging),
        );
        let queue = Arc::new(queue);
        self.next.topology.add_queue(name.clone());
        self.next.queues.insert(name, Arc::clone(&queue));
        self.note(|by| Event::QueueCreated(queue.event(by)));
        queue
    }
}

/// A declaration, passive or not, is a use of the queue.
///
/// Source: RabbitMQ's quorum queues don't count it.
fn renew(queue: &Arc<SharedQueue>, work: &mut Work) {
    if queue.declared.arguments.queue_type != QueueType::Quorum {
        queue.run(work, |queue, effects| queue.renew(effects.now));
    }
}

/// Nothing changes the meaning of a confirm silently.
pub(super) fn log_relaxed(queue: &SharedQueue) {
    let asked = queue.options().durability;
    if queue.durable.is_some() && asked == Some(Durability::Relaxed) {
        tracing::info!(
            queue = %queue.name,
            vhost = %queue.vhost,
            "queue '{}' in vhost '{}' is relaxed: its confirms don't wait for stable storage",
            queue.name,
            queue.vhost
        );
    }
}

fn status(queue: &SharedQueue, declared_at: CommitPoint) -> QueueStatus {
    let counts = queue.inspect(Queue::counts);
    QueueStatus {
        name: queue.name.clone(),
        ready: counts.ready,
        consumers: counts.consumers,
        declared_at,
    }
}
