//! Declares, binds, purges and deletes what a load needs.

use ferrymq_amqp::method::{AMQPClass, exchange, queue};
use ferrymq_amqp::{FieldTable, ShortString};

use super::connection::{Connection, unexpected};
use super::plan::Plan;
use super::{Error, Load};

/// Declares and binds everything; what earlier runs left in the queues goes, unless it is what is to be
/// consumed.
pub(super) fn declare(control: &mut Connection, args: &Load, plan: &Plan) -> Result<(), Error> {
    if args.topology.predeclared {
        return Ok(());
    }
    let has_exchange = !plan.exchange.is_empty();
    if has_exchange && !plan.exchange.starts_with("amq.") {
        declare_exchange(control, args, plan)?;
    }
    for (index, name) in plan.queues.iter().enumerate() {
        let left = declare_queue(
            control,
            queue::Declare {
                queue: name.as_str().into(),
                durable: args.topology.durable(),
                auto_delete: args.topology.auto_delete,
                arguments: args.topology.queue_arguments(),
                ..queue::Declare::default()
            },
        )?;
        // Spec: queue.purge does nothing for streams, which say so.
        let is_stream = args.topology.queue_type.as_deref() == Some("stream");
        if left > 0 && args.publishing.producers > 0 && !is_stream {
            purge(control, name)?;
        }
        if has_exchange {
            for key in plan.binding_keys(index) {
                let arguments = args.topology.binding_arguments();
                bind(control, name, &plan.exchange, &key, arguments)?;
            }
        }
    }
    Ok(())
}

/// Deletes what was declared, unless it is to be kept. An exchange that somebody named is not ours.
pub(super) fn clean_up(control: &mut Connection, args: &Load, plan: &Plan) -> Result<(), Error> {
    if args.topology.predeclared || args.topology.keep_queue {
        return Ok(());
    }
    for queue in &plan.queues {
        delete_queue(control, queue)?;
    }
    if args.topology.own_exchange() {
        let delete = exchange::AMQPMethod::Delete(exchange::Delete {
            exchange: plan.exchange.as_str().into(),
            ..exchange::Delete::default()
        });
        control.call(AMQPClass::Exchange(delete))?;
    }
    Ok(())
}

/// Declares a queue, and tells how many messages are in it.
pub(super) fn declare_queue(
    control: &mut Connection,
    declare: queue::Declare,
) -> Result<u32, Error> {
    let declare = queue::AMQPMethod::Declare(declare);
    match control.call(AMQPClass::Queue(declare))? {
        AMQPClass::Queue(queue::AMQPMethod::DeclareOk(ok)) => Ok(ok.message_count),
        other => Err(unexpected("queue.declare-ok", &other)),
    }
}

/// Deletes a queue.
pub(super) fn delete_queue(control: &mut Connection, queue: &str) -> Result<(), Error> {
    let delete = queue::AMQPMethod::Delete(queue::Delete {
        queue: queue.into(),
        ..queue::Delete::default()
    });
    control.call(AMQPClass::Queue(delete)).map(drop)
}

fn declare_exchange(control: &mut Connection, args: &Load, plan: &Plan) -> Result<(), Error> {
    let kind = ShortString::try_new(args.topology.kind())
        .map_err(|_| Error::Usage("--exchange-type is longer than 255 bytes".to_owned()))?;
    let declare = exchange::AMQPMethod::Declare(exchange::Declare {
        exchange: plan.exchange.as_str().into(),
        kind,
        durable: args.topology.durable(),
        arguments: args.topology.exchange_arguments(),
        ..exchange::Declare::default()
    });
    match control.call(AMQPClass::Exchange(declare))? {
        AMQPClass::Exchange(exchange::AMQPMethod::DeclareOk(_)) => Ok(()),
        other => Err(unexpected("exchange.declare-ok", &other)),
    }
}

fn purge(control: &mut Connection, queue: &str) -> Result<(), Error> {
    let purge = queue::AMQPMethod::Purge(queue::Purge {
        queue: queue.into(),
        nowait: false,
    });
    control.call(AMQPClass::Queue(purge)).map(drop)
}

fn bind(
    control: &mut Connection,
    queue: &str,
    exchange: &str,
    routing_key: &str,
    arguments: FieldTable,
) -> Result<(), Error> {
    let bind = queue::AMQPMethod::Bind(queue::Bind {
        queue: queue.into(),
        exchange: exchange.into(),
        routing_key: routing_key.into(),
        arguments,
        ..queue::Bind::default()
    });
    match control.call(AMQPClass::Queue(bind))? {
        AMQPClass::Queue(queue::AMQPMethod::BindOk(_)) => Ok(()),
        other => Err(unexpected("queue.bind-ok", &other)),
    }
}
