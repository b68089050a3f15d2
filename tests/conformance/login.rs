//! SASL: who gets in, and what those hear who do not.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use ferrymq_tests::Broker;
use ferrymq_tests::harness::Options;
use ferrymq_tests::raw::{Connection, Login, Tuning};

use crate::support::{address, assert_turned_away, is_other_broker};

/// A field table without its length, as AMQPLAIN wants it.
fn fields(fields: &[(&str, u8, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, tag, value) in fields {
        bytes.push(u8::try_from(name.len()).expect("a short name"));
        bytes.extend(name.as_bytes());
        bytes.push(*tag);
        bytes.extend(
            u32::try_from(value.len())
                .expect("a short value")
                .to_be_bytes(),
        );
        bytes.extend(value.as_bytes());
    }
    bytes
}

fn amqplain(response: Vec<u8>) -> Login {
    Login {
        mechanism: "AMQPLAIN",
        response,
        ..Login::default()
    }
}

fn plain(response: &[u8]) -> Login {
    Login {
        response: response.to_vec(),
        ..Login::default()
    }
}

fn start() -> Connection {
    let connection = Connection::connect(address());
    connection.start();
    connection
}

#[track_caller]
fn check_accepted(login: &Login) {
    Connection::open_with(address(), login, Tuning::default()).close();
}

#[track_caller]
fn check_refused(login: &Login) {
    let connection = start();
    connection.send_start_ok(login);
    let text = format!(
        "ACCESS_REFUSED - Login was refused using authentication mechanism {}. \
         For details see the broker logfile.",
        login.mechanism
    );
    let close = connection.refused(403, &text);
    assert_eq!(close.reply_text.as_str(), text);
    assert_eq!((close.class_id, close.method_id), (0, 0));
}

/// Not logins at all: some broker says 403, some names the syntax, some just closes the socket, and
/// not at once.
#[track_caller]
fn check_turned_away(logins: &[Login]) {
    let connections: Vec<Connection> = logins.iter().map(|_| start()).collect();
    for (connection, login) in connections.iter().zip(logins) {
        connection.send_start_ok(login);
    }
    for connection in &connections {
        assert_turned_away(connection, &[403, 502, 503]);
    }
}

#[test]
fn plain_logs_in() {
    check_accepted(&Login::plain("guest", "guest"));
}

#[test]
fn amqplain_logs_in() {
    check_accepted(&amqplain(fields(&[
        ("LOGIN", b'S', "guest"),
        ("PASSWORD", b'S', "guest"),
    ])));
    check_accepted(&amqplain(fields(&[
        ("PASSWORD", b'S', "guest"),
        ("LOGIN", b'S', "guest"),
    ])));
}

#[test]
fn amqplain_takes_byte_arrays() {
    if is_other_broker("3.10 takes strings only") {
        return;
    }
    check_accepted(&amqplain(fields(&[
        ("LOGIN", b'x', "guest"),
        ("PASSWORD", b'x', "guest"),
    ])));
}

#[test]
fn a_wrong_password_is_refused() {
    check_refused(&Login::plain("guest", "wrong"));
    check_refused(&amqplain(fields(&[
        ("LOGIN", b'S', "guest"),
        ("PASSWORD", b'S', "wrong"),
    ])));
}

#[test]
fn an_unknown_user_is_refused_in_the_same_words() {
    check_refused(&Login::plain("nobody", "guest"));
    check_refused(&amqplain(fields(&[
        ("LOGIN", b'S', "nobody"),
        ("PASSWORD", b'S', "guest"),
    ])));
}

#[test]
fn a_blank_password_is_refused() {
    check_refused(&Login::plain("guest", ""));
}

#[test]
fn user_names_are_case_sensitive() {
    check_refused(&Login::plain("Guest", "guest"));
}

#[test]
fn without_the_capability_a_failed_login_is_only_closed() {
    let connection = start();
    let login = Login::plain("guest", "wrong").without("authentication_failure_close");
    connection.send_start_ok(&login);
    connection.expect_end();
}

#[test]
fn plain_needs_two_fields_behind_a_nul() {
    check_turned_away(&[
        plain(b""),
        plain(b"\0guest"),
        plain(b"guest\0guest"),
        plain(b"other\0guest\0guest"),
        plain(b"\0guest\0guest\0guest"),
    ]);
}

#[test]
fn amqplain_needs_login_and_password() {
    check_turned_away(&[
        amqplain(fields(&[("LOGIN", b'S', "guest")])),
        amqplain(fields(&[("PASSWORD", b'S', "guest")])),
        amqplain(Vec::new()),
    ]);
}

#[test]
fn amqplain_that_does_not_decode_is_turned_away() {
    check_turned_away(&[
        amqplain(vec![5, b'L', b'O']),
        amqplain(b"\x05LOGIN?guest".to_vec()),
        amqplain(b"\x05LOGINS\xff\xff\xff\xffguest".to_vec()),
    ]);
}

#[test]
fn a_mechanism_that_is_not_offered_is_turned_away() {
    let mechanisms = ["SCRAM", "plain", "", "EXTERNAL", "ANONYMOUS"];
    check_turned_away(&mechanisms.map(|mechanism| Login {
        mechanism,
        ..Login::default()
    }));
}

/// An address of this machine that is not its loopback address, when it has one.
fn outer_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // Nothing is sent: this only asks which address would be used.
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

#[test]
fn guest_may_only_come_from_this_machine() {
    if is_other_broker("needs a broker of its own") {
        return;
    }
    let Some(outer) = outer_address() else {
        return eprintln!("no address but the loopback one");
    };
    let broker = Options::default().amqp_listen("0.0.0.0:0").start();
    let connection = Connection::connect(SocketAddr::new(outer, broker.amqp().port()));
    connection.start();
    connection.send_start_ok(&Login::default());
    let words = "Login was refused using authentication mechanism PLAIN";
    connection.refused(403, words);
    let loopback = SocketAddr::from(([127, 0, 0, 1], broker.amqp().port()));
    Connection::open(loopback).close();
}

#[test]
fn another_default_user_may_come_from_anywhere() {
    if is_other_broker("needs a broker of its own") {
        return;
    }
    let Some(outer) = outer_address() else {
        return eprintln!("no address but the loopback one");
    };
    let broker = Options::default()
        .amqp_listen("0.0.0.0:0")
        .environment("FERRYMQ_AUTH_DEFAULT_USER", "somebody")
        .environment("FERRYMQ_AUTH_DEFAULT_PASS", "secret")
        .start();
    let address = SocketAddr::new(outer, broker.amqp().port());
    let login = Login::plain("somebody", "secret");
    Connection::open_with(address, &login, Tuning::default()).close();
}

#[test]
fn the_log_says_who_failed_and_never_the_password() {
    if is_other_broker("needs a broker of its own") {
        return;
    }
    let broker = Broker::start();
    let connection = Connection::connect(broker.amqp());
    connection.start();
    connection.send_start_ok(&Login::plain("guest", "not-the-password"));
    connection.refused(403, "Login was refused");
    let line = broker.wait_for_log("invalid credentials");
    assert!(line.contains("'guest'"), "{line}");
    let log = broker.log();
    assert!(!log.contains("not-the-password"), "{log}");
}
