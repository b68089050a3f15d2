//! A message at its place in a queue.

use ferrymq_store::Attributes;

use crate::clock::Timestamp;
use crate::message::Message;
use crate::queue::Sequence;
use crate::queue::paged::Returned;

/// A message at its place in a queue.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Place in the queue: given on entry, kept for life.
    pub sequence: Sequence,
    /// When it expires; [`Timestamp::NEVER`] for most.
    pub expires_at: Timestamp,
    /// How often it was handed out and came back; counts no further than it can.
    pub returns: u16,
    /// How many of these count against the delivery limit.
    pub failures: u16,
    /// Whether the log has it, or will have.
    pub logged: Logged,
    /// Its priority, in a queue that has any.
    pub level: u8,
    /// The message.
    pub message: Message,
}

impl Entry {
    /// A message that is on its way without ever having been in a queue.
    pub fn unqueued(message: Message) -> Self {
        Self {
            sequence: Sequence(0),
            expires_at: Timestamp::NEVER,
            returns: 0,
            failures: 0,
            logged: Logged::No,
            level: 0,
            message,
        }
    }
}

impl Entry {
    /// What the log notes with it.
    pub fn attributes(&self) -> Attributes {
        let expires = match self.expires_at {
            Timestamp::NEVER => 0,
            at => at.as_millis().max(1),
        };
        Attributes {
            level: self.level,
            due: 0,
            expires,
        }
    }
}

/// Where in the log a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logged {
    /// Nowhere.
    No,
    /// Under its queue: a restart brings it back.
    Durable,
    /// Under its queue's volatile id: a restart forgets it.
    Volatile,
}

/// A message that left the waiting ones without being asked for by a consumer.
#[derive(Debug)]
pub enum Taken {
    /// It was in memory.
    Entry(Entry),
    /// It is on disk only.
    OnDisk(OnDisk),
}

/// A message where it waits.
#[derive(Debug)]
pub enum Standing<'a> {
    /// It is in memory.
    InMemory(&'a Entry),
    /// It is on disk only, there in the log.
    OnDisk(Logged),
}

/// A message that is on disk only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnDisk {
    /// Its place in the queue.
    pub sequence: Sequence,
    /// Where it stands in the log.
    pub logged: Logged,
    /// How often it came back.
    pub returned: Returned,
    /// What it was part of.
    pub section: Section,
}

/// Messages of a queue that leave memory, and are counted, together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// The ready ones of a priority.
    Ready(u8),
    /// The delayed ones of a priority.
    Delayed(u8),
}

impl Section {
    /// The priority.
    pub fn level(self) -> u8 {
        match self {
            Self::Ready(level) | Self::Delayed(level) => level,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_queue_costs_32_bytes() {
        assert_eq!(size_of::<Entry>(), 32);
    }
}
