//! Fields of JSON payloads that are not shown to anybody who looks at messages without consuming them.
//!
//! Whoever looks, and every filter, sees the message as [`Mask::view`] gives it: with other text in place of these
//! fields. So a filter can't find out what it does not show. What looks like JSON but can't be read as such is not
//! shown at all, because nobody can say what is in it.

mod path;

use std::sync::Arc;

use ferrymq_amqp::Properties;
use serde_json::Deserializer;

use super::filter::Filter;
use super::json::Json;
use super::unpack::unpack;
use crate::message::{BodyPieces, Message};

use path::{Path, Place};

/// What stands in place of a masked value.
pub const MASKED: &str = "•••";
/// A larger payload that looks like JSON is not shown while anything is masked.
const MAX_BYTES: usize = 1 << 20;

/// Which fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mask(Arc<[Path]>);

/// A message as it may be seen.
#[derive(Debug, Clone)]
pub struct View {
    /// The message, perhaps with another body.
    pub message: Message,
    /// What of it is hidden, if anything.
    pub hidden: Option<Hidden>,
    /// Bytes that were read to find that out: a packed payload may hold many.
    pub read_bytes: u64,
}

/// What of a payload is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hidden {
    /// Some fields.
    Fields,
    /// All of it: it may hold such fields, but can't be read.
    Payload,
}

/// A filter asks for what is masked.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("json.${0} is masked by http.masked_fields: nothing can be filtered by it")]
pub struct MaskedField(String);

impl Hidden {
    /// `fields` or `payload`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fields => "fields",
            Self::Payload => "payload",
        }
    }
}

impl Mask {
    /// The fields at these paths, `$.card.number` or `$..password`; `None` when one is no path.
    pub fn parse(paths: &[String]) -> Option<Self> {
        let paths = paths.iter().map(|path| Path::parse(path));
        paths.collect::<Option<_>>().map(Self)
    }

    /// The paths as they were written.
    pub fn paths(&self) -> Vec<String> {
        self.0.iter().map(|path| path.text.clone()).collect()
    }

    /// Is a filter's every path open?
    ///
    /// # Errors
    /// When what stands at one of them is masked, or part of what is.
    pub fn check(&self, filter: &Filter) -> Result<(), MaskedField> {
        for path in filter.json_paths() {
            let start = Place::start(&self.0);
            let inner = path.iter().try_fold(start, |place, name| {
                (!place.is_masked()).then(|| place.below(name))
            });
            if inner.is_none_or(|place| place.is_masked()) {
                let names = path.iter().map(|name| format!(".{name}"));
                return Err(MaskedField(names.collect()));
            }
        }
        Ok(())
    }

    /// A message as it may be seen.
    pub fn view(&self, message: &Message) -> View {
        let mut read_bytes = 0;
        match self.hide(message, &mut read_bytes) {
            None => View {
                message: message.clone(),
                hidden: None,
                read_bytes,
            },
            Some((body, hidden)) => View {
                message: message.with_body(body),
                hidden: Some(hidden),
                read_bytes,
            },
        }
    }

    /// The payload with something hidden; `None`: there is nothing to hide.
    fn hide(&self, message: &Message, read_bytes: &mut u64) -> Option<(Vec<u8>, Hidden)> {
        if self.0.is_empty() {
            return None;
        }
        let body = match message.body() {
            BodyPieces::Small(bytes) => bytes,
            BodyPieces::Large([whole]) => whole,
            BodyPieces::Large(pieces) => &pieces.concat(),
        };
        let properties = Properties::parse(message.properties()).ok();
        let text = |text: Option<&str>| text.unwrap_or_default().to_ascii_lowercase();
        let encoding = text(properties.and_then(|properties| properties.content_encoding()));
        let content_type = text(properties.and_then(|properties| properties.content_type()));
        let unpacked = unpack(body, &encoding, MAX_BYTES);
        let (bytes, complete) = match &unpacked {
            Some(unpacked) => (&*unpacked.bytes, unpacked.complete),
            None => (body, body.len() <= MAX_BYTES),
        };
        *read_bytes = bytes.len() as u64;
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        if !looks_like_json(bytes) && !content_type.contains("json") {
            return None;
        }
        let read = complete.then(|| self.rewrite(bytes)).flatten();
        match read {
            None => Some((Vec::new(), Hidden::Payload)),
            Some((_, false)) => None,
            Some((rewritten, true)) => Some((rewritten, Hidden::Fields)),
        }
    }

    /// JSON, one value or one after another, with the fields hidden, and whether there were any; `None`: it is none.
    fn rewrite(&self, bytes: &[u8]) -> Option<(Vec<u8>, bool)> {
        let mut out = Vec::with_capacity(bytes.len());
        let mut hidden = false;
        for value in Deserializer::from_slice(bytes).into_iter::<Json>() {
            let mut value = value.ok()?;
            hidden |= hide(&mut value, &Place::start(&self.0));
            if !out.is_empty() {
                out.push(b'\n');
            }
            serde_json::to_writer(&mut out, &value).ok()?;
        }
        Some((out, hidden))
    }
}

/// Hides what of a value is masked, at this place; was there anything?
fn hide(value: &mut Json, place: &Place<'_>) -> bool {
    if place.is_masked() {
        *value = Json::Scalar(MASKED.into());
        return true;
    }
    if place.is_left() {
        return false;
    }
    let mut hidden = false;
    match value {
        Json::Scalar(_) => {}
        Json::List(values) => {
            for (index, value) in values.iter_mut().enumerate() {
                hidden |= hide(value, &place.below(&index.to_string()));
            }
        }
        Json::Object(fields) => {
            for (name, value) in fields {
                hidden |= hide(value, &place.below(name));
            }
        }
    }
    hidden
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Does it begin as an object or a list does?
fn looks_like_json(bytes: &[u8]) -> bool {
    let mut letters = bytes.iter().filter(|byte| !byte.is_ascii_whitespace());
    let (first, second) = (letters.next(), letters.next());
    match (first, second) {
        (Some(b'{'), None | Some(b'"' | b'}')) | (Some(b'['), None) => true,
        (Some(b'['), Some(byte)) => b"[]{\"-0123456789tfn".contains(byte),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
