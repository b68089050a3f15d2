//! Publisher confirms: which publish is confirmed, when, and by which number.

use ferrymq_tests::raw::{BasicProperties, Event, Expected, Returned, basic, confirm, queue, tx};

use crate::support::{channel, confirming_channel, connect, unique};

#[test]
fn without_select_nothing_is_confirmed() {
    let channel = channel();
    let queue = channel.temporary_queue();
    channel.publish("", &queue, "a");
    assert_eq!(channel.got(&queue).text(), "a");
    channel.expect_nothing();
}

#[test]
fn a_second_select_changes_nothing() {
    let channel = confirming_channel();
    channel.publish("", "nowhere", "a");
    assert_eq!(channel.expect::<basic::Ack>().delivery_tag, 1);
    channel.confirm();
    channel.publish("", "nowhere", "b");
    assert_eq!(channel.expect::<basic::Ack>().delivery_tag, 2);
}

#[test]
fn select_without_wait_is_not_answered() {
    let channel = channel();
    channel.send(confirm::Select { nowait: true });
    channel.expect_nothing();
    channel.publish("", "nowhere", "a");
    channel.confirmed(1);
}

#[test]
fn counting_starts_with_select() {
    let channel = channel();
    let queue = channel.temporary_queue();
    for _ in 0..5 {
        channel.publish("", &queue, "unconfirmed");
    }
    channel.confirm();
    channel.publish("", &queue, "confirmed");
    let ack: basic::Ack = channel.expect();
    assert_eq!(ack.delivery_tag, 1);
    channel.expect_nothing();
}

#[test]
fn every_channel_counts_for_itself() {
    let connection = connect();
    let (one, two) = (connection.channel(), connection.channel());
    one.confirm();
    two.confirm();
    for channel in [&one, &two, &one] {
        channel.publish("", "nowhere", "a");
    }
    one.confirmed(2);
    two.confirmed(1);
}

#[test]
fn an_unroutable_message_is_confirmed() {
    let channel = confirming_channel();
    channel.publish("", &unique("missing"), "a");
    channel.confirmed(1);
}

#[test]
fn a_return_comes_before_its_confirm() {
    let channel = confirming_channel();
    for number in 1..=10 {
        channel.publish_mandatory("", &unique("missing"), "a");
        channel.expect::<Returned>();
        let ack: basic::Ack = channel.expect();
        assert_eq!(ack.delivery_tag, number);
    }
}

#[test]
fn returns_come_before_their_confirms_in_a_burst() {
    let channel = confirming_channel();
    let queue = channel.temporary_queue();
    for number in 0..100 {
        let key = if number % 2 == 0 { "nowhere" } else { &queue };
        channel.publish_mandatory("", key, &number.to_string());
    }
    let mut returned = 0;
    let mut acked = 0;
    while acked < 100 {
        match Returned::from_event(channel.next()) {
            Ok(message) => returned = message.content.text().parse::<u64>().expect("a number") + 1,
            Err(event) => {
                let ack = basic::Ack::from_event(*event).expect("an ack or a return");
                acked += 1;
                if ack.multiple {
                    acked = ack.delivery_tag;
                }
                if ack.delivery_tag % 2 == 1 {
                    assert!(returned >= ack.delivery_tag, "{ack:?} before its return");
                }
            }
        }
    }
}

#[test]
fn a_message_for_several_queues_is_confirmed_once() {
    let channel = confirming_channel();
    let exchange = channel.exchange(&unique("fanout"), "fanout");
    for _ in 0..5 {
        channel.bind(&channel.temporary_queue(), &exchange, "");
    }
    channel.publish(&exchange, "", "a");
    channel.confirmed(1);
    channel.expect_nothing();
}

#[test]
fn a_confirmed_message_is_in_every_queue() {
    let channel = confirming_channel();
    let exchange = channel.exchange(&unique("fanout"), "fanout");
    let queues: Vec<String> = (0..3).map(|_| channel.queue(&unique("queue"))).collect();
    for queue in &queues {
        channel.bind(queue, &exchange, "");
    }
    channel.publish(&exchange, "", "a");
    channel.confirmed(1);
    let other = crate::support::channel();
    for queue in &queues {
        assert_eq!(other.drain(queue), ["a"]);
    }
}

fn persistent() -> BasicProperties {
    BasicProperties::default().with_delivery_mode(2)
}

fn durable_queue(channel: &ferrymq_tests::raw::Channel) -> String {
    let declare = queue::Declare {
        queue: unique("durable").into(),
        durable: true,
        ..Default::default()
    };
    channel.call::<queue::DeclareOk>(declare).queue.into()
}

#[test]
fn a_persistent_message_in_a_durable_queue_is_confirmed_without_more_traffic() {
    let channel = confirming_channel();
    let queue = durable_queue(&channel);
    for number in 1..=20 {
        channel.publish_with("", &queue, "a", &persistent());
        let ack: basic::Ack = channel.expect();
        assert_eq!(ack.delivery_tag, number);
    }
    channel.delete_queue(&queue);
}

#[test]
fn durable_and_transient_queues_together_are_confirmed_once() {
    let channel = confirming_channel();
    let exchange = channel.exchange(&unique("mixed"), "fanout");
    let durable = durable_queue(&channel);
    channel.bind(&durable, &exchange, "");
    channel.bind(&channel.temporary_queue(), &exchange, "");
    for _ in 0..10 {
        channel.publish_with(&exchange, "", "a", &persistent());
    }
    channel.confirmed(10);
    channel.expect_nothing();
    assert_eq!(channel.drain(&durable).len(), 10);
    channel.delete_queue(&durable);
}

#[test]
fn a_burst_is_confirmed_completely() {
    let channel = confirming_channel();
    let (durable, transient) = (durable_queue(&channel), channel.temporary_queue());
    for number in 0..3000 {
        match number % 3 {
            0 => channel.publish_with("", &durable, "persistent", &persistent()),
            1 => channel.publish("", &transient, "transient"),
            _ => channel.publish("", "nowhere", "unroutable"),
        }
    }
    channel.confirmed(3000);
    channel.expect_nothing();
    channel.delete_queue(&durable);
}

#[test]
fn outstanding_messages_of_a_deleted_queue_are_confirmed() {
    let channel = confirming_channel();
    let queue = durable_queue(&channel);
    for _ in 0..100 {
        channel.publish_with("", &queue, "a", &persistent());
    }
    channel.send(queue::Delete {
        queue: queue.as_str().into(),
        ..Default::default()
    });
    let (mut acked, mut deleted) = (Vec::new(), false);
    while acked.len() < 100 || !deleted {
        let event: Event = channel.next();
        match basic::Ack::from_event(event) {
            Ok(ack) if ack.multiple => acked = (1..=ack.delivery_tag).collect(),
            Ok(ack) => acked.push(ack.delivery_tag),
            Err(event) => {
                queue::DeleteOk::from_event(*event).expect("an ack or delete-ok");
                deleted = true;
            }
        }
    }
    channel.expect_nothing();
}

#[test]
fn a_consumer_does_not_matter() {
    let publisher = confirming_channel();
    let consumer = channel();
    let queue = publisher.queue(&unique("consumed"));
    consumer.consume(&queue);
    publisher.publish("", &queue, "a");
    publisher.confirmed(1);
    let delivery = consumer.delivery();
    consumer.reject(delivery.delivery_tag, false);
    consumer.expect_nothing();
    publisher.expect_nothing();
}

#[test]
fn the_order_of_publishing_is_kept() {
    let channel = confirming_channel();
    let queue = durable_queue(&channel);
    let bodies: Vec<String> = (0..500).map(|number| number.to_string()).collect();
    for (number, body) in bodies.iter().enumerate() {
        let properties = if number % 2 == 0 {
            persistent()
        } else {
            BasicProperties::default()
        };
        channel.publish_with("", &queue, body, &properties);
    }
    channel.confirmed(500);
    assert_eq!(channel.drain(&queue), bodies);
    channel.delete_queue(&queue);
}

#[test]
fn a_closed_channel_confirms_nothing_more() {
    let channel = confirming_channel();
    let queue = durable_queue(&channel);
    channel.publish_with("", &queue, "a", &persistent());
    channel.confirmed(1);
    channel.close();
    channel.reopen();
    channel.expect_nothing();
    channel.delete_queue(&queue);
}

#[test]
fn a_transactional_channel_cannot_confirm() {
    let channel = channel();
    channel.call::<tx::SelectOk>(tx::Select {});
    channel.send(confirm::Select { nowait: false });
    channel.refused(406, "cannot switch from tx to confirm mode");
}

#[test]
fn a_confirming_channel_cannot_become_transactional() {
    let channel = confirming_channel();
    channel.send(tx::Select {});
    channel.refused(406, "cannot switch from confirm to tx mode");
}
