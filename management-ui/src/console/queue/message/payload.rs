//! A payload in the ways in which one can read it: JSON as a tree, text, bytes. Compressed ones are unpacked first. Nothing
//! in it is ever HTML.

use std::io::Read;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};
use serde_json::Value;

use super::MAX_SHOWN_BYTES;
use super::tree::Node;
use crate::console::address::Address;
use crate::console::payload;

/// Bytes that are shown one by one.
const MAX_HEX_BYTES: usize = 4096;
/// What a gzip file begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A payload, or what of it is shown.
pub(super) struct Payload {
    pub(super) shown: Shown,
    /// The other ways to show it.
    pub(super) views: Vec<View>,
    /// What it was unpacked from, `gzip` for example.
    pub(super) packed: Option<&'static str>,
    /// Is there more than what is shown?
    pub(super) is_cut: bool,
    /// As a form edits it: `None` when it is not here whole.
    pub(super) editable: Option<Editable>,
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
        let sent = BASE64_STANDARD.decode(message["payload"].as_str().unwrap_or_default());
        let sent = sent.unwrap_or_default();
        let whole = message["payload_bytes"].as_u64() == Some(sent.len() as u64);
        let encoding = message["properties"]["content_encoding"].as_str();
        let unpacked = unpack(&sent, encoding.unwrap_or_default());
        let (bytes, packed, complete) = match &unpacked {
            Some(unpacked) => (&unpacked.bytes, Some(unpacked.kind), unpacked.complete),
            None => (&sent, None, whole),
        };
        let ways = Ways::of(bytes, complete);
        let chosen = ways.choose(address.get("view"));
        Self {
            views: ways.links(address, chosen),
            is_cut: !complete || (chosen == "hex" && bytes.len() > MAX_HEX_BYTES),
            shown: ways.show(chosen, bytes),
            packed,
            editable: whole.then(|| editable(&sent, message)),
        }
    }
}

fn editable(sent: &[u8], message: &Value) -> Editable {
    match std::str::from_utf8(sent) {
        Ok(text) => Editable {
            text: text.to_owned(),
            encoding: "string",
        },
        Err(_) => Editable {
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

/// What was packed.
struct Unpacked {
    kind: &'static str,
    bytes: Vec<u8>,
    /// Is that all?
    complete: bool,
}

/// The bytes in a payload that says that it is packed, or looks so; `None`: it is not.
fn unpack(sent: &[u8], encoding: &str) -> Option<Unpacked> {
    match encoding.to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => read("gzip", GzDecoder::new(sent)),
        // By the book it is zlib; many send it bare.
        "deflate" => read("deflate", ZlibDecoder::new(sent))
            .or_else(|| read("deflate", DeflateDecoder::new(sent))),
        _ if sent.starts_with(&GZIP) => read("gzip", GzDecoder::new(sent)),
        _ => None,
    }
}

/// Reads no more than is shown: a small file may hold much.
fn read(kind: &'static str, packed: impl Read) -> Option<Unpacked> {
    let mut bytes = Vec::new();
    let ended = packed
        .take(MAX_SHOWN_BYTES as u64 + 1)
        .read_to_end(&mut bytes);
    let complete = ended.is_ok() && bytes.len() <= MAX_SHOWN_BYTES;
    bytes.truncate(MAX_SHOWN_BYTES);
    (ended.is_ok() || !bytes.is_empty()).then_some(Unpacked {
        kind,
        bytes,
        complete,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
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
        let text = br#"{"packed":true}"#;
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(text).unwrap();
        let gzip = gzip.finish().unwrap();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(text).unwrap();
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::default());
        bare.write_all(text).unwrap();
        for (bytes, encoding, kind) in [
            (&gzip, "gzip", "gzip"),
            (&gzip, "", "gzip"),
            (&zlib.finish().unwrap(), "deflate", "deflate"),
            (&bare.finish().unwrap(), "deflate", "deflate"),
        ] {
            let found = shown(bytes, encoding);
            assert_eq!(found.packed, Some(kind));
            assert!(matches!(found.shown, Shown::Json(_)), "{encoding}");
            assert!(!found.is_cut);
        }
        assert_eq!(shown(b"not packed", "gzip").packed, None);
        assert!(shown(&gzip[..gzip.len() - 9], "gzip").is_cut);
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
