//! Frames: how they may be cut, how large they may be, and which are out of place.

use ferrymq_tests::raw::{
    BasicProperties, Channel, Connection, Frame, PROTOCOL_HEADER, Tuning, basic, channels,
    connections, queue,
};

use crate::support::{address, assert_refused_with, channel, connect, connect_with, unique};

fn publish_to(queue: &str) -> basic::Publish {
    basic::Publish {
        routing_key: queue.into(),
        ..Default::default()
    }
}

/// The frames of a message for `queue`, its body in these pieces.
fn message(channel: &Channel, queue: &str, pieces: &[&[u8]]) -> Vec<Frame> {
    let size: usize = pieces.iter().map(|piece| piece.len()).sum();
    let mut frames = vec![
        Frame::method(channel.id(), publish_to(queue)),
        Frame::header(channel.id(), size as u64, &BasicProperties::default()),
    ];
    frames.extend(pieces.iter().map(|piece| Frame::body(channel.id(), piece)));
    frames
}

fn encode(frames: &[Frame]) -> Vec<u8> {
    frames.iter().flat_map(Frame::encode).collect()
}

#[test]
fn a_whole_session_may_come_byte_by_byte() {
    let connection = Connection::connect(address());
    let name = unique("bytes");
    let channel = connection.unopened_channel(1);
    let mut bytes = PROTOCOL_HEADER.to_vec();
    bytes.extend(handshake());
    bytes.extend(encode(&[
        Frame::method(1, channels::Open {}),
        Frame::method(
            1,
            queue::Declare {
                queue: name.as_str().into(),
                ..Default::default()
            },
        ),
    ]));
    bytes.extend(encode(&message(&channel, &name, &[b"hello ", b"world"])));
    for byte in bytes {
        connection.send_bytes(&[byte]);
    }
    expect_session(&connection, &channel);
    assert_eq!(channel.drain(&name), ["hello world"]);
}

#[test]
fn a_whole_session_may_come_in_one_segment() {
    let connection = Connection::connect(address());
    let name = unique("segment");
    let channel = connection.unopened_channel(1);
    let mut bytes = PROTOCOL_HEADER.to_vec();
    bytes.extend(handshake());
    bytes.extend(encode(&[
        Frame::method(1, channels::Open {}),
        Frame::method(
            1,
            queue::Declare {
                queue: name.as_str().into(),
                ..Default::default()
            },
        ),
    ]));
    for _ in 0..100 {
        bytes.extend(encode(&message(&channel, &name, &[b"hello"])));
    }
    connection.send_bytes(&bytes);
    expect_session(&connection, &channel);
    assert_eq!(channel.drain(&name).len(), 100);
}

/// The client's half of the handshake, up to `connection.open`.
fn handshake() -> Vec<u8> {
    encode(&[
        Frame::method(
            0,
            connections::StartOk {
                client_properties: Default::default(),
                mechanism: "PLAIN".into(),
                response: "\0guest\0guest".into(),
                locale: "en_US".into(),
            },
        ),
        Frame::method(
            0,
            connections::TuneOk {
                channel_max: 1,
                frame_max: 8192,
                heartbeat: 0,
            },
        ),
        Frame::method(
            0,
            connections::Open {
                virtual_host: "/".into(),
            },
        ),
    ])
}

#[track_caller]
fn expect_session(connection: &Connection, channel: &Channel) {
    connection.expect::<connections::Start>();
    connection.expect::<connections::Tune>();
    connection.expect::<connections::OpenOk>();
    channel.expect::<channels::OpenOk>();
    channel.expect::<queue::DeclareOk>();
}

#[test]
fn a_message_may_be_cut_anywhere() {
    let channel = channel();
    let queue = channel.temporary_queue();
    let bytes = encode(&message(&channel, &queue, &[b"hello ", b"world"]));
    for cut in 1..bytes.len() {
        channel.connection().send_bytes(&bytes[..cut]);
        channel.connection().send_bytes(&bytes[cut..]);
        assert_eq!(channel.got(&queue).text(), "hello world", "cut at {cut}");
    }
}

#[test]
fn channels_may_interleave_within_a_message() {
    let connection = connect();
    let (one, two) = (connection.channel(), connection.channel());
    let queue = one.temporary_queue();
    let first = message(&one, &queue, &[b"fir", b"st"]);
    let second = message(&two, &queue, &[b"sec", b"ond"]);
    for (ours, theirs) in first.iter().zip(&second) {
        connection.send_frame(ours);
        connection.send_frame(&Frame::heartbeat());
        connection.send_frame(theirs);
    }
    two.expect_nothing();
    let mut bodies = one.drain(&queue);
    bodies.sort();
    assert_eq!(bodies, ["first", "second"]);
}

#[test]
fn another_channel_may_work_while_a_message_is_incomplete() {
    let connection = connect();
    let (one, two) = (connection.channel(), connection.channel());
    let queue = one.temporary_queue();
    let frames = message(&one, &queue, &[b"late"]);
    connection.send_frames(&frames[..2]);
    two.publish("", &queue, "early");
    assert_eq!(two.drain(&queue), ["early"]);
    connection.send_frames(&frames[2..]);
    assert_eq!(one.drain(&queue), ["late"]);
}

/// A channel with the smallest frames there are.
fn small_frames() -> Channel {
    connect_with(Tuning {
        frame_max: Some(4096),
        ..Tuning::default()
    })
    .channel()
}

#[track_caller]
fn check_payload_is_taken(size: usize) {
    let channel = small_frames();
    let queue = channel.temporary_queue();
    channel
        .connection()
        .send_frames(&message(&channel, &queue, &[&vec![b'x'; size]]));
    assert_eq!(channel.got(&queue).content.body.len(), size);
}

#[test]
fn a_frame_may_be_as_large_as_negotiated() {
    check_payload_is_taken(4096 - 8 - 1);
    check_payload_is_taken(4096 - 8);
}

#[test]
fn eight_bytes_more_are_tolerated() {
    check_payload_is_taken(4096 - 8 + 8);
}

#[test]
fn nine_bytes_more_are_refused() {
    let channel = small_frames();
    let queue = channel.temporary_queue();
    let body = [b'x'; 4096 - 8 + 9];
    channel
        .connection()
        .send_frames(&message(&channel, &queue, &[&body]));
    channel.connection().refused(501, "");
}

#[test]
fn a_frame_that_announces_too_much_is_refused_before_it_comes() {
    let channel = small_frames();
    channel
        .connection()
        .send_bytes(&[3, 0, 1, 0xff, 0xff, 0xff, 0xff]);
    channel.connection().refused(501, "");
}

#[test]
fn the_server_keeps_to_the_negotiated_size() {
    let channel = small_frames();
    let queue = channel.temporary_queue();
    for size in [0, 1, 4087, 4088, 4089, 8176, 8177, 20_000] {
        channel.publish("", &queue, &"x".repeat(size));
        let content = channel.got(&queue).content;
        assert_eq!(content.body.len(), size);
        assert!(
            content.frames.iter().all(|&payload| payload <= 4088),
            "{:?}",
            content.frames
        );
        assert_eq!(
            content.frames.len(),
            size.div_ceil(4088),
            "{:?}",
            content.frames
        );
    }
}

#[test]
fn a_wrong_end_octet_is_refused() {
    let channel = channel();
    let mut bytes = Frame::method(channel.id(), basic::Qos::default()).encode();
    *bytes.last_mut().expect("an end octet") = 0xCD;
    channel.connection().send_bytes(&bytes);
    channel.connection().refused(501, "");
}

#[test]
fn an_unknown_frame_type_is_refused() {
    let channels = [0, 4, 7, 9, 255].map(|kind| (kind, channel()));
    for (kind, channel) in &channels {
        let frame = Frame::new(*kind, channel.id(), [0, 0, 0, 0]);
        channel.connection().send_frame(&frame);
    }
    for (_, channel) in &channels {
        assert_refused_with(channel.connection(), &[501, 505]);
    }
}

#[test]
fn a_heartbeat_on_a_channel_is_refused() {
    let channel = channel();
    channel
        .connection()
        .send_frame(&Frame::new(Frame::HEARTBEAT, 1, []));
    channel.connection().refused(505, "");
}

#[test]
fn a_content_header_on_channel_0_is_refused() {
    let connection = connect();
    connection.send_frame(&Frame::header(0, 1, &BasicProperties::default()));
    connection.refused(505, "");
}

#[test]
fn a_body_on_channel_0_is_refused() {
    let connection = connect();
    connection.send_frame(&Frame::body(0, b"hello"));
    connection.refused(505, "");
}

#[track_caller]
fn check_out_of_place(frames: impl Fn(&Channel) -> Vec<Frame>) {
    let channel = channel();
    channel.connection().send_frames(&frames(&channel));
    channel.connection().refused(505, "");
}

#[test]
fn a_content_header_without_a_method_is_refused() {
    check_out_of_place(|channel| vec![Frame::header(channel.id(), 1, &BasicProperties::default())]);
}

#[test]
fn a_body_without_a_method_is_refused() {
    check_out_of_place(|channel| vec![Frame::body(channel.id(), b"hello")]);
}

#[test]
fn a_method_instead_of_a_content_header_is_refused() {
    check_out_of_place(|channel| {
        vec![
            Frame::method(channel.id(), publish_to("q")),
            Frame::method(channel.id(), basic::Qos::default()),
        ]
    });
}

#[test]
fn a_body_instead_of_a_content_header_is_refused() {
    check_out_of_place(|channel| {
        vec![
            Frame::method(channel.id(), publish_to("q")),
            Frame::body(channel.id(), b"hello"),
        ]
    });
}

#[test]
fn a_method_instead_of_a_body_is_refused() {
    check_out_of_place(|channel| {
        let mut frames = message(channel, "q", &[b"hello"]);
        frames.pop();
        frames.push(Frame::method(channel.id(), basic::Qos::default()));
        frames
    });
}

#[test]
fn a_second_content_header_is_refused() {
    check_out_of_place(|channel| {
        let mut frames = message(channel, "q", &[b"hello"]);
        frames[2] = frames[1].clone();
        frames
    });
}

#[test]
fn a_content_header_of_another_class_is_refused() {
    check_out_of_place(|channel| {
        vec![
            Frame::method(channel.id(), publish_to("q")),
            Frame::header_of_class(50, channel.id(), 1, &[0, 0]),
        ]
    });
}

#[test]
fn a_body_after_the_end_of_the_message_is_refused() {
    check_out_of_place(|channel| {
        let mut frames = message(channel, "q", &[b"hello"]);
        frames.push(Frame::body(channel.id(), b"more"));
        frames
    });
}

#[test]
fn a_body_after_an_announced_size_of_zero_is_refused() {
    check_out_of_place(|channel| {
        let mut frames = message(channel, "q", &[]);
        frames.push(Frame::body(channel.id(), b"more"));
        frames
    });
}
