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
use ferrymq_store::Durability;

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
mod tests;
