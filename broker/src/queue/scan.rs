//! Looking at the messages of a queue in the order in which they would be delivered, without changing
//! anything: no order, no counts, nothing that a consumer could notice.

use std::fmt;
use std::str::FromStr;

use super::Queue;
use crate::queue::Sequence;
use crate::queue::entry::{Entry, OnDisk};

/// A message that waits.
#[derive(Debug, Clone)]
pub enum Seen {
    /// It is in memory.
    Entry(Entry),
    /// It is on disk only.
    OnDisk(OnDisk),
}

impl Seen {
    /// Its place in the queue.
    pub fn sequence(&self) -> Sequence {
        match self {
            Self::Entry(entry) => entry.sequence,
            Self::OnDisk(place) => place.sequence,
        }
    }
}

/// How far a look has come. It keeps its meaning whatever happens to the queue: what comes after it was not
/// looked at, unless it came back to a place before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Which part of the queue.
    pub part: Part,
    /// The last message in it that was looked at.
    pub after: Sequence,
}

/// Parts of a queue, in the order in which they are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Messages that came back and go first, in the order of their return.
    Returned,
    /// Those of one priority.
    Level(u8),
}

impl Position {
    /// Before the first message.
    pub const START: Self = Self {
        part: Part::Returned,
        after: Sequence(0),
    };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, after } = self;
        match part {
            Part::Returned => write!(f, "r.{}", after.0),
            Part::Level(level) => write!(f, "{level}.{}", after.0),
        }
    }
}

/// Not what a position looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a position in a queue")]
pub struct BadPosition;

impl FromStr for Position {
    type Err = BadPosition;

    fn from_str(text: &str) -> Result<Self, BadPosition> {
        let (part, after) = text.split_once('.').ok_or(BadPosition)?;
        let part = match part {
            "r" => Part::Returned,
            level => Part::Level(level.parse().map_err(|_| BadPosition)?),
        };
        let after = Sequence(after.parse().map_err(|_| BadPosition)?);
        Ok(Self { part, after })
    }
}

impl Queue {
    /// Up to `max` messages behind `from`, in the order of their delivery, all in one part. None: there are no
    /// more.
    pub fn scan(&self, from: Position, max: usize) -> (Part, Vec<Seen>) {
        for part in self.waiting.parts(from.part) {
            let after = match part == from.part {
                true => from.after,
                false => Sequence(0),
            };
            let seen = self.waiting.scan(part, after, max);
            if !seen.is_empty() {
                return (part, seen);
            }
        }
        (from.part, Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_text() {
        for text in ["r.0", "r.17", "0.3", "255.18446744073709551615"] {
            assert_eq!(text.parse::<Position>().unwrap().to_string(), text);
        }
        for text in ["", "r", "256.1", "1.x", "-1.1"] {
            assert_eq!(text.parse::<Position>(), Err(BadPosition), "{text}");
        }
        assert_eq!("r.0".parse(), Ok(Position::START));
    }
}
