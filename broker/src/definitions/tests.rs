//! Definitions come back from the store as they went in.

use std::sync::Arc;

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
        protected_from_deletion: true,
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

fn declarer(stored: &Definition) -> Option<Arc<str>> {
    match again(stored) {
        Definition::Queue { declared, .. } => declared.by,
        other => panic!("{other:?}"),
    }
}

#[test]
fn queues_remember_who_declared_them() {
    let mut stored = queue("q", table(&[]), QueueType::Classic);
    if let Definition::Queue { declared, .. } = &mut stored {
        declared.by = Some("anna".into());
    }
    assert_eq!(declarer(&stored).as_deref(), Some("anna"));
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
    assert_eq!(declarer(&stored), None, "as older versions wrote it");
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
