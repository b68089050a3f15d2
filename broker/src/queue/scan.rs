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
    /// Behind the last one.
    pub const END: Self = Self {
        part: Part::Level(0),
        after: Sequence(u64::MAX),
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

    /// Up to `max` messages before `from`, the one that is delivered last first, all in one part. None: there are no
    /// more.
    pub fn scan_back(&self, from: Position, max: usize) -> (Part, Vec<Seen>) {
        let parts = self.waiting.parts(Part::Returned).into_iter().rev();
        let parts = parts.skip_while(|part| match (from.part, part) {
            (Part::Level(from), Part::Level(level)) => *level < from,
            (Part::Returned, part) => *part != Part::Returned,
            (Part::Level(_), Part::Returned) => false,
        });
        for part in parts {
            let before = match part == from.part {
                true => from.after,
                false => Sequence(u64::MAX),
            };
            let mut seen = match part {
                Part::Returned => self.returned_before(before, max),
                Part::Level(level) => self.level_before(level, before, max),
            };
            if !seen.is_empty() {
                seen.reverse();
                return (part, seen);
            }
        }
        (from.part, Vec::new())
    }

    fn returned_before(&self, before: Sequence, max: usize) -> Vec<Seen> {
        let mut seen = self.waiting.scan(Part::Returned, Sequence(0), usize::MAX);
        if before != Sequence(u64::MAX) {
            // If that one has gone, so have those before it.
            let index = seen.iter().position(|seen| seen.sequence() == before);
            seen.truncate(index.unwrap_or(0));
        }
        seen.split_off(seen.len().saturating_sub(max))
    }

    /// Looks into windows of sequences, narrow ones where there is much, wide ones where there is little.
    fn level_before(&self, level: u8, before: Sequence, max: usize) -> Vec<Seen> {
        let narrowest = max.max(1) as u64;
        let mut before = before.min(self.next_sequence).0;
        let mut width = narrowest;
        while before > 1 {
            let after = before.saturating_sub(width + 1);
            let most = usize::try_from(narrowest).unwrap_or(usize::MAX);
            let mut seen = self
                .waiting
                .scan(Part::Level(level), Sequence(after), most + 1);
            seen.retain(|seen| seen.sequence().0 < before);
            if seen.len() > most {
                width = (width / 2).max(narrowest);
            } else if seen.is_empty() {
                before = after + 1;
                width = width.saturating_mul(2);
            } else {
                return seen;
            }
        }
        Vec::new()
    }

    /// The message that waits at this place of its, wherever in the queue that is.
    pub fn seen_at(&self, sequence: Sequence) -> Option<Seen> {
        let after = Sequence(sequence.0.checked_sub(1)?);
        let mut parts = self.waiting.parts(Part::Returned).into_iter();
        parts.find_map(|part| {
            let seen = match part {
                Part::Returned => self.waiting.scan(part, Sequence(0), usize::MAX),
                Part::Level(_) => self.waiting.scan(part, after, 1),
            };
            seen.into_iter().find(|seen| seen.sequence() == sequence)
        })
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
        let end = Position::END.to_string();
        assert_eq!(end.parse(), Ok(Position::END));
    }
}
