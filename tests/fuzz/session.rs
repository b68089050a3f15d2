//! Whole sessions against the running broker: valid ones, mutated, cut into pieces, broken off.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use ferrymq_tests::Broker;
use ferrymq_tests::raw::{Connection, Frame};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::Case;
use crate::budget::Budget;
use crate::mutation::mutate;
use crate::script;
use crate::vitals;

/// Clients at a time: many, because the broker takes seconds to part with one that has offended.
const CLIENTS: usize = 200;

/// How long the broker may take to end a connection that the client has ended.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs sessions until the budget is spent; returns how many.
pub(crate) fn run(seed: u64) -> u64 {
    let mut broker = Broker::start();
    check_health(broker.amqp());
    let descriptors = vitals::descriptors(broker.pid());
    let budget = Budget::share(2);
    let sessions = AtomicU64::new(0);
    let address = broker.amqp();
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while budget.is_left() {
                    let number = sessions.fetch_add(1, Ordering::Relaxed);
                    session(address, seed.wrapping_add(number));
                    if number.is_multiple_of(200) {
                        check_health(address);
                    }
                }
            });
        }
    });
    check_health(address);
    vitals::check_descriptors(broker.pid(), descriptors);
    vitals::check_memory(broker.pid());
    assert!(broker.stop().success(), "{}", broker.log());
    broker.start_again();
    check_health(broker.amqp());
    assert!(!broker.log().contains("panicked"), "{}", broker.log());
    sessions.into_inner()
}

/// An innocent client gets what it always got.
fn check_health(address: SocketAddr) {
    let connection = Connection::open(address);
    let channel = connection.channel();
    let queue = channel.temporary_queue();
    channel.confirm();
    channel.publish("", &queue, "are you well?");
    channel.confirmed(1);
    assert_eq!(channel.drain(&queue), ["are you well?"]);
    connection.close();
}

fn session(address: SocketAddr, seed: u64) {
    let _named = Case(seed);
    let mut random = SmallRng::seed_from_u64(seed);
    let bytes = bytes(&mut random);
    let mut socket = TcpStream::connect(address).expect("the broker accepts connections");
    socket
        .set_read_timeout(Some(PATIENCE))
        .expect("a read time-out");
    let reading = socket.try_clone().expect("the socket again");
    thread::scope(|scope| {
        let reader = scope.spawn(move || read_to_end(reading));
        send(&mut socket, &mut random, &bytes);
        let end = if random.random() {
            Shutdown::Both
        } else {
            Shutdown::Write
        };
        // The broker may have been faster.
        let _ = socket.shutdown(end);
        reader.join().expect("a reader that does not panic");
    });
}

/// A session's bytes: one in five with a broken handshake, most with something broken later.
fn bytes(random: &mut SmallRng) -> Vec<u8> {
    let mut chunks = script::handshake();
    let broken_start = random.random_ratio(1, 5);
    let script = script::frames(random);
    let first = if broken_start { 0 } else { chunks.len() };
    chunks.extend(script.iter().map(Frame::encode));
    for _ in 0..random.random_range(0..4) {
        let at = random.random_range(first..chunks.len());
        let other = chunks[random.random_range(0..chunks.len())].clone();
        mutate_chunk(random, &mut chunks[at], &other);
    }
    if random.random_ratio(1, 3) {
        chunks.truncate(random.random_range(1..=chunks.len()));
    }
    chunks.concat()
}

/// Half of the mutations keep the frame whole, so that they get past the framing.
fn mutate_chunk(random: &mut SmallRng, chunk: &mut Vec<u8>, other: &[u8]) {
    if chunk.len() <= 8 || random.random() {
        return mutate(random, chunk, other);
    }
    let mut payload = chunk[7..chunk.len() - 1].to_vec();
    mutate(random, &mut payload, other);
    let channel = u16::from_be_bytes([chunk[1], chunk[2]]);
    *chunk = Frame::new(chunk[0], channel, payload).encode();
}

fn send(socket: &mut TcpStream, random: &mut SmallRng, bytes: &[u8]) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let most = if random.random() {
            rest.len()
        } else {
            rest.len().min(50)
        };
        let (piece, after) = rest.split_at(random.random_range(1..=most));
        if socket.write_all(piece).is_err() {
            return;
        }
        rest = after;
    }
}

/// Reads what the broker says until it ends the connection, which it must.
fn read_to_end(mut socket: TcpStream) {
    let mut buffer = vec![0; 65_536];
    loop {
        match socket.read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("the broker leaves an ended connection open");
            }
            Err(_) => return,
        }
    }
}
