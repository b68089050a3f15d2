//! A payload in the ways in which one can read it: JSON as a tree, text, bytes. Compressed ones are unpacked first. Nothing
//! in it is ever HTML.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ferrymq_broker::browse::unpack;
use serde_json::Value;

use super::MAX_SHOWN_BYTES;
use super::tree::Node;
use crate::console::address::Address;
use crate::console::payload;

/// Bytes that are shown one by one.
const MAX_HEX_BYTES: usize = 4096;

/// A payload, or what of it is shown.
pub(super) struct Payload {
    pub(super) shown: Shown,
    /// The other ways to show it.
    pub(super) views: Vec<View>,
    /// What it was unpacked from, `gzip` for example.
    pub(super) packed: Option<&'static str>,
    /// Is there more than what is shown?
    pub(super) is_cut: bool,
    /// What of it is masked, for people.
    pub(super) masked: Option<&'static str>,
    /// As a form edits it: `None` when it is not here whole.
    pub(super) editable: Option<Editable>,
}

/// A payload unpacked, as far as it is shown.
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    /// What it was unpacked from, `gzip` for example.
    pub(super) packed: Option<&'static str>,
    /// Is that all?
    pub(super) complete: bool,
}

/// One way to show it.
pub(super) enum Shown {
    Nothing,
    Json(Box<Node>),
    Text(String),
    Hex(String),
}

/// The way to another way.
pub(super) struct View {
    pub(super) title: &'static str,
    pub(super) to: String,
    pub(super) here: bool,
}

/// A payload as it was sent.
pub(super) struct Editable {
    pub(super) text: String,
    /// `string` or `base64`.
    pub(super) encoding: &'static str,
}

impl Payload {
    /// What the API tells of a message, in base64, shown as the address asks for.
    pub(super) fn new(message: &Value, address: &Address) -> Self {
        let sent = sent(message);
        let whole = is_whole(message, &sent);
        let content = Content::unpacked(message, &sent);
        let Content {
            bytes,
            packed,
            complete,
        } = &content;
        let (packed, complete) = (*packed, *complete);
        let ways = Ways::of(bytes, complete);
        let masked = masked(message);
        let chosen = ways.choose(address.get("view"));
        Self {
            views: ways.links(address, chosen),
            is_cut: !complete || (chosen == "hex" && bytes.len() > MAX_HEX_BYTES),
            shown: ways.show(chosen, bytes),
            packed,
            // Whoever publishes it again would publish what stands in place of the values.
            editable: (whole && masked.is_none()).then(|| editable(&sent, message)),
            masked,
        }
    }
}

impl Content {
    /// The payload of what the API tells of a message, in base64.
    pub(super) fn of(message: &Value) -> Self {
        Self::unpacked(message, &sent(message))
    }

    fn unpacked(message: &Value, sent: &[u8]) -> Self {
        let encoding = message["properties"]["content_encoding"].as_str();
        match unpack(sent, encoding.unwrap_or_default(), MAX_SHOWN_BYTES) {
            Some(unpacked) => Self {
                bytes: unpacked.bytes,
                packed: Some(unpacked.kind),
                complete: unpacked.complete,
            },
            None => Self {
                bytes: sent.to_vec(),
                packed: None,
                complete: is_whole(message, sent),
            },
        }
    }
}

fn sent(message: &Value) -> Vec<u8> {
    let sent = BASE64_STANDARD.decode(message["payload"].as_str().unwrap_or_default());
    sent.unwrap_or_default()
}

fn is_whole(message: &Value, sent: &[u8]) -> bool {
    message["payload_bytes"].as_u64() == Some(sent.len() as u64)
}

fn masked(message: &Value) -> Option<&'static str> {
    match message["payload_masked"].as_str() {
        Some("fields") => Some("Some of its fields are masked, for everybody."),
        Some(_) => Some(
            "It is not shown: it looks like JSON with fields that are masked, but can't be read as such.",
        ),
        None => None,
    }
}

fn editable(sent: &[u8], message: &Value) -> Editable {
    match std::str::from_utf8(sent) {
        // Forms don't keep carriage returns.
        Ok(text) if !text.contains('\r') => Editable {
            text: text.to_owned(),
            encoding: "string",
        },
        _ => Editable {
            text: message["payload"].as_str().unwrap_or_default().to_owned(),
            encoding: "base64",
        },
    }
}

/// How a payload can be shown.
struct Ways {
    json: Option<Value>,
    text: Option<String>,
}

impl Ways {
    fn of(bytes: &[u8], complete: bool) -> Self {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => Some(text.to_owned()),
            // It may have been cut within a character.
            Err(error) if !complete && error.error_len().is_none() => {
                Some(String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned())
            }
            Err(_) => None,
        };
        Self {
            json: serde_json::from_slice(bytes)
                .ok()
                .filter(|value: &Value| value.is_object() || value.is_array()),
            text,
        }
    }

    fn names(&self) -> Vec<(&'static str, &'static str)> {
        let json = self.json.is_some().then_some(("json", "JSON"));
        let text = self.text.is_some().then_some(("text", "Text"));
        json.into_iter()
            .chain(text)
            .chain([("hex", "Hex")])
            .collect()
    }

    fn choose(&self, asked: Option<&str>) -> &'static str {
        let names = self.names();
        let found = names.iter().find(|(name, _)| asked == Some(*name));
        found.or(names.first()).map_or("hex", |(name, _)| name)
    }

    fn links(&self, address: &Address, chosen: &str) -> Vec<View> {
        let link = |(name, title): (&'static str, &'static str)| View {
            title,
            to: address.with("view", name).to_string(),
            here: name == chosen,
        };
        self.names().into_iter().map(link).collect()
    }

    fn show(self, chosen: &str, bytes: &[u8]) -> Shown {
        match (chosen, self) {
            _ if bytes.is_empty() => Shown::Nothing,
            (
                "json",
                Self {
                    json: Some(json), ..
                },
            ) => Shown::Json(Box::new(Node::tree(&json))),
            (
                "text",
                Self {
                    text: Some(text), ..
                },
            ) => Shown::Text(payload::Payload::new(&text, "string").text),
            _ => Shown::Hex(payload::dump(&bytes[..bytes.len().min(MAX_HEX_BYTES)])),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use serde_json::json;

    use super::*;

    fn shown(bytes: &[u8], encoding: &str) -> Payload {
        let message = json!({
            "payload": BASE64_STANDARD.encode(bytes),
            "payload_bytes": bytes.len(),
            "properties": { "content_encoding": encoding },
        });
        Payload::new(&message, &Address::new("message"))
    }

    fn titles(payload: &Payload) -> Vec<&str> {
        payload.views.iter().map(|view| view.title).collect()
    }

    #[test]
    fn there_is_a_way_to_show_everything() {
        let json = shown(br#"{"a":1}"#, "");
        assert_eq!(titles(&json), ["JSON", "Text", "Hex"]);
        assert!(matches!(json.shown, Shown::Json(_)));
        assert_eq!(titles(&shown(b"7", "")), ["Text", "Hex"]);
        let binary = shown(b"\xff\x00", "");
        assert_eq!(titles(&binary), ["Hex"]);
        assert_eq!(binary.editable.unwrap().encoding, "base64");
        assert!(matches!(shown(b"", "").shown, Shown::Nothing));
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(br#"{"packed":true}"#).unwrap();
        let gzip = gzip.finish().unwrap();
        let found = shown(&gzip, "gzip");
        assert_eq!((found.packed, found.is_cut), (Some("gzip"), false));
        assert!(matches!(found.shown, Shown::Json(_)));
        assert_eq!(shown(b"not packed", "gzip").packed, None);
        assert!(shown(&gzip[..gzip.len() - 9], "gzip").is_cut);
    }

    #[test]
    fn what_is_masked_is_not_edited() {
        let message = json!({ "payload": "e30=", "payload_bytes": 2, "payload_masked": "fields" });
        let found = Payload::new(&message, &Address::new("message"));
        assert!(found.masked.is_some() && found.editable.is_none());
    }

    #[test]
    fn much_in_little_is_cut() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(&vec![b'a'; MAX_SHOWN_BYTES * 4]).unwrap();
        let found = shown(&gzip.finish().unwrap(), "gzip");
        assert!(found.is_cut);
        assert!(matches!(found.shown, Shown::Text(text) if text.len() == MAX_SHOWN_BYTES));
    }
}
