//! `x-max-priority`: higher first, in order within a level.

use ferrymq_tests::raw::{AMQPValue, BasicProperties, Channel, basic, long_string, queue, table};

use crate::support::{channel, drained, unique};

fn with_levels(channel: &Channel, highest: i32) -> String {
    let arguments = table([("x-max-priority", AMQPValue::LongInt(highest))]);
    channel.queue_with(&unique("levels"), arguments)
}

fn publish(channel: &Channel, queue: &str, messages: &[(&str, u8)]) {
    for (body, priority) in messages {
        let properties = BasicProperties::default().with_priority(*priority);
        channel.publish_with("", queue, body, &properties);
    }
    channel.expect_nothing();
}

#[test]
fn higher_comes_first_and_a_level_keeps_its_order() {
    let channel = channel();
    let queue = with_levels(&channel, 10);
    let messages = [
        ("low", 1),
        ("high", 9),
        ("middle", 5),
        ("high too", 9),
        ("lowest", 0),
    ];
    publish(&channel, &queue, &messages);
    let expected = ["high", "high too", "middle", "low", "lowest"];
    assert_eq!(drained(&channel, &queue), expected);
}

#[test]
fn without_a_priority_it_is_0() {
    let channel = channel();
    let queue = with_levels(&channel, 5);
    channel.publish("", &queue, "none");
    publish(&channel, &queue, &[("one", 1), ("zero", 0)]);
    assert_eq!(drained(&channel, &queue), ["one", "none", "zero"]);
}

#[test]
fn above_the_highest_counts_as_the_highest() {
    let channel = channel();
    let queue = with_levels(&channel, 3);
    publish(
        &channel,
        &queue,
        &[("three", 3), ("hundred", 100), ("four", 4)],
    );
    assert_eq!(drained(&channel, &queue), ["three", "hundred", "four"]);
}

#[test]
fn a_highest_priority_of_0_is_one_of_1() {
    let channel = channel();
    let queue = with_levels(&channel, 0);
    publish(&channel, &queue, &[("zero", 0), ("nine", 9)]);
    assert_eq!(drained(&channel, &queue), ["nine", "zero"]);
}

#[test]
fn all_255_levels_work() {
    let channel = channel();
    let queue = with_levels(&channel, 255);
    let names: Vec<String> = (0..=255).map(|level: i32| level.to_string()).collect();
    let messages: Vec<(&str, u8)> = (0..=255u8)
        .map(|level| (&*names[level as usize], level))
        .collect();
    publish(&channel, &queue, &messages);
    let expected: Vec<String> = names.iter().rev().cloned().collect();
    assert_eq!(drained(&channel, &queue), expected);
}

#[test]
fn without_the_argument_priority_is_only_passed_on() {
    let channel = channel();
    let queue = channel.queue(&unique("plain"));
    publish(&channel, &queue, &[("one", 1), ("nine", 9)]);
    let first = channel.got(&queue);
    assert_eq!(
        (&*first.text(), first.content.decoded().priority()),
        ("one", &Some(1))
    );
    assert_eq!(drained(&channel, &queue), ["nine"]);
}

#[test]
fn a_message_that_came_back_stands_at_its_place_in_its_level() {
    let channel = channel();
    let queue = with_levels(&channel, 10);
    publish(&channel, &queue, &[("a", 5), ("b", 5)]);
    let first = channel.got(&queue);
    assert_eq!(first.text(), "a");
    publish(&channel, &queue, &[("higher", 6), ("c", 5)]);
    channel.send(basic::Reject {
        delivery_tag: first.delivery_tag,
        requeue: true,
    });
    assert_eq!(drained(&channel, &queue), ["higher", "a", "b", "c"]);
}

#[test]
fn prefetched_messages_are_not_overtaken() {
    let channel = channel();
    let queue = with_levels(&channel, 10);
    channel.call::<basic::QosOk>(basic::Qos {
        prefetch_count: 2,
        global: false,
    });
    publish(&channel, &queue, &[("a", 1), ("b", 1), ("c", 1)]);
    channel.consume(&queue);
    assert_eq!(channel.deliveries(2), ["a", "b"]);
    publish(&channel, &queue, &[("urgent", 9)]);
    channel.send(basic::Ack {
        delivery_tag: 2,
        multiple: true,
    });
    assert_eq!(channel.deliveries(2), ["urgent", "c"]);
    channel.delete_queue(&queue);
}

#[test]
fn the_highest_priority_is_dropped_first_from_a_full_queue() {
    let channel = channel();
    let arguments = table([
        ("x-max-priority", AMQPValue::LongInt(10)),
        ("x-max-length", AMQPValue::LongInt(2)),
    ]);
    let queue = channel.queue_with(&unique("full"), arguments);
    publish(&channel, &queue, &[("low", 1), ("high", 9), ("middle", 5)]);
    assert_eq!(drained(&channel, &queue), ["middle", "low"]);
}

#[test]
fn purge_and_counts_reach_every_level() {
    let channel = channel();
    let queue = with_levels(&channel, 10);
    publish(&channel, &queue, &[("a", 0), ("b", 5), ("c", 10)]);
    assert_eq!(channel.counts(&queue).0, 3);
    let purged: queue::PurgeOk = channel.call(queue::Purge {
        queue: queue.as_str().into(),
        nowait: false,
    });
    assert_eq!(purged.message_count, 3);
    publish(&channel, &queue, &[("d", 3)]);
    assert_eq!(drained(&channel, &queue), ["d"]);
}

#[test]
fn quorum_queues_take_no_levels() {
    let channel = channel();
    let name = unique("quorum");
    channel.send(queue::Declare {
        queue: name.as_str().into(),
        durable: true,
        arguments: table([
            ("x-queue-type", long_string("quorum")),
            ("x-max-priority", AMQPValue::LongInt(10)),
        ]),
        ..Default::default()
    });
    channel.refused(406, "invalid arg 'x-max-priority'");
}
