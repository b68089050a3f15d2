//! Every argument: what it takes, what it refuses, and in which words.

use std::time::Duration;

use super::*;
use crate::queue::options::Overflow;
use ferrymq_amqp::AMQPValue;
use ferrymq_store::Durability;

const DURABLE: Flags = Flags {
    durable: true,
    exclusive: false,
    auto_delete: false,
};

fn table(arguments: &[(&str, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        table.insert((*name).into(), value.clone());
    }
    table
}

fn parse(arguments: &[(&str, AMQPValue)]) -> Result<Arguments, ArgumentError> {
    Declared::parse(DURABLE, false, table(arguments), QueueType::Classic)
        .map(|declared| declared.arguments)
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

fn long(value: i64) -> AMQPValue {
    AMQPValue::LongLongInt(value)
}

fn check_refused(arguments: &[(&str, AMQPValue)], refusal: &str) {
    let error = parse(arguments).unwrap_err();
    assert_eq!(error.on(Resource::queue("q", "/")).to_string(), refusal);
}

#[test]
fn values_are_typed() {
    let parsed = parse(&[
        ("x-message-ttl", AMQPValue::ShortShortUInt(60)),
        ("x-max-length", long(10)),
        ("x-overflow", text("reject-publish")),
        ("x-dead-letter-exchange", text("")),
        ("x-dead-letter-routing-key", text("dead")),
        ("x-max-priority", long(0)),
        ("x-delivery-limit", long(-1)),
        ("x-durability", text("relaxed")),
    ])
    .unwrap();
    let options = parsed.options();
    assert_eq!(options.message_ttl, Some(Duration::from_millis(60)));
    assert_eq!(options.max_length, Some(10));
    assert_eq!(options.overflow, Some(Overflow::RejectPublish));
    assert_eq!(options.dead_letter_exchange.as_deref(), Some(""));
    assert_eq!(options.dead_letter_routing_key.as_deref(), Some("dead"));
    assert_eq!(options.delivery_limit, Some(-1));
    assert_eq!(options.durability, Some(Durability::Relaxed));
    assert_eq!(parsed.max_priority, Some(1));
    assert_eq!(parsed.table().inner().len(), 8);
}

#[test]
fn nothing_given_is_nothing_set() {
    let parsed = parse(&[("x-mine", AMQPValue::Void)]).unwrap();
    assert_eq!(parsed.queue_type, QueueType::Classic);
    assert_eq!(*parsed.options(), Options::default());
    assert!(!parsed.single_active_consumer);
    assert!(parsed.table().contains_key("x-mine"));
}

#[test]
fn deduplication_has_companions() {
    let on = ("x-message-deduplication", AMQPValue::Boolean(true));
    let parsed = parse(&[on, ("x-cache-size", long(100))]).unwrap();
    let deduplication = parsed.options().deduplication();
    assert_eq!(deduplication.unwrap().cache_size, Some(100));
}

#[test]
fn wrong_values_are_explained() {
    check_refused(
        &[("x-message-ttl", long(-1))],
        "invalid arg 'x-message-ttl' for queue 'q' in vhost '/': expected an integer from 0 to \
         315360000000, received the value '-1' of type 'long'",
    );
    check_refused(
        &[("x-max-length", text("10"))],
        "invalid arg 'x-max-length' for queue 'q' in vhost '/': expected an integer, received \
         the value '10' of type 'longstr'",
    );
    check_refused(
        &[("x-overflow", text("drop-tail"))],
        "invalid arg 'x-overflow' for queue 'q' in vhost '/': expected one of drop-head, \
         reject-publish, reject-publish-dlx, received the value 'drop-tail' of type 'longstr'",
    );
    check_refused(
        &[("x-dead-letter-routing-key", text("k"))],
        "invalid arg 'x-dead-letter-routing-key' for queue 'q' in vhost '/': needs \
         x-dead-letter-exchange beside it",
    );
    check_refused(
        &[("x-queue-type", text("mirrored"))],
        "invalid arg 'x-queue-type' for queue 'q' in vhost '/': expected one of classic, \
         quorum, stream, received the value 'mirrored' of type 'longstr'",
    );
}

#[test]
fn bounds_are_those_of_the_other_broker() {
    let check = |name: &str, good: &[i64], bad: &[i64]| {
        let fits = |number: &i64| parse(&[(name, long(*number))]).is_ok();
        assert!(good.iter().all(fits), "{name}");
        assert!(!bad.iter().any(fits), "{name}");
    };
    check(
        "x-message-ttl",
        &[0, 315_360_000_000],
        &[-1, 315_360_000_001],
    );
    check("x-expires", &[1, 315_360_000_000], &[0, 315_360_000_001]);
    check("x-max-length", &[0, i64::MAX], &[-1]);
    check("x-max-length-bytes", &[0, i64::MAX], &[-1]);
    check("x-max-priority", &[0, 255], &[-1, 256]);
    check("x-consumer-timeout", &[0], &[-1]);
    check("x-delivery-limit", &[i64::MIN, i64::MAX], &[]);
}

#[test]
fn names_fit_into_a_short_string() {
    let named = |bytes| parse(&[("x-dead-letter-exchange", text(&"e".repeat(bytes)))]);
    assert!(named(255).is_ok());
    assert!(named(256).is_err());
    let not_utf8 = AMQPValue::LongString(vec![0xff].into());
    assert!(parse(&[("x-dead-letter-exchange", not_utf8)]).is_err());
}

#[test]
fn arguments_of_another_type_are_refused() {
    check_refused(
        &[
            ("x-max-priority", long(5)),
            ("x-queue-type", text("quorum")),
        ],
        "invalid arg 'x-max-priority' for queue 'q' in vhost '/' of queue type rabbit_quorum_queue",
    );
    check_refused(
        &[("x-max-age", text("1h"))],
        "invalid arg 'x-max-age' for queue 'q' in vhost '/' of queue type rabbit_classic_queue",
    );
}

#[test]
fn what_classic_queues_can_do_beyond_is_taken() {
    assert!(parse(&[("x-delivery-limit", long(3))]).is_ok());
    assert!(parse(&[("x-consumer-timeout", long(1000))]).is_ok());
    assert!(parse(&[("x-queue-version", long(1))]).is_ok());
    let quorum = ("x-queue-type", text("quorum"));
    assert!(parse(&[quorum, ("x-queue-mode", text("lazy"))]).is_ok());
}

#[test]
fn streams_are_refused_for_now() {
    let error = parse(&[("x-queue-type", text("stream"))]).unwrap_err();
    assert_eq!(error, ArgumentError::StreamsNotImplemented);
}

#[test]
fn quorum_queues_are_durable_shared_and_named() {
    let refused = |flags, server_named| {
        let quorum = table(&[("x-queue-type", text("quorum"))]);
        let refused = Declared::parse(flags, server_named, quorum, QueueType::Classic);
        refused.unwrap_err().to_string()
    };
    let transient = Flags::default();
    let exclusive = Flags {
        exclusive: true,
        ..DURABLE
    };
    let auto_delete = Flags {
        auto_delete: true,
        ..DURABLE
    };
    assert_eq!(refused(transient, false), "invalid property 'non-durable'");
    assert_eq!(
        refused(exclusive, false),
        "invalid property 'exclusive-owner'"
    );
    assert_eq!(
        refused(auto_delete, false),
        "invalid property 'auto-delete'"
    );
    assert_eq!(
        refused(DURABLE, true),
        "Cannot declare a server-named queue for type rabbit_quorum_queue"
    );
}

#[test]
fn a_default_type_gives_way() {
    let type_of = |flags, server_named| {
        let table = FieldTable::default();
        let declared = Declared::parse(flags, server_named, table, QueueType::Quorum);
        declared.unwrap().arguments.queue_type
    };
    assert_eq!(type_of(DURABLE, false), QueueType::Quorum);
    assert_eq!(type_of(DURABLE, true), QueueType::Classic);
    assert_eq!(type_of(Flags::default(), false), QueueType::Classic);
}

#[test]
fn exclusive_queues_are_not_durable() {
    let flags = Flags {
        exclusive: true,
        ..DURABLE
    };
    let declared = Declared::parse(flags, false, FieldTable::default(), QueueType::Classic);
    assert!(!declared.unwrap().flags.durable);
}

#[test]
fn a_name_prefix_is_short_and_not_kept() {
    let with = |bytes| table(&[("x-name-prefix", text(&"p".repeat(bytes)))]);
    assert_eq!(
        name_prefix(&with(64)).unwrap(),
        Some("p".repeat(64).as_str())
    );
    assert!(name_prefix(&with(65)).is_err());
    assert_eq!(name_prefix(&FieldTable::default()).unwrap(), None);
    let declared = Declared::parse(DURABLE, false, with(3), QueueType::Classic).unwrap();
    assert!(declared.arguments.table().inner().is_empty());
}
