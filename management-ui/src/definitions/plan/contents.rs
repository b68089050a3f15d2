//! What is in vhosts: exchanges, queues, bindings. What is there already stays as it is, and is not
//! compared.

use std::collections::HashSet;

use ferrymq_broker::json::from_table;
use ferrymq_broker::limits::Reached;
use ferrymq_broker::routing::{Binding, Destination};
use serde_json::Value as Json;

use super::vhosts::Target;
use super::{Outcome, Planner, skipped};
use crate::definitions::document::{BindingEntry, ExchangeEntry, QueueEntry, Section};
use crate::definitions::{check, shape};

/// What makes two bindings the same in a document, where numbers have lost their width.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct BindingKey {
    source: String,
    destination: Destination,
    routing_key: String,
    /// As JSON.
    arguments: String,
}

impl BindingKey {
    fn of(binding: &Binding) -> Self {
        Self {
            source: binding.source().to_string(),
            destination: binding.destination().clone(),
            routing_key: binding.routing_key().to_string(),
            arguments: Json::Object(from_table(binding.arguments())).to_string(),
        }
    }
}

impl Planner<'_> {
    pub(super) fn exchanges(&mut self, section: Section<ExchangeEntry>) {
        self.each(section, |planner, place, entry| {
            let target = planner.target(&place.vhost)?;
            if shape::is_reserved(&entry.name) {
                return Ok(skipped("exchanges of this name are the broker's own"));
            }
            if target.has_exchange(&entry.name) {
                return Ok(Outcome::Unchanged);
            }
            let exchange = check::exchange(entry)?;
            target.new_exchanges.insert(exchange.name.to_string());
            target.batch.exchanges.push(exchange);
            Ok(Outcome::Added)
        });
    }

    pub(super) fn queues(&mut self, section: Section<QueueEntry>) {
        self.each(section, |planner, place, entry| {
            let target = planner.target(&place.vhost)?;
            if shape::is_reserved(&entry.name) {
                return Ok(skipped("queues of this name are the broker's own"));
            }
            if entry.exclusive == Some(true) {
                return Ok(skipped("an exclusive queue belongs to a connection"));
            }
            if target.has_queue(&entry.name) {
                return Ok(Outcome::Unchanged);
            }
            target.check_room(&place.vhost)?;
            let (name, declared) = check::queue(entry, target.default_queue_type())?;
            target.new_queues.insert(name.clone());
            target.batch.queues.push((name, declared));
            Ok(Outcome::Added)
        });
    }

    pub(super) fn bindings(&mut self, section: Section<BindingEntry>) {
        self.each(section, |planner, place, entry| {
            let target = planner.target(&place.vhost)?;
            let binding = check::binding(entry)?;
            target.binding(&place.vhost, binding)
        });
    }
}

impl Target {
    fn has_exchange(&self, name: &str) -> bool {
        self.snapshot.topology.exchange(name).is_some() || self.new_exchanges.contains(name)
    }

    fn has_queue(&self, name: &str) -> bool {
        self.snapshot.queues.contains_key(name) || self.new_queues.contains(name)
    }

    /// May it have one more queue?
    fn check_room(&self, vhost: &str) -> Result<(), String> {
        let before = self.snapshot.queues.len();
        let new = self.new_queues.len();
        let room = self.limits.max_queues.check(before + new);
        room.map_err(|Reached(most)| {
            format!(
                "queue limit in vhost '{vhost}' ({most}) would be passed: there are {before} queues, \
                 this is new one number {}",
                new + 1
            )
        })
    }

    fn binding(&mut self, vhost: &str, binding: Binding) -> Result<Outcome, String> {
        if binding.source().is_default() {
            return Ok(skipped("every queue is bound to the default exchange"));
        }
        let missing = |kind: &str, name: &str| format!("no {kind} '{name}' in vhost '{vhost}'");
        let source = binding.source().as_str();
        if !self.has_exchange(source) {
            return Err(missing("exchange", source));
        }
        let name = binding.destination().name();
        match binding.destination() {
            Destination::Queue(_) if self.has_queue(name) => {}
            Destination::Queue(_) if shape::is_reserved(name) => {
                return Ok(skipped("its queue is left out"));
            }
            Destination::Queue(_) => return Err(missing("queue", name)),
            Destination::Exchange(_) if name.is_empty() => {
                return Err("the default exchange can't be bound".to_owned());
            }
            Destination::Exchange(_) if self.has_exchange(name) => {}
            Destination::Exchange(_) => return Err(missing("exchange", name)),
        }
        let is_new = self.known_bindings().insert(BindingKey::of(&binding));
        if !is_new {
            return Ok(Outcome::Unchanged);
        }
        self.batch.bindings.push(binding);
        Ok(Outcome::Added)
    }

    fn known_bindings(&mut self) -> &mut HashSet<BindingKey> {
        let topology = &self.snapshot.topology;
        self.bindings.get_or_insert_with(|| {
            let bindings = topology.bindings();
            bindings.map(|binding| BindingKey::of(binding)).collect()
        })
    }
}
