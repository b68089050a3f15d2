//! Acks, nacks, rejects and recover: which deliveries they settle, and where the rest goes.

use ferrymq_tests::raw::{Channel, basic};

use crate::support::{channel, connect, is_other_broker};

/// A channel that fetched so many messages, with the bodies and the tags 1, 2, …, and their queue.
fn fetched(count: usize) -> (Channel, String) {
    let channel = connect().channel();
    let queue = channel.temporary_queue();
    let bodies: Vec<String> = (1..=count).map(|number| number.to_string()).collect();
    channel.fill(
        &queue,
        &bodies.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    for (index, body) in bodies.iter().enumerate() {
        let got = channel.got(&queue);
        assert_eq!(
            (got.text(), got.delivery_tag),
            (body.clone(), index as u64 + 1)
        );
    }
    (channel, queue)
}

/// Closes the channel, so that everything unacked returns, and checks what is in the queue then.
#[track_caller]
fn check_returned(channel: &Channel, queue: &str, bodies: &[&str]) {
    let observer = channel.connection().channel();
    channel.close();
    assert_eq!(observer.drain(queue), bodies);
}

#[test]
fn an_ack_settles_one() {
    let (channel, queue) = fetched(3);
    channel.ack(2);
    check_returned(&channel, &queue, &["1", "3"]);
}

#[test]
fn acks_may_come_in_any_order() {
    let (channel, queue) = fetched(4);
    for tag in [3, 1, 4] {
        channel.ack(tag);
    }
    check_returned(&channel, &queue, &["2"]);
}

#[test]
fn a_multiple_ack_settles_all_up_to_it() {
    let (channel, queue) = fetched(5);
    channel.ack_up_to(3);
    check_returned(&channel, &queue, &["4", "5"]);
}

#[test]
fn a_multiple_ack_skips_gaps() {
    let (channel, queue) = fetched(6);
    channel.ack(2);
    channel.ack(5);
    channel.ack_up_to(4);
    check_returned(&channel, &queue, &["6"]);
}

#[test]
fn a_multiple_ack_of_0_settles_all() {
    let (channel, queue) = fetched(5);
    channel.ack(2);
    channel.ack_up_to(0);
    check_returned(&channel, &queue, &[]);
}

#[test]
fn a_multiple_ack_of_0_may_settle_nothing() {
    let channel = channel();
    channel.ack_up_to(0);
    channel.nack_up_to(0, true);
    channel.expect_nothing();
}

#[test]
fn acks_settle_deliveries_of_several_queues() {
    let (channel, one) = fetched(2);
    let two = channel.temporary_queue();
    channel.fill(&two, &["a", "b"]);
    channel.consume(&two);
    channel.deliveries(2);
    channel.ack_up_to(3);
    let observer = channel.connection().channel();
    channel.close();
    assert!(observer.get(&one).is_none());
    assert_eq!(observer.drain(&two), ["b"]);
}

#[track_caller]
fn check_unknown(act: impl Fn(&Channel), tag: u64) {
    let (channel, _) = fetched(2);
    act(&channel);
    channel.refused(406, &format!("unknown delivery tag {tag}"));
}

#[test]
fn a_second_ack_is_refused() {
    check_unknown(
        |channel| {
            channel.ack(1);
            channel.ack(1);
        },
        1,
    );
}

#[test]
fn a_tag_that_was_never_used_is_refused() {
    check_unknown(|channel| channel.ack(3), 3);
    check_unknown(|channel| channel.ack_up_to(3), 3);
    check_unknown(|channel| channel.nack(3, true), 3);
    check_unknown(|channel| channel.nack_up_to(3, false), 3);
    check_unknown(|channel| channel.reject(3, true), 3);
    check_unknown(|channel| channel.ack(u64::MAX), u64::MAX);
}

#[test]
fn a_single_ack_of_0_is_refused() {
    check_unknown(|channel| channel.ack(0), 0);
    check_unknown(|channel| channel.nack(0, true), 0);
    check_unknown(|channel| channel.reject(0, true), 0);
}

#[test]
fn a_multiple_ack_of_a_settled_tag_is_refused() {
    check_unknown(
        |channel| {
            channel.ack(2);
            channel.ack_up_to(2);
        },
        2,
    );
}

#[test]
fn ack_after_reject_is_refused() {
    check_unknown(
        |channel| {
            channel.reject(1, false);
            channel.ack(1);
        },
        1,
    );
}

#[test]
fn tags_belong_to_their_channel() {
    let (channel, queue) = fetched(1);
    let other = channel.connection().channel();
    other.ack(1);
    other.refused(406, "unknown delivery tag 1");
    check_returned(&channel, &queue, &["1"]);
}

#[test]
fn the_refusal_names_the_method() {
    let (channel, _) = fetched(1);
    channel.nack(9, true);
    let close = channel.refused(406, "unknown delivery tag 9");
    assert_eq!((close.class_id, close.method_id), (60, 120));
}

#[test]
fn a_rejected_message_is_gone() {
    let (channel, queue) = fetched(3);
    channel.reject(1, false);
    channel.nack(2, false);
    check_returned(&channel, &queue, &["3"]);
}

#[test]
fn a_requeued_message_is_marked() {
    let (channel, queue) = fetched(2);
    channel.reject(1, true);
    channel.nack(2, true);
    for body in ["1", "2"] {
        let got = channel.got(&queue);
        assert_eq!((got.text().as_str(), got.redelivered), (body, true));
    }
}

#[test]
fn a_requeued_message_is_marked_for_others_too() {
    let (channel, queue) = fetched(1);
    channel.nack(1, true);
    channel.expect_nothing();
    let other = channel.connection().channel();
    assert!(other.got(&queue).redelivered);
}

#[test]
fn a_message_that_came_back_is_marked_and_others_are_not() {
    let (channel, queue) = fetched(1);
    channel.fill(&queue, &["2"]);
    let other = channel.connection().channel();
    channel.close();
    assert!(other.got(&queue).redelivered);
    assert!(!other.got(&queue).redelivered);
}

#[test]
fn a_requeued_message_gets_a_new_tag() {
    let (channel, queue) = fetched(1);
    channel.nack(1, true);
    assert_eq!(channel.got(&queue).delivery_tag, 2);
}

#[test]
fn a_requeued_message_returns_to_its_place() {
    let (channel, queue) = fetched(3);
    channel.fill(&queue, &["4", "5"]);
    channel.nack(2, true);
    assert_eq!(channel.drain(&queue), ["2", "4", "5"]);
}

#[test]
fn requeued_messages_keep_their_order() {
    let (channel, queue) = fetched(4);
    channel.fill(&queue, &["5"]);
    for tag in [3, 1, 4, 2] {
        channel.nack(tag, true);
    }
    assert_eq!(channel.drain(&queue), ["1", "2", "3", "4", "5"]);
}

#[test]
fn a_message_requeued_late_is_put_before_later_ones() {
    let (channel, queue) = fetched(3);
    channel.nack(3, true);
    channel.nack(1, true);
    assert_eq!(channel.got(&queue).text(), "1");
    channel.nack(2, true);
    assert_eq!(channel.drain(&queue), ["2", "3"]);
}

#[test]
fn a_multiple_nack_requeues_in_order() {
    let (channel, queue) = fetched(4);
    channel.fill(&queue, &["5"]);
    channel.nack_up_to(3, true);
    assert_eq!(channel.drain(&queue), ["1", "2", "3", "5"]);
}

#[test]
fn a_multiple_nack_may_drop() {
    let (channel, queue) = fetched(4);
    channel.nack_up_to(3, false);
    check_returned(&channel, &queue, &["4"]);
}

#[test]
fn a_nack_of_0_requeues_all() {
    let (channel, queue) = fetched(3);
    channel.nack_up_to(0, true);
    assert_eq!(channel.drain(&queue), ["1", "2", "3"]);
}

#[test]
fn a_requeued_message_goes_to_a_waiting_consumer() {
    let (channel, queue) = fetched(1);
    let other = channel.connection().channel();
    other.consume(&queue);
    channel.nack(1, true);
    let delivery = other.delivery();
    assert_eq!(
        (delivery.text().as_str(), delivery.redelivered),
        ("1", true)
    );
}

#[test]
fn a_message_can_go_back_and_forth() {
    let channel = channel();
    let queue = channel.temporary_queue();
    channel.consume(&queue);
    channel.publish("", &queue, "a");
    for round in 1..=50 {
        let delivery = channel.delivery();
        assert_eq!(
            (delivery.delivery_tag, delivery.redelivered),
            (round, round > 1)
        );
        channel.reject(round, true);
    }
}

#[test]
fn a_closed_channel_returns_in_order() {
    let (channel, queue) = fetched(5);
    channel.ack(3);
    check_returned(&channel, &queue, &["1", "2", "4", "5"]);
}

#[test]
fn recover_returns_everything_unacked() {
    let (channel, queue) = fetched(3);
    channel.ack(2);
    channel.call::<basic::RecoverOk>(basic::Recover { requeue: true });
    for body in ["1", "3"] {
        let got = channel.got(&queue);
        assert_eq!((got.text().as_str(), got.redelivered), (body, true));
    }
    channel.ack(1);
    channel.refused(406, "unknown delivery tag 1");
}

#[test]
fn recovered_messages_may_go_elsewhere() {
    let (channel, queue) = fetched(2);
    let other = channel.connection().channel();
    other.consume(&queue);
    channel.call::<basic::RecoverOk>(basic::Recover { requeue: true });
    assert_eq!(other.deliveries(2), ["1", "2"]);
}

#[test]
fn recover_redelivers_to_the_consumer() {
    let channel = channel();
    let queue = channel.temporary_queue();
    channel.consume(&queue);
    channel.publish("", &queue, "a");
    assert!(!channel.delivery().redelivered);
    channel.send(basic::Recover { requeue: true });
    let events = [channel.next(), channel.next()];
    let delivered = events
        .iter()
        .filter(|event| event.content.is_some())
        .count();
    assert_eq!(delivered, 1, "a delivery and recover-ok: {events:?}");
    channel.ack(2);
    channel.expect_nothing();
}

#[test]
fn recover_with_nothing_unacked_is_answered() {
    channel().call::<basic::RecoverOk>(basic::Recover { requeue: true });
}

#[test]
fn recover_async_is_not_answered() {
    let (channel, queue) = fetched(2);
    channel.send(basic::RecoverAsync { requeue: true });
    channel.expect_nothing();
    assert_eq!(channel.drain(&queue), ["1", "2"]);
}

#[test]
fn recover_without_requeue_is_not_implemented() {
    let (channel, _) = fetched(1);
    channel.send(basic::Recover { requeue: false });
    channel.connection().refused(540, "");
}

#[test]
fn redeliveries_are_counted_in_a_header() {
    if is_other_broker("only quorum queues count") {
        return;
    }
    let (channel, queue) = fetched(1);
    channel.reject(1, true);
    let headers = channel.got(&queue).content.headers();
    assert!(headers.contains_key("x-delivery-count"), "{headers:?}");
    assert!(headers.contains_key("x-acquired-count"), "{headers:?}");
}
