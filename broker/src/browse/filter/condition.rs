//! One condition of a filter, held against a message.

use std::borrow::Cow;

use ferrymq_amqp::content::Property;
use ferrymq_amqp::{Properties, RawValue};
use ferrymq_store::Sequence;
use serde_json::Value;

use super::expression::Expression;
use crate::browse::published;
use crate::clock::Timestamp;
use crate::message::{BodyPieces, Message};

/// A larger body is not looked into as JSON.
const MAX_JSON_BYTES: u64 = 1 << 20;

/// What must hold.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    /// The routing key looks like this, as in a binding of a topic exchange.
    Key(String),
    /// It matches.
    KeyMatches(Expression),
    /// It was published to an exchange with such a name.
    Exchange(Test),
    /// It has this header, with such a value.
    Header(String, Option<Test>),
    /// It has this property, with such a value.
    Property(Property, Option<Test>),
    /// What stands there in the body passes.
    Json(Vec<String>, Option<Test>),
    /// Bytes of the body.
    Size(Test),
    /// Seconds since it was published.
    Age(Test),
    /// It is one of these; in order.
    Sequence(Vec<u64>),
    /// Stands somewhere in the body, the properties or the routing key.
    Text(String),
    /// Matches there.
    Matches(Expression),
}

/// What is asked of a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    /// It is this, as text.
    Is(String),
    /// It is a number above this one,
    Above(f64),
    /// or below.
    Below(f64),
    /// It matches.
    Matches(Expression),
}

impl Condition {
    pub(super) fn holds(
        &self,
        message: &Message,
        sequence: Option<Sequence>,
        now: Timestamp,
    ) -> bool {
        match self {
            Self::Key(pattern) => {
                topic_matches(pattern, &String::from_utf8_lossy(message.routing_key()))
            }
            Self::KeyMatches(expression) => expression.matches(message.routing_key()),
            Self::Exchange(test) => test.passes(&String::from_utf8_lossy(message.exchange())),
            Self::Header(name, test) => {
                let properties = Properties::parse(message.properties()).ok();
                let headers = properties.as_ref().and_then(Properties::headers);
                let value = headers.and_then(|headers| headers.get(name));
                value.is_some_and(|value| passes(test, || shown(&value)))
            }
            Self::Property(property, test) => {
                let properties = Properties::parse(message.properties()).ok();
                let value = properties.and_then(|properties| property_text(*property, &properties));
                value.is_some_and(|value| passes(test, || Some(value)))
            }
            Self::Json(path, test) => {
                json(message, path).is_some_and(|value| passes(test, || json_text(&value)))
            }
            Self::Size(test) => test.passes_number(message.body_len() as f64),
            Self::Age(test) => {
                let age = published(message).map(|at| now.since(at));
                age.is_some_and(|age| test.passes_number(age.as_secs_f64()))
            }
            Self::Sequence(all) => {
                sequence.is_some_and(|sequence| all.binary_search(&sequence.0).is_ok())
            }
            Self::Text(text) => anywhere(message, |bytes| contains(bytes, text.as_bytes())),
            Self::Matches(expression) => anywhere(message, |bytes| expression.matches(bytes)),
        }
    }
}

impl Test {
    fn passes(&self, value: &str) -> bool {
        match self {
            Self::Is(wanted) => wanted == value,
            Self::Above(_) | Self::Below(_) => {
                let number = value.trim().parse();
                number.is_ok_and(|number| self.passes_number(number))
            }
            Self::Matches(expression) => expression.matches(value.as_bytes()),
        }
    }

    fn passes_number(&self, number: f64) -> bool {
        match self {
            Self::Is(wanted) => wanted.parse() == Ok(number),
            Self::Above(bound) => number > *bound,
            Self::Below(bound) => number < *bound,
            Self::Matches(expression) => expression.matches(number.to_string().as_bytes()),
        }
    }
}

/// Without a test it is enough that there is a value.
fn passes(test: &Option<Test>, value: impl FnOnce() -> Option<String>) -> bool {
    let Some(test) = test else {
        return true;
    };
    value().is_some_and(|value| test.passes(&value))
}

/// Does a key match a topic pattern? Work and memory are bounded by the number of words of each.
pub(super) fn topic_matches(pattern: &str, key: &str) -> bool {
    let words = words(key);
    // Whether what came of the pattern matches so many of the words.
    let mut matched = vec![false; words.len() + 1];
    matched[0] = true;
    for part in self::words(pattern) {
        if part == "#" {
            let first = matched.iter().position(|is| *is);
            matched[first.unwrap_or(words.len() + 1).min(words.len() + 1)..].fill(true);
            continue;
        }
        for count in (1..matched.len()).rev() {
            let fits = part == "*" || part == words[count - 1];
            matched[count] = matched[count - 1] && fits;
        }
        matched[0] = false;
    }
    matched[words.len()]
}

/// The empty key has none.
fn words(key: &str) -> Vec<&str> {
    match key {
        "" => Vec::new(),
        key => key.split('.').collect(),
    }
}

/// A header's value as text, if it is a scalar.
fn shown(value: &RawValue<'_>) -> Option<String> {
    if let Some(number) = value.integer() {
        return Some(number.to_string());
    }
    Some(match value {
        RawValue::LongString(bytes) | RawValue::ByteArray(bytes) => {
            String::from_utf8_lossy(bytes).into_owned()
        }
        RawValue::Boolean(flag) => flag.to_string(),
        RawValue::Float(number) => number.to_string(),
        RawValue::Double(number) => number.to_string(),
        RawValue::Timestamp(seconds) => seconds.to_string(),
        _ => return None,
    })
}

/// A property's value as text, if it is there.
fn property_text(property: Property, properties: &Properties<'_>) -> Option<String> {
    match property {
        Property::Headers => None,
        Property::DeliveryMode => properties.delivery_mode().map(|mode| mode.to_string()),
        Property::Priority => properties.priority().map(|priority| priority.to_string()),
        Property::Timestamp => properties.timestamp().map(|seconds| seconds.to_string()),
        _ => {
            let bytes = properties.short_bytes(property)?;
            Some(String::from_utf8_lossy(bytes).into_owned())
        }
    }
}

/// What stands at `path` in a body that is JSON.
fn json(message: &Message, path: &[String]) -> Option<Value> {
    if message.body_len() > MAX_JSON_BYTES {
        return None;
    }
    let whole: Value = serde_json::from_slice(&whole_body(message)).ok()?;
    let found = path.iter().try_fold(&whole, |value, name| match value {
        Value::Array(values) => values.get(name.parse::<usize>().ok()?),
        value => value.get(name),
    });
    found.cloned()
}

/// A JSON value as text, if it is a scalar.
fn json_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Null | Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// Is one of the places that text is looked for in so?
fn anywhere(message: &Message, is_found: impl Fn(&[u8]) -> bool) -> bool {
    is_found(message.routing_key())
        || is_found(message.properties())
        || is_found(&whole_body(message))
}

fn whole_body(message: &Message) -> Cow<'_, [u8]> {
    match message.body() {
        BodyPieces::Small(bytes) => bytes.into(),
        BodyPieces::Large([whole]) => whole.as_ref().into(),
        BodyPieces::Large(pieces) => pieces.concat().into(),
    }
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    text.is_empty() || bytes.windows(text.len()).any(|window| window == text)
}
