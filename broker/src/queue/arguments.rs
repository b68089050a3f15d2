//! What `queue.declare` asks for, parsed once: flags and `x-arguments` as typed values.
//!
//! The original table is kept for display and for comparing a second declaration
//! (`equivalence.rs`). Names, types and bounds stand in `argument_rules.rs`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use ferrymq_amqp::FieldTable;
use ferrymq_amqp::table::{self, string_value};

use crate::error::Error;
use crate::names::Resource;
use crate::queue::argument_rules::{self as rules, NAME_PREFIX_BYTES, QUEUE_TYPE};

const NAME_PREFIX: &str = "x-name-prefix";
const DEAD_LETTER_EXCHANGE: &str = "x-dead-letter-exchange";
const DEAD_LETTER_ROUTING_KEY: &str = "x-dead-letter-routing-key";

/// What kind of queue it is, for life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum QueueType {
    /// First in, first out.
    #[default]
    Classic,
    /// Replicated, with a delivery limit.
    Quorum,
    /// A log that reading does not empty.
    Stream,
}

impl QueueType {
    /// The value of `x-queue-type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Quorum => "quorum",
            Self::Stream => "stream",
        }
    }
}

impl FromStr for QueueType {
    type Err = UnknownQueueType;

    fn from_str(text: &str) -> Result<Self, UnknownQueueType> {
        [Self::Classic, Self::Quorum, Self::Stream]
            .into_iter()
            .find(|queue_type| queue_type.as_str() == text)
            .ok_or(UnknownQueueType)
    }
}

/// Neither `classic` nor `quorum` nor `stream`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected one of classic, quorum, stream")]
pub struct UnknownQueueType;

impl fmt::Display for QueueType {
    /// As in `of queue type rabbit_quorum_queue`, which clients' tests match on.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream => f.write_str("rabbit_stream_queue"),
            other => write!(f, "rabbit_{}_queue", other.as_str()),
        }
    }
}

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

/// What a confirm of a persistent message stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// It is on stable storage.
    #[default]
    Strict,
    /// The operating system has it.
    Relaxed,
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

/// The `x-arguments` of one queue. What is `None` was not given: a policy may give it.
#[derive(Debug, Clone, Default)]
pub struct Arguments {
    table: FieldTable,
    /// `x-queue-type`, or the default.
    pub queue_type: QueueType,
    /// `x-message-ttl`.
    pub message_ttl: Option<Duration>,
    /// `x-expires`: unused for so long, the queue goes.
    pub expires: Option<Duration>,
    /// `x-max-length`: ready messages.
    pub max_length: Option<u64>,
    /// `x-max-length-bytes`: body bytes of ready messages.
    pub max_length_bytes: Option<u64>,
    /// `x-overflow`.
    pub overflow: Option<Overflow>,
    /// `x-dead-letter-exchange`; empty is the default exchange.
    pub dead_letter_exchange: Option<Arc<str>>,
    /// `x-dead-letter-routing-key`.
    pub dead_letter_routing_key: Option<Arc<str>>,
    /// `x-dead-letter-strategy`.
    pub dead_letter_strategy: Option<DeadLetterStrategy>,
    /// `x-max-priority`, at least 1.
    pub max_priority: Option<u8>,
    /// `x-single-active-consumer`.
    pub single_active_consumer: bool,
    /// `x-delivery-limit`; negative: none.
    pub delivery_limit: Option<i64>,
    /// `x-consumer-timeout`; zero: none.
    pub consumer_timeout: Option<Duration>,
    /// `x-queue-leader-locator`.
    pub leader_locator: Option<LeaderLocator>,
    /// `x-durability`.
    pub durability: Option<Durability>,
    /// `x-message-deduplication` and its companions.
    pub deduplication: Option<Box<Deduplication>>,
}

impl Arguments {
    /// As they were declared.
    pub fn table(&self) -> &FieldTable {
        &self.table
    }

    fn parse(table: FieldTable, queue_type: QueueType) -> Result<Self, ArgumentError> {
        rules::check_all(rules::QUEUE, &table, queue_type)?;
        let values = Values(&table);
        let dead_letter_exchange = values.text(DEAD_LETTER_EXCHANGE);
        let dead_letter_routing_key = values.text(DEAD_LETTER_ROUTING_KEY);
        if dead_letter_routing_key.is_some() && dead_letter_exchange.is_none() {
            return Err(ArgumentError::Invalid {
                argument: DEAD_LETTER_ROUTING_KEY,
                detail: format!("needs {DEAD_LETTER_EXCHANGE} beside it"),
            });
        }
        Ok(Self {
            queue_type,
            message_ttl: values.span("x-message-ttl"),
            expires: values.span("x-expires"),
            max_length: values.count("x-max-length"),
            max_length_bytes: values.count("x-max-length-bytes"),
            overflow: values.overflow(),
            dead_letter_exchange: dead_letter_exchange.map(Arc::from),
            dead_letter_routing_key: dead_letter_routing_key.map(Arc::from),
            dead_letter_strategy: values.dead_letter_strategy(),
            max_priority: values.count("x-max-priority").map(|most| most.max(1) as u8),
            single_active_consumer: values.flag("x-single-active-consumer"),
            delivery_limit: table::integer(&table, "x-delivery-limit"),
            consumer_timeout: values.span("x-consumer-timeout"),
            leader_locator: values.leader_locator(),
            durability: values.durability(),
            deduplication: values.deduplication(),
            table,
        })
    }
}

/// A table whose arguments were checked: look-ups only.
struct Values<'a>(&'a FieldTable);

impl<'a> Values<'a> {
    fn count(&self, name: &str) -> Option<u64> {
        table::integer(self.0, name).and_then(|number| number.try_into().ok())
    }

    fn span(&self, name: &str) -> Option<Duration> {
        self.count(name).map(Duration::from_millis)
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        table::string(self.0, name)
    }

    fn flag(&self, name: &str) -> bool {
        table::boolean(self.0, name) == Some(true)
    }

    fn overflow(&self) -> Option<Overflow> {
        self.text("x-overflow").map(|value| match value {
            "reject-publish" => Overflow::RejectPublish,
            "reject-publish-dlx" => Overflow::RejectPublishDeadLetter,
            _ => Overflow::DropHead,
        })
    }

    fn dead_letter_strategy(&self) -> Option<DeadLetterStrategy> {
        self.text("x-dead-letter-strategy")
            .map(|value| match value {
                "at-least-once" => DeadLetterStrategy::AtLeastOnce,
                _ => DeadLetterStrategy::AtMostOnce,
            })
    }

    fn leader_locator(&self) -> Option<LeaderLocator> {
        self.text("x-queue-leader-locator")
            .map(|value| match value {
                "client-local" => LeaderLocator::ClientLocal,
                _ => LeaderLocator::Balanced,
            })
    }

    fn durability(&self) -> Option<Durability> {
        self.text("x-durability").map(|value| match value {
            "relaxed" => Durability::Relaxed,
            _ => Durability::Strict,
        })
    }

    fn deduplication(&self) -> Option<Box<Deduplication>> {
        self.flag("x-message-deduplication").then(|| {
            Box::new(Deduplication {
                cache_size: self.count("x-cache-size"),
                cache_ttl: self.span("x-cache-ttl"),
                header: self.text("x-deduplication-header").map(Arc::from),
            })
        })
    }
}

/// The flags of `queue.declare`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags {
    /// Survives a restart.
    pub durable: bool,
    /// Belongs to the declaring connection.
    pub exclusive: bool,
    /// Goes with its last consumer.
    pub auto_delete: bool,
}

/// A queue as it was, or is to be, declared.
#[derive(Debug, Clone, Default)]
pub struct Declared {
    /// Exclusive queues are never durable, whatever the client said.
    pub flags: Flags,
    /// Its arguments.
    pub arguments: Arguments,
}

impl Declared {
    /// Checks and parses a declaration.
    ///
    /// `server_named`: the client left the name to the broker. `default_type` is the type when
    /// the arguments name none; a declaration which it can't serve becomes a classic queue.
    ///
    /// # Errors
    /// When an argument's value is wrong, or the queue's type does not take an argument or flag.
    pub fn parse(
        flags: Flags,
        server_named: bool,
        table: FieldTable,
        default_type: QueueType,
    ) -> Result<Self, ArgumentError> {
        let queue_type = match explicit_type(&table)? {
            Some(explicit) => explicit,
            None if refused_flag(flags).is_some() || server_named => QueueType::Classic,
            None => default_type,
        };
        match queue_type {
            QueueType::Classic => {}
            QueueType::Stream => return Err(ArgumentError::StreamsNotImplemented),
            QueueType::Quorum => refuse(flags, server_named, queue_type)?,
        }
        let arguments = Arguments::parse(without_name_prefix(table), queue_type)?;
        let durable = flags.durable && !flags.exclusive;
        Ok(Self {
            flags: Flags { durable, ..flags },
            arguments,
        })
    }
}

fn explicit_type(table: &FieldTable) -> Result<Option<QueueType>, ArgumentError> {
    let Some(value) = table::get(table, QUEUE_TYPE) else {
        return Ok(None);
    };
    match string_value(value).map(str::parse) {
        Some(Ok(queue_type)) => Ok(Some(queue_type)),
        _ => Err(ArgumentError::Invalid {
            argument: QUEUE_TYPE,
            detail: format!("{UnknownQueueType}, received {}", rules::described(value)),
        }),
    }
}

/// The flag that only classic queues can have, or lack.
fn refused_flag(flags: Flags) -> Option<&'static str> {
    match flags {
        Flags {
            auto_delete: true, ..
        } => Some("auto-delete"),
        Flags {
            exclusive: true, ..
        } => Some("exclusive-owner"),
        Flags { durable: false, .. } => Some("non-durable"),
        _ => None,
    }
}

fn refuse(flags: Flags, server_named: bool, queue_type: QueueType) -> Result<(), ArgumentError> {
    if server_named {
        return Err(ArgumentError::ServerNamed { queue_type });
    }
    match refused_flag(flags) {
        Some(property) => Err(ArgumentError::Property { property }),
        None => Ok(()),
    }
}

/// The prefix that a server-generated name is to begin with.
///
/// # Errors
/// When it is no string of at most 64 bytes.
pub fn name_prefix(table: &FieldTable) -> Result<Option<&str>, ArgumentError> {
    let Some(value) = table::get(table, NAME_PREFIX) else {
        return Ok(None);
    };
    match string_value(value) {
        Some(prefix) if prefix.len() <= NAME_PREFIX_BYTES => Ok(Some(prefix)),
        _ => Err(ArgumentError::Invalid {
            argument: NAME_PREFIX,
            detail: format!(
                "expected a string of at most {NAME_PREFIX_BYTES} bytes, received {}",
                rules::described(value)
            ),
        }),
    }
}

/// The prefix belongs to the one declaration, not to the queue.
fn without_name_prefix(table: FieldTable) -> FieldTable {
    if !table.contains_key(NAME_PREFIX) {
        return table;
    }
    let mut entries = table.inner().clone();
    entries.remove(NAME_PREFIX);
    entries.into()
}

/// Why a declaration or a consumer is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentError {
    /// The value is not one that the argument takes.
    #[error("invalid arg '{argument}': {detail}")]
    Invalid {
        /// The argument.
        argument: &'static str,
        /// What was expected and what came.
        detail: String,
    },
    /// The argument belongs to other queue types.
    #[error("invalid arg '{argument}' of queue type {queue_type}")]
    NotForType {
        /// The argument.
        argument: &'static str,
        /// The queue's type.
        queue_type: QueueType,
    },
    /// The queue's type does not go with a flag, or with its absence.
    #[error("invalid property '{property}'")]
    Property {
        /// `non-durable`, `exclusive-owner` or `auto-delete`.
        property: &'static str,
    },
    /// Only classic queues can be named by the server.
    #[error("Cannot declare a server-named queue for type {queue_type}")]
    ServerNamed {
        /// The queue's type.
        queue_type: QueueType,
    },
    /// This version has no streams.
    #[error("queue type 'stream' is not supported by this version")]
    StreamsNotImplemented,
}

impl ArgumentError {
    /// The refusal of a declaration of `queue`, or of a consumer on it.
    pub fn on(self, queue: Resource) -> Error {
        match self {
            Self::Invalid { argument, detail } => Error::InvalidArgument {
                argument: argument.to_owned(),
                resource: queue,
                detail: format!(": {detail}"),
            },
            Self::NotForType {
                argument,
                queue_type,
            } => Error::InvalidArgument {
                argument: argument.to_owned(),
                resource: queue,
                detail: format!(" of queue type {queue_type}"),
            },
            Self::Property { property } => Error::InvalidProperty {
                property: property.to_owned(),
                resource: queue,
            },
            Self::ServerNamed { .. } => Error::PreconditionFailed(self.to_string()),
            Self::StreamsNotImplemented => Error::NotImplemented(format!("{self}: {queue}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferrymq_amqp::AMQPValue;

    const DURABLE: Flags = Flags {
        durable: true,
        exclusive: false,
        auto_delete: false,
    };

    fn table(arguments: &[(&str, AMQPValue)]) -> FieldTable {
        let mut table = FieldTable::default();
        for (name, value) in arguments {
            table.insert((*name).into(), value.clone());
        }
        table
    }

    fn parse(arguments: &[(&str, AMQPValue)]) -> Result<Arguments, ArgumentError> {
        Declared::parse(DURABLE, false, table(arguments), QueueType::Classic)
            .map(|declared| declared.arguments)
    }

    fn text(value: &str) -> AMQPValue {
        AMQPValue::LongString(value.into())
    }

    fn long(value: i64) -> AMQPValue {
        AMQPValue::LongLongInt(value)
    }

    fn check_refused(arguments: &[(&str, AMQPValue)], refusal: &str) {
        let error = parse(arguments).unwrap_err();
        assert_eq!(error.on(Resource::queue("q", "/")).to_string(), refusal);
    }

    #[test]
    fn values_are_typed() {
        let parsed = parse(&[
            ("x-message-ttl", AMQPValue::ShortShortUInt(60)),
            ("x-max-length", long(10)),
            ("x-overflow", text("reject-publish")),
            ("x-dead-letter-exchange", text("")),
            ("x-dead-letter-routing-key", text("dead")),
            ("x-max-priority", long(0)),
            ("x-delivery-limit", long(-1)),
            ("x-durability", text("relaxed")),
        ])
        .unwrap();
        assert_eq!(parsed.message_ttl, Some(Duration::from_millis(60)));
        assert_eq!(parsed.max_length, Some(10));
        assert_eq!(parsed.overflow, Some(Overflow::RejectPublish));
        assert_eq!(parsed.dead_letter_exchange.as_deref(), Some(""));
        assert_eq!(parsed.dead_letter_routing_key.as_deref(), Some("dead"));
        assert_eq!(parsed.max_priority, Some(1));
        assert_eq!(parsed.delivery_limit, Some(-1));
        assert_eq!(parsed.durability, Some(Durability::Relaxed));
        assert_eq!(parsed.table().inner().len(), 8);
    }

    #[test]
    fn nothing_given_is_nothing_set() {
        let parsed = parse(&[("x-mine", AMQPValue::Void)]).unwrap();
        assert_eq!(parsed.queue_type, QueueType::Classic);
        assert_eq!(parsed.message_ttl, None);
        assert!(!parsed.single_active_consumer);
        assert!(parsed.table().contains_key("x-mine"));
    }

    #[test]
    fn deduplication_has_companions() {
        let on = ("x-message-deduplication", AMQPValue::Boolean(true));
        let parsed = parse(&[on, ("x-cache-size", long(100))]).unwrap();
        assert_eq!(parsed.deduplication.unwrap().cache_size, Some(100));
    }

    #[test]
    fn wrong_values_are_explained() {
        check_refused(
            &[("x-message-ttl", long(-1))],
            "invalid arg 'x-message-ttl' for queue 'q' in vhost '/': expected an integer from 0 to \
             315360000000, received the value '-1' of type 'long'",
        );
        check_refused(
            &[("x-max-length", text("10"))],
            "invalid arg 'x-max-length' for queue 'q' in vhost '/': expected an integer, received \
             the value '10' of type 'longstr'",
        );
        check_refused(
            &[("x-overflow", text("drop-tail"))],
            "invalid arg 'x-overflow' for queue 'q' in vhost '/': expected one of drop-head, \
             reject-publish, reject-publish-dlx, received the value 'drop-tail' of type 'longstr'",
        );
        check_refused(
            &[("x-dead-letter-routing-key", text("k"))],
            "invalid arg 'x-dead-letter-routing-key' for queue 'q' in vhost '/': needs \
             x-dead-letter-exchange beside it",
        );
        check_refused(
            &[("x-queue-type", text("mirrored"))],
            "invalid arg 'x-queue-type' for queue 'q' in vhost '/': expected one of classic, \
             quorum, stream, received the value 'mirrored' of type 'longstr'",
        );
    }

    #[test]
    fn bounds_are_those_of_the_other_broker() {
        let check = |name: &str, good: &[i64], bad: &[i64]| {
            let fits = |number: &i64| parse(&[(name, long(*number))]).is_ok();
            assert!(good.iter().all(fits), "{name}");
            assert!(!bad.iter().any(fits), "{name}");
        };
        check(
            "x-message-ttl",
            &[0, 315_360_000_000],
            &[-1, 315_360_000_001],
        );
        check("x-expires", &[1, 315_360_000_000], &[0, 315_360_000_001]);
        check("x-max-length", &[0, i64::MAX], &[-1]);
        check("x-max-length-bytes", &[0, i64::MAX], &[-1]);
        check("x-max-priority", &[0, 255], &[-1, 256]);
        check("x-consumer-timeout", &[0], &[-1]);
        check("x-delivery-limit", &[i64::MIN, i64::MAX], &[]);
    }

    #[test]
    fn names_fit_into_a_short_string() {
        let named = |bytes| parse(&[("x-dead-letter-exchange", text(&"e".repeat(bytes)))]);
        assert!(named(255).is_ok());
        assert!(named(256).is_err());
        let not_utf8 = AMQPValue::LongString(vec![0xff].into());
        assert!(parse(&[("x-dead-letter-exchange", not_utf8)]).is_err());
    }

    #[test]
    fn arguments_of_another_type_are_refused() {
        check_refused(
            &[
                ("x-max-priority", long(5)),
                ("x-queue-type", text("quorum")),
            ],
            "invalid arg 'x-max-priority' for queue 'q' in vhost '/' of queue type rabbit_quorum_queue",
        );
        check_refused(
            &[("x-max-age", text("1h"))],
            "invalid arg 'x-max-age' for queue 'q' in vhost '/' of queue type rabbit_classic_queue",
        );
    }

    #[test]
    fn what_classic_queues_can_do_beyond_is_taken() {
        assert!(parse(&[("x-delivery-limit", long(3))]).is_ok());
        assert!(parse(&[("x-consumer-timeout", long(1000))]).is_ok());
        assert!(parse(&[("x-queue-version", long(1))]).is_ok());
        let quorum = ("x-queue-type", text("quorum"));
        assert!(parse(&[quorum, ("x-queue-mode", text("lazy"))]).is_ok());
    }

    #[test]
    fn streams_are_refused_for_now() {
        let error = parse(&[("x-queue-type", text("stream"))]).unwrap_err();
        assert_eq!(error, ArgumentError::StreamsNotImplemented);
    }

    #[test]
    fn quorum_queues_are_durable_shared_and_named() {
        let refused = |flags, server_named| {
            let quorum = table(&[("x-queue-type", text("quorum"))]);
            let refused = Declared::parse(flags, server_named, quorum, QueueType::Classic);
            refused.unwrap_err().to_string()
        };
        let transient = Flags::default();
        let exclusive = Flags {
            exclusive: true,
            ..DURABLE
        };
        let auto_delete = Flags {
            auto_delete: true,
            ..DURABLE
        };
        assert_eq!(refused(transient, false), "invalid property 'non-durable'");
        assert_eq!(
            refused(exclusive, false),
            "invalid property 'exclusive-owner'"
        );
        assert_eq!(
            refused(auto_delete, false),
            "invalid property 'auto-delete'"
        );
        assert_eq!(
            refused(DURABLE, true),
            "Cannot declare a server-named queue for type rabbit_quorum_queue"
        );
    }

    #[test]
    fn a_default_type_gives_way() {
        let type_of = |flags, server_named| {
            let table = FieldTable::default();
            let declared = Declared::parse(flags, server_named, table, QueueType::Quorum);
            declared.unwrap().arguments.queue_type
        };
        assert_eq!(type_of(DURABLE, false), QueueType::Quorum);
        assert_eq!(type_of(DURABLE, true), QueueType::Classic);
        assert_eq!(type_of(Flags::default(), false), QueueType::Classic);
    }

    #[test]
    fn exclusive_queues_are_not_durable() {
        let flags = Flags {
            exclusive: true,
            ..DURABLE
        };
        let declared = Declared::parse(flags, false, FieldTable::default(), QueueType::Classic);
        assert!(!declared.unwrap().flags.durable);
    }

    #[test]
    fn a_name_prefix_is_short_and_not_kept() {
        let with = |bytes| table(&[("x-name-prefix", text(&"p".repeat(bytes)))]);
        assert_eq!(
            name_prefix(&with(64)).unwrap(),
            Some("p".repeat(64).as_str())
        );
        assert!(name_prefix(&with(65)).is_err());
        assert_eq!(name_prefix(&FieldTable::default()).unwrap(), None);
        let declared = Declared::parse(DURABLE, false, with(3), QueueType::Classic).unwrap();
        assert!(declared.arguments.table().inner().is_empty());
    }
}
