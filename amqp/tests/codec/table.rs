//! Raw tables against `amq-protocol`'s.

use amq_protocol::types::parsing::parse_field_table;
use amq_protocol::types::{AMQPValue, FieldTable, LongString};
use ferrymq_amqp::table::{
    self, MAX_DEPTH, RawTable, RawValue, encode_table, encode_value, type_name, validate,
};
use ferrymq_amqp::{Malformed, method};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::strategies;

fn encoded(table: &FieldTable) -> Vec<u8> {
    let mut out = Vec::new();
    encode_table(&mut out, table);
    out
}

/// An entry: name and encoded value.
fn entry(name: &str, value: &[u8]) -> Vec<u8> {
    [&[name.len() as u8], name.as_bytes(), value].concat()
}

proptest! {
    #[test]
    fn raw_and_parsed_agree(table in strategies::table()) {
        let bytes = encoded(&table);
        let (rest, parsed) = parse_field_table(bytes.as_slice()).unwrap();
        prop_assert!(rest.is_empty());
        prop_assert_eq!(&parsed, &table);
        let raw = RawTable::parse(&bytes[4..]).unwrap();
        prop_assert_eq!(&raw.to_field_table(), &table);
        let mut walked = 0;
        for (name, value) in raw.iter() {
            let expected = table::get(&table, name).unwrap();
            prop_assert_eq!(&value.to_value(), expected);
            prop_assert_eq!(value.integer(), table::integer(&table, name));
            prop_assert_eq!(value.string(), table::string(&table, name));
            prop_assert_eq!(raw.get(name), Some(value));
            walked += 1;
        }
        prop_assert_eq!(walked, table.inner().len());
        prop_assert_eq!(raw.is_empty(), walked == 0);
    }

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..120)) {
        if let Ok(raw) = RawTable::parse(&bytes) {
            let mut again = encoded(&raw.to_field_table());
            again.drain(..4);
            prop_assert!(again.len() <= bytes.len());
        }
    }

    #[test]
    fn damaged_tables_never_panic(
        table in strategies::table(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = encoded(&table);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(raw) = RawTable::parse(&bytes[4..]) {
            raw.to_field_table();
        }
        if let Ok(raw) = RawTable::parse(&bytes[4..at.max(4)]) {
            raw.to_field_table();
        }
    }
}

#[test]
fn first_of_duplicates_wins() {
    let bytes = [
        entry("a", b"B\x01"),
        entry("b", b"B\x02"),
        entry("a", b"B\x03"),
    ]
    .concat();
    let raw = RawTable::parse(&bytes).unwrap();
    assert_eq!(raw.iter().count(), 3);
    assert_eq!(raw.get("a"), Some(RawValue::ShortShortUInt(1)));
    assert_eq!(table::integer(&raw.to_field_table(), "a"), Some(1));
}

#[test]
fn every_type_is_known_and_no_other() {
    let known = b"tbBsuIilLfdDSxATFV";
    for tag in 0..=u8::MAX {
        let bytes = entry("", &[[tag].as_slice(), &[0; 8]].concat());
        let result = validate(&bytes, MAX_DEPTH);
        if known.contains(&tag) {
            assert_ne!(result, Err(Malformed::UnknownFieldType(tag)));
        } else {
            assert_eq!(result, Err(Malformed::UnknownFieldType(tag)));
        }
    }
}

#[test]
fn lengths_are_believed_only_within_bounds() {
    let cut = entry("k", b"S\xff\xff\xff\xffabc");
    assert_eq!(validate(&cut, MAX_DEPTH), Err(Malformed::Truncated));
    assert_eq!(validate(&[5, b'a'], MAX_DEPTH), Err(Malformed::Truncated));
    assert_eq!(
        validate(&[1, 0xff, b'V'], MAX_DEPTH),
        Err(Malformed::NotUtf8)
    );
}

/// A table nested `depth` deep, with its own length in front; by turns in tables and in arrays.
fn nested(depth: usize) -> Vec<u8> {
    let mut value = vec![b'V'];
    for level in 1..depth {
        let (tag, inside) = match level % 2 {
            0 => (b'A', value),
            _ => (b'F', entry("k", &value)),
        };
        value = vec![tag];
        value.extend_from_slice(&(inside.len() as u32).to_be_bytes());
        value.extend_from_slice(&inside);
    }
    let outermost = entry("k", &value);
    [
        &(outermost.len() as u32).to_be_bytes(),
        outermost.as_slice(),
    ]
    .concat()
}

#[test]
fn nesting_is_bounded() {
    assert_eq!(validate(&nested(MAX_DEPTH)[4..], MAX_DEPTH), Ok(()));
    for depth in [MAX_DEPTH + 1, 30_000] {
        let deep = nested(depth);
        assert_eq!(validate(&deep[4..], MAX_DEPTH), Err(Malformed::TooDeep));
    }
}

#[test]
fn the_deepest_table_fits_a_small_stack() {
    let parse = || {
        let head = [0, 50, 0, 10, 0, 0, 1, b'q', 0];
        let payload = [head.as_slice(), &nested(MAX_DEPTH)].concat();
        let decoded = method::decode(&payload).unwrap();
        let method::Method::Other(class) = decoded else {
            panic!("queue.declare is no hot method");
        };
        let mut again = Vec::new();
        method::encode(&mut again, 1, &class);
        assert_eq!(again[7..again.len() - 1], payload);
    };
    let thread = std::thread::Builder::new().stack_size(1 << 20);
    thread.spawn(parse).unwrap().join().unwrap();
}

#[test]
fn type_names_and_odd_values() {
    assert_eq!(type_name(&AMQPValue::LongInt(1)), "signedint");
    assert_eq!(type_name(&AMQPValue::LongLongInt(1)), "long");
    let mut out = Vec::new();
    encode_value(&mut out, &AMQPValue::ShortString("x".into()));
    assert_eq!(out, b"S\0\0\0\x01x", "short strings have no type in tables");
    let mut table = FieldTable::default();
    table.insert("on".into(), AMQPValue::Boolean(true));
    table.insert(
        "raw".into(),
        AMQPValue::LongString(LongString::from([0xff])),
    );
    assert_eq!(table::boolean(&table, "on"), Some(true));
    assert_eq!(table::string(&table, "raw"), None);
    assert_eq!(table::integer(&table, "on"), None);
}
