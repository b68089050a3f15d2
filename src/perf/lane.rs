//! One publishing channel: how much it has sent, and what the broker has not answered yet.

use super::confirms::{Confirms, Wrong};
use super::stamp::Stamp;
use super::transaction::Transaction;

/// A channel of a producer's connection, a producer of its own as far as order goes.
pub(super) struct Lane {
    /// Which producer its messages name.
    id: u16,
    sent: u64,
    /// How many messages to send at all.
    limit: u64,
    answers: Answers,
    /// The number of the next message among those for its queue, and how many queues had theirs.
    sequence: u64,
    turn: u64,
    /// How many messages are left until one is timed.
    until_timed: u64,
}

/// What the broker says to publishes.
pub(super) enum Answers {
    Nothing,
    Confirms(Confirms),
    Commits(Transaction),
}

impl Lane {
    /// The channel whose messages name the producer `id`, and which sends at most `limit` of them.
    pub(super) fn new(id: u16, limit: u64, answers: Answers) -> Self {
        Self {
            id,
            sent: 0,
            limit,
            answers,
            sequence: 0,
            turn: 0,
            until_timed: 0,
        }
    }

    /// How many it has sent.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// How many it may send at all.
    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

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

    /// The stamp of the next message, which counts as sent. There are `targets` queues, which take turns;
    /// one in `timed_every` messages carries the `time`.
    // Counters instead of divisions, and no call: this is done for every message.
    #[inline(always)]
    pub(super) fn publish(
        &mut self,
        targets: u64,
        timed_every: u64,
        time: impl FnOnce() -> u64,
    ) -> Stamp {
        let time = match self.until_timed {
            0 => {
                self.until_timed = timed_every;
                time()
            }
            _ => 0,
        };
        self.until_timed -= 1;
        let stamp = Stamp {
            producer: self.id,
            sequence: self.sequence,
            time,
        };
        self.turn += 1;
        if self.turn == targets {
            self.turn = 0;
            self.sequence += 1;
        }
        match &mut self.answers {
            Answers::Nothing => {}
            Answers::Confirms(confirms) => confirms.publish(time),
            Answers::Commits(transaction) => transaction.publish(time),
        }
        self.sent += 1;
        stamp
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
        let lane = |&limit: &u64| Lane::new(0, limit, Answers::Nothing);
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

    #[test]
    fn messages_are_numbered_per_queue_and_some_are_timed() {
        let mut lane = Lane::new(7, 10, Answers::Nothing);
        let stamps = (100..).map(|now| lane.publish(2, 3, || now)).take(6);
        let found: Vec<_> = stamps.map(|stamp| (stamp.sequence, stamp.time)).collect();
        let expected = [(0, 100), (0, 0), (1, 0), (1, 103), (2, 0), (2, 0)];
        assert_eq!(found, expected);
        assert_eq!((lane.sent(), lane.budget()), (6, 4));
    }
}
