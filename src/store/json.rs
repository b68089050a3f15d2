//! Messages and their properties as JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ferrymq_amqp::content::{Properties, Property};
use ferrymq_amqp::{AMQPValue, FieldTable};
use ferrymq_broker::message::{BodyPieces, Message};
use serde_json::{Map, Value, json};

/// A stored message: where it was published to, its properties, and its body if that is wanted.
pub(super) fn message(stored: &[u8], with_body: bool) -> Value {
    let message = match Message::from_stored(&Bytes::copy_from_slice(stored)) {
        Ok(message) => message,
        Err(why) => return json!({"unreadable": why.to_string()}),
    };
    let mut line = json!({
        "exchange": String::from_utf8_lossy(message.exchange()),
        "routing_key": String::from_utf8_lossy(message.routing_key()),
        "persistent": message.is_persistent(),
        "body_bytes": message.body_len(),
    });
    line["properties"] = match Properties::parse(message.properties()) {
        Ok(properties) => describe(&properties),
        Err(why) => json!({"unreadable": why.to_string()}),
    };
    if with_body {
        match String::from_utf8(body(&message)) {
            Ok(text) => line["body"] = text.into(),
            Err(bytes) => line["body_base64"] = STANDARD.encode(bytes.as_bytes()).into(),
        }
    }
    line
}

fn body(message: &Message) -> Vec<u8> {
    match message.body() {
        BodyPieces::Small(body) => body.to_vec(),
        BodyPieces::Large(chunks) => chunks.concat(),
    }
}

fn describe(properties: &Properties<'_>) -> Value {
    let mut out = Map::new();
    for property in Property::ALL {
        let value = match property {
            Property::DeliveryMode => properties.delivery_mode().map(Value::from),
            Property::Priority => properties.priority().map(Value::from),
            Property::Timestamp => properties.timestamp().map(Value::from),
            Property::Headers => {
                let headers = properties.headers();
                headers.map(|headers| table(&headers.to_field_table()))
            }
            text => properties
                .short_bytes(text)
                .map(|bytes| String::from_utf8_lossy(bytes).into()),
        };
        if let Some(value) = value {
            out.insert(property.name().replace('-', "_"), value);
        }
    }
    Value::Object(out)
}

fn table(table: &FieldTable) -> Value {
    let entries = table.inner().iter();
    Value::Object(
        entries
            .map(|(name, value)| (name.to_string(), field(value)))
            .collect(),
    )
}

fn field(value: &AMQPValue) -> Value {
    match value {
        AMQPValue::Boolean(value) => (*value).into(),
        AMQPValue::ShortShortInt(value) => (*value).into(),
        AMQPValue::ShortShortUInt(value) => (*value).into(),
        AMQPValue::ShortInt(value) => (*value).into(),
        AMQPValue::ShortUInt(value) => (*value).into(),
        AMQPValue::LongInt(value) => (*value).into(),
        AMQPValue::LongUInt(value) => (*value).into(),
        AMQPValue::LongLongInt(value) => (*value).into(),
        AMQPValue::Timestamp(value) => (*value).into(),
        AMQPValue::Float(value) => (*value).into(),
        AMQPValue::Double(value) => (*value).into(),
        AMQPValue::DecimalValue(value) => format!("{}e-{}", value.value, value.scale).into(),
        AMQPValue::ShortString(value) => value.to_string().into(),
        AMQPValue::LongString(value) => String::from_utf8_lossy(value.as_bytes()).into(),
        AMQPValue::ByteArray(value) => STANDARD.encode(value.as_slice()).into(),
        AMQPValue::FieldArray(values) => values.as_slice().iter().map(field).collect(),
        AMQPValue::FieldTable(value) => table(value),
        AMQPValue::Void => Value::Null,
    }
}
