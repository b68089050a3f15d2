//! `x-delivery-limit`: how often a message may come back; and what quorum queues do differently with
//! messages that come back.

use ferrymq_tests::raw::{AMQPValue, Channel, FieldTable, basic, long_string, table};

use crate::support::{channel, is_other_broker, unique};

fn quorum() -> FieldTable {
    table([("x-queue-type", long_string("quorum"))])
}

fn quorum_with_limit(most: i64) -> FieldTable {
    table([("x-queue-type", long_string("quorum")), limit(most)])
}

fn limit(most: i64) -> (&'static str, AMQPValue) {
    ("x-delivery-limit", AMQPValue::LongLongInt(most))
}

/// A queue with one message.
#[track_caller]
fn with_message(channel: &Channel, arguments: FieldTable) -> String {
    let queue = channel.durable_queue_with(&unique("delivery-limit"), arguments);
    channel.fill(&queue, &["a"]);
    queue
}

/// Rejects what comes with requeue, so many times; gives `x-delivery-count` of each delivery.
#[track_caller]
fn rejected(channel: &Channel, queue: &str, times: usize) -> Vec<Option<i64>> {
    let mut counts = Vec::new();
    for _ in 0..times {
        let got = channel.got(queue);
        counts.push(count(&got.content.headers()));
        channel.send(basic::Reject {
            delivery_tag: got.delivery_tag,
            requeue: true,
        });
    }
    counts
}

fn count(headers: &FieldTable) -> Option<i64> {
    match headers.inner().get("x-delivery-count") {
        Some(AMQPValue::LongLongInt(count)) => Some(*count),
        Some(other) => panic!("x-delivery-count is {other:?}"),
        None => None,
    }
}

#[test]
fn a_message_comes_once_more_than_the_limit_and_is_gone() {
    let channel = channel();
    let queue = with_message(&channel, quorum_with_limit(2));
    assert_eq!(rejected(&channel, &queue, 3), [None, Some(1), Some(2)]);
    assert!(channel.get(&queue).is_none());
    channel.delete_queue(&queue);
}

#[test]
fn classic_queues_may_have_a_limit_too() {
    if is_other_broker("only quorum queues have a limit") {
        return;
    }
    let channel = channel();
    let queue = with_message(&channel, table([limit(1)]));
    assert_eq!(rejected(&channel, &queue, 2), [None, Some(1)]);
    assert!(channel.get(&queue).is_none());
    channel.delete_queue(&queue);
}

#[test]
fn a_negative_limit_is_none() {
    let channel = channel();
    let queue = with_message(&channel, quorum_with_limit(-1));
    assert_eq!(rejected(&channel, &queue, 40).last(), Some(&Some(39)));
    assert_eq!(channel.got(&queue).text(), "a");
    channel.delete_queue(&queue);
}

#[test]
fn classic_queues_have_no_limit_unless_asked() {
    let channel = channel();
    let queue = with_message(&channel, FieldTable::default());
    rejected(&channel, &queue, 40);
    assert_eq!(channel.got(&queue).text(), "a");
    channel.delete_queue(&queue);
}

#[test]
fn quorum_queues_give_up_after_20_unless_told_otherwise() {
    if is_other_broker("3.10 has no default") {
        return;
    }
    let channel = channel();
    let queue = with_message(&channel, quorum());
    assert_eq!(rejected(&channel, &queue, 21).last(), Some(&Some(20)));
    assert!(channel.get(&queue).is_none());
    channel.delete_queue(&queue);
}

#[test]
fn every_kind_of_return_counts() {
    let channel = channel();
    let queue = with_message(&channel, quorum_with_limit(3));
    let other = channel.connection().channel();
    other.got(&queue);
    other.close();
    let got = channel.got(&queue);
    assert_eq!(count(&got.content.headers()), Some(1));
    channel.send(basic::Nack {
        delivery_tag: got.delivery_tag,
        multiple: false,
        requeue: true,
    });
    assert_eq!(count(&channel.got(&queue).content.headers()), Some(2));
    channel.call::<basic::RecoverOk>(basic::Recover { requeue: true });
    assert_eq!(count(&channel.got(&queue).content.headers()), Some(3));
    channel.call::<basic::RecoverOk>(basic::Recover { requeue: true });
    assert!(channel.get(&queue).is_none());
    channel.delete_queue(&queue);
}

#[test]
fn what_comes_back_to_a_quorum_queue_goes_first_in_the_order_of_its_return() {
    let channel = channel();
    let queue = channel.durable_queue_with(&unique("returned"), quorum());
    channel.fill(&queue, &["a", "b", "c", "d"]);
    for _ in 0..3 {
        channel.got(&queue);
    }
    for delivery_tag in [2, 3, 1] {
        channel.send(basic::Reject {
            delivery_tag,
            requeue: true,
        });
    }
    let order: Vec<String> = (0..4).map(|_| channel.got(&queue).text()).collect();
    assert_eq!(order, ["b", "c", "a", "d"]);
    channel.delete_queue(&queue);
}

#[test]
fn quorum_queues_keep_every_message_and_deliver_its_mode_as_it_was() {
    let channel = channel();
    let queue = channel.durable_queue_with(&unique("modes"), quorum());
    channel.fill(&queue, &["transient"]);
    let got = channel.got(&queue);
    assert_eq!(got.content.decoded().delivery_mode(), &None);
    channel.delete_queue(&queue);
}
