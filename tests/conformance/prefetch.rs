//! `basic.qos`: how many deliveries may be unacked, per consumer and per channel.

use ferrymq_tests::raw::{Channel, MethodWriter, basic};

use crate::support::{connect, is_other_broker};

/// A channel to consume on, and a queue with so many messages, numbered from 1.
fn filled(count: usize) -> (Channel, String) {
    let channel = connect().channel();
    let queue = channel.temporary_queue();
    let bodies: Vec<String> = (1..=count).map(|number| number.to_string()).collect();
    channel.fill(
        &queue,
        &bodies.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    (channel, queue)
}

/// Expects exactly these deliveries.
#[track_caller]
fn check_deliveries(channel: &Channel, bodies: &[&str]) {
    assert_eq!(channel.deliveries(bodies.len()), bodies);
    channel.expect_nothing();
}

#[test]
fn a_consumer_gets_so_many_and_not_more() {
    let (channel, queue) = filled(5);
    channel.qos(2, false);
    channel.consume(&queue);
    check_deliveries(&channel, &["1", "2"]);
    assert_eq!(channel.counts(&queue), (3, 1));
}

#[test]
fn acks_make_room() {
    let (channel, queue) = filled(6);
    channel.qos(2, false);
    channel.consume(&queue);
    check_deliveries(&channel, &["1", "2"]);
    channel.ack(1);
    assert_eq!(channel.deliveries(1), ["3"]);
    channel.ack_up_to(3);
    assert_eq!(channel.deliveries(2), ["4", "5"]);
    channel.expect_nothing();
}

#[test]
fn rejects_make_room() {
    let (channel, queue) = filled(4);
    channel.qos(1, false);
    channel.consume(&queue);
    check_deliveries(&channel, &["1"]);
    channel.reject(1, false);
    check_deliveries(&channel, &["2"]);
    channel.nack(2, false);
    check_deliveries(&channel, &["3"]);
    channel.nack(3, true);
    let again = channel.delivery();
    assert_eq!((again.text().as_str(), again.redelivered), ("3", true));
}

#[test]
fn zero_is_no_limit() {
    let (channel, queue) = filled(300);
    channel.qos(0, false);
    channel.consume(&queue);
    assert_eq!(channel.deliveries(300).len(), 300);
}

#[test]
fn every_consumer_has_a_limit_of_its_own() {
    let (channel, queue) = filled(5);
    channel.qos(1, false);
    channel.consume(&queue);
    assert_eq!(channel.deliveries(1), ["1"]);
    channel.consume(&queue);
    check_deliveries(&channel, &["2"]);
    channel.consume(&queue);
    check_deliveries(&channel, &["3"]);
}

#[test]
fn running_consumers_keep_their_limit() {
    let (channel, queue) = filled(10);
    channel.qos(1, false);
    channel.consume(&queue);
    check_deliveries(&channel, &["1"]);
    channel.qos(3, false);
    channel.expect_nothing();
    channel.consume(&queue);
    check_deliveries(&channel, &["2", "3", "4"]);
    channel.ack(1);
    check_deliveries(&channel, &["5"]);
}

#[test]
fn without_acks_there_is_no_limit() {
    let (channel, queue) = filled(50);
    channel.qos(1, false);
    let method = basic::Consume {
        queue: queue.into(),
        no_ack: true,
        ..Default::default()
    };
    channel.consume_with(method);
    assert_eq!(channel.deliveries(50).len(), 50);
}

#[test]
fn without_acks_there_is_no_shared_limit_either() {
    let (channel, queue) = filled(50);
    channel.qos(1, true);
    let method = basic::Consume {
        queue: queue.into(),
        no_ack: true,
        ..Default::default()
    };
    channel.consume_with(method);
    assert_eq!(channel.deliveries(50).len(), 50);
}

#[test]
fn a_limit_is_shared_by_all_consumers_of_the_channel() {
    let (channel, queue) = filled(10);
    channel.qos(3, true);
    channel.consume(&queue);
    assert_eq!(channel.deliveries(3), ["1", "2", "3"]);
    channel.consume(&queue);
    channel.expect_nothing();
    channel.ack(2);
    check_deliveries(&channel, &["4"]);
}

#[test]
fn a_shared_limit_covers_several_queues() {
    let (channel, one) = filled(3);
    let two = channel.temporary_queue();
    channel.fill(&two, &["a", "b"]);
    channel.qos(4, true);
    channel.consume(&one);
    assert_eq!(channel.deliveries(3), ["1", "2", "3"]);
    channel.consume(&two);
    check_deliveries(&channel, &["a"]);
    channel.ack_up_to(3);
    check_deliveries(&channel, &["b"]);
}

#[test]
fn a_shared_limit_is_of_one_channel() {
    let (channel, queue) = filled(10);
    let other = channel.connection().channel();
    channel.qos(1, true);
    channel.consume(&queue);
    check_deliveries(&channel, &["1"]);
    other.qos(2, true);
    other.consume(&queue);
    check_deliveries(&other, &["2", "3"]);
}

#[test]
fn a_shared_limit_applies_to_running_consumers() {
    let (channel, queue) = filled(2);
    channel.consume(&queue);
    assert_eq!(channel.deliveries(2), ["1", "2"]);
    channel.qos(3, true);
    channel.fill(&queue, &["3", "4", "5"]);
    check_deliveries(&channel, &["3"]);
    channel.ack(1);
    check_deliveries(&channel, &["4"]);
}

#[test]
fn a_higher_shared_limit_lets_more_through() {
    let (channel, queue) = filled(5);
    channel.qos(1, true);
    channel.consume(&queue);
    check_deliveries(&channel, &["1"]);
    channel.qos(3, true);
    check_deliveries(&channel, &["2", "3"]);
}

#[test]
fn a_shared_limit_can_be_lifted() {
    let (channel, queue) = filled(5);
    channel.qos(1, true);
    channel.consume(&queue);
    check_deliveries(&channel, &["1"]);
    channel.qos(0, true);
    check_deliveries(&channel, &["2", "3", "4", "5"]);
}

#[test]
fn a_lower_shared_limit_waits_for_acks() {
    let (channel, queue) = filled(6);
    channel.qos(4, true);
    channel.consume(&queue);
    check_deliveries(&channel, &["1", "2", "3", "4"]);
    channel.qos(2, true);
    channel.ack(1);
    channel.ack(2);
    channel.expect_nothing();
    channel.ack(3);
    check_deliveries(&channel, &["5"]);
}

#[test]
fn both_limits_apply() {
    let (channel, queue) = filled(10);
    channel.qos(2, false);
    channel.qos(3, true);
    channel.consume(&queue);
    check_deliveries(&channel, &["1", "2"]);
    channel.consume(&queue);
    check_deliveries(&channel, &["3"]);
    channel.ack(3);
    check_deliveries(&channel, &["4"]);
}

#[test]
fn the_order_of_setting_both_limits_does_not_matter() {
    if is_other_broker("there the second removes the first") {
        return;
    }
    let (channel, queue) = filled(10);
    channel.qos(3, true);
    channel.qos(2, false);
    channel.consume(&queue);
    check_deliveries(&channel, &["1", "2"]);
    channel.consume(&queue);
    check_deliveries(&channel, &["3"]);
}

#[test]
fn a_limit_in_bytes_is_not_implemented() {
    let channel = crate::support::channel();
    let qos = MethodWriter::new(60, 10).long(1).short(0).octet(0);
    channel.connection().send_frame(&qos.frame(channel.id()));
    channel.connection().refused(540, "prefetch_size!=0 (1)");
}

#[test]
fn closing_another_consumer_does_not_give_credit() {
    let (channel, queue) = filled(5);
    channel.qos(2, true);
    let tag = channel.consume(&queue);
    check_deliveries(&channel, &["1", "2"]);
    channel.cancel(&tag);
    channel.consume(&queue);
    channel.expect_nothing();
    channel.ack(1);
    check_deliveries(&channel, &["3"]);
}

#[test]
fn what_was_fetched_takes_no_credit() {
    let (channel, queue) = filled(4);
    channel.qos(1, false);
    assert_eq!(channel.got(&queue).text(), "1");
    assert_eq!(channel.got(&queue).text(), "2");
    channel.consume(&queue);
    check_deliveries(&channel, &["3"]);
    channel.ack(1);
    channel.expect_nothing();
    channel.ack(3);
    check_deliveries(&channel, &["4"]);
}

#[test]
fn a_cancelled_consumers_deliveries_take_no_credit_of_another() {
    let (channel, queue) = filled(4);
    channel.qos(1, false);
    let tag = channel.consume(&queue);
    check_deliveries(&channel, &["1"]);
    channel.cancel(&tag);
    channel.consume(&queue);
    check_deliveries(&channel, &["2"]);
    channel.ack(1);
    channel.expect_nothing();
}
