//! Everything durable but messages, as keys and values of the store.

mod key;
mod value;

use ferrymq_amqp::FieldTable;
use ferrymq_amqp::table::encode_table;
use ferrymq_routing::{Binding, Destination, Exchange, ExchangeName, QueueName};
use ferrymq_store::{CommitPoint, QueueId, Store};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use crate::auth::{PermissionSet, TopicPermissionSet, User};
use crate::limits::VHostLimits;
use crate::policy::{PolicyKind, PolicyRequest};
use crate::queue::arguments::Declared;
use crate::vhost::{Metadata, Purpose};
use key::Kind;

/// Bytes of a digest that tell bindings with different arguments apart.
const FINGERPRINT_BYTES: usize = 16;

/// One durable thing.
#[derive(Debug)]
pub enum Definition {
    /// A virtual host.
    VHost {
        /// Its name.
        name: String,
        /// What is known about it.
        metadata: Metadata,
        /// How much there may be in it.
        limits: VHostLimits,
    },
    /// A user.
    User(User),
    /// What a user may do in a vhost.
    Permission {
        /// The vhost.
        vhost: String,
        /// The user.
        user: String,
        /// The three patterns.
        set: PermissionSet,
    },
    /// Which routing keys of a topic exchange a user may use.
    TopicPermission {
        /// The vhost.
        vhost: String,
        /// The user.
        user: String,
        /// The exchange.
        exchange: String,
        /// The two patterns.
        set: TopicPermissionSet,
    },
    /// A parameter of a vhost.
    Parameter {
        /// The vhost.
        vhost: String,
        /// Whom it is for.
        component: String,
        /// Its name.
        name: String,
        /// Anything.
        value: Json,
    },
    /// A parameter of the broker.
    GlobalParameter {
        /// Its name.
        name: String,
        /// Anything.
        value: Json,
    },
    /// A policy, or an operator policy.
    Policy {
        /// The vhost.
        vhost: String,
        /// Which of both.
        kind: PolicyKind,
        /// Its name.
        name: String,
        /// All else.
        request: PolicyRequest,
    },
    /// An exchange.
    Exchange {
        /// The vhost.
        vhost: String,
        /// With its name.
        exchange: Exchange,
    },
    /// A queue.
    Queue {
        /// The vhost.
        vhost: String,
        /// Its name.
        name: QueueName,
        /// What the store calls it.
        id: QueueId,
        /// Flags and arguments.
        declared: Declared,
    },
    /// What a durable exchange keeps messages in, which nobody else sees.
    ExchangeQueue {
        /// The vhost.
        vhost: String,
        /// The exchange.
        exchange: ExchangeName,
        /// Why it keeps them.
        purpose: Purpose,
        /// What the store calls it.
        id: QueueId,
    },
    /// A queue whose deliveries are paused.
    PausedQueue {
        /// The vhost.
        vhost: String,
        /// The queue.
        name: QueueName,
    },
    /// A binding between durable things.
    Binding {
        /// The vhost.
        vhost: String,
        /// With both ends.
        binding: Binding,
        /// Bindings are put back in ascending order: some exchange types depend on it.
        order: u64,
    },
}

/// A stored definition can't be understood.
#[derive(Debug, thiserror::Error)]
#[error("stored definition '{key}': {why}")]
pub struct BadDefinition {
    key: String,
    why: String,
}

impl Definition {
    /// What `user` may do in `vhost`.
    pub fn permission(vhost: &str, user: &str, set: &PermissionSet) -> Self {
        Self::Permission {
            vhost: vhost.to_owned(),
            user: user.to_owned(),
            set: set.clone(),
        }
    }

    /// Which routing keys of `exchange` in `vhost` `user` may use.
    pub fn topic_permission(
        vhost: &str,
        user: &str,
        exchange: &str,
        set: &TopicPermissionSet,
    ) -> Self {
        Self::TopicPermission {
            vhost: vhost.to_owned(),
            user: user.to_owned(),
            exchange: exchange.to_owned(),
            set: set.clone(),
        }
    }

    /// An exchange of `vhost`.
    pub fn exchange(vhost: &str, exchange: &Exchange) -> Self {
        Self::Exchange {
            vhost: vhost.to_owned(),
            exchange: exchange.clone(),
        }
    }

    /// The policy `name` of `vhost`.
    pub fn policy(vhost: &str, kind: PolicyKind, name: &str, request: PolicyRequest) -> Self {
        Self::Policy {
            vhost: vhost.to_owned(),
            kind,
            name: name.to_owned(),
            request,
        }
    }

    /// A parameter of `vhost`.
    pub fn parameter(vhost: &str, component: &str, name: &str, value: Json) -> Self {
        Self::Parameter {
            vhost: vhost.to_owned(),
            component: component.to_owned(),
            name: name.to_owned(),
            value,
        }
    }

    /// A queue of `vhost`.
    pub fn queue(vhost: &str, name: &QueueName, id: QueueId, declared: &Declared) -> Self {
        Self::Queue {
            vhost: vhost.to_owned(),
            name: name.clone(),
            id,
            declared: declared.clone(),
        }
    }

    /// The queue of an exchange of `vhost`.
    pub fn exchange_queue(
        vhost: &str,
        exchange: &ExchangeName,
        purpose: Purpose,
        id: QueueId,
    ) -> Self {
        Self::ExchangeQueue {
            vhost: vhost.to_owned(),
            exchange: exchange.clone(),
            purpose,
            id,
        }
    }

    /// A paused queue of `vhost`.
    pub fn paused_queue(vhost: &str, name: &QueueName) -> Self {
        Self::PausedQueue {
            vhost: vhost.to_owned(),
            name: name.clone(),
        }
    }

    /// A binding in `vhost`, made after those of a lower `order`.
    pub fn binding(vhost: &str, binding: &Binding, order: u64) -> Self {
        Self::Binding {
            vhost: vhost.to_owned(),
            binding: binding.clone(),
            order,
        }
    }

    /// Its key in the store, at most a few KiB. Sorted by key, definitions can be put back one
    /// after another.
    pub fn key(&self) -> Vec<u8> {
        match self {
            Self::VHost { name, .. } => key::encode(Kind::VHost, &[name]),
            Self::User(user) => key::encode(Kind::User, &[user.name()]),
            Self::Permission { vhost, user, .. } => key::encode(Kind::Permission, &[vhost, user]),
            Self::TopicPermission {
                vhost,
                user,
                exchange,
                ..
            } => key::encode(Kind::TopicPermission, &[vhost, user, exchange]),
            Self::Parameter {
                vhost,
                component,
                name,
                ..
            } => key::encode(Kind::Parameter, &[vhost, component, name]),
            Self::GlobalParameter { name, .. } => key::encode(Kind::GlobalParameter, &[name]),
            Self::Policy {
                vhost, kind, name, ..
            } => key::encode(Kind::Policy, &[vhost, kind.as_str(), name]),
            Self::Exchange { vhost, exchange } => {
                key::encode(Kind::Exchange, &[vhost, exchange.name.as_str()])
            }
            Self::Queue { vhost, name, .. } => key::encode(Kind::Queue, &[vhost, name.as_str()]),
            Self::ExchangeQueue {
                vhost,
                exchange,
                purpose,
                ..
            } => key::encode(
                Kind::ExchangeQueue,
                &[vhost, exchange.as_str(), purpose.as_str()],
            ),
            Self::PausedQueue { vhost, name } => {
                key::encode(Kind::PausedQueue, &[vhost, name.as_str()])
            }
            Self::Binding { vhost, binding, .. } => binding_key(vhost, binding),
        }
    }

    /// What stands under its key.
    pub fn value(&self) -> Vec<u8> {
        value::encode(self)
    }

    /// The definition that was stored.
    ///
    /// # Errors
    /// Names the key, when the value is not what this version writes.
    pub fn decode(key: &[u8], value: &[u8]) -> Result<Self, BadDefinition> {
        value::decode(value).map_err(|why| BadDefinition {
            key: key.escape_ascii().to_string(),
            why,
        })
    }
}

/// A binding's identity, of bounded length whatever its arguments.
fn binding_key(vhost: &str, binding: &Binding) -> Vec<u8> {
    let kind = match binding.destination() {
        Destination::Queue(_) => "queue",
        Destination::Exchange(_) => "exchange",
    };
    let names = [
        vhost,
        binding.source().as_str(),
        kind,
        binding.destination().name(),
        binding.routing_key(),
        &fingerprint(binding.arguments()),
    ];
    key::encode(Kind::Binding, &names)
}

fn fingerprint(arguments: &FieldTable) -> String {
    if arguments.inner().is_empty() {
        return String::new();
    }
    let mut encoded = Vec::new();
    encode_table(&mut encoded, arguments);
    let digest = Sha256::digest(&encoded);
    let bytes = digest.iter().take(FINGERPRINT_BYTES);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

/// A change of definitions, ready for the log.
#[derive(Debug)]
pub struct Change {
    key: Vec<u8>,
    action: Action,
}

#[derive(Debug)]
enum Action {
    Put(Vec<u8>),
    Remove,
    CreateQueue(QueueId, Vec<u8>),
    DeleteQueue(QueueId),
}

impl Change {
    /// `definition` is new, or takes the place of the one with its key.
    pub fn put(definition: &Definition) -> Self {
        let value = definition.value();
        let action = match definition {
            Definition::Queue { id, .. } | Definition::ExchangeQueue { id, .. } => {
                Action::CreateQueue(*id, value)
            }
            _ => Action::Put(value),
        };
        Self {
            key: definition.key(),
            action,
        }
    }

    /// `definition` is gone; with a queue all its messages.
    pub fn remove(definition: &Definition) -> Self {
        let action = match definition {
            Definition::Queue { id, .. } | Definition::ExchangeQueue { id, .. } => {
                Action::DeleteQueue(*id)
            }
            _ => Action::Remove,
        };
        Self {
            key: definition.key(),
            action,
        }
    }

    fn for_store(&self) -> ferrymq_store::Change<'_> {
        use ferrymq_store::Change as Stored;
        let key = &self.key;
        match &self.action {
            Action::Put(value) => Stored::Put { key, value },
            Action::Remove => Stored::Remove { key },
            Action::CreateQueue(id, value) => Stored::CreateQueue {
                id: *id,
                key,
                value,
            },
            Action::DeleteQueue(id) => Stored::DeleteQueue { id: *id, key },
        }
    }
}

/// Appends `changes` to the log as one record, all or nothing; gives the point at which they are
/// on disk.
pub fn log(store: &Store, changes: &[Change]) -> CommitPoint {
    let changes: Vec<_> = changes.iter().map(Change::for_store).collect();
    store.change(&changes)
}

#[cfg(test)]
mod tests;
