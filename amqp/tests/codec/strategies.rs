//! Random names, values, tables and properties.

use amq_protocol::protocol::BasicProperties;
use amq_protocol::types::{
    AMQPValue, ByteArray, DecimalValue, FieldArray, FieldTable, ShortString,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

/// A short string, mostly short, sometimes of the full 255 bytes, sometimes not ASCII.
pub(crate) fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z.#*]{0,12}",
        1 => "[äß日x]{0,60}",
        1 => "[a-z]{250,255}",
    ]
}

pub(crate) fn short() -> impl Strategy<Value = ShortString> {
    name().prop_map(ShortString::from)
}

pub(crate) fn value() -> impl Strategy<Value = AMQPValue> {
    scalar().prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(|values| AMQPValue::FieldArray(values.into())),
            btree_map(short(), inner, 0..6).prop_map(|table| AMQPValue::FieldTable(table.into())),
        ]
    })
}

fn scalar() -> impl Strategy<Value = AMQPValue> {
    prop_oneof![
        any::<bool>().prop_map(AMQPValue::Boolean),
        any::<i8>().prop_map(AMQPValue::ShortShortInt),
        any::<u8>().prop_map(AMQPValue::ShortShortUInt),
        any::<i16>().prop_map(AMQPValue::ShortInt),
        any::<u16>().prop_map(AMQPValue::ShortUInt),
        any::<i32>().prop_map(AMQPValue::LongInt),
        any::<u32>().prop_map(AMQPValue::LongUInt),
        any::<i64>().prop_map(AMQPValue::LongLongInt),
        (-1e9f32..1e9).prop_map(AMQPValue::Float),
        (-1e9f64..1e9).prop_map(AMQPValue::Double),
        (any::<u8>(), any::<u32>())
            .prop_map(|(scale, value)| AMQPValue::DecimalValue(DecimalValue { scale, value })),
        vec(any::<u8>(), 0..40).prop_map(|bytes| AMQPValue::LongString(bytes.into())),
        vec(any::<u8>(), 0..40).prop_map(|bytes| AMQPValue::ByteArray(ByteArray::from(bytes))),
        any::<u64>().prop_map(AMQPValue::Timestamp),
        Just(AMQPValue::FieldArray(FieldArray::default())),
        Just(AMQPValue::Void),
    ]
}

pub(crate) fn table() -> impl Strategy<Value = FieldTable> {
    btree_map(short(), value(), 0..8).prop_map(FieldTable::from)
}

/// `amq-protocol`'s properties, each of them there or not.
pub(crate) fn properties() -> impl Strategy<Value = BasicProperties> {
    let strings = vec(proptest::option::of(short()), 10);
    let rest = (
        proptest::option::of(table()),
        proptest::option::of(0..4u8),
        proptest::option::of(any::<u8>()),
        proptest::option::of(any::<u64>()),
    );
    (strings, rest).prop_map(|(strings, (headers, mode, priority, timestamp))| {
        let setters = [
            BasicProperties::with_content_type,
            BasicProperties::with_content_encoding,
            BasicProperties::with_correlation_id,
            BasicProperties::with_reply_to,
            BasicProperties::with_expiration,
            BasicProperties::with_message_id,
            BasicProperties::with_type,
            BasicProperties::with_user_id,
            BasicProperties::with_app_id,
            BasicProperties::with_cluster_id,
        ];
        let mut properties = BasicProperties::default();
        for (set, string) in setters.into_iter().zip(strings) {
            if let Some(string) = string {
                properties = set(properties, string);
            }
        }
        if let Some(headers) = headers {
            properties = properties.with_headers(headers);
        }
        if let Some(mode) = mode {
            properties = properties.with_delivery_mode(mode);
        }
        if let Some(priority) = priority {
            properties = properties.with_priority(priority);
        }
        if let Some(timestamp) = timestamp {
            properties = properties.with_timestamp(timestamp);
        }
        properties
    })
}
