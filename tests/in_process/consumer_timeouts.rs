//! A consumer time-out by policy, set and cleared while consumers hold deliveries.

use ferrymq_tests::InProcess;
use ferrymq_tests::raw::{basic, table};
use serde_json::json;

use crate::support::{channel, clear_policy, long, set_policy};

#[test]
fn a_policy_counts_for_consumers_that_are_there() {
    let broker = InProcess::start();
    let channel = channel(&broker);
    let queue = channel.queue("q");
    let tag = channel.consume(&queue);
    channel.fill(&queue, &["a"]);
    channel.delivery();
    set_policy(&broker, "impatient", "q", json!({"consumer-timeout": 1000}));
    let cancel: basic::Cancel = channel.expect();
    assert_eq!(cancel.consumer_tag.as_str(), tag);
    assert!(channel.got(&queue).redelivered);
    assert_eq!(broker.broker().consumer_timeouts(), 1);
}

#[test]
fn the_shorter_of_argument_and_policy_counts() {
    let broker = InProcess::start();
    set_policy(
        &broker,
        "patient",
        "q",
        json!({"consumer-timeout": 3_600_000}),
    );
    let channel = channel(&broker);
    let queue = channel.queue_with("q", table([("x-consumer-timeout", long(1000))]));
    channel.consume(&queue);
    channel.fill(&queue, &["a"]);
    channel.delivery();
    channel.expect::<basic::Cancel>();
}

#[test]
fn the_consumers_own_argument_counts_more() {
    let broker = InProcess::start();
    set_policy(&broker, "impatient", "q", json!({"consumer-timeout": 1000}));
    let channel = channel(&broker);
    let queue = channel.queue("q");
    let consume = |timeout| basic::Consume {
        queue: queue.as_str().into(),
        arguments: table([("x-consumer-timeout", long(timeout))]),
        ..Default::default()
    };
    let patient = channel.consume_with(consume(0));
    channel.fill(&queue, &["a"]);
    assert_eq!(channel.delivery().consumer_tag, patient);
    let other = channel.connection().channel();
    let impatient = other.consume(&queue);
    other.fill(&queue, &["b", "c"]);
    other.delivery();
    channel.delivery();
    let cancel: basic::Cancel = other.expect();
    assert_eq!(cancel.consumer_tag.as_str(), impatient);
    let given_back = channel.delivery();
    assert!(given_back.redelivered);
    channel.ack_up_to(given_back.delivery_tag);
}

#[test]
fn cleared_in_time_nobody_is_cancelled() {
    let broker = InProcess::start();
    let channel = channel(&broker);
    let queue = channel.queue("q");
    channel.consume(&queue);
    channel.fill(&queue, &["a"]);
    let delivery = channel.delivery();
    set_policy(&broker, "impatient", "q", json!({"consumer-timeout": 1000}));
    clear_policy(&broker, "impatient");
    // Another consumer's time-out shows that more than the time has passed.
    let other = channel.queue_with("other", table([("x-consumer-timeout", long(2000))]));
    let witness = channel.consume(&other);
    channel.fill(&other, &["a"]);
    channel.delivery();
    let cancel: basic::Cancel = channel.expect();
    assert_eq!(cancel.consumer_tag.as_str(), witness);
    channel.ack(delivery.delivery_tag);
    assert_eq!(channel.counts(&queue), (0, 1));
}
