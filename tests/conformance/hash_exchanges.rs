//! Exchanges that choose one binding: `x-consistent-hash`, `x-modulus-hash`, `x-random`.

use std::collections::HashMap;

use ferrymq_tests::raw::{
    AMQPValue, BasicProperties, Channel, FieldTable, exchange, long_string, queue, table,
};

use crate::support::{channel, is_other_broker, unique};

const MESSAGES: usize = 3000;

/// `count` queues, each bound by the key.
fn bound_queues(channel: &Channel, exchange: &str, keys: &[&str]) -> Vec<String> {
    keys.iter()
        .map(|key| {
            let queue = channel.temporary_queue();
            channel.bind(&queue, exchange, key);
            queue
        })
        .collect()
}

/// Publishes with many routing keys, and says which queue got which key.
fn spread(channel: &Channel, exchange: &str, queues: &[String]) -> HashMap<String, usize> {
    for number in 0..MESSAGES {
        let key = format!("key-{number}");
        channel.publish(exchange, &key, &key);
    }
    let mut places = HashMap::new();
    for (index, queue) in queues.iter().enumerate() {
        for key in channel.drain(queue) {
            assert_eq!(
                places.insert(key.clone(), index),
                None,
                "'{key}' in two queues"
            );
        }
    }
    assert_eq!(places.len(), MESSAGES, "every message in one queue");
    places
}

fn share(places: &HashMap<String, usize>, index: usize) -> f64 {
    let count = places.values().filter(|place| **place == index).count();
    count as f64 / MESSAGES as f64
}

#[test]
fn consistent_hash_spreads_evenly() {
    let channel = channel();
    let exchange = channel.exchange(&unique("hash"), "x-consistent-hash");
    let queues = bound_queues(&channel, &exchange, &["10", "10", "10", "10"]);
    let places = spread(&channel, &exchange, &queues);
    for index in 0..4 {
        let share = share(&places, index);
        assert!((0.15..0.35).contains(&share), "queue {index} got {share}");
    }
}

#[test]
fn consistent_hash_honours_weights() {
    let channel = channel();
    let exchange = channel.exchange(&unique("weights"), "x-consistent-hash");
    let queues = bound_queues(&channel, &exchange, &["10", "30"]);
    let places = spread(&channel, &exchange, &queues);
    let share = share(&places, 1);
    assert!((0.65..0.85).contains(&share), "three quarters, not {share}");
}

#[test]
fn consistent_hash_is_stable() {
    let channel = channel();
    let exchange = channel.exchange(&unique("stable"), "x-consistent-hash");
    let queues = bound_queues(&channel, &exchange, &["1", "2", "3"]);
    let first = spread(&channel, &exchange, &queues);
    assert_eq!(spread(&channel, &exchange, &queues), first);
}

#[test]
fn a_new_queue_takes_only_its_share() {
    let channel = channel();
    let exchange = channel.exchange(&unique("grow"), "x-consistent-hash");
    let mut queues = bound_queues(&channel, &exchange, &["10", "10", "10"]);
    let before = spread(&channel, &exchange, &queues);
    queues.extend(bound_queues(&channel, &exchange, &["10"]));
    let after = spread(&channel, &exchange, &queues);
    for (key, place) in &after {
        assert!(
            *place == 3 || before[key] == *place,
            "'{key}' moved between old queues"
        );
    }
}

#[test]
fn the_remaining_queues_take_over() {
    let channel = channel();
    let exchange = channel.exchange(&unique("shrink"), "x-consistent-hash");
    let queues = bound_queues(&channel, &exchange, &["5", "5", "5"]);
    channel.delete_queue(&queues[1]);
    let left = [queues[0].clone(), queues[2].clone()];
    let places = spread(&channel, &exchange, &left);
    assert!(share(&places, 0) > 0.2 && share(&places, 1) > 0.2);
}

#[test]
fn only_a_destinations_first_binding_counts() {
    let channel = channel();
    let exchange = channel.exchange(&unique("again"), "x-consistent-hash");
    let queues = bound_queues(&channel, &exchange, &["10", "10"]);
    let before = spread(&channel, &exchange, &queues);
    channel.bind(&queues[0], &exchange, "90");
    assert_eq!(spread(&channel, &exchange, &queues), before);
}

#[test]
fn a_weight_is_a_positive_number() {
    let channel = channel();
    let exchange = channel.exchange(&unique("weight"), "x-consistent-hash");
    for weight in ["abc", "0", "-1", "", "1.5", "10 "] {
        let queue = channel.temporary_queue();
        channel.send(queue::Bind {
            queue: queue.as_str().into(),
            exchange: exchange.as_str().into(),
            routing_key: weight.into(),
            ..Default::default()
        });
        channel.refused(406, "");
        channel.reopen();
    }
}

/// Publishes `MESSAGES` messages with properties made from their number; how many queues got any.
fn queues_reached(arguments: FieldTable, properties: impl Fn(usize) -> BasicProperties) -> usize {
    let channel = channel();
    let exchange = channel.exchange_with(&unique("hash-on"), "x-consistent-hash", arguments);
    let queues = bound_queues(&channel, &exchange, &["10", "10", "10"]);
    for number in 0..300 {
        let key = format!("key-{number}");
        channel.publish_with(&exchange, &key, &key, &properties(number));
    }
    let counts: Vec<usize> = queues
        .iter()
        .map(|queue| channel.drain(queue).len())
        .collect();
    assert_eq!(
        counts.iter().sum::<usize>(),
        300,
        "every message in one queue"
    );
    counts.iter().filter(|count| **count > 0).count()
}

#[test]
fn a_header_may_be_hashed() {
    let arguments = || table([("hash-header", long_string("user"))]);
    let user = |name: String| {
        BasicProperties::default().with_headers(table([("user", long_string(&name))]))
    };
    assert_eq!(
        queues_reached(arguments(), |number| user(format!("user-{number}"))),
        3
    );
    assert_eq!(queues_reached(arguments(), |_| user("same".into())), 1);
    assert_eq!(
        queues_reached(arguments(), |_| BasicProperties::default()),
        1
    );
}

#[test]
fn a_property_may_be_hashed() {
    let arguments = |property| table([("hash-property", long_string(property))]);
    let none = BasicProperties::default;
    let id = |number: usize| format!("id-{number}").into();
    assert_eq!(
        queues_reached(arguments("message_id"), |n| none().with_message_id(id(n))),
        3
    );
    assert_eq!(
        queues_reached(arguments("correlation_id"), |n| none()
            .with_correlation_id(id(n))),
        3
    );
    assert_eq!(
        queues_reached(arguments("timestamp"), |n| none().with_timestamp(n as u64)),
        3
    );
    assert_eq!(queues_reached(arguments("message_id"), |_| none()), 1);
    assert_eq!(queues_reached(arguments("correlation_id"), |_| none()), 1);
    assert_eq!(queues_reached(arguments("timestamp"), |_| none()), 1);
}

#[track_caller]
fn check_declare_is_refused(arguments: FieldTable) {
    let channel = channel();
    channel.send(exchange::Declare {
        exchange: unique("refused").into(),
        kind: "x-consistent-hash".into(),
        arguments,
        ..Default::default()
    });
    channel.refused(406, "");
}

#[test]
fn what_is_hashed_must_be_known() {
    check_declare_is_refused(table([("hash-property", long_string("app_id"))]));
    check_declare_is_refused(table([
        ("hash-property", long_string("message_id")),
        ("hash-header", long_string("user")),
    ]));
}

#[test]
fn the_names_of_lavinmq_work_too() {
    if is_other_broker("unknown arguments there") {
        return;
    }
    let arguments = || table([("x-hash-on", long_string("user"))]);
    let user = |name: String| {
        BasicProperties::default().with_headers(table([("user", long_string(&name))]))
    };
    assert_eq!(
        queues_reached(arguments(), |number| user(format!("user-{number}"))),
        3
    );
    assert_eq!(queues_reached(arguments(), |_| user("same".into())), 1);
    for algorithm in ["ring", "jump"] {
        let arguments = table([("x-algorithm", long_string(algorithm))]);
        assert_eq!(queues_reached(arguments, |_| BasicProperties::default()), 3);
    }
    check_declare_is_refused(table([("x-algorithm", AMQPValue::LongInt(1))]));
}

#[test]
fn modulus_hash_chooses_one_queue_by_key() {
    let channel = channel();
    let exchange = channel.exchange(&unique("modulus"), "x-modulus-hash");
    let queues = bound_queues(&channel, &exchange, &["", "ignored", "3"]);
    let first = spread(&channel, &exchange, &queues);
    for index in 0..3 {
        assert!(
            share(&first, index) > 0.2,
            "queue {index} got {}",
            share(&first, index)
        );
    }
    assert_eq!(spread(&channel, &exchange, &queues), first);
}

#[test]
fn random_chooses_one_queue() {
    let channel = channel();
    let exchange = channel.exchange(&unique("random"), "x-random");
    let queues = bound_queues(&channel, &exchange, &["a", "b", "c"]);
    let places = spread(&channel, &exchange, &queues);
    for index in 0..3 {
        let share = share(&places, index);
        assert!((0.2..0.5).contains(&share), "queue {index} got {share}");
    }
}

#[test]
fn without_bindings_nothing_is_chosen() {
    for kind in ["x-consistent-hash", "x-modulus-hash", "x-random"] {
        let channel = channel();
        let exchange = channel.exchange(&unique("empty"), kind);
        channel.publish_mandatory(&exchange, "key", "returned");
        let returned: ferrymq_tests::raw::Returned = channel.expect();
        assert_eq!(returned.reply_code, 312, "{kind}");
    }
}
