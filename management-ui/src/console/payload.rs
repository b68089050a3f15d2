//! A message's payload for people: JSON set out, text as it is, anything else as bytes. Never as what it says it is.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::de::IgnoredAny;

/// Bytes on a line.
const LINE_BYTES: usize = 16;

const INDENT: &str = "  ";

/// How a payload is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Payload {
    /// `JSON`, `text` or `bytes`.
    pub(crate) kind: &'static str,
    pub(crate) text: String,
}

impl Payload {
    /// From how the API shows it.
    pub(crate) fn new(payload: &str, encoding: &str) -> Self {
        let bytes = (encoding == "base64").then(|| BASE64_STANDARD.decode(payload).ok());
        match bytes.flatten() {
            Some(bytes) => Self {
                kind: "bytes",
                text: dump(&bytes),
            },
            None => Self::of_text(payload),
        }
    }

    fn of_text(text: &str) -> Self {
        let is_nested = text.trim_start().starts_with(['{', '[']);
        match is_nested && serde_json::from_str::<IgnoredAny>(text).is_ok() {
            true => Self {
                kind: "JSON",
                text: set_out(text),
            },
            false => Self {
                kind: "text",
                text: text.to_owned(),
            },
        }
    }
}

/// JSON with a line for each entry. Only its blanks are changed: order and digits stay what was sent.
fn set_out(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let mut last = ' ';
    for letter in json.chars() {
        if in_string {
            out.push(letter);
            in_string = escaped || letter != '"';
            escaped = letter == '\\' && !escaped;
            last = letter;
            continue;
        }
        if letter.is_whitespace() {
            continue;
        }
        if matches!(letter, '}' | ']') {
            depth = depth.saturating_sub(1);
            if !matches!(last, '{' | '[') {
                break_line(&mut out, depth);
            }
        } else if matches!(last, '{' | '[' | ',') {
            break_line(&mut out, depth);
        }
        out.push(letter);
        match letter {
            '{' | '[' => depth += 1,
            ':' => out.push(' '),
            '"' => in_string = true,
            _ => {}
        }
        last = letter;
    }
    out
}

fn break_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.push_str(&INDENT.repeat(depth));
}

/// `00000010  61 00 ff …  a..`
pub(crate) fn dump(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (line, bytes) in bytes.chunks(LINE_BYTES).enumerate() {
        let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let letters = bytes.iter().map(|byte| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        });
        let letters: String = letters.collect();
        let at = line * LINE_BYTES;
        let width = LINE_BYTES * 3 - 1;
        let _ = writeln!(text, "{at:08x}  {:width$}  {letters}", hex.join(" "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(payload: &str, encoding: &str, kind: &str, text: &str) {
        let shown = Payload::new(payload, encoding);
        assert_eq!((shown.kind, shown.text.as_str()), (kind, text));
    }

    #[test]
    fn payloads_are_readable() {
        check("plain <b>", "string", "text", "plain <b>");
        check("17", "string", "text", "17");
        check("{broken", "string", "text", "{broken");
        let json = r#"{"b":[1.10,{}],"a":"x,\"{\\"}"#;
        let set_out = "{\n  \"b\": [\n    1.10,\n    {}\n  ],\n  \"a\": \"x,\\\"{\\\\\"\n}";
        check(json, "string", "JSON", set_out);
        let hex = format!("00000000  61 00 ff{}  a..\n", " ".repeat(39));
        check("YQD/", "base64", "bytes", &hex);
        check("not base64!", "base64", "text", "not base64!");
    }
}
