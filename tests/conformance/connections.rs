//! The end of a connection, from either side, and what the open connection answers.

use std::thread;

use ferrymq_tests::Broker;
use ferrymq_tests::raw::{
    BasicProperties, Channel, Connection, Frame, basic, channels, connections, queue,
};

use crate::support::{assert_refused_with, channel, connect, eventually, is_other_broker, unique};

/// Does something that costs the connection: 540.
fn offend(channel: &Channel) {
    let publish = basic::Publish {
        immediate: true,
        ..basic::Publish::default()
    };
    channel.send_message(publish, &BasicProperties::default(), b"");
}

fn passive(name: &str) -> queue::Declare {
    queue::Declare {
        queue: name.into(),
        passive: true,
        ..Default::default()
    }
}

fn close_method() -> connections::Close {
    connections::Close {
        reply_code: 200,
        reply_text: "bye".into(),
        class_id: 0,
        method_id: 0,
    }
}

#[test]
fn a_close_is_answered_and_ends_the_connection() {
    connect().close();
}

#[test]
fn frames_after_a_close_are_ignored() {
    let channel = channel();
    let connection = channel.connection();
    connection.send_frames(&[
        Frame::method(0, close_method()),
        Frame::method(
            channel.id(),
            queue::Declare {
                queue: "x".into(),
                ..Default::default()
            },
        ),
        Frame::method(77, channels::Open {}),
    ]);
    connection.expect::<connections::CloseOk>();
    connection.stop_sending();
    assert_eq!(connection.next(), None);
}

#[test]
fn a_refusal_names_the_method_that_caused_it() {
    let channel = channel();
    offend(&channel);
    let close = channel.connection().refused(540, "immediate");
    assert_eq!((close.class_id, close.method_id), (60, 40));
}

#[test]
fn crossing_closes_are_both_answered() {
    let channel = channel();
    let connection = channel.connection();
    offend(&channel);
    let close: connections::Close = connection.expect();
    assert_eq!(close.reply_code, 540);
    connection.send(close_method());
    connection.expect::<connections::CloseOk>();
    connection.send(connections::CloseOk {});
    connection.expect_end();
}

#[test]
fn methods_after_the_servers_close_are_ignored() {
    let channel = channel();
    let connection = channel.connection();
    offend(&channel);
    let name = unique("ignored");
    channel.send(queue::Declare {
        queue: name.as_str().into(),
        ..Default::default()
    });
    connection.refused(540, "immediate");
    let other = crate::support::channel();
    other.send(passive(&name));
    other.refused(404, "no queue");
}

#[test]
fn a_socket_closed_without_close_ok_ends_the_connection() {
    let channel = channel();
    offend(&channel);
    channel.connection().expect::<connections::Close>();
    channel.connection().drop_socket();
}

#[test]
fn exclusive_queues_are_gone_before_close_ok() {
    let observer = channel();
    for _ in 0..20 {
        let channel = channel();
        let queue = channel.temporary_queue();
        channel.connection().close();
        observer.send(passive(&queue));
        observer.refused(404, "no queue");
        observer.reopen();
    }
}

#[test]
fn unacked_messages_are_back_before_close_ok() {
    let observer = channel();
    let queue = observer.queue(&unique("back"));
    observer.fill(&queue, &["a", "b"]);
    let channel = channel();
    channel.got(&queue);
    channel.got(&queue);
    channel.connection().close();
    assert_eq!(observer.drain(&queue), ["a", "b"]);
}

#[test]
fn a_dropped_socket_deletes_exclusive_queues() {
    let observer = connect();
    let channel = channel();
    let queue = channel.temporary_queue();
    channel.connection().drop_socket();
    eventually("the exclusive queue's end", || {
        let channel = observer.channel_at(1);
        channel.send(passive(&queue));
        let close: channels::Close = channel.expect();
        channel.send(channels::CloseOk {});
        close.reply_code == 404
    });
}

#[test]
fn a_dropped_socket_requeues_what_was_unacked() {
    let observer = channel();
    let queue = observer.queue(&unique("requeued"));
    observer.fill(&queue, &["a"]);
    let channel = channel();
    channel.consume(&queue);
    channel.delivery();
    channel.connection().drop_socket();
    eventually("the message's return", || observer.counts(&queue) == (1, 0));
    assert!(observer.got(&queue).redelivered);
}

#[test]
fn a_half_closed_socket_ends_the_connection() {
    let observer = channel();
    let queue = observer.queue(&unique("half"));
    let channel = channel();
    channel.consume(&queue);
    channel.connection().stop_sending();
    channel.connection().expect_end();
    eventually("the consumer's end", || observer.counts(&queue) == (0, 0));
}

#[test]
fn a_stopping_broker_says_so() {
    if is_other_broker("it shall not stop") {
        return;
    }
    let mut broker = Broker::start();
    let connection = Connection::open(broker.amqp());
    let stopped = thread::spawn(move || broker.stop());
    let words = "broker forced connection closure with reason 'shutdown'";
    connection.refused(320, words);
    let status = stopped.join().expect("the thread that stops the broker");
    assert!(status.success(), "{status}");
}

#[test]
fn update_secret_is_answered() {
    let connection = connect();
    connection.call::<connections::UpdateSecretOk>(connections::UpdateSecret {
        new_secret: "another".into(),
        reason: "expired".into(),
    });
    connection.channel().close();
}

#[test]
fn methods_of_the_server_are_refused() {
    let connection = connect();
    connection.send(connections::OpenOk {});
    assert_refused_with(&connection, &[503, 504, 540]);
}

#[test]
fn the_reply_text_fits_a_short_string() {
    let channel = channel();
    let name = "é".repeat(120);
    channel.send(passive(&name));
    let close = channel.refused(404, "no queue 'é");
    assert!(close.reply_text.as_str().len() <= 255);
}
