//! Valid sessions: what a client might send, in an order that makes sense often enough.

use ferrymq_tests::raw::{
    AMQPValue, BasicProperties, FieldTable, Frame, PROTOCOL_HEADER, basic, channels, confirm,
    connections, exchange, long_string, queue, table, tx,
};
use rand::Rng;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;

const QUEUES: [&str; 4] = ["fuzz.durable", "fuzz.transient", "fuzz.ranked", ""];
const EXCHANGES: [&str; 6] = [
    "",
    "amq.direct",
    "amq.fanout",
    "amq.topic",
    "amq.headers",
    "fuzz.exchange",
];
const KEYS: [&str; 6] = ["", "fuzz.durable", "fuzz.transient", "a.b", "#", "*.b.#"];
const CHANNELS: std::ops::Range<u16> = 1..4;

/// The handshake as chunks of bytes: nothing in it depends on the answers.
pub(crate) fn handshake() -> Vec<Vec<u8>> {
    let start_ok = connections::StartOk {
        client_properties: table([("capabilities", AMQPValue::FieldTable(FieldTable::default()))]),
        mechanism: "PLAIN".into(),
        response: "\0guest\0guest".into(),
        locale: "en_US".into(),
    };
    let tune_ok = connections::TuneOk {
        channel_max: 2_047,
        frame_max: 131_072,
        heartbeat: 0,
    };
    let open = connections::Open {
        virtual_host: "/".into(),
    };
    let frames = [
        Frame::method(0, start_ok),
        Frame::method(0, tune_ok),
        Frame::method(0, open),
    ];
    let mut chunks = vec![PROTOCOL_HEADER.to_vec()];
    chunks.extend(frames.iter().map(Frame::encode));
    chunks
}

/// What follows the handshake: channels, and many methods on them.
pub(crate) fn frames(random: &mut SmallRng) -> Vec<Frame> {
    let mut frames: Vec<_> = CHANNELS
        .map(|channel| Frame::method(channel, channels::Open {}))
        .collect();
    for _ in 0..random.random_range(1..40) {
        let channel = random.random_range(CHANNELS);
        match random.random_range(0..20) {
            0..6 => publish(random, channel, &mut frames),
            6..8 => frames.push(declare_queue(random, channel)),
            8 => frames.push(declare_exchange(random, channel)),
            9 => frames.extend(bindings(random, channel)),
            10..12 => frames.push(consume(random, channel)),
            12..16 => frames.push(settle(random, channel)),
            16..18 => frames.push(delete(random, channel)),
            _ => frames.push(control(random, channel)),
        }
    }
    frames
}

fn pick<'a>(random: &mut SmallRng, of: &[&'a str]) -> &'a str {
    of.choose(random).copied().unwrap_or_default()
}

fn publish(random: &mut SmallRng, channel: u16, frames: &mut Vec<Frame>) {
    let method = basic::Publish {
        exchange: pick(random, &EXCHANGES).into(),
        routing_key: pick(random, &KEYS).into(),
        mandatory: random.random(),
        immediate: false,
    };
    let body: Vec<u8> = (0..random.random_range(0..2_000))
        .map(|_| random.random())
        .collect();
    frames.push(Frame::method(channel, method));
    frames.push(Frame::header(
        channel,
        body.len() as u64,
        &properties(random),
    ));
    let mut rest = &body[..];
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(random.random_range(1..=rest.len()));
        frames.push(Frame::body(channel, piece));
        rest = after;
    }
}

fn properties(random: &mut SmallRng) -> BasicProperties {
    let mut properties = BasicProperties::default().with_delivery_mode(random.random_range(1..3));
    if random.random() {
        properties = properties.with_headers(arguments(random));
    }
    if random.random() {
        properties = properties
            .with_message_id("id".into())
            .with_timestamp(random.random());
    }
    match random.random_range(0..4) {
        0 => properties.with_expiration(random.random_range(0..100).to_string().into()),
        1 => properties.with_reply_to("amq.rabbitmq.reply-to".into()),
        2 => properties
            .with_priority(random.random())
            .with_user_id("guest".into()),
        _ => properties,
    }
}

fn arguments(random: &mut SmallRng) -> FieldTable {
    let nested = table([(
        "deep",
        AMQPValue::FieldTable(table([("n", AMQPValue::Void)])),
    )]);
    let list = vec![long_string("one"), AMQPValue::LongInt(2)];
    let all = [
        ("x-match", long_string("any-with-x")),
        ("x-max-priority", AMQPValue::ShortShortInt(5)),
        (
            "x-message-ttl",
            AMQPValue::LongInt(random.random_range(0..1_000)),
        ),
        (
            "x-expires",
            AMQPValue::LongLongInt(random.random_range(1..100_000)),
        ),
        ("x-priority", AMQPValue::LongInt(random.random())),
        ("alternate-exchange", long_string("amq.fanout")),
        ("CC", AMQPValue::FieldArray(list.into())),
        ("nested", AMQPValue::FieldTable(nested)),
        ("time", AMQPValue::Timestamp(random.random())),
        ("float", AMQPValue::Double(random.random())),
    ];
    let mut arguments = FieldTable::default();
    for (name, value) in all {
        if random.random_ratio(1, 5) {
            arguments.insert(name.into(), value);
        }
    }
    arguments
}

fn declare_queue(random: &mut SmallRng, channel: u16) -> Frame {
    let name = pick(random, &QUEUES);
    let declare = queue::Declare {
        queue: name.into(),
        passive: random.random_ratio(1, 8),
        durable: name == "fuzz.durable",
        exclusive: name.is_empty(),
        auto_delete: name == "fuzz.transient",
        nowait: random.random_ratio(1, 4),
        arguments: if name == "fuzz.ranked" {
            arguments(random)
        } else {
            FieldTable::default()
        },
    };
    Frame::method(channel, declare)
}

fn declare_exchange(random: &mut SmallRng, channel: u16) -> Frame {
    let declare = exchange::Declare {
        exchange: "fuzz.exchange".into(),
        kind: pick(random, &["direct", "topic", "headers", "x-consistent-hash"]).into(),
        passive: false,
        durable: random.random(),
        auto_delete: random.random(),
        internal: random.random_ratio(1, 8),
        nowait: random.random_ratio(1, 4),
        arguments: arguments(random),
    };
    Frame::method(channel, declare)
}

fn bindings(random: &mut SmallRng, channel: u16) -> [Frame; 2] {
    let to_queue = queue::Bind {
        queue: pick(random, &QUEUES).into(),
        exchange: pick(random, &EXCHANGES[1..]).into(),
        routing_key: pick(random, &KEYS).into(),
        nowait: random.random(),
        arguments: arguments(random),
    };
    let to_exchange = exchange::Bind {
        destination: pick(random, &EXCHANGES[1..]).into(),
        source: pick(random, &EXCHANGES[1..]).into(),
        routing_key: pick(random, &KEYS).into(),
        nowait: random.random(),
        arguments: FieldTable::default(),
    };
    [
        Frame::method(channel, to_queue),
        Frame::method(channel, to_exchange),
    ]
}

fn consume(random: &mut SmallRng, channel: u16) -> Frame {
    let no_ack = random.random();
    let from = if random.random_ratio(1, 5) {
        "amq.rabbitmq.reply-to"
    } else {
        pick(random, &QUEUES)
    };
    let consume = basic::Consume {
        queue: from.into(),
        consumer_tag: pick(random, &["", "", "one"]).into(),
        no_local: false,
        no_ack,
        exclusive: random.random_ratio(1, 8),
        nowait: random.random_ratio(1, 8),
        arguments: arguments(random),
    };
    Frame::method(channel, consume)
}

fn settle(random: &mut SmallRng, channel: u16) -> Frame {
    let delivery_tag = random.random_range(0..6);
    let (multiple, requeue) = (random.random(), random.random());
    match random.random_range(0..4) {
        0 => Frame::method(
            channel,
            basic::Ack {
                delivery_tag,
                multiple,
            },
        ),
        1 => Frame::method(
            channel,
            basic::Nack {
                delivery_tag,
                multiple,
                requeue,
            },
        ),
        2 => Frame::method(
            channel,
            basic::Reject {
                delivery_tag,
                requeue,
            },
        ),
        _ => {
            let queue = pick(random, &QUEUES).into();
            Frame::method(
                channel,
                basic::Get {
                    queue,
                    no_ack: random.random(),
                },
            )
        }
    }
}

fn delete(random: &mut SmallRng, channel: u16) -> Frame {
    let queue = pick(random, &QUEUES).into();
    let (if_unused, if_empty, nowait) = (random.random(), random.random(), random.random());
    match random.random_range(0..4) {
        0 => Frame::method(channel, queue::Purge { queue, nowait }),
        1 => Frame::method(
            channel,
            queue::Delete {
                queue,
                if_unused,
                if_empty,
                nowait,
            },
        ),
        2 => {
            let exchange = "fuzz.exchange".into();
            Frame::method(
                channel,
                exchange::Delete {
                    exchange,
                    if_unused,
                    nowait,
                },
            )
        }
        _ => Frame::method(
            channel,
            basic::Cancel {
                consumer_tag: "one".into(),
                nowait,
            },
        ),
    }
}

fn control(random: &mut SmallRng, channel: u16) -> Frame {
    match random.random_range(0..9) {
        0 => Frame::method(
            channel,
            confirm::Select {
                nowait: random.random(),
            },
        ),
        1 => Frame::method(channel, tx::Select {}),
        2 => Frame::method(channel, tx::Commit {}),
        3 => Frame::method(channel, basic::Recover { requeue: true }),
        4 => Frame::method(
            channel,
            channels::Flow {
                active: random.random(),
            },
        ),
        5 => Frame::heartbeat(),
        6 => Frame::method(channel, channels::CloseOk {}),
        7 => {
            let (prefetch_count, global) = (random.random_range(0..5), random.random());
            Frame::method(
                channel,
                basic::Qos {
                    prefetch_count,
                    global,
                },
            )
        }
        _ => {
            let (reply_code, reply_text) = (200, "enough".into());
            let (class_id, method_id) = (0, 0);
            Frame::method(
                channel,
                channels::Close {
                    reply_code,
                    reply_text,
                    class_id,
                    method_id,
                },
            )
        }
    }
}
