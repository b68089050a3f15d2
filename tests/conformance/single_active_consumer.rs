//! Queues with `x-single-active-consumer`: one consumer works, the others wait.

use ferrymq_tests::raw::{AMQPValue, Channel, basic, table};

use crate::support::{channel, connect, unique};

fn queue(channel: &Channel) -> String {
    let arguments = table([("x-single-active-consumer", AMQPValue::Boolean(true))]);
    channel.queue_with(&unique("single"), arguments)
}

fn consume(queue: &str) -> basic::Consume {
    basic::Consume {
        queue: queue.into(),
        ..Default::default()
    }
}

#[test]
fn the_first_consumer_gets_everything() {
    let connection = connect();
    let (first, second) = (connection.channel(), connection.channel());
    let queue = queue(&first);
    first.consume(&queue);
    second.consume(&queue);
    first.fill(&queue, &["a", "b", "c"]);
    assert_eq!(first.deliveries(3), ["a", "b", "c"]);
    second.expect_nothing();
    assert_eq!(second.counts(&queue), (0, 2));
}

#[test]
fn waiting_consumers_do_not_help_out() {
    let connection = connect();
    let (first, second) = (connection.channel(), connection.channel());
    let queue = queue(&first);
    first.qos(1, false);
    first.consume(&queue);
    second.consume(&queue);
    first.fill(&queue, &["a", "b"]);
    assert_eq!(first.deliveries(1), ["a"]);
    second.expect_nothing();
    assert_eq!(second.counts(&queue), (1, 2));
    first.ack(1);
    assert_eq!(first.deliveries(1), ["b"]);
}

#[test]
fn the_next_takes_over_after_a_cancel() {
    let connection = connect();
    let (first, second) = (connection.channel(), connection.channel());
    let queue = queue(&first);
    let tag = first.consume(&queue);
    second.consume(&queue);
    first.fill(&queue, &["a"]);
    assert_eq!(first.deliveries(1), ["a"]);
    first.cancel(&tag);
    first.fill(&queue, &["b"]);
    assert_eq!(second.deliveries(1), ["b"]);
    first.ack(1);
    first.expect_nothing();
}

#[test]
fn the_next_takes_over_after_a_channel_is_closed() {
    let connection = connect();
    let (first, second) = (connection.channel(), connection.channel());
    let queue = queue(&first);
    first.consume(&queue);
    second.consume(&queue);
    second.fill(&queue, &["a", "b"]);
    assert_eq!(first.deliveries(2), ["a", "b"]);
    first.close();
    let again = second.delivery();
    assert_eq!((again.text().as_str(), again.redelivered), ("a", true));
    assert_eq!(second.deliveries(1), ["b"]);
}

#[test]
fn the_next_takes_over_after_a_connection_is_lost() {
    let (first, second) = (channel(), channel());
    let queue = queue(&second);
    first.consume(&queue);
    second.consume(&queue);
    second.fill(&queue, &["a"]);
    assert_eq!(first.deliveries(1), ["a"]);
    first.connection().drop_socket();
    assert_eq!(second.deliveries(1), ["a"]);
}

#[test]
fn consumers_follow_in_the_order_they_came() {
    let channel = channel();
    let queue = queue(&channel);
    let tags: Vec<String> = (0..4).map(|_| channel.consume(&queue)).collect();
    for tag in &tags {
        channel.publish("", &queue, "a");
        assert_eq!(channel.delivery().consumer_tag, *tag);
        channel.cancel(tag);
    }
}

#[test]
fn a_waiting_consumer_may_leave() {
    let channel = channel();
    let queue = queue(&channel);
    let tags: Vec<String> = (0..3).map(|_| channel.consume(&queue)).collect();
    channel.cancel(&tags[1]);
    channel.cancel(&tags[0]);
    channel.publish("", &queue, "a");
    assert_eq!(channel.delivery().consumer_tag, tags[2]);
}

#[test]
fn the_highest_priority_follows() {
    let channel = channel();
    let queue = queue(&channel);
    let with_priority = |priority| {
        let arguments = table([("x-priority", AMQPValue::LongInt(priority))]);
        channel.consume_with(basic::Consume {
            arguments,
            ..consume(&queue)
        })
    };
    let (first, low, high) = (with_priority(0), with_priority(1), with_priority(2));
    channel.cancel(&first);
    channel.publish("", &queue, "a");
    assert_eq!(channel.delivery().consumer_tag, high);
    channel.cancel(&high);
    channel.publish("", &queue, "b");
    assert_eq!(channel.delivery().consumer_tag, low);
}

#[test]
fn an_exclusive_consumer_is_refused() {
    let channel = channel();
    let queue = queue(&channel);
    channel.send(basic::Consume {
        exclusive: true,
        ..consume(&queue)
    });
    channel.refused(403, &format!("queue '{queue}' in vhost '/'"));
}

#[test]
fn fetching_is_allowed() {
    let channel = channel();
    let queue = queue(&channel);
    channel.fill(&queue, &["a"]);
    assert_eq!(channel.got(&queue).text(), "a");
}
