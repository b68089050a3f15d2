//! Values of definitions: JSON with a version.
//!
//! Argument tables are kept in their wire encoding, because JSON would lose the types of numbers.
//! A value is as long as the arguments that a client sent, up to its frame size.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ferrymq_amqp::table::encode_table;
use ferrymq_amqp::{FieldTable, RawTable};
use ferrymq_routing::{Binding, Destination, Exchange};
use ferrymq_store::QueueId;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::Definition;
use crate::auth::{PasswordHash, PermissionSet, TopicPermissionSet, User};
use crate::limits::{UserLimits, VHostLimits};
use crate::policy::{PolicyKind, PolicyRequest};
use crate::queue::arguments::{Declared, Flags};
use crate::vhost::{Metadata, Purpose};

/// The version of all values.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Versioned {
    v: u32,
    #[serde(flatten)]
    value: Value,
}

/// Only the version: it says whether the rest can be understood.
#[derive(Deserialize)]
struct Version {
    v: u32,
}

/// A definition as it stands in JSON. Only durable things are stored, so that goes without saying.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Value {
    #[serde(rename = "vhost")]
    VHost {
        name: String,
        metadata: Metadata,
        limits: VHostLimits,
    },
    User {
        name: String,
        password_hash: String,
        hashing_algorithm: String,
        tags: Vec<String>,
        limits: UserLimits,
    },
    Permission {
        vhost: String,
        user: String,
        configure: String,
        write: String,
        read: String,
    },
    TopicPermission {
        vhost: String,
        user: String,
        exchange: String,
        write: String,
        read: String,
    },
    Parameter {
        vhost: String,
        component: String,
        name: String,
        value: Json,
    },
    GlobalParameter {
        name: String,
        value: Json,
    },
    Policy {
        vhost: String,
        kind: PolicyKind,
        name: String,
        policy: PolicyRequest,
    },
    Exchange {
        vhost: String,
        name: String,
        #[serde(rename = "type")]
        kind: String,
        auto_delete: bool,
        internal: bool,
        arguments: Arguments,
    },
    Queue {
        vhost: String,
        name: String,
        id: u64,
        #[serde(rename = "type")]
        queue_type: String,
        auto_delete: bool,
        arguments: Arguments,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        declared_by: Option<String>,
    },
    ExchangeQueue {
        vhost: String,
        exchange: String,
        purpose: Purpose,
        id: u64,
    },
    PausedQueue {
        vhost: String,
        name: String,
    },
    Binding {
        vhost: String,
        source: String,
        destination: String,
        destination_type: DestinationType,
        routing_key: String,
        arguments: Arguments,
        order: u64,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DestinationType {
    Queue,
    Exchange,
}

/// Base64 of a table on the wire.
#[derive(Serialize, Deserialize)]
struct Arguments(String);

/// What is stored for `definition`.
pub(super) fn encode(definition: &Definition) -> Vec<u8> {
    let versioned = Versioned {
        v: VERSION,
        value: Value::of(definition),
    };
    serde_json::to_vec(&versioned).expect("text and numbers are JSON")
}

/// The definition that was stored, or what is wrong with it.
pub(super) fn decode(bytes: &[u8]) -> Result<Definition, String> {
    let malformed = |error: serde_json::Error| format!("malformed: {error}");
    let Version { v } = serde_json::from_slice(bytes).map_err(malformed)?;
    if v != VERSION {
        return Err(format!(
            "version {v}, but this program knows only {VERSION}"
        ));
    }
    let Versioned { value, .. } = serde_json::from_slice(bytes).map_err(malformed)?;
    value.into_definition()
}

impl Value {
    fn of(definition: &Definition) -> Self {
        match definition {
            Definition::VHost {
                name,
                metadata,
                limits,
            } => Self::VHost {
                name: name.clone(),
                metadata: metadata.clone(),
                limits: *limits,
            },
            Definition::User(user) => Self::User {
                name: user.name().to_owned(),
                password_hash: user.password().text(),
                hashing_algorithm: user.password().algorithm().to_owned(),
                tags: user.tags().to_vec(),
                limits: user.limits(),
            },
            Definition::Permission { vhost, user, set } => Self::Permission {
                vhost: vhost.clone(),
                user: user.clone(),
                configure: set.configure.as_str().to_owned(),
                write: set.write.as_str().to_owned(),
                read: set.read.as_str().to_owned(),
            },
            Definition::TopicPermission {
                vhost,
                user,
                exchange,
                set,
            } => Self::TopicPermission {
                vhost: vhost.clone(),
                user: user.clone(),
                exchange: exchange.clone(),
                write: set.texts().0.to_owned(),
                read: set.texts().1.to_owned(),
            },
            Definition::Parameter {
                vhost,
                component,
                name,
                value,
            } => Self::Parameter {
                vhost: vhost.clone(),
                component: component.clone(),
                name: name.clone(),
                value: value.clone(),
            },
            Definition::GlobalParameter { name, value } => Self::GlobalParameter {
                name: name.clone(),
                value: value.clone(),
            },
            Definition::Policy {
                vhost,
                kind,
                name,
                request,
            } => Self::Policy {
                vhost: vhost.clone(),
                kind: *kind,
                name: name.clone(),
                policy: request.clone(),
            },
            Definition::Exchange { vhost, exchange } => Self::Exchange {
                vhost: vhost.clone(),
                name: exchange.name.to_string(),
                kind: exchange.kind.to_string(),
                auto_delete: exchange.auto_delete,
                internal: exchange.internal,
                arguments: Arguments::of(&exchange.arguments),
            },
            Definition::Queue {
                vhost,
                name,
                id,
                declared,
            } => Self::Queue {
                vhost: vhost.clone(),
                name: name.to_string(),
                id: id.0,
                queue_type: declared.arguments.queue_type.as_str().to_owned(),
                auto_delete: declared.flags.auto_delete,
                arguments: Arguments::of(declared.arguments.table()),
                declared_by: declared.by.as_deref().map(str::to_owned),
            },
            Definition::ExchangeQueue {
                vhost,
                exchange,
                purpose,
                id,
            } => Self::ExchangeQueue {
                vhost: vhost.clone(),
                exchange: exchange.as_str().to_owned(),
                purpose: *purpose,
                id: id.0,
            },
            Definition::PausedQueue { vhost, name } => Self::PausedQueue {
                vhost: vhost.clone(),
                name: name.to_string(),
            },
            Definition::Binding {
                vhost,
                binding,
                order,
            } => Self::Binding {
                vhost: vhost.clone(),
                source: binding.source().to_string(),
                destination: binding.destination().name().to_owned(),
                destination_type: match binding.destination() {
                    Destination::Queue(_) => DestinationType::Queue,
                    Destination::Exchange(_) => DestinationType::Exchange,
                },
                routing_key: binding.routing_key().to_string(),
                arguments: Arguments::of(binding.arguments()),
                order: *order,
            },
        }
    }

    fn into_definition(self) -> Result<Definition, String> {
        Ok(match self {
            Self::VHost {
                name,
                metadata,
                limits,
            } => Definition::VHost {
                name,
                metadata,
                limits,
            },
            Self::User {
                name,
                password_hash,
                hashing_algorithm,
                tags,
                limits,
            } => {
                let password = PasswordHash::parse(&password_hash, Some(&hashing_algorithm));
                let password = password.map_err(|error| error.to_string())?;
                Definition::User(User::new(&name, password, tags).with_limits(limits))
            }
            Self::Permission {
                vhost,
                user,
                configure,
                write,
                read,
            } => Definition::Permission {
                vhost,
                user,
                set: PermissionSet::trusted(&configure, &write, &read),
            },
            Self::TopicPermission {
                vhost,
                user,
                exchange,
                write,
                read,
            } => Definition::TopicPermission {
                set: TopicPermissionSet::trusted(&write, &read, &user, &vhost),
                vhost,
                user,
                exchange,
            },
            Self::Parameter {
                vhost,
                component,
                name,
                value,
            } => Definition::Parameter {
                vhost,
                component,
                name,
                value,
            },
            Self::GlobalParameter { name, value } => Definition::GlobalParameter { name, value },
            Self::Policy {
                vhost,
                kind,
                name,
                policy,
            } => Definition::Policy {
                vhost,
                kind,
                name,
                request: policy,
            },
            Self::Exchange {
                vhost,
                name,
                kind,
                auto_delete,
                internal,
                arguments,
            } => Definition::Exchange {
                vhost,
                exchange: Exchange {
                    name: name.into(),
                    kind: kind.parse().map_err(|_| unknown("exchange type", &kind))?,
                    durable: true,
                    auto_delete,
                    internal,
                    arguments: arguments.table()?,
                },
            },
            Self::Queue {
                vhost,
                name,
                id,
                queue_type,
                auto_delete,
                arguments,
                declared_by,
            } => Definition::Queue {
                vhost,
                name: name.into(),
                id: QueueId(id),
                declared: Declared {
                    by: declared_by.map(Arc::from),
                    ..declared(&queue_type, auto_delete, &arguments)?
                },
            },
            Self::ExchangeQueue {
                vhost,
                exchange,
                purpose,
                id,
            } => Definition::ExchangeQueue {
                vhost,
                exchange: exchange.into(),
                purpose,
                id: QueueId(id),
            },
            Self::PausedQueue { vhost, name } => Definition::PausedQueue {
                vhost,
                name: name.into(),
            },
            Self::Binding {
                vhost,
                source,
                destination,
                destination_type,
                routing_key,
                arguments,
                order,
            } => {
                let destination = match destination_type {
                    DestinationType::Queue => Destination::Queue(destination.into()),
                    DestinationType::Exchange => Destination::Exchange(destination.into()),
                };
                let arguments = arguments.table()?;
                let binding = Binding::new(source.into(), destination, routing_key, arguments);
                Definition::Binding {
                    vhost,
                    binding,
                    order,
                }
            }
        })
    }
}

fn declared(
    queue_type: &str,
    auto_delete: bool,
    arguments: &Arguments,
) -> Result<Declared, String> {
    let flags = Flags {
        durable: true,
        exclusive: false,
        auto_delete,
    };
    let default_type = queue_type
        .parse()
        .map_err(|_| unknown("queue type", queue_type))?;
    Declared::parse(flags, false, arguments.table()?, default_type)
        .map_err(|error| error.to_string())
}

fn unknown(what: &str, name: &str) -> String {
    format!("unknown {what} '{name}'")
}

impl Arguments {
    fn of(table: &FieldTable) -> Self {
        let mut encoded = Vec::new();
        if !table.inner().is_empty() {
            encode_table(&mut encoded, table);
        }
        Self(BASE64_STANDARD.encode(encoded))
    }

    fn table(&self) -> Result<FieldTable, String> {
        let malformed = |why: &dyn std::fmt::Display| format!("malformed arguments: {why}");
        let encoded = BASE64_STANDARD
            .decode(&self.0)
            .map_err(|error| malformed(&error))?;
        // In front of the entries stands their length in four bytes.
        let entries = encoded.get(4..).unwrap_or_default();
        let table = RawTable::parse(entries).map_err(|error| malformed(&error))?;
        Ok(table.to_field_table())
    }
}
