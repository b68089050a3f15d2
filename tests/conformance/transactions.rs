//! `tx.select`, `tx.commit`, `tx.rollback`.

use ferrymq_tests::raw::{BasicProperties, Channel, Returned, basic, queue, tx};

use crate::support::{channel, connect, unique};

/// A transactional channel, another one, and a queue of theirs.
fn transactional() -> (Channel, Channel, String) {
    let connection = connect();
    let (channel, observer) = (connection.channel(), connection.channel());
    let queue = channel.temporary_queue();
    channel.call::<tx::SelectOk>(tx::Select {});
    (channel, observer, queue)
}

#[track_caller]
fn commit(channel: &Channel) {
    channel.call::<tx::CommitOk>(tx::Commit {});
}

#[track_caller]
fn roll_back(channel: &Channel) {
    channel.call::<tx::RollbackOk>(tx::Rollback {});
}

#[test]
fn select_may_come_twice() {
    let (channel, observer, queue) = transactional();
    channel.publish("", &queue, "a");
    channel.call::<tx::SelectOk>(tx::Select {});
    assert!(observer.get(&queue).is_none());
    commit(&channel);
    assert_eq!(observer.drain(&queue), ["a"]);
}

#[test]
fn commit_and_rollback_need_select() {
    let channel = channel();
    channel.send(tx::Commit {});
    channel.refused(406, "channel is not transactional");
    channel.reopen();
    channel.send(tx::Rollback {});
    channel.refused(406, "channel is not transactional");
}

#[test]
fn publishes_are_held_until_commit() {
    let (channel, observer, queue) = transactional();
    channel.publish("", &queue, "a");
    channel.publish("", &queue, "b");
    channel.expect_nothing();
    assert!(observer.get(&queue).is_none());
    commit(&channel);
    assert_eq!(observer.drain(&queue), ["a", "b"]);
}

#[test]
fn a_rollback_drops_publishes() {
    let (channel, observer, queue) = transactional();
    channel.publish("", &queue, "dropped");
    roll_back(&channel);
    channel.publish("", &queue, "kept");
    commit(&channel);
    assert_eq!(observer.drain(&queue), ["kept"]);
}

#[test]
fn a_transaction_follows_the_other() {
    let (channel, observer, queue) = transactional();
    for body in ["a", "b", "c"] {
        channel.publish("", &queue, body);
        commit(&channel);
    }
    channel.publish("", &queue, "never committed");
    assert_eq!(observer.drain(&queue), ["a", "b", "c"]);
}

#[test]
fn an_empty_transaction_can_be_committed() {
    let (channel, _observer, _queue) = transactional();
    commit(&channel);
    roll_back(&channel);
    commit(&channel);
}

#[test]
fn a_closed_channel_rolls_back() {
    let (channel, observer, queue) = transactional();
    channel.publish("", &queue, "dropped");
    channel.close();
    assert!(observer.get(&queue).is_none());
}

#[test]
fn persistent_messages_are_committed() {
    let channel = channel();
    let declare = queue::Declare {
        queue: unique("durable").into(),
        durable: true,
        ..Default::default()
    };
    let queue: String = channel.call::<queue::DeclareOk>(declare).queue.into();
    channel.call::<tx::SelectOk>(tx::Select {});
    let persistent = BasicProperties::default().with_delivery_mode(2);
    for number in 0..50 {
        channel.publish_with("", &queue, &number.to_string(), &persistent);
    }
    commit(&channel);
    assert_eq!(crate::support::channel().drain(&queue).len(), 50);
    channel.delete_queue(&queue);
}

#[test]
fn acks_are_held_until_commit() {
    let (channel, observer, queue) = transactional();
    observer.fill(&queue, &["a", "b"]);
    channel.got(&queue);
    channel.got(&queue);
    channel.ack(1);
    commit(&channel);
    channel.ack(2);
    channel.close();
    assert_eq!(observer.drain(&queue), ["b"]);
}

#[test]
fn rejects_are_held_until_commit() {
    let (channel, observer, queue) = transactional();
    observer.fill(&queue, &["a", "b"]);
    channel.got(&queue);
    channel.got(&queue);
    channel.nack(1, true);
    channel.reject(2, false);
    channel.expect_nothing();
    assert!(observer.get(&queue).is_none());
    commit(&channel);
    assert_eq!(observer.drain(&queue), ["a"]);
}

#[test]
fn a_rollback_returns_acks_to_the_channel() {
    let (channel, observer, queue) = transactional();
    observer.fill(&queue, &["a", "b"]);
    channel.got(&queue);
    channel.got(&queue);
    channel.ack(1);
    channel.nack(2, true);
    roll_back(&channel);
    assert!(observer.get(&queue).is_none(), "redelivered by a rollback");
    channel.ack(1);
    channel.ack(2);
    commit(&channel);
    channel.close();
    assert!(observer.get(&queue).is_none());
}

#[test]
fn an_ack_in_a_transaction_cannot_be_repeated() {
    let (channel, observer, queue) = transactional();
    observer.fill(&queue, &["a"]);
    channel.got(&queue);
    channel.ack(1);
    channel.ack(1);
    channel.refused(406, "unknown delivery tag 1");
}

#[test]
fn a_missing_exchange_is_refused_at_once() {
    let (channel, _observer, _queue) = transactional();
    channel.publish(&unique("missing"), "key", "a");
    channel.refused(404, "no exchange");
}

#[test]
fn an_unknown_tag_is_refused_at_once() {
    let (channel, _observer, _queue) = transactional();
    channel.ack(7);
    channel.refused(406, "unknown delivery tag 7");
}

#[test]
fn returns_come_with_the_commit() {
    let (channel, _observer, _queue) = transactional();
    channel.publish_mandatory("", &unique("missing"), "returned");
    channel.expect_nothing();
    channel.send(tx::Commit {});
    let returned: Returned = channel.expect();
    assert_eq!(returned.content.text(), "returned");
    channel.expect::<tx::CommitOk>();
}

#[test]
fn a_rollback_drops_returns() {
    let (channel, _observer, _queue) = transactional();
    channel.publish_mandatory("", &unique("missing"), "dropped");
    roll_back(&channel);
    commit(&channel);
    channel.expect_nothing();
}

#[test]
fn routing_is_done_when_publishing() {
    let (channel, observer, queue) = transactional();
    let exchange = channel.exchange(&unique("exchange"), "fanout");
    channel.publish(&exchange, "", "to nobody");
    channel.bind(&queue, &exchange, "");
    channel.publish(&exchange, "", "to the queue");
    commit(&channel);
    assert_eq!(observer.drain(&queue), ["to the queue"]);
}

#[test]
fn deliveries_do_not_wait_for_a_commit() {
    let (channel, observer, queue) = transactional();
    channel.consume(&queue);
    observer.fill(&queue, &["a", "b"]);
    assert_eq!(channel.deliveries(2), ["a", "b"]);
}

#[test]
fn a_multiple_ack_is_held_too() {
    let (channel, observer, queue) = transactional();
    observer.fill(&queue, &["a", "b", "c"]);
    for _ in 0..3 {
        channel.got(&queue);
    }
    channel.send(basic::Ack {
        delivery_tag: 2,
        multiple: true,
    });
    commit(&channel);
    channel.close();
    assert_eq!(observer.drain(&queue), ["c"]);
}
