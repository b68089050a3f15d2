//! Values on the command line: arguments of declarations, JSON documents.

use serde_json::{Map, Value};

use super::error::Error;

/// `NAME=VALUE`; the value is JSON if it reads as such, and otherwise text.
pub(super) fn pair(text: &str) -> Result<(String, Value), String> {
    let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.is_empty()) else {
        return Err("expected NAME=VALUE".to_owned());
    };
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((name.to_owned(), value))
}

/// The pairs as an object.
pub(super) fn object(pairs: Vec<(String, Value)>) -> Value {
    Value::Object(pairs.into_iter().collect::<Map<_, _>>())
}

/// A JSON document of the command line; `what` it is, for the message.
pub(super) fn document(text: &str, what: &str) -> Result<Value, Error> {
    let parsed = serde_json::from_str(text);
    parsed.map_err(|error| Error::Refused(format!("{what} is not valid JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn arguments_are_json_or_text() {
        let check = |text: &str, name: &str, value: Value| {
            assert_eq!(pair(text), Ok((name.to_owned(), value)));
        };
        check("x-max-length=10", "x-max-length", json!(10));
        check("x-overflow=drop-head", "x-overflow", json!("drop-head"));
        check("a=", "a", json!(""));
        check("a=\"10\"", "a", json!("10"));
        check("a=b=c", "a", json!("b=c"));
        check("a={\"b\":[true]}", "a", json!({"b": [true]}));
        assert!(pair("a").is_err());
        assert!(pair("=1").is_err());
    }
}
