//! The load scenario: declare, connect everybody, let them run, clean up.

use amq_protocol::uri::AMQPUri;
use ferrymq_amqp::ShortString;
use ferrymq_amqp::method::{AMQPClass, exchange, queue};

use super::connection::{Connection, unexpected};
use super::consumer::Consumer;
use super::plan::Plan;
use super::producer::Producer;
use super::progress::Progress;
use super::watch::Watch;
use super::{Args, Error};

/// Runs it; true when the broker kept its word.
pub(super) fn run(args: &Args) -> Result<bool, Error> {
    args.check()?;
    let uri: AMQPUri = args.uri.parse().map_err(Error::Uri)?;
    let plan = Plan::new(args);
    let mut control = Connection::open(&uri, "perf control")?;
    declare(&mut control, args, &plan)?;
    let consumers = (0..args.consumers.into())
        .map(|index| Consumer::connect(&uri, args, &plan, index))
        .collect::<Result<Vec<_>, _>>()?;
    let producers = (0..args.producers)
        .map(|id| Producer::connect(&uri, args, &plan, id))
        .collect::<Result<Vec<_>, _>>()?;
    let progress = Progress::new();
    let summary = Watch::new(args, &plan, &progress).run(producers, consumers);
    if !args.keep_queue {
        for queue in &plan.queues {
            control.delete(queue)?;
        }
    }
    control.close()?;
    let summary = summary?;
    summary.print(args);
    Ok(summary.is_clean())
}

/// Declares and binds everything; what earlier runs left in the queues goes, unless it is what is to be
/// consumed.
fn declare(control: &mut Connection, args: &Args, plan: &Plan) -> Result<(), Error> {
    if !plan.exchange.is_empty() && !plan.exchange.starts_with("amq.") {
        declare_exchange(control, args)?;
    }
    for (index, name) in plan.queues.iter().enumerate() {
        let left = control.declare(name, args)?;
        if left > 0 && args.producers > 0 {
            purge(control, name)?;
        }
        if !plan.exchange.is_empty() {
            bind(control, plan, index)?;
        }
    }
    Ok(())
}

fn declare_exchange(control: &mut Connection, args: &Args) -> Result<(), Error> {
    let kind = ShortString::try_new(args.exchange_type.as_str())
        .map_err(|_| Error::Arguments("the exchange's type is too long"))?;
    let declare = exchange::AMQPMethod::Declare(exchange::Declare {
        exchange: args.exchange.as_str().into(),
        kind,
        durable: args.durable,
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

fn bind(control: &mut Connection, plan: &Plan, queue: usize) -> Result<(), Error> {
    let bind = queue::AMQPMethod::Bind(queue::Bind {
        queue: plan.queues[queue].as_str().into(),
        exchange: plan.exchange.as_str().into(),
        routing_key: plan.routing_key(queue).into(),
        ..queue::Bind::default()
    });
    match control.call(AMQPClass::Queue(bind))? {
        AMQPClass::Queue(queue::AMQPMethod::BindOk(_)) => Ok(()),
        other => Err(unexpected("queue.bind-ok", &other)),
    }
}
