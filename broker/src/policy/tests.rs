//! Policies row by row: which keys, which of two values, which policy.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::queue::options::{DeadLetterStrategy, DelayedRetry, Options, Overflow};
use QueueType::{Classic, Quorum, Stream};
use ferrymq_store::Durability;

fn definition(entries: Json) -> PolicyDefinition {
    PolicyDefinition::parse(object(entries), PolicyKind::User).unwrap()
}

fn operator(entries: Json) -> PolicyDefinition {
    PolicyDefinition::parse(object(entries), PolicyKind::Operator).unwrap()
}

fn object(entries: Json) -> Map<String, Json> {
    entries.as_object().unwrap().clone()
}

fn request(pattern: &str, apply_to: &str, priority: i64, definition: Json) -> PolicyRequest {
    PolicyRequest {
        pattern: pattern.into(),
        apply_to: apply_to.parse().unwrap(),
        priority,
        definition: object(definition),
    }
}

fn policy(name: &str, request: PolicyRequest) -> Policy {
    Policy::parse(PolicyKind::User, name, request).unwrap()
}

/// The name of the policy that applies.
fn check_queue(policies: &Policies, name: &str, queue_type: QueueType, expected: &str) {
    let applied = policies.for_queue(name, queue_type);
    let policy = applied.as_ref().and_then(|applied| applied.policy.as_ref());
    assert_eq!(policy.map_or("", |policy| &policy.name), expected, "{name}");
}

fn check_refused(kind: PolicyKind, entries: Json, refusal: &str) {
    let refused = PolicyDefinition::parse(object(entries), kind).unwrap_err();
    assert_eq!(refused.to_string(), refusal);
}

#[test]
fn every_key_takes_its_values_and_no_others() {
    let span = 315_360_000_000_i64;
    let rows = [
        ("alternate-exchange", json!("ae"), json!(1)),
        ("federation-upstream", json!("up"), json!(1)),
        ("federation-upstream-set", json!("all"), json!(true)),
        ("federation-upstream-pattern", json!("^up"), json!(null)),
        ("message-ttl", json!(0), json!(-1)),
        ("message-ttl", json!(span), json!(span + 1)),
        ("expires", json!(1), json!(0)),
        ("max-length", json!(0), json!("10")),
        ("max-length-bytes", json!(0), json!(1.5)),
        ("overflow", json!("reject-publish-dlx"), json!("drop-tail")),
        ("dead-letter-exchange", json!(""), json!(1)),
        ("dead-letter-routing-key", json!("k"), json!(["k"])),
        (
            "dead-letter-strategy",
            json!("at-least-once"),
            json!("once"),
        ),
        ("delivery-limit", json!(-1), json!("5")),
        ("consumer-timeout", json!(0), json!(-1)),
        ("consumer-disconnected-timeout", json!(0), json!(-1)),
        ("delayed-retry-type", json!("failed"), json!("some")),
        ("delayed-retry-min", json!(1), json!(0)),
        ("delayed-retry-max", json!(1), json!(0)),
        ("retry-delay", json!(1), json!(0)),
        ("retry-backoff", json!(2), json!(0)),
        ("retry-max-delay", json!(1), json!(0)),
        ("max-deliver-rate", json!(1), json!(0)),
        ("durability", json!("relaxed"), json!("eventual")),
        ("message-deduplication", json!(true), json!("true")),
        ("cache-size", json!(1), json!(0)),
        ("cache-ttl", json!(0), json!(-1)),
        ("deduplication-header", json!("h"), json!(1)),
        ("delayed-message", json!(true), json!(1)),
        ("target-group-size", json!(1), json!(0)),
        ("member-placement-tag", json!("ssd"), json!(1)),
        ("initial-cluster-size", json!(1), json!(0)),
        ("max-age", json!("7D"), json!("7d")),
        ("max-age", json!("1Y"), json!("0h")),
        (
            "stream-max-segment-size-bytes",
            json!(0),
            json!(3_000_000_001_i64),
        ),
        ("stream-filter-size-bytes", json!(16), json!(15)),
        ("queue-leader-locator", json!("balanced"), json!("nearest")),
        ("queue-version", json!(2), json!(3)),
        ("max-in-memory-length", json!(0), json!(-1)),
        ("max-in-memory-bytes", json!(0), json!(-1)),
    ];
    for (key, good, bad) in rows {
        let parse = |value: &Json| {
            let entries = object(json!({ key: value }));
            PolicyDefinition::parse(entries, PolicyKind::User)
        };
        assert!(parse(&good).is_ok(), "{key}: {good}");
        let refused = parse(&bad).unwrap_err().to_string();
        let names_both = refused.starts_with(&bad.to_string()) && refused.contains(key);
        assert!(names_both, "{refused}");
    }
}

#[test]
fn keys_of_features_that_are_gone_are_kept_without_effect() {
    let entries = json!({
        "ha-mode": "exactly", "ha-params": 2, "ha-sync-mode": "automatic",
        "ha-sync-batch-size": 1, "ha-promote-on-shutdown": "always",
        "ha-promote-on-failure": "always", "queue-mode": "lazy",
        "queue-master-locator": "min-masters", "queue-version": 2,
        "max-in-memory-length": 5, "max-in-memory-bytes": 5,
    });
    let parsed = definition(entries.clone());
    assert_eq!(*parsed.entries(), object(entries));
    assert_eq!(*parsed.options(), Options::default());
    for queue_type in [Classic, Quorum, Stream] {
        assert!(parsed.suits(queue_type), "{queue_type}");
    }
}

#[test]
fn refusals_name_key_and_value() {
    let user = PolicyKind::User;
    check_refused(
        user,
        json!({"message-ttl": "soon"}),
        "\"soon\" is not a valid message TTL: message-ttl: expected an integer",
    );
    check_refused(
        user,
        json!({"ship": 1, "max-length": 5, "sail": 2}),
        "sail, ship are not recognised policy settings",
    );
    check_refused(user, json!({}), "a policy's definition can't be empty");
    check_refused(
        user,
        json!({"federation-upstream": "a", "federation-upstream-set": "b"}),
        "cannot specify federation-upstream, federation-upstream-set and \
         federation-upstream-pattern together",
    );
    check_refused(
        user,
        json!({"delayed-retry-min": 2, "delayed-retry-max": 1}),
        "delayed-retry-max must not be less than delayed-retry-min",
    );
    let refused = "sideways".parse::<ApplyTo>().unwrap_err().to_string();
    assert!(refused.starts_with("apply-to 'sideways' unrecognised"));
    let request = request("a(", "all", 0, json!({"max-length": 1}));
    let refused = Policy::parse(user, "p", request).unwrap_err().to_string();
    assert!(
        refused.starts_with("invalid regular expression 'a('"),
        "{refused}"
    );
}

#[test]
fn operator_policies_only_limit() {
    let allowed = json!({
        "message-ttl": 1, "expires": 1, "max-length": 1, "max-length-bytes": 1,
        "overflow": "drop-head", "delivery-limit": 1, "delayed-retry-type": "all",
        "delayed-retry-min": 1, "delayed-retry-max": 1, "target-group-size": 1,
        "member-placement-tag": "t", "queue-version": 2, "max-in-memory-length": 1,
        "max-in-memory-bytes": 1,
    });
    assert_eq!(operator(allowed).entries().len(), 14);
    check_refused(
        PolicyKind::Operator,
        json!({"dead-letter-exchange": "d", "max-length": 1}),
        "dead-letter-exchange are not recognised policy settings of operator policies",
    );
}

#[test]
fn of_a_policy_and_an_operator_policy() {
    let rows = [
        ("message-ttl", json!(5), json!(3), json!(3)),
        ("message-ttl", json!(3), json!(5), json!(3)),
        ("expires", json!(5), json!(3), json!(3)),
        ("max-length", json!(5), json!(3), json!(3)),
        ("max-length-bytes", json!(5), json!(3), json!(3)),
        ("max-in-memory-length", json!(5), json!(3), json!(3)),
        ("max-in-memory-bytes", json!(5), json!(3), json!(3)),
        ("delayed-retry-max", json!(5), json!(3), json!(3)),
        ("delivery-limit", json!(5), json!(3), json!(3)),
        ("delivery-limit", json!(-1), json!(3), json!(3)),
        ("delivery-limit", json!(3), json!(-1), json!(3)),
        ("target-group-size", json!(5), json!(3), json!(5)),
        ("delayed-retry-min", json!(5), json!(3), json!(5)),
        (
            "overflow",
            json!("drop-head"),
            json!("reject-publish"),
            json!("reject-publish"),
        ),
        ("queue-version", json!(1), json!(2), json!(2)),
        (
            "delayed-retry-type",
            json!("all"),
            json!("failed"),
            json!("failed"),
        ),
        ("member-placement-tag", json!("a"), json!("b"), json!("b")),
    ];
    for (key, ours, theirs, expected) in rows {
        let (ours, theirs) = (
            definition(json!({key: ours})),
            operator(json!({key: theirs})),
        );
        let both = PolicyDefinition::combined(Some(&ours), Some(&theirs));
        assert_eq!(both.entries()[key], expected, "{key}");
    }
    let ours = definition(json!({"max-length": 5, "dead-letter-exchange": "d"}));
    let theirs = operator(json!({"max-length-bytes": 7}));
    let both = PolicyDefinition::combined(Some(&ours), Some(&theirs));
    assert_eq!(both.entries().len(), 3);
    assert_eq!(both.options().max_length_bytes, Some(7));
}

/// A row of the second table of queues.md 8.3: what an argument and a policy ask for, and what counts.
fn check_merge(
    set: impl Fn(&mut Options, i64),
    [argument, policy]: [i64; 2],
    expected: [(QueueType, i64); 2],
) {
    let with = |value| {
        let mut options = Options::default();
        set(&mut options, value);
        options
    };
    for (queue_type, value) in expected {
        let merged = merge(&with(argument), &with(policy), queue_type);
        assert_eq!(merged, with(value), "{queue_type}");
        let alone = [
            (with(argument), Options::default()),
            (Options::default(), with(argument)),
        ];
        for (argument, policy) in alone {
            let merged = merge(&argument, &policy, queue_type);
            assert!(merged == argument || merged == policy, "{queue_type}");
        }
    }
}

#[test]
fn of_an_argument_and_a_policy() {
    let ms = |value: i64| Some(Duration::from_millis(value.unsigned_abs()));
    let count = |value: i64| Some(value.unsigned_abs());
    let name = |value: i64| Some(Arc::from(value.to_string()));
    let smaller = [(Classic, 3), (Quorum, 3)];
    for values in [[3, 5], [5, 3]] {
        check_merge(|o, v| o.message_ttl = ms(v), values, smaller);
        check_merge(|o, v| o.expires = ms(v), values, smaller);
        check_merge(|o, v| o.max_length = count(v), values, smaller);
        check_merge(|o, v| o.max_length_bytes = count(v), values, smaller);
        check_merge(|o, v| o.delivery_limit = Some(v), values, smaller);
        check_merge(|o, v| o.consumer_timeout = ms(v), values, smaller);
        check_merge(|o, v| o.delayed_retry_min = ms(v), values, smaller);
        check_merge(|o, v| o.delayed_retry_max = ms(v), values, smaller);
        check_merge(|o, v| o.max_deliver_rate = count(v), values, smaller);
    }
    let unlimited = [(Classic, 3), (Quorum, 3)];
    check_merge(|o, v| o.delivery_limit = Some(v), [-1, 3], unlimited);
    check_merge(|o, v| o.delivery_limit = Some(v), [3, -1], unlimited);
    check_merge(|o, v| o.consumer_timeout = ms(v), [0, 3], unlimited);
    check_merge(|o, v| o.consumer_timeout = ms(v), [3, 0], unlimited);
    check_merge(
        |o, v| o.max_length_bytes = count(v),
        [3, 5],
        [(Classic, 3), (Stream, 5)],
    );
    let argument = [(Classic, 1), (Quorum, 1)];
    check_merge(|o, v| o.dead_letter_exchange = name(v), [1, 2], argument);
    check_merge(|o, v| o.dead_letter_routing_key = name(v), [1, 2], argument);
    check_merge(
        |o, v| o.dead_letter_strategy = strategy(v),
        [1, 2],
        argument,
    );
    check_merge(|o, v| o.durability = durability(v), [1, 2], argument);
    check_merge(|o, v| o.retry_delay = ms(v), [1, 2], argument);
    check_merge(
        |o, v| o.message_deduplication = Some(v == 1),
        [1, 2],
        argument,
    );
    check_merge(|o, v| o.deduplication_header = name(v), [1, 2], argument);
    check_merge(
        |o, v| o.overflow = overflow(v),
        [1, 2],
        [(Classic, 1), (Quorum, 2)],
    );
    check_merge(
        |o, v| o.delayed_retry = retry(v),
        [1, 2],
        [(Classic, 2), (Quorum, 2)],
    );
}

fn overflow(value: i64) -> Option<Overflow> {
    Some([Overflow::DropHead, Overflow::RejectPublish][value as usize - 1])
}

fn strategy(value: i64) -> Option<DeadLetterStrategy> {
    let strategies = [
        DeadLetterStrategy::AtLeastOnce,
        DeadLetterStrategy::AtMostOnce,
    ];
    Some(strategies[value as usize - 1])
}

fn durability(value: i64) -> Option<Durability> {
    Some([Durability::Strict, Durability::Relaxed][value as usize - 1])
}

fn retry(value: i64) -> Option<DelayedRetry> {
    Some([DelayedRetry::All, DelayedRetry::Failed][value as usize - 1])
}

#[test]
fn the_first_by_priority_then_by_name_applies() {
    let limit = |priority| request("^q", "queues", priority, json!({"max-length": 1}));
    let policies = Policies::default()
        .with(PolicyKind::User, policy("b", limit(5)))
        .with(PolicyKind::User, policy("c", limit(9)))
        .with(PolicyKind::User, policy("a", limit(5)))
        .with(PolicyKind::User, policy("d", limit(-1)));
    let names: Vec<_> = policies
        .list(PolicyKind::User)
        .iter()
        .map(|p| &*p.name)
        .collect();
    assert_eq!(names, ["c", "a", "b", "d"]);
    check_queue(&policies, "q1", Classic, "c");
    check_queue(&policies, "other", Classic, "");
    let policies = policies.without(PolicyKind::User, "c");
    check_queue(&policies, "q1", Classic, "a");
    let moved = policies.with(PolicyKind::User, policy("d", limit(10)));
    check_queue(&moved, "q1", Classic, "d");
    assert_eq!(moved.list(PolicyKind::User).len(), 3);
}

#[test]
fn patterns_are_searched() {
    let anywhere = request("rder", "all", 0, json!({"max-length": 1}));
    let policies = Policies::default().with(PolicyKind::User, policy("p", anywhere));
    check_queue(&policies, "orders", Classic, "p");
    check_queue(&policies, "Orde", Classic, "");
    let everything = request("", "all", 0, json!({"max-length": 1}));
    let policies = Policies::default().with(PolicyKind::User, policy("p", everything));
    check_queue(&policies, "orders", Classic, "p");
}

#[test]
fn what_a_policy_applies_to() {
    let rows = [
        ("all", [true, true, true, true]),
        ("queues", [true, true, true, false]),
        ("classic_queues", [true, false, false, false]),
        ("quorum_queues", [false, true, false, false]),
        ("streams", [false, false, true, false]),
        ("exchanges", [false, false, false, true]),
    ];
    for (apply_to, expected) in rows {
        let entries = json!({"max-length-bytes": 1});
        let one = policy("p", request("", apply_to, 0, entries));
        assert_eq!(one.apply_to.as_str(), apply_to);
        let policies = Policies::default().with(PolicyKind::User, one);
        let queue = |queue_type| policies.for_queue("q", queue_type).is_some();
        let found = [
            queue(Classic),
            queue(Quorum),
            queue(Stream),
            policies.for_exchange("e").is_some(),
        ];
        assert_eq!(found, expected, "{apply_to}");
    }
}

#[test]
fn one_key_that_the_type_can_not_have_skips_the_policy() {
    let rows = [
        (
            json!({"max-length": 1, "dead-letter-strategy": "at-least-once"}),
            [false, true, false],
        ),
        (json!({"max-age": "1h"}), [false, false, true]),
        (json!({"initial-cluster-size": 1}), [false, false, true]),
        (
            json!({"stream-max-segment-size-bytes": 1}),
            [false, false, true],
        ),
        (json!({"target-group-size": 3}), [false, true, false]),
        (json!({"delivery-limit": 3}), [true, true, false]),
        (json!({"message-ttl": 3}), [true, true, false]),
        (json!({"consumer-timeout": 3}), [true, true, true]),
        (json!({"delayed-retry-type": "all"}), [true, true, true]),
        (json!({"alternate-exchange": "ae"}), [true, true, true]),
        (json!({"stream-filter-size-bytes": 16}), [true, true, true]),
    ];
    for (entries, expected) in rows {
        let parsed = definition(entries.clone());
        let found = [Classic, Quorum, Stream].map(|queue_type| parsed.suits(queue_type));
        assert_eq!(found, expected, "{entries}");
    }
    let skipped = request(
        "",
        "queues",
        9,
        json!({"max-age": "1h", "max-length-bytes": 1}),
    );
    let next = request("", "queues", 1, json!({"max-length-bytes": 1}));
    let policies = Policies::default()
        .with(PolicyKind::User, policy("high", skipped))
        .with(PolicyKind::User, policy("low", next));
    check_queue(&policies, "q", Classic, "low");
    check_queue(&policies, "q", Stream, "high");
}

#[test]
fn both_kinds_apply_together() {
    let ours = policy("ours", request("", "queues", 0, json!({"max-length": 5})));
    let theirs = request("^q", "queues", 0, json!({"max-length": 3, "expires": 9}));
    let theirs = Policy::parse(PolicyKind::Operator, "theirs", theirs).unwrap();
    let policies = Policies::default()
        .with(PolicyKind::User, ours)
        .with(PolicyKind::Operator, theirs);
    let applied = policies.for_queue("q", Classic).unwrap();
    assert_eq!(
        applied.operator.as_ref().map(|policy| &*policy.name),
        Some("theirs")
    );
    assert_eq!(applied.definition.options().max_length, Some(3));
    let again = policies.for_queue("q2", Classic).unwrap();
    assert!(Arc::ptr_eq(&applied, &again));
    let other = policies.for_queue("other", Classic).unwrap();
    assert_eq!(other.definition.options().max_length, Some(5));
    assert!(!applied.is_same(&other));
}

#[test]
fn requests_are_as_other_brokers_write_them() {
    let text = json!({"pattern": "^a", "definition": {"max-length": 1}});
    let parsed: PolicyRequest = serde_json::from_value(text).unwrap();
    assert_eq!(parsed, request("^a", "all", 0, json!({"max-length": 1})));
    let again = policy("p", parsed.clone()).request();
    assert_eq!(again, parsed);
    let written = serde_json::to_value(&again).unwrap();
    assert_eq!(written["apply-to"], "all");
    let bad = json!({"pattern": "", "apply-to": "ships", "definition": {}});
    assert!(serde_json::from_value::<PolicyRequest>(bad).is_err());
}
