//! The codec: whatever the bytes, no panic; and what it accepts, it writes and reads again alike.

use ferrymq_amqp::content::{self, ContentHeader, Properties};
use ferrymq_amqp::frame::{self, FrameKind};
use ferrymq_amqp::method::{self, Method};
use ferrymq_amqp::{AMQPValue, LongString};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::Case;
use crate::budget::Budget;
use crate::mutation::mutate;
use crate::script;

const MAX_PAYLOAD_BYTES: u32 = 131_064;

/// Runs cases until the budget is spent; returns how many.
pub(crate) fn run(seed: u64) -> u64 {
    let budget = Budget::share(2);
    let mut cases = 0;
    while budget.is_left() {
        for _ in 0..100 {
            case(seed.wrapping_add(cases));
            cases += 1;
        }
    }
    cases
}

fn case(seed: u64) {
    let _named = Case(seed);
    let mut random = SmallRng::seed_from_u64(seed);
    let frames: Vec<Vec<u8>> = script::frames(&mut random)
        .iter()
        .map(|frame| frame.encode())
        .collect();
    for (index, other) in frames.iter().enumerate() {
        let mut bytes = frames[frames.len() - 1 - index].clone();
        if random.random_ratio(9, 10) {
            mutate(&mut random, &mut bytes, other);
        }
        bytes.extend(other);
        read_frames(&bytes);
        // The payload alone, too: most mutations of whole frames break only the frame.
        let mut payload = other[7..other.len() - 1].to_vec();
        mutate(&mut random, &mut payload, &bytes);
        read_payload(&payload);
    }
}

fn read_frames(mut bytes: &[u8]) {
    while let Ok(Some(frame)) = frame::decode(bytes, MAX_PAYLOAD_BYTES) {
        assert!(
            frame.encoded_len() <= bytes.len(),
            "a frame beyond its buffer"
        );
        let mut again = Vec::new();
        frame::encode(&mut again, frame.kind, frame.channel, frame.payload);
        assert_eq!(
            again,
            bytes[..frame.encoded_len()],
            "a frame written differently"
        );
        match frame.kind {
            FrameKind::Method => read_method(frame.payload),
            FrameKind::Header => read_header(frame.payload),
            FrameKind::Body | FrameKind::Heartbeat => {}
        }
        bytes = &bytes[frame.encoded_len()..];
    }
}

fn read_payload(payload: &[u8]) {
    read_method(payload);
    read_header(payload);
}

fn read_method(payload: &[u8]) {
    match method::decode(payload) {
        Ok(Method::Other(class)) => {
            let mut once = Vec::new();
            method::encode(&mut once, 1, &class);
            let cut = frame::decode(&once, u32::MAX)
                .expect("our own frame")
                .expect("all of it");
            let Ok(Method::Other(again)) = method::decode(cut.payload) else {
                panic!("{class:?} does not decode again");
            };
            let mut twice = Vec::new();
            method::encode(&mut twice, 1, &again);
            assert_eq!(once, twice, "a method written differently");
        }
        Ok(Method::Publish(publish)) => {
            let len = publish.exchange.len() + publish.routing_key.len() + 2;
            assert_eq!(publish.address.len(), len);
        }
        Ok(_) => {}
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn read_header(payload: &[u8]) {
    let Ok(header) = ContentHeader::decode(payload) else {
        return;
    };
    let Ok(properties) = Properties::parse(header.properties) else {
        return;
    };
    if let Some(headers) = properties.headers() {
        let fields = headers.iter().count();
        assert!(headers.to_field_table().inner().len() <= fields);
        assert!(headers.get("no such header").is_none());
    }
    let value = AMQPValue::LongString(LongString::from("added"));
    let with = content::with_header(header.properties, "fuzz-added", &value);
    assert_eq!(
        header_of(&with, "fuzz-added"),
        Some(true),
        "the header that was added"
    );
    let without = content::without_header(&with, "fuzz-added");
    assert_ne!(
        header_of(&without, "fuzz-added"),
        Some(true),
        "the header that was removed"
    );
    let replying = content::with_reply_to(header.properties, "somewhere");
    let replying = Properties::parse(&replying).expect("rewritten properties");
    assert_eq!(replying.reply_to(), Some("somewhere"));
    let timeless = content::without_expiration(header.properties);
    assert_eq!(
        Properties::parse(&timeless)
            .expect("rewritten properties")
            .expiration(),
        None
    );
}

/// Whether the properties have this header; none when they have no headers.
fn header_of(properties: &[u8], name: &str) -> Option<bool> {
    let properties = Properties::parse(properties).expect("rewritten properties");
    properties
        .headers()
        .map(|headers| headers.get(name).is_some())
}
