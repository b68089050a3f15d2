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
mod tests {
    use super::*;
    use crate::auth::{PasswordHash, Permission};
    use crate::limits::{Limit, UserLimits};
    use crate::queue::arguments::{Flags, QueueType};
    use ferrymq_amqp::{AMQPValue, FieldArray};
    use ferrymq_routing::ExchangeKind;

    fn table(entries: &[(&str, AMQPValue)]) -> FieldTable {
        let mut table = FieldTable::default();
        for (name, value) in entries {
            table.insert((*name).into(), value.clone());
        }
        table
    }

    fn binding(destination: Destination, routing_key: &str, arguments: FieldTable) -> Definition {
        let binding = Binding::new("events".into(), destination, routing_key, arguments);
        Definition::binding("/", &binding, 7)
    }

    fn queue(name: &str, arguments: FieldTable, default_type: QueueType) -> Definition {
        let flags = Flags {
            durable: true,
            ..Flags::default()
        };
        let declared = Declared::parse(flags, false, arguments, default_type).unwrap();
        Definition::queue("/", &name.into(), QueueId(7), &declared)
    }

    fn again(definition: &Definition) -> Definition {
        let again = Definition::decode(&definition.key(), &definition.value()).unwrap();
        assert_eq!(again.key(), definition.key());
        assert_eq!(again.value(), definition.value());
        again
    }

    fn value_text(definition: &Definition) -> String {
        String::from_utf8(definition.value()).unwrap()
    }

    #[test]
    fn users_and_their_permissions_come_back() {
        let metadata = Metadata {
            description: "main".into(),
            tags: vec!["a".into()],
            default_queue_type: Some(QueueType::Quorum),
            tracing: true,
        };
        let limits = VHostLimits {
            max_connections: Limit(Some(-1)),
            max_queues: Limit(Some(5)),
        };
        let vhost = Definition::VHost {
            name: "/".into(),
            metadata: metadata.clone(),
            limits,
        };
        match again(&vhost) {
            Definition::VHost {
                metadata: found,
                limits: also,
                ..
            } => assert_eq!((found, also), (metadata, limits)),
            other => panic!("{other:?}"),
        }
        let hash = PasswordHash::sha256(b"secret");
        let limits = UserLimits {
            max_channels: Limit(Some(3)),
            ..UserLimits::default()
        };
        let user = User::new("u\0é", hash, vec!["administrator".into()]).with_limits(limits);
        match again(&Definition::User(user.clone())) {
            Definition::User(found) => assert_eq!(found, user),
            other => panic!("{other:?}"),
        }
        let permission = Definition::Permission {
            vhost: "/".into(),
            user: "u".into(),
            set: PermissionSet::trusted("^c", "", ".*"),
        };
        match again(&permission) {
            Definition::Permission { set, .. } => assert!(set.allows(Permission::Configure, "c")),
            other => panic!("{other:?}"),
        }
        again(&Definition::TopicPermission {
            vhost: "/".into(),
            user: "u".into(),
            exchange: "amq.topic".into(),
            set: TopicPermissionSet::trusted("^{username}", "", "u", "/"),
        });
    }

    #[test]
    fn policies_and_parameters_come_back() {
        let request: PolicyRequest = serde_json::from_str(
            r#"{"pattern": "^a", "apply-to": "queues", "priority": -1, "definition": {"max-length": 5}}"#,
        )
        .unwrap();
        let policy = |kind| Definition::policy("/", kind, "p", PolicyRequest::clone(&request));
        let stored = policy(PolicyKind::User);
        assert_ne!(stored.key(), policy(PolicyKind::Operator).key());
        match again(&stored) {
            Definition::Policy { request: found, .. } => assert_eq!(found, request),
            other => panic!("{other:?}"),
        }
        let value = serde_json::json!([{"upstream": "u"}]);
        again(&Definition::parameter(
            "/",
            "federation-upstream-set",
            "all",
            value.clone(),
        ));
        again(&Definition::GlobalParameter {
            name: "cluster_name".into(),
            value,
        });
    }

    #[test]
    fn exchanges_come_back() {
        let exchange = Exchange {
            durable: true,
            internal: true,
            arguments: table(&[("alternate-exchange", AMQPValue::LongString("ae".into()))]),
            ..Exchange::new("events", ExchangeKind::ConsistentHash)
        };
        match again(&Definition::exchange("/", &exchange)) {
            Definition::Exchange { exchange, .. } => {
                assert_eq!(exchange.alternate(), Some("ae"));
                assert_eq!(exchange.kind, ExchangeKind::ConsistentHash);
                assert!(exchange.durable && exchange.internal && !exchange.auto_delete);
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn queues_keep_their_id_type_and_arguments() {
        let stored = queue(
            "q",
            table(&[("x-expires", AMQPValue::ShortShortUInt(9))]),
            QueueType::Quorum,
        );
        match again(&stored) {
            Definition::Queue {
                name, id, declared, ..
            } => {
                assert_eq!((name.as_str(), id), ("q", QueueId(7)));
                assert!(declared.flags.durable);
                assert_eq!(declared.arguments.queue_type, QueueType::Quorum);
                let expires = declared.arguments.table().inner().get("x-expires");
                assert_eq!(expires, Some(&AMQPValue::ShortShortUInt(9)));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn queues_of_exchanges_come_back() {
        let of = |purpose| Definition::exchange_queue("/", &"x".into(), purpose, QueueId(7));
        let stored = of(Purpose::History);
        assert_ne!(stored.key(), of(Purpose::Delay).key());
        match again(&stored) {
            Definition::ExchangeQueue {
                exchange,
                purpose,
                id,
                ..
            } => {
                assert_eq!((exchange, purpose), ("x".into(), Purpose::History));
                assert_eq!(id, QueueId(7));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn bindings_come_back() {
        let stored = binding(Destination::Exchange("other".into()), "a.#", table(&[]));
        match again(&stored) {
            Definition::Binding { binding, .. } => {
                let expected = Destination::Exchange("other".into());
                assert_eq!(binding.destination(), &expected);
                assert_eq!(&**binding.routing_key(), "a.#");
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn argument_types_are_kept() {
        let mut nested = AMQPValue::Void;
        for _ in 0..60 {
            nested = AMQPValue::FieldArray(FieldArray::from(vec![nested]));
        }
        let arguments = table(&[
            ("float", AMQPValue::Float(0.1)),
            ("infinite", AMQPValue::Double(f64::INFINITY)),
            ("bytes", AMQPValue::LongString(vec![0xff, 0].into())),
            ("time", AMQPValue::Timestamp(u64::MAX)),
            ("nested", nested),
        ]);
        let stored = binding(Destination::Queue("q".into()), "", arguments.clone());
        match again(&stored) {
            Definition::Binding { binding, .. } => assert_eq!(binding.arguments(), &arguments),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_bindings_key_is_its_identity() {
        let queue = || Destination::Queue("q".into());
        let one = |value: AMQPValue| table(&[("a", value)]);
        let keys = [
            binding(queue(), "k", table(&[])).key(),
            binding(queue(), "l", table(&[])).key(),
            binding(Destination::Exchange("q".into()), "k", table(&[])).key(),
            binding(queue(), "k", one(AMQPValue::LongInt(1))).key(),
            binding(queue(), "k", one(AMQPValue::LongLongInt(1))).key(),
        ];
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key), "{index}");
        }
    }

    #[test]
    fn long_arguments_make_no_long_key() {
        let long = AMQPValue::LongString(vec![b'x'; 100_000].into());
        let stored = binding(Destination::Queue("q".into()), "k", table(&[("a", long)]));
        assert!(stored.key().len() < 100);
        again(&stored);
    }

    #[test]
    fn the_shape_is_readable_and_versioned() {
        let stored = queue("orders", table(&[]), QueueType::Classic);
        assert_eq!(
            value_text(&stored),
            r#"{"v":1,"queue":{"vhost":"/","name":"orders","id":7,"type":"classic","auto_delete":false,"arguments":""}}"#
        );
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        let key = queue("orders", table(&[]), QueueType::Classic).key();
        let check = |value: &str, why: &str| {
            let error = Definition::decode(&key, value.as_bytes()).unwrap_err();
            let error = error.to_string();
            assert!(error.contains("orders"), "{error}");
            assert!(error.contains(why), "{error}");
        };
        check("", "malformed");
        check(r#"{"v":2,"queue":{"shard":1}}"#, "version 2");
        check(r#"{"v":1,"ship":{}}"#, "malformed");
        let queue = |queue_type: &str, arguments: &str| {
            format!(
                r#"{{"v":1,"queue":{{"vhost":"/","name":"q","id":7,"type":"{queue_type}","auto_delete":false,"arguments":"{arguments}"}}}}"#
            )
        };
        check(&queue("ring", ""), "unknown queue type 'ring'");
        check(&queue("classic", "AAAAAWE="), "malformed arguments");
        check(&queue("classic", "?"), "malformed arguments");
    }
}
