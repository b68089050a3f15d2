//! Publisher confirms of one channel: which publishes are waiting for the log.

use std::collections::VecDeque;

use ferrymq_store::CommitPoint;

/// Confirm mode's state. Runs of publishes that wait for the same point are one entry.
#[derive(Debug)]
pub struct Confirms {
    /// The sequence number of the next publish; the first after `confirm.select` is 1.
    next_tag: u64,
    /// The first tag that has not been answered.
    first_open: u64,
    /// Invariant: ascending in tags.
    waiting: VecDeque<Run>,
}

#[derive(Debug)]
struct Run {
    last_tag: u64,
    point: CommitPoint,
    refused: bool,
}

/// Tags to answer with one `basic.ack` or `basic.nack`.
#[derive(Debug, PartialEq, Eq)]
pub struct Confirmed {
    /// The last of them.
    pub delivery_tag: u64,
    /// Are there any before it?
    pub multiple: bool,
    /// A queue refused them.
    pub refused: bool,
    /// How many they are.
    pub count: u64,
}

impl Default for Confirms {
    fn default() -> Self {
        Self {
            next_tag: 1,
            first_open: 1,
            waiting: VecDeque::new(),
        }
    }
}

impl Confirms {
    /// Notes that the next `count` publishes are safe once `point` is committed. A publish that
    /// waits for nothing is answered with those before it.
    #[inline]
    pub fn published(&mut self, count: u64, point: CommitPoint) {
        self.note(count, point, false);
    }

    /// Notes that the next `count` publishes were refused.
    pub fn refused(&mut self, count: u64) {
        self.note(count, CommitPoint::ALWAYS, true);
    }

    fn note(&mut self, count: u64, point: CommitPoint, refused: bool) {
        self.next_tag += count;
        let last_tag = self.next_tag - 1;
        match self.waiting.back_mut() {
            Some(run) if run.point >= point && run.refused == refused => run.last_tag = last_tag,
            _ => self.waiting.push_back(Run {
                last_tag,
                point,
                refused,
            }),
        }
    }

    /// What may be answered next now that `committed` is on disk; asked again until there is nothing.
    pub fn advance(&mut self, committed: CommitPoint) -> Option<Confirmed> {
        let refused = self.waiting.front()?.refused;
        let mut last = None;
        while let Some(run) = self.waiting.front()
            && run.point <= committed
            && run.refused == refused
        {
            last = Some(run.last_tag);
            self.waiting.pop_front();
        }
        let delivery_tag = last?;
        let multiple = delivery_tag > self.first_open;
        let count = delivery_tag + 1 - self.first_open;
        self.first_open = delivery_tag + 1;
        Some(Confirmed {
            delivery_tag,
            multiple,
            refused,
            count,
        })
    }

    /// The last point that is waited for.
    pub fn awaited(&self) -> Option<CommitPoint> {
        self.waiting.front().map(|run| run.point)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(delivery_tag: u64, multiple: bool, count: u64) -> Option<Confirmed> {
        Some(Confirmed {
            delivery_tag,
            multiple,
            refused: false,
            count,
        })
    }

    #[test]
    fn confirms_go_out_in_order_and_together() {
        let mut confirms = Confirms::default();
        confirms.published(1, CommitPoint(0));
        assert_eq!(confirms.advance(CommitPoint(0)), answered(1, false, 1));
        confirms.published(3, CommitPoint(5));
        confirms.published(1, CommitPoint(0));
        confirms.published(2, CommitPoint(6));
        assert_eq!(confirms.advance(CommitPoint(4)), None);
        assert_eq!(confirms.awaited(), Some(CommitPoint(5)));
        assert_eq!(confirms.advance(CommitPoint(5)), answered(5, true, 4));
        assert_eq!(confirms.advance(CommitPoint(9)), answered(7, true, 2));
        assert_eq!(confirms.advance(CommitPoint(9)), None);
    }

    #[test]
    fn refused_ones_are_answered_in_their_turn() {
        let mut confirms = Confirms::default();
        confirms.published(2, CommitPoint(5));
        confirms.refused(2);
        confirms.published(1, CommitPoint(0));
        assert_eq!(confirms.advance(CommitPoint(4)), None);
        assert_eq!(confirms.advance(CommitPoint(5)), answered(2, true, 2));
        let refused = Confirmed {
            delivery_tag: 4,
            multiple: true,
            refused: true,
            count: 2,
        };
        assert_eq!(confirms.advance(CommitPoint(5)), Some(refused));
        assert_eq!(confirms.advance(CommitPoint(5)), answered(5, false, 1));
        assert_eq!(confirms.advance(CommitPoint(5)), None);
    }
}
