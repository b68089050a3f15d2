//! The `exchange` class.

use ferrymq_amqp::AMQPClass;
use ferrymq_amqp::method::exchange;
use ferrymq_routing::{Binding, Destination, ExchangeName};
use ferrymq_store::CommitPoint;

use crate::error::Error;
use crate::session::channel::{Channel, stripped};
use crate::session::context::Context;
use crate::vhost::ExchangeDeclare;

impl Channel {
    /// `exchange.declare`.
    pub(in crate::session) fn exchange_declare(
        &mut self,
        context: &mut Context,
        declare: exchange::Declare,
    ) -> Result<(), Error> {
        let name = stripped(declare.exchange.as_str());
        let (vhost, actor) = (&context.vhost, &context.actor);
        let point = if declare.passive {
            vhost.find_exchange(actor, &name)?;
            CommitPoint(0)
        } else {
            let wanted = ExchangeDeclare {
                name,
                kind: declare.kind.to_string(),
                durable: declare.durable,
                auto_delete: declare.auto_delete,
                internal: declare.internal,
                arguments: declare.arguments,
            };
            vhost.declare_exchange(actor, wanted)?
        };
        let ok = exchange::AMQPMethod::DeclareOk(exchange::DeclareOk {});
        context.reply_at(point, self.id, declare.nowait, AMQPClass::Exchange(ok));
        Ok(())
    }

    /// `exchange.delete`.
    pub(in crate::session) fn exchange_delete(
        &mut self,
        context: &mut Context,
        delete: &exchange::Delete,
    ) -> Result<(), Error> {
        let name = stripped(delete.exchange.as_str());
        let (vhost, actor) = (&context.vhost, &context.actor);
        let point = vhost.delete_exchange(actor, &name, delete.if_unused)?;
        let ok = exchange::AMQPMethod::DeleteOk(exchange::DeleteOk {});
        context.reply_at(point, self.id, delete.nowait, AMQPClass::Exchange(ok));
        Ok(())
    }

    /// `exchange.bind`.
    pub(in crate::session) fn exchange_bind(
        &mut self,
        context: &mut Context,
        bind: exchange::Bind,
    ) -> Result<(), Error> {
        let binding = Binding::new(
            ExchangeName::from(stripped(bind.source.as_str())),
            Destination::Exchange(ExchangeName::from(stripped(bind.destination.as_str()))),
            bind.routing_key.as_str(),
            bind.arguments,
        );
        let (vhost, actor) = (&context.vhost, &context.actor);
        let point = vhost.bind(actor, binding, &mut context.work)?;
        let ok = exchange::AMQPMethod::BindOk(exchange::BindOk {});
        context.reply_at(point, self.id, bind.nowait, AMQPClass::Exchange(ok));
        Ok(())
    }

    /// `exchange.unbind`.
    pub(in crate::session) fn exchange_unbind(
        &mut self,
        context: &mut Context,
        unbind: exchange::Unbind,
    ) -> Result<(), Error> {
        let binding = Binding::new(
            ExchangeName::from(stripped(unbind.source.as_str())),
            Destination::Exchange(ExchangeName::from(stripped(unbind.destination.as_str()))),
            unbind.routing_key.as_str(),
            unbind.arguments,
        );
        let point = context.vhost.unbind(&context.actor, &binding)?;
        let ok = exchange::AMQPMethod::UnbindOk(exchange::UnbindOk {});
        context.reply_at(point, self.id, unbind.nowait, AMQPClass::Exchange(ok));
        Ok(())
    }
}
