//! What every message costs outside the queue: cut frames, decode, route, encode.
//!
//! Steps 2, 6 and 10 of a message's path, first one by one, then together.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ferrymq_amqp::content::{ContentHeader, encode_content, encode_header};
use ferrymq_amqp::method::{self, Method, encode_deliver};
use ferrymq_amqp::{AMQPClass, FieldTable, Properties, frame};
use ferrymq_routing::{
    Binding, Destination, Exchange, ExchangeKind, QueueName, RouteInput, Routed, Topology,
};
use ferrymq_tests::raw::basic;

const FRAME_MAX: u32 = 131_072;
const BODY_BYTES: [usize; 2] = [16, 1_024];
const CONSUMER_TAG: &[u8] = b"\x08consumer";
const BINDINGS: usize = 1_000;
/// A persistent message without other properties: flags, then the delivery mode.
const PROPERTIES: [u8; 3] = [0x10, 0x00, 2];

/// A publish as it comes from the socket: method, header, body.
fn published(exchange: &str, routing_key: &str, body_bytes: usize) -> Vec<u8> {
    let method = basic::Publish {
        exchange: exchange.into(),
        routing_key: routing_key.into(),
        mandatory: false,
        immediate: false,
    };
    let mut bytes = Vec::new();
    method::encode(
        &mut bytes,
        1,
        &AMQPClass::Basic(basic::AMQPMethod::Publish(method)),
    );
    encode_header(&mut bytes, 1, body_bytes as u64, &PROPERTIES);
    frame::encode_body(&mut bytes, 1, &vec![7; body_bytes]);
    bytes
}

/// The parts of one published message, borrowed from its bytes.
struct Incoming<'a> {
    publish: method::Publish<'a>,
    properties: Properties<'a>,
    body: &'a [u8],
}

fn decode(bytes: &[u8]) -> Incoming<'_> {
    let first = cut(bytes);
    let second = cut(&bytes[first.encoded_len()..]);
    let third = cut(&bytes[first.encoded_len() + second.encoded_len()..]);
    let Ok(Method::Publish(publish)) = method::decode(first.payload) else {
        panic!("not a publish");
    };
    let header = ContentHeader::decode(second.payload).expect("a content header");
    let properties = Properties::parse(header.properties).expect("properties");
    Incoming {
        publish,
        properties,
        body: third.payload,
    }
}

fn cut(bytes: &[u8]) -> frame::Frame<'_> {
    frame::decode(bytes, FRAME_MAX)
        .expect("a frame")
        .expect("all of it")
}

fn route(topology: &Topology, incoming: &Incoming<'_>, routed: &mut Routed) {
    let input = RouteInput {
        routing_keys: &[incoming.publish.routing_key],
        properties: Some(&incoming.properties),
        random: 0,
        is_due: false,
    };
    topology.route(incoming.publish.exchange, &input, routed);
}

fn encode(out: &mut Vec<u8>, incoming: &Incoming<'_>) {
    encode_deliver(out, 1, CONSUMER_TAG, 1, false, incoming.publish.address);
    encode_content(
        out,
        1,
        FRAME_MAX,
        incoming.properties.as_bytes(),
        incoming.body,
    );
}

/// An exchange of this kind with many bindings, one of which matches `key.500.end`.
fn topology(kind: ExchangeKind) -> Topology {
    let mut topology = Topology::new();
    let exchange = Exchange::new("exchange", kind);
    topology.declare_exchange(exchange).expect("a new exchange");
    for number in 0..BINDINGS {
        let queue = QueueName::from(format!("queue.{number}").as_str());
        topology.add_queue(queue.clone());
        let key = match kind {
            ExchangeKind::Topic => format!("key.{number}.*"),
            _ => format!("key.{number}.end"),
        };
        let to = Destination::Queue(queue);
        let binding = Binding::new("exchange".into(), to, key, FieldTable::default());
        topology.bind(binding).expect("a new binding");
    }
    topology
}

fn steps(criterion: &mut Criterion) {
    let bytes = published("exchange", "key.500.end", 16);
    let incoming = decode(&bytes);
    criterion.bench_function("decode a publish of 16 B", |bencher| {
        bencher.iter(|| black_box(decode(black_box(&bytes)).body.len()));
    });
    let mut routed = Routed::default();
    for (name, kind) in [
        ("direct", ExchangeKind::Direct),
        ("topic", ExchangeKind::Topic),
    ] {
        let topology = topology(kind);
        criterion.bench_function(
            &format!("route by {name}, {BINDINGS} bindings"),
            |bencher| {
                bencher.iter(|| {
                    route(&topology, black_box(&incoming), &mut routed);
                    assert_eq!(routed.queues.len(), 1);
                });
            },
        );
    }
    let mut out = Vec::new();
    criterion.bench_function("encode a delivery of 16 B", |bencher| {
        bencher.iter(|| {
            out.clear();
            encode(&mut out, black_box(&incoming));
        });
    });
}

fn whole(criterion: &mut Criterion) {
    let topology = topology(ExchangeKind::Direct);
    let mut group = criterion.benchmark_group("decode, route and encode");
    group.throughput(Throughput::Elements(1));
    for body_bytes in BODY_BYTES {
        let bytes = published("exchange", "key.500.end", body_bytes);
        let (mut routed, mut out) = (Routed::default(), Vec::new());
        group.bench_function(format!("{body_bytes} B"), |bencher| {
            bencher.iter(|| {
                let incoming = decode(black_box(&bytes));
                route(&topology, &incoming, &mut routed);
                out.clear();
                encode(&mut out, &incoming);
                black_box(out.len())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, steps, whole);
criterion_main!(benches);
