//! A message enters its queue.

use std::sync::LazyLock;

use ferrymq_store::Attributes;

use super::delayed::due;
use super::expiry::expires_at;
use super::{Entry, Features, Logged, Queue, Sequence, Slot};
use crate::clock::Timestamp;
use crate::dedup::Novelty;
use crate::message::Message;
use crate::queue::Effects;
use crate::queue::entry::Marks;
use crate::stats::Kind;

/// What became of a published message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the queue, or was handed to a consumer.
    Accepted(Accepted),
    /// It repeats a value: there is nothing left to do.
    Duplicate,
    /// The queue is full: its publisher is told.
    Refused,
    /// The queue was deleted meanwhile: the message counts as settled.
    Gone,
}

/// A message that the queue took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// Its place in the queue.
    pub sequence: Sequence,
    /// It is to be kept under this place in the log,
    pub stored: bool,
    /// and [`Effects::noted`] with it.
    pub noted: bool,
}

impl Accepted {
    #[inline]
    fn new(entry: &Entry) -> Self {
        Self {
            sequence: entry.sequence,
            stored: entry.logged() == Logged::Durable,
            noted: false,
        }
    }
}

impl Queue {
    /// Accepts `message`: hands it to a consumer that can take it now, or appends it; or refuses it, by
    /// the queue's limits.
    pub fn publish(&mut self, message: Message, effects: &mut Effects) -> Outcome {
        if self.deleted {
            return Outcome::Gone;
        }
        if self.settings.features.is_some() || message.has_expiration() {
            return self.publish_by_features(message, effects);
        }
        let entry = self.entry(message, self.settings.durable);
        Outcome::Accepted(self.enter(entry, effects))
    }

    /// Would `message` outlive a restart here?
    #[inline]
    pub fn keeps(&self, message: &Message) -> bool {
        self.settings.keeps(message.is_persistent())
    }

    #[cold]
    #[inline(never)]
    fn publish_by_features(&mut self, message: Message, effects: &mut Effects) -> Outcome {
        static PLAIN: LazyLock<Features> = LazyLock::new(Features::default);
        let features = self.settings.features.clone();
        let features = features.as_deref().unwrap_or(&PLAIN);
        let novelty = self.novelty(features, &message, effects);
        if let Novelty::Known(_) = novelty {
            return Outcome::Duplicate;
        }
        let due = due(features, &message, effects.now);
        if due.is_none() && self.refuses(features, &message) {
            self.dead_letter_refused(features, message, effects);
            return Outcome::Refused;
        }
        let logged = logged(self.keeps(&message));
        self.remember(novelty, logged == Logged::Durable, effects);
        let level = level(features, &message);
        let expires_at = expires_at(features, &message, due.unwrap_or(effects.now));
        let entry = Entry {
            expires_at,
            marks: Marks::new(logged).with_level(level),
            ..self.entry(message, false)
        };
        effects.noted = Attributes {
            due: due.map_or(0, Timestamp::as_millis),
            ..entry.attributes()
        };
        let noted = effects.noted != Attributes::NONE;
        if let Some(due) = due {
            let accepted = Accepted::new(&entry);
            self.delay(entry, due);
            return Outcome::Accepted(Accepted { noted, ..accepted });
        }
        let accepted = match expires_at {
            Timestamp::NEVER => self.enter(entry, effects),
            _ => self.enter_for_a_time(entry, effects),
        };
        if level > 0 {
            // It may go before those that are still to be read.
            self.serve(effects);
        }
        self.enforce_limits(effects);
        Outcome::Accepted(Accepted { noted, ..accepted })
    }

    /// A message at the next place; `durable`: the queue keeps persistent ones.
    #[inline]
    fn entry(&mut self, message: Message, durable: bool) -> Entry {
        self.activity[Kind::Publish] += 1;
        let sequence = self.next_sequence;
        self.next_sequence = Sequence(sequence.0 + 1);
        Entry {
            sequence,
            expires_at: Timestamp::NEVER,
            marks: Marks::new(logged(durable && message.is_persistent())),
            message,
        }
    }

    /// Hands a new message over, or appends it.
    #[inline(always)]
    fn enter(&mut self, entry: Entry, effects: &mut Effects) -> Accepted {
        match self.next_consumer(&entry.message, effects.now) {
            Some(slot) => self.hand_over_new(slot, entry, effects),
            None => self.wait(entry),
        }
    }

    #[inline(always)]
    fn hand_over_new(&mut self, slot: Slot, entry: Entry, effects: &mut Effects) -> Accepted {
        let accepted = Accepted::new(&entry);
        let settled = self.hand_over(slot, entry, effects);
        Accepted {
            stored: accepted.stored && !settled,
            ..accepted
        }
    }

    #[inline]
    fn wait(&mut self, entry: Entry) -> Accepted {
        let accepted = Accepted::new(&entry);
        self.waiting.push(entry);
        accepted
    }

    /// As [`Queue::enter`], with a deadline.
    fn enter_for_a_time(&mut self, entry: Entry, effects: &mut Effects) -> Accepted {
        match self.next_consumer(&entry.message, effects.now) {
            Some(slot) => self.hand_over_new(slot, entry, effects),
            None if entry.expires_at > effects.now => {
                self.schedule_expiry(&entry);
                self.wait(entry)
            }
            None => {
                let leaves = self.settings.dead_letter().is_some();
                let logged = logged(leaves && entry.logged() == Logged::Durable);
                let mut entry = entry;
                entry.set_logged(logged);
                let accepted = Accepted::new(&entry);
                self.expire(entry, effects);
                accepted
            }
        }
    }

    /// A consumer for a message that just came. Order: what waits goes first.
    #[inline]
    fn next_consumer(&mut self, message: &Message, now: Timestamp) -> Option<Slot> {
        if !self.waiting.is_empty() || self.is_held_back(now) {
            return None;
        }
        self.consumers.next(message)
    }
}

fn logged(durable: bool) -> Logged {
    match durable {
        true => Logged::Durable,
        false => Logged::No,
    }
}

/// Source: a priority above the highest counts as the highest, none is 0.
fn level(features: &Features, message: &Message) -> u8 {
    features
        .max_priority
        .map_or(0, |highest| message.priority().min(highest))
}
