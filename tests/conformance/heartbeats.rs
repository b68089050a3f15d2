//! Heartbeats, with an interval of one second. The server's own are the clock of these cases.

use std::time::Duration;

use ferrymq_tests::raw::{Connection, Frame, Tuning};

use crate::support::{connect, connect_with};

/// An open connection with a heartbeat of one second whose heartbeats are handed out.
fn beating() -> Connection {
    let connection = connect_with(Tuning {
        heartbeat: 1,
        ..Tuning::default()
    });
    connection.show_heartbeats();
    connection
}

#[test]
fn an_idle_server_sends_heartbeats() {
    let connection = beating();
    connection.set_patience(Duration::from_secs(2));
    for _ in 0..2 {
        assert_eq!(connection.next(), Some(Frame::heartbeat()));
    }
}

#[test]
fn a_silent_client_is_cut_off_without_a_word() {
    let connection = beating();
    let frames = connection.read_to_end();
    assert!(
        frames.iter().all(|frame| *frame == Frame::heartbeat()),
        "{frames:?}"
    );
    assert!(
        frames.len() >= 2,
        "cut off too early, after {} heartbeats",
        frames.len()
    );
}

#[test]
fn heartbeats_keep_the_connection() {
    let connection = beating();
    for _ in 0..8 {
        assert_eq!(connection.next(), Some(Frame::heartbeat()));
        connection.send_frame(&Frame::heartbeat());
    }
    connection.channel().close();
}

#[test]
fn any_other_traffic_keeps_the_connection_too() {
    let connection = beating();
    let channel = connection.channel();
    for _ in 0..8 {
        assert_eq!(connection.next(), Some(Frame::heartbeat()));
        channel.publish("", "nowhere", "not routed, not answered");
    }
    channel.close();
}

#[test]
fn half_a_frame_at_a_time_keeps_the_connection_too() {
    let connection = beating();
    for _ in 0..4 {
        let bytes = Frame::heartbeat().encode();
        let (first, second) = bytes.split_at(3);
        assert_eq!(connection.next(), Some(Frame::heartbeat()));
        connection.send_bytes(first);
        assert_eq!(connection.next(), Some(Frame::heartbeat()));
        connection.send_bytes(second);
    }
    connection.channel().close();
}

#[test]
fn an_interval_of_zero_turns_them_off() {
    let quiet = connect();
    quiet.show_heartbeats();
    beating().read_to_end();
    let channel = quiet.channel();
    channel.expect_nothing();
    quiet.close();
}
