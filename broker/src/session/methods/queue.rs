//! The `queue` class.

use ferrymq_amqp::method::queue;
use ferrymq_amqp::{AMQPClass, ShortString};
use ferrymq_routing::{Binding, Destination, ExchangeName, QueueName};
use ferrymq_store::CommitPoint;

use crate::error::Error;
use crate::queue::arguments::Flags;
use crate::reply_to;
use crate::session::channel::{Channel, stripped};
use crate::session::context::Context;
use crate::vhost::{DeleteConditions, QueueDeclare, QueueStatus};

impl Channel {
    /// `queue.declare`.
    pub(in crate::session) fn queue_declare(
        &mut self,
        context: &mut Context,
        declare: queue::Declare,
    ) -> Result<(), Error> {
        let name = stripped(declare.queue.as_str());
        if reply_to::is_reply_name(&name) {
            return self.declare_reply_name(context, &name, declare.nowait);
        }
        let (vhost, actor) = (&context.vhost, &context.actor);
        let status = if declare.passive {
            vhost.find_queue(actor, &name, &mut context.work)?
        } else {
            let wanted = QueueDeclare {
                name,
                flags: Flags {
                    durable: declare.durable,
                    exclusive: declare.exclusive,
                    auto_delete: declare.auto_delete,
                },
                arguments: declare.arguments,
            };
            vhost.declare_queue(actor, wanted, &mut context.work)?
        };
        if declare.exclusive && !declare.passive {
            let queue = vhost.queue(actor, status.name.as_str())?;
            context.exclusive_queues.add(queue);
        }
        self.last_queue = Some(status.name.clone());
        self.declare_ok(context, &status, declare.nowait);
        Ok(())
    }

    /// `queue.bind`.
    pub(in crate::session) fn queue_bind(
        &mut self,
        context: &mut Context,
        bind: queue::Bind,
    ) -> Result<(), Error> {
        let binding = self.binding(
            bind.queue.as_str(),
            bind.exchange.as_str(),
            bind.routing_key.as_str(),
            bind.arguments,
        )?;
        let (vhost, actor) = (&context.vhost, &context.actor);
        let point = vhost.bind(actor, binding, &mut context.work)?;
        let ok = queue::AMQPMethod::BindOk(queue::BindOk {});
        context.reply_at(point, self.id, bind.nowait, AMQPClass::Queue(ok));
        Ok(())
    }

    /// `queue.unbind`.
    pub(in crate::session) fn queue_unbind(
        &mut self,
        context: &mut Context,
        unbind: queue::Unbind,
    ) -> Result<(), Error> {
        let binding = self.binding(
            unbind.queue.as_str(),
            unbind.exchange.as_str(),
            unbind.routing_key.as_str(),
            unbind.arguments,
        )?;
        let point = context.vhost.unbind(&context.actor, &binding)?;
        let ok = queue::AMQPMethod::UnbindOk(queue::UnbindOk {});
        context.reply_at(point, self.id, false, AMQPClass::Queue(ok));
        Ok(())
    }

    /// `queue.purge`.
    pub(in crate::session) fn queue_purge(
        &mut self,
        context: &mut Context,
        purge: &queue::Purge,
    ) -> Result<(), Error> {
        let name = self.queue_name(purge.queue.as_str())?;
        let Context {
            vhost, actor, work, ..
        } = context;
        let purged = vhost.purge_queue(actor, &name, work)?;
        let ok = queue::PurgeOk {
            message_count: count(purged),
        };
        let ok = queue::AMQPMethod::PurgeOk(ok);
        context.reply(self.id, purge.nowait, AMQPClass::Queue(ok));
        Ok(())
    }

    /// `queue.delete`.
    pub(in crate::session) fn queue_delete(
        &mut self,
        context: &mut Context,
        delete: &queue::Delete,
    ) -> Result<(), Error> {
        let name = self.queue_name(delete.queue.as_str())?;
        let conditions = DeleteConditions {
            if_unused: delete.if_unused,
            if_empty: delete.if_empty,
        };
        let Context {
            vhost, actor, work, ..
        } = context;
        let (ready, point) = vhost.delete_queue(actor, &name, conditions, work)?;
        let ok = queue::DeleteOk {
            message_count: count(ready),
        };
        let ok = queue::AMQPMethod::DeleteOk(ok);
        context.reply_at(point, self.id, delete.nowait, AMQPClass::Queue(ok));
        Ok(())
    }

    /// Compat: declaring somebody's reply name tells whether it still waits for answers.
    fn declare_reply_name(
        &mut self,
        context: &mut Context,
        name: &str,
        nowait: bool,
    ) -> Result<(), Error> {
        let known =
            name == reply_to::PSEUDO_QUEUE || context.broker.reply_to().find(name).is_some();
        if !known {
            return Err(Error::no_queue(name, context.vhost.name()));
        }
        let status = QueueStatus {
            name: QueueName::from(name),
            ready: 0,
            consumers: 1,
            declared_at: CommitPoint(0),
        };
        self.declare_ok(context, &status, nowait);
        Ok(())
    }

    fn declare_ok(&self, context: &mut Context, status: &QueueStatus, nowait: bool) {
        let ok = queue::DeclareOk {
            queue: ShortString::from(status.name.as_str()),
            message_count: count(status.ready),
            consumer_count: count(status.consumers),
        };
        let ok = AMQPClass::Queue(queue::AMQPMethod::DeclareOk(ok));
        context.reply_at(status.declared_at, self.id, nowait, ok);
    }

    /// Compat: with an empty queue name and an empty key, the key is the last declared queue too.
    fn binding(
        &self,
        queue: &str,
        exchange: &str,
        routing_key: &str,
        arguments: ferrymq_amqp::FieldTable,
    ) -> Result<Binding, Error> {
        let name = self.queue_name(queue)?;
        let routing_key = if queue.is_empty() && routing_key.is_empty() {
            name.clone()
        } else {
            routing_key.to_owned()
        };
        Ok(Binding::new(
            ExchangeName::from(stripped(exchange)),
            Destination::Queue(QueueName::from(name)),
            routing_key,
            arguments,
        ))
    }
}

fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
