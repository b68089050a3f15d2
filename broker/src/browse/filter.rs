//! Which messages somebody wants to see, or to move.

use ferrymq_amqp::{Properties, RawValue};

use crate::message::{BodyPieces, Message};

/// All of these must hold; an empty filter takes everything.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// The routing key, as it was published.
    pub routing_key: Option<KeyPattern>,
    /// Headers, each of which must be as said.
    pub headers: Vec<HeaderFilter>,
    /// Stands somewhere in the body, the properties or the routing key, byte for byte.
    pub text: Option<String>,
}

/// A routing key, or what it looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPattern {
    /// This one.
    Exact(String),
    /// As in a binding of a topic exchange: `*` is a word, `#` any number of them.
    Topic(String),
}

/// What is asked of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderFilter {
    /// Its name.
    pub name: String,
    /// Its value as text; `None`: any, if only it is there.
    pub value: Option<String>,
}

impl Filter {
    /// Is `message` one of those?
    pub fn matches(&self, message: &Message) -> bool {
        let key = self.routing_key.as_ref();
        key.is_none_or(|pattern| pattern.matches(&String::from_utf8_lossy(message.routing_key())))
            && self.matches_headers(message)
            && self
                .text
                .as_ref()
                .is_none_or(|text| has_text(message, text.as_bytes()))
    }

    fn matches_headers(&self, message: &Message) -> bool {
        if self.headers.is_empty() {
            return true;
        }
        let properties = Properties::parse(message.properties()).ok();
        let Some(headers) = properties.and_then(|properties| properties.headers()) else {
            return false;
        };
        self.headers.iter().all(|wanted| {
            let value = headers.get(&wanted.name);
            value.is_some_and(|value| {
                let text = wanted.value.as_ref();
                text.is_none_or(|text| shown(&value).as_deref() == Some(&**text))
            })
        })
    }
}

impl KeyPattern {
    fn matches(&self, key: &str) -> bool {
        match self {
            Self::Exact(wanted) => wanted == key,
            Self::Topic(pattern) => topic_matches(pattern, key),
        }
    }
}

/// Does a key match a topic pattern? Work and memory are bounded by the number of words of each.
fn topic_matches(pattern: &str, key: &str) -> bool {
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

fn has_text(message: &Message, text: &[u8]) -> bool {
    if contains(message.routing_key(), text) || contains(message.properties(), text) {
        return true;
    }
    match message.body() {
        BodyPieces::Small(bytes) => contains(bytes, text),
        BodyPieces::Large([whole]) => contains(whole, text),
        BodyPieces::Large(pieces) => contains(&pieces.concat(), text),
    }
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    text.is_empty() || bytes.windows(text.len()).any(|window| window == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferrymq_amqp::AMQPValue;
    use ferrymq_amqp::content::with_header;

    fn message(key: &str, headers: &[(&str, AMQPValue)], body: &str) -> Message {
        let mut properties = vec![0, 0];
        for (name, value) in headers {
            properties = with_header(&properties, name, value);
        }
        let address = [&[0, key.len() as u8], key.as_bytes()].concat();
        let bytes = [&address[..], &properties, body.as_bytes()].concat();
        Message::small(&bytes, address.len(), properties.len(), false)
    }

    fn topic(pattern: &str, key: &str, matches: bool) {
        let filter = Filter {
            routing_key: Some(KeyPattern::Topic(pattern.into())),
            ..Filter::default()
        };
        let message = message(key, &[], "");
        assert_eq!(filter.matches(&message), matches, "{pattern} {key}");
    }

    #[test]
    fn topics_match_as_in_bindings() {
        topic("#", "", true);
        topic("#", "a.b", true);
        topic("*", "", false);
        topic("*", "a", true);
        topic("*", "a.b", false);
        topic("a.*.c", "a.b.c", true);
        topic("a.#.c", "a.c", true);
        topic("a.#.c", "a.x.y.c", true);
        topic("a.#.c", "a.x.y.d", false);
        topic("#.#", "a", true);
        topic("a.#", "b", false);
        topic("", "", true);
        topic("", "a", false);
        topic("a.", "a.", true);
    }

    #[test]
    fn headers_match_by_their_text() {
        let headers = [
            ("n", AMQPValue::LongInt(7)),
            ("s", AMQPValue::LongString("x".into())),
            ("t", AMQPValue::FieldTable(Default::default())),
        ];
        let message = message("k", &headers, "");
        let check = |name: &str, value: Option<&str>, matches: bool| {
            let header = HeaderFilter {
                name: name.into(),
                value: value.map(Into::into),
            };
            let filter = Filter {
                headers: vec![header],
                ..Filter::default()
            };
            assert_eq!(filter.matches(&message), matches, "{name} {value:?}");
        };
        check("n", None, true);
        check("n", Some("7"), true);
        check("n", Some("8"), false);
        check("s", Some("x"), true);
        check("t", None, true);
        check("t", Some(""), false);
        check("missing", None, false);
    }

    #[test]
    fn text_stands_anywhere() {
        let header = [("h", AMQPValue::LongString("in a header".into()))];
        let message = message("the.key", &header, "the body");
        let check = |text: &str, matches: bool| {
            let filter = Filter {
                text: Some(text.into()),
                ..Filter::default()
            };
            assert_eq!(filter.matches(&message), matches, "{text}");
        };
        check("body", true);
        check("a header", true);
        check("e.k", true);
        check("", true);
        check("nowhere", false);
        check(
            "much longer than everything that is in the message together",
            false,
        );
    }
}
