//! What is hidden, what is not, and what nobody finds out by asking.

use std::io::Write as _;

use ferrymq_amqp::content::{Property, PropertyValue, compose};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::clock::Timestamp;

fn mask(paths: &[&str]) -> Mask {
    let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
    Mask::parse(&paths).unwrap()
}

fn message(content_type: &str, body: &[u8]) -> Message {
    let properties = match content_type {
        "" => compose(&[]),
        _ => compose(&[(
            Property::ContentType,
            PropertyValue::Text(content_type.into()),
        )]),
    };
    let bytes = [b"\x02ex\x03key", &*properties, body].concat();
    Message::small(&bytes, 7, properties.len(), true)
}

fn body(message: &Message) -> String {
    String::from_utf8(message.body_window(0, usize::MAX)).unwrap()
}

/// What is seen of a payload: text, and what is hidden.
fn check(paths: &[&str], sent: &str, shown: &str, hidden: Option<Hidden>) {
    let view = mask(paths).view(&message("", sent.as_bytes()));
    assert_eq!((&*body(&view.message), view.hidden), (shown, hidden));
}

#[test]
fn fields_are_hidden_whatever_they_hold() {
    use Hidden::Fields;
    let paths = ["$.card.number", "$..password"];
    check(
        &paths,
        r#"{"z":1,"card":{"number":4111,"name":"A"},"a":[{"password":{"x":"y"}}]}"#,
        r#"{"z":1,"card":{"number":"•••","name":"A"},"a":[{"password":"•••"}]}"#,
        Some(Fields),
    );
    let twice = r#"{"password":"a","password":"b"}"#;
    let hidden = r#"{"password":"•••","password":"•••"}"#;
    check(&paths, twice, hidden, Some(Fields));
    let lines = "{\"password\":1}\n{\"x\":2}\n";
    check(
        &paths,
        lines,
        "{\"password\":\"•••\"}\n{\"x\":2}",
        Some(Fields),
    );
    let marked = "\u{feff} {\"password\":1}";
    check(&paths, marked, r#"{"password":"•••"}"#, Some(Fields));
    check(&["$"], "[1]", r#""•••""#, Some(Fields));
}

#[test]
fn everything_else_is_as_it_was() {
    for sent in [
        r#"{ "card": 7, "passwords": 1 }"#,
        "",
        "text with {\"password\":1}",
        "[info] password=1",
        "{not json",
        "\0\u{1}",
    ] {
        check(&["$.card.number", "$..password"], sent, sent, None);
    }
    check(&[], r#"{"password":1}"#, r#"{"password":1}"#, None);
}

#[test]
fn what_can_not_be_read_is_not_shown() {
    let paths = ["$..password"];
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for sent in [
        r#"{"password":1"#,
        r#"{"n":1e999,"password":1}"#,
        "[1,]",
        "{",
        &deep,
    ] {
        check(&paths, sent, "", Some(Hidden::Payload));
    }
    let large = format!("[\"{}\"]", "a".repeat(MAX_BYTES));
    let whole = Message::large(b"\x02ex\x03key\0\0", 7, false, vec![large.into()]);
    assert_eq!(mask(&paths).view(&whole).hidden, Some(Hidden::Payload));
    let view = mask(&paths).view(&message("application/x+json", b"{password:1}"));
    assert_eq!(view.hidden, Some(Hidden::Payload));
}

#[test]
fn packed_json_is_unpacked_to_be_hidden() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(br#"{"password":1}"#).unwrap();
    let view = mask(&["$.password"]).view(&message("", &gzip.finish().unwrap()));
    assert_eq!(body(&view.message), r#"{"password":"•••"}"#);
}

#[test]
fn the_rest_of_the_message_stays() {
    let sent = message("application/json", br#"{"password":1}"#);
    let view = mask(&["$.password"]).view(&sent);
    assert_eq!(view.message.properties(), sent.properties());
    assert_eq!(view.message.address(), sent.address());
    assert!(view.message.is_persistent());
}

#[test]
fn a_filter_finds_nothing_out() {
    let mask = mask(&["$.card.number"]);
    let seen = mask.view(&message("", br#"{"card":{"number":4111,"name":"A"}}"#));
    let matches = |filter: &str| {
        let filter: Filter = filter.parse().unwrap();
        filter.matches(&seen.message, None, Timestamp::from_millis(0))
    };
    assert!(matches("json.$.card.name:A"));
    for filter in [
        "4111",
        "/41+/",
        "json.$.card.number:4111",
        "json.$.card.number:>1",
    ] {
        assert!(!matches(filter), "{filter}");
    }
    let check = |filter: &str| mask.check(&filter.parse().unwrap());
    assert_eq!(check("json.$.card.name:A text json.$.card"), Ok(()));
    for filter in ["json.$.card.number:1", "x json.$.card.number.deeper"] {
        assert!(check(filter).is_err(), "{filter}");
    }
    let text = check("json.$.card.number:1").unwrap_err().to_string();
    assert!(text.starts_with("json.$.card.number is masked"), "{text}");
}
