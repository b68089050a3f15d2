//! Events' fields that concern what is declared or set: queues, exchanges, bindings, policies,
//! parameters, permissions; and alarms.

use std::sync::Arc;

use ferrymq_amqp::{AMQPValue, FieldTable};
use ferrymq_routing::{Binding, Destination, Exchange};

use super::fields::Fields;

/// A queue that came or went.
#[derive(Debug)]
pub struct QueueEvent {
    /// Where.
    pub vhost: Arc<str>,
    /// Its name.
    pub name: String,
    /// Its type in `x-queue-type`.
    pub queue_type: &'static str,
    /// Survives a restart.
    pub durable: bool,
    /// Goes with its last consumer.
    pub auto_delete: bool,
    /// Belongs to one connection.
    pub exclusive: bool,
    /// What it was declared with.
    pub arguments: FieldTable,
    /// Who did it.
    pub by: String,
}

/// An exchange that came or went.
#[derive(Debug)]
pub struct ExchangeEvent {
    /// Where.
    pub vhost: Arc<str>,
    /// The exchange.
    pub exchange: Arc<Exchange>,
    /// Who did it.
    pub by: String,
}

/// A binding that came or went.
#[derive(Debug)]
pub struct BindingEvent {
    /// Where.
    pub vhost: Arc<str>,
    /// The binding.
    pub binding: Arc<Binding>,
    /// Who did it.
    pub by: String,
}

/// A policy that was set.
#[derive(Debug)]
pub struct PolicyEvent {
    /// Where.
    pub vhost: Arc<str>,
    /// Its name.
    pub name: String,
    /// Of names that it applies to.
    pub pattern: String,
    /// What it applies to: `queues`, `exchanges`, `all`, …
    pub apply_to: String,
    /// What it says.
    pub definition: FieldTable,
    /// The highest of those that match counts.
    pub priority: i64,
    /// Who did it.
    pub by: String,
}

/// A runtime parameter that was set or cleared.
#[derive(Debug)]
pub struct ParameterEvent {
    /// Where; `None`: a global one.
    pub vhost: Option<Arc<str>>,
    /// What it belongs to.
    pub component: String,
    /// Its name.
    pub name: String,
    /// Its value; nothing for one that was cleared.
    pub value: Option<AMQPValue>,
    /// Who did it.
    pub by: String,
}

/// Permissions that were given or taken.
#[derive(Debug)]
pub struct PermissionEvent {
    /// Whose.
    pub user: String,
    /// Where.
    pub vhost: String,
    /// Of a topic permission.
    pub exchange: Option<String>,
    /// Pattern of names that may be declared and deleted.
    pub configure: Option<String>,
    /// Pattern of names or keys that may be published to.
    pub write: Option<String>,
    /// Pattern of names or keys that may be read.
    pub read: Option<String>,
    /// Who did it.
    pub by: String,
}

/// An alarm that was set or cleared.
#[derive(Debug)]
pub struct Alarm {
    /// `memory` or `disk`.
    pub source: &'static str,
    /// This node's name.
    pub node: String,
}

impl QueueEvent {
    pub(super) fn created(&self, fields: &mut Fields) {
        self.deleted(fields);
        fields
            .flag("durable", self.durable)
            .flag("auto_delete", self.auto_delete)
            .flag("exclusive", self.exclusive)
            .table("arguments", &self.arguments);
    }

    pub(super) fn deleted(&self, fields: &mut Fields) {
        fields
            .text("name", &self.name)
            .text("vhost", &self.vhost)
            .text("type", self.queue_type)
            .by(&self.by);
    }
}

impl ExchangeEvent {
    pub(super) fn created(&self, fields: &mut Fields) {
        self.deleted(fields);
        fields
            .text("type", self.exchange.kind.as_str())
            .flag("durable", self.exchange.durable)
            .flag("auto_delete", self.exchange.auto_delete)
            .flag("internal", self.exchange.internal)
            .table("arguments", &self.exchange.arguments);
    }

    pub(super) fn deleted(&self, fields: &mut Fields) {
        fields
            .text("name", self.exchange.name.as_str())
            .text("vhost", &self.vhost)
            .by(&self.by);
    }
}

impl BindingEvent {
    pub(super) fn write(&self, fields: &mut Fields) {
        let destination = self.binding.destination();
        let kind = match destination {
            Destination::Queue(_) => "queue",
            Destination::Exchange(_) => "exchange",
        };
        fields
            .text("source_name", self.binding.source().as_str())
            .text("source_kind", "exchange")
            .text("destination_name", destination.name())
            .text("destination_kind", kind)
            .text("routing_key", self.binding.routing_key())
            .table("arguments", self.binding.arguments())
            .text("vhost", &self.vhost)
            .by(&self.by);
    }
}

impl PolicyEvent {
    pub(super) fn write(&self, fields: &mut Fields) {
        fields
            .text("name", &self.name)
            .text("vhost", &self.vhost)
            .text("pattern", &self.pattern)
            .text("apply-to", &self.apply_to)
            .table("definition", &self.definition)
            .number("priority", self.priority)
            .by(&self.by);
    }
}

impl ParameterEvent {
    pub(super) fn write(&self, fields: &mut Fields) {
        fields
            .text("component", &self.component)
            .text("name", &self.name)
            .by(&self.by);
        if let Some(vhost) = &self.vhost {
            fields.text("vhost", vhost);
        }
        if let Some(value) = &self.value {
            fields.value("value", value.clone());
        }
    }
}

impl PermissionEvent {
    /// Of `user` in `vhost`, without patterns.
    pub fn new(user: &str, vhost: &str, by: &str) -> Self {
        Self {
            user: user.to_owned(),
            vhost: vhost.to_owned(),
            exchange: None,
            configure: None,
            write: None,
            read: None,
            by: by.to_owned(),
        }
    }

    pub(super) fn write(&self, fields: &mut Fields) {
        fields
            .text("user", &self.user)
            .text("vhost", &self.vhost)
            .by(&self.by);
        for (name, pattern) in [
            ("exchange", &self.exchange),
            ("configure", &self.configure),
            ("write", &self.write),
            ("read", &self.read),
        ] {
            if let Some(pattern) = pattern {
                fields.text(name, pattern);
            }
        }
    }
}
