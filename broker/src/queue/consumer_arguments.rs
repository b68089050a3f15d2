//! The `x-arguments` of `basic.consume` as typed values.

use std::time::Duration;

use ferrymq_amqp::{FieldTable, table};

use crate::queue::argument_rules as rules;
use crate::queue::arguments::{ArgumentError, QueueType};

/// What a consumer asks for beside its flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConsumerArguments {
    /// `x-priority`: higher ones are served first. A number beyond 32 bits counts as the nearest.
    pub priority: i32,
    /// `x-consumer-timeout`; zero: none. `None`: as the queue says.
    pub consumer_timeout: Option<Duration>,
}

impl ConsumerArguments {
    /// Checks and parses the arguments of a consumer of a queue of `queue_type`.
    ///
    /// # Errors
    /// When a value is wrong, or an argument belongs to another queue type.
    pub fn parse(table: &FieldTable, queue_type: QueueType) -> Result<Self, ArgumentError> {
        rules::check_all(rules::CONSUMER, table, queue_type)?;
        let priority = table::integer(table, "x-priority").unwrap_or(0);
        let timeout = table::integer(table, "x-consumer-timeout");
        let timeout = timeout.and_then(|ms| ms.try_into().ok());
        Ok(Self {
            priority: priority.clamp(i32::MIN.into(), i32::MAX.into()) as i32,
            consumer_timeout: timeout.map(Duration::from_millis),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferrymq_amqp::AMQPValue;

    fn parse(name: &str, value: AMQPValue) -> Result<ConsumerArguments, ArgumentError> {
        let mut table = FieldTable::default();
        table.insert(name.into(), value);
        ConsumerArguments::parse(&table, QueueType::Classic)
    }

    #[test]
    fn priorities_are_integers_of_any_width_and_sign() {
        let priority = |value| parse("x-priority", value).unwrap().priority;
        assert_eq!(priority(AMQPValue::ShortShortInt(-3)), -3);
        assert_eq!(priority(AMQPValue::LongLongInt(i64::MAX)), i32::MAX);
        assert!(parse("x-priority", AMQPValue::LongString("9".into())).is_err());
    }

    #[test]
    fn a_timeout_is_milliseconds() {
        let parsed = parse("x-consumer-timeout", AMQPValue::LongInt(1500)).unwrap();
        assert_eq!(parsed.consumer_timeout, Some(Duration::from_millis(1500)));
        assert!(parse("x-consumer-timeout", AMQPValue::LongInt(-1)).is_err());
    }

    #[test]
    fn stream_arguments_are_refused_elsewhere() {
        let refused = parse("x-stream-offset", AMQPValue::LongString("first".into()));
        let refused = refused.unwrap_err().to_string();
        assert_eq!(
            refused,
            "invalid arg 'x-stream-offset' of queue type rabbit_classic_queue"
        );
    }

    #[test]
    fn obsolete_and_unknown_arguments_pass() {
        assert!(parse("x-cancel-on-ha-failover", AMQPValue::Boolean(true)).is_ok());
        assert!(parse("x-mine", AMQPValue::Void).is_ok());
    }
}
