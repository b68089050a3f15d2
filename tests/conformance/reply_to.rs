//! Direct reply-to: answers without a queue.

use ferrymq_tests::raw::{
    BasicProperties, Channel, Expected, Returned, basic, channels, exchange, queue,
};

use crate::support::{channel, connect, eventually, is_other_broker};

const PSEUDO_QUEUE: &str = "amq.rabbitmq.reply-to";

fn consume() -> basic::Consume {
    basic::Consume {
        queue: PSEUDO_QUEUE.into(),
        no_ack: true,
        ..Default::default()
    }
}

fn request() -> BasicProperties {
    BasicProperties::default().with_reply_to(PSEUDO_QUEUE.into())
}

/// A channel that can receive replies.
fn requester() -> Channel {
    let channel = channel();
    channel.consume_with(consume());
    channel
}

/// The name under which the channel receives replies: it asks itself through a queue.
#[track_caller]
fn reply_name(requester: &Channel) -> String {
    let queue = requester.temporary_queue();
    requester.publish_with("", &queue, "request", &request());
    let reply_to = requester.got(&queue).content.decoded().reply_to().clone();
    reply_to.expect("a name to reply to").into()
}

#[test]
fn a_request_carries_a_name_to_reply_to() {
    let requester = requester();
    let name = reply_name(&requester);
    let opaque = name
        .strip_prefix("amq.rabbitmq.reply-to.")
        .expect("the prefix");
    assert!(opaque.len() >= 22, "too easy to guess: {name}");
    assert_eq!(reply_name(&requester), name, "the same for all requests");
}

#[test]
fn a_reply_arrives_on_the_requesting_channel() {
    let requester = channel();
    let tag = requester.consume_with(consume());
    let name = reply_name(&requester);
    channel().publish_with(
        "",
        &name,
        "reply",
        &BasicProperties::default().with_correlation_id("1".into()),
    );
    let reply = requester.delivery();
    assert_eq!(
        (&reply.consumer_tag, reply.text().as_str()),
        (&tag, "reply")
    );
    assert_eq!((reply.exchange.as_str(), reply.routing_key), ("", name));
    assert!(!reply.redelivered);
    assert_eq!(
        reply
            .content
            .decoded()
            .correlation_id()
            .as_ref()
            .map(|id| id.as_str()),
        Some("1")
    );
}

#[test]
fn other_properties_of_a_request_are_kept() {
    let requester = requester();
    let queue = requester.temporary_queue();
    let properties = request()
        .with_correlation_id("7".into())
        .with_content_type("text".into());
    requester.publish_with("", &queue, "request", &properties);
    let received = requester.got(&queue).content.decoded();
    let reply_to = received.reply_to().clone().expect("a name to reply to");
    assert_eq!(received, properties.with_reply_to(reply_to));
}

#[test]
fn many_replies_arrive_in_order() {
    let requester = requester();
    let name = reply_name(&requester);
    let replier = channel();
    for number in 0..200 {
        replier.publish("", &name, &number.to_string());
    }
    let expected: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    assert_eq!(requester.deliveries(200), expected);
}

#[test]
fn replies_are_not_limited_by_prefetch() {
    let requester = channel();
    requester.qos(1, false);
    requester.qos(1, true);
    requester.consume_with(consume());
    let name = reply_name(&requester);
    for body in ["a", "b", "c"] {
        channel().publish("", &name, body);
    }
    let mut bodies = requester.deliveries(3);
    bodies.sort();
    assert_eq!(bodies, ["a", "b", "c"]);
}

#[test]
fn every_channel_has_a_name_of_its_own() {
    let connection = connect();
    let (one, two) = (connection.channel(), connection.channel());
    one.consume_with(consume());
    two.consume_with(consume());
    let (name, other) = (reply_name(&one), reply_name(&two));
    assert_ne!(name, other);
    one.publish("", &other, "for two");
    assert_eq!(two.deliveries(1), ["for two"]);
}

#[test]
fn a_request_without_a_consumer_is_refused() {
    let channel = channel();
    let queue = channel.temporary_queue();
    channel.publish_with("", &queue, "request", &request());
    channel.refused(406, "fast reply consumer does not exist");
}

#[test]
fn a_consumer_on_another_channel_does_not_help() {
    let connection = connect();
    let (one, two) = (connection.channel(), connection.channel());
    one.consume_with(consume());
    two.publish_with("", "nowhere", "request", &request());
    two.refused(406, "fast reply consumer does not exist");
}

#[test]
fn replies_cannot_be_acked() {
    let channel = channel();
    channel.send(basic::Consume {
        no_ack: false,
        ..consume()
    });
    channel.refused(406, "reply consumer cannot acknowledge");
}

#[test]
fn a_second_consumer_is_refused() {
    let requester = requester();
    requester.send(consume());
    requester.refused(406, "reply consumer already set");
}

#[test]
fn the_consumer_tag_is_chosen_as_usual() {
    let channel = channel();
    let tag = channel.consume_with(basic::Consume {
        consumer_tag: "mine".into(),
        ..consume()
    });
    assert_eq!(tag, "mine");
    let name = reply_name(&channel);
    channel.publish("", &name, "reply");
    assert_eq!(channel.delivery().consumer_tag, "mine");
}

#[test]
fn a_reply_to_nobody_is_returned_when_mandatory() {
    let requester = requester();
    let name = reply_name(&requester);
    requester.connection().close();
    let replier = channel();
    replier.publish("", &name, "dropped");
    replier.publish_mandatory("", &name, "returned");
    let returned: Returned = replier.expect();
    assert_eq!(
        (returned.reply_code, returned.content.text()),
        (312, "returned".into())
    );
}

#[test]
fn a_reply_that_arrives_is_not_returned() {
    if is_other_broker("3.10 returns it all the same") {
        return;
    }
    let requester = requester();
    let name = reply_name(&requester);
    let replier = channel();
    replier.publish_mandatory("", &name, "reply");
    replier.expect_nothing();
    assert_eq!(requester.deliveries(1), ["reply"]);
}

#[test]
fn a_reply_is_confirmed() {
    let requester = requester();
    let name = reply_name(&requester);
    let replier = crate::support::confirming_channel();
    replier.publish("", &name, "reply");
    replier.confirmed(1);
    requester.connection().close();
    replier.publish("", &name, "too late");
    let ack: basic::Ack = replier.expect();
    assert_eq!(ack.delivery_tag, 2);
}

#[test]
fn a_declare_says_whether_the_requester_waits() {
    let requester = requester();
    let name = reply_name(&requester);
    let probe = channel();
    assert_eq!(probe.counts(&name).0, 0);
    probe.call::<queue::DeclareOk>(queue::Declare {
        queue: name.as_str().into(),
        ..Default::default()
    });
    requester.connection().close();
    for passive in [false, true] {
        probe.send(queue::Declare {
            queue: name.as_str().into(),
            passive,
            ..Default::default()
        });
        probe.refused(404, "no queue 'amq.rabbitmq.reply-to.");
        probe.reopen();
    }
}

#[test]
fn a_cancel_ends_it() {
    let requester = channel();
    let tag = requester.consume_with(consume());
    let name = reply_name(&requester);
    requester.cancel(&tag);
    let replier = channel();
    replier.publish_mandatory("", &name, "too late");
    replier.expect::<Returned>();
    requester.publish_with("", "nowhere", "request", &request());
    requester.refused(406, "fast reply consumer does not exist");
}

#[test]
fn a_new_consumer_gets_a_new_name() {
    let requester = channel();
    let tag = requester.consume_with(consume());
    let old = reply_name(&requester);
    requester.cancel(&tag);
    requester.consume_with(consume());
    assert_ne!(reply_name(&requester), old);
}

#[test]
fn a_dropped_connection_ends_it() {
    let requester = requester();
    let name = reply_name(&requester);
    requester.connection().drop_socket();
    let probe = channel();
    eventually("the requester's end", || {
        probe.send(queue::Declare {
            queue: name.as_str().into(),
            passive: true,
            ..Default::default()
        });
        let gone = queue::DeclareOk::from_event(probe.next()).is_err();
        if gone {
            probe.send(channels::CloseOk {});
        }
        gone
    });
}

#[test]
fn a_guessed_name_reaches_nobody() {
    if is_other_broker("3.10 crashes") {
        return;
    }
    let _requester = requester();
    let replier = channel();
    replier.publish_mandatory("", "amq.rabbitmq.reply-to.g2gCYXgAAAAA.AAAA", "guessed");
    replier.expect::<Returned>();
    replier.publish_mandatory("", "amq.rabbitmq.reply-to.", "guessed");
    replier.expect::<Returned>();
}

#[test]
fn the_name_cannot_be_bound() {
    if is_other_broker("404") {
        return;
    }
    let requester = requester();
    let name = reply_name(&requester);
    let channel = channel();
    channel.send(queue::Bind {
        queue: name.as_str().into(),
        exchange: "amq.direct".into(),
        ..Default::default()
    });
    channel.refused(403, "");
    channel.reopen();
    channel.send(queue::Unbind {
        queue: name.as_str().into(),
        exchange: "amq.direct".into(),
        ..Default::default()
    });
    channel.refused(403, "");
}

#[test]
fn neither_name_can_be_fetched_from() {
    if is_other_broker("3.10 does not answer") {
        return;
    }
    let requester = requester();
    let name = reply_name(&requester);
    for name in [name.as_str(), PSEUDO_QUEUE] {
        let channel = channel();
        channel.send(basic::Get {
            queue: name.into(),
            no_ack: false,
        });
        channel.connection().refused(540, "");
    }
}

#[test]
fn a_reply_through_another_exchange_is_not_routed() {
    let requester = requester();
    let name = reply_name(&requester);
    let replier = channel();
    replier.publish_mandatory("amq.direct", &name, "lost");
    replier.expect::<Returned>();
    replier.call::<exchange::DeclareOk>(exchange::Declare {
        exchange: "amq.direct".into(),
        passive: true,
        ..Default::default()
    });
    requester.expect_nothing();
}
