//! Who gets the next message: round robin, priorities, exclusive consumers.

use ferrymq_tests::raw::{AMQPValue, Channel, basic, long_string, table};

use crate::support::{channel, connect, unique};

fn consume(queue: &str) -> basic::Consume {
    basic::Consume {
        queue: queue.into(),
        ..Default::default()
    }
}

fn with_priority(queue: &str, priority: i32) -> basic::Consume {
    let arguments = table([("x-priority", AMQPValue::LongInt(priority))]);
    basic::Consume {
        arguments,
        ..consume(queue)
    }
}

/// Consumer tags and bodies of the next deliveries.
fn deliveries(channel: &Channel, count: usize) -> Vec<(String, String)> {
    (0..count)
        .map(|_| channel.delivery())
        .map(|delivery| (delivery.consumer_tag.clone(), delivery.text()))
        .collect()
}

#[test]
fn messages_go_round() {
    let channel = channel();
    let queue = channel.temporary_queue();
    let tags: Vec<String> = (0..3).map(|_| channel.consume(&queue)).collect();
    for number in 0..9 {
        channel.publish("", &queue, &number.to_string());
    }
    for (number, (tag, body)) in deliveries(&channel, 9).into_iter().enumerate() {
        assert_eq!((tag, body), (tags[number % 3].clone(), number.to_string()));
    }
}

#[test]
fn a_message_goes_to_one_consumer() {
    let channels: Vec<Channel> = (0..3).map(|_| channel()).collect();
    let publisher = channel();
    let queue = publisher.queue(&unique("one"));
    for channel in &channels {
        channel.consume(&queue);
    }
    let bodies: Vec<String> = (0..30).map(|number| format!("{number:02}")).collect();
    publisher.fill(
        &queue,
        &bodies.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    let mut received: Vec<String> = channels
        .iter()
        .flat_map(|channel| channel.deliveries(10))
        .collect();
    received.sort();
    assert_eq!(received, bodies);
}

#[test]
fn consumers_without_credit_are_passed_over() {
    let connection = connect();
    let (full, free) = (connection.channel(), connection.channel());
    let queue = full.temporary_queue();
    full.qos(1, false);
    full.consume(&queue);
    free.consume(&queue);
    free.fill(&queue, &["a", "b", "c", "d", "e"]);
    assert_eq!(full.deliveries(1), ["a"]);
    assert_eq!(free.deliveries(4), ["b", "c", "d", "e"]);
    full.expect_nothing();
}

#[test]
fn the_highest_priority_is_served_first() {
    let channel = channel();
    let queue = channel.temporary_queue();
    channel.consume_with(with_priority(&queue, -5));
    let high = channel.consume_with(with_priority(&queue, 10));
    channel.consume(&queue);
    for number in 0..5 {
        channel.publish("", &queue, &number.to_string());
    }
    for (tag, _) in deliveries(&channel, 5) {
        assert_eq!(tag, high);
    }
}

#[test]
fn lower_priorities_get_what_higher_ones_cannot_take() {
    let connection = connect();
    let (channel, publisher) = (connection.channel(), connection.channel());
    let queue = channel.temporary_queue();
    channel.qos(1, false);
    let low = channel.consume_with(with_priority(&queue, -1));
    let middle = channel.consume(&queue);
    let high = channel.consume_with(with_priority(&queue, 1));
    publisher.fill(&queue, &["a", "b", "c", "d"]);
    let expected = [(high.clone(), "a"), (middle, "b"), (low, "c")];
    let received = deliveries(&channel, 3);
    for (received, (tag, body)) in received.into_iter().zip(expected) {
        assert_eq!(received, (tag, body.to_owned()));
    }
    channel.ack(1);
    assert_eq!(deliveries(&channel, 1), [(high, "d".to_owned())]);
}

#[test]
fn equal_priorities_take_turns() {
    let channel = channel();
    let queue = channel.temporary_queue();
    let tags: Vec<String> = (0..2)
        .map(|_| channel.consume_with(with_priority(&queue, 3)))
        .collect();
    channel.consume(&queue);
    for number in 0..6 {
        channel.publish("", &queue, &number.to_string());
    }
    for (number, (tag, _)) in deliveries(&channel, 6).into_iter().enumerate() {
        assert_eq!(tag, tags[number % 2]);
    }
}

#[test]
fn a_priority_is_an_integer() {
    for value in [
        long_string("1"),
        AMQPValue::Boolean(true),
        AMQPValue::Double(1.0),
    ] {
        let channel = channel();
        let queue = channel.temporary_queue();
        let arguments = table([("x-priority", value)]);
        channel.send(basic::Consume {
            arguments,
            ..consume(&queue)
        });
        channel.refused(406, "x-priority");
    }
}

#[test]
fn an_exclusive_consumer_keeps_others_out() {
    let channel = channel();
    let queue = channel.queue(&unique("exclusive"));
    let tag = channel.consume_with(basic::Consume {
        exclusive: true,
        ..consume(&queue)
    });
    let other = crate::support::channel();
    for exclusive in [false, true] {
        other.send(basic::Consume {
            exclusive,
            ..consume(&queue)
        });
        other.refused(
            403,
            &format!("queue '{queue}' in vhost '/' in exclusive use"),
        );
        other.reopen();
    }
    channel.cancel(&tag);
    other.consume(&queue);
}

#[test]
fn an_exclusive_consumer_needs_the_queue_for_itself() {
    let channel = channel();
    let queue = channel.queue(&unique("exclusive"));
    channel.consume(&queue);
    let other = crate::support::channel();
    other.send(basic::Consume {
        exclusive: true,
        ..consume(&queue)
    });
    other.refused(
        403,
        &format!("queue '{queue}' in vhost '/' in exclusive use"),
    );
}

#[test]
fn an_exclusive_consumer_is_gone_with_its_channel() {
    let connection = connect();
    let (channel, other) = (connection.channel(), connection.channel());
    let queue = channel.temporary_queue();
    channel.consume_with(basic::Consume {
        exclusive: true,
        ..consume(&queue)
    });
    channel.close();
    other.consume(&queue);
}

#[test]
fn fetching_beside_an_exclusive_consumer_is_fine() {
    let channel = channel();
    let queue = channel.queue(&unique("exclusive"));
    channel.consume_with(basic::Consume {
        exclusive: true,
        ..consume(&queue)
    });
    assert!(crate::support::channel().get(&queue).is_none());
}
