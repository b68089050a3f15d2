//! JSON as AMQP values, for what people wrote as JSON and clients read as tables.

use ferrymq_amqp::{AMQPValue, FieldTable};
use serde_json::{Map, Value as Json};

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

/// The same of an object.
pub fn to_table(entries: &Map<String, Json>) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert(name.as_str().into(), to_amqp(value));
    }
    table
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
}
