//! Messages that waited for too long: each leaves when its time has come, wherever it stands, and is
//! never handed out later.
//!
//! A deadline is fixed when a message enters: the smaller of its own time to live and the queue's.
//! While somebody holds a message it does not expire; when it comes back too late it does.

use roaring::RoaringTreemap;

use super::entry::{Entry, Taken};
use super::timeouts::Timed;
use super::{DeadLetterReason, Effects, Features, Queue};
use crate::clock::Timestamp;
use crate::message::Message;

/// So many deadlines of messages that are gone are never worth forgetting.
pub(super) const TOLERATED_RUNS: usize = 1024;

/// When a message expires that begins to wait at `from`.
pub(super) fn expires_at(features: &Features, message: &Message, from: Timestamp) -> Timestamp {
    let time_to_live = match (features.message_ttl, message.expiration()) {
        (Some(queue), Some(own)) => queue.min(own),
        (queue, own) => match queue.or(own) {
            Some(only) => only,
            None => return Timestamp::NEVER,
        },
    };
    from.after(time_to_live)
}

impl Queue {
    /// A message waits from now on: it will expire.
    pub(super) fn schedule_expiry(&mut self, entry: &Entry) {
        if entry.expires_at < Timestamp::NEVER {
            let timed = self.timed.get_or_insert_default();
            timed.expiry.insert(entry.expires_at, entry.sequence);
            self.forget_expiries();
        }
    }

    /// The messages whose time has come expire, at most `most` of them. Gives how many more it could
    /// have been.
    pub(super) fn expire_due(&mut self, most: usize, effects: &mut Effects) -> usize {
        for left in (0..most).rev() {
            let Some(timed) = &mut self.timed else {
                return left + 1;
            };
            let Some(sequence) = timed.expiry.pop_due(effects.now) else {
                return left + 1;
            };
            let taken = self.waiting.take(sequence);
            if let Some(taken) = taken.or_else(|| self.take_delayed(sequence)) {
                self.give_up(taken, DeadLetterReason::Expired, effects);
            }
        }
        0
    }

    /// The message that is next has expired, and nobody has noticed yet.
    #[cold]
    pub(super) fn expire_front(&mut self, effects: &mut Effects) {
        if let Some(entry) = self.waiting.pop() {
            self.expire(entry, effects);
        }
    }

    /// A message that is not among the waiting ones has expired.
    pub(super) fn expire(&mut self, entry: Entry, effects: &mut Effects) {
        let taken = Taken::Entry(entry);
        self.give_up(taken, DeadLetterReason::Expired, effects);
    }

    /// Forgets the deadlines of messages that wait no more, when they are too many; and all but one of a
    /// message that came back again and again.
    fn forget_expiries(&mut self) {
        let Some(timed) = &mut self.timed else {
            return;
        };
        let Timed { expiry, delayed } = &mut **timed;
        let waiting = &self.waiting;
        if expiry.runs() > 2 * (waiting.len() + delayed.len()) + TOLERATED_RUNS {
            let mut seen = RoaringTreemap::new();
            expiry.retain(|sequence| {
                let waits = waiting.find(sequence).is_some() || delayed.contains(sequence);
                waits && seen.insert(sequence.0)
            });
        }
    }
}
