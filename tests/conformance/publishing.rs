//! `basic.publish`: what is checked, what is returned, what is dropped.

use ferrymq_tests::harness::Options;
use ferrymq_tests::raw::{
    AMQPValue, BasicProperties, Channel, Connection, Frame, Returned, basic, channels, long_string,
    table,
};

use crate::support::{channel, is_other_broker, unique};

const MAX_MESSAGE_SIZE: u64 = 16 * 1024 * 1024;

#[test]
fn what_reaches_no_queue_is_returned_when_mandatory() {
    let channel = channel();
    let exchange = channel.exchange(&unique("nobody"), "direct");
    let properties = BasicProperties::default()
        .with_message_id("id".into())
        .with_headers(table([("key", long_string("value"))]));
    let publish = basic::Publish {
        exchange: exchange.as_str().into(),
        routing_key: "key".into(),
        mandatory: true,
        immediate: false,
    };
    channel.send_message(publish, &properties, b"body");
    let returned: Returned = channel.expect();
    assert_eq!(
        (returned.reply_code, returned.reply_text.as_str()),
        (312, "NO_ROUTE")
    );
    assert_eq!(
        (returned.exchange, returned.routing_key),
        (exchange, "key".into())
    );
    assert_eq!(returned.content.decoded(), properties);
    assert_eq!(returned.content.text(), "body");
}

#[test]
fn what_reaches_a_queue_is_not_returned() {
    let channel = channel();
    let queue = channel.temporary_queue();
    channel.publish_mandatory("", &queue, "a");
    assert_eq!(channel.got(&queue).text(), "a");
    channel.expect_nothing();
}

#[test]
fn an_empty_message_can_be_returned() {
    let channel = channel();
    channel.publish_mandatory("", &unique("missing"), "");
    assert!(channel.expect::<Returned>().content.body.is_empty());
    channel.expect_nothing();
}

#[test]
fn returns_keep_their_order() {
    let channel = channel();
    let missing = unique("missing");
    for number in 0..50 {
        channel.publish_mandatory("", &missing, &number.to_string());
    }
    for number in 0..50 {
        assert_eq!(
            channel.expect::<Returned>().content.text(),
            number.to_string()
        );
    }
}

#[test]
fn the_rest_is_dropped_silently() {
    let channel = channel();
    channel.publish("", &unique("missing"), "dropped");
    channel.publish("amq.direct", &unique("missing"), "dropped");
    channel.expect_nothing();
}

#[test]
fn immediate_is_not_implemented() {
    let channel = channel();
    let queue = channel.temporary_queue();
    let publish = basic::Publish {
        routing_key: queue.as_str().into(),
        immediate: true,
        ..Default::default()
    };
    channel.send_message(publish, &BasicProperties::default(), b"body");
    channel.connection().refused(540, "immediate");
}

#[test]
fn a_missing_exchange_is_refused() {
    let channel = channel();
    let name = unique("missing");
    channel.publish(&name, "key", "body");
    channel.refused(404, &format!("no exchange '{name}' in vhost '/'"));
}

/// Publishes to a queue that exists.
fn publish(properties: &BasicProperties) -> (Channel, String) {
    let channel = channel();
    let queue = channel.temporary_queue();
    channel.publish_with("", &queue, "body", properties);
    (channel, queue)
}

#[track_caller]
fn check_accepted(properties: &BasicProperties) {
    let (channel, queue) = publish(properties);
    assert_eq!(channel.got(&queue).content.decoded(), *properties);
}

#[track_caller]
fn check_refused(properties: &BasicProperties, words: &str) {
    let (channel, _) = publish(properties);
    channel.refused(406, words);
}

#[test]
fn expiration_is_a_number_of_milliseconds() {
    for text in ["60000", "315360000000", "0060000"] {
        check_accepted(&BasicProperties::default().with_expiration(text.into()));
    }
}

#[test]
fn any_other_expiration_is_refused() {
    for text in [
        "abc",
        "",
        " 1",
        "1 ",
        "1.5",
        "1s",
        "-1",
        "0x10",
        "315360000001",
    ] {
        let properties = BasicProperties::default().with_expiration(text.into());
        check_refused(&properties, &format!("invalid expiration '{text}'"));
    }
    let properties = BasicProperties::default().with_expiration("9".repeat(100).into());
    check_refused(&properties, "invalid expiration");
}

#[test]
fn user_id_may_be_the_users_own() {
    check_accepted(&BasicProperties::default().with_user_id("guest".into()));
}

#[test]
fn another_user_id_is_refused() {
    check_refused(
        &BasicProperties::default().with_user_id("somebody".into()),
        "user_id property set to 'somebody' but authenticated user was 'guest'",
    );
}

#[test]
fn properties_without_meaning_pass_through() {
    check_accepted(&BasicProperties::default().with_priority(255));
    check_accepted(&BasicProperties::default().with_reply_to("anywhere".into()));
    check_accepted(&BasicProperties::default().with_cluster_id("cluster".into()));
    let headers = table([
        ("x-death", AMQPValue::LongInt(1)),
        ("x-delay", long_string("text")),
    ]);
    check_accepted(&BasicProperties::default().with_headers(headers));
}

#[test]
fn any_delivery_mode_passes_through() {
    if is_other_broker("3.10 knows two") {
        return;
    }
    for mode in [0, 1, 2, 3, 255] {
        check_accepted(&BasicProperties::default().with_delivery_mode(mode));
    }
}

#[test]
fn an_error_comes_before_the_messages_behind_it() {
    let channel = channel();
    let queue = channel.queue(&unique("behind"));
    channel.publish("", &queue, "before");
    channel.publish(&unique("missing"), "key", "bad");
    channel.publish("", &queue, "behind");
    channel.refused(404, "no exchange");
    channel.reopen();
    assert_eq!(channel.drain(&queue), ["before"]);
}

#[test]
fn the_largest_message_is_taken() {
    let channel = channel();
    let queue = channel.temporary_queue();
    let body = vec![b'x'; MAX_MESSAGE_SIZE as usize];
    let publish = basic::Publish {
        routing_key: queue.as_str().into(),
        ..Default::default()
    };
    channel.send_message(publish, &BasicProperties::default(), &body);
    assert_eq!(channel.got(&queue).content.body.len(), body.len());
}

/// Announces a message that is too large, without a body yet.
fn announce_too_much(channel: &Channel, queue: &str) {
    let publish = basic::Publish {
        routing_key: queue.into(),
        ..Default::default()
    };
    channel.connection().send_frames(&[
        Frame::method(channel.id(), publish),
        Frame::header(
            channel.id(),
            MAX_MESSAGE_SIZE + 1,
            &BasicProperties::default(),
        ),
    ]);
}

#[test]
fn a_larger_message_is_refused_at_its_header() {
    if is_other_broker("3.10 reads it all, and takes 128 MiB") {
        return;
    }
    let channel = channel();
    let queue = channel.queue(&unique("oversize"));
    announce_too_much(&channel, &queue);
    let words = "message size 16777217 is larger than configured max size 16777216";
    let close = channel.refused(406, words);
    assert_eq!((close.class_id, close.method_id), (60, 40));
}

#[test]
fn the_body_of_a_refused_message_is_ignored() {
    if is_other_broker("3.10 reads it all, and takes 128 MiB") {
        return;
    }
    let channel = channel();
    let other = channel.connection().channel();
    let queue = channel.queue(&unique("oversize"));
    announce_too_much(&channel, &queue);
    channel.refused_without_answer(406, "is larger than");
    for _ in 0..10 {
        channel
            .connection()
            .send_frame(&Frame::body(channel.id(), &[b'x'; 100_000]));
        other.expect_nothing();
    }
    channel.publish("", &queue, "also ignored");
    channel.send(channels::CloseOk {});
    channel.reopen();
    assert!(channel.get(&queue).is_none());
}

#[test]
fn the_largest_size_can_be_set() {
    if is_other_broker("needs a broker of its own") {
        return;
    }
    let options = Options::default().environment("FERRYMQ_AMQP_MAX_MESSAGE_SIZE", "1000");
    let broker = options.start();
    let channel = Connection::open(broker.amqp()).channel();
    let queue = channel.queue("limited");
    channel.publish("", &queue, &"x".repeat(1000));
    channel.publish("", &queue, &"x".repeat(1001));
    let words = "message size 1001 is larger than configured max size 1000";
    channel.refused(406, words);
    channel.reopen();
    assert_eq!(channel.drain(&queue).len(), 1);
}
