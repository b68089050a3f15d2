//! Methods whose arguments do not decode, and methods that do not exist.

use ferrymq_tests::raw::{Frame, MethodWriter, connections, queue};

use crate::support::{assert_refused_with, assert_turned_away, channel, is_other_broker, unique};

/// A `queue.declare` up to and including its flags.
fn queue_declare(name: impl AsRef<[u8]>) -> MethodWriter {
    MethodWriter::new(50, 10)
        .short(0)
        .short_string(name)
        .octet(0)
}

#[track_caller]
fn check_refused(method: MethodWriter, codes: &[u16]) {
    let channel = channel();
    channel.connection().send_frame(&method.frame(channel.id()));
    if is_other_broker("541, or just the end, where decoding crashed") {
        assert_turned_away(channel.connection(), &[501, 502, 541]);
    } else {
        assert_refused_with(channel.connection(), codes);
    }
}

/// Refused as a frame that is wrong.
#[track_caller]
fn check_malformed(method: MethodWriter) {
    check_refused(method, &[501, 502]);
}

#[test]
fn an_unknown_method_is_refused() {
    check_refused(MethodWriter::new(60, 999), &[503, 540]);
    check_refused(MethodWriter::new(50, 0), &[503, 540]);
}

#[test]
fn an_unknown_class_is_refused() {
    check_refused(MethodWriter::new(99, 10), &[503, 540]);
    check_refused(MethodWriter::new(0, 0), &[503, 540]);
}

#[test]
fn a_method_without_its_ids_is_refused() {
    for payload in [&[][..], &[0], &[0, 50], &[0, 50, 0]] {
        let channel = channel();
        channel
            .connection()
            .send_frame(&Frame::new(Frame::METHOD, channel.id(), payload));
        let codes: &[u16] = if is_other_broker("541") {
            &[501, 541]
        } else {
            &[501, 502, 503]
        };
        assert_refused_with(channel.connection(), codes);
    }
}

#[test]
fn missing_arguments_are_refused() {
    check_malformed(MethodWriter::new(50, 10));
    check_malformed(MethodWriter::new(50, 10).short(0));
    check_malformed(queue_declare("q"));
    check_malformed(MethodWriter::new(60, 40).short(0).short_string("e"));
    check_malformed(MethodWriter::new(60, 80).long(0));
    check_malformed(MethodWriter::new(60, 120).long_long(1));
    check_malformed(MethodWriter::new(60, 90).long_long(1));
}

#[test]
fn the_refusal_names_the_method() {
    let channel = channel();
    channel
        .connection()
        .send_frame(&MethodWriter::new(50, 10).frame(channel.id()));
    let close: connections::Close = channel.connection().expect();
    assert_eq!((close.class_id, close.method_id), (50, 10), "{close:?}");
}

#[test]
fn trailing_bytes_are_refused() {
    check_malformed(queue_declare("q").long(0).octet(0));
    check_malformed(MethodWriter::new(60, 80).long_long(1).octet(0).octet(0));
    check_malformed(MethodWriter::new(60, 120).long_long(1).octet(0).octet(0));
    check_malformed(MethodWriter::new(60, 90).long_long(1).octet(0).octet(0));
    check_malformed(
        MethodWriter::new(60, 40)
            .short(0)
            .short_string("")
            .short_string("q")
            .octet(0)
            .octet(0),
    );
}

#[test]
fn short_strings_that_are_longer_than_the_frame_are_refused() {
    check_malformed(
        MethodWriter::new(50, 10)
            .short(0)
            .octet(255)
            .bytes(b"short"),
    );
    check_malformed(
        MethodWriter::new(60, 40)
            .short(0)
            .octet(255)
            .bytes(b"short"),
    );
}

#[test]
fn a_short_string_that_is_not_utf_8_is_refused() {
    if is_other_broker("3.10 checks only some") {
        return;
    }
    check_malformed(queue_declare([0xff, 0xfe]).long(0));
    check_malformed(
        MethodWriter::new(50, 30)
            .short(0)
            .short_string([0xc3])
            .octet(0),
    );
    let publish = MethodWriter::new(60, 40).short(0);
    check_malformed(
        publish
            .clone()
            .short_string([0xff])
            .short_string("q")
            .octet(0),
    );
    check_malformed(publish.short_string("").short_string([0xff]).octet(0));
}

#[test]
fn tables_that_lie_about_their_length_are_refused() {
    check_malformed(queue_declare("q").long(1));
    check_malformed(queue_declare("q").long(u32::MAX));
    check_malformed(queue_declare("q").long_string(b"\x05abc"));
    check_malformed(queue_declare("q").long_string(b"\x01a"));
    check_malformed(queue_declare("q").long_string(b"\x01aS\x00\x00\x00\x09short"));
    check_malformed(queue_declare("q").long_string(b"\x01aA\xff\xff\xff\xff"));
    check_malformed(queue_declare("q").long_string(b"\x01aF\x00\x00\x00\x08\x01bt\x01"));
    check_malformed(queue_declare("q").long_string(b"\x01al\x00"));
}

#[test]
fn an_unknown_field_type_is_refused() {
    check_malformed(queue_declare("q").long_string(b"\x01a?\x00"));
    check_malformed(queue_declare("q").long_string(b"\x01a\x00\x00"));
}

/// A table in a table, so many times.
fn nested(depth: usize) -> Vec<u8> {
    let mut fields = Vec::new();
    for _ in 0..depth {
        let length = u32::try_from(fields.len()).expect("a small table");
        let inner = std::mem::take(&mut fields);
        fields.extend(b"\x01aF");
        fields.extend(length.to_be_bytes());
        fields.extend(inner);
    }
    fields
}

#[test]
fn tables_may_be_nested() {
    let channel = channel();
    let name = unique("nested");
    channel
        .connection()
        .send_frame(&queue_declare(&name).long_string(nested(30)).frame(1));
    channel.expect::<queue::DeclareOk>();
    channel.delete_queue(&name);
}

#[test]
fn tables_nested_without_end_are_refused() {
    if is_other_broker("3.10 has no limit") {
        return;
    }
    check_malformed(queue_declare("q").long_string(nested(1000)));
    check_malformed(queue_declare("q").long_string(nested(16_000)));
}

#[test]
fn arrays_nested_without_end_are_refused() {
    if is_other_broker("3.10 has no limit") {
        return;
    }
    let mut value = b"V".to_vec();
    for _ in 0..16_000 {
        let length = u32::try_from(value.len()).expect("a small array");
        let inner = std::mem::replace(&mut value, b"A".to_vec());
        value.extend(length.to_be_bytes());
        value.extend(inner);
    }
    let fields = [b"\x01a".to_vec(), value].concat();
    check_malformed(queue_declare("q").long_string(fields));
}

#[test]
fn the_first_of_two_equal_arguments_counts() {
    let channel = channel();
    let name = unique("duplicate");
    let fields = b"\x0cx-max-lengthI\x00\x00\x00\x0a\x0cx-max-lengthS\x00\x00\x00\x03bad";
    channel
        .connection()
        .send_frame(&queue_declare(&name).long_string(fields).frame(1));
    channel.expect::<queue::DeclareOk>();
    channel.delete_queue(&name);
}

#[test]
fn any_true_bit_is_true() {
    let channel = channel();
    let name = unique("boolean");
    let fields = b"\x18x-single-active-consumert\x05";
    channel
        .connection()
        .send_frame(&queue_declare(&name).long_string(fields).frame(1));
    channel.expect::<queue::DeclareOk>();
    channel.delete_queue(&name);
}

#[test]
fn the_reserved_field_is_ignored() {
    let channel = channel();
    let name = unique("reserved");
    let method = MethodWriter::new(50, 10)
        .short(0xffff)
        .short_string(&name)
        .octet(0)
        .long(0);
    channel.connection().send_frame(&method.frame(channel.id()));
    channel.expect::<queue::DeclareOk>();
    channel.delete_queue(&name);
}
