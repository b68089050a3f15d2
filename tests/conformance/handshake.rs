//! From the first byte to `connection.open-ok`.

use ferrymq_tests::Broker;
use ferrymq_tests::raw::{
    AMQPValue, Connection, FieldTable, Frame, Login, PROTOCOL_HEADER, Tuning, channels,
    connections, queue,
};

use crate::support::{address, assert_refused_with, assert_turned_away, connect, is_other_broker};

#[track_caller]
fn check_header_is_refused(header: &[u8]) {
    let connection = Connection::connect(address());
    connection.send_bytes(header);
    assert_eq!(
        connection.read_bytes(8),
        PROTOCOL_HEADER,
        "the answer to {header:02x?}"
    );
    connection.expect_end();
}

#[test]
fn another_protocol_version_is_answered_with_ours() {
    check_header_is_refused(b"AMQP\x00\x00\x09\x02");
    check_header_is_refused(b"AMQP\x00\x00\x0a\x00");
    check_header_is_refused(b"AMQP\x01\x00\x09\x01");
}

#[test]
fn amqp_0_8_is_answered_with_our_version() {
    if is_other_broker("3.10 speaks it") {
        return;
    }
    check_header_is_refused(b"AMQP\x00\x00\x08\x00");
    check_header_is_refused(b"AMQP\x01\x01\x08\x00");
}

#[test]
fn amqp_1_0_is_answered_with_our_version() {
    check_header_is_refused(b"AMQP\x00\x01\x00\x00");
    check_header_is_refused(b"AMQP\x03\x01\x00\x00");
}

#[test]
fn another_protocol_is_answered_with_our_version() {
    check_header_is_refused(b"GET / HT");
    check_header_is_refused(b"\x16\x03\x01\x02\x00\x01\x00\x01");
    check_header_is_refused(b"\xff\xff\xff\xff\xff\xff\xff\xff");
    check_header_is_refused(b"\0\0\0\0\0\0\0\0");
}

#[test]
fn the_header_of_0_9_means_0_9_1() {
    let connection = Connection::connect(address());
    connection.send_bytes(b"AMQP\x01\x01\x00\x09");
    connection.expect::<connections::Start>();
}

#[test]
fn the_header_may_come_byte_by_byte() {
    let connection = Connection::connect(address());
    for byte in PROTOCOL_HEADER {
        connection.send_bytes(&[*byte]);
    }
    connection.expect::<connections::Start>();
}

#[test]
fn half_a_header_and_the_end_is_just_closed() {
    let connection = Connection::connect(address());
    connection.send_bytes(b"AMQP");
    connection.stop_sending();
    connection.expect_end();
}

#[test]
fn start_names_version_locale_and_mechanisms() {
    let start = Connection::connect(address()).start();
    assert_eq!((start.version_major, start.version_minor), (0, 9));
    assert_eq!(start.locales.as_bytes(), b"en_US");
    let mechanisms = start.mechanisms.to_string();
    let offered: Vec<&str> = mechanisms.split(' ').collect();
    assert!(
        offered.contains(&"PLAIN") && offered.contains(&"AMQPLAIN"),
        "{mechanisms}"
    );
    assert!(
        !offered.contains(&"EXTERNAL"),
        "offered without TLS: {mechanisms}"
    );
    assert!(
        !offered.contains(&"ANONYMOUS"),
        "offered unasked: {mechanisms}"
    );
}

#[test]
fn start_describes_the_server() {
    let properties = Connection::connect(address()).start().server_properties;
    for key in [
        "product",
        "version",
        "platform",
        "copyright",
        "information",
        "cluster_name",
    ] {
        let value = properties.inner().get(key);
        assert!(
            matches!(value, Some(AMQPValue::LongString(_))),
            "{key}: {value:?}"
        );
    }
}

#[test]
fn start_lists_the_capabilities() {
    let properties = Connection::connect(address()).start().server_properties;
    let capabilities = properties
        .inner()
        .get("capabilities")
        .and_then(AMQPValue::as_field_table);
    let capabilities: &FieldTable = capabilities.expect("a table of capabilities");
    for name in [
        "authentication_failure_close",
        "basic.nack",
        "connection.blocked",
        "consumer_cancel_notify",
        "consumer_priorities",
        "direct_reply_to",
        "exchange_exchange_bindings",
        "per_consumer_qos",
        "publisher_confirms",
    ] {
        assert_eq!(
            capabilities.inner().get(name),
            Some(&AMQPValue::Boolean(true)),
            "{name}"
        );
    }
}

#[test]
fn an_unknown_vhost_is_refused() {
    let connection = Connection::connect(address());
    connection.start();
    let proposed = connection.log_in(&Login::default());
    connection.tune(proposed, Tuning::default());
    connection.send(connections::Open {
        virtual_host: "nowhere".into(),
    });
    connection.refused(530, "vhost nowhere not found");
}

#[test]
fn the_vhost_name_is_taken_literally() {
    let connection = Connection::connect(address());
    connection.start();
    let proposed = connection.log_in(&Login::default());
    connection.tune(proposed, Tuning::default());
    connection.send(connections::Open {
        virtual_host: "%2f".into(),
    });
    connection.refused(530, "vhost %2f not found");
}

#[test]
fn the_client_may_send_its_half_of_the_handshake_at_once() {
    let connection = Connection::connect(address());
    connection.send_bytes(PROTOCOL_HEADER);
    connection.send_start_ok(&Login::default());
    connection.send(connections::TuneOk {
        channel_max: 10,
        frame_max: 8192,
        heartbeat: 0,
    });
    connection.send(connections::Open {
        virtual_host: "/".into(),
    });
    connection.expect::<connections::Start>();
    connection.expect::<connections::Tune>();
    connection.expect::<connections::OpenOk>();
    connection.channel().close();
}

#[test]
fn heartbeats_are_welcome_during_the_handshake() {
    let connection = Connection::connect(address());
    connection.start();
    connection.send_frame(&Frame::heartbeat());
    let proposed = connection.log_in(&Login::default());
    connection.send_frame(&Frame::heartbeat());
    connection.tune(proposed, Tuning::default());
    connection.open_vhost("/");
}

#[test]
fn open_before_login_is_turned_away() {
    let connection = Connection::connect(address());
    connection.start();
    connection.send(connections::Open {
        virtual_host: "/".into(),
    });
    assert_turned_away(&connection, &[503, 504, 505]);
}

#[test]
fn open_before_tuning_is_turned_away() {
    let connection = Connection::connect(address());
    connection.start();
    connection.log_in(&Login::default());
    connection.send(connections::Open {
        virtual_host: "/".into(),
    });
    assert_turned_away(&connection, &[503, 504, 505]);
}

#[test]
fn a_channel_before_login_is_turned_away() {
    let connection = Connection::connect(address());
    connection.start();
    connection.unopened_channel(1).send(channels::Open {});
    assert_turned_away(&connection, &[503, 504, 505]);
}

#[test]
fn a_channel_before_the_vhost_is_open_is_turned_away() {
    let connection = Connection::connect(address());
    connection.start();
    let proposed = connection.log_in(&Login::default());
    connection.tune(proposed, Tuning::default());
    connection.unopened_channel(1).send(channels::Open {});
    assert_turned_away(&connection, &[503, 504, 505]);
}

#[test]
fn content_before_login_is_turned_away() {
    let connection = Connection::connect(address());
    connection.start();
    connection.send_frame(&Frame::body(1, b"hello"));
    assert_turned_away(&connection, &[503, 504, 505]);
}

#[test]
fn garbage_instead_of_a_frame_is_turned_away() {
    let connection = Connection::connect(address());
    connection.start();
    connection.send_bytes(&[0xff; 64]);
    assert_turned_away(&connection, &[501, 505]);
}

#[test]
fn a_second_start_ok_is_refused() {
    let connection = connect();
    connection.send_start_ok(&Login::default());
    connection.refused(504, "unexpected method in connection state");
}

#[test]
fn a_second_tune_ok_is_refused() {
    let connection = connect();
    connection.send(connections::TuneOk {
        channel_max: 1,
        frame_max: 4096,
        heartbeat: 0,
    });
    connection.refused(504, "unexpected method in connection state");
}

#[test]
fn a_second_open_is_refused() {
    let connection = connect();
    connection.send(connections::Open {
        virtual_host: "/".into(),
    });
    connection.refused(504, "unexpected method in connection state");
}

#[test]
fn another_class_on_channel_0_is_refused() {
    let connection = connect();
    connection.send(queue::Declare {
        queue: "q".into(),
        ..Default::default()
    });
    assert_refused_with(&connection, &[503, 504]);
}

#[test]
fn start_ok_fits_the_first_frame_limit() {
    let connection = Connection::connect(address());
    connection.start();
    connection.send_frame(&start_ok_with_padding(3000));
    connection.expect::<connections::Tune>();
}

#[test]
fn a_start_ok_above_the_first_frame_limit_is_turned_away() {
    let connection = Connection::connect(address());
    connection.start();
    connection.send_frame(&start_ok_with_padding(100_000));
    assert_turned_away(&connection, &[501]);
}

fn start_ok_with_padding(bytes: usize) -> Frame {
    let padding = AMQPValue::LongString(vec![b'x'; bytes].into());
    Frame::method(
        0,
        connections::StartOk {
            client_properties: ferrymq_tests::raw::table([("padding", padding)]),
            mechanism: "PLAIN".into(),
            response: "\0guest\0guest".into(),
            locale: "en_US".into(),
        },
    )
}

#[test]
fn a_frame_that_only_announces_too_much_is_turned_away_before_it_is_sent() {
    let connection = Connection::connect(address());
    connection.start();
    connection.send_bytes(&[1, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    assert_turned_away(&connection, &[501]);
}

#[test]
fn other_protocols_are_logged_by_name_and_health_checks_not_at_all() {
    if is_other_broker("needs a broker of its own") {
        return;
    }
    let broker = Broker::start();
    for _ in 0..3 {
        Connection::connect(broker.amqp()).drop_socket();
    }
    for header in [b"GET / HT", b"\x16\x03\x01\x02\x00\x01\x00\x01"] {
        let connection = Connection::connect(broker.amqp());
        connection.send_bytes(header);
        connection.read_bytes(8);
        connection.expect_end();
    }
    broker.wait_for_log("HTTP GET request");
    broker.wait_for_log("TLS client");
    let log = broker.log();
    assert_eq!(log.matches("AMQP connection").count(), 2, "{log}");
}
