//! Which message of a queue is due when: a set of (deadline, sequence) that costs 16 bytes per message
//! at most, and next to nothing where messages that follow one another share a deadline.
//!
//! A radix heap: near deadlines are told apart exactly, far ones coarsely, and each message moves to a
//! finer bucket a few times in its life.
//!
//! ```text
//!   due          │ bit 0 │ bit 1 │  …  │ bit 47
//!   at the floor │ by the highest bit in which a deadline differs from the floor
//! ```
//!
//! Messages leave a queue without telling its schedule: what comes due may be gone by then. When
//! too much of it is, [`Schedule::retain`] forgets it.

use std::collections::VecDeque;

use crate::clock::Timestamp;
use crate::queue::Sequence;

/// Deadlines beyond this count as this: in some 8,900 years.
const LAST_DEADLINE: u64 = (1 << 48) - 1;
/// So many messages can follow the first of a run.
const MOST_MORE: u64 = u16::MAX as u64;
/// So many runs are allocated at once, at most: 8 KiB.
const CHUNK_RUNS: usize = 512;

/// Deadlines of messages.
#[derive(Debug, Default)]
pub struct Schedule {
    /// Invariant: never beyond a moment that [`Schedule::pop_due`] was told, so that whatever is added
    /// before it is due too.
    floor: u64,
    /// What is due at the floor.
    due: VecDeque<Run>,
    /// What comes later. Invariant: ascending by bit, none empty.
    later: Vec<Bucket>,
    runs: usize,
}

/// Messages that follow one another and have the same deadline.
#[derive(Debug, Clone, Copy)]
struct Run {
    first: u64,
    /// Deadline (48 bits), and how many messages follow the first (16 bits).
    deadline_and_more: u64,
}

/// Deadlines whose highest bit that differs from the floor is the same.
#[derive(Debug)]
struct Bucket {
    bit: u32,
    earliest: u64,
    /// Chunks, so that growing copies nothing and moving on frees as it goes. Invariant: none empty.
    chunks: Vec<Vec<Run>>,
}

impl Schedule {
    /// Is nothing in it?
    pub fn is_empty(&self) -> bool {
        self.runs == 0
    }

    /// What it costs: so many runs of 16 bytes.
    pub fn runs(&self) -> usize {
        self.runs
    }

    /// When the first message is due.
    pub fn next(&self) -> Option<Timestamp> {
        let next = match self.due.is_empty() {
            true => self.later.first()?.earliest,
            false => self.floor,
        };
        Some(Timestamp::from_millis(next))
    }

    /// Adds a message. Costs least in ascending order.
    pub fn insert(&mut self, deadline: Timestamp, sequence: Sequence) {
        self.insert_range(deadline, sequence, sequence);
    }

    /// Adds messages with one deadline; both ends are included.
    pub fn insert_range(&mut self, deadline: Timestamp, first: Sequence, last: Sequence) {
        let deadline = deadline.as_millis().clamp(self.floor, LAST_DEADLINE);
        let mut first = first.0;
        while first <= last.0 {
            let more = (last.0 - first).min(MOST_MORE);
            self.add(Run::new(deadline, first, more));
            first += more + 1;
        }
    }

    /// Takes the message that is due first, if that is due at `now`: by deadline, then by sequence; what
    /// was added too late comes in the order in which it was added.
    pub fn pop_due(&mut self, now: Timestamp) -> Option<Sequence> {
        if self.next()? > now {
            return None;
        }
        if self.due.is_empty() {
            self.move_on();
        }
        let run = self.due.front_mut()?;
        let sequence = Sequence(run.first);
        if run.more() > 0 {
            *run = Run::new(run.deadline(), run.first + 1, run.more() - 1);
        } else {
            self.due.pop_front();
            self.runs -= 1;
        }
        if self.due.is_empty() && self.due.capacity() > CHUNK_RUNS {
            self.due = VecDeque::new();
        }
        Some(sequence)
    }

    /// Forgets the messages for which `keep` is false.
    pub fn retain(&mut self, mut keep: impl FnMut(Sequence) -> bool) {
        let before = std::mem::take(self);
        self.floor = before.floor;
        let later = before.later.into_iter().flat_map(|bucket| bucket.chunks);
        for run in before.due.into_iter().chain(later.flatten()) {
            for sequence in run.sequences().filter(|&sequence| keep(sequence)) {
                self.add(Run::new(run.deadline(), sequence.0, 0));
            }
        }
    }

    /// All of it, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (Timestamp, Sequence)> {
        let later = self.later.iter().flat_map(|bucket| &bucket.chunks);
        let runs = self.due.iter().chain(later.flatten());
        runs.flat_map(|run| {
            let deadline = Timestamp::from_millis(run.deadline());
            run.sequences().map(move |sequence| (deadline, sequence))
        })
    }

    fn add(&mut self, run: Run) {
        let difference = run.deadline() ^ self.floor;
        let added = match difference.checked_ilog2() {
            None => append(&mut self.due, run),
            Some(bit) => self.bucket(bit, run.deadline()).push(run),
        };
        self.runs += usize::from(added);
    }

    /// The bucket of `bit`, which is about to hold `deadline`.
    fn bucket(&mut self, bit: u32, deadline: u64) -> &mut Bucket {
        let index = self.later.partition_point(|bucket| bucket.bit < bit);
        if self.later.get(index).is_none_or(|found| found.bit != bit) {
            let bucket = Bucket {
                bit,
                earliest: deadline,
                chunks: Vec::new(),
            };
            self.later.insert(index, bucket);
        }
        &mut self.later[index]
    }

    /// Raises the floor to the first deadline: what was coarse becomes finer.
    fn move_on(&mut self) {
        let bucket = self.later.remove(0);
        self.floor = bucket.earliest;
        for run in bucket.chunks.into_iter().flatten() {
            self.runs -= 1;
            self.add(run);
        }
        self.due.make_contiguous().sort_by_key(|run| run.first);
    }
}

impl Run {
    fn new(deadline: u64, first: u64, more: u64) -> Self {
        Self {
            first,
            deadline_and_more: deadline << 16 | more,
        }
    }

    fn deadline(self) -> u64 {
        self.deadline_and_more >> 16
    }

    fn more(self) -> u64 {
        self.deadline_and_more & MOST_MORE
    }

    fn sequences(self) -> impl Iterator<Item = Sequence> {
        (self.first..=self.first + self.more()).map(Sequence)
    }

    /// Takes in `next`, if it goes on where this ends.
    fn join(&mut self, next: Self) -> bool {
        let more = self.more() + 1 + next.more();
        let follows = self.first + self.more() + 1 == next.first;
        let joins = follows && self.deadline() == next.deadline() && more <= MOST_MORE;
        if joins {
            *self = Self::new(self.deadline(), self.first, more);
        }
        joins
    }
}

impl Bucket {
    /// Tells whether there is a run more.
    fn push(&mut self, run: Run) -> bool {
        self.earliest = self.earliest.min(run.deadline());
        let Some(chunk) = self.chunks.last_mut() else {
            self.chunks.push(vec![run]);
            return true;
        };
        if chunk.last_mut().is_some_and(|last| last.join(run)) {
            return false;
        }
        if chunk.len() < CHUNK_RUNS {
            chunk.push(run);
        } else {
            let mut chunk = Vec::with_capacity(CHUNK_RUNS);
            chunk.push(run);
            self.chunks.push(chunk);
        }
        true
    }
}

/// Tells whether there is a run more.
fn append(runs: &mut VecDeque<Run>, run: Run) -> bool {
    let joins = runs.back_mut().is_some_and(|last| last.join(run));
    if !joins {
        runs.push_back(run);
    }
    !joins
}

#[cfg(test)]
mod tests;
