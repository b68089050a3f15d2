//! What `queue.declare` asks for, parsed once: flags and `x-arguments` as typed values.
//!
//! The original table is kept for display and for comparing a second declaration
//! (`equivalence.rs`). Names, types and bounds stand in `argument_rules.rs`.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use ferrymq_amqp::FieldTable;
use ferrymq_amqp::table::{self, string_value};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::names::Resource;
use crate::queue::argument_rules::{self as rules, NAME_PREFIX_BYTES, QUEUE_TYPE};
use crate::queue::options::{Deduplication, Options};

const NAME_PREFIX: &str = "x-name-prefix";
const DEAD_LETTER_EXCHANGE: &str = "x-dead-letter-exchange";
const DEAD_LETTER_ROUTING_KEY: &str = "x-dead-letter-routing-key";

/// What kind of queue it is, for life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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
    /// All of them, in their order.
    pub const ALL: [Self; 3] = [Self::Classic, Self::Quorum, Self::Stream];

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
        Self::ALL
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

/// The `x-arguments` of one queue.
#[derive(Debug, Clone, Default)]
pub struct Arguments {
    table: FieldTable,
    /// `x-queue-type`, or the default.
    pub queue_type: QueueType,
    /// `x-max-priority`, at least 1.
    pub max_priority: Option<u8>,
    /// `x-delayed`: messages may ask to be ready later.
    pub delayed: bool,
    /// `x-single-active-consumer`.
    pub single_active_consumer: bool,
    /// What a policy could ask for as well. Most queues ask for nothing.
    options: Option<Box<Options>>,
}

impl Arguments {
    /// As they were declared.
    pub fn table(&self) -> &FieldTable {
        &self.table
    }

    /// What a policy could ask for as well.
    pub fn options(&self) -> &Options {
        static NONE: LazyLock<Options> = LazyLock::new(Options::default);
        self.options.as_deref().unwrap_or(&NONE)
    }

    fn parse(table: FieldTable, queue_type: QueueType) -> Result<Self, ArgumentError> {
        rules::check_all(rules::QUEUE, &table, queue_type)?;
        let mut options = Options::default();
        let mut any = false;
        for (name, value) in &table {
            if let Some(name) = name.as_str().strip_prefix("x-") {
                any |= options.set(name, value.into());
            }
        }
        if options.dead_letter_routing_key.is_some() && options.dead_letter_exchange.is_none() {
            return Err(ArgumentError::Invalid {
                argument: DEAD_LETTER_ROUTING_KEY,
                detail: format!("needs {DEAD_LETTER_EXCHANGE} beside it"),
            });
        }
        if let Some((max, min)) = options.retry_conflict() {
            return Err(ArgumentError::Combination {
                argument: format!("x-{max}"),
                detail: format!("must not be less than x-{min}"),
            });
        }
        let max_priority = table::integer(&table, "x-max-priority");
        Ok(Self {
            queue_type,
            max_priority: max_priority.map(|most| most.clamp(1, u8::MAX.into()) as u8),
            delayed: table::boolean(&table, "x-delayed") == Some(true),
            single_active_consumer: table::boolean(&table, "x-single-active-consumer")
                == Some(true),
            options: any.then(|| Box::new(options)),
            table,
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
    /// The user who declared it first; none when the broker did, or a version that did not note it.
    pub by: Option<Arc<str>>,
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
            by: None,
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

/// Checks what `exchange.declare` may ask for beside its type's own arguments.
///
/// # Errors
/// When a value is wrong.
pub fn check_exchange(table: &FieldTable) -> Result<(), ArgumentError> {
    rules::check_all(rules::EXCHANGE, table, QueueType::Classic)
}

/// The window in which an exchange takes no value twice, if its arguments, which were checked, ask for one.
pub fn exchange_deduplication(table: &FieldTable) -> Option<Box<Deduplication>> {
    let mut options = Options::default();
    for rule in rules::EXCHANGE {
        let value = table::get(table, rule.name);
        let option = rule.name.strip_prefix("x-").unwrap_or(rule.name);
        if let Some(value) = value {
            options.set(option, value.into());
        }
    }
    options.deduplication()
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
    /// The value does not go with that of another argument.
    #[error("invalid arg '{argument}': {detail}")]
    Combination {
        /// The argument.
        argument: String,
        /// What it must be.
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
            Self::Combination { argument, detail } => Error::InvalidArgument {
                argument,
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
