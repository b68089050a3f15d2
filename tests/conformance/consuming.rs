//! `basic.consume`, `basic.cancel`, `basic.get`: tags, answers, and what comes after which.

use ferrymq_tests::raw::{
    AMQPValue, Connection, Login, Tuning, basic, channels, long_string, queue, table,
};

use crate::support::{address, channel, connect, eventually, is_other_broker, unique};

fn consume(queue: &str) -> basic::Consume {
    basic::Consume {
        queue: queue.into(),
        ..Default::default()
    }
}

#[test]
fn consume_ok_comes_before_the_first_delivery() {
    let channel = channel();
    let queue = channel.temporary_queue();
    channel.fill(&queue, &["a", "b"]);
    let tag = channel.consume(&queue);
    for body in ["a", "b"] {
        let delivery = channel.delivery();
        assert_eq!(
            (delivery.consumer_tag.as_str(), delivery.text().as_str()),
            (tag.as_str(), body)
        );
    }
}

#[test]
fn the_server_names_a_consumer() {
    let channel = channel();
    let queue = channel.temporary_queue();
    let (one, two) = (channel.consume(&queue), channel.consume(&queue));
    assert_ne!(one, two);
    let random = one
        .strip_prefix("amq.ctag-")
        .expect("the prefix of generated tags");
    assert_eq!(random.len(), 22, "{one}");
}

#[test]
fn the_client_may_name_a_consumer() {
    let channel = channel();
    let queue = channel.temporary_queue();
    let tag = channel.consume_with(basic::Consume {
        consumer_tag: "mine".into(),
        ..consume(&queue)
    });
    assert_eq!(tag, "mine");
    channel.publish("", &queue, "a");
    assert_eq!(channel.delivery().consumer_tag, "mine");
}

#[test]
fn a_tag_cannot_be_used_twice_on_a_channel() {
    let channel = channel();
    let queue = channel.temporary_queue();
    let method = basic::Consume {
        consumer_tag: "mine".into(),
        ..consume(&queue)
    };
    channel.consume_with(method.clone());
    channel.send(method);
    channel
        .connection()
        .refused(530, "attempt to reuse consumer tag 'mine'");
}

#[test]
fn other_channels_may_use_the_same_tag() {
    let connection = connect();
    let (one, two) = (connection.channel(), connection.channel());
    let queue = one.temporary_queue();
    let method = basic::Consume {
        consumer_tag: "mine".into(),
        ..consume(&queue)
    };
    one.consume_with(method.clone());
    two.consume_with(method);
    one.fill(&queue, &["a", "b"]);
    assert_eq!(one.deliveries(1), ["a"]);
    assert_eq!(two.deliveries(1), ["b"]);
}

#[test]
fn a_cancelled_tag_may_be_used_again() {
    let channel = channel();
    let queue = channel.temporary_queue();
    for _ in 0..3 {
        let method = basic::Consume {
            consumer_tag: "mine".into(),
            ..consume(&queue)
        };
        channel.cancel(&channel.consume_with(method));
    }
}

#[test]
fn consuming_a_missing_queue_is_refused() {
    let channel = channel();
    let name = unique("missing");
    channel.send(consume(&name));
    let close = channel.refused(404, &format!("no queue '{name}' in vhost '/'"));
    assert_eq!((close.class_id, close.method_id), (60, 20));
}

#[test]
fn a_delivery_says_where_it_was_published() {
    let channel = channel();
    let queue = channel.temporary_queue();
    let key = unique("key");
    channel.bind(&queue, "amq.direct", &key);
    channel.consume(&queue);
    channel.publish("amq.direct", &key, "a");
    let delivery = channel.delivery();
    assert_eq!(
        (delivery.exchange.as_str(), delivery.routing_key),
        ("amq.direct", key)
    );
    assert!(!delivery.redelivered);
}

#[test]
fn delivery_tags_count_up_on_the_channel() {
    let channel = channel();
    let queue = channel.temporary_queue();
    channel.publish("", &queue, "a");
    assert_eq!(channel.got(&queue).delivery_tag, 1);
    channel.consume(&queue);
    channel.consume(&queue);
    for expected in 2..=9 {
        channel.publish("", &queue, "a");
        assert_eq!(channel.delivery().delivery_tag, expected);
    }
}

#[test]
fn without_acks_a_delivery_is_settled() {
    let connection = connect();
    let (channel, observer) = (connection.channel(), connection.channel());
    let queue = channel.temporary_queue();
    channel.consume_with(basic::Consume {
        no_ack: true,
        ..consume(&queue)
    });
    channel.fill(&queue, &["a", "b"]);
    assert_eq!(channel.deliveries(2), ["a", "b"]);
    channel.close();
    assert!(observer.get(&queue).is_none());
}

#[test]
fn a_delivery_without_acks_cannot_be_acked() {
    let channel = channel();
    let queue = channel.temporary_queue();
    channel.consume_with(basic::Consume {
        no_ack: true,
        ..consume(&queue)
    });
    channel.publish("", &queue, "a");
    channel.ack(channel.delivery().delivery_tag);
    channel.refused(406, "unknown delivery tag 1");
}

#[test]
fn consume_without_wait_is_not_answered() {
    let channel = channel();
    let queue = channel.temporary_queue();
    let method = basic::Consume {
        consumer_tag: "mine".into(),
        nowait: true,
        ..consume(&queue)
    };
    channel.send(method);
    channel.publish("", &queue, "a");
    assert_eq!(channel.delivery().text(), "a");
}

#[test]
fn no_local_is_ignored() {
    let channel = channel();
    let queue = channel.temporary_queue();
    channel.consume_with(basic::Consume {
        no_local: true,
        ..consume(&queue)
    });
    channel.publish("", &queue, "a");
    assert_eq!(channel.delivery().text(), "a");
}

#[test]
fn unknown_consumer_arguments_are_ignored() {
    let channel = channel();
    let queue = channel.temporary_queue();
    let arguments = table([
        ("x-mine", long_string("anything")),
        ("x-cancel-on-ha-failover", AMQPValue::Boolean(true)),
    ]);
    channel.consume_with(basic::Consume {
        arguments,
        ..consume(&queue)
    });
}

#[test]
fn nothing_is_delivered_after_cancel_ok() {
    let channel = channel();
    let queue = channel.temporary_queue();
    let tag = channel.consume(&queue);
    channel.cancel(&tag);
    channel.fill(&queue, &["a"]);
    channel.expect_nothing();
    assert_eq!(channel.counts(&queue), (1, 0));
}

#[test]
fn a_cancelled_consumers_deliveries_can_be_acked() {
    let channel = channel();
    let queue = channel.temporary_queue();
    let tag = channel.consume(&queue);
    channel.fill(&queue, &["a", "b"]);
    channel.deliveries(2);
    channel.cancel(&tag);
    assert_eq!(channel.counts(&queue), (0, 0));
    channel.ack(1);
    channel.nack(2, true);
    assert_eq!(channel.drain(&queue), ["b"]);
}

#[test]
fn cancelling_an_unknown_tag_is_fine() {
    channel().cancel("unknown");
}

#[test]
fn cancel_without_wait_is_not_answered() {
    let channel = channel();
    let queue = channel.temporary_queue();
    let tag = channel.consume(&queue);
    channel.send(basic::Cancel {
        consumer_tag: tag.into(),
        nowait: true,
    });
    channel.expect_nothing();
    assert_eq!(channel.counts(&queue), (0, 0));
}

#[test]
fn the_server_cancels_consumers_of_a_deleted_queue() {
    let observer = channel();
    let channel = channel();
    let queue = observer.queue(&unique("deleted"));
    let tag = channel.consume(&queue);
    observer.delete_queue(&queue);
    let cancel: basic::Cancel = channel.expect();
    assert_eq!(
        (cancel.consumer_tag.as_str(), cancel.nowait),
        (tag.as_str(), true)
    );
}

#[test]
fn the_server_cancels_consumers_of_the_channel_that_deletes() {
    let channel = channel();
    let queue = channel.queue(&unique("deleted"));
    let tag = channel.consume(&queue);
    channel.send(queue::Delete {
        queue: queue.as_str().into(),
        ..Default::default()
    });
    let mut events = [channel.next(), channel.next()].map(|event| format!("{:?}", event.method));
    events.sort();
    assert!(
        events[0].contains("Cancel") && events[0].contains(&tag),
        "{events:?}"
    );
    assert!(events[1].contains("DeleteOk"), "{events:?}");
}

#[test]
fn an_answer_to_the_servers_cancel_is_tolerated() {
    if is_other_broker("3.10 refuses it") {
        return;
    }
    let observer = channel();
    let channel = channel();
    let queue = observer.queue(&unique("deleted"));
    channel.consume(&queue);
    observer.delete_queue(&queue);
    let cancel: basic::Cancel = channel.expect();
    channel.send(basic::CancelOk {
        consumer_tag: cancel.consumer_tag,
    });
    channel.expect_nothing();
}

#[test]
fn the_tag_of_a_cancelled_consumer_is_free() {
    let observer = channel();
    let channel = channel();
    for _ in 0..2 {
        let queue = observer.queue(&unique("deleted"));
        channel.consume_with(basic::Consume {
            consumer_tag: "mine".into(),
            ..consume(&queue)
        });
        observer.delete_queue(&queue);
        channel.expect::<basic::Cancel>();
    }
}

#[test]
fn without_the_capability_the_server_cancels_silently() {
    let login = Login::default().without("consumer_cancel_notify");
    let channel = Connection::open_with(address(), &login, Tuning::default()).channel();
    let queue = channel.queue(&unique("deleted"));
    channel.consume(&queue);
    channel.delete_queue(&queue);
    channel.expect_nothing();
}

#[test]
fn fetching_says_what_is_left() {
    let channel = channel();
    let queue = channel.temporary_queue();
    channel.fill(&queue, &["a", "b", "c"]);
    for (body, left) in [("a", 2), ("b", 1), ("c", 0)] {
        let got = channel.got(&queue);
        assert_eq!(
            (got.text().as_str(), got.message_count, got.redelivered),
            (body, left, false)
        );
    }
    assert!(channel.get(&queue).is_none());
}

#[test]
fn fetching_from_a_missing_queue_is_refused() {
    let channel = channel();
    let name = unique("missing");
    channel.send(basic::Get {
        queue: name.as_str().into(),
        no_ack: false,
    });
    channel.refused(404, &format!("no queue '{name}' in vhost '/'"));
}

#[test]
fn fetching_is_not_limited_by_prefetch() {
    let channel = channel();
    let queue = channel.temporary_queue();
    channel.qos(1, false);
    channel.qos(1, true);
    channel.fill(&queue, &["a", "b", "c"]);
    for body in ["a", "b", "c"] {
        assert_eq!(channel.got(&queue).text(), body);
    }
}

#[test]
fn fetching_without_acks_settles() {
    let connection = connect();
    let (channel, observer) = (connection.channel(), connection.channel());
    let queue = channel.temporary_queue();
    channel.publish("", &queue, "a");
    let got = channel.get_with(basic::Get {
        queue: queue.as_str().into(),
        no_ack: true,
    });
    channel.ack(got.expect("a message").delivery_tag);
    channel.refused(406, "unknown delivery tag 1");
    assert!(observer.get(&queue).is_none());
}

#[test]
fn deliveries_and_answers_share_a_channel() {
    let channel = channel();
    let (queue, other) = (channel.temporary_queue(), channel.temporary_queue());
    channel.consume(&queue);
    for number in 0..200 {
        channel.publish("", &queue, &number.to_string());
    }
    assert_eq!(
        channel.deliveries(200).last().map(String::as_str),
        Some("199")
    );
    assert!(channel.get(&other).is_none());
    channel.ack_up_to(200);
    channel.expect_nothing();
}

#[test]
fn a_consumer_gets_what_is_published_later_from_elsewhere() {
    let consumer = channel();
    let queue = consumer.queue(&unique("later"));
    consumer.consume(&queue);
    channel().publish("", &queue, "a");
    assert_eq!(consumer.delivery().text(), "a");
}

#[test]
fn a_consumer_on_a_dropped_connection_is_gone() {
    let observer = channel();
    let queue = observer.queue(&unique("dropped"));
    let channel = channel();
    channel.consume(&queue);
    channel.connection().drop_socket();
    eventually("the consumer's end", || observer.counts(&queue).1 == 0);
}

#[test]
fn large_deliveries_on_two_channels_stay_whole() {
    let connection = Connection::open_with(
        address(),
        &Login::default(),
        Tuning {
            frame_max: Some(4096),
            ..Tuning::default()
        },
    );
    let (one, two) = (connection.channel(), connection.channel());
    for channel in [&one, &two] {
        let queue = channel.temporary_queue();
        channel.consume(&queue);
        for number in 0..5 {
            channel.publish("", &queue, &number.to_string().repeat(50_000));
        }
    }
    for channel in [&one, &two] {
        for (number, body) in channel.deliveries(5).into_iter().enumerate() {
            assert!(
                body == number.to_string().repeat(50_000),
                "delivery {number} changed"
            );
        }
    }
}

#[test]
fn closing_the_channel_stops_deliveries() {
    let connection = connect();
    let (channel, publisher) = (connection.channel(), connection.channel());
    let queue = publisher.temporary_queue();
    channel.qos(10, false);
    channel.consume(&queue);
    publisher.fill(&queue, &["a"; 20]);
    channel.send(channels::Close::default());
    loop {
        let event = channel.next();
        if event.content.is_none() {
            assert!(
                format!("{:?}", event.method).contains("CloseOk"),
                "{event:?}"
            );
            break;
        }
    }
    channel.reopen();
    channel.expect_nothing();
    assert_eq!(publisher.counts(&queue), (20, 0));
}
