//! Typed look-ups in `amq-protocol`'s tables.

use amq_protocol::types::{AMQPValue, FieldTable};

/// The value with this name.
pub fn get<'a>(table: &'a FieldTable, name: &str) -> Option<&'a AMQPValue> {
    table.inner().get(name)
}

/// The text with this name; `None` for any other type, or not UTF-8.
pub fn string<'a>(table: &'a FieldTable, name: &str) -> Option<&'a str> {
    get(table, name).and_then(string_value)
}

/// The number with this name, whatever integer type it came as.
pub fn integer(table: &FieldTable, name: &str) -> Option<i64> {
    get(table, name).and_then(integer_value)
}

/// The boolean with this name.
pub fn boolean(table: &FieldTable, name: &str) -> Option<bool> {
    get(table, name).and_then(AMQPValue::as_bool)
}

/// The text of a string value.
pub fn string_value(value: &AMQPValue) -> Option<&str> {
    match value {
        AMQPValue::LongString(text) => str::from_utf8(text.as_bytes()).ok(),
        AMQPValue::ShortString(text) => Some(text.as_str()),
        _ => None,
    }
}

/// The number in an integer value of any width.
pub fn integer_value(value: &AMQPValue) -> Option<i64> {
    Some(match *value {
        AMQPValue::ShortShortInt(number) => number.into(),
        AMQPValue::ShortShortUInt(number) => number.into(),
        AMQPValue::ShortInt(number) => number.into(),
        AMQPValue::ShortUInt(number) => number.into(),
        AMQPValue::LongInt(number) => number.into(),
        AMQPValue::LongUInt(number) => number.into(),
        AMQPValue::LongLongInt(number) => number,
        _ => return None,
    })
}

/// The name of a value's type in error texts.
// Compat: clients match on texts with these names.
pub fn type_name(value: &AMQPValue) -> &'static str {
    match value {
        AMQPValue::Boolean(_) => "bool",
        AMQPValue::ShortShortInt(_) => "byte",
        AMQPValue::ShortShortUInt(_) => "unsignedbyte",
        AMQPValue::ShortInt(_) => "short",
        AMQPValue::ShortUInt(_) => "unsignedshort",
        AMQPValue::LongInt(_) => "signedint",
        AMQPValue::LongUInt(_) => "unsignedint",
        AMQPValue::LongLongInt(_) => "long",
        AMQPValue::Float(_) => "float",
        AMQPValue::Double(_) => "double",
        AMQPValue::DecimalValue(_) => "decimal",
        AMQPValue::ShortString(_) | AMQPValue::LongString(_) => "longstr",
        AMQPValue::ByteArray(_) => "binary",
        AMQPValue::Timestamp(_) => "timestamp",
        AMQPValue::FieldArray(_) => "array",
        AMQPValue::FieldTable(_) => "table",
        AMQPValue::Void => "void",
    }
}
