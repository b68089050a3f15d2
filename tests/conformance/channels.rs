//! Channels: open, close, errors, and what each one keeps to itself.

use ferrymq_tests::raw::{Tuning, access, basic, channels, connections, exchange, queue};

use crate::support::{assert_refused_with, channel, connect, connect_with, unique};

fn passive(name: &str) -> queue::Declare {
    queue::Declare {
        queue: name.into(),
        passive: true,
        ..Default::default()
    }
}

/// A channel that the server has closed (404), with its close not yet answered.
fn closed_by_server() -> ferrymq_tests::raw::Channel {
    let channel = channel();
    channel.send(passive(&unique("missing")));
    channel.refused_without_answer(404, "no queue");
    channel
}

#[test]
fn a_close_names_the_method_that_caused_it() {
    let channel = channel();
    channel.send(passive(&unique("missing")));
    let close = channel.refused(404, "no queue");
    assert_eq!((close.class_id, close.method_id), (50, 10));
}

#[test]
fn an_error_closes_only_its_channel() {
    let connection = connect();
    let (bad, good) = (connection.channel(), connection.channel());
    bad.send(passive(&unique("missing")));
    bad.refused(404, "no queue");
    good.temporary_queue();
}

#[test]
fn everything_is_ignored_until_close_ok() {
    let channel = closed_by_server();
    let observer = crate::support::channel();
    let queue = observer.queue(&unique("ignored"));
    channel.publish("", &queue, "ignored");
    channel.ack(99);
    channel.send(passive(&unique("missing")));
    channel.send(basic::Qos::default());
    channel.send(channels::CloseOk {});
    channel.reopen();
    assert_eq!(observer.counts(&queue), (0, 0));
}

#[test]
fn publishes_in_flight_behind_a_bad_one_are_ignored() {
    let channel = channel();
    for number in 0..20 {
        channel.publish(&unique("missing"), "key", &number.to_string());
    }
    let close = channel.refused(404, "no exchange 'missing");
    assert_eq!((close.class_id, close.method_id), (60, 40));
    channel.reopen();
    channel.expect_nothing();
}

#[test]
fn the_number_can_be_used_again_after_the_servers_close() {
    let channel = closed_by_server();
    channel.send(channels::CloseOk {});
    channel.reopen();
    channel.temporary_queue();
}

#[test]
fn the_number_can_be_used_again_after_the_clients_close() {
    let channel = channel();
    for _ in 0..3 {
        channel.close();
        channel.reopen();
    }
    channel.temporary_queue();
}

#[test]
fn state_does_not_outlive_the_channel() {
    let channel = channel();
    let queue = channel.temporary_queue();
    channel.confirm();
    channel.publish("", &queue, "a");
    channel.confirmed(1);
    assert_eq!(channel.got(&queue).delivery_tag, 1);
    channel.close();
    channel.reopen();
    channel.publish("", "nowhere", "not confirmed any more");
    assert_eq!(channel.got(&queue).delivery_tag, 1);
    channel.send(queue::Purge {
        queue: "".into(),
        nowait: false,
    });
    channel.refused(404, "no previously declared queue");
}

#[test]
fn a_method_after_close_ok_is_refused() {
    let channel = closed_by_server();
    channel.send(channels::CloseOk {});
    channel.send(passive("any"));
    channel.connection().refused(504, "expected 'channel.open'");
}

#[test]
fn crossing_closes_are_both_answered() {
    let channel = closed_by_server();
    channel.send(channels::Close::default());
    channel.expect::<channels::CloseOk>();
    channel.send(channels::CloseOk {});
    channel.reopen();
    channel.temporary_queue();
}

#[test]
fn a_method_on_an_unopened_channel_is_refused() {
    let connection = connect();
    connection.unopened_channel(5).send(passive("any"));
    connection.refused(504, "expected 'channel.open'");
}

#[test]
fn content_on_an_unopened_channel_is_refused() {
    let connection = connect();
    connection.unopened_channel(5).publish("", "any", "body");
    connection.refused(504, "expected 'channel.open'");
}

#[test]
fn a_second_open_is_refused() {
    let channel = channel();
    channel.send(channels::Open {});
    channel
        .connection()
        .refused(504, "second 'channel.open' seen");
}

#[test]
fn a_close_of_an_unopened_channel_is_refused() {
    let connection = connect();
    connection
        .unopened_channel(3)
        .send(channels::Close::default());
    connection.refused(504, "expected 'channel.open'");
}

#[test]
fn opening_one_channel_too_many_is_refused() {
    let connection = connect_with(Tuning {
        channel_max: Some(3),
        ..Tuning::default()
    });
    for id in 1..=3 {
        connection.channel_at(id);
    }
    connection.unopened_channel(4).send(channels::Open {});
    connection.refused(
        530,
        "number of channels opened (3) has reached the negotiated channel_max (3)",
    );
}

#[test]
fn a_closed_channel_makes_room() {
    let connection = connect_with(Tuning {
        channel_max: Some(2),
        ..Tuning::default()
    });
    let (first, _second) = (connection.channel_at(1), connection.channel_at(2));
    first.close();
    connection.channel_at(3).expect_nothing();
}

#[test]
fn the_limit_is_on_the_count_and_not_on_the_number() {
    let connection = connect_with(Tuning {
        channel_max: Some(2),
        ..Tuning::default()
    });
    connection.channel_at(65_535).expect_nothing();
    connection.channel_at(1000).expect_nothing();
}

#[test]
fn flow_is_answered() {
    let answer: channels::FlowOk = channel().call(channels::Flow { active: true });
    assert!(answer.active);
}

#[test]
fn flow_cannot_be_stopped() {
    let channel = channel();
    channel.send(channels::Flow { active: false });
    channel.connection().refused(540, "");
}

#[test]
fn access_request_is_answered() {
    channel().call::<access::RequestOk>(access::Request {
        realm: "/data".into(),
        ..Default::default()
    });
}

#[test]
fn a_method_that_only_servers_send_is_refused() {
    let channel = channel();
    channel.send(queue::DeleteOk { message_count: 0 });
    assert_refused_with(channel.connection(), &[503, 540, 541]);
}

#[test]
fn a_connection_method_on_a_channel_is_refused() {
    let channel = channel();
    channel.send(connections::TuneOk {
        channel_max: 1,
        frame_max: 4096,
        heartbeat: 0,
    });
    assert_refused_with(channel.connection(), &[503, 504, 540, 541]);
}

#[test]
fn closing_returns_what_was_unacked() {
    let connection = connect();
    let (holder, observer) = (connection.channel(), connection.channel());
    let queue = holder.temporary_queue();
    holder.fill(&queue, &["a", "b", "c"]);
    holder.consume(&queue);
    assert_eq!(holder.deliveries(3), ["a", "b", "c"]);
    holder.close();
    let got = observer.got(&queue);
    assert_eq!(
        (got.text().as_str(), got.redelivered, got.message_count),
        ("a", true, 2)
    );
    assert_eq!(observer.counts(&queue), (2, 0));
}

#[test]
fn an_error_returns_what_was_unacked() {
    let connection = connect();
    let (holder, observer) = (connection.channel(), connection.channel());
    let queue = holder.temporary_queue();
    holder.fill(&queue, &["a", "b"]);
    holder.got(&queue);
    holder.got(&queue);
    holder.ack(99);
    holder.refused(406, "unknown delivery tag 99");
    assert_eq!(observer.drain(&queue), ["a", "b"]);
}

#[test]
fn an_empty_name_means_the_last_declared_queue() {
    let channel = channel();
    channel.temporary_queue();
    let queue = channel.temporary_queue();
    channel.fill(&queue, &["a", "b", "c"]);
    assert_eq!(channel.got("").text(), "a");
    channel.bind("", "amq.direct", &queue);
    channel.publish("amq.direct", &queue, "d");
    channel.unbind("", "amq.direct", &queue);
    channel.publish("amq.direct", &queue, "e");
    assert_eq!(channel.got("").text(), "b");
    let purged: queue::PurgeOk = channel.call(queue::Purge {
        queue: "".into(),
        nowait: false,
    });
    assert_eq!(purged.message_count, 2);
    let consumer_tag = channel.consume("");
    assert_eq!(channel.counts(&queue).1, 1);
    channel.cancel(&consumer_tag);
    channel.delete_queue("");
    channel.send(passive(&queue));
    channel.refused(404, "no queue");
}

#[test]
fn a_passive_declare_counts_as_the_last_declared_queue() {
    let connection = connect();
    let (owner, other) = (connection.channel(), connection.channel());
    let queue = owner.temporary_queue();
    owner.publish("", &queue, "a");
    other.counts(&queue);
    assert_eq!(other.got("").text(), "a");
}

#[test]
fn empty_queue_and_empty_key_bind_by_the_queues_name() {
    let channel = channel();
    let queue = channel.temporary_queue();
    channel.bind("", "amq.direct", "");
    channel.publish("amq.direct", &queue, "a");
    channel.publish("amq.direct", "", "b");
    assert_eq!(channel.drain(&queue), ["a"]);
    channel.unbind("", "amq.direct", "");
    channel.publish("amq.direct", &queue, "c");
    assert!(channel.get(&queue).is_none());
}

#[test]
fn an_empty_name_before_any_declare_is_refused() {
    let channel = channel();
    channel.send(basic::Get {
        queue: "".into(),
        no_ack: false,
    });
    channel.refused(404, "no previously declared queue");
    channel.reopen();
    channel.send(basic::Consume::default());
    channel.refused(404, "no previously declared queue");
    channel.reopen();
    channel.send(queue::Bind {
        exchange: "amq.direct".into(),
        ..Default::default()
    });
    channel.refused(404, "no previously declared queue");
    channel.reopen();
    channel.send(queue::Delete::default());
    channel.refused(404, "no previously declared queue");
}

#[test]
fn line_ends_are_stripped_from_names() {
    let channel = channel();
    let name = unique("stripped");
    let declared: queue::DeclareOk = channel.call(queue::Declare {
        queue: format!("{name}\r\n").into(),
        ..Default::default()
    });
    assert_eq!(declared.queue.as_str(), name);
    let exchange = channel.exchange(&format!("\r{name}\n"), "fanout");
    channel.bind(&format!("{name}\n"), &exchange, "");
    channel.publish(&name, "", "a");
    assert_eq!(channel.drain(&name), ["a"]);
    channel.call::<exchange::DeleteOk>(exchange::Delete {
        exchange: format!("{name}\r\n").into(),
        ..Default::default()
    });
    assert_eq!(channel.delete_queue(&format!("{name}\r\n")), 0);
}

#[test]
fn pipelined_methods_are_answered_in_order() {
    let channel = channel();
    let names: Vec<String> = (0..50).map(|_| unique("pipelined")).collect();
    for name in &names {
        channel.send(queue::Declare {
            queue: name.as_str().into(),
            ..Default::default()
        });
    }
    for name in &names {
        assert_eq!(channel.expect::<queue::DeclareOk>().queue.as_str(), name);
    }
    for name in &names {
        channel.delete_queue(name);
    }
}
