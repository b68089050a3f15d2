//! What a queue's arguments and its policy can both ask for, as typed values.
//!
//! An argument is `x-` and the name of an option, a policy's key is the name alone. Both are checked
//! by their own tables (`argument_rules.rs`, `policy/keys.rs`) before they come here; which of the two
//! counts when both ask is for `policy/merge.rs`.

use std::sync::Arc;
use std::time::Duration;

use ferrymq_amqp::AMQPValue;
use ferrymq_amqp::table::{integer_value, string_value};
use ferrymq_store::Durability;

/// What happens to a message that finds the queue full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overflow {
    /// The oldest messages make room.
    #[default]
    DropHead,
    /// The new message is refused.
    RejectPublish,
    /// The new message is refused and dead-lettered.
    RejectPublishDeadLetter,
}

/// How sure a dead-lettered message arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeadLetterStrategy {
    /// Published without waiting for confirms.
    #[default]
    AtMostOnce,
    /// Kept until all targets have confirmed it.
    AtLeastOnce,
}

/// Where a replicated queue's leader starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LeaderLocator {
    /// On the node that the declaring client is connected to.
    #[default]
    ClientLocal,
    /// Where the fewest leaders are.
    Balanced,
}

/// Which returned messages wait before they are handed out again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DelayedRetry {
    /// None.
    #[default]
    Disabled,
    /// All.
    All,
    /// Those whose return counts as a failure.
    Failed,
    /// Those whose return does not.
    Returned,
}

/// Drops messages that repeat a value within a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deduplication {
    /// Values remembered; `None`: the broker's default.
    pub cache_size: Option<u64>,
    /// How long a value is remembered; `None`: until it is pushed out.
    pub cache_ttl: Option<Duration>,
    /// The header that holds the value; `None`: the broker's default.
    pub header: Option<Arc<str>>,
}

/// What was asked for; what is `None` was not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// `message-ttl`.
    pub message_ttl: Option<Duration>,
    /// `expires`: unused for so long, the queue goes.
    pub expires: Option<Duration>,
    /// `max-length`: ready messages.
    pub max_length: Option<u64>,
    /// `max-length-bytes`: body bytes of ready messages.
    pub max_length_bytes: Option<u64>,
    /// `overflow`.
    pub overflow: Option<Overflow>,
    /// `dead-letter-exchange`; empty is the default exchange.
    pub dead_letter_exchange: Option<Arc<str>>,
    /// `dead-letter-routing-key`.
    pub dead_letter_routing_key: Option<Arc<str>>,
    /// `dead-letter-strategy`.
    pub dead_letter_strategy: Option<DeadLetterStrategy>,
    /// `delivery-limit`; negative: none.
    pub delivery_limit: Option<i64>,
    /// `consumer-timeout`; zero: none.
    pub consumer_timeout: Option<Duration>,
    /// `delayed-retry-type`.
    pub delayed_retry: Option<DelayedRetry>,
    /// `delayed-retry-min`.
    pub delayed_retry_min: Option<Duration>,
    /// `delayed-retry-max`.
    pub delayed_retry_max: Option<Duration>,
    /// `retry-delay`.
    pub retry_delay: Option<Duration>,
    /// `retry-backoff`: each further delay is so many times as long.
    pub retry_backoff: Option<u64>,
    /// `retry-max-delay`.
    pub retry_max_delay: Option<Duration>,
    /// `max-deliver-rate`: messages a second.
    pub max_deliver_rate: Option<u64>,
    /// `queue-leader-locator`.
    pub leader_locator: Option<LeaderLocator>,
    /// `durability`.
    pub durability: Option<Durability>,
    /// `message-deduplication`.
    pub message_deduplication: Option<bool>,
    /// `cache-size`.
    pub cache_size: Option<u64>,
    /// `cache-ttl`.
    pub cache_ttl: Option<Duration>,
    /// `deduplication-header`.
    pub deduplication_header: Option<Arc<str>>,
}

/// The value of an argument or of a policy's key, as far as options take such.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// An integer of any width.
    Integer(i64),
    /// UTF-8.
    Text(&'a str),
    /// True or false.
    Flag(bool),
    /// Something that no option is.
    Other,
}

impl<'a> From<&'a AMQPValue> for Value<'a> {
    fn from(value: &'a AMQPValue) -> Self {
        match (value, integer_value(value), string_value(value)) {
            (AMQPValue::Boolean(flag), ..) => Self::Flag(*flag),
            (_, Some(number), _) => Self::Integer(number),
            (.., Some(text)) => Self::Text(text),
            _ => Self::Other,
        }
    }
}

impl<'a> From<&'a serde_json::Value> for Value<'a> {
    fn from(value: &'a serde_json::Value) -> Self {
        match value {
            serde_json::Value::Bool(flag) => Self::Flag(*flag),
            serde_json::Value::String(text) => Self::Text(text),
            number => number.as_i64().map_or(Self::Other, Self::Integer),
        }
    }
}

impl Options {
    /// Takes over the option `name`, whose value has been checked; tells whether it is one.
    pub fn set(&mut self, name: &str, value: Value<'_>) -> bool {
        match name {
            "message-ttl" => self.message_ttl = value.span(),
            "expires" => self.expires = value.span(),
            "max-length" => self.max_length = value.count(),
            "max-length-bytes" => self.max_length_bytes = value.count(),
            "overflow" => self.overflow = value.overflow(),
            "dead-letter-exchange" => self.dead_letter_exchange = value.text(),
            "dead-letter-routing-key" => self.dead_letter_routing_key = value.text(),
            "dead-letter-strategy" => self.dead_letter_strategy = value.dead_letter_strategy(),
            "delivery-limit" => self.delivery_limit = value.integer(),
            "consumer-timeout" => self.consumer_timeout = value.span(),
            "delayed-retry-type" => self.delayed_retry = value.delayed_retry(),
            "delayed-retry-min" => self.delayed_retry_min = value.span(),
            "delayed-retry-max" => self.delayed_retry_max = value.span(),
            "retry-delay" => self.retry_delay = value.span(),
            "retry-backoff" => self.retry_backoff = value.count(),
            "retry-max-delay" => self.retry_max_delay = value.span(),
            "max-deliver-rate" => self.max_deliver_rate = value.count(),
            "queue-leader-locator" => self.leader_locator = value.leader_locator(),
            "durability" => self.durability = value.durability(),
            "message-deduplication" => self.message_deduplication = value.flag(),
            "cache-size" => self.cache_size = value.count(),
            "cache-ttl" => self.cache_ttl = value.span(),
            "deduplication-header" => self.deduplication_header = value.text(),
            _ => return false,
        }
        true
    }

    /// The longest delay that is shorter than the shortest, if there is one: its name, and that of the other.
    pub fn retry_conflict(&self) -> Option<(&'static str, &'static str)> {
        let is_less = |max: Option<Duration>, min: Option<Duration>| {
            max.zip(min).is_some_and(|(max, min)| max < min)
        };
        if is_less(self.retry_max_delay, self.retry_delay) {
            return Some(("retry-max-delay", "retry-delay"));
        }
        let conflict = is_less(self.delayed_retry_max, self.delayed_retry_min);
        conflict.then_some(("delayed-retry-max", "delayed-retry-min"))
    }

    /// The window in which values may not repeat, if there is to be one.
    pub fn deduplication(&self) -> Option<Box<Deduplication>> {
        self.message_deduplication.filter(|wanted| *wanted)?;
        Some(Box::new(Deduplication {
            cache_size: self.cache_size,
            cache_ttl: self.cache_ttl,
            header: self.deduplication_header.clone(),
        }))
    }
}

impl Value<'_> {
    fn integer(self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(number),
            _ => None,
        }
    }

    fn count(self) -> Option<u64> {
        self.integer()?.try_into().ok()
    }

    fn span(self) -> Option<Duration> {
        self.count().map(Duration::from_millis)
    }

    fn flag(self) -> Option<bool> {
        match self {
            Self::Flag(flag) => Some(flag),
            _ => None,
        }
    }

    fn text(self) -> Option<Arc<str>> {
        match self {
            Self::Text(text) => Some(text.into()),
            _ => None,
        }
    }

    /// The meaning of the word that it is.
    fn one_of<T: Copy>(self, words: &[(&str, T)]) -> Option<T> {
        let found = words.iter().find(|(word, _)| self == Value::Text(word))?;
        Some(found.1)
    }

    fn overflow(self) -> Option<Overflow> {
        self.one_of(&[
            ("drop-head", Overflow::DropHead),
            ("reject-publish", Overflow::RejectPublish),
            ("reject-publish-dlx", Overflow::RejectPublishDeadLetter),
        ])
    }

    fn dead_letter_strategy(self) -> Option<DeadLetterStrategy> {
        self.one_of(&[
            ("at-most-once", DeadLetterStrategy::AtMostOnce),
            ("at-least-once", DeadLetterStrategy::AtLeastOnce),
        ])
    }

    fn delayed_retry(self) -> Option<DelayedRetry> {
        self.one_of(&[
            ("disabled", DelayedRetry::Disabled),
            ("all", DelayedRetry::All),
            ("failed", DelayedRetry::Failed),
            ("returned", DelayedRetry::Returned),
        ])
    }

    fn leader_locator(self) -> Option<LeaderLocator> {
        self.one_of(&[
            ("client-local", LeaderLocator::ClientLocal),
            ("balanced", LeaderLocator::Balanced),
            ("random", LeaderLocator::Balanced),
            ("least-leaders", LeaderLocator::Balanced),
        ])
    }

    fn durability(self) -> Option<Durability> {
        self.one_of(&[
            ("strict", Durability::Strict),
            ("relaxed", Durability::Relaxed),
        ])
    }
}
