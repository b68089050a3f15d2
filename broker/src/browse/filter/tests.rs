//! Every kind of condition, and what is none.

use ferrymq_amqp::AMQPValue;
use ferrymq_amqp::content::with_header;

use super::condition::topic_matches;
use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn message(key: &str, headers: &[(&str, AMQPValue)], body: &str) -> Message {
    let mut properties = vec![0, 0];
    for (name, value) in headers {
        properties = with_header(&properties, name, value);
    }
    let address = [&[2, b'e', b'x', key.len() as u8], key.as_bytes()].concat();
    let bytes = [&address[..], &properties, body.as_bytes()].concat();
    Message::small(&bytes, address.len(), properties.len(), false)
}

fn check(filter: &str, message: &Message, matches: bool) {
    let parsed: Filter = filter.parse().unwrap();
    assert_eq!(
        parsed.matches(message, Some(Sequence(17)), NOW),
        matches,
        "{filter}"
    );
}

fn topic(pattern: &str, key: &str, matches: bool) {
    assert_eq!(topic_matches(pattern, key), matches, "{pattern} {key}");
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
fn headers_are_tested_by_their_text_or_as_numbers() {
    let headers = [
        ("n", AMQPValue::LongInt(7)),
        ("s", AMQPValue::LongString("x y".into())),
        ("t", AMQPValue::FieldTable(Default::default())),
    ];
    let message = message("k", &headers, "");
    check("header.n", &message, true);
    check("header.n:7", &message, true);
    check("header.n:8", &message, false);
    check("header.n:>6", &message, true);
    check("header.n:>7", &message, false);
    check("header.n:<7.5", &message, true);
    check("header.s:\"x y\"", &message, true);
    check("header.s:>1", &message, false);
    check("header.t", &message, true);
    check("header.t:", &message, false);
    check("header.missing", &message, false);
    check("header.n:7 header.missing", &message, false);
}

#[test]
fn text_stands_anywhere() {
    let header = [("h", AMQPValue::LongString("in a header".into()))];
    let message = message("the.key", &header, "the \"body\" key:1");
    check("body", &message, true);
    check("\"a header\"", &message, true);
    check("e.k", &message, true);
    check("", &message, true);
    check("\"\"", &message, true);
    check("nowhere", &message, false);
    check("the body", &message, true);
    check("\"the \\\"body\\\"\"", &message, true);
    check("\"key:1\"", &message, true);
    check(
        "\"much longer than everything that is in the message together\"",
        &message,
        false,
    );
}

#[test]
fn bodies_are_looked_into() {
    let body = r#"{"customer":{"id":42,"name":"A B"},"lines":[{"n":1}],"ok":true,"no":null}"#;
    let json = message("k", &[], body);
    check("json.$.customer.id:42", &json, true);
    check("json.$.customer.id:>41", &json, true);
    check("json.$.customer.id:43", &json, false);
    check("json.$.customer.name:\"A B\"", &json, true);
    check("json.$.lines.0.n:1", &json, true);
    check("json.$.lines.1", &json, false);
    check("json.$.ok:true json.$.no:null", &json, true);
    check("json.$", &json, true);
    check("json.$.customer", &message("k", &[], "no json"), false);
    check("size:>10 size:<1k", &json, true);
    check("size:0", &message("k", &[], ""), true);
    check("size:1k", &message("k", &[], &"x".repeat(1024)), true);
}

#[test]
fn where_and_when_it_was_published() {
    let at = [("timestamp_in_ms", AMQPValue::LongLongInt(940_000))];
    let message = message("orders.eu.new", &at, "");
    check("key:orders.# exchange:ex", &message, true);
    check("key:orders.eu", &message, false);
    check("exchange:other", &message, false);
    check("age:<5m age:>59s", &message, true);
    check("age:>1h", &message, false);
    check("age:1m", &message, true);
    check("property.priority", &message, false);
    check("property.content_type:text/plain", &message, false);
}

#[test]
fn expressions_match_anywhere_but_where_they_are_bound() {
    let header = [("h", AMQPValue::LongString("in a header".into()))];
    let message = message("orders.eu", &header, "{\"id\":4711}\n\u{e9}");
    check("/47\\d{2}/", &message, true);
    check("/^47/", &message, false);
    check("/^orders/", &message, true);
    check("/in\" \"a/", &message, true);
    check("key:/^orders\\.(eu|us)$/", &message, true);
    check("key:/^eu/", &message, false);
    check("exchange:/^e/", &message, true);
    check("header.h:/^in/ json.$.id:/^4/ size:/3$/", &message, false);
    check("header.h:/HEADER/", &message, false);
    check("header.h:/(?i)HEADER/", &message, true);
    check("/(a*)*b$/", &message, false);
}

#[test]
fn messages_have_numbers() {
    let message = message("k", &[], "");
    check("sequence:18,17", &message, true);
    check("sequence:1", &message, false);
    let filter: Filter = "sequence:17".parse().unwrap();
    assert!(!filter.matches(&message, None, NOW));
}

#[test]
fn what_makes_no_sense_is_named() {
    let check = |filter: &str, part: &str| {
        let error = filter.parse::<Filter>().unwrap_err().to_string();
        assert!(error.contains(part), "{filter}: {error}");
    };
    check("a \"b", "no other one ends");
    check("a \"b\\", "no other one ends");
    check("property.color:red", "no such property");
    check("json.customer:1", "json.$.customer.id");
    check("json.$..a:1", "json.$.customer.id");
    check("size:>big", "must be a number");
    check("age:<", "must be a number");
    check("key.x:1", "lacks a name");
    check("header:1", "lacks a name");
    check("/(/", "regular expression");
    check("key:/(/", "regular expression");
    check("/(\\w{1000}){1000}/", "too large");
    check("sequence:a", "sequence:17,18");
    check(&"x ".repeat(33), "at most");
    check(&"x".repeat(5000), "at most");
}
