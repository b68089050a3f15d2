//! `connection.tune`: what the server proposes, and which answers it takes.

use ferrymq_tests::harness::Options;
use ferrymq_tests::raw::{Connection, Login, Tuning, connections};

use crate::support::{address, is_other_broker};

/// A connection that waits for `tune-ok`, and what was proposed.
fn logged_in() -> (Connection, connections::Tune) {
    let connection = Connection::connect(address());
    connection.start();
    let proposed = connection.log_in(&Login::default());
    (connection, proposed)
}

#[track_caller]
fn check_accepted(tuning: Tuning) {
    let (connection, proposed) = logged_in();
    connection.tune(proposed, tuning);
    connection.open_vhost("/");
    connection.channel().close();
}

#[track_caller]
fn check_refused(tuning: Tuning, words: &str) {
    let (connection, proposed) = logged_in();
    connection.tune(proposed, tuning);
    if is_other_broker("3.10 just closes the socket") {
        connection.expect_end();
    } else {
        connection.refused(530, words);
    }
}

fn channel_max(channel_max: u16) -> Tuning {
    Tuning {
        channel_max: Some(channel_max),
        ..Tuning::default()
    }
}

fn frame_max(frame_max: u32) -> Tuning {
    Tuning {
        frame_max: Some(frame_max),
        ..Tuning::default()
    }
}

#[test]
fn the_server_proposes_its_limits() {
    let (_connection, proposed) = logged_in();
    assert_eq!(proposed.channel_max, 2047);
    assert_eq!(proposed.frame_max, 131_072);
    assert_eq!(proposed.heartbeat, 60);
}

#[test]
fn lower_values_are_accepted() {
    check_accepted(channel_max(1));
    check_accepted(channel_max(2046));
    check_accepted(frame_max(4096));
    check_accepted(frame_max(131_071));
    check_accepted(Tuning {
        heartbeat: 5,
        ..Tuning::default()
    });
}

#[test]
fn a_longer_heartbeat_is_accepted() {
    check_accepted(Tuning {
        heartbeat: 600,
        ..Tuning::default()
    });
}

#[test]
fn a_higher_channel_max_is_refused() {
    check_refused(
        channel_max(2048),
        "negotiated channel_max = 2048 is higher than the maximum allowed value (2047)",
    );
}

#[test]
fn a_higher_frame_max_is_refused() {
    check_refused(
        frame_max(131_073),
        "negotiated frame_max = 131073 is higher than the maximum allowed value (131072)",
    );
}

#[test]
fn a_frame_max_below_4096_is_refused() {
    check_refused(
        frame_max(1024),
        "negotiated frame_max = 1024 is lower than the minimum allowed value (4096)",
    );
    check_refused(frame_max(4095), "negotiated frame_max = 4095 is lower than");
}

#[test]
fn zero_means_the_servers_value() {
    if is_other_broker("0 is refused") {
        return;
    }
    check_accepted(channel_max(0));
    check_accepted(frame_max(0));
}

#[test]
fn the_proposals_can_be_set() {
    if is_other_broker("needs a broker of its own") {
        return;
    }
    let broker = Options::default()
        .environment("FERRYMQ_AMQP_CHANNEL_MAX", "7")
        .environment("FERRYMQ_AMQP_FRAME_MAX", "8192")
        .environment("FERRYMQ_AMQP_HEARTBEAT", "11")
        .start();
    let connection = Connection::connect(broker.amqp());
    connection.start();
    let proposed = connection.log_in(&Login::default());
    let values = (proposed.channel_max, proposed.frame_max, proposed.heartbeat);
    assert_eq!(values, (7, 8192, 11));
    connection.tune(proposed, channel_max(8));
    connection.refused(530, "negotiated channel_max = 8 is higher than");
}
