//! The bodies of requests: JSON objects, read as leniently as clients are used to.

use std::borrow::Cow;

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use ferrymq_broker::{FieldTable, json};
use serde_json::{Map, Value};

use crate::http::Site;
use crate::refusal::Refusal;

const JSON: &str = "application/json";
/// What is enough for a binding.
const SMALL_BYTES: usize = 5_000;

/// The object in a request's body. Nothing, `null` and `undefined` stand for an empty one; keys that nobody
/// asks for are ignored. Takes the body, so it is a handler's last argument.
#[derive(Debug, Default)]
pub(crate) struct Object(pub(crate) Map<String, Value>);

/// The same, of nothing but JSON: 415 when the request says that it is something else.
pub(crate) struct JsonObject(pub(crate) Object);

/// The same of at most 5,000 bytes.
pub(crate) struct SmallObject(pub(crate) Object);

impl Object {
    /// Does the body say anything for `key`?
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// Refuses a body in which one of `keys` is missing.
    ///
    /// # Errors
    /// 400, naming all of them.
    pub(crate) fn require(&self, keys: &[&str]) -> Result<(), Refusal> {
        let missing = keys.iter().filter(|key| self.get(key).is_none());
        let missing: Vec<_> = missing.copied().collect();
        match missing.is_empty() {
            true => Ok(()),
            false => Err(Refusal::bad_request(format!(
                "key_missing: {}",
                missing.join(", ")
            ))),
        }
    }

    /// The flag `key`: a boolean, or one of the texts "true" and "false".
    ///
    /// # Errors
    /// 400 for anything else.
    pub(crate) fn flag(&self, key: &str) -> Result<Option<bool>, Refusal> {
        self.read(key, "a boolean", |value| match value {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => text.parse().ok(),
            _ => None,
        })
    }

    /// The text `key`.
    ///
    /// # Errors
    /// 400 for anything else.
    pub(crate) fn text(&self, key: &str) -> Result<Option<&str>, Refusal> {
        self.read(key, "a string", Value::as_str)
    }

    /// The integer `key`: a number, or its digits.
    ///
    /// # Errors
    /// 400 for anything else.
    pub(crate) fn integer(&self, key: &str) -> Result<Option<i64>, Refusal> {
        self.read(key, "an integer", |value| match value {
            Value::String(text) => text.trim().parse().ok(),
            _ => value.as_i64(),
        })
    }

    /// The object `key`; absent, it is empty, and so is an empty list.
    ///
    /// # Errors
    /// 400 for anything else.
    pub(crate) fn object(&self, key: &str) -> Result<Cow<'_, Map<String, Value>>, Refusal> {
        let found = self.read(key, "an object", |value| match value {
            Value::Object(entries) => Some(Cow::Borrowed(entries)),
            // Compat: what RabbitMQ exports where there are no arguments.
            Value::Array(values) if values.is_empty() => Some(Cow::default()),
            _ => None,
        });
        Ok(found?.unwrap_or_default())
    }

    /// The object `key` as a table of arguments.
    ///
    /// # Errors
    /// 400 when it is something else, or holds what no table can.
    pub(crate) fn table(&self, key: &str) -> Result<FieldTable, Refusal> {
        let entries = self.object(key)?;
        let table = json::to_arguments(&entries);
        table.map_err(|why| Refusal::bad_request(format!("{key}: {why}")))
    }

    fn read<'a, T>(
        &'a self,
        key: &str,
        expected: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Refusal> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        match read(value) {
            Some(value) => Ok(Some(value)),
            None => Err(Refusal::bad_request(format!("{key} must be {expected}"))),
        }
    }
}

impl FromRequest<Site> for Object {
    type Rejection = Refusal;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Refusal> {
        let most = site.broker.config().http.max_body_bytes;
        read(request, usize::try_from(most).unwrap_or(usize::MAX)).await
    }
}

impl FromRequest<Site> for JsonObject {
    type Rejection = Refusal;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Refusal> {
        let content_type = request.headers().get(CONTENT_TYPE);
        let content_type = content_type.map(|value| value.to_str().unwrap_or_default());
        let is_json = content_type.is_none_or(|value| {
            let kind = value.split(';').next().unwrap_or_default();
            kind.trim().eq_ignore_ascii_case(JSON)
        });
        match is_json {
            true => Object::from_request(request, site).await.map(Self),
            false => Err(Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "content-type must be application/json",
            )),
        }
    }
}

impl FromRequest<Site> for SmallObject {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &Site) -> Result<Self, Refusal> {
        read(request, SMALL_BYTES).await.map(Self)
    }
}

async fn read(request: Request, most: usize) -> Result<Object, Refusal> {
    let bytes = to_bytes(request.into_body(), most).await;
    // Whoever has gone in the middle of it reads no answer.
    let bytes = bytes.map_err(|_| {
        Refusal::bad_request(format!(
            "Exceeded HTTP request body size limit of {most} bytes"
        ))
    })?;
    parse(&bytes)
}

/// Reads a body.
///
/// # Errors
/// 400 when it is not JSON, or no object.
pub(crate) fn parse(bytes: &[u8]) -> Result<Object, Refusal> {
    let bytes = bytes.trim_ascii();
    if bytes.is_empty() || bytes == b"undefined" {
        return Ok(Object::default());
    }
    let value = serde_json::from_slice(bytes)
        .map_err(|error| Refusal::bad_request(format!("not_json: {error}")))?;
    match value {
        Value::Object(entries) => Ok(Object(entries)),
        Value::Null => Ok(Object::default()),
        Value::String(_) => Err(Refusal::bad_request(
            "not_json: the body is a string, perhaps JSON that was encoded twice",
        )),
        _ => Err(Refusal::bad_request("not_json: the body must be an object")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Object {
        parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn nothing_is_an_empty_object() {
        for text in ["", " \n", "null", "undefined", "{}"] {
            assert!(object(text).0.is_empty(), "{text}");
        }
        for text in ["\"{}\"", "[]", "1", "{", "{}{}", "\u{0}"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn values_are_read_leniently() {
        let object = object(r#"{"a":"true","b":false,"c":"5","d":[],"e":null,"f":1.5}"#);
        assert_eq!(object.flag("a").unwrap(), Some(true));
        assert_eq!(object.flag("b").unwrap(), Some(false));
        assert_eq!(object.flag("none").unwrap(), None);
        assert_eq!(object.integer("c").unwrap(), Some(5));
        assert_eq!(object.text("e").unwrap(), None);
        assert!(object.table("d").unwrap().inner().is_empty());
        assert!(object.flag("c").is_err());
        assert!(object.integer("f").is_err());
        assert!(object.text("b").is_err());
        assert!(object.object("a").is_err());
        assert!(object.require(&["a", "b"]).is_ok());
        assert!(object.require(&["a", "e"]).is_err());
    }
}
