//! Methods by hand against `amq-protocol`'s parser and generator.

use amq_protocol::frame::{AMQPFrame, gen_frame, parse_frame};
use amq_protocol::protocol::{AMQPClass, basic, connection, exchange, queue};
use amq_protocol::types::AMQPValue;
use ferrymq_amqp::frame;
use ferrymq_amqp::method::{self, Method, MethodError, Publish, decode};
use ferrymq_amqp::{Malformed, table};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::strategies::{self, short};

/// A whole frame by `amq-protocol`.
fn generated(channel: u16, class: AMQPClass) -> Vec<u8> {
    let frame = AMQPFrame::Method(channel, class);
    gen_frame(&frame)(Vec::new().into()).unwrap().write
}

fn payload(frame: &[u8]) -> &[u8] {
    frame::decode(frame, u32::MAX).unwrap().unwrap().payload
}

/// What `amq-protocol` makes of a frame of ours.
fn parsed(frame: &[u8]) -> (u16, AMQPClass) {
    match parse_frame(frame) {
        Ok(([], AMQPFrame::Method(channel, class))) => (channel, class),
        other => panic!("{other:?}"),
    }
}

/// Two short strings with their length octets.
fn address(exchange: &str, routing_key: &str) -> Vec<u8> {
    let parts = [exchange, routing_key].map(|text| [&[text.len() as u8], text.as_bytes()].concat());
    parts.concat()
}

fn class() -> impl Strategy<Value = AMQPClass> {
    use connection::AMQPMethod as C;
    use {basic::AMQPMethod as B, exchange::AMQPMethod as E, queue::AMQPMethod as Q};
    let bits = any::<[bool; 5]>();
    (
        short(),
        short(),
        short(),
        bits,
        strategies::table(),
        any::<u64>(),
        0..9u8,
    )
        .prop_map(|(a, b, c, bits, arguments, number, which)| {
            let [one, two, three, four, five] = bits;
            match which {
                0 => AMQPClass::Queue(Q::Declare(queue::Declare {
                    queue: a,
                    passive: one,
                    durable: two,
                    exclusive: three,
                    auto_delete: four,
                    nowait: five,
                    arguments,
                })),
                1 => AMQPClass::Exchange(E::Declare(exchange::Declare {
                    exchange: a,
                    kind: b,
                    passive: one,
                    durable: two,
                    auto_delete: three,
                    internal: four,
                    nowait: five,
                    arguments,
                })),
                2 => AMQPClass::Queue(Q::Bind(queue::Bind {
                    queue: a,
                    exchange: b,
                    routing_key: c,
                    nowait: one,
                    arguments,
                })),
                3 => AMQPClass::Queue(Q::Unbind(queue::Unbind {
                    queue: a,
                    exchange: b,
                    routing_key: c,
                    arguments,
                })),
                4 => AMQPClass::Basic(B::Consume(basic::Consume {
                    queue: a,
                    consumer_tag: b,
                    no_local: one,
                    no_ack: two,
                    exclusive: three,
                    nowait: four,
                    arguments,
                })),
                5 => AMQPClass::Connection(C::StartOk(connection::StartOk {
                    client_properties: arguments,
                    mechanism: a,
                    response: number.to_be_bytes().as_slice().into(),
                    locale: b,
                })),
                6 => AMQPClass::Connection(C::Close(connection::Close {
                    reply_code: number as u16,
                    reply_text: a,
                    class_id: 60,
                    method_id: 40,
                })),
                7 => AMQPClass::Connection(C::TuneOk(connection::TuneOk {
                    channel_max: number as u16,
                    frame_max: number as u32,
                    heartbeat: 60,
                })),
                _ => AMQPClass::Exchange(E::Unbind(exchange::Unbind {
                    destination: a,
                    source: b,
                    routing_key: c,
                    nowait: one,
                    arguments,
                })),
            }
        })
}

proptest! {
    #[test]
    fn publish_by_hand(exchange in short(), key in short(), mandatory: bool, immediate: bool) {
        let frame = generated(1, AMQPClass::Basic(basic::AMQPMethod::Publish(basic::Publish {
            exchange: exchange.clone(),
            routing_key: key.clone(),
            mandatory,
            immediate,
        })));
        let address = address(exchange.as_str(), key.as_str());
        let again = method::publish_again(payload(&frame), &address);
        prop_assert_eq!(again, Some((mandatory, immediate)));
        prop_assert_eq!(method::publish_again(payload(&frame), &address[1..]), None);
        prop_assert_eq!(decode(payload(&frame)), Ok(Method::Publish(Publish {
            exchange: exchange.as_str(),
            routing_key: key.as_str(),
            mandatory,
            immediate,
            address: &address,
        })));
    }

    #[test]
    fn settlements_by_hand(delivery_tag: u64, multiple: bool, requeue: bool, channel: u16) {
        let check = |method, expected| {
            let frame = generated(channel, AMQPClass::Basic(method));
            assert_eq!(decode(payload(&frame)), Ok(expected));
            frame
        };
        let ack = check(
            basic::AMQPMethod::Ack(basic::Ack { delivery_tag, multiple }),
            Method::Ack { delivery_tag, multiple },
        );
        check(
            basic::AMQPMethod::Nack(basic::Nack { delivery_tag, multiple, requeue }),
            Method::Nack { delivery_tag, multiple, requeue },
        );
        let nack = check(
            basic::AMQPMethod::Nack(basic::Nack { delivery_tag, multiple, requeue: false }),
            Method::Nack { delivery_tag, multiple, requeue: false },
        );
        check(
            basic::AMQPMethod::Reject(basic::Reject { delivery_tag, requeue }),
            Method::Reject { delivery_tag, requeue },
        );
        let mut out = Vec::new();
        method::encode_ack(&mut out, channel, delivery_tag, multiple);
        prop_assert_eq!(&out, &ack);
        out.clear();
        method::encode_nack(&mut out, channel, delivery_tag, multiple);
        prop_assert_eq!(&out, &nack);
    }

    #[test]
    fn deliver_get_ok_and_return_by_hand(
        channel: u16,
        (tag, exchange, key) in (short(), short(), short()),
        delivery_tag: u64,
        redelivered: bool,
        message_count: u32,
    ) {
        let address = address(exchange.as_str(), key.as_str());
        let tag_bytes = [&[tag.as_str().len() as u8], tag.as_str().as_bytes()].concat();
        let mut out = Vec::new();
        method::encode_deliver(&mut out, channel, &tag_bytes, delivery_tag, redelivered, &address);
        prop_assert_eq!(&out, &generated(channel, AMQPClass::Basic(
            basic::AMQPMethod::Deliver(basic::Deliver {
                consumer_tag: tag.clone(),
                delivery_tag,
                redelivered,
                exchange: exchange.clone(),
                routing_key: key.clone(),
            }),
        )));
        out.clear();
        method::encode_get_ok(&mut out, channel, delivery_tag, redelivered, &address, message_count);
        prop_assert_eq!(parsed(&out), (channel, AMQPClass::Basic(
            basic::AMQPMethod::GetOk(basic::GetOk {
                delivery_tag,
                redelivered,
                exchange: exchange.clone(),
                routing_key: key.clone(),
                message_count,
            }),
        )));
        out.clear();
        method::encode_return(&mut out, channel, 312, tag.as_str(), &address);
        prop_assert_eq!(parsed(&out), (channel, AMQPClass::Basic(
            basic::AMQPMethod::Return(basic::Return {
                reply_code: 312,
                reply_text: tag,
                exchange,
                routing_key: key,
            }),
        )));
    }

    #[test]
    fn other_methods_round_trip(
        class in class(),
        channel: u16,
        cuts in vec(any::<prop::sample::Index>(), 12),
    ) {
        let mut frame = b"already here".to_vec();
        method::encode(&mut frame, channel, &class);
        let frame = frame.strip_prefix(b"already here").unwrap();
        let expected = generated(channel, class.clone());
        prop_assert_eq!(frame, expected.as_slice());
        let payload = payload(frame);
        prop_assert_eq!(decode(payload), Ok(Method::Other(class)));
        let (id, arguments) = payload.split_at(4);
        for length in cuts.iter().map(|cut| cut.index(arguments.len())) {
            let cut = [id, &arguments[..length]].concat();
            prop_assert!(decode(&cut).is_err(), "cut to {} bytes", length);
        }
        let longer = [payload, b"\0"].concat();
        prop_assert!(decode(&longer).is_err(), "one byte left over");
    }

    #[test]
    fn random_bytes_never_panic(
        class in prop::sample::select(vec![10u16, 20, 30, 40, 50, 60, 85, 90, 7]),
        method in 0..130u16,
        arguments in vec(any::<u8>(), 0..80),
    ) {
        let payload = [&class.to_be_bytes(), &method.to_be_bytes(), arguments.as_slice()].concat();
        match decode(&payload) {
            Ok(_) => prop_assert!(method::name(class, method).is_some()),
            Err(MethodError::Unknown { .. }) => {
                prop_assert_eq!(method::name(class, method), None);
            }
            Err(MethodError::Malformed { name, .. }) => {
                prop_assert_eq!(method::name(class, method), Some(name));
            }
            Err(MethodError::TooShort(_)) => prop_assert!(false, "class and method are there"),
        }
    }

    #[test]
    fn damaged_methods_never_panic(
        class in class(),
        at in any::<prop::sample::Index>(),
        byte: u8,
    ) {
        let mut frame = generated(1, class);
        let payload = payload(&frame).len();
        frame[7 + at.index(payload)] = byte;
        decode(&frame[7..7 + payload]).ok();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn plausible_bytes_are_read_to_the_same_end(
        (class, number) in prop::sample::select(all_methods()),
        arguments in vec(0..3u8, 0..24),
    ) {
        let id = [class.to_be_bytes(), number.to_be_bytes()].concat();
        let payload = [id, arguments].concat();
        let theirs = method::protocol::parse_class(payload.as_slice());
        let whole = matches!(theirs, Ok(([], _)));
        prop_assert_eq!(decode(&payload).is_ok(), whole);
    }
}

/// The numbers of every method.
fn all_methods() -> Vec<(u16, u16)> {
    (10..100)
        .flat_map(|class| (10..130).map(move |method| (class, method)))
        .filter(|&(class, method)| method::name(class, method).is_some())
        .collect()
}

#[test]
fn no_method_is_missing() {
    assert_eq!(all_methods().len(), 66);
    for class in 0..100u16 {
        for number in 0..130u16 {
            let id = [class.to_be_bytes(), number.to_be_bytes()].concat();
            let payload = [id.as_slice(), &[0; 64]].concat();
            let known = method::protocol::parse_class(payload.as_slice()).is_ok();
            assert_eq!(
                method::name(class, number).is_some(),
                known,
                "{class}.{number}"
            );
        }
    }
}

#[test]
fn first_of_duplicate_arguments_wins() {
    let entries = b"\x01aB\x01\x01aB\x02";
    let head = [0, 50, 0, 10, 0, 0, 1, b'q', 0, 0, 0, 0, entries.len() as u8];
    let payload = [head.as_slice(), entries].concat();
    let Ok(Method::Other(AMQPClass::Queue(queue::AMQPMethod::Declare(declare)))) = decode(&payload)
    else {
        panic!("queue.declare");
    };
    assert_eq!(table::integer(&declare.arguments, "a"), Some(1));
    assert_eq!(
        table::get(&declare.arguments, "a"),
        Some(&AMQPValue::ShortShortUInt(1))
    );
}

#[test]
fn what_is_wrong_is_said() {
    let not_utf8 = [0, 60, 0, 40, 0, 0, 1, 0xff, 0, 0];
    assert_eq!(
        decode(&not_utf8),
        Err(MethodError::Malformed {
            class: 60,
            method: 40,
            name: "basic.publish",
            why: Malformed::NotUtf8
        })
    );
    assert_eq!(
        decode(&not_utf8).unwrap_err().to_string(),
        "malformed arguments of basic.publish: malformed UTF-8 in shortstr"
    );
    assert_eq!(decode(&[0, 60, 0]), Err(MethodError::TooShort(3)));
    let unknown = MethodError::Unknown {
        class: 61,
        method: 1,
    };
    assert_eq!(decode(&[0, 61, 0, 1]), Err(unknown));
}

#[test]
fn prefetch_size_is_not_lost() {
    let payload = [0, 60, 0, 10, 0, 0, 1, 0, 0, 5, 1];
    assert!(matches!(decode(&payload), Ok(Method::Other(_))));
    assert_eq!(method::qos_prefetch_size(&payload), 256);
    assert_eq!(method::qos_prefetch_size(&[]), 0);
}
