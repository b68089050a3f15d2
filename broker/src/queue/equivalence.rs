//! Is a queue declared again as it was?
//!
//! Ownership of exclusive queues is not compared here: it is a matter of the connection, and has
//! its own refusal.

use ferrymq_amqp::AMQPValue;
use ferrymq_amqp::table::{self, integer_value};

use crate::error::Error;
use crate::names::Resource;
use crate::queue::argument_rules::{QUEUE, QUEUE_TYPE, Rule, described, shown};
use crate::queue::arguments::{Declared, QueueType};

/// The first difference between two declarations, as the refusal tells it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("received {received} but current is {current}")]
pub struct Inequivalent {
    /// The flag or argument.
    pub argument: &'static str,
    /// What the second declaration says: `'5'`, `none`, `the value '5' of type 'long'`.
    pub received: String,
    /// What the queue was declared with, likewise.
    pub current: String,
}

impl Inequivalent {
    /// The refusal of a second declaration of `queue`.
    pub fn on(self, queue: Resource) -> Error {
        Error::Inequivalent {
            argument: self.argument.to_owned(),
            resource: queue,
            difference: self.to_string(),
        }
    }
}

/// Holds a second declaration against the queue as it is.
///
/// # Errors
/// Names the first flag or argument in which they differ. Integers are equal by value whatever
/// their width, a missing `x-queue-type` is `classic`, and unknown arguments don't count.
pub fn check_equivalent(existing: &Declared, wanted: &Declared) -> Result<(), Inequivalent> {
    let (current, received) = (existing.flags, wanted.flags);
    check_flag("durable", current.durable, received.durable)?;
    check_flag("auto_delete", current.auto_delete, received.auto_delete)?;
    let (current, received) = (&existing.arguments, &wanted.arguments);
    check_type(current.queue_type, received.queue_type)?;
    let compared = |rule: &&Rule| rule.name != QUEUE_TYPE && rule.is_compared(current.queue_type);
    for rule in QUEUE.iter().filter(compared) {
        let current = table::get(current.table(), rule.name);
        let received = table::get(received.table(), rule.name);
        check_argument(rule.name, current, received)?;
    }
    Ok(())
}

/// Arguments in which a classic queue must agree with the quorum queue that took its place.
const MIGRATED: [&str; 7] = [
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-expires",
    "x-max-length",
    "x-max-length-bytes",
    "x-single-active-consumer",
    "x-message-ttl",
];

/// Holds the declaration of a classic queue against the quorum queue that took its place, for
/// applications that have not heard of that yet: type and flags don't count.
///
/// # Errors
/// As [`check_equivalent`].
pub fn check_migrated(existing: &Declared, wanted: &Declared) -> Result<(), Inequivalent> {
    let (current, received) = (existing.arguments.table(), wanted.arguments.table());
    MIGRATED.into_iter().try_for_each(|argument| {
        let values = [current, received].map(|table| table::get(table, argument));
        check_argument(argument, values[0], values[1])
    })
}

fn check_flag(argument: &'static str, current: bool, received: bool) -> Result<(), Inequivalent> {
    if current == received {
        return Ok(());
    }
    Err(Inequivalent {
        argument,
        received: format!("'{received}'"),
        current: format!("'{current}'"),
    })
}

/// The types in force, whether named or by default.
fn check_type(current: QueueType, received: QueueType) -> Result<(), Inequivalent> {
    if current == received {
        return Ok(());
    }
    Err(Inequivalent {
        argument: QUEUE_TYPE,
        received: format!("'{}'", received.as_str()),
        current: format!("'{}'", current.as_str()),
    })
}

fn check_argument(
    argument: &'static str,
    current: Option<&AMQPValue>,
    received: Option<&AMQPValue>,
) -> Result<(), Inequivalent> {
    let (received, current) = match (received, current) {
        (None, None) => return Ok(()),
        (Some(received), Some(current)) if are_equal(received, current) => return Ok(()),
        (Some(received), Some(current)) => (quoted(received), quoted(current)),
        (received, current) => (or_none(received), or_none(current)),
    };
    Err(Inequivalent {
        argument,
        received,
        current,
    })
}

fn are_equal(a: &AMQPValue, b: &AMQPValue) -> bool {
    match (integer_value(a), integer_value(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

fn quoted(value: &AMQPValue) -> String {
    format!("'{}'", shown(value))
}

fn or_none(value: Option<&AMQPValue>) -> String {
    value.map_or_else(|| "none".to_owned(), described)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::arguments::Flags;
    use ferrymq_amqp::FieldTable;

    const DURABLE: Flags = Flags {
        durable: true,
        exclusive: false,
        auto_delete: false,
    };

    fn declared(flags: Flags, arguments: &[(&str, AMQPValue)]) -> Declared {
        let mut table = FieldTable::default();
        for (name, value) in arguments {
            table.insert((*name).into(), value.clone());
        }
        Declared::parse(flags, false, table, QueueType::Classic).unwrap()
    }

    fn text(value: &str) -> AMQPValue {
        AMQPValue::LongString(value.into())
    }

    /// `""` when they are equivalent.
    fn check(existing: &[(&str, AMQPValue)], wanted: &[(&str, AMQPValue)], difference: &str) {
        let (existing, wanted) = (declared(DURABLE, existing), declared(DURABLE, wanted));
        let found = check_equivalent(&existing, &wanted).map_err(|error| error.to_string());
        assert_eq!(found.err().unwrap_or_default(), difference);
    }

    #[test]
    fn both_given_shows_both_values() {
        let limit = |most| ("x-max-length", AMQPValue::LongInt(most));
        check(
            &[limit(10)],
            &[limit(5)],
            "received '5' but current is '10'",
        );
    }

    #[test]
    fn absent_differs_from_given() {
        let limit = [("x-max-length", AMQPValue::LongLongInt(10))];
        check(
            &limit,
            &[],
            "received none but current is the value '10' of type 'long'",
        );
        check(
            &[],
            &limit,
            "received the value '10' of type 'long' but current is none",
        );
    }

    #[test]
    fn integers_are_equal_by_value() {
        let as_byte = ("x-expires", AMQPValue::ShortShortUInt(9));
        let as_long = ("x-expires", AMQPValue::LongLongInt(9));
        check(&[as_byte], &[as_long], "");
    }

    #[test]
    fn an_absent_type_is_classic() {
        let named = |name| [("x-queue-type", text(name))];
        check(&[], &named("classic"), "");
        check(&named("classic"), &[], "");
        check(
            &named("quorum"),
            &[],
            "received 'classic' but current is 'quorum'",
        );
    }

    #[test]
    fn who_moved_to_quorum_agrees_in_what_matters() {
        let quorum = ("x-queue-type", text("quorum"));
        let limit = |most| ("x-max-length", AMQPValue::LongInt(most));
        let check = |existing: &[_], wanted: &[_], agrees: bool| {
            let existing = declared(DURABLE, existing);
            let wanted = declared(Flags::default(), wanted);
            assert_eq!(check_migrated(&existing, &wanted).is_ok(), agrees);
        };
        check(&[quorum.clone(), ("x-mine", text("a"))], &[], true);
        check(
            std::slice::from_ref(&quorum),
            &[("x-max-priority", AMQPValue::LongInt(5))],
            true,
        );
        check(&[quorum.clone(), limit(5)], &[limit(5)], true);
        check(&[quorum, limit(5)], &[], false);
    }

    #[test]
    fn unknown_and_obsolete_arguments_do_not_count() {
        check(&[("x-mine", text("a"))], &[("x-mine", text("b"))], "");
        check(&[("x-queue-mode", text("lazy"))], &[], "");
    }

    #[test]
    fn flags_come_first() {
        let transient = Flags::default();
        let existing = declared(DURABLE, &[]);
        let wanted = declared(transient, &[("x-max-length", AMQPValue::LongInt(1))]);
        let found = check_equivalent(&existing, &wanted).unwrap_err();
        let refusal = found.on(Resource::queue("q", "/")).to_string();
        assert_eq!(
            refusal,
            "inequivalent arg 'durable' for queue 'q' in vhost '/': received 'false' but current is 'true'"
        );
    }
}
