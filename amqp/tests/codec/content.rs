//! Properties against `amq-protocol`'s, and their rewrites byte for byte.

use amq_protocol::protocol::BasicProperties;
use amq_protocol::protocol::basic::{gen_properties, parse_properties};
use amq_protocol::types::{AMQPValue, FieldTable, ShortString};
use ferrymq_amqp::content::{
    ContentError, ContentHeader, Properties, Property, encode_content, with_header, with_reply_to,
    without_expiration, without_header,
};
use ferrymq_amqp::frame::{self, FrameKind};
use ferrymq_amqp::{Malformed, table};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::strategies::{name, properties, value};

fn generated(properties: &BasicProperties) -> Vec<u8> {
    gen_properties(properties)(Vec::new().into()).unwrap().write
}

fn parsed(bytes: &[u8]) -> BasicProperties {
    let (rest, properties) = parse_properties(bytes).unwrap();
    assert!(rest.is_empty());
    properties
}

fn text(value: &Option<ShortString>) -> Option<&str> {
    value.as_ref().map(ShortString::as_str)
}

/// The headers with one change made to them.
fn edited(properties: &BasicProperties, edit: impl FnOnce(&mut FieldTable)) -> BasicProperties {
    let mut headers = properties.headers().clone().unwrap_or_default();
    edit(&mut headers);
    properties.clone().with_headers(headers)
}

proptest! {
    #[test]
    fn accessors_agree(expected in properties()) {
        let bytes = generated(&expected);
        let found = Properties::parse(&bytes).unwrap();
        prop_assert_eq!(found.flags(), expected.bitmask());
        prop_assert_eq!(found.delivery_mode(), *expected.delivery_mode());
        prop_assert_eq!(found.is_persistent(), *expected.delivery_mode() == Some(2));
        prop_assert_eq!(found.priority(), *expected.priority());
        prop_assert_eq!(found.timestamp(), *expected.timestamp());
        prop_assert_eq!(&found.headers().map(|raw| raw.to_field_table()), expected.headers());
        prop_assert_eq!(found.content_type(), text(expected.content_type()));
        prop_assert_eq!(found.content_encoding(), text(expected.content_encoding()));
        prop_assert_eq!(found.correlation_id(), text(expected.correlation_id()));
        prop_assert_eq!(found.reply_to(), text(expected.reply_to()));
        prop_assert_eq!(found.expiration(), text(expected.expiration()));
        prop_assert_eq!(found.message_id(), text(expected.message_id()));
        prop_assert_eq!(found.kind(), text(expected.kind()));
        prop_assert_eq!(found.user_id(), text(expected.user_id()));
        prop_assert_eq!(found.app_id(), text(expected.app_id()));
        prop_assert_eq!(found.cluster_id(), text(expected.cluster_id()));
    }

    #[test]
    fn every_cut_is_an_error(
        properties in properties(),
        cuts in vec(any::<prop::sample::Index>(), 12),
    ) {
        let bytes = generated(&properties);
        for length in cuts.iter().map(|cut| cut.index(bytes.len())) {
            prop_assert!(Properties::parse(&bytes[..length]).is_err(), "cut to {} bytes", length);
        }
        let longer = [bytes.as_slice(), b"\0"].concat();
        prop_assert_eq!(
            Properties::parse(&longer).err(),
            Some(ContentError::Properties(Malformed::Trailing(1)))
        );
    }

    #[test]
    fn random_bytes_never_panic(flags in 0..0x4000u16, bytes in vec(any::<u8>(), 0..80)) {
        let properties = [(flags << 2).to_be_bytes().as_slice(), &bytes].concat();
        if let Ok(found) = Properties::parse(&properties) {
            for property in Property::ALL {
                found.short_bytes(property);
            }
            found.headers().map(|raw| raw.to_field_table());
        } else {
            prop_assert_eq!(&with_reply_to(&properties, "r"), &properties);
        }
        with_header(&properties, "x", &AMQPValue::Void);
        ContentHeader::decode(&bytes).ok();
    }

    #[test]
    fn rewrites_change_one_thing(
        properties in properties(),
        new in name(),
        value in value(),
    ) {
        let bytes = generated(&properties);
        prop_assert_eq!(
            parsed(&with_reply_to(&bytes, &new)),
            properties.clone().with_reply_to(new.as_str().into())
        );
        let with = with_header(&bytes, &new, &value);
        prop_assert_eq!(
            parsed(&with),
            edited(&properties, |headers| {
                headers.insert(new.as_str().into(), value.clone());
            })
        );
        let without = without_header(&with, &new);
        match table::get(properties.headers().as_ref().unwrap_or(&FieldTable::default()), &new) {
            Some(_) => prop_assert!(without.len() < bytes.len()),
            None if properties.headers().is_some() => prop_assert_eq!(&without, &bytes),
            None => prop_assert_eq!(parsed(&without), edited(&properties, |_| {})),
        }
        let never = without_expiration(&bytes);
        prop_assert!(parsed(&never).expiration().is_none());
        if let Some(expiration) = properties.expiration() {
            prop_assert_eq!(parsed(&never).with_expiration(expiration.clone()), properties);
        } else {
            prop_assert_eq!(never, bytes);
        }
    }

    #[test]
    fn content_in_frames(
        properties in properties(),
        body in vec(any::<u8>(), 0..20_000),
        frame_max in prop_oneof![Just(0u32), 4096..30_000u32],
    ) {
        let properties = generated(&properties);
        let mut wire = Vec::new();
        encode_content(&mut wire, 9, frame_max, &properties, &body);
        let head = frame::decode(&wire, u32::MAX).unwrap().unwrap();
        let header = ContentHeader::decode(head.payload).unwrap();
        prop_assert_eq!(header, ContentHeader {
            class_id: 60,
            body_size: body.len() as u64,
            properties: &properties,
        });
        let (mut rest, mut joined) = (&wire[head.encoded_len()..], Vec::new());
        while !rest.is_empty() {
            let piece = frame::decode(rest, u32::MAX).unwrap().unwrap();
            prop_assert_eq!((piece.kind, piece.channel), (FrameKind::Body, 9));
            prop_assert!(frame_max == 0 || piece.encoded_len() <= frame_max as usize);
            prop_assert!(!piece.payload.is_empty());
            joined.extend_from_slice(piece.payload);
            rest = &rest[piece.encoded_len()..];
        }
        prop_assert_eq!(joined, body);
    }
}

#[test]
fn duplicates_and_odd_types_stay_as_they_came() {
    let mut bytes =
        b"\x21\x00\0\0\0\x13\x01aB\x01\x01LL\0\0\0\0\0\0\0\x07\x01aB\x02\x0260".to_vec();
    let found = Properties::parse(&bytes).unwrap();
    assert_eq!(
        found.headers().unwrap().get("a").unwrap().integer(),
        Some(1)
    );
    assert_eq!(found.expiration(), Some("60"));
    let without = without_header(&bytes, "a");
    assert_eq!(without, b"\x21\x00\0\0\0\x0b\x01LL\0\0\0\0\0\0\0\x07\x0260");
    let with = with_header(&bytes, "a", &AMQPValue::Void);
    assert_eq!(
        with,
        b"\x21\x00\0\0\0\x0e\x01aV\x01LL\0\0\0\0\0\0\0\x07\x0260"
    );
    assert_eq!(without_header(&bytes, "other"), bytes);
    bytes[1] = 1;
    assert!(matches!(
        Properties::parse(&bytes),
        Err(ContentError::Properties(Malformed::UnknownFlags(0x2101)))
    ));
}

#[test]
fn text_that_nobody_acts_on_may_be_anything() {
    let correlation = b"\x04\x00\x02\xff\xfe";
    let found = Properties::parse(correlation).unwrap();
    assert_eq!(found.correlation_id(), None);
    assert_eq!(
        found.short_bytes(Property::CorrelationId),
        Some(&b"\xff\xfe"[..])
    );
    let user_id = b"\x00\x10\x02\xff\xfe";
    assert_eq!(
        Properties::parse(user_id).unwrap_err().to_string(),
        "malformed property user-id: malformed UTF-8 in shortstr"
    );
}

#[test]
fn headers_too_short_to_be_any() {
    assert_eq!(
        ContentHeader::decode(&[0; 13]),
        Err(ContentError::TooShort(13))
    );
    let empty = ContentHeader::decode(&[0; 14]).unwrap();
    assert!(Properties::parse(empty.properties).is_ok());
}
