//! Declares, binds, unbinds and deletes as fast as the broker answers, and checks what is there.

use std::io;
use std::sync::Arc;

use rand::Rng;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;

use super::Shared;
use super::client::Client;
use super::ledger::{Ledger, Object};
use super::places::VOLATILE;
use crate::raw::{AMQPClass, Channel, Connection, Method, channels, exchange, queue};

/// Changes definitions until the broker is gone. Names begin with `prefix`.
pub(super) fn change(
    mut client: Client,
    prefix: &str,
    mut random: SmallRng,
    shared: &Arc<Shared>,
) -> io::Result<()> {
    let source = format!("{prefix}.source");
    put(&mut client, shared, Object::Exchange(source.clone()))?;
    let mut queues: Vec<String> = Vec::new();
    for number in 0.. {
        match random.random_range(0..6) {
            0 if number > 0 => {
                let exchange = format!("{prefix}.{number}");
                put(&mut client, shared, Object::Exchange(exchange.clone()))?;
                if random.random() {
                    take(&mut client, shared, Object::Exchange(exchange))?;
                }
            }
            1 | 2 => {
                let queue = format!("{prefix}.{number}");
                put(&mut client, shared, Object::Queue(queue.clone()))?;
                queues.push(queue);
            }
            action => {
                let Some(queue) = queues.choose(&mut random).cloned() else {
                    continue;
                };
                let (exchange, name) = (source.clone(), queue.clone());
                let binding = Object::Binding {
                    exchange,
                    queue: name,
                };
                match action {
                    3 => put(&mut client, shared, binding)?,
                    4 => take(&mut client, shared, binding)?,
                    _ => {
                        queues.retain(|name| *name != queue);
                        // Its binding goes too, in the same change.
                        shared.ledger().changing(&binding);
                        take(&mut client, shared, Object::Queue(queue))?;
                        shared.ledger().changed(binding, false);
                    }
                }
            }
        }
        shared.progress(1);
    }
    Ok(())
}

/// Creates an object. What the ledger says in between is nothing.
fn put(client: &mut Client, shared: &Shared, object: Object) -> io::Result<()> {
    shared.ledger().changing(&object);
    match &object {
        Object::Queue(name) => client.call(declare_queue(name, false), (50, 11))?,
        Object::Exchange(name) => client.call(declare_exchange(name, false), (40, 11))?,
        Object::Binding { exchange, queue } => {
            let bind = queue::Bind {
                queue: queue.as_str().into(),
                exchange: exchange.as_str().into(),
                routing_key: queue.as_str().into(),
                ..Default::default()
            };
            client.call(bind, (50, 21))?
        }
    };
    shared.ledger().changed(object, true);
    Ok(())
}

fn take(client: &mut Client, shared: &Shared, object: Object) -> io::Result<()> {
    shared.ledger().changing(&object);
    match &object {
        Object::Queue(name) => client.call(delete_queue(name), (50, 41))?,
        Object::Exchange(name) => client.call(delete_exchange(name), (40, 21))?,
        Object::Binding { exchange, queue } => {
            let unbind = queue::Unbind {
                queue: queue.as_str().into(),
                exchange: exchange.as_str().into(),
                routing_key: queue.as_str().into(),
                ..Default::default()
            };
            client.call(unbind, (50, 51))?
        }
    };
    shared.ledger().changed(object, false);
    Ok(())
}

/// Looks for whatever was answered, then removes everything. Gives how many objects were looked at, or
/// the first that is not as it was answered.
pub(super) fn check(connection: &Connection, ledger: &mut Ledger) -> Result<usize, String> {
    let channel = connection.channel();
    if answers(&channel, declare_queue(VOLATILE, true)) {
        return Err("a queue that is not durable came back".to_owned());
    }
    let objects = ledger.take_objects();
    for (object, present) in &objects {
        match (exists(&channel, object), present) {
            (false, true) => return Err(format!("{object:?} was declared and is missing")),
            (true, false) => return Err(format!("{object:?} was deleted and is back")),
            _ => {}
        }
    }
    for (object, _) in objects.iter().filter(|(_, present)| *present) {
        match object {
            Object::Queue(name) => drop(channel.delete_queue(name)),
            Object::Exchange(name) => channel.delete_exchange(name),
            Object::Binding { .. } => {}
        }
    }
    channel.close();
    Ok(objects.len())
}

fn exists(channel: &Channel, object: &Object) -> bool {
    match object {
        Object::Queue(name) => answers(channel, declare_queue(name, true)),
        Object::Exchange(name) => answers(channel, declare_exchange(name, true)),
        Object::Binding { exchange, queue } => {
            if !answers(channel, declare_exchange(exchange, true)) {
                return false;
            }
            // A binding shows only in where a message goes.
            channel.publish_mandatory(exchange, queue, "");
            channel.send(declare_exchange(exchange, true));
            match channel.next().method {
                AMQPClass::Exchange(_) => true,
                _returned => {
                    channel.expect::<exchange::DeclareOk>();
                    false
                }
            }
        }
    }
}

/// Whether a passive declaration finds what it names.
fn answers(channel: &Channel, method: impl Method) -> bool {
    channel.send(method);
    let found = !matches!(channel.next().method, AMQPClass::Channel(_));
    if !found {
        channel.send(channels::CloseOk {});
        channel.reopen();
    }
    found
}

fn declare_queue(name: &str, passive: bool) -> queue::Declare {
    queue::Declare {
        queue: name.into(),
        durable: true,
        passive,
        ..Default::default()
    }
}

fn declare_exchange(name: &str, passive: bool) -> exchange::Declare {
    exchange::Declare {
        exchange: name.into(),
        kind: "direct".into(),
        durable: true,
        passive,
        ..Default::default()
    }
}

fn delete_queue(name: &str) -> queue::Delete {
    queue::Delete {
        queue: name.into(),
        ..Default::default()
    }
}

fn delete_exchange(name: &str) -> exchange::Delete {
    exchange::Delete {
        exchange: name.into(),
        ..Default::default()
    }
}
