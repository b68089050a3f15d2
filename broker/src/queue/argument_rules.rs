//! Which arguments exist, on which queue types, and which values they take: two flat tables and
//! the check that walks them. What the values mean is for `arguments.rs` and
//! `consumer_arguments.rs`.

use ferrymq_amqp::table::{integer_value, type_name};
use ferrymq_amqp::{AMQPValue, FieldTable};

use crate::dedup::MAX_CACHE_SIZE;
use crate::queue::arguments::{ArgumentError, QueueType};
use crate::queue::options::Value;

pub(crate) const QUEUE_TYPE: &str = "x-queue-type";

/// Ten years in milliseconds, the longest time span that clients may ask for.
pub(crate) const MAX_SPAN_MS: i64 = 315_360_000_000;

/// Characters of a refused value that an error shows.
const SHOWN_VALUE_CHARS: usize = 64;

/// One argument: where it is known, and what it may hold.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: &'static str,
    types: Types,
    check: Check,
}

/// Queue types that know an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Types {
    /// Every type.
    All,
    /// Classic and quorum queues.
    Queues,
    Classic,
    Quorum,
    Stream,
    /// Every type, and without effect: neither checked nor compared.
    Obsolete,
}

/// What a value may be.
#[derive(Debug)]
pub(crate) enum Check {
    Anything,
    Flag,
    /// An integer of any width, within bounds.
    Integer(i64, i64),
    /// UTF-8 of at most so many bytes.
    Text(usize),
    /// A number and a unit of time: `7D`.
    Age,
    OneOf(&'static [&'static str]),
}

use Check::{Age, Anything, Flag, Integer, OneOf, Text};
use Types::{All, Classic, Obsolete, Queues, Quorum, Stream};

const fn rule(name: &'static str, types: Types, check: Check) -> Rule {
    Rule { name, types, check }
}

/// A short string on the wire holds no more bytes.
pub(crate) const NAME_BYTES: usize = 255;
/// The longest prefix of a server-generated name, in bytes.
pub(super) const NAME_PREFIX_BYTES: usize = 64;
pub(crate) const COUNT: Check = Integer(0, i64::MAX);
/// Values that are remembered.
pub(crate) const CACHE_SIZE: Check = Integer(1, MAX_CACHE_SIZE.cast_signed());
pub(crate) const POSITIVE: Check = Integer(1, i64::MAX);

/// What `queue.declare` knows.
///
/// Compat: wider than RabbitMQ's. Delivery limit, consumer time-out and delayed retry on classic
/// queues, deduplication, durability; obsolete arguments on every type.
pub(super) static QUEUE: &[Rule] = &[
    rule(QUEUE_TYPE, All, OneOf(&["classic", "quorum", "stream"])),
    rule("x-message-ttl", Queues, Integer(0, MAX_SPAN_MS)),
    rule("x-expires", Queues, Integer(1, MAX_SPAN_MS)),
    rule("x-max-length", Queues, COUNT),
    rule("x-max-length-bytes", All, COUNT),
    rule(
        "x-overflow",
        Queues,
        OneOf(&["drop-head", "reject-publish", "reject-publish-dlx"]),
    ),
    rule("x-dead-letter-exchange", Queues, Text(NAME_BYTES)),
    rule("x-dead-letter-routing-key", Queues, Text(NAME_BYTES)),
    rule(
        "x-dead-letter-strategy",
        Quorum,
        OneOf(&["at-most-once", "at-least-once"]),
    ),
    rule("x-max-priority", Classic, Integer(0, 255)),
    rule("x-single-active-consumer", Queues, Flag),
    rule("x-delayed", Queues, Flag),
    rule("x-delivery-limit", Queues, Integer(i64::MIN, i64::MAX)),
    rule("x-consumer-timeout", Queues, COUNT),
    rule("x-consumer-disconnected-timeout", Quorum, COUNT),
    rule(
        "x-delayed-retry-type",
        Queues,
        OneOf(&["disabled", "all", "failed", "returned"]),
    ),
    rule("x-delayed-retry-min", Queues, POSITIVE),
    rule("x-delayed-retry-max", Queues, POSITIVE),
    rule("x-retry-delay", Queues, Integer(1, MAX_SPAN_MS)),
    rule("x-retry-backoff", Queues, Integer(1, 100)),
    rule("x-retry-max-delay", Queues, Integer(1, MAX_SPAN_MS)),
    rule("x-max-deliver-rate", Queues, POSITIVE),
    rule(
        "x-queue-leader-locator",
        All,
        OneOf(&["client-local", "balanced", "random", "least-leaders"]),
    ),
    rule("x-quorum-initial-group-size", Quorum, POSITIVE),
    rule("x-member-placement-tag", Quorum, Text(NAME_BYTES)),
    rule("x-durability", Queues, OneOf(&["strict", "relaxed"])),
    rule("x-message-deduplication", Queues, Flag),
    rule("x-cache-size", Queues, CACHE_SIZE),
    rule("x-cache-ttl", Queues, COUNT),
    rule("x-deduplication-header", Queues, Text(NAME_BYTES)),
    rule("x-max-age", Stream, Age),
    rule(
        "x-stream-max-segment-size-bytes",
        Stream,
        Integer(0, 3_000_000_000),
    ),
    rule("x-stream-filter-size-bytes", Stream, Integer(16, 255)),
    rule("x-initial-cluster-size", Stream, POSITIVE),
    rule("x-queue-mode", Obsolete, Anything),
    rule("x-queue-version", Obsolete, Anything),
    rule("x-queue-master-locator", Obsolete, Anything),
    rule("x-max-in-memory-length", Obsolete, Anything),
    rule("x-max-in-memory-bytes", Obsolete, Anything),
];

/// What `exchange.declare` knows on every exchange type.
pub(super) static EXCHANGE: &[Rule] = &[
    rule("x-message-deduplication", All, Flag),
    rule("x-cache-size", All, CACHE_SIZE),
    rule("x-cache-ttl", All, COUNT),
    rule("x-deduplication-header", All, Text(NAME_BYTES)),
];

/// What `basic.consume` knows.
pub(super) static CONSUMER: &[Rule] = &[
    rule("x-priority", Queues, Integer(i64::MIN, i64::MAX)),
    rule("x-consumer-timeout", Queues, COUNT),
    rule("x-stream-offset", Stream, Anything),
    rule("x-stream-filter", Stream, Anything),
    rule("x-stream-match-unfiltered", Stream, Flag),
    rule("x-stream-automatic-offset-tracking", Stream, Flag),
    rule("x-cancel-on-ha-failover", Obsolete, Anything),
    rule("x-credit", Obsolete, Anything),
];

impl Rule {
    /// Does a second declaration have to agree in this argument?
    pub(super) fn is_compared(&self, queue_type: QueueType) -> bool {
        self.types != Obsolete && self.types.contain(queue_type)
    }
}

impl Types {
    fn contain(self, queue_type: QueueType) -> bool {
        match self {
            All | Obsolete => true,
            Queues => queue_type != QueueType::Stream,
            Classic => queue_type == QueueType::Classic,
            Quorum => queue_type == QueueType::Quorum,
            Stream => queue_type == QueueType::Stream,
        }
    }
}

/// Holds every argument of `table` that `rules` know against them. Unknown ones pass.
pub(super) fn check_all(
    rules: &[Rule],
    table: &FieldTable,
    queue_type: QueueType,
) -> Result<(), ArgumentError> {
    for (name, value) in table {
        let Some(rule) = rules.iter().find(|rule| rule.name == name.as_str()) else {
            continue;
        };
        if !rule.types.contain(queue_type) {
            return Err(ArgumentError::NotForType {
                argument: rule.name,
                queue_type,
            });
        }
        check(rule, value)?;
    }
    Ok(())
}

fn check(rule: &Rule, value: &AMQPValue) -> Result<(), ArgumentError> {
    match rule.check.expected(value.into()) {
        None => Ok(()),
        Some(expected) => Err(ArgumentError::Invalid {
            argument: rule.name,
            detail: format!("{expected}, received {}", described(value)),
        }),
    }
}

impl Check {
    /// What was expected instead of `value`; `None` when it will do.
    pub(crate) fn expected(&self, value: Value<'_>) -> Option<String> {
        let expected = |what: &str| Some(format!("expected {what}"));
        match (self, value) {
            (Anything, _) | (Flag, Value::Flag(_)) => None,
            (Flag, _) => expected("a bool"),
            (Integer(min, max), Value::Integer(number)) => {
                (number < *min || number > *max).then(|| bounds(*min, *max))
            }
            (Integer(..), _) => expected("an integer"),
            (Text(max_bytes), Value::Text(text)) => {
                (text.len() > *max_bytes).then(|| format!("expected at most {max_bytes} bytes"))
            }
            (Text(_), _) => expected("a UTF-8 string"),
            (Age, Value::Text(text)) if is_age(text) => None,
            (Age, _) => expected("a number and a unit out of Y, M, D, h, m, s"),
            (OneOf(allowed), Value::Text(text)) if allowed.contains(&text) => None,
            (OneOf(allowed), _) => expected(&format!("one of {}", allowed.join(", "))),
        }
    }
}

fn is_age(text: &str) -> bool {
    let number = text.strip_suffix(['Y', 'M', 'D', 'h', 'm', 's']);
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    number.is_some_and(|digits| is_number(digits) && digits.parse().is_ok_and(|age: u64| age > 0))
}

fn bounds(min: i64, max: i64) -> String {
    if max == i64::MAX {
        format!("expected an integer of at least {min}")
    } else {
        format!("expected an integer from {min} to {max}")
    }
}

/// `the value '10' of type 'long'`.
pub(super) fn described(value: &AMQPValue) -> String {
    format!(
        "the value '{}' of type '{}'",
        shown(value),
        type_name(value)
    )
}

/// The value as an error text shows it, shortened.
pub(super) fn shown(value: &AMQPValue) -> String {
    let whole = match value {
        AMQPValue::Boolean(flag) => flag.to_string(),
        AMQPValue::Float(number) => number.to_string(),
        AMQPValue::Double(number) => number.to_string(),
        AMQPValue::Timestamp(seconds) => seconds.to_string(),
        AMQPValue::DecimalValue(decimal) => format!("{}e-{}", decimal.value, decimal.scale),
        AMQPValue::ShortString(text) => text.to_string(),
        AMQPValue::LongString(text) => text.to_string(),
        AMQPValue::ByteArray(bytes) => format!("{} bytes", bytes.len()),
        AMQPValue::FieldArray(array) => format!("{} elements", array.as_slice().len()),
        AMQPValue::FieldTable(table) => format!("{} entries", table.inner().len()),
        AMQPValue::Void => String::new(),
        number => integer_value(number).unwrap_or_default().to_string(),
    };
    match whole.char_indices().nth(SHOWN_VALUE_CHARS) {
        Some((end, _)) => format!("{}...", &whole[..end]),
        None => whole,
    }
}
