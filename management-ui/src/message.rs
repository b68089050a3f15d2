//! A message as JSON: its properties, its payload as text or base64.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ferrymq_broker::Properties;
use ferrymq_broker::browse::Hidden;
use serde_json::{Map, Value};

use crate::api::properties;
use crate::query::Query;
use crate::refusal::Refusal;

/// Notes in a message as JSON that not all of its payload is shown.
pub(crate) fn tell_hidden(message: &mut Value, hidden: Option<Hidden>) {
    if let Some(hidden) = hidden {
        message["payload_masked"] = hidden.as_str().into();
    }
}

/// How payloads are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Text that is UTF-8 as it is, anything else in base64.
    Auto,
    /// All in base64.
    Base64,
}

impl Encoding {
    /// `auto` or `base64`.
    ///
    /// # Errors
    /// 400 for anything else.
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        match text {
            "auto" => Ok(Self::Auto),
            "base64" => Ok(Self::Base64),
            _ => Err(Refusal::bad_request("encoding must be auto or base64")),
        }
    }

    /// The parameter `encoding`; without it [`Encoding::Auto`].
    ///
    /// # Errors
    /// As [`Encoding::parse`].
    pub(crate) fn of(query: &Query) -> Result<Self, Refusal> {
        query.get("encoding").map_or(Ok(Self::Auto), Self::parse)
    }

    /// A payload, and what its encoding is called. `whole_bytes`: so many it had; one that was cut may end within
    /// a character, which is left out.
    pub(crate) fn payload(self, bytes: &[u8], whole_bytes: u64) -> (String, &'static str) {
        let base64 = || (BASE64_STANDARD.encode(bytes), "base64");
        if self == Self::Base64 {
            return base64();
        }
        let cut = (bytes.len() as u64) < whole_bytes;
        match std::str::from_utf8(bytes) {
            Ok(text) => (text.to_owned(), "string"),
            Err(error) if cut && error.error_len().is_none() && error.valid_up_to() > 0 => {
                let text = &bytes[..error.valid_up_to()];
                (String::from_utf8_lossy(text).into_owned(), "string")
            }
            Err(_) => base64(),
        }
    }
}

/// The properties that a message has; none that could be read: none.
pub(crate) fn properties(properties: Option<&Properties<'_>>) -> Map<String, Value> {
    properties.map(properties::decode).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], whole_bytes: u64, text: &str, encoding: &str) {
        let (payload, found) = Encoding::Auto.payload(bytes, whole_bytes);
        assert_eq!((payload.as_str(), found), (text, encoding), "{bytes:?}");
    }

    #[test]
    fn payloads_are_text_where_they_can() {
        check(b"", 0, "", "string");
        check("a é".as_bytes(), 4, "a é", "string");
        check(b"a\xc3", 2, "YcM=", "base64");
        check(b"a\xc3", 3, "a", "string");
        check(b"\xff\x00", 9, "/wA=", "base64");
        let (payload, found) = Encoding::Base64.payload(b"a", 1);
        assert_eq!((payload.as_str(), found), ("YQ==", "base64"));
    }
}
