//! The broker that all cases share, and names that no two of them share.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use ferrymq_tests::Broker;
use ferrymq_tests::raw::{Channel, Connection, Login, Tuning, connections};

/// Where the broker under test speaks AMQP.
pub(crate) fn address() -> SocketAddr {
    static BROKER: OnceLock<Broker> = OnceLock::new();
    static OTHER: OnceLock<Option<SocketAddr>> = OnceLock::new();
    OTHER
        .get_or_init(other_address)
        .unwrap_or_else(|| BROKER.get_or_init(Broker::start).amqp())
}

fn other_address() -> Option<SocketAddr> {
    let name = std::env::var("FERRYMQ_TEST_AMQP").ok()?;
    let mut addresses = name
        .to_socket_addrs()
        .expect("FERRYMQ_TEST_AMQP as host:port");
    addresses.next()
}

/// Whether the broker under test is another one, which may differ where `difference` says.
pub(crate) fn is_other_broker(difference: &str) -> bool {
    let other = std::env::var_os("FERRYMQ_TEST_AMQP").is_some();
    if other {
        eprintln!("another broker: {difference}");
    }
    other
}

/// An open connection as guest, without heartbeats.
#[track_caller]
pub(crate) fn connect() -> Connection {
    Connection::open(address())
}

#[track_caller]
pub(crate) fn connect_with(tuning: Tuning) -> Connection {
    Connection::open_with(address(), &Login::default(), tuning)
}

/// A channel on a connection of its own.
#[track_caller]
pub(crate) fn channel() -> Channel {
    connect().channel()
}

/// A channel in confirm mode, on a connection of its own.
#[track_caller]
pub(crate) fn confirming_channel() -> Channel {
    let channel = channel();
    channel.confirm();
    channel
}

/// A name that no other case uses, also on a broker that outlives the run.
pub(crate) fn unique(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{name}.{}.{number}", std::process::id())
}

/// What is left in the queue, in order; the queue goes with it.
#[track_caller]
pub(crate) fn drained(channel: &Channel, queue: &str) -> Vec<String> {
    let bodies = channel.drain(queue);
    channel.delete_queue(queue);
    bodies
}

/// Asks again until the answer is yes: for effects that AMQP does not announce. Each question is a
/// round trip, and the channel's deadline is this one's.
#[track_caller]
pub(crate) fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let many = 200_000;
    assert!((0..many).any(|_| happened()), "never happened: {what}");
}

/// Checks that the broker does not go on: it either says so with one of these codes or just closes
/// the socket, as it may before the connection is open.
#[track_caller]
pub(crate) fn assert_turned_away(connection: &Connection, codes: &[u16]) {
    if let Some(close) = connection.read_to_close() {
        assert!(codes.contains(&close.reply_code), "{close:?}");
    }
}

/// Expects a refusal with any of these codes.
#[track_caller]
pub(crate) fn assert_refused_with(connection: &Connection, codes: &[u16]) {
    let close: connections::Close = connection.expect();
    assert!(codes.contains(&close.reply_code), "{close:?}");
    connection.send(connections::CloseOk {});
    connection.expect_end();
}
