//! Durable bytes: one append-only log with group commit, checkpointed into sled. Knows queue ids, not AMQP.
//!
//! [`Store`] takes messages, settled sequences and changes of definitions as records of one log, in one order.
//! A [`CommitPoint`] says where in that order something stands; once [`Store::committed`] has reached it,
//! a power loss does not take it back, or, if it was appended with [`Durability::Relaxed`], the end of the process.

#![warn(missing_docs)]

mod checkpoint;
mod clean;
mod committer;
mod compaction;
mod definitions;
mod disk;
mod error;
mod index;
mod log;
mod pending;
mod read;
mod record;
mod recovery;
mod replay;
mod reserve;
mod segment;
mod shared;
mod simulation;
mod state;
mod store;
mod table;
mod tail;
mod threads;
mod timing;
pub mod tools;
mod walk;

pub use disk::{Fault, SimulatedDisk};
pub use error::Error;
pub use pending::Part;
pub use read::StoredMessage;
pub use recovery::{LogPlace, Opening, Recovered, RecoveredQueue};
pub use simulation::Steps;
pub use store::{Append, Appender, Options, Statistics, Store};
pub use timing::{Latencies, Operations};

/// A durable queue. Given out by [`Store::allocate_queue_id`] and never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueId(pub u64);

/// A message's place in its queue. Assigned by the broker, ascending from 1, never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

/// What is noted with a message for one of its queues, and given back without reading it.
///
/// The store does not know what the numbers mean; most messages have [`Attributes::NONE`], which costs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Attributes {
    /// How urgent it is.
    pub level: u8,
    /// When it may be delivered.
    pub due: u64,
    /// When it is to be gone.
    pub expires: u64,
}

impl Attributes {
    /// All zero.
    pub const NONE: Self = Self {
        level: 0,
        due: 0,
        expires: 0,
    };
}

/// What a message that is committed has survived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Durability {
    /// The end of the process: the operating system has it.
    Relaxed,
    /// A power loss: it is on stable storage.
    #[default]
    Strict,
}

/// How far the log has come: two points per group of records, when it is written and when it is on stable
/// storage. What was appended is as durable as was asked for once [`Store::committed`] is not below it.
///
/// A group that nobody waits for is not synced, and its second point is passed over: nothing has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitPoint(pub u64);

impl CommitPoint {
    /// Nothing to wait for.
    pub const ALWAYS: Self = Self(0);
    /// What a store that failed or was closed answers: this is never reached.
    pub const NEVER: Self = Self(u64::MAX);

    /// When what was appended to a group is as durable as was asked for.
    pub(crate) fn of(group: u64, durability: Durability) -> Self {
        Self(2 * group + u64::from(durability == Durability::Strict))
    }

    /// The group.
    pub(crate) fn group(self) -> u64 {
        self.0 / 2
    }
}

/// A change of definitions. The store does not know what keys and values mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'a> {
    /// Sets a definition.
    Put {
        /// Any bytes.
        key: &'a [u8],
        /// Any bytes.
        value: &'a [u8],
    },
    /// Removes a definition; it need not exist.
    Remove {
        /// Any bytes.
        key: &'a [u8],
    },
    /// Creates a queue, whose messages are kept from here on, and sets its definition.
    CreateQueue {
        /// From [`Store::allocate_queue_id`].
        id: QueueId,
        /// Any bytes.
        key: &'a [u8],
        /// Any bytes; should contain the id.
        value: &'a [u8],
    },
    /// Deletes a queue with all its messages, and its definition.
    DeleteQueue {
        /// The queue.
        id: QueueId,
        /// Any bytes.
        key: &'a [u8],
    },
}
