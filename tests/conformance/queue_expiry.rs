//! `x-expires`: queues that nobody uses, amqp.md 17.

use ferrymq_tests::raw::{
    AMQPClass, AMQPValue, Channel, FieldTable, basic, long_string, queue, table,
};

use crate::support::{channel, confirming_channel, connect, eventually, unique};

/// How long the queues of the long case may be unused: much longer than one round of it takes,
const UNUSED_MS: i32 = 1_000;
/// and how long the queue is there that it waits for.
const CLOCK_MS: i32 = 1_500;

fn unused_for(milliseconds: i32) -> FieldTable {
    table([("x-expires", AMQPValue::LongInt(milliseconds))])
}

/// Does a message still reach the queue? That is no use of it, unlike asking for it. The channel confirms.
fn is_there(channel: &Channel, queue: &str) -> bool {
    channel.publish_mandatory("", queue, "a");
    let mut returned = false;
    loop {
        match channel.next().method {
            AMQPClass::Basic(basic::AMQPMethod::Return(_)) => returned = true,
            _ => return !returned,
        }
    }
}

fn declare(queue: &str, passive: bool, arguments: FieldTable) -> queue::Declare {
    queue::Declare {
        queue: queue.into(),
        passive,
        arguments,
        ..queue::Declare::default()
    }
}

#[test]
fn a_queue_that_nobody_uses_goes() {
    let channel = confirming_channel();
    let queue = channel.queue_with(&unique("unused"), unused_for(30));
    eventually("the queue goes", || !is_there(&channel, &queue));
    channel.send(declare(&queue, true, FieldTable::default()));
    channel.refused(404, "NOT_FOUND - no queue");
}

#[test]
fn a_queue_that_is_used_stays() {
    let publisher = confirming_channel();
    let channel = channel();
    let named = |name: &str| channel.queue_with(&unique(name), unused_for(UNUSED_MS));
    let (got, declared, asked) = (named("got"), named("declared"), named("asked"));
    let consumed = named("consumed");
    let consumer = connect().channel();
    consumer.consume(&consumed);
    let clock = channel.queue_with(&unique("clock"), unused_for(CLOCK_MS));
    eventually("the clock runs out", || {
        channel.get(&got);
        channel.call::<queue::DeclareOk>(declare(&declared, false, unused_for(UNUSED_MS)));
        channel.call::<queue::DeclareOk>(declare(&asked, true, FieldTable::default()));
        !is_there(&publisher, &clock)
    });
    for queue in [&got, &declared, &asked, &consumed] {
        assert!(is_there(&publisher, queue), "{queue}");
        channel.delete_queue(queue);
    }
}

#[test]
fn declaring_a_quorum_queue_again_is_no_use_of_it() {
    let channel = confirming_channel();
    let mut arguments = unused_for(50);
    arguments.insert("x-queue-type".into(), long_string("quorum"));
    let queue = channel.durable_queue_with(&unique("lease"), arguments.clone());
    let again = || queue::Declare {
        durable: true,
        nowait: true,
        ..declare(&queue, false, arguments.clone())
    };
    eventually("the queue goes", || {
        let there = is_there(&channel, &queue);
        if there {
            channel.send(again());
        }
        !there
    });
    channel.delete_queue(&queue);
}

#[test]
fn what_waits_in_it_is_no_dead_letter() {
    let channel = confirming_channel();
    let dead = channel.queue(&unique("dead"));
    let mut arguments = unused_for(30);
    arguments.insert("x-dead-letter-exchange".into(), long_string(""));
    arguments.insert("x-dead-letter-routing-key".into(), long_string(&dead));
    let queue = channel.queue_with(&unique("unused"), arguments);
    eventually("the queue goes", || !is_there(&channel, &queue));
    assert_eq!(channel.counts(&dead).0, 0);
    channel.delete_queue(&dead);
}

#[test]
fn a_queue_can_not_expire_at_once() {
    let channel = channel();
    channel.send(declare(&unique("wrong"), false, unused_for(0)));
    channel.refused(406, "PRECONDITION_FAILED - invalid arg 'x-expires'");
}
