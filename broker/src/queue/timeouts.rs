//! What happens in a queue because time passes: messages expire, and a queue that nobody uses goes.

use super::delayed::Delayed;
use super::schedule::Schedule;
use super::waiting::Waiting;
use super::{Effects, Queue, Sequence};
use crate::clock::Timestamp;

/// How many messages are dealt with at a time, so that nobody waits long for the queue.
pub(crate) const MESSAGES_AT_ONCE: usize = 250;

/// While so many are on their way to the dead-letter exchange, no more expire or leave.
const MOST_DEAD_LETTERING: usize = 16 * 1024;

/// What only queues have in which something has a deadline.
#[derive(Debug, Default)]
pub(super) struct Timed {
    /// When messages that wait expire.
    pub(super) expiry: Schedule,
    /// Messages that wait to be ready.
    pub(super) delayed: Delayed,
}

/// When messages are due: ranges, both ends included.
pub type Deadlines = Vec<(Timestamp, Sequence, Sequence)>;

/// The messages that the log held at start.
pub struct Recovered {
    /// Those that are ready.
    pub ready: Waiting,
    /// Those that are not yet,
    pub delayed: Waiting,
    /// and when they will be.
    pub due: Deadlines,
    /// When which of all expires.
    pub expiry: Deadlines,
}

impl Recovered {
    /// The ready ones, and what else there is.
    pub(super) fn split(self) -> (Waiting, Option<Box<Timed>>) {
        if self.due.is_empty() && self.expiry.is_empty() {
            return (self.ready, None);
        }
        let mut timed = Timed {
            expiry: Schedule::default(),
            delayed: Delayed::recovered(self.delayed, self.due),
        };
        for (deadline, first, last) in self.expiry {
            timed.expiry.insert_range(deadline, first, last);
        }
        (self.ready, Some(Box::new(timed)))
    }
}

impl Queue {
    /// When [`Queue::handle_timeout`] next has something to do.
    #[inline]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        let timed = self.timed.as_deref();
        let expiry = timed.and_then(|timed| timed.expiry.next());
        let expiry = expiry.filter(|_| self.dead_lettering < MOST_DEAD_LETTERING);
        let delayed = timed.and_then(|timed| timed.delayed.next());
        let delayed = delayed.filter(|_| self.may_release());
        let all = [
            expiry,
            delayed,
            self.held_timeout(),
            self.unused_until(),
            self.served_again_at(),
        ];
        all.into_iter().flatten().min()
    }

    /// Does what is due; what is too much for once is due again.
    pub fn handle_timeout(&mut self, effects: &mut Effects) {
        if self.deleted {
            return;
        }
        let left = match self.may_release() {
            true => self.release_due(MESSAGES_AT_ONCE, effects),
            false => MESSAGES_AT_ONCE,
        };
        // A time to live begins when the delay ends, so that what is due goes first.
        if self.dead_lettering < MOST_DEAD_LETTERING {
            self.expire_due(left, effects);
        }
        self.retry_held_due(effects);
        self.serve(effects);
        self.enforce_limits(effects);
        let unused = self.unused_until();
        effects.delete |= unused.is_some_and(|until| until <= effects.now);
    }

    /// May delays end? Not while too many whose delay is over are on their way.
    fn may_release(&self) -> bool {
        self.dead_lettering < MOST_DEAD_LETTERING || !self.settings.forwards_due()
    }

    /// It is used: declared again, asked for a message, or left by its last consumer.
    pub fn renew(&mut self, now: Timestamp) {
        let expires = self.settings.expires();
        self.unused_until = expires.map_or(Timestamp::NEVER, |expires| now.after(expires));
    }

    /// When it goes if nobody uses it until then.
    #[inline]
    fn unused_until(&self) -> Option<Timestamp> {
        let expires = self.unused_until < Timestamp::NEVER;
        (expires && self.consumers.is_empty() && !self.deleted).then_some(self.unused_until)
    }
}
