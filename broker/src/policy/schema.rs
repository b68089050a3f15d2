//! What a definition may hold, described: for forms, and for whoever writes policies.

use serde::Serialize;

use super::keys::{ALTERNATE_EXCHANGE, DELAYED_MESSAGE, FEDERATION, KEYS, Key};
use crate::queue::argument_rules::Check;
use crate::queue::arguments::QueueType;

/// A key that a definition may have.
#[derive(Debug, Clone, Serialize)]
pub struct KeyDescription {
    /// In definitions.
    pub name: &'static str,
    /// What it is, in words.
    pub about: &'static str,
    /// Which values it takes.
    #[serde(flatten)]
    pub value: ValueDescription,
    /// Can operator policies have it?
    pub operator: bool,
    /// What it has an effect on.
    pub subject: Subject,
}

/// Which values a key takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ValueDescription {
    /// A whole number; bounds that nobody reaches are left out.
    Integer {
        /// The least.
        #[serde(skip_serializing_if = "Option::is_none")]
        minimum: Option<i64>,
        /// The most.
        #[serde(skip_serializing_if = "Option::is_none")]
        maximum: Option<i64>,
    },
    /// Any text.
    Text,
    /// True or false.
    Boolean,
    /// A number and a unit of time, `7D`.
    Age,
    /// One of these texts.
    Choice {
        /// All of them.
        choices: &'static [&'static str],
    },
    /// Whatever it was.
    Any,
}

/// What a key has an effect on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// Queues and exchanges.
    All,
    /// Queues of several types.
    Queues,
    /// Quorum queues.
    QuorumQueues,
    /// Streams.
    Streams,
    /// Exchanges.
    Exchanges,
    /// Nothing: its feature is gone, and it is kept for files that have it.
    Nothing,
}

/// All keys.
pub fn schema() -> impl Iterator<Item = KeyDescription> {
    KEYS.iter().map(|key| KeyDescription {
        name: key.name,
        about: key.what,
        value: ValueDescription::of(&key.check),
        operator: key.operator.is_some(),
        subject: Subject::of(key),
    })
}

impl ValueDescription {
    fn of(check: &Check) -> Self {
        match *check {
            Check::Anything => Self::Any,
            Check::Flag => Self::Boolean,
            Check::Integer(least, most) => Self::Integer {
                minimum: Some(least).filter(|least| *least != i64::MIN),
                maximum: Some(most).filter(|most| *most != i64::MAX),
            },
            Check::Text(_) => Self::Text,
            Check::Age => Self::Age,
            Check::OneOf(choices) => Self::Choice { choices },
        }
    }
}

impl Subject {
    fn of(key: &Key) -> Self {
        let suits = |queue_type| !key.unsupported.contains(&queue_type);
        match QueueType::ALL.map(suits) {
            _ if matches!(key.check, Check::Anything) => Self::Nothing,
            _ if FEDERATION.contains(&key.name) => Self::All,
            _ if [ALTERNATE_EXCHANGE, DELAYED_MESSAGE].contains(&key.name) => Self::Exchanges,
            [false, true, false] => Self::QuorumQueues,
            [false, false, true] => Self::Streams,
            _ => Self::Queues,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(name: &str) -> KeyDescription {
        schema().find(|key| key.name == name).expect("a key")
    }

    #[test]
    fn keys_are_described() {
        let check = |name: &str, value, operator, subject| {
            let key = find(name);
            assert_eq!(
                (key.value, key.operator, key.subject),
                (value, operator, subject),
                "{name}"
            );
        };
        let count = ValueDescription::Integer {
            minimum: Some(0),
            maximum: None,
        };
        check("max-length", count, true, Subject::Queues);
        let choices = &["at-most-once", "at-least-once"];
        let strategy = ValueDescription::Choice { choices };
        check(
            "dead-letter-strategy",
            strategy,
            false,
            Subject::QuorumQueues,
        );
        check("max-age", ValueDescription::Age, false, Subject::Streams);
        check(
            "alternate-exchange",
            ValueDescription::Text,
            false,
            Subject::Exchanges,
        );
        check("ha-mode", ValueDescription::Any, false, Subject::Nothing);
    }
}
