//! Looking at a queue's messages, also at those that are on disk only. No lock is held during I/O.

use ferrymq_store::{Error, Sequence};

use super::SharedQueue;
use crate::queue::Queue;
use crate::queue::entry::{Entry, Logged, Marks};
use crate::queue::ready::Found;
use crate::queue::scan::{Part, Position, Seen};

/// Some of the messages that wait.
#[derive(Debug)]
pub struct Look {
    /// The messages, each with where it stands, in the order of their delivery.
    pub messages: Vec<(Position, Entry)>,
    /// Where to go on; `None`: there are no more.
    pub next: Option<Position>,
}

impl SharedQueue {
    /// Looks at up to `max` messages behind `from`, fewer if they are large and on disk only. Nothing in the
    /// queue changes. Blocks while it reads.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn look(&self, from: Position, max: usize) -> Result<Look, Error> {
        let (part, seen) = self.inspect(|queue| Queue::scan(queue, from, max));
        self.whole(part, seen)
    }

    /// The same in the other direction: before `from`, and the one that is delivered last first.
    ///
    /// # Errors
    /// As [`SharedQueue::look`].
    pub fn look_back(&self, from: Position, max: usize) -> Result<Look, Error> {
        let mut max = max;
        loop {
            let (part, mut seen) = self.inspect(|queue| Queue::scan_back(queue, from, max));
            // The log is read forward.
            seen.reverse();
            let last = seen.last().map(Seen::sequence);
            let next = seen.first().map(|first| Position {
                part,
                after: first.sequence(),
            });
            let mut look = self.whole(part, seen)?;
            if look.next.map(|next| next.after) != last && max > 1 {
                // So much was not read that the latest are missing.
                max /= 2;
                continue;
            }
            look.messages.reverse();
            return Ok(Look { next, ..look });
        }
    }

    /// The message that waits with this sequence; `None`: there is none, or it was just taken. Blocks while it reads.
    ///
    /// # Errors
    /// As [`SharedQueue::look`].
    pub fn look_at(&self, sequence: Sequence) -> Result<Option<Entry>, Error> {
        let seen = self.inspect(|queue| queue.seen_at(sequence));
        let look = self.whole(Part::Level(0), seen.into_iter().collect())?;
        Ok(look.messages.into_iter().map(|(_, entry)| entry).next())
    }

    /// What was seen, with its bytes.
    fn whole(&self, part: Part, seen: Vec<Seen>) -> Result<Look, Error> {
        let mut asked: Vec<(Sequence, Logged)> = seen.iter().filter_map(on_disk).collect();
        let unread = asked.len();
        let found = match unread {
            0 => Vec::new(),
            _ => self.find(&mut asked)?,
        };
        // Beyond what was read nothing is looked at this time.
        let mut left = asked.len();
        let within = seen.iter().take_while(|seen| {
            let is_read = on_disk(seen).is_none() || left > 0;
            left -= usize::from(on_disk(seen).is_some() && is_read);
            is_read
        });
        let count = within.count();
        let next = seen[..count].last().map(|last| Position {
            part,
            after: last.sequence(),
        });
        let messages = seen.into_iter().take(count);
        let messages = messages.filter_map(|seen| entry(seen, &found));
        let messages = messages.map(|entry| {
            let after = entry.sequence;
            (Position { part, after }, entry)
        });
        Ok(Look {
            messages: messages.collect(),
            next,
        })
    }
}

fn on_disk(seen: &Seen) -> Option<(Sequence, Logged)> {
    match seen {
        Seen::OnDisk(place) => Some((place.sequence, place.logged)),
        Seen::Entry(_) => None,
    }
}

/// The message with its bytes; `None`: it was settled meanwhile, or can't be read.
fn entry(seen: Seen, found: &[Found]) -> Option<Entry> {
    let place = match seen {
        Seen::Entry(entry) => return Some(entry),
        Seen::OnDisk(place) => place,
    };
    let index = found.binary_search_by_key(&place.sequence, |found| found.sequence);
    let found = &found[index.ok()?];
    Some(Entry {
        sequence: place.sequence,
        expires_at: found.expires_at,
        marks: Marks::new(place.logged)
            .with_level(place.section.level())
            .with_returned(place.returned),
        message: found.message.clone(),
    })
}
