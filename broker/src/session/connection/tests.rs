//! A connection without its socket, from header to close.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use ferrymq_amqp::frame::PROTOCOL_HEADER;
use ferrymq_amqp::method::{self, AMQPClass, Method, basic, channel, connection, queue};
use tokio::sync::Notify;

use super::Connection;
use crate::broker::Broker;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::session::endpoints::Endpoints;
use crate::session::outbox::{Dirty, Item};
use crate::stats::Kind;

/// The header of a message without a body.
const EMPTY_CONTENT: &[u8] = &[
    2, 0, 1, 0, 0, 0, 14, 0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xCE,
];

const NOW: Timestamp = Timestamp::from_millis(1_000);

fn send(connection: &mut Connection, methods: &[(u16, AMQPClass)]) {
    let mut bytes = Vec::new();
    for (channel, method) in methods {
        method::encode(&mut bytes, *channel, method);
    }
    connection.handle_input(&mut BytesMut::from(&bytes[..]), NOW);
}

/// On channel 1, so much after it was opened; with what comes of it.
fn send_later(connection: &mut Connection, after_ms: u64, method: basic::AMQPMethod) {
    let mut bytes = Vec::new();
    let is_publish = matches!(method, basic::AMQPMethod::Publish(_));
    method::encode(&mut bytes, 1, &AMQPClass::Basic(method));
    if is_publish {
        bytes.extend(EMPTY_CONTENT);
    }
    let now = NOW.after(Duration::from_millis(after_ms));
    connection.handle_input(&mut BytesMut::from(&bytes[..]), now);
    connection.handle_outbox(now);
}

/// The methods that wait to be written.
fn written(connection: &mut Connection) -> Vec<AMQPClass> {
    let mut slices = Vec::new();
    connection.outbound().writable(&mut slices);
    let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
    let mut rest = &bytes[..];
    let mut methods = Vec::new();
    while let Some(frame) = ferrymq_amqp::frame::decode(rest, u32::MAX).unwrap() {
        if let Method::Other(class) = method::decode(frame.payload).unwrap() {
            methods.push(class);
        }
        rest = &rest[frame.encoded_len()..];
    }
    connection.outbound().advance(bytes.len());
    methods
}

/// A connection with channel 1 open.
fn opened(broker: &Arc<Broker>) -> Connection {
    let address = "127.0.0.1:9".parse().unwrap();
    let endpoints = Endpoints {
        peer: address,
        local: address,
    };
    let wake = Arc::new(Notify::new());
    let mut opened = broker.connect(endpoints, wake, NOW);
    opened.handle_input(&mut BytesMut::from(&PROTOCOL_HEADER[..]), NOW);
    written(&mut opened);
    let connection = |method| (0, AMQPClass::Connection(method));
    let start_ok = connection::StartOk {
        client_properties: Default::default(),
        mechanism: "PLAIN".into(),
        response: (&b"\0guest\0guest"[..]).into(),
        locale: "en_US".into(),
    };
    send(
        &mut opened,
        &[connection(connection::AMQPMethod::StartOk(start_ok))],
    );
    let (credentials, peer) = opened.take_login().unwrap();
    let users = broker.users();
    let answer = users.authenticate(&credentials.user, &credentials.password, peer.ip(), NOW);
    opened.handle_login(answer, NOW);
    let tune_ok = connection::TuneOk {
        channel_max: 0,
        frame_max: 0,
        heartbeat: 0,
    };
    let open = connection::Open {
        virtual_host: "/".into(),
    };
    let channel_open = channel::AMQPMethod::Open(channel::Open {});
    send(
        &mut opened,
        &[
            connection(connection::AMQPMethod::TuneOk(tune_ok)),
            connection(connection::AMQPMethod::Open(open)),
            (1, AMQPClass::Channel(channel_open)),
        ],
    );
    let last = written(&mut opened).pop();
    assert!(matches!(
        last,
        Some(AMQPClass::Channel(channel::AMQPMethod::OpenOk(_)))
    ));
    opened
}

fn broker() -> (Arc<Broker>, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::open(Config {
        data_dir: directory.path().to_owned(),
        ..Config::default()
    });
    (broker.unwrap(), directory)
}

#[test]
fn what_is_asked_of_the_connection_outlives_a_cancel_that_empties_the_outbox() {
    let (broker, _directory) = broker();
    let mut connection = opened(&broker);
    let reply_consumer = basic::Consume {
        queue: "amq.rabbitmq.reply-to".into(),
        consumer_tag: "answers".into(),
        no_local: false,
        no_ack: true,
        exclusive: false,
        nowait: false,
        arguments: Default::default(),
    };
    let consume = basic::AMQPMethod::Consume(reply_consumer);
    send(&mut connection, &[(1, AMQPClass::Basic(consume))]);
    let close = std::iter::once(Item::Close("shutdown".into()));
    let outbox = connection.entry().outbox();
    outbox.push(close, &mut Dirty::default());
    let cancel = basic::AMQPMethod::Cancel(basic::Cancel {
        consumer_tag: "answers".into(),
        nowait: false,
    });
    send(&mut connection, &[(1, AMQPClass::Basic(cancel))]);
    connection.handle_outbox(NOW);
    match written(&mut connection).pop() {
        Some(AMQPClass::Connection(connection::AMQPMethod::Close(close))) => {
            assert_eq!(close.reply_code, 320);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_consumer_knows_what_it_acked_and_how_long_that_took() {
    let (broker, _directory) = broker();
    let mut client = opened(&broker);
    for (name, no_ack) in [("q", false), ("r", true)] {
        let declare = queue::AMQPMethod::Declare(queue::Declare {
            queue: name.into(),
            passive: false,
            durable: false,
            exclusive: false,
            auto_delete: false,
            nowait: false,
            arguments: Default::default(),
        });
        send(&mut client, &[(1, AMQPClass::Queue(declare))]);
        let consume = basic::Consume {
            queue: name.into(),
            consumer_tag: name.into(),
            no_local: false,
            no_ack,
            exclusive: false,
            nowait: false,
            arguments: Default::default(),
        };
        send_later(&mut client, 0, basic::AMQPMethod::Consume(consume));
    }
    let publish = |name: &str| {
        basic::AMQPMethod::Publish(basic::Publish {
            exchange: "".into(),
            routing_key: name.into(),
            mandatory: false,
            immediate: false,
        })
    };
    let ack = |delivery_tag, multiple| {
        basic::AMQPMethod::Ack(basic::Ack {
            delivery_tag,
            multiple,
        })
    };
    let reject = |delivery_tag, requeue| {
        basic::AMQPMethod::Reject(basic::Reject {
            delivery_tag,
            requeue,
        })
    };
    let consumers = client.entry().channel(1).unwrap().consumers();
    let [acking, no_ack] = &consumers[..] else {
        panic!("there are {}", consumers.len());
    };
    let mut check = |after_ms, method, expected| {
        send_later(&mut client, after_ms, method);
        let activity = acking.activity();
        let unacked_ms = acking.counters.unacked_ms.get();
        let found = (activity[Kind::Deliver], activity[Kind::Ack], unacked_ms);
        assert_eq!(found, expected, "after {after_ms} ms");
    };
    // Delivered, acked, and how long that was unacked.
    check(0, publish("q"), (1, 0, 0));
    check(100, publish("q"), (2, 0, 0));
    check(200, publish("q"), (3, 0, 0));
    check(300, publish("r"), (3, 0, 0));
    check(1_000, ack(1, false), (3, 1, 1_000));
    check(1_100, reject(3, true), (4, 1, 1_000));
    check(1_200, reject(2, false), (4, 1, 1_000));
    check(1_300, publish("q"), (5, 1, 1_000));
    check(1_400, ack(0, true), (5, 3, 1_000 + 300 + 100));
    let activity = no_ack.activity();
    assert_eq!(activity[Kind::DeliverNoAck], 1);
    assert_eq!((activity[Kind::Deliver], activity[Kind::Ack]), (0, 0));
}
