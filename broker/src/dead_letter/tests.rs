//! The rules of amqp.md 16, one by one.

use ferrymq_amqp::content::{NO_PROPERTIES, with_header};
use ferrymq_amqp::{AMQPValue, FieldTable, LongString, table};
use ferrymq_store::Part;
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::Arc;

use super::*;
use crate::queue::options::DeadLetterStrategy;
use DeadLetterReason::{DeliveryLimit, Expired, MaxLength, Rejected};

const BODY: &[u8] = b"the body";

/// A message published to `ex` with the key `key`.
fn message(properties: &[u8]) -> Message {
    let bytes = [b"\x02ex\x03key", properties, BODY].concat();
    Message::small(&bytes, 7, properties.len(), true)
}

fn with(headers: &[(&str, AMQPValue)]) -> Message {
    let mut properties = NO_PROPERTIES.to_vec();
    for (name, value) in headers {
        properties = with_header(&properties, name, value);
    }
    message(&properties)
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

fn texts(texts: &[&str]) -> AMQPValue {
    let values: Vec<AMQPValue> = texts.iter().map(|one| text(one)).collect();
    AMQPValue::FieldArray(values.into())
}

fn to(exchange: &str, routing_key: Option<&str>) -> DeadLetter {
    DeadLetter {
        exchange: exchange.into(),
        routing_key: routing_key.map(Arc::from),
        strategy: DeadLetterStrategy::AtMostOnce,
    }
}

/// What becomes of `message` when it dies in `queue` at `seconds`, without a key of the queue's.
fn die(message: &Message, queue: &str, reason: DeadLetterReason, seconds: u64) -> Message {
    die_to(&to("dlx", None), message, queue, reason, seconds)
}

fn die_to(
    to: &DeadLetter,
    message: &Message,
    queue: &str,
    reason: DeadLetterReason,
    seconds: u64,
) -> Message {
    let at = Timestamp::from_millis(seconds * 1000 + 999);
    to.publish(message, &Death { queue, reason, at })
}

fn headers(message: &Message) -> FieldTable {
    let properties = Properties::parse(message.properties()).unwrap();
    properties.headers().unwrap().to_field_table()
}

fn deaths(message: &Message) -> Vec<FieldTable> {
    let headers = headers(message);
    let Some(AMQPValue::FieldArray(deaths)) = table::get(&headers, "x-death") else {
        panic!("no x-death in {headers:?}");
    };
    let table = |value: &AMQPValue| match value {
        AMQPValue::FieldTable(table) => table.clone(),
        other => panic!("{other:?}"),
    };
    deaths.as_slice().iter().map(table).collect()
}

/// (queue, reason, count) of each entry.
fn counts(message: &Message) -> Vec<(String, String, i64)> {
    let deaths = deaths(message).into_iter();
    let string = |death: &FieldTable, name| table::string(death, name).unwrap().to_owned();
    deaths
        .map(|death| {
            let count = table::integer(&death, "count").unwrap();
            (string(&death, "queue"), string(&death, "reason"), count)
        })
        .collect()
}

fn entry(queue: &str, reason: DeadLetterReason, count: i64) -> (String, String, i64) {
    (queue.into(), reason.as_str().into(), count)
}

fn keys(message: &Message) -> Vec<String> {
    let properties = Properties::parse(message.properties()).unwrap();
    let keys = routing_keys(message, properties.headers());
    keys.iter().map(ToString::to_string).collect()
}

fn noted_keys(message: &Message) -> Option<AMQPValue> {
    table::get(&deaths(message)[0], "routing-keys").cloned()
}

#[test]
fn an_entry_has_these_fields_of_these_types() {
    let dead = die(&message(NO_PROPERTIES), "q", Rejected, 60);
    let expected = [
        ("count", AMQPValue::LongLongInt(1)),
        ("reason", text("rejected")),
        ("queue", text("q")),
        ("time", AMQPValue::Timestamp(60)),
        ("exchange", text("ex")),
        ("routing-keys", texts(&["key"])),
    ];
    let mut table = FieldTable::default();
    for (name, value) in expected {
        table.insert(name.into(), value);
    }
    assert_eq!(deaths(&dead), [table]);
}

#[test]
fn each_reason_has_its_name() {
    for (reason, name) in [
        (Rejected, "rejected"),
        (Expired, "expired"),
        (MaxLength, "maxlen"),
        (DeliveryLimit, "delivery_limit"),
    ] {
        let dead = die(&message(NO_PROPERTIES), "q", reason, 1);
        assert_eq!(table::string(&deaths(&dead)[0], "reason"), Some(name));
    }
}

#[test]
fn it_goes_to_the_dead_letter_exchange_with_its_own_key() {
    let dead = die(&message(NO_PROPERTIES), "q", Expired, 1);
    assert_eq!(
        (dead.exchange(), dead.routing_key()),
        (&b"dlx"[..], &b"key"[..])
    );
    assert_eq!(keys(&dead), ["key"]);
}

#[test]
fn it_goes_to_the_default_exchange_with_the_configured_key() {
    let dead = die_to(
        &to("", Some("graves")),
        &message(NO_PROPERTIES),
        "q",
        Expired,
        1,
    );
    assert_eq!(
        (dead.exchange(), dead.routing_key()),
        (&b""[..], &b"graves"[..])
    );
    assert_eq!(keys(&dead), ["graves"]);
}

#[test]
fn copies_go_on_to_route_unless_a_key_is_configured() {
    let copied = with(&[("CC", texts(&["a", "b"]))]);
    let dead = die(&copied, "q", Rejected, 1);
    assert_eq!(keys(&dead), ["key", "a", "b"]);
    assert_eq!(noted_keys(&dead), Some(texts(&["key", "a", "b"])));
    let dead = die_to(&to("dlx", Some("k")), &copied, "q", Rejected, 1);
    assert_eq!(keys(&dead), ["k"]);
    assert_eq!(noted_keys(&dead), Some(texts(&["key", "a", "b"])));
    // The header stays, but routes no more: not in a later life either.
    assert_eq!(headers(&dead).inner().get("CC"), Some(&texts(&["a", "b"])));
    let again = die(&dead, "r", Rejected, 2);
    assert_eq!(keys(&again), ["k"]);
    assert_eq!(noted_keys(&again), Some(texts(&["k"])));
}

#[test]
fn what_is_no_string_in_cc_is_no_key() {
    let values = vec![
        text("a"),
        AMQPValue::Void,
        AMQPValue::LongString(LongString::from(&b"\xff"[..])),
    ];
    let odd = with(&[("CC", AMQPValue::FieldArray(values.into()))]);
    assert_eq!(keys(&odd), ["key", "a"]);
}

#[test]
fn the_latest_death_comes_first() {
    let dead = die(&message(NO_PROPERTIES), "a", Expired, 1);
    let dead = die(&dead, "b", MaxLength, 2);
    assert_eq!(
        counts(&dead),
        [entry("b", MaxLength, 1), entry("a", Expired, 1)]
    );
}

#[test]
fn deaths_in_one_queue_for_one_reason_are_counted() {
    let copied = with(&[("CC", texts(&["a"]))]);
    let dead = die(&copied, "a", Rejected, 1);
    let dead = die_to(&to("other", Some("k")), &dead, "b", Rejected, 2);
    let dead = die(&dead, "a", Rejected, 3);
    assert_eq!(
        counts(&dead),
        [entry("a", Rejected, 2), entry("b", Rejected, 1)]
    );
    // Where and when it was the first time.
    let first = &deaths(&dead)[0];
    assert_eq!(first.inner().get("time"), Some(&AMQPValue::Timestamp(1)));
    assert_eq!(table::string(first, "exchange"), Some("ex"));
    assert_eq!(noted_keys(&dead), Some(texts(&["key", "a"])));
    // Another reason in the same queue is another entry.
    let dead = die(&dead, "a", Expired, 4);
    let expected = [
        entry("a", Expired, 1),
        entry("a", Rejected, 2),
        entry("b", Rejected, 1),
    ];
    assert_eq!(counts(&dead), expected);
}

#[test]
fn first_and_last_death_have_headers_of_their_own() {
    let dead = die(&message(NO_PROPERTIES), "a", Expired, 1);
    let dead = die(&dead, "b", Rejected, 2);
    let dead = die_to(&to("third", None), &dead, "c", MaxLength, 3);
    let dead = die(&dead, "d", DeliveryLimit, 4);
    let headers = headers(&dead);
    for (name, value) in [
        ("x-first-death-queue", "a"),
        ("x-first-death-reason", "expired"),
        ("x-first-death-exchange", "ex"),
        ("x-last-death-queue", "d"),
        ("x-last-death-reason", "delivery_limit"),
        ("x-last-death-exchange", "third"),
    ] {
        assert_eq!(headers.inner().get(name), Some(&text(value)), "{name}");
    }
    assert_eq!(headers.inner().len(), 7);
}

#[test]
fn expiration_is_noted_and_removed() {
    let dead = die(&message(b"\x01\x00\x0212"), "q", Rejected, 1);
    let properties = Properties::parse(dead.properties()).unwrap();
    assert_eq!(properties.expiration(), None);
    let noted = |dead: &Message| deaths(dead)[0].inner().get("original-expiration").cloned();
    assert_eq!(noted(&dead), Some(text("12")));
    let again = die(&dead, "r", Expired, 2);
    assert_eq!(noted(&again), None);
    assert_eq!(
        deaths(&again)[1].inner().get("original-expiration"),
        Some(&text("12"))
    );
}

#[test]
fn a_publishers_history_is_replaced() {
    let claimed = die(&message(NO_PROPERTIES), "q", Rejected, 1);
    // The same bytes, but published by a client.
    let published = message(claimed.properties());
    assert!(!published.has_died());
    let dead = die(&published, "q", Rejected, 5);
    assert_eq!(counts(&dead), [entry("q", Rejected, 1)]);
    assert_eq!(
        deaths(&dead)[0].inner().get("time"),
        Some(&AMQPValue::Timestamp(5))
    );
    let odd = with(&[
        ("x-death", text("nonsense")),
        ("x-first-death-queue", AMQPValue::Void),
    ]);
    let dead = die(&odd, "q", Rejected, 5);
    assert_eq!(counts(&dead), [entry("q", Rejected, 1)]);
    assert_eq!(
        table::string(&headers(&dead), "x-first-death-queue"),
        Some("q")
    );
}

#[test]
fn the_history_survives_storage() {
    let copied = with(&[("CC", texts(&["a"]))]);
    let dead = die_to(&to("dlx", Some("k")), &copied, "a", Rejected, 1);
    let mut stored = Vec::new();
    dead.with_stored_parts(|parts| {
        for part in parts {
            stored.extend_from_slice(match part {
                Part::Copied(bytes) => bytes,
                Part::Shared(bytes) => bytes,
            });
        }
    });
    let dead = Message::from_stored(&stored.into()).unwrap();
    assert_eq!(keys(&dead), ["k"]);
    let again = die(&dead, "a", Rejected, 2);
    assert_eq!(counts(&again), [entry("a", Rejected, 2)]);
}

#[test]
fn a_circle_without_a_rejection_is_one() {
    let check = |deaths: &[(&str, DeadLetterReason)], queue, expected| {
        let dead = deaths
            .iter()
            .fold(message(NO_PROPERTIES), |message, (queue, reason)| {
                die(&message, queue, *reason, 1)
            });
        assert_eq!(is_cycle(&dead, queue), expected, "{deaths:?} to {queue}");
    };
    check(&[], "a", false);
    check(&[("a", Expired)], "a", true);
    check(&[("a", Expired)], "b", false);
    check(&[("a", MaxLength)], "a", true);
    check(&[("a", DeliveryLimit), ("b", Expired)], "a", true);
    check(&[("a", Expired), ("b", Rejected)], "a", false);
    check(&[("a", Rejected), ("b", Expired)], "a", false);
    check(&[("a", Rejected), ("a", Expired)], "a", true);
    check(
        &[("a", Expired), ("b", Rejected), ("c", Expired)],
        "c",
        true,
    );
    check(
        &[("a", Expired), ("b", Rejected), ("c", Expired)],
        "a",
        false,
    );
}

#[test]
fn a_publishers_history_makes_no_circle() {
    let claimed = die(&message(NO_PROPERTIES), "q", Expired, 1);
    assert!(!is_cycle(&message(claimed.properties()), "q"));
}

#[test]
fn a_long_history_keeps_its_latest_part() {
    let queue = |number: usize| format!("{number}{}", "q".repeat(200));
    let mut dead = message(NO_PROPERTIES);
    for number in 0..500 {
        dead = die(&dead, &queue(number), Expired, 1);
    }
    assert!(dead.properties().len() < 128 * 1024);
    let counts = counts(&dead);
    assert!(counts.len() > 200);
    assert_eq!(counts[0], entry(&queue(499), Expired, 1));
    assert_eq!(
        table::string(&headers(&dead), "x-first-death-queue"),
        Some(&*queue(0))
    );
    // The latest one is there, however long it is.
    let long: Vec<String> = (0..1000).map(|key| format!("{key:0200}")).collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    let dead = die(&with(&[("CC", texts(&long))]), "q", Expired, 1);
    assert_eq!(deaths(&dead).len(), 1);
}

#[test]
fn a_large_body_is_shared() {
    let chunks = vec![
        bytes::Bytes::from(vec![1; 5000]),
        bytes::Bytes::from(vec![2; 5000]),
    ];
    let large = Message::large(b"\x02ex\x03key\0\0", 7, false, chunks);
    let dead = die(&large, "q", Rejected, 1);
    let same = |(a, b): (&bytes::Bytes, &bytes::Bytes)| a.as_ptr() == b.as_ptr();
    assert!(large.large_body().iter().zip(dead.large_body()).all(same));
    assert_eq!(dead.body_len(), 10_000);
}

/// Properties with any values, as on the wire: (flag, value) from the first to the last.
fn properties() -> impl Strategy<Value = Vec<u8>> {
    let values = (2..16u16).rev().map(|bit| {
        let value = match bit {
            13 => vec((header_name(), vec(any::<u8>(), 0..9)), 0..6)
                .prop_map(table_bytes)
                .boxed(),
            12 | 11 => any::<u8>().prop_map(|byte| vec![byte]).boxed(),
            6 => vec(any::<u8>(), 8).boxed(),
            _ => "[a-z0-9]{0,9}".prop_map(|text| short(&text)).boxed(),
        };
        (Just(1 << bit), proptest::option::of(value))
    });
    values.collect::<Vec<_>>().prop_map(|values| {
        let present = || {
            values
                .iter()
                .filter_map(|(flag, value)| Some((flag, value.as_ref()?)))
        };
        let flags: u16 = present().map(|(flag, _)| *flag).sum();
        let values = present().flat_map(|(_, value)| value.clone());
        flags.to_be_bytes().into_iter().chain(values).collect()
    })
}

fn header_name() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => "[a-c]",
        1 => Just("x-death".to_owned()),
        1 => Just("x-first-death-queue".to_owned()),
        1 => Just("x-last-death-times".to_owned()),
    ]
}

fn short(text: &str) -> Vec<u8> {
    [&[text.len() as u8], text.as_bytes()].concat()
}

/// Long strings by name, duplicates included.
fn table_bytes(entries: Vec<(String, Vec<u8>)>) -> Vec<u8> {
    let entries: Vec<u8> = entries
        .into_iter()
        .flat_map(|(name, value)| {
            let length = (value.len() as u32).to_be_bytes();
            [short(&name), b"S".to_vec(), length.to_vec(), value].concat()
        })
        .collect();
    [&(entries.len() as u32).to_be_bytes()[..], &entries].concat()
}

/// The headers that no death touches, byte for byte.
fn foreign_headers(properties: &Properties<'_>) -> Vec<(String, Vec<u8>)> {
    let headers = properties.headers().unwrap_or_default();
    let foreign = headers
        .iter()
        .filter(|(name, _)| !history::is_death_header(name));
    let bytes = |value| match value {
        ferrymq_amqp::RawValue::LongString(bytes) => bytes.to_vec(),
        other => panic!("{other:?}"),
    };
    foreign
        .map(|(name, value)| (name.to_owned(), bytes(value)))
        .collect()
}

proptest! {
    #[test]
    fn nothing_else_changes(properties in properties(), again in any::<bool>()) {
        use ferrymq_amqp::content::Property;
        let message = message(&properties);
        let mut dead = die(&message, "q", Expired, 1);
        if again {
            dead = die(&dead, "r", Rejected, 1);
        }
        let before = Properties::parse(message.properties()).unwrap();
        let after = Properties::parse(dead.properties()).unwrap();
        let changed = Property::Headers.flag() | Property::Expiration.flag();
        prop_assert_eq!(after.flags() & !changed, before.flags() & !changed);
        for property in Property::ALL {
            if property != Property::Expiration {
                prop_assert_eq!(after.short_bytes(property), before.short_bytes(property));
            }
        }
        prop_assert_eq!(after.delivery_mode(), before.delivery_mode());
        prop_assert_eq!(after.priority(), before.priority());
        prop_assert_eq!(after.timestamp(), before.timestamp());
        prop_assert_eq!(foreign_headers(&after), foreign_headers(&before));
        prop_assert_eq!(dead.is_persistent(), message.is_persistent());
        prop_assert!(dead.own_bytes().ends_with(BODY));
        prop_assert_eq!(dead.body_len(), BODY.len() as u64);
        prop_assert_eq!(deaths(&dead).len(), 1 + usize::from(again));
    }
}
