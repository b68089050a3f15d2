//! JSON as AMQP values, for what people wrote as JSON and clients read as tables, and back.

use ferrymq_amqp::table::MAX_DEPTH;
use ferrymq_amqp::{AMQPValue, FieldTable, ShortString};
use serde_json::{Map, Number, Value as Json};

/// A table has no place for what was written; the text says where it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotATable {
    /// It stands for nothing.
    #[error("'{0}' is null")]
    Null(String),
    /// A field's name is at most 255 bytes long.
    #[error("the field name '{0}…' is longer than 255 bytes")]
    LongName(String),
    /// Tables can't be nested as deep.
    #[error("'{0}' is nested more than {MAX_DEPTH} deep")]
    TooDeep(String),
}

/// Bytes of a field's name, at most.
const NAME_BYTES: usize = 255;
/// Characters of a name that is too long, as an error shows it.
const SHOWN_CHARS: usize = 32;

/// The value that carries as much. Numbers beyond 64 bits, signed, become doubles.
pub fn to_amqp(value: &Json) -> AMQPValue {
    match value {
        Json::Null => AMQPValue::Void,
        Json::Bool(flag) => AMQPValue::Boolean(*flag),
        Json::Number(number) => match number.as_i64() {
            Some(number) => AMQPValue::LongLongInt(number),
            None => AMQPValue::Double(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => AMQPValue::LongString(text.as_str().into()),
        Json::Array(values) => {
            let values: Vec<AMQPValue> = values.iter().map(to_amqp).collect();
            AMQPValue::FieldArray(values.into())
        }
        Json::Object(entries) => AMQPValue::FieldTable(to_table(entries)),
    }
}

/// The same of an object. An entry whose name is too long for a table is left out.
pub fn to_table(entries: &Map<String, Json>) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        if let Ok(name) = ShortString::try_new(name.as_str()) {
            table.insert(name, to_amqp(value));
        }
    }
    table
}

/// Arguments that people wrote, as the table that a client would send.
///
/// # Errors
/// For null, at any depth, and for names and depths that don't fit.
pub fn to_arguments(entries: &Map<String, Json>) -> Result<FieldTable, NotATable> {
    check_entries("", entries, 1)?;
    Ok(to_table(entries))
}

fn check_entries(path: &str, entries: &Map<String, Json>, depth: usize) -> Result<(), NotATable> {
    for (name, value) in entries {
        if name.len() > NAME_BYTES {
            return Err(NotATable::LongName(
                name.chars().take(SHOWN_CHARS).collect(),
            ));
        }
        check_value(&format!("{path}{name}"), value, depth)?;
    }
    Ok(())
}

/// `value` stands in a table or array at `depth`; the outermost table is at 1.
fn check_value(path: &str, value: &Json, depth: usize) -> Result<(), NotATable> {
    if depth >= MAX_DEPTH && (value.is_array() || value.is_object()) {
        return Err(NotATable::TooDeep(path.chars().take(SHOWN_CHARS).collect()));
    }
    match value {
        Json::Null => Err(NotATable::Null(path.to_owned())),
        Json::Array(values) => {
            let mut values = values.iter().enumerate();
            values
                .try_for_each(|(at, value)| check_value(&format!("{path}[{at}]"), value, depth + 1))
        }
        Json::Object(entries) => check_entries(&format!("{path}."), entries, depth + 1),
        _ => Ok(()),
    }
}

/// What a client sent, for people to read: a timestamp becomes its seconds, a decimal a fraction, bytes
/// that are no UTF-8 become text with replacement characters.
pub fn from_amqp(value: &AMQPValue) -> Json {
    match value {
        AMQPValue::Boolean(flag) => (*flag).into(),
        AMQPValue::ShortShortInt(number) => (*number).into(),
        AMQPValue::ShortShortUInt(number) => (*number).into(),
        AMQPValue::ShortInt(number) => (*number).into(),
        AMQPValue::ShortUInt(number) => (*number).into(),
        AMQPValue::LongInt(number) => (*number).into(),
        AMQPValue::LongUInt(number) => (*number).into(),
        AMQPValue::LongLongInt(number) => (*number).into(),
        AMQPValue::Timestamp(seconds) => (*seconds).into(),
        AMQPValue::Float(number) => float(f64::from(*number)),
        AMQPValue::Double(number) => float(*number),
        AMQPValue::DecimalValue(decimal) => {
            float(f64::from(decimal.value) / 10f64.powi(decimal.scale.into()))
        }
        AMQPValue::ShortString(text) => text.as_str().into(),
        AMQPValue::LongString(text) => String::from_utf8_lossy(text.as_bytes()).into(),
        AMQPValue::ByteArray(bytes) => String::from_utf8_lossy(bytes.as_slice()).into(),
        AMQPValue::FieldArray(values) => values.as_slice().iter().map(from_amqp).collect(),
        AMQPValue::FieldTable(table) => from_table(table).into(),
        AMQPValue::Void => Json::Null,
    }
}

/// The same of a table.
pub fn from_table(table: &FieldTable) -> Map<String, Json> {
    let entries = table.into_iter();
    entries
        .map(|(name, value)| (name.to_string(), from_amqp(value)))
        .collect()
}

/// JSON has no word for what is no number.
fn float(number: f64) -> Json {
    match Number::from_f64(number) {
        Some(number) => number.into(),
        None => number.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(value: Json, expected: &AMQPValue) {
        assert_eq!(to_amqp(&value), *expected);
    }

    #[test]
    fn every_kind_of_value_has_its_type() {
        check(json!(null), &AMQPValue::Void);
        check(json!(true), &AMQPValue::Boolean(true));
        check(json!(-5), &AMQPValue::LongLongInt(-5));
        check(json!(1.5), &AMQPValue::Double(1.5));
        check(json!("a"), &AMQPValue::LongString("a".into()));
        let one = vec![AMQPValue::LongLongInt(1)];
        check(json!([1]), &AMQPValue::FieldArray(one.into()));
        let mut table = FieldTable::default();
        table.insert("a".into(), AMQPValue::LongLongInt(1));
        check(json!({"a": 1}), &AMQPValue::FieldTable(table));
    }

    fn check_shown(value: AMQPValue, expected: Json) {
        assert_eq!(from_amqp(&value), expected);
    }

    #[test]
    fn every_type_can_be_shown() {
        check_shown(AMQPValue::Void, json!(null));
        check_shown(AMQPValue::ShortShortInt(-5), json!(-5));
        check_shown(AMQPValue::Timestamp(7), json!(7));
        check_shown(AMQPValue::Double(1.5), json!(1.5));
        check_shown(AMQPValue::Double(f64::INFINITY), json!("inf"));
        check_shown(AMQPValue::LongString(b"\xff"[..].into()), json!("\u{fffd}"));
        let one = vec![AMQPValue::LongInt(1)];
        check_shown(AMQPValue::FieldArray(one.into()), json!([1]));
    }

    #[test]
    fn what_was_written_comes_back() {
        let written = json!({"a": 1, "b": 1.5, "c": [true, {"d": "e"}], "f": {"g": -1}});
        let entries = written.as_object().unwrap();
        let table = to_arguments(entries).unwrap();
        assert_eq!(from_table(&table), *entries);
    }

    fn check_refused(value: Json, expected: &str) {
        let refused = to_arguments(value.as_object().unwrap()).unwrap_err();
        assert_eq!(refused.to_string(), expected);
    }

    #[test]
    fn arguments_that_a_table_cannot_hold_are_refused() {
        check_refused(json!({"a": null}), "'a' is null");
        check_refused(json!({"a": [1, {"b": null}]}), "'a[1].b' is null");
        let long = "n".repeat(256);
        let text = format!(
            "the field name '{}…' is longer than 255 bytes",
            "n".repeat(32)
        );
        check_refused(json!({&long: 1}), &text);
        check_refused(json!({"a": {&long: 1}}), &text);
    }
}
