//! Ready messages that are on disk only: which they are, and what must be known of them without
//! their bytes. Sets of numbers and runs, so that a long backlog costs next to nothing.

use rangemap::RangeInclusiveMap;
use roaring::RoaringTreemap;

use crate::queue::Sequence;
use crate::queue::entry::{Entry, Logged, OnDisk};

/// Ranges of sequences, both ends included.
pub type Ranges = Vec<(Sequence, Sequence)>;

/// How often a message was handed out and came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Returned {
    /// In all.
    pub returns: u16,
    /// Those that count against the delivery limit.
    pub failures: u16,
}

impl Returned {
    /// How often `entry` came back.
    pub fn of(entry: &Entry) -> Self {
        Self {
            returns: entry.returns(),
            failures: entry.failures(),
        }
    }
}

/// The messages of one queue that were paged out.
#[derive(Debug, Default)]
pub struct Paged {
    sequences: RoaringTreemap,
    /// Those of them which a restart forgets.
    volatile: RoaringTreemap,
    /// How often they were handed out and came back, where they did.
    returns: RangeInclusiveMap<u64, Returned>,
    len: usize,
}

impl Paged {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first of them.
    pub fn first(&self) -> Option<Sequence> {
        self.sequences.min().map(Sequence)
    }

    /// The last of them.
    pub fn last(&self) -> Option<Sequence> {
        self.sequences.max().map(Sequence)
    }

    /// The first `count` of them.
    pub fn next(&self, count: usize) -> Vec<(Sequence, Logged)> {
        let next = self.sequences.iter().take(count);
        next.map(|sequence| (Sequence(sequence), self.logged(Sequence(sequence))))
            .collect()
    }

    /// Those behind `after`.
    pub fn after(&self, after: Sequence) -> impl Iterator<Item = (Sequence, Logged)> {
        let mut behind = self.sequences.iter();
        behind.advance_to(after.0.saturating_add(1));
        behind.map(|sequence| (Sequence(sequence), self.logged(Sequence(sequence))))
    }

    /// Adds a range that the log held at start.
    pub fn recover(&mut self, first: Sequence, last: Sequence) {
        self.sequences.insert_range(first.0..=last.0);
        self.len += (last.0 - first.0 + 1) as usize;
    }

    /// Notes that a range was handed out before. It may reach beyond what is here.
    pub fn mark_returned(&mut self, first: Sequence, last: Sequence) {
        let once = Returned {
            returns: 1,
            failures: 0,
        };
        self.returns.insert(first.0..=last.0, once);
    }

    /// Adds what leaves memory, ascending; its bytes are in the log.
    pub fn add(&mut self, entries: &[Entry]) {
        let follows = |a: &Entry, b: &Entry| a.sequence.0 + 1 == b.sequence.0;
        for run in entries.chunk_by(follows) {
            let (first, last) = (run[0].sequence.0, run[run.len() - 1].sequence.0);
            self.sequences.insert_range(first..=last);
        }
        for entry in entries {
            let sequence = entry.sequence.0;
            if entry.logged() == Logged::Volatile {
                self.volatile.insert(sequence);
            }
            if entry.returns() > 0 {
                let returned = Returned::of(entry);
                self.returns.insert(sequence..=sequence, returned);
            }
        }
        self.len += entries.len();
    }

    /// Adds a message whose bytes are in the log.
    pub fn put_back(&mut self, place: OnDisk) {
        let sequence = place.sequence.0;
        self.len += usize::from(self.sequences.insert(sequence));
        if place.logged == Logged::Volatile {
            self.volatile.insert(sequence);
        }
        if place.returned.returns > 0 {
            self.returns.insert(sequence..=sequence, place.returned);
        }
    }

    /// Is this one of them?
    pub fn contains(&self, sequence: Sequence) -> bool {
        self.sequences.contains(sequence.0)
    }

    /// How often a message came back.
    pub fn returns(&self, sequence: Sequence) -> Returned {
        self.returns.get(&sequence.0).copied().unwrap_or_default()
    }

    /// Forgets a range of which everything is here.
    pub fn remove(&mut self, first: Sequence, last: Sequence) {
        let range = first.0..=last.0;
        self.len -= self.sequences.remove_range(range.clone()) as usize;
        if !self.volatile.is_empty() {
            self.volatile.remove_range(range.clone());
        }
        if !self.returns.is_empty() {
            self.returns.remove(range);
        }
    }

    /// The ranges which a restart would bring back, and those which it would not.
    pub fn ranges(mut self) -> (Ranges, Ranges) {
        self.sequences -= &self.volatile;
        (ranges(&self.sequences), ranges(&self.volatile))
    }

    /// The ranges that were handed out before. They may reach beyond what is here.
    pub fn returned(&self) -> impl Iterator<Item = (Sequence, Sequence)> {
        let ranges = self.returns.iter();
        ranges.map(|(range, _)| (Sequence(*range.start()), Sequence(*range.end())))
    }

    /// Where in the log a message stands.
    pub fn logged(&self, sequence: Sequence) -> Logged {
        match self.volatile.contains(sequence.0) {
            true => Logged::Volatile,
            false => Logged::Durable,
        }
    }
}

/// Adds one sequence to ranges, of which it may continue the last.
pub fn push(ranges: &mut Ranges, sequence: Sequence) {
    match ranges.last_mut() {
        Some((_, last)) if last.0 + 1 == sequence.0 => *last = sequence,
        _ => ranges.push((sequence, sequence)),
    }
}

fn ranges(sequences: &RoaringTreemap) -> Ranges {
    let mut ranges = Ranges::new();
    for sequence in sequences {
        push(&mut ranges, Sequence(sequence));
    }
    ranges
}
