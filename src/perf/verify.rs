//! Whether every message arrived, once and in order.

use super::plan::{Plan, Spread};

/// What one consumer saw of one producer's messages in one queue.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    /// The next sequence, if nothing is missing.
    next: u64,
    received: u64,
    /// Sums of the sequences and of their squares, wrapping: with the count they show any loss that a
    /// duplicate hides.
    sum: u64,
    squares: u64,
    /// Messages behind one which was published later.
    disordered: u64,
}

impl Tally {
    #[inline]
    pub(super) fn count(&mut self, sequence: u64) {
        self.received += 1;
        self.sum = self.sum.wrapping_add(sequence);
        self.squares = self.squares.wrapping_add(sequence.wrapping_mul(sequence));
        self.disordered += u64::from(sequence < self.next);
        self.next = self.next.max(sequence + 1);
    }

    fn add(&mut self, other: &Self) {
        self.next = self.next.max(other.next);
        self.received += other.received;
        self.sum = self.sum.wrapping_add(other.sum);
        self.squares = self.squares.wrapping_add(other.squares);
        self.disordered += other.disordered;
    }

    /// What a tally is after each of the first `count` messages once.
    fn of_first(count: u64) -> (u64, u64) {
        let n = u128::from(count);
        let last = n.saturating_sub(1);
        let sum = n * last / 2;
        let squares = n * last / 2 * (2 * n).saturating_sub(1) / 3;
        (sum as u64, squares as u64)
    }
}

/// What one consumer saw: a tally per queue and producer.
#[derive(Debug, Clone)]
pub(super) struct Tallies {
    producers: usize,
    tallies: Vec<Tally>,
    /// Messages of producers that are none of ours.
    pub(super) foreign: u64,
}

impl Tallies {
    pub(super) fn new(queues: usize, producers: usize) -> Self {
        Self {
            producers,
            tallies: vec![Tally::default(); queues * producers],
            foreign: 0,
        }
    }

    #[inline]
    pub(super) fn count(&mut self, queue: usize, producer: u16, sequence: u64) {
        let producer = usize::from(producer);
        match self.tallies.get_mut(queue * self.producers + producer) {
            Some(tally) if producer < self.producers => tally.count(sequence),
            _ => self.foreign += 1,
        }
    }

    /// The same with all queues taken as one.
    fn regardless_of_queue(&self) -> Self {
        let mut merged = Self::new(1, self.producers);
        merged.foreign = self.foreign;
        for (index, tally) in self.tallies.iter().enumerate() {
            merged.tallies[index % self.producers].add(tally);
        }
        merged
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.foreign += other.foreign;
        for (tally, other) in self.tallies.iter_mut().zip(&other.tallies) {
            tally.add(other);
        }
    }
}

/// What is wrong; all zero when nothing is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Messages that never came.
    pub(super) lost: u64,
    /// Messages that came again.
    pub(super) duplicated: u64,
    /// Messages that came after later ones.
    pub(super) disordered: u64,
    /// Messages that nobody here published.
    pub(super) foreign: u64,
    /// Queues where as many messages were lost as others came twice.
    pub(super) mixed_up: u64,
}

impl Verdict {
    /// Judges what all consumers saw together, of producers that sent `sent` messages each.
    pub(super) fn of(all: &Tallies, plan: &Plan, sent: &[u64]) -> Self {
        match plan.spread {
            Spread::Unknown => Self::of_order(all),
            Spread::Chosen => Self::of_each(&all.regardless_of_queue(), plan, sent),
            Spread::InTurn | Spread::Copies => Self::of_each(all, plan, sent),
        }
    }

    fn of_each(all: &Tallies, plan: &Plan, sent: &[u64]) -> Self {
        let mut verdict = Self {
            foreign: all.foreign,
            ..Self::default()
        };
        for (index, tally) in all.tallies.iter().enumerate() {
            let (queue, producer) = (index / all.producers, index % all.producers);
            verdict.judge(tally, plan.expected(queue, sent[producer]));
        }
        verdict
    }

    /// Judges messages of which only the order is known.
    pub(super) fn of_order(all: &Tallies) -> Self {
        Self {
            disordered: all.tallies.iter().map(|tally| tally.disordered).sum(),
            foreign: all.foreign,
            ..Self::default()
        }
    }

    fn judge(&mut self, tally: &Tally, expected: u64) {
        self.lost += expected.saturating_sub(tally.received);
        self.duplicated += tally.received.saturating_sub(expected);
        self.disordered += tally.disordered;
        let sums = (tally.sum, tally.squares);
        if tally.received == expected && sums != Tally::of_first(expected) {
            self.mixed_up += 1;
        }
    }

    pub(super) fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sequences: &[u64], sent: u64, expected: Verdict) {
        let mut tally = Tally::default();
        sequences.iter().for_each(|&sequence| tally.count(sequence));
        let mut verdict = Verdict::default();
        verdict.judge(&tally, sent);
        assert_eq!(verdict, expected, "{sequences:?} of {sent}");
    }

    #[test]
    fn verdicts() {
        let clean = Verdict::default();
        check(&[], 0, clean);
        check(&[0, 1, 2, 3], 4, clean);
        check(&[0, 1, 3], 4, Verdict { lost: 1, ..clean });
        let disordered = 1;
        check(
            &[0, 2, 1, 3],
            4,
            Verdict {
                disordered,
                ..clean
            },
        );
        let duplicated = 1;
        check(
            &[0, 1, 1],
            2,
            Verdict {
                duplicated,
                disordered,
                ..clean
            },
        );
        let mixed_up = 1;
        check(
            &[0, 1, 1, 3],
            4,
            Verdict {
                disordered,
                mixed_up,
                ..clean
            },
        );
    }

    #[test]
    fn a_queue_that_the_broker_chooses() {
        let mut all = Tallies::new(2, 1);
        for (queue, sequence) in [(0, 0), (1, 1), (1, 2), (0, 3)] {
            all.count(queue, 0, sequence);
        }
        let merged = all.regardless_of_queue();
        let mut verdict = Verdict::default();
        verdict.judge(&merged.tallies[0], 4);
        assert!(verdict.is_clean(), "{verdict:?}");
        verdict.judge(&merged.tallies[0], 5);
        assert_eq!(verdict.lost, 1);
    }

    #[test]
    fn sums_of_many() {
        let mut tally = Tally::default();
        (0..100_000).for_each(|sequence| tally.count(sequence));
        assert_eq!(Tally::of_first(100_000), (tally.sum, tally.squares));
    }
}
