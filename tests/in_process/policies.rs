//! Policies over the wire: what they do to queues and exchanges, old and new; queues.md 8 and 13.

use std::time::Duration;

use ferrymq_broker::policy::{ApplyTo, PolicyKind};
use ferrymq_broker::queue::options::Overflow;
use ferrymq_tests::InProcess;
use ferrymq_tests::raw::{
    BasicProperties, Channel, Connection, FieldTable, basic, long_string, table,
};
use serde_json::json;

use crate::support::{channel, clear_policy, long, request, set, set_policy, vhost};

/// The names of the policy and the operator policy of a queue.
fn policies_of(broker: &InProcess, queue: &str) -> (String, String) {
    let vhost = vhost(broker);
    let snapshot = vhost.snapshot();
    let applied = snapshot.queues[queue].policies();
    let name = |policy: Option<&std::sync::Arc<ferrymq_broker::policy::Policy>>| {
        policy
            .map(|policy| policy.name.to_string())
            .unwrap_or_default()
    };
    match applied {
        Some(applied) => (
            name(applied.policy.as_ref()),
            name(applied.operator.as_ref()),
        ),
        None => Default::default(),
    }
}

/// The bodies that are left of those published to `queue`.
#[track_caller]
fn left_of(channel: &Channel, queue: &str, bodies: &[&str]) -> Vec<String> {
    channel.fill(queue, bodies);
    channel.drain(queue)
}

#[test]
fn a_policy_applies_to_queues_that_come_and_is_cleared_from_them() {
    let broker = InProcess::start();
    set_policy(&broker, "short", "q", json!({"max-length": 2}));
    let channel = channel(&broker);
    let queue = channel.queue("q");
    assert_eq!(left_of(&channel, &queue, &["a", "b", "c"]), ["b", "c"]);
    let other = channel.queue("other");
    assert_eq!(left_of(&channel, &other, &["a", "b", "c"]), ["a", "b", "c"]);
    clear_policy(&broker, "short");
    assert_eq!(left_of(&channel, &queue, &["a", "b", "c"]), ["a", "b", "c"]);
}

#[test]
fn a_policy_applies_at_once_to_queues_that_are_there() {
    let broker = InProcess::start();
    let channel = channel(&broker);
    let queue = channel.queue("q");
    channel.fill(&queue, &["a", "b", "c"]);
    set_policy(&broker, "short", "", json!({"max-length": 1}));
    assert_eq!(channel.counts(&queue), (1, 0));
    assert_eq!(channel.drain(&queue), ["c"]);
    let named_by_the_server = channel.temporary_queue();
    assert_eq!(left_of(&channel, &named_by_the_server, &["a", "b"]), ["b"]);
}

#[test]
fn back_to_the_arguments_when_cleared() {
    let broker = InProcess::start();
    let channel = channel(&broker);
    let queue = channel.queue_with("q", table([("x-max-length", long(2))]));
    set_policy(&broker, "shorter", "q", json!({"max-length": 1}));
    assert_eq!(left_of(&channel, &queue, &["a", "b", "c"]), ["c"]);
    clear_policy(&broker, "shorter");
    assert_eq!(left_of(&channel, &queue, &["a", "b", "c"]), ["b", "c"]);
    set_policy(&broker, "longer", "q", json!({"max-length": 9}));
    assert_eq!(left_of(&channel, &queue, &["a", "b", "c"]), ["b", "c"]);
}

#[test]
fn a_queue_declared_again_needs_no_arguments_for_its_policy() {
    let broker = InProcess::start();
    let channel = channel(&broker);
    channel.queue("q");
    set_policy(&broker, "short", "q", json!({"max-length": 1}));
    channel.queue("q");
}

#[test]
fn the_higher_priority_counts_then_the_next() {
    let broker = InProcess::start();
    let channel = channel(&broker);
    let queue = channel.queue("q");
    let limit =
        |priority, most: i64| request("q", ApplyTo::Queues, priority, json!({"max-length": most}));
    set(&broker, PolicyKind::User, "low", limit(1, 3)).unwrap();
    set(&broker, PolicyKind::User, "high", limit(2, 1)).unwrap();
    assert_eq!(policies_of(&broker, "q"), ("high".into(), String::new()));
    assert_eq!(left_of(&channel, &queue, &["a", "b", "c", "d"]), ["d"]);
    clear_policy(&broker, "high");
    assert_eq!(
        left_of(&channel, &queue, &["a", "b", "c", "d"]),
        ["b", "c", "d"]
    );
}

#[test]
fn an_operator_policy_limits_what_others_want() {
    let broker = InProcess::start();
    let channel = channel(&broker);
    let queue = channel.queue("q");
    let cap = request("", ApplyTo::Queues, 0, json!({"max-length": 1}));
    set(&broker, PolicyKind::Operator, "cap", cap).unwrap();
    set_policy(&broker, "long", "q", json!({"max-length": 3}));
    assert_eq!(policies_of(&broker, "q"), ("long".into(), "cap".into()));
    assert_eq!(left_of(&channel, &queue, &["a", "b", "c", "d"]), ["d"]);
    let cleared = vhost(&broker).clear_policy(
        PolicyKind::Operator,
        "cap",
        "guest",
        ferrymq_broker::clock::now(),
    );
    assert!(cleared.is_some());
    assert_eq!(
        left_of(&channel, &queue, &["a", "b", "c", "d"]),
        ["b", "c", "d"]
    );
}

#[test]
fn a_key_that_the_type_does_not_have_skips_the_policy() {
    let broker = InProcess::start();
    let channel = channel(&broker);
    let queue = channel.queue("q");
    let both = json!({"max-length": 1, "max-age": "1h"});
    let skipped = request("q", ApplyTo::Queues, 9, both);
    set(&broker, PolicyKind::User, "streams", skipped).unwrap();
    assert_eq!(left_of(&channel, &queue, &["a", "b"]), ["a", "b"]);
    set_policy(&broker, "next", "q", json!({"max-length": 1}));
    assert_eq!(left_of(&channel, &queue, &["a", "b"]), ["b"]);
}

#[test]
fn a_policy_that_can_not_apply_is_refused_and_changes_nothing() {
    let broker = InProcess::start();
    set_policy(&broker, "p", "q", json!({"max-length": 1}));
    for (definition, refusal) in [
        (
            json!({"max-legth": 1}),
            "max-legth are not recognised policy settings",
        ),
        (
            json!({"max-length": -1}),
            "-1 is not a valid maximum length",
        ),
        (json!({}), "a policy's definition can't be empty"),
    ] {
        let wrong = request("q", ApplyTo::All, 0, definition);
        let refused = set(&broker, PolicyKind::User, "p", wrong).unwrap_err();
        assert!(refused.to_string().starts_with(refusal), "{refused}");
    }
    let channel = channel(&broker);
    let queue = channel.queue("q");
    assert_eq!(left_of(&channel, &queue, &["a", "b"]), ["b"]);
}

#[test]
fn overflow_is_the_arguments_on_classic_and_the_policys_on_quorum_queues() {
    let broker = InProcess::start();
    let overflow = json!({"max-length": 1, "overflow": "reject-publish"});
    set_policy(&broker, "p", "q", overflow);
    let channel = channel(&broker);
    channel.confirm();
    let arguments = |queue_type| {
        table([
            ("x-queue-type", long_string(queue_type)),
            ("x-overflow", long_string("drop-head")),
        ])
    };
    let classic = channel.durable_queue_with("q-classic", arguments("classic"));
    channel.publish("", &classic, "a");
    channel.expect::<basic::Ack>();
    channel.publish("", &classic, "b");
    channel.expect::<basic::Ack>();
    assert_eq!(channel.drain(&classic), ["b"]);
    let quorum = channel.durable_queue_with("q-quorum", arguments("quorum"));
    channel.publish("", &quorum, "a");
    channel.expect::<basic::Ack>();
    channel.publish("", &quorum, "b");
    let nack: basic::Nack = channel.expect();
    assert_eq!(nack.delivery_tag, 4);
    assert_eq!(channel.drain(&quorum), ["a"]);
}

#[test]
fn an_alternate_exchange_by_policy() {
    let broker = InProcess::start();
    let channel = channel(&broker);
    let queue = channel.queue("unrouted");
    let old = channel.exchange("e-old", "direct");
    let own = table([("alternate-exchange", long_string("nowhere"))]);
    let own = channel.exchange_with("e-own", "direct", own);
    channel.exchange("fallback", "fanout");
    channel.bind(&queue, "fallback", "");
    // The route is remembered from here on.
    channel.publish_mandatory(&old, "k", "lost");
    channel.expect::<basic::Return>();
    set_policy(
        &broker,
        "ae",
        "e-",
        json!({"alternate-exchange": "fallback"}),
    );
    let new = channel.exchange("e-new", "direct");
    for exchange in [&old, &new] {
        channel.publish(exchange, "k", exchange);
    }
    channel.publish_mandatory(&own, "k", "the argument wins");
    channel.expect::<basic::Return>();
    assert_eq!(channel.drain(&queue), [old.as_str(), &new]);
    clear_policy(&broker, "ae");
    channel.publish_mandatory(&old, "k", "lost");
    channel.expect::<basic::Return>();
    assert_eq!(channel.drain(&queue), [""; 0]);
}

#[test]
fn the_default_exchange_has_no_alternate() {
    let broker = InProcess::start();
    let channel = channel(&broker);
    let queue = channel.queue("unrouted");
    channel.bind(&queue, "amq.fanout", "");
    set_policy(
        &broker,
        "ae",
        "",
        json!({"alternate-exchange": "amq.fanout"}),
    );
    channel.publish_mandatory("", "no such queue", "lost");
    channel.expect::<basic::Return>();
    channel.publish("amq.direct", "no such key", "found");
    assert_eq!(channel.drain(&queue), ["found"]);
}

#[test]
fn policies_survive_a_restart_and_so_does_their_absence() {
    let mut broker = InProcess::start();
    let channel_before = channel(&broker);
    channel_before.durable_queue_with("q", FieldTable::default());
    set_policy(&broker, "gone", "", json!({"max-length": 9}));
    clear_policy(&broker, "gone");
    set_policy(&broker, "short", "q", json!({"max-length": 9}));
    set_policy(&broker, "short", "q", json!({"max-length": 1}));
    set_policy(
        &broker,
        "ae",
        "amq.fanout",
        json!({"alternate-exchange": "amq.direct"}),
    );
    drop(channel_before);
    broker.restart();
    assert_eq!(policies_of(&broker, "q").0, "short");
    let channel = channel(&broker);
    assert_eq!(left_of(&channel, "q", &["a", "b"]), ["b"]);
    channel.bind("q", "amq.direct", "k");
    channel.publish("amq.fanout", "k", "by the alternate");
    assert_eq!(channel.drain("q"), ["by the alternate"]);
    let vhost = vhost(&broker);
    assert_eq!(vhost.policies().list(PolicyKind::User).len(), 2);
    assert!(vhost.policies().get(PolicyKind::User, "gone").is_none());
}

#[test]
fn the_effective_definition_is_there_to_be_shown() {
    let broker = InProcess::start();
    channel(&broker).queue("q");
    set_policy(
        &broker,
        "p",
        "q",
        json!({"max-length": 5, "ha-mode": "all"}),
    );
    let cap = request(
        "",
        ApplyTo::Queues,
        0,
        json!({"max-length": 3, "expires": 60_000}),
    );
    set(&broker, PolicyKind::Operator, "cap", cap).unwrap();
    let vhost = vhost(&broker);
    let applied = vhost.snapshot().queues["q"].policies().unwrap();
    let shown = serde_json::to_value(applied.definition.entries()).unwrap();
    let expected = json!({"max-length": 3, "ha-mode": "all", "expires": 60_000});
    assert_eq!(shown, expected);
}

#[test]
fn thousands_of_queues_are_told_live() {
    const QUEUES: usize = 3_000;
    let broker = InProcess::start();
    let channel = channel(&broker);
    for number in 0..QUEUES {
        channel.queue(&format!("q-{number}"));
    }
    let told = |name: &str| {
        let vhost = vhost(&broker);
        let snapshot = vhost.snapshot();
        let queues = snapshot.queues.values();
        queues
            .filter_map(|queue| queue.policies())
            .filter(|applied| {
                applied
                    .policy
                    .as_ref()
                    .is_some_and(|policy| &*policy.name == name)
            })
            .count()
    };
    set_policy(&broker, "all", "q", json!({"max-length": 1}));
    assert_eq!(told("all"), QUEUES);
    assert_eq!(left_of(&channel, "q-2999", &["a", "b"]), ["b"]);
    clear_policy(&broker, "all");
    assert_eq!(told("all"), 0);
    assert_eq!(left_of(&channel, "q-2999", &["a", "b"]), ["a", "b"]);
}

#[test]
fn a_long_queue_is_cut_to_a_lower_limit() {
    const MESSAGES: usize = 5_000;
    let broker = InProcess::start();
    let channel = channel(&broker);
    channel.queue("dead");
    channel.queue_with("q", table([("x-dead-letter-exchange", long_string(""))]));
    channel.queue_with("q2", FieldTable::default());
    channel.confirm();
    for queue in ["q", "q2"] {
        for number in 0..MESSAGES {
            channel.publish("", queue, &number.to_string());
        }
    }
    channel.confirmed(2 * MESSAGES as u64);
    set_policy(
        &broker,
        "cut",
        "q",
        json!({"max-length": 3, "dead-letter-routing-key": "dead"}),
    );
    assert_eq!(channel.drain("q"), ["4997", "4998", "4999"]);
    assert_eq!(channel.drain("q2"), ["4997", "4998", "4999"]);
    assert_eq!(channel.counts("dead").0, MESSAGES as u32 - 3);
}

#[test]
fn durability_by_policy_is_what_later_confirms_stand_for() {
    let broker = InProcess::start();
    let channel = Connection::open(broker.amqp()).channel();
    channel.durable_queue_with("q", FieldTable::default());
    channel.confirm();
    let persistent = BasicProperties::default().with_delivery_mode(2);
    let publish = || {
        channel.publish_with("", "q", "a message", &persistent);
        channel.expect::<basic::Ack>();
    };
    publish();
    set_policy(&broker, "fast", "q", json!({"durability": "relaxed"}));
    publish();
    clear_policy(&broker, "fast");
    // What is counted is known for sure when the next has been confirmed.
    publish();
    publish();
    let relaxed = broker.broker().store().statistics().relaxed_messages;
    assert_eq!(relaxed, 1);
}

#[test]
fn every_key_for_queues_reaches_the_queue() {
    let broker = InProcess::start();
    channel(&broker).durable_queue_with("q", FieldTable::default());
    let keys = json!({
        "message-ttl": 1, "expires": 60_000, "max-length": 2, "max-length-bytes": 3,
        "overflow": "reject-publish", "dead-letter-exchange": "dlx",
        "dead-letter-routing-key": "dead", "delivery-limit": 4, "retry-delay": 5,
        "max-deliver-rate": 6, "message-deduplication": true, "cache-size": 7,
    });
    let vhost = vhost(&broker);
    let features = || {
        let queue = vhost.snapshot().queues["q"].clone();
        queue.inspect(|queue| queue.settings().features.clone())
    };
    assert!(features().is_none());
    set_policy(&broker, "p", "q", keys);
    let set = features().expect("features");
    assert_eq!(set.message_ttl, Some(Duration::from_millis(1)));
    assert_eq!(set.expires, Some(Duration::from_secs(60)));
    assert_eq!((set.max_length, set.max_length_bytes), (Some(2), Some(3)));
    assert_eq!(set.overflow, Overflow::RejectPublish);
    let dead_letter = set.dead_letter.as_ref().expect("a target");
    assert_eq!(&*dead_letter.exchange, "dlx");
    assert_eq!(dead_letter.routing_key.as_deref(), Some("dead"));
    assert_eq!(set.delivery_limit, Some(4));
    assert!(set.retry.is_some());
    assert_eq!(set.max_deliver_rate, Some(6));
    let deduplication = set.deduplication.as_ref().expect("a window");
    assert_eq!(deduplication.cache_size, Some(7));
    clear_policy(&broker, "p");
    assert!(features().is_none());
}

#[test]
fn a_time_to_live_by_policy_is_for_later_messages() {
    let broker = InProcess::start();
    let channel = channel(&broker);
    channel.queue("dead");
    let queue = channel.queue("q");
    channel.fill(&queue, &["early"]);
    let ttl = json!({
        "message-ttl": 1, "dead-letter-exchange": "", "dead-letter-routing-key": "dead",
    });
    set_policy(&broker, "ttl", "q", ttl);
    channel.consume("dead");
    channel.publish("", &queue, "late");
    assert_eq!(channel.delivery().text(), "late");
    assert_eq!(channel.drain(&queue), ["early"]);
}

#[test]
fn a_delivery_limit_by_policy_counts_on_classic_queues() {
    let broker = InProcess::start();
    let channel = channel(&broker);
    channel.queue("dead");
    let queue = channel.queue("q");
    let limit = json!({
        "delivery-limit": 1, "dead-letter-exchange": "", "dead-letter-routing-key": "dead",
    });
    set_policy(&broker, "limit", "q", limit);
    channel.publish("", &queue, "poison");
    for _ in 0..2 {
        let got = channel.got(&queue);
        channel.reject(got.delivery_tag, true);
    }
    channel.consume("dead");
    assert_eq!(channel.delivery().text(), "poison");
    assert!(channel.get(&queue).is_none());
}
