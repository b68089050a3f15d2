//! A message's properties as JSON, and back.

use ferrymq_broker::content::{Property, PropertyValue, compose};
use ferrymq_broker::{Properties, json};
use serde_json::{Map, Value};

use crate::refusal::Refusal;

/// Properties that hold text.
const TEXTS: [(&str, Property); 10] = [
    ("content_type", Property::ContentType),
    ("content_encoding", Property::ContentEncoding),
    ("correlation_id", Property::CorrelationId),
    ("reply_to", Property::ReplyTo),
    ("expiration", Property::Expiration),
    ("message_id", Property::MessageId),
    ("type", Property::Type),
    ("user_id", Property::UserId),
    ("app_id", Property::AppId),
    ("cluster_id", Property::ClusterId),
];

/// Bytes of a property that holds text.
const MAX_TEXT_BYTES: usize = 255;

/// Properties as on the wire. Unknown ones are ignored.
///
/// # Errors
/// 400 when one has another type than it must have, or doesn't fit.
pub(crate) fn encode(properties: &Map<String, Value>) -> Result<Vec<u8>, Refusal> {
    let mut values = Vec::new();
    for (name, value) in properties.iter().filter(|(_, value)| !value.is_null()) {
        if let Some((property, value)) = property(name, value)? {
            values.push((property, value));
        }
    }
    Ok(compose(&values))
}

fn property(name: &str, value: &Value) -> Result<Option<(Property, PropertyValue)>, Refusal> {
    let refuse = |rule: &str| Refusal::bad_request(format!("properties.{name} must be {rule}"));
    let octet = || value.as_u64().and_then(|number| u8::try_from(number).ok());
    Ok(Some(match name {
        "delivery_mode" => {
            let mode = octet().filter(|mode| matches!(mode, 1 | 2));
            let mode = mode.ok_or_else(|| refuse("1 or 2"))?;
            (Property::DeliveryMode, PropertyValue::Octet(mode))
        }
        "priority" => {
            let priority = octet().ok_or_else(|| refuse("an integer from 0 to 255"))?;
            (Property::Priority, PropertyValue::Octet(priority))
        }
        "timestamp" => {
            let seconds = value.as_u64();
            let seconds = seconds.ok_or_else(|| refuse("an integer, in seconds"))?;
            (Property::Timestamp, PropertyValue::Seconds(seconds))
        }
        "headers" => {
            let table = match value {
                Value::Object(entries) => json::to_arguments(entries),
                Value::Array(values) if values.is_empty() => Ok(Default::default()),
                _ => return Err(refuse("an object")),
            };
            let table = table.map_err(|why| Refusal::bad_request(format!("headers: {why}")))?;
            (Property::Headers, PropertyValue::Table(table))
        }
        _ => {
            let Some((_, property)) = TEXTS.into_iter().find(|(known, _)| *known == name) else {
                return Ok(None);
            };
            let text = value.as_str().ok_or_else(|| refuse("a string"))?;
            if text.len() > MAX_TEXT_BYTES {
                return Err(refuse("a string of at most 255 bytes"));
            }
            (property, PropertyValue::Text(text.to_owned()))
        }
    }))
}

/// Properties for people to read.
pub(crate) fn decode(properties: &Properties<'_>) -> Map<String, Value> {
    let mut shown = Map::new();
    for (name, property) in TEXTS {
        if let Some(bytes) = properties.short_bytes(property) {
            shown.insert(name.into(), String::from_utf8_lossy(bytes).into());
        }
    }
    if let Some(mode) = properties.delivery_mode() {
        shown.insert("delivery_mode".into(), mode.into());
    }
    if let Some(priority) = properties.priority() {
        shown.insert("priority".into(), priority.into());
    }
    if let Some(seconds) = properties.timestamp() {
        shown.insert("timestamp".into(), seconds.into());
    }
    if let Some(headers) = properties.headers() {
        let headers = json::from_table(&headers.to_field_table());
        shown.insert("headers".into(), headers.into());
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_encoded_can_be_read_again() {
        let all = json!({
            "content_type": "text/plain", "content_encoding": "gzip", "delivery_mode": 2,
            "priority": 5, "correlation_id": "c", "reply_to": "r", "expiration": "60000",
            "message_id": "m", "timestamp": 1_700_000_000, "type": "t", "user_id": "u",
            "app_id": "a", "cluster_id": "x", "headers": {"n": 1, "deep": {"list": [true]}},
        });
        let bytes = encode(all.as_object().unwrap()).unwrap();
        let properties = Properties::parse(&bytes).unwrap();
        assert_eq!(Value::Object(decode(&properties)), all);
    }

    fn check(properties: Value, accepted: bool) {
        let encoded = encode(properties.as_object().unwrap());
        assert_eq!(encoded.is_ok(), accepted, "{properties}");
    }

    #[test]
    fn types_are_checked() {
        check(json!({}), true);
        check(json!({"unknown": 1}), true);
        check(json!({"delivery_mode": "2"}), false);
        check(json!({"delivery_mode": 3}), false);
        check(json!({"priority": 256}), false);
        check(json!({"timestamp": 1.5}), false);
        check(json!({"expiration": 60000}), false);
        check(json!({"headers": "a"}), false);
        check(json!({"headers": {"a": null}}), false);
        check(json!({"message_id": "m".repeat(256)}), false);
    }
}
