//! Deliveries that come back: to be delivered again, or to be given up.

use super::entry::{Entry, Taken};
use super::paged::Returned;
use super::settings::DeliveryCounting;
use super::{DeadLetterReason, Effects, Queue, Slot};

/// How a delivery came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Return {
    /// `basic.reject` with requeue.
    Rejected,
    /// `basic.nack` with requeue, or `basic.recover`.
    Nacked,
    /// Its channel or connection ended.
    Lost,
    /// Its consumer took too long.
    TimedOut,
}

impl Return {
    /// Does it count against the delivery limit?
    fn is_failure(self, counting: DeliveryCounting) -> bool {
        match counting {
            DeliveryCounting::Returns => true,
            DeliveryCounting::Failures => matches!(self, Self::Rejected | Self::Lost),
        }
    }
}

impl Queue {
    /// Deliveries come back: to their original positions, or before all others, as the queue's type
    /// has it. `slot` as in [`Queue::settle`].
    pub fn requeue(
        &mut self,
        slot: Option<Slot>,
        entries: impl ExactSizeIterator<Item = Entry>,
        how: Return,
        effects: &mut Effects,
    ) {
        if self.deleted {
            return;
        }
        let count = entries.len();
        self.unacked -= count;
        for entry in entries {
            self.unacked_bytes -= entry.message.body_len();
            self.put_back(entry, how, effects);
        }
        self.credit(slot, count, effects);
        self.enforce_limits(effects);
    }

    /// Deliveries are rejected for good. `slot` as in [`Queue::settle`].
    pub fn reject(
        &mut self,
        slot: Option<Slot>,
        entries: impl ExactSizeIterator<Item = Entry>,
        effects: &mut Effects,
    ) {
        if self.deleted {
            return;
        }
        let count = entries.len();
        self.unacked -= count;
        for entry in entries {
            self.unacked_bytes -= entry.message.body_len();
            let taken = Taken::Entry(entry);
            self.give_up(taken, DeadLetterReason::Rejected, effects);
        }
        self.credit(slot, count, effects);
    }

    fn put_back(&mut self, mut entry: Entry, how: Return, effects: &mut Effects) {
        let Some(features) = &self.settings.features else {
            entry.count_return(true);
            return self.wait_again(entry, effects);
        };
        entry.count_return(how.is_failure(features.counting));
        let failed = how.is_failure(DeliveryCounting::Failures);
        let retry = features.retry;
        let delay = retry.and_then(|retry| retry.delay(Returned::of(&entry), failed));
        let limit = features.delivery_limit;
        if limit.is_some_and(|limit| entry.failures() > limit) {
            let taken = Taken::Entry(entry);
            return self.give_up(taken, DeadLetterReason::DeliveryLimit, effects);
        }
        match delay {
            Some(delay) if entry.expires_at > effects.now => {
                self.delay(entry, effects.now.after(delay));
            }
            _ => self.wait_again(entry, effects),
        }
    }

    /// A message waits as it did before, unless it has expired meanwhile.
    pub(super) fn wait_again(&mut self, entry: Entry, effects: &mut Effects) {
        if entry.expires_at <= effects.now {
            return self.expire(entry, effects);
        }
        self.schedule_expiry(&entry);
        self.put_to_its_place(entry);
    }

    /// A message that was ready before, or has become so, takes its place among the others.
    pub(super) fn put_to_its_place(&mut self, entry: Entry) {
        match entry.returns() > 0 && self.settings.returned_first() {
            true => self.waiting.put_first(entry),
            false => self.waiting.put_back(entry),
        }
    }
}
