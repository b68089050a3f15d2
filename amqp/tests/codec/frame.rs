//! Frames: whole, cut anywhere, and broken.

use ferrymq_amqp::frame::{self, FrameError, FrameKind, ProtocolHeader, decode};
use proptest::collection::vec;
use proptest::prelude::*;

const MAX: u32 = 131_064;

fn kind() -> impl Strategy<Value = FrameKind> {
    prop_oneof![
        Just(FrameKind::Method),
        Just(FrameKind::Header),
        Just(FrameKind::Body),
        Just(FrameKind::Heartbeat),
    ]
}

proptest! {
    #[test]
    fn frames_survive_any_cut(
        frames in vec((kind(), any::<u16>(), vec(any::<u8>(), 0..300)), 1..6),
        cuts in vec(1usize..200, 1..40),
    ) {
        let mut wire = Vec::new();
        for (kind, channel, payload) in &frames {
            frame::encode(&mut wire, *kind, *channel, payload);
        }
        let (mut buffer, mut found) = (Vec::new(), Vec::new());
        let mut cuts = cuts.into_iter().cycle();
        let mut rest = wire.as_slice();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(cuts.next().unwrap().min(rest.len()));
            rest = after;
            buffer.extend_from_slice(piece);
            while let Some(frame) = decode(&buffer, MAX).unwrap() {
                found.push((frame.kind, frame.channel, frame.payload.to_vec()));
                let length = frame.encoded_len();
                buffer.drain(..length);
            }
        }
        prop_assert!(buffer.is_empty());
        prop_assert_eq!(found, frames);
    }

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..64), max in any::<u32>()) {
        if let Ok(Some(frame)) = decode(&bytes, max) {
            prop_assert!(frame.encoded_len() <= bytes.len());
            prop_assert!(frame.payload.len() <= max as usize);
        }
    }
}

#[test]
fn larger_than_allowed_is_refused_by_its_head() {
    let head = frame::head(FrameKind::Body, 1, 4097);
    assert_eq!(decode(&head, 4097), Ok(None));
    let refused = FrameError::TooLarge {
        size: 4097,
        max: 4096,
    };
    assert_eq!(decode(&head, 4096), Err(refused));
    assert_eq!(decode(&head[..6], 4096), Ok(None));
}

#[test]
fn broken_frames() {
    assert_eq!(
        decode(&[4, 0, 0, 0, 0, 0, 0], MAX),
        Err(FrameError::UnknownKind(4))
    );
    let bad_end = [8, 0, 0, 0, 0, 0, 0, 0xCD];
    assert_eq!(decode(&bad_end, MAX), Err(FrameError::BadEnd(0xCD)));
}

#[test]
fn pieces_of_a_body_frame_make_a_frame() {
    let (mut whole, mut pieces) = (Vec::new(), Vec::new());
    frame::encode_body(&mut whole, 7, b"hello");
    frame::encode_body_head(&mut pieces, 7, 5);
    pieces.extend_from_slice(b"hello");
    pieces.push(frame::END);
    assert_eq!(whole, pieces);
    let mut heartbeat = Vec::new();
    frame::encode_heartbeat(&mut heartbeat);
    assert_eq!(heartbeat, [8, 0, 0, 0, 0, 0, 0, 0xCE]);
}

#[test]
fn protocol_headers() {
    let check = |bytes: &[u8; 8], expected| assert_eq!(frame::protocol_header(bytes), expected);
    check(&frame::PROTOCOL_HEADER, ProtocolHeader::Amqp091);
    check(b"AMQP\x01\x01\x00\x09", ProtocolHeader::Amqp091);
    check(b"AMQP\x03\x01\x00\x00", ProtocolHeader::Amqp10);
    check(b"AMQP\x00\x01\x00\x00", ProtocolHeader::Amqp10);
    check(b"AMQP\x01\x01\x08\x00", ProtocolHeader::Other);
    check(b"GET / HT", ProtocolHeader::Http);
    check(b"PRI * HT", ProtocolHeader::Http);
    check(b"\x16\x03\x01\x02\x00\x01\x00\x01", ProtocolHeader::Tls);
    check(b"\0\0\0\0\0\0\0\0", ProtocolHeader::Other);
}
