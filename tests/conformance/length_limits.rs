//! `x-max-length`, `x-max-length-bytes` and `x-overflow`: what a full queue does.

use ferrymq_tests::raw::{
    AMQPValue, Channel, FieldTable, basic, exchange, long_string, queue, table, tx,
};

use crate::support::{channel, confirming_channel, drained, unique};

fn limit(name: &str, max: i32) -> FieldTable {
    table([(name, AMQPValue::LongInt(max))])
}

fn limit_and_overflow(name: &str, max: i32, overflow: &str) -> FieldTable {
    table([
        (name, AMQPValue::LongInt(max)),
        ("x-overflow", long_string(overflow)),
    ])
}

fn limited(channel: &Channel, arguments: FieldTable) -> String {
    channel.queue_with(&unique("limited"), arguments)
}

#[test]
fn the_oldest_message_makes_room() {
    let channel = confirming_channel();
    let queue = limited(&channel, limit("x-max-length", 2));
    for body in ["a", "b", "c", "d"] {
        channel.publish("", &queue, body);
    }
    channel.confirmed(4);
    assert_eq!(channel.counts(&queue).0, 2);
    assert_eq!(drained(&channel, &queue), ["c", "d"]);
}

#[test]
fn bytes_of_bodies_are_limited() {
    let channel = confirming_channel();
    let queue = limited(&channel, limit("x-max-length-bytes", 10));
    for body in ["aaaa", "bbbb", "cccc"] {
        channel.publish("", &queue, body);
    }
    channel.confirmed(3);
    assert_eq!(drained(&channel, &queue), ["bbbb", "cccc"]);
}

#[test]
fn a_message_beyond_the_limit_of_bytes_empties_the_queue_itself_included() {
    let channel = confirming_channel();
    let queue = limited(&channel, limit("x-max-length-bytes", 3));
    channel.publish("", &queue, "ok");
    channel.publish("", &queue, "much too long");
    channel.confirmed(2);
    assert_eq!(drained(&channel, &queue), [""; 0]);
}

#[test]
fn either_limit_counts() {
    let channel = confirming_channel();
    let both = table([
        ("x-max-length", AMQPValue::LongInt(2)),
        ("x-max-length-bytes", AMQPValue::LongInt(6)),
    ]);
    let queue = limited(&channel, both);
    for body in ["a", "b", "c", "dddddd"] {
        channel.publish("", &queue, body);
    }
    channel.confirmed(4);
    assert_eq!(drained(&channel, &queue), ["dddddd"]);
}

#[test]
fn unacked_messages_do_not_count() {
    let channel = confirming_channel();
    let queue = limited(&channel, limit("x-max-length", 1));
    channel.publish("", &queue, "a");
    channel.confirmed(1);
    let held = channel.got(&queue);
    channel.publish("", &queue, "b");
    assert_eq!(channel.expect::<basic::Ack>().delivery_tag, 2);
    assert_eq!(channel.counts(&queue).0, 1);
    channel.send(basic::Ack {
        delivery_tag: held.delivery_tag,
        multiple: false,
    });
    assert_eq!(drained(&channel, &queue), ["b"]);
}

#[test]
fn what_comes_back_beyond_the_limit_is_dropped() {
    let channel = confirming_channel();
    let queue = limited(&channel, limit("x-max-length", 1));
    channel.publish("", &queue, "a");
    channel.confirmed(1);
    let held = channel.got(&queue);
    channel.publish("", &queue, "b");
    assert_eq!(channel.expect::<basic::Ack>().delivery_tag, 2);
    channel.send(basic::Nack {
        delivery_tag: held.delivery_tag,
        multiple: false,
        requeue: true,
    });
    assert_eq!(drained(&channel, &queue), ["b"]);
}

#[test]
fn with_limit_0_only_a_waiting_consumer_gets_a_message() {
    let channel = confirming_channel();
    let queue = limited(&channel, limit("x-max-length", 0));
    channel.publish("", &queue, "lost");
    channel.confirmed(1);
    assert_eq!(channel.counts(&queue).0, 0);
    let other = channel.connection().channel();
    other.consume(&queue);
    channel.publish("", &queue, "taken");
    assert_eq!(other.delivery().text(), "taken");
    assert_eq!(channel.expect::<basic::Ack>().delivery_tag, 2);
    channel.delete_queue(&queue);
}

#[test]
fn a_full_queue_may_refuse() {
    for overflow in ["reject-publish", "reject-publish-dlx"] {
        let channel = confirming_channel();
        let queue = limited(&channel, limit_and_overflow("x-max-length", 1, overflow));
        channel.publish("", &queue, "a");
        assert_eq!(channel.expect::<basic::Ack>().delivery_tag, 1);
        channel.publish("", &queue, "b");
        assert_eq!(channel.expect::<basic::Nack>().delivery_tag, 2);
        assert_eq!(drained(&channel, &queue), ["a"]);
    }
}

#[test]
fn a_full_queue_may_refuse_by_bytes() {
    let channel = confirming_channel();
    let arguments = limit_and_overflow("x-max-length-bytes", 4, "reject-publish");
    let queue = limited(&channel, arguments);
    channel.publish("", &queue, "abcd");
    assert_eq!(channel.expect::<basic::Ack>().delivery_tag, 1);
    channel.publish("", &queue, "e");
    assert_eq!(channel.expect::<basic::Nack>().delivery_tag, 2);
    assert_eq!(drained(&channel, &queue), ["abcd"]);
}

#[test]
fn without_confirms_a_refused_message_is_dropped_in_silence() {
    let channel = channel();
    let arguments = limit_and_overflow("x-max-length", 1, "reject-publish");
    let queue = limited(&channel, arguments);
    channel.publish("", &queue, "a");
    channel.publish("", &queue, "b");
    channel.expect_nothing();
    assert_eq!(drained(&channel, &queue), ["a"]);
}

#[test]
fn each_of_many_publishes_gets_its_own_answer() {
    let channel = confirming_channel();
    let arguments = limit_and_overflow("x-max-length", 3, "reject-publish");
    let queue = limited(&channel, arguments);
    for number in 1..=6 {
        channel.publish("", &queue, &number.to_string());
    }
    let mut answered = [None; 6];
    while answered.contains(&None) {
        let event = channel.next();
        let (tag, multiple, refused) = answer(&event.method);
        let first = if multiple { 1 } else { tag };
        for tag in first..=tag {
            answered[tag as usize - 1].get_or_insert(refused);
        }
    }
    let expected = [false, false, false, true, true, true].map(Some);
    assert_eq!(answered, expected);
    assert_eq!(drained(&channel, &queue), ["1", "2", "3"]);
}

fn answer(method: &ferrymq_tests::raw::AMQPClass) -> (u64, bool, bool) {
    use ferrymq_tests::raw::AMQPClass;
    match method {
        AMQPClass::Basic(basic::AMQPMethod::Ack(ack)) => (ack.delivery_tag, ack.multiple, false),
        AMQPClass::Basic(basic::AMQPMethod::Nack(nack)) => (nack.delivery_tag, nack.multiple, true),
        other => panic!("{other:?} instead of an ack or nack"),
    }
}

#[test]
fn one_refusal_of_several_queues_is_a_nack_and_the_others_keep_the_message() {
    let channel = confirming_channel();
    let arguments = limit_and_overflow("x-max-length", 0, "reject-publish");
    let full = limited(&channel, arguments);
    let open = channel.queue(&unique("open"));
    let fanout = channel.exchange(&unique("fanout"), "fanout");
    channel.bind(&full, &fanout, "");
    channel.bind(&open, &fanout, "");
    channel.publish(&fanout, "", "a");
    assert_eq!(channel.expect::<basic::Nack>().delivery_tag, 1);
    assert_eq!(drained(&channel, &open), ["a"]);
    channel.delete_queue(&full);
    channel.call::<exchange::DeleteOk>(exchange::Delete {
        exchange: fanout.as_str().into(),
        ..Default::default()
    });
}

#[test]
fn there_is_room_again_when_messages_go() {
    let channel = confirming_channel();
    let arguments = limit_and_overflow("x-max-length", 1, "reject-publish");
    let queue = limited(&channel, arguments);
    channel.publish("", &queue, "a");
    assert_eq!(channel.expect::<basic::Ack>().delivery_tag, 1);
    channel.call::<queue::PurgeOk>(queue::Purge {
        queue: queue.as_str().into(),
        nowait: false,
    });
    channel.publish("", &queue, "b");
    assert_eq!(channel.expect::<basic::Ack>().delivery_tag, 2);
    assert_eq!(drained(&channel, &queue), ["b"]);
}

#[test]
fn a_commit_that_a_queue_refuses_fails() {
    let channel = channel();
    channel.call::<tx::SelectOk>(tx::Select {});
    let arguments = limit_and_overflow("x-max-length", 1, "reject-publish");
    let queue = limited(&channel, arguments);
    channel.publish("", &queue, "a");
    channel.publish("", &queue, "b");
    channel.send(tx::Commit {});
    channel.refused(406, "partial tx completion");
    channel.reopen();
    assert_eq!(drained(&channel, &queue), ["a"]);
}
