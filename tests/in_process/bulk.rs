//! Many declarations at once: all of them, or none.

use std::collections::BTreeMap;

use ferrymq_amqp::FieldTable;
use ferrymq_broker::auth::{PasswordHash, PermissionSet, User};
use ferrymq_broker::broker::{Accounts, Batch, GivenPermission};
use ferrymq_broker::clock;
use ferrymq_broker::limits::{Limit, VHostLimits};
use ferrymq_broker::policy::{ApplyTo, Policy, PolicyKind};
use ferrymq_broker::queue::arguments::{Declared, Flags, QueueType};
use ferrymq_broker::vhost::VHostBatch;
use ferrymq_routing::{Binding, Destination, Exchange, ExchangeKind};
use ferrymq_tests::InProcess;
use ferrymq_tests::raw::Connection;
use serde_json::json;

use crate::support::{check_texts, event, listener, request};

fn queue(name: &str) -> (String, Declared) {
    let flags = Flags {
        durable: true,
        ..Flags::default()
    };
    let declared = Declared::parse(flags, false, FieldTable::default(), QueueType::Classic);
    (name.to_owned(), declared.expect("no arguments"))
}

fn binding(queue: &str) -> Binding {
    let destination = Destination::Queue(queue.into());
    Binding::new("news".into(), destination, "key", FieldTable::default())
}

fn exchange(name: &str) -> Exchange {
    Exchange {
        durable: true,
        ..Exchange::new(name, ExchangeKind::Direct)
    }
}

/// An exchange, a queue bound to it, and a policy for both.
fn contents() -> VHostBatch {
    let policy = request("", ApplyTo::All, 0, json!({"max-length": 5}));
    let policy = Policy::parse(PolicyKind::User, "cap", policy).expect("a policy");
    VHostBatch {
        policies: vec![(PolicyKind::User, policy)],
        exchanges: vec![exchange("news")],
        queues: vec![queue("q")],
        bindings: vec![binding("q")],
        ..VHostBatch::default()
    }
}

fn batch(vhost: &str, contents: VHostBatch) -> Batch {
    Batch {
        vhosts: BTreeMap::from([(vhost.to_owned(), contents)]),
        ..Batch::default()
    }
}

fn declare(broker: &InProcess, batch: Batch) -> Result<(), String> {
    let declared = broker.broker().declare_all(batch, "boss", clock::now());
    declared.map(drop).map_err(|why| why.to_string())
}

#[test]
fn everything_is_there_at_once_and_after_a_restart() {
    let mut broker = InProcess::start();
    let batch = Batch {
        accounts: Accounts {
            users: vec![User::new("app", PasswordHash::sha256(b"secret"), vec![])],
            permissions: vec![GivenPermission {
                user: "app".into(),
                vhost: "new".into(),
                set: PermissionSet::all(),
            }],
            ..Accounts::default()
        },
        global_parameters: vec![("colour".into(), json!("red"))],
        ..batch("new", contents())
    };
    declare(&broker, batch).unwrap();
    for _ in 0..2 {
        let inner = broker.broker();
        let vhost = inner.vhost("new").expect("a new vhost");
        assert_eq!(vhost.policies().list(PolicyKind::User).len(), 1);
        let snapshot = vhost.snapshot();
        let queue = snapshot.queues.get("q").expect("a new queue");
        assert_eq!(queue.options().max_length, Some(5));
        assert_eq!(snapshot.topology.bindings_from("news").count(), 1);
        assert!(inner.users().permissions("app", "new").is_some());
        assert_eq!(inner.global_parameter("colour"), Some(json!("red")));
        drop(snapshot);
        drop(vhost);
        broker.restart();
    }
}

#[test]
fn what_is_there_already_stays() {
    let broker = InProcess::start();
    declare(&broker, batch("/", contents())).unwrap();
    let channel = Connection::open(broker.amqp()).channel();
    channel.publish("news", "key", "m");
    declare(&broker, batch("/", contents())).unwrap();
    assert_eq!(channel.get("q").expect("the message").content.body, b"m");
    let vhost = broker.broker().vhost("/").unwrap();
    let snapshot = vhost.snapshot();
    assert_eq!(snapshot.topology.bindings_from("news").count(), 1);
}

#[track_caller]
fn check_refused(broker: &InProcess, batch: Batch, expected: &str) {
    let refused = declare(broker, batch).expect_err("a refusal");
    assert!(refused.contains(expected), "{refused}");
    let inner = broker.broker();
    assert!(inner.vhost("new").is_none());
    assert!(inner.users().user("app").is_none());
    let vhost = inner.vhost("/").expect("the default vhost");
    assert!(vhost.snapshot().queues.is_empty());
    assert!(vhost.snapshot().topology.exchange("news").is_none());
}

#[test]
fn nothing_is_there_when_something_is_refused() {
    let broker = InProcess::start();
    let mut dangling = contents();
    dangling.bindings.push(binding("missing"));
    check_refused(&broker, batch("/", dangling), "no queue 'missing'");

    let mut second = batch("/", contents());
    let mut dangling = contents();
    dangling.bindings.push(binding("missing"));
    second.vhosts.insert("new".into(), dangling);
    second.accounts.users = vec![User::new("app", PasswordHash::Absent, vec![])];
    check_refused(&broker, second, "no queue 'missing'");

    let mut limited = contents();
    limited.queues.push(queue("r"));
    limited.limits = Some(VHostLimits {
        max_queues: Limit(Some(1)),
        ..VHostLimits::default()
    });
    check_refused(&broker, batch("/", limited), "its limit is 1");
    check_refused(&broker, batch("", contents()), "cannot be blank");

    let stranger = GivenPermission {
        user: "stranger".into(),
        vhost: "/".into(),
        set: PermissionSet::all(),
    };
    let mut unknown = batch("/", contents());
    unknown.accounts.permissions.push(stranger);
    check_refused(&broker, unknown, "no user 'stranger'");
}

#[test]
fn an_abandoned_vhost_does_not_count() {
    let broker = InProcess::start_with(|config| config.limits.exchanges = Limit(Some(16)));
    for _ in 0..3 {
        let mut dangling = contents();
        dangling.bindings.push(binding("missing"));
        declare(&broker, batch("new", dangling)).unwrap_err();
    }
    declare(&broker, batch("/", contents())).unwrap();
    let more = VHostBatch {
        exchanges: (0..10).map(|n| exchange(&n.to_string())).collect(),
        ..VHostBatch::default()
    };
    let refused = declare(&broker, batch("/", more)).unwrap_err();
    assert!(
        refused.contains("exchange limit in cluster (16)"),
        "{refused}"
    );
}

#[test]
fn everything_is_told() {
    let broker = InProcess::start();
    let listener = listener(&broker, "#.created");
    let mut batch = batch("/", contents());
    batch.vhosts.insert("new".into(), VHostBatch::default());
    batch.accounts.users = vec![User::new("app", PasswordHash::Absent, vec![])];
    declare(&broker, batch).unwrap();
    let by = [("user_who_performed_action", "boss")];
    for key in [
        "vhost.created",
        "user.created",
        "exchange.created",
        "queue.created",
        "binding.created",
    ] {
        check_texts(&event(&listener, key), &by);
    }
}
