//! A connection without its socket, from header to close.

use std::sync::Arc;

use bytes::BytesMut;
use ferrymq_amqp::frame::PROTOCOL_HEADER;
use ferrymq_amqp::method::{self, AMQPClass, Method, basic, channel, connection};
use tokio::sync::Notify;

use super::Connection;
use crate::broker::Broker;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::session::endpoints::Endpoints;
use crate::session::outbox::{Dirty, Item};

const NOW: Timestamp = Timestamp::from_millis(1_000);

fn send(connection: &mut Connection, methods: &[(u16, AMQPClass)]) {
    let mut bytes = Vec::new();
    for (channel, method) in methods {
        method::encode(&mut bytes, *channel, method);
    }
    connection.handle_input(&mut BytesMut::from(&bytes[..]), NOW);
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

#[test]
fn what_is_asked_of_the_connection_outlives_a_cancel_that_empties_the_outbox() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::open(Config {
        data_dir: directory.path().to_owned(),
        ..Config::default()
    })
    .unwrap();
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
