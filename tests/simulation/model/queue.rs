//! One queue: its messages in order, and where each of them is.

use std::collections::BTreeMap;

use super::{LinkId, Moment};
use crate::body::MessageId;

/// A message's place in its queue: ascending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(u64);

/// Who was handed a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) link: LinkId,
    pub(crate) channel: u16,
    pub(crate) tag: u64,
}

/// Where a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It waits, or is on its way to somebody.
    Ready,
    /// Somebody was handed it and has not settled it.
    Held(Holder),
    /// It is done with.
    Settled {
        at: Moment,
        /// For who reads a failure.
        why: &'static str,
    },
}

/// One message in one queue.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) message: MessageId,
    pub(crate) state: State,
    /// It is there for sure. Otherwise it may be.
    pub(crate) certain: bool,
    /// A flipped bit may have taken it.
    pub(crate) damaged: bool,
    /// It must survive a kill.
    pub(crate) confirmed: bool,
    /// It must survive a power loss.
    pub(crate) promised: bool,
    pub(crate) persistent: bool,
    /// Since when it has been ready without a break.
    pub(crate) since: Moment,
    /// It was handed out before, so the next delivery must say so.
    pub(crate) returned: bool,
    /// It may have been handed out before without anybody seeing it.
    pub(crate) maybe_returned: bool,
}

/// One queue.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    pub(crate) durable: bool,
    pub(crate) auto_delete: bool,
    /// Confirms don't wait for stable storage.
    pub(crate) relaxed: bool,
    /// It survives a crash.
    pub(crate) promised: bool,
    /// Since when it is gone, and whether that survives a crash.
    pub(crate) deleted: Option<(Moment, bool)>,
    pub(crate) entries: BTreeMap<Place, Entry>,
    places: BTreeMap<MessageId, Place>,
    /// What was in it and can't come back, and why.
    gone: BTreeMap<MessageId, &'static str>,
    next: u64,
    /// When something that was on its way to somebody may have come back last.
    pub(crate) stirred: Moment,
}

impl Queue {
    pub(crate) fn new(durable: bool, auto_delete: bool, relaxed: bool) -> Self {
        Self {
            durable,
            auto_delete,
            relaxed,
            ..Self::default()
        }
    }

    pub(crate) fn publish(&mut self, message: MessageId, persistent: bool, now: Moment) {
        self.next += 1;
        let place = Place(self.next);
        self.places.insert(message, place);
        let entry = Entry {
            message,
            state: State::Ready,
            certain: true,
            damaged: false,
            confirmed: false,
            promised: false,
            persistent,
            since: now,
            returned: false,
            maybe_returned: false,
        };
        self.entries.insert(place, entry);
    }

    /// Where a message is, or why it can't be there.
    pub(crate) fn find(&mut self, message: MessageId) -> Result<(Place, &mut Entry), &'static str> {
        let Some(place) = self.places.get(&message) else {
            let why = self.gone.get(&message).copied();
            return Err(why.unwrap_or("it was never routed there"));
        };
        let entry = self.entries.get_mut(place);
        Ok((*place, entry.expect("every place has its entry")))
    }

    pub(crate) fn settle(&mut self, message: MessageId, at: Moment, why: &'static str) {
        if let Ok((_, entry)) = self.find(message) {
            entry.state = State::Settled { at, why };
        }
    }

    pub(crate) fn requeue(&mut self, message: MessageId, now: Moment) {
        if let Ok((_, entry)) = self.find(message) {
            entry.state = State::Ready;
            entry.since = now;
            entry.returned = true;
        }
    }

    /// Everything that is ready is dropped.
    pub(crate) fn purge(&mut self, at: Moment) {
        for entry in self.entries.values_mut() {
            if entry.state == State::Ready {
                let why = "it was purged";
                entry.state = State::Settled { at, why };
            }
        }
    }

    /// What was on its way to somebody may have come back.
    pub(crate) fn stir(&mut self, now: Moment) {
        self.stirred = now;
        for entry in self.entries.values_mut() {
            if entry.state == State::Ready {
                entry.maybe_returned = true;
            }
        }
    }

    /// What is ready may have been taken by somebody who does not ack.
    pub(crate) fn doubt(&mut self) {
        for entry in self.entries.values_mut() {
            if entry.state == State::Ready {
                entry.certain = false;
            }
        }
    }

    /// How many messages wait: for sure, and at most.
    pub(crate) fn ready(&self) -> (usize, usize) {
        let ready = self.entries.values();
        let ready = ready.filter(|entry| entry.state == State::Ready);
        let certain = ready.clone().filter(|entry| entry.certain).count();
        (certain, ready.count())
    }

    /// How many messages are held by somebody.
    pub(crate) fn held(&self) -> usize {
        let held = self.entries.values();
        held.filter(|entry| matches!(entry.state, State::Held(_)))
            .count()
    }

    /// Messages that wait for sure, in order.
    pub(crate) fn certainly_ready(&self) -> impl Iterator<Item = (&Place, &Entry)> {
        let ready = |(_, entry): &(&Place, &Entry)| entry.certain && entry.state == State::Ready;
        self.entries.iter().filter(ready)
    }

    /// The queue was counted: that may settle what was only possible. What is gone counts as settled
    /// `now`, which a crash may undo, or is gone for good.
    pub(crate) fn counted(&mut self, count: usize, now: Option<Moment>) {
        let (certain, at_most) = self.ready();
        if count == at_most {
            for entry in self.entries.values_mut() {
                entry.certain |= entry.state == State::Ready && !entry.damaged;
            }
        } else if count == certain {
            let why = "it was gone when the queue was counted";
            let is_gone = |entry: &Entry| !entry.certain && entry.state == State::Ready;
            let Some(at) = now else {
                return self.forget(why, is_gone);
            };
            for entry in self.entries.values_mut().filter(|entry| is_gone(entry)) {
                entry.state = State::Settled { at, why };
            }
        }
    }

    /// Forgets entries for good.
    pub(crate) fn forget(&mut self, why: &'static str, which: impl Fn(&Entry) -> bool) {
        let (places, gone) = (&mut self.places, &mut self.gone);
        self.entries.retain(|_, entry| {
            let forgets = which(entry);
            if forgets {
                places.remove(&entry.message);
                gone.insert(entry.message, why);
            }
            !forgets
        });
    }
}
