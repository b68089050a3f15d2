//! Vhosts come and go, with what is known about them; default queue types.

use std::sync::Arc;

use ferrymq_broker::actor::Actor;
use ferrymq_broker::auth::PermissionSet;
use ferrymq_broker::broker::VHostError;
use ferrymq_broker::clock;
use ferrymq_broker::limits::{Limit, NodeLimits};
use ferrymq_broker::queue::arguments::QueueType;
use ferrymq_broker::queue::shared::Work;
use ferrymq_broker::vhost::Metadata;
use ferrymq_tests::InProcess;
use ferrymq_tests::raw::{
    AMQPValue, BasicProperties, Channel, Connection, FieldTable, Login, basic, connections,
    exchange, long_string, queue, table,
};
use serde_json::json;

use crate::support::{channel, long, set_policy, vhost};

/// Creates a vhost that the default user may do everything in.
fn create(broker: &InProcess, name: &str) {
    let created = broker
        .broker()
        .create_vhost(name, Metadata::default(), "guest");
    created.expect("a new vhost");
    let permitted = broker
        .broker()
        .set_permissions("guest", name, PermissionSet::all(), "guest");
    permitted.expect("the default user");
}

fn open(broker: &InProcess, vhost: &str) -> Connection {
    let connection = Connection::connect(broker.amqp());
    connection.start();
    let tune = connection.log_in(&Login::default());
    connection.tune(tune, Default::default());
    connection.open_vhost(vhost);
    connection
}

fn delete(broker: &InProcess, name: &str) -> Result<(), VHostError> {
    let deleted = broker.broker().delete_vhost(name, "guest", clock::now());
    deleted.map(drop)
}

fn default_type(broker: &InProcess, default_queue_type: Option<QueueType>) {
    vhost(broker).set_metadata(Metadata {
        default_queue_type,
        ..Metadata::default()
    });
}

fn type_of(broker: &InProcess, queue: &str) -> QueueType {
    vhost(broker).snapshot().queues[queue]
        .declared
        .arguments
        .queue_type
}

fn typed(name: &str) -> FieldTable {
    table([("x-queue-type", long_string(name))])
}

#[track_caller]
fn declare_refused(channel: &Channel, declare: queue::Declare, text: &str) {
    channel.send(declare);
    channel.refused(406, text);
    channel.reopen();
}

#[test]
fn a_new_vhost_is_empty_and_its_own() {
    let broker = InProcess::start();
    create(&broker, "other");
    let channel = open(&broker, "other").channel();
    channel.queue("q");
    assert!(vhost(&broker).snapshot().queues.is_empty());
    channel.bind("q", "amq.fanout", "");
}

#[test]
fn a_vhost_goes_with_all_that_is_in_it() {
    let mut broker = InProcess::start();
    create(&broker, "other");
    let inside = open(&broker, "other");
    let channel_inside = inside.channel();
    channel_inside.durable_queue_with("q", FieldTable::default());
    channel_inside.confirm();
    let persistent = BasicProperties::default().with_delivery_mode(2);
    channel_inside.publish_with("", "q", "a", &persistent);
    channel_inside.expect::<basic::Ack>();
    let outside = channel(&broker);
    outside.durable_queue_with("q", FieldTable::default());
    delete(&broker, "other").unwrap();
    let close = inside.read_to_close().expect("a close");
    assert_eq!(close.reply_code, 320);
    assert_eq!(
        close.reply_text.as_str(),
        "CONNECTION_FORCED - vhost 'other' is deleted"
    );
    outside.fill("q", &["still served"]);
    let gone = VHostError::NotFound("other".into());
    assert_eq!(delete(&broker, "other"), Err(gone));
    drop((inside, outside));
    broker.restart();
    let names: Vec<_> = broker.broker().vhosts().keys().map(Arc::clone).collect();
    assert_eq!(names, ["/".into()]);
    create(&broker, "other");
    open(&broker, "other").channel();
    let other = broker.broker().vhost("other").expect("a vhost again");
    assert!(other.snapshot().queues.is_empty());
}

#[test]
fn nothing_of_a_vhost_comes_back_with_its_name() {
    let mut broker = InProcess::start();
    for _ in 0..2 {
        create(&broker, "other");
        let channel = open(&broker, "other").channel();
        channel.call::<exchange::DeclareOk>(exchange::Declare {
            exchange: "once".into(),
            kind: "fanout".into(),
            durable: true,
            arguments: table([("x-message-deduplication", AMQPValue::Boolean(true))]),
            ..Default::default()
        });
        channel.call::<exchange::DeclareOk>(exchange::Declare {
            exchange: "remembering".into(),
            kind: "x-recent-history".into(),
            durable: true,
            ..Default::default()
        });
        channel.durable_queue_with("q", FieldTable::default());
        drop(channel);
        broker.restart();
        let channel = open(&broker, "other").channel();
        let queue = "q".to_owned();
        assert_eq!(channel.drain(&queue), [""; 0]);
        channel.bind(&queue, "once", "");
        channel.confirm();
        let headers = table([("x-deduplication-header", long_string("1"))]);
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_headers(headers);
        channel.publish_with("once", "", "a", &properties);
        channel.expect::<basic::Ack>();
        assert_eq!(channel.counts(&queue).0, 1);
        pause(&broker, &queue);
        drop(channel);
        delete(&broker, "other").unwrap();
    }
    broker.restart();
}

fn pause(broker: &InProcess, queue: &str) {
    let user = broker.broker().users().user("guest");
    let actor = Actor {
        user: user.expect("the default user"),
        connection: None,
    };
    let other = broker.broker().vhost("other").expect("the vhost");
    let paused = other.pause_queue(&actor, queue, &mut Work::default());
    paused.expect("a queue that is there");
}

#[test]
fn nobody_opens_a_vhost_that_is_gone() {
    let broker = InProcess::start();
    create(&broker, "other");
    delete(&broker, "other").unwrap();
    let connection = Connection::connect(broker.amqp());
    connection.start();
    let tune = connection.log_in(&Login::default());
    connection.tune(tune, Default::default());
    connection.send(connections::Open {
        virtual_host: "other".into(),
    });
    connection.refused(530, "vhost other not found");
    let users = broker.broker().users();
    assert!(users.permissions("guest", "other").is_none());
}

#[test]
fn vhosts_with_policies_and_parameters_survive_and_go() {
    let mut broker = InProcess::start();
    let metadata = Metadata {
        description: "for tests".into(),
        tags: vec!["a".into()],
        default_queue_type: Some(QueueType::Quorum),
        tracing: true,
        ..Metadata::default()
    };
    broker
        .broker()
        .create_vhost("other", metadata.clone(), "guest")
        .unwrap();
    broker.restart();
    let other = broker.broker().vhost("other").expect("it survives");
    assert_eq!(*other.metadata(), metadata);
    assert!(other.is_traced());
    let kept = Metadata {
        tracing: false,
        ..metadata
    };
    other.set_metadata(kept);
    let set = other.set_parameter(
        "shovel",
        "s",
        json!({"src-uri": "amqp://"}),
        "guest",
        clock::now(),
    );
    set.unwrap();
    drop(other);
    delete(&broker, "other").unwrap();
    broker.restart();
    assert!(broker.broker().vhost("other").is_none());
}

#[test]
fn there_may_be_so_many_vhosts() {
    let limits = NodeLimits {
        vhosts: Limit(Some(2)),
        ..NodeLimits::default()
    };
    let broker = InProcess::start_with(|config| config.limits = limits);
    create(&broker, "second");
    let third = broker
        .broker()
        .create_vhost("third", Metadata::default(), "guest");
    let refused = third.unwrap_err().to_string();
    assert_eq!(
        refused,
        "cannot create vhost 'third': vhost limit of 2 is reached"
    );
    create(&broker, "second");
    let blank = broker
        .broker()
        .create_vhost("", Metadata::default(), "guest");
    assert_eq!(blank.unwrap_err(), VHostError::Blank);
}

#[test]
fn the_default_type_serves_what_it_can_and_gives_way_otherwise() {
    let broker = InProcess::start_with(|config| config.default_queue_type = QueueType::Quorum);
    let channel = channel(&broker);
    let durable = |name: &str, arguments| channel.durable_queue_with(name, arguments);
    durable("by default", FieldTable::default());
    assert_eq!(type_of(&broker, "by default"), QueueType::Quorum);
    durable("by default", FieldTable::default());
    durable("by default", typed("quorum"));
    channel.queue("transient");
    assert_eq!(type_of(&broker, "transient"), QueueType::Classic);
    let exclusive = channel.temporary_queue();
    assert_eq!(type_of(&broker, &exclusive), QueueType::Classic);
    durable("explicit", typed("classic"));
    assert_eq!(type_of(&broker, "explicit"), QueueType::Classic);
    let explicit = queue::Declare {
        queue: "transient quorum".into(),
        arguments: typed("quorum"),
        ..Default::default()
    };
    declare_refused(
        &channel,
        explicit,
        "invalid property 'non-durable' for queue",
    );
    default_type(&broker, Some(QueueType::Classic));
    durable("by vhost", FieldTable::default());
    assert_eq!(type_of(&broker, "by vhost"), QueueType::Classic);
}

#[test]
fn classic_queues_are_declared_again_after_the_default_has_changed() {
    let broker = InProcess::start();
    let channel = channel(&broker);
    channel.durable_queue_with("old", table([("x-max-priority", long(5))]));
    default_type(&broker, Some(QueueType::Quorum));
    channel.durable_queue_with("old", table([("x-max-priority", long(5))]));
    channel.durable_queue_with("new", FieldTable::default());
    assert_eq!(type_of(&broker, "new"), QueueType::Quorum);
    default_type(&broker, None);
    let again = queue::Declare {
        queue: "new".into(),
        durable: true,
        ..Default::default()
    };
    declare_refused(
        &channel,
        again,
        "inequivalent arg 'x-queue-type' for queue 'new'",
    );
}

#[test]
fn the_default_type_of_a_queue_survives_the_default() {
    let mut broker = InProcess::start_with(|config| config.default_queue_type = QueueType::Quorum);
    channel(&broker).durable_queue_with("q", FieldTable::default());
    broker.restart_with(|config| config.default_queue_type = QueueType::Classic);
    assert_eq!(type_of(&broker, "q"), QueueType::Quorum);
}

#[test]
fn an_application_that_has_not_heard_of_quorum_queues_is_served() {
    let migrating =
        |relaxed| InProcess::start_with(|config| config.relaxed_redeclaration = relaxed);
    let as_before = |limit: i64| queue::Declare {
        queue: "q".into(),
        auto_delete: true,
        arguments: table([
            ("x-queue-type", long_string("classic")),
            ("x-max-length", long(limit)),
        ]),
        ..Default::default()
    };
    let quorum = || {
        table([
            ("x-queue-type", long_string("quorum")),
            ("x-max-length", long(5)),
        ])
    };
    let strict = migrating(false);
    let channel_strict = channel(&strict);
    channel_strict.durable_queue_with("q", quorum());
    declare_refused(&channel_strict, as_before(5), "inequivalent arg 'durable'");
    let relaxed = migrating(true);
    let channel = channel(&relaxed);
    channel.durable_queue_with("q", quorum());
    channel.call::<queue::DeclareOk>(as_before(5));
    declare_refused(&channel, as_before(6), "inequivalent arg 'x-max-length'");
    assert_eq!(type_of(&relaxed, "q"), QueueType::Quorum);
}

#[test]
fn policies_of_one_vhost_leave_others_alone() {
    let broker = InProcess::start();
    create(&broker, "other");
    set_policy(&broker, "short", "", json!({"max-length": 1}));
    let channel = open(&broker, "other").channel();
    let queue = channel.queue("q");
    channel.fill(&queue, &["a", "b"]);
    assert_eq!(channel.drain(&queue), ["a", "b"]);
}
