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
    /// What else is known of it.
    pub marks: Marks,
    /// The message.
    pub message: Message,
}

/// Where a message stands in the log, its priority, and how often it came back: in one word, because
/// entries are moved about a lot.
///
/// ```text
/// bits  0-15 returns   16-31 failures   32-39 priority   40-41 logged
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks(u64);

const FAILURES_SHIFT: u32 = 16;
const LEVEL_SHIFT: u32 = 32;
const LOGGED_SHIFT: u32 = 40;
const COUNT_MASK: u64 = 0xffff;

impl Marks {
    /// Of a message that never was handed out, without a priority.
    #[inline]
    pub const fn new(logged: Logged) -> Self {
        Self((logged as u64) << LOGGED_SHIFT)
    }

    /// With this priority instead of 0.
    pub fn with_level(self, level: u8) -> Self {
        debug_assert!(self.0 >> LEVEL_SHIFT & 0xff == 0);
        Self(self.0 | u64::from(level) << LEVEL_SHIFT)
    }

    /// Of a message that came back so often.
    pub fn with_returned(self, returned: Returned) -> Self {
        let counts = u64::from(returned.failures) << FAILURES_SHIFT | u64::from(returned.returns);
        Self(self.0 & !(COUNT_MASK << FAILURES_SHIFT | COUNT_MASK) | counts)
    }
}

impl Entry {
    /// A message that is on its way without ever having been in a queue.
    pub fn unqueued(message: Message) -> Self {
        Self {
            sequence: Sequence(0),
            expires_at: Timestamp::NEVER,
            marks: Marks::new(Logged::No),
            message,
        }
    }

    /// Whether the log has it, or will have.
    #[inline]
    pub fn logged(&self) -> Logged {
        match self.marks.0 >> LOGGED_SHIFT {
            0 => Logged::No,
            1 => Logged::Durable,
            _ => Logged::Volatile,
        }
    }

    /// The log has it elsewhere now.
    pub fn set_logged(&mut self, logged: Logged) {
        let others = self.marks.0 & ((1 << LOGGED_SHIFT) - 1);
        self.marks = Marks(others | Marks::new(logged).0);
    }

    /// Its priority, in a queue that has any.
    #[inline]
    pub fn level(&self) -> u8 {
        (self.marks.0 >> LEVEL_SHIFT) as u8
    }

    /// How often it was handed out and came back; counts no further than it can.
    #[inline]
    pub fn returns(&self) -> u16 {
        self.marks.0 as u16
    }

    /// How many of these count against the delivery limit.
    pub fn failures(&self) -> u16 {
        (self.marks.0 >> FAILURES_SHIFT) as u16
    }

    /// It came back once more.
    pub fn count_return(&mut self, is_failure: bool) {
        self.marks = self.marks.with_returned(Returned {
            returns: self.returns().saturating_add(1),
            failures: self.failures().saturating_add(is_failure.into()),
        });
    }

    /// What the log notes with it.
    pub fn attributes(&self) -> Attributes {
        let expires = match self.expires_at {
            Timestamp::NEVER => 0,
            at => at.as_millis().max(1),
        };
        Attributes {
            level: self.level(),
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
    fn marks_do_not_touch_each_other() {
        let message = Message::small(&[0; 4], 2, 2, false);
        let mut entry = Entry {
            marks: Marks::new(Logged::Volatile).with_level(255),
            ..Entry::unqueued(message)
        };
        (0..70_000).for_each(|_| entry.count_return(false));
        (0..3).for_each(|_| entry.count_return(true));
        assert_eq!((entry.returns(), entry.failures()), (u16::MAX, 3));
        entry.set_logged(Logged::Durable);
        assert_eq!((entry.logged(), entry.level()), (Logged::Durable, 255));
        assert_eq!((entry.returns(), entry.failures()), (u16::MAX, 3));
    }

    #[test]
    fn a_place_in_a_queue_costs_32_bytes() {
        assert_eq!(size_of::<Entry>(), 32);
    }
}
