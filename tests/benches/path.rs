//! The path of a message as a whole, from the bytes of `basic.publish` to those of `basic.deliver` (and
//! `basic.ack` where there is one), without sockets and on one thread.
//!
//! `cargo bench --bench path` prints the time per message. Nothing in it depends on the clock, so that
//! counted instructions can be compared between versions:
//! `FERRYMQ_BENCH_MESSAGES=100000 valgrind --tool=callgrind target/release/deps/path-…`, twice with
//! different numbers; the difference is what the messages cost.

use std::io::IoSlice;
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use ferrymq_amqp::content::encode_header;
use ferrymq_amqp::frame::{self, PROTOCOL_HEADER};
use ferrymq_amqp::method::{self, AMQPClass, basic, channel, connection, queue};
use ferrymq_broker::clock::Timestamp;
use ferrymq_broker::session::connection::Connection;
use ferrymq_broker::session::endpoints::Endpoints;
use ferrymq_broker::{Broker, Config};
use tokio::sync::Notify;

const NOW: Timestamp = Timestamp::from_millis(1_000);
/// Messages of one read.
const BATCH: u64 = 500;
const QUEUE: &str = "path";

/// A client without a socket.
struct Client {
    connection: Connection,
    read: BytesMut,
}

impl Client {
    /// Logs in and opens channel 1.
    fn open(broker: &Arc<Broker>) -> Self {
        let address = "127.0.0.1:9".parse().expect("an address");
        let endpoints = Endpoints {
            peer: address,
            local: address,
        };
        let mut client = Self {
            connection: broker.connect(endpoints, Arc::new(Notify::new()), NOW),
            read: BytesMut::new(),
        };
        client.send(&PROTOCOL_HEADER);
        let start_ok = connection::StartOk {
            client_properties: Default::default(),
            mechanism: "PLAIN".into(),
            response: (&b"\0guest\0guest"[..]).into(),
            locale: "en_US".into(),
        };
        client.call(
            0,
            AMQPClass::Connection(connection::AMQPMethod::StartOk(start_ok)),
        );
        let (credentials, peer) = client.connection.take_login().expect("a login");
        let (user, password) = (&credentials.user, &credentials.password);
        let answer = broker.users().authenticate(user, password, peer.ip(), NOW);
        client.connection.handle_login(answer, NOW);
        let tune_ok = connection::TuneOk {
            channel_max: 0,
            frame_max: 0,
            heartbeat: 0,
        };
        client.call(
            0,
            AMQPClass::Connection(connection::AMQPMethod::TuneOk(tune_ok)),
        );
        let open = connection::Open {
            virtual_host: "/".into(),
        };
        client.call(0, AMQPClass::Connection(connection::AMQPMethod::Open(open)));
        client.call(
            1,
            AMQPClass::Channel(channel::AMQPMethod::Open(channel::Open {})),
        );
        client
    }

    fn call(&mut self, channel: u16, method: AMQPClass) {
        let mut bytes = Vec::new();
        method::encode(&mut bytes, channel, &method);
        self.send(&bytes);
        assert!(self.receive() > 0, "{method:?} is answered");
    }

    /// The broker gets these bytes in one read.
    fn send(&mut self, bytes: &[u8]) {
        self.read.extend_from_slice(bytes);
        self.connection.handle_input(&mut self.read, NOW);
        self.connection.finish_round();
    }

    /// The broker writes what it has; gives the number of bytes.
    fn receive(&mut self) -> usize {
        let mut received = 0;
        loop {
            self.connection.handle_outbox(NOW);
            let mut slices: Vec<IoSlice<'_>> = Vec::new();
            self.connection.outbound().writable(&mut slices);
            let written: usize = slices.iter().map(|slice| slice.len()).sum();
            drop(slices);
            if written == 0 {
                return received;
            }
            self.connection.outbound().advance(written);
            received += written;
        }
    }
}

/// The publishes of one read.
fn batch() -> Vec<u8> {
    let publish = basic::Publish {
        exchange: "".into(),
        routing_key: QUEUE.into(),
        mandatory: false,
        immediate: false,
    };
    let publish = AMQPClass::Basic(basic::AMQPMethod::Publish(publish));
    let mut bytes = Vec::new();
    for _ in 0..BATCH {
        method::encode(&mut bytes, 1, &publish);
        encode_header(&mut bytes, 1, 16, &[0, 0]);
        frame::encode_body(&mut bytes, 1, &[7; 16]);
    }
    bytes
}

/// Publishes and delivers so many messages.
fn run(broker: &Arc<Broker>, no_ack: bool, messages: u64) {
    let (mut publisher, mut consumer) = (Client::open(broker), Client::open(broker));
    let declare = queue::Declare {
        queue: QUEUE.into(),
        ..Default::default()
    };
    consumer.call(1, AMQPClass::Queue(queue::AMQPMethod::Declare(declare)));
    let consume = basic::Consume {
        queue: QUEUE.into(),
        consumer_tag: "path".into(),
        no_local: false,
        no_ack,
        exclusive: false,
        nowait: false,
        arguments: Default::default(),
    };
    consumer.call(1, AMQPClass::Basic(basic::AMQPMethod::Consume(consume)));
    let batch = batch();
    for number in 1..=messages / BATCH {
        publisher.send(&batch);
        assert!(consumer.receive() >= batch.len() / 2, "everything arrives");
        if !no_ack {
            let mut ack = Vec::new();
            method::encode_ack(&mut ack, 1, number * BATCH, true);
            consumer.send(&ack);
        }
    }
}

fn main() {
    let messages = std::env::var("FERRYMQ_BENCH_MESSAGES").ok();
    let messages = messages.and_then(|number| number.parse().ok());
    let messages: u64 = messages.unwrap_or(2_000_000);
    let acks = std::env::var_os("FERRYMQ_BENCH_ACKS").is_some();
    let directory = tempfile::tempdir().expect("a directory");
    let config = Config {
        data_dir: directory.path().to_owned(),
        ..Config::default()
    };
    let broker = Broker::open(config).expect("a broker");
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
    let began = Instant::now();
    run(&broker, !acks, messages);
    let took = began.elapsed();
    println!(
        "{messages} messages, {} ns each",
        took.as_nanos() as u64 / messages.max(1)
    );
}
