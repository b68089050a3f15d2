//! Clients that mean no good, or do not know better: what they cost, and whom.

use std::fs;
use std::io::Write;
use std::time::Duration;

use ferrymq_tests::Broker;
use ferrymq_tests::harness::Options;
use ferrymq_tests::raw::{BasicProperties, Connection, Frame, Login, Tuning, basic, channels};

use crate::support::{address, channel, connect, is_other_broker, unique};

const MIB: usize = 1 << 20;

/// Resident memory of the broker.
fn memory_bytes(broker: &Broker) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", broker.pid())).expect("its status");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .expect("VmRSS");
    let kib = line
        .split_whitespace()
        .nth(1)
        .and_then(|number| number.parse::<usize>().ok());
    kib.expect("a number of KiB") * 1024
}

/// Uses the broker as any client would.
#[track_caller]
fn check_works(broker: &Broker) {
    let channel = Connection::open(broker.amqp()).channel();
    let queue = channel.temporary_queue();
    channel.fill(&queue, &["a", "b"]);
    assert_eq!(channel.drain(&queue), ["a", "b"]);
    channel.connection().close();
}

#[test]
fn garbage_costs_only_its_own_connection() {
    let bystander = channel();
    let channel = channel();
    channel.connection().send_bytes(&[0xab; 10_000]);
    channel.connection().refused(501, "");
    bystander.temporary_queue();
}

#[test]
fn garbage_behind_a_good_frame_does_not_undo_it() {
    let bystander = channel();
    let channel = channel();
    let queue = bystander.queue(&unique("before"));
    channel.publish("", &queue, "a");
    channel.connection().send_bytes(&[0xab; 100]);
    channel.connection().refused(501, "");
    assert_eq!(bystander.drain(&queue), ["a"]);
}

#[test]
fn half_a_frame_holds_up_nobody_else() {
    let bystander = channel();
    let channel = channel();
    let bytes = Frame::method(1, basic::Qos::default()).encode();
    channel.connection().send_bytes(&bytes[..5]);
    bystander.expect_nothing();
    channel.connection().send_bytes(&bytes[5..]);
    channel.expect::<basic::QosOk>();
}

#[test]
fn a_second_header_is_garbage() {
    let connection = connect();
    connection.send_bytes(b"AMQP\x00\x00\x09\x01");
    crate::support::assert_refused_with(&connection, &[501]);
}

#[test]
fn connections_come_and_go() {
    for round in 0..200 {
        let connection = Connection::connect(address());
        match round % 4 {
            0 => drop(connection),
            1 => drop(connection.start()),
            2 => {
                connection.start();
                connection.log_in(&Login::default());
                connection.drop_socket();
            }
            _ => {
                connect().channel().temporary_queue();
            }
        }
    }
    channel().temporary_queue();
}

/// A broker that waits one second for a handshake.
fn impatient() -> Broker {
    Options::default()
        .environment("FERRYMQ_AMQP_HANDSHAKE_TIMEOUT", "1s")
        .start()
}

#[test]
fn an_unfinished_handshake_is_closed_in_silence() {
    let own = (!is_other_broker("needs handshake_timeout = 2000")).then(impatient);
    let address = own.as_ref().map_or_else(address, Broker::amqp);
    let silent = Connection::connect(address);
    let half_a_header = Connection::connect(address);
    half_a_header.send_bytes(b"AMQP");
    let started = Connection::connect(address);
    started.start();
    let logged_in = Connection::connect(address);
    logged_in.start();
    let proposed = logged_in.log_in(&Login::default());
    let tuned = Connection::connect(address);
    tuned.start();
    tuned.log_in(&Login::default());
    tuned.tune(
        proposed,
        Tuning {
            heartbeat: 60,
            ..Tuning::default()
        },
    );
    for connection in [silent, half_a_header, started, logged_in, tuned] {
        connection.expect_end();
    }
}

#[test]
fn the_handshake_time_does_not_start_again_with_every_byte() {
    if is_other_broker("needs a broker of its own") {
        return;
    }
    let broker = impatient();
    let connection = Connection::connect(broker.amqp());
    connection.start();
    connection.set_patience(Duration::from_millis(50));
    let mut socket = connection.socket();
    let sent = (0..400)
        .take_while(|_| is_open_after_heartbeat(&mut socket))
        .count();
    assert!(
        (1..100).contains(&sent),
        "closed after {sent} heartbeats, 50 ms apart"
    );
}

/// Sends a heartbeat and waits for the end of the stream as long as its time-out says.
fn is_open_after_heartbeat(socket: &mut std::net::TcpStream) -> bool {
    let sent = socket.write_all(&Frame::heartbeat().encode());
    let read = std::io::Read::read(socket, &mut [0; 100]);
    let waited = |error: &std::io::Error| error.kind() == std::io::ErrorKind::WouldBlock;
    sent.is_ok() && read.as_ref().is_err_and(waited)
}

#[test]
fn many_unfinished_handshakes_stop_nobody() {
    if is_other_broker("needs a broker of its own") {
        return;
    }
    let broker = impatient();
    let silent: Vec<Connection> = (0..500)
        .map(|number| {
            let connection = Connection::connect(broker.amqp());
            if number % 2 == 0 {
                connection.start();
            }
            connection
        })
        .collect();
    check_works(&broker);
    for connection in &silent {
        connection.expect_end();
    }
    check_works(&broker);
}

/// Opens every channel there is, a thousand at a time, and ends the connection.
fn open_all_channels(broker: &Broker) {
    let connection = Connection::open(broker.amqp());
    let numbers: Vec<u16> = (1..=u16::MAX).collect();
    for numbers in numbers.chunks(1000) {
        let frames: Vec<Frame> = numbers
            .iter()
            .map(|id| Frame::method(*id, channels::Open {}))
            .collect();
        connection.send_frames(&frames);
        for id in numbers {
            connection
                .unopened_channel(*id)
                .expect::<channels::OpenOk>();
        }
    }
    connection.close();
}

#[test]
fn all_65535_channels_can_be_open_and_leave_nothing_behind() {
    if is_other_broker("needs a broker of its own") {
        return;
    }
    let broker = Options::default()
        .environment("FERRYMQ_AMQP_CHANNEL_MAX", "65535")
        .start();
    open_all_channels(&broker);
    let first = memory_bytes(&broker);
    for _ in 0..3 {
        open_all_channels(&broker);
    }
    let last = memory_bytes(&broker);
    assert!(last < first + 20 * MIB, "{first} bytes grew to {last}");
    check_works(&broker);
}

#[test]
fn an_announced_body_takes_no_memory() {
    if is_other_broker("needs a broker of its own") {
        return;
    }
    let broker = Broker::start();
    let connection = Connection::open(broker.amqp());
    let before = memory_bytes(&broker);
    for id in 1..=2000 {
        let channel = connection.channel_at(id);
        connection.send_frames(&[
            Frame::method(channel.id(), basic::Publish::default()),
            Frame::header(channel.id(), 16 * MIB as u64, &BasicProperties::default()),
        ]);
    }
    connection.channel_at(2001).expect_nothing();
    let after = memory_bytes(&broker);
    assert!(after < before + 50 * MIB, "{before} bytes grew to {after}");
}

#[test]
fn a_consumer_that_never_reads_stops_nobody() {
    let own = (!is_other_broker("its memory is not looked at")).then(Broker::start);
    let address = own.as_ref().map_or_else(address, Broker::amqp);
    let (publisher, bystander) = (
        Connection::open(address).channel(),
        Connection::open(address).channel(),
    );
    let reader = Connection::open(address).channel();
    let queue = publisher.queue(&unique("unread"));
    let consume = basic::Consume {
        queue: queue.as_str().into(),
        no_ack: true,
        ..Default::default()
    };
    reader.consume_with(consume);
    publisher.confirm();
    let body = "x".repeat(MIB);
    for number in 1..=100 {
        publisher.publish("", &queue, &body);
        publisher.expect::<basic::Ack>();
        if number % 10 == 0 {
            bystander.temporary_queue();
        }
    }
    if let Some(broker) = &own {
        let memory = memory_bytes(broker);
        assert!(
            memory < 250 * MIB,
            "{memory} bytes for a backlog of 100 MiB"
        );
    }
    reader.connection().drop_socket();
    publisher.delete_queue(&queue);
    bystander.expect_nothing();
}

/// Writes `bytes` again and again while the client reads nothing, and expects the broker to stop
/// reading, too.
#[track_caller]
fn check_held_back(broker: &Broker, connection: &Connection, bytes: &[u8]) {
    let mut socket = connection.socket();
    socket
        .set_write_timeout(Some(Duration::from_secs(2)))
        .expect("set a time-out");
    let limit = 48 * MIB;
    let mut written = 0;
    while written < limit && socket.write_all(bytes).is_ok() {
        written += bytes.len();
    }
    assert!(
        written < limit,
        "the broker keeps the answers to {written} bytes"
    );
    check_works(broker);
    let memory = memory_bytes(broker);
    assert!(memory < 150 * MIB, "{memory} bytes");
}

#[test]
fn a_client_that_asks_and_never_reads_is_held_back() {
    if is_other_broker("needs a broker of its own") {
        return;
    }
    let broker = Broker::start();
    let channel = Connection::open(broker.amqp()).channel();
    let flow = Frame::method(channel.id(), channels::Flow { active: true });
    check_held_back(&broker, channel.connection(), &flow.encode().repeat(1000));
}

#[test]
fn a_client_that_never_reads_its_returns_is_held_back() {
    if is_other_broker("needs a broker of its own") {
        return;
    }
    let broker = Broker::start();
    let channel = Connection::open(broker.amqp()).channel();
    let publish = basic::Publish {
        routing_key: "nowhere".into(),
        mandatory: true,
        ..Default::default()
    };
    let message = [
        Frame::method(channel.id(), publish),
        Frame::header(channel.id(), 1000, &BasicProperties::default()),
        Frame::body(channel.id(), &[b'x'; 1000]),
    ];
    let bytes: Vec<u8> = message.iter().flat_map(Frame::encode).collect();
    check_held_back(&broker, channel.connection(), &bytes.repeat(10));
}
