//! Content: header, properties and body come out as they went in.

use ferrymq_tests::raw::{BasicProperties, Channel, Frame, basic, long_string, table};

use crate::support::{channel, is_other_broker};

fn publish_to(queue: &str) -> basic::Publish {
    basic::Publish {
        routing_key: queue.into(),
        ..Default::default()
    }
}

/// Sends a message whose body comes in these frames and fetches it again.
#[track_caller]
fn check_pieces(pieces: &[&[u8]]) {
    let channel = channel();
    let queue = channel.temporary_queue();
    let body = pieces.concat();
    let mut frames = vec![
        Frame::method(channel.id(), publish_to(&queue)),
        Frame::header(channel.id(), body.len() as u64, &BasicProperties::default()),
    ];
    frames.extend(pieces.iter().map(|piece| Frame::body(channel.id(), piece)));
    channel.connection().send_frames(&frames);
    assert_eq!(channel.got(&queue).content.body, body);
}

#[test]
fn an_empty_message_has_no_body_frame() {
    let channel = channel();
    let queue = channel.temporary_queue();
    channel.publish("", &queue, "");
    let content = channel.got(&queue).content;
    assert_eq!((content.body.len(), content.frames.len()), (0, 0));
    channel.expect_nothing();
}

#[test]
fn a_body_may_come_in_any_pieces() {
    check_pieces(&[b"hello"]);
    check_pieces(&[b"h", b"e", b"l", b"l", b"o"]);
    check_pieces(&[b"hel", b"lo"]);
}

#[test]
fn empty_body_frames_are_ignored() {
    check_pieces(&[b"", b"hello"]);
    check_pieces(&[b"hel", b"", b"", b"lo"]);
}

#[test]
fn a_body_longer_than_announced_is_refused() {
    if is_other_broker("3.10 does not notice") {
        return;
    }
    let channel = channel();
    channel.connection().send_frames(&[
        Frame::method(channel.id(), publish_to("q")),
        Frame::header(channel.id(), 5, &BasicProperties::default()),
        Frame::body(channel.id(), b"hello world"),
    ]);
    channel.connection().refused(501, "");
}

#[test]
fn an_impossible_body_size_is_refused() {
    if is_other_broker("3.10 waits for the body") {
        return;
    }
    for size in [536_870_913, u64::MAX / 2, u64::MAX] {
        let channel = channel();
        channel.connection().send_frames(&[
            Frame::method(channel.id(), publish_to("q")),
            Frame::header(channel.id(), size, &BasicProperties::default()),
        ]);
        channel.connection().refused(501, "");
    }
}

#[test]
fn a_large_body_arrives_unchanged() {
    let channel = channel();
    let queue = channel.temporary_queue();
    let body: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_be_bytes).collect();
    channel.send_message(publish_to(&queue), &BasicProperties::default(), &body);
    assert!(channel.got(&queue).content.body == body, "the body changed");
}

#[test]
fn all_properties_arrive_unchanged() {
    let channel = channel();
    let queue = channel.temporary_queue();
    let properties = BasicProperties::default()
        .with_content_type("text/plain".into())
        .with_content_encoding("utf-8".into())
        .with_headers(table([("key", long_string("value"))]))
        .with_delivery_mode(2)
        .with_priority(7)
        .with_correlation_id("correlation".into())
        .with_reply_to("somewhere".into())
        .with_expiration("3600000".into())
        .with_message_id("message".into())
        .with_timestamp(1_700_000_000)
        .with_type("kind".into())
        .with_user_id("guest".into())
        .with_app_id("app".into())
        .with_cluster_id("cluster".into());
    channel.publish_with("", &queue, "body", &properties);
    assert_eq!(channel.got(&queue).content.decoded(), properties);
}

#[test]
fn no_properties_stay_none() {
    let channel = channel();
    let queue = channel.temporary_queue();
    channel.publish("", &queue, "body");
    assert_eq!(channel.got(&queue).content.properties, [0, 0]);
}

/// Sends a message with these encoded properties and expects them back byte for byte.
#[track_caller]
fn check_bytes(properties: &[u8]) {
    let channel = channel();
    let queue = channel.temporary_queue();
    channel.send_encoded_message(publish_to(&queue), properties, b"body");
    assert_eq!(channel.got(&queue).content.properties, properties);
}

/// Encoded properties with nothing but a header table of these encoded fields.
fn headers(fields: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0b0010_0000, 0];
    bytes.extend(
        u32::try_from(fields.len())
            .expect("a small table")
            .to_be_bytes(),
    );
    bytes.extend(fields);
    bytes
}

#[test]
fn every_type_of_header_arrives_byte_for_byte() {
    check_bytes(&headers(b"\x01at\x02"));
    check_bytes(&headers(b"\x01ab\xff"));
    check_bytes(&headers(b"\x01aB\xff"));
    check_bytes(&headers(b"\x01as\xff\xfe"));
    check_bytes(&headers(b"\x01au\xff\xfe"));
    check_bytes(&headers(b"\x01aI\xff\xff\xff\xfe"));
    check_bytes(&headers(b"\x01ai\xff\xff\xff\xfe"));
    check_bytes(&headers(b"\x01al\xff\xff\xff\xff\xff\xff\xff\xfe"));
    check_bytes(&headers(b"\x01aL\xff\xff\xff\xff\xff\xff\xff\xfe"));
    check_bytes(&headers(b"\x01af\x3f\x80\x00\x00"));
    check_bytes(&headers(b"\x01ad\x3f\xf0\x00\x00\x00\x00\x00\x00"));
    check_bytes(&headers(b"\x01aD\x02\x00\x00\x01\x00"));
    check_bytes(&headers(b"\x01aS\x00\x00\x00\x02\xff\xfe"));
    check_bytes(&headers(b"\x01ax\x00\x00\x00\x02\xff\xfe"));
    check_bytes(&headers(b"\x01aA\x00\x00\x00\x04t\x01b\x01"));
    check_bytes(&headers(b"\x01aT\x00\x00\x00\x00\x65\x53\xf1\x00"));
    check_bytes(&headers(b"\x01aF\x00\x00\x00\x04\x01bt\x01"));
    check_bytes(&headers(b"\x01aV"));
}

#[test]
fn key_order_and_duplicate_headers_arrive_byte_for_byte() {
    check_bytes(&headers(b"\x01bt\x01\x01at\x01"));
    check_bytes(&headers(b"\x01at\x01\x01at\x00"));
}

#[test]
fn texts_that_are_not_utf_8_arrive_byte_for_byte() {
    check_bytes(&[0b1000_0000, 0, 2, 0xff, 0xfe]);
}

#[test]
fn a_large_header_table_arrives_byte_for_byte() {
    let fields: String = (10_000..20_000)
        .map(|number| format!("\x05{number}V"))
        .collect();
    check_bytes(&headers(fields.as_bytes()));
}

#[test]
fn an_empty_header_table_stays() {
    check_bytes(&headers(b""));
}

/// Sends a content header with these encoded properties to a queue that exists.
fn send_properties(properties: &[u8]) -> Channel {
    let channel = channel();
    let queue = channel.temporary_queue();
    channel.send_encoded_message(publish_to(&queue), properties, b"body");
    channel
}

#[track_caller]
fn check_properties_are_refused(properties: &[u8]) {
    let channel = send_properties(properties);
    crate::support::assert_refused_with(channel.connection(), &[501, 502, 505]);
}

#[test]
fn properties_that_do_not_decode_are_refused() {
    if is_other_broker("3.10 decodes them late, and dies of some") {
        return;
    }
    check_properties_are_refused(&[0b1000_0000, 0]);
    check_properties_are_refused(&[0b1000_0000, 0, 5, b'x']);
    check_properties_are_refused(&[0, 0, 1]);
    check_properties_are_refused(&[0]);
    check_properties_are_refused(&[]);
}

#[test]
fn header_tables_that_lie_are_refused() {
    if is_other_broker("3.10 decodes them late, and dies of some") {
        return;
    }
    check_properties_are_refused(&[0b0010_0000, 0, 0xff, 0xff, 0xff, 0xff]);
    check_properties_are_refused(&headers(b"\x01a"));
    check_properties_are_refused(&headers(b"\x01a?\x00"));
    check_properties_are_refused(&headers(b"\xffat\x01"));
    check_properties_are_refused(&headers(b"\x01aS\x00\x00\x00\xff"));
    check_properties_are_refused(&headers(b"\x01aA\x00\x00\x00\xff"));
    check_properties_are_refused(&headers(b"\x01aF\x00\x00\x00\x02\x05b"));
}
