//! One publishing channel: how much it has sent, and what the broker has not answered yet.

use super::confirms::{Confirms, Wrong};
use super::transaction::Transaction;

/// A channel of a producer's connection, a producer of its own as far as order goes.
pub(super) struct Lane {
    /// Which producer its messages name.
    pub(super) id: u16,
    pub(super) sent: u64,
    /// How many messages to send at all.
    pub(super) limit: u64,
    pub(super) answers: Answers,
}

/// What the broker says to publishes.
pub(super) enum Answers {
    Nothing,
    Confirms(Confirms),
    Commits(Transaction),
}

impl Lane {
    /// How many messages may be sent now.
    pub(super) fn budget(&self) -> u64 {
        let left = self.limit - self.sent;
        match &self.answers {
            Answers::Nothing => left,
            Answers::Confirms(confirms) => left.min(confirms.budget()),
            Answers::Commits(transaction) => left.min(transaction.budget()),
        }
    }

    /// How many publishes the broker has not answered.
    pub(super) fn outstanding(&self) -> u64 {
        match &self.answers {
            Answers::Nothing => 0,
            Answers::Confirms(confirms) => confirms.outstanding(),
            Answers::Commits(transaction) => transaction.outstanding(),
        }
    }

    /// Takes note of the next publish, sent at `time` if that is known.
    #[inline]
    pub(super) fn publish(&mut self, time: u64) {
        match &mut self.answers {
            Answers::Nothing => {}
            Answers::Confirms(confirms) => confirms.publish(time),
            Answers::Commits(transaction) => transaction.publish(time),
        }
        self.sent += 1;
    }

    /// Settles one publish, or all up to `tag`; see [`Confirms::settle`].
    pub(super) fn settle(
        &mut self,
        tag: u64,
        multiple: bool,
        times: &mut Vec<u64>,
    ) -> Result<u64, Wrong> {
        match &mut self.answers {
            Answers::Confirms(confirms) => confirms.settle(tag, multiple, times),
            _ => Err(Wrong),
        }
    }

    /// Whether a commit is to be sent now. `last`: for whatever is open.
    pub(super) fn begin_commit(&mut self, last: bool) -> bool {
        match &mut self.answers {
            Answers::Commits(transaction) => transaction.begin_commit(last),
            _ => false,
        }
    }

    /// The broker has committed. Returns how many messages, and leaves the send times of those timed.
    pub(super) fn committed(&mut self, times: &mut Vec<u64>) -> u64 {
        match &mut self.answers {
            Answers::Commits(transaction) => transaction.committed(times),
            _ => 0,
        }
    }
}

/// How many messages may be sent on channels that take turns, the next on `lanes[next]`: a channel that
/// may not stops all.
pub(super) fn budget_in_turn(lanes: &[Lane], next: usize) -> u64 {
    let count = lanes.len();
    let stops_at = |(index, lane): (usize, &Lane)| {
        let turn = (index + count - next) % count;
        lane.budget()
            .saturating_mul(count as u64)
            .saturating_add(turn as u64)
    };
    lanes
        .iter()
        .enumerate()
        .map(stops_at)
        .min()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(limits: &[u64], next: usize, expected: u64) {
        let lane = |&limit: &u64| Lane {
            id: 0,
            sent: 0,
            limit,
            answers: Answers::Nothing,
        };
        let lanes: Vec<_> = limits.iter().map(lane).collect();
        assert_eq!(budget_in_turn(&lanes, next), expected, "{limits:?}");
    }

    #[test]
    fn channels_take_turns() {
        check(&[5], 0, 5);
        check(&[u64::MAX, u64::MAX], 1, u64::MAX);
        check(&[2, 2, 1], 0, 5);
        check(&[2, 1, 1], 0, 4);
        check(&[2, 1, 1], 2, 3);
        check(&[0, 1], 0, 0);
        check(&[0, 1], 1, 1);
    }
}
