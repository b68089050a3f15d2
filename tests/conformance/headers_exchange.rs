//! Headers exchanges: `x-match`, voids, and which values are equal.

use ferrymq_tests::raw::{
    AMQPValue, BasicProperties, Channel, FieldTable, long_string, queue, table,
};

use crate::support::{channel, is_other_broker, unique};

/// An exchange, a queue, and the question whether a binding matches headers.
struct Matcher {
    channel: Channel,
    exchange: String,
    queue: String,
}

impl Matcher {
    fn new() -> Self {
        let channel = channel();
        let exchange = channel.exchange(&unique("headers"), "headers");
        let queue = channel.temporary_queue();
        Self {
            channel,
            exchange,
            queue,
        }
    }

    fn matches(&self, binding: FieldTable, headers: Option<FieldTable>) -> bool {
        let mut properties = BasicProperties::default();
        if let Some(headers) = headers {
            properties = properties.with_headers(headers);
        }
        self.channel
            .bind_with(&self.queue, &self.exchange, "ignored", binding.clone());
        self.channel
            .publish_with(&self.exchange, "key", "a", &properties);
        self.channel.call::<queue::UnbindOk>(queue::Unbind {
            queue: self.queue.as_str().into(),
            exchange: self.exchange.as_str().into(),
            routing_key: "ignored".into(),
            arguments: binding,
        });
        !self.channel.drain(&self.queue).is_empty()
    }

    #[track_caller]
    fn check(&self, binding: FieldTable, headers: FieldTable, expected: bool) {
        let matched = self.matches(binding.clone(), Some(headers.clone()));
        assert_eq!(matched, expected, "{binding:?} with {headers:?}");
    }

    /// Whether a binding to one value matches a header with another, alone.
    #[track_caller]
    fn check_values(&self, bound: AMQPValue, sent: AMQPValue, expected: bool) {
        self.check(table([("key", bound)]), table([("key", sent)]), expected);
    }
}

fn int(value: i32) -> AMQPValue {
    AMQPValue::LongInt(value)
}

/// Two keys to match, by this `x-match`.
fn two_keys(x_match: &str) -> FieldTable {
    table([
        ("x-match", long_string(x_match)),
        ("a", int(1)),
        ("b", long_string("two")),
    ])
}

#[test]
fn all_needs_every_key() {
    let matcher = Matcher::new();
    let both = || table([("a", int(1)), ("b", long_string("two")), ("c", int(3))]);
    matcher.check(two_keys("all"), both(), true);
    matcher.check(two_keys("all"), table([("a", int(1))]), false);
    matcher.check(
        two_keys("all"),
        table([("a", int(1)), ("b", long_string("three"))]),
        false,
    );
    matcher.check(two_keys("all"), FieldTable::default(), false);
}

#[test]
fn all_is_the_default() {
    let matcher = Matcher::new();
    let binding = || table([("a", int(1)), ("b", int(2))]);
    matcher.check(binding(), table([("a", int(1)), ("b", int(2))]), true);
    matcher.check(binding(), table([("a", int(1))]), false);
}

#[test]
fn any_needs_one_key() {
    let matcher = Matcher::new();
    matcher.check(two_keys("any"), table([("a", int(1))]), true);
    matcher.check(
        two_keys("any"),
        table([("a", int(9)), ("b", long_string("two"))]),
        true,
    );
    matcher.check(two_keys("any"), table([("a", int(9))]), false);
    matcher.check(two_keys("any"), table([("c", int(1))]), false);
}

#[test]
fn all_of_nothing_matches_everything() {
    let matcher = Matcher::new();
    let nothing = || table([("x-match", long_string("all"))]);
    matcher.check(FieldTable::default(), FieldTable::default(), true);
    matcher.check(nothing(), table([("a", int(1))]), true);
    assert!(matcher.matches(nothing(), None));
}

#[test]
fn any_of_nothing_matches_nothing() {
    let matcher = Matcher::new();
    let nothing = || table([("x-match", long_string("any"))]);
    matcher.check(nothing(), table([("a", int(1))]), false);
    assert!(!matcher.matches(nothing(), None));
}

#[test]
fn a_message_without_headers_has_none() {
    let matcher = Matcher::new();
    assert!(!matcher.matches(two_keys("all"), None));
    assert!(!matcher.matches(two_keys("any"), None));
    assert!(matcher.matches(FieldTable::default(), None));
}

#[test]
fn keys_that_start_with_x_are_skipped() {
    let matcher = Matcher::new();
    for x_match in ["all", "any"] {
        let binding = || {
            table([
                ("x-match", long_string(x_match)),
                ("x-key", int(1)),
                ("a", int(1)),
            ])
        };
        matcher.check(binding(), table([("a", int(1))]), true);
        matcher.check(binding(), table([("a", int(1)), ("x-key", int(9))]), true);
        matcher.check(binding(), table([("x-key", int(1))]), false);
    }
}

#[test]
fn with_x_they_are_compared() {
    let matcher = Matcher::new();
    let binding = |x_match: &str| {
        table([
            ("x-match", long_string(x_match)),
            ("x-key", int(1)),
            ("a", int(1)),
        ])
    };
    matcher.check(
        binding("all-with-x"),
        table([("a", int(1)), ("x-key", int(1))]),
        true,
    );
    matcher.check(binding("all-with-x"), table([("a", int(1))]), false);
    matcher.check(
        binding("all-with-x"),
        table([("a", int(1)), ("x-key", int(9))]),
        false,
    );
    matcher.check(binding("any-with-x"), table([("x-key", int(1))]), true);
    matcher.check(binding("any-with-x"), table([("a", int(1))]), true);
    matcher.check(binding("any-with-x"), table([("x-key", int(9))]), false);
}

#[test]
fn x_match_itself_is_never_compared() {
    let matcher = Matcher::new();
    for x_match in ["all", "all-with-x"] {
        matcher.check(
            table([("x-match", long_string(x_match))]),
            FieldTable::default(),
            true,
        );
    }
    let header = || table([("x-match", long_string("any-with-x"))]);
    matcher.check(header(), header(), false);
}

#[test]
fn void_matches_any_value_that_is_there() {
    let matcher = Matcher::new();
    for x_match in ["all", "any"] {
        let binding = || table([("x-match", long_string(x_match)), ("key", AMQPValue::Void)]);
        matcher.check(binding(), table([("key", int(1))]), true);
        matcher.check(binding(), table([("key", long_string(""))]), true);
        matcher.check(binding(), table([("key", AMQPValue::Void)]), true);
        matcher.check(binding(), table([("other", int(1))]), false);
    }
}

#[test]
fn numbers_are_equal_by_value() {
    let matcher = Matcher::new();
    for sent in [
        AMQPValue::ShortShortInt(5),
        AMQPValue::ShortShortUInt(5),
        AMQPValue::ShortInt(5),
        AMQPValue::ShortUInt(5),
        AMQPValue::LongInt(5),
        AMQPValue::LongUInt(5),
        AMQPValue::LongLongInt(5),
    ] {
        matcher.check_values(int(5), sent.clone(), true);
        matcher.check_values(sent, AMQPValue::LongLongInt(5), true);
    }
}

#[test]
fn values_of_another_kind_are_not_equal() {
    let matcher = Matcher::new();
    matcher.check_values(int(5), int(6), false);
    matcher.check_values(int(5), long_string("5"), false);
    matcher.check_values(long_string("5"), int(5), false);
    matcher.check_values(int(1), AMQPValue::Boolean(true), false);
    matcher.check_values(long_string("true"), AMQPValue::Boolean(true), false);
}

#[test]
fn integers_and_fractions_are_not_equal() {
    if is_other_broker("3.10 thinks they are") {
        return;
    }
    let matcher = Matcher::new();
    matcher.check_values(int(1), AMQPValue::Double(1.0), false);
    matcher.check_values(AMQPValue::Double(1.0), int(1), false);
}

#[test]
fn values_of_every_kind_can_be_matched() {
    let matcher = Matcher::new();
    for value in [
        long_string("text"),
        long_string(""),
        AMQPValue::Boolean(false),
        AMQPValue::Boolean(true),
        AMQPValue::Double(1.5),
        AMQPValue::Float(1.5),
        AMQPValue::LongInt(-1),
        AMQPValue::ByteArray(vec![0, 255].into()),
    ] {
        matcher.check_values(value.clone(), value, true);
    }
    matcher.check_values(AMQPValue::Boolean(true), AMQPValue::Boolean(false), false);
    matcher.check_values(long_string("a"), long_string("A"), false);
    matcher.check_values(AMQPValue::Double(1.5), AMQPValue::Double(2.5), false);
}

#[test]
fn timestamps_are_equal_by_value() {
    let matcher = Matcher::new();
    let timestamp = AMQPValue::Timestamp;
    matcher.check_values(timestamp(1_700_000_000), timestamp(1_700_000_000), true);
    matcher.check_values(timestamp(1_700_000_000), timestamp(1_700_000_001), false);
}

#[test]
fn tables_and_arrays_are_equal_by_content() {
    let matcher = Matcher::new();
    let nested = |value| AMQPValue::FieldTable(table([("inner", int(value))]));
    matcher.check_values(nested(1), nested(1), true);
    matcher.check_values(nested(1), nested(2), false);
    let array = |value| AMQPValue::FieldArray(vec![int(value)].into());
    matcher.check_values(array(1), array(1), true);
    matcher.check_values(array(1), array(2), false);
}

#[test]
fn header_names_are_case_sensitive() {
    let matcher = Matcher::new();
    matcher.check(table([("Key", int(1))]), table([("key", int(1))]), false);
}

#[test]
fn any_other_x_match_is_refused() {
    for value in [
        long_string("some"),
        long_string(""),
        int(1),
        AMQPValue::Boolean(true),
    ] {
        let channel = channel();
        let queue = channel.temporary_queue();
        channel.send(queue::Bind {
            queue: queue.as_str().into(),
            exchange: "amq.headers".into(),
            arguments: table([("x-match", value)]),
            ..Default::default()
        });
        channel.refused(406, "x-match");
    }
}

#[test]
fn the_routing_key_is_ignored() {
    let matcher = Matcher::new();
    matcher.check(table([("a", int(1))]), table([("a", int(1))]), true);
}
