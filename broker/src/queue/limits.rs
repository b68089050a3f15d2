//! Length limits: what a full queue does.
//!
//! A limit counts ready messages, or the bytes of their bodies.

use super::entry::Taken;
use super::{DeadLetterReason, Effects, Features, Queue};
use crate::message::Message;
use crate::queue::effects::Dead;
use crate::queue::options::Overflow;

/// Whoever lowers a limit has more dropped in turns; nobody else waits for all of it meanwhile. More than
/// anybody can bring back at once.
const DROPPED_AT_ONCE: usize = 64 * 1024;

impl Queue {
    /// Would `message` go beyond a limit that refuses?
    pub(super) fn refuses(&self, features: &Features, message: &Message) -> bool {
        if features.overflow == Overflow::DropHead || !features.is_limited() {
            return false;
        }
        let (held, held_bytes) = self.held();
        let length = (self.waiting.len() + held) as u64 + 1;
        let bytes = self.waiting.body_bytes() + held_bytes + message.body_len();
        features.max_length.is_some_and(|max| length > max)
            || features.max_length_bytes.is_some_and(|max| bytes > max)
    }

    /// A refused message may still go to the dead-letter exchange.
    pub(super) fn dead_letter_refused(
        &mut self,
        features: &Features,
        message: Message,
        effects: &mut Effects,
    ) {
        let dead_letter = features.overflow == Overflow::RejectPublishDeadLetter;
        if dead_letter && features.dead_letter.is_some() {
            effects.dead.push(Dead {
                place: None,
                reason: DeadLetterReason::MaxLength,
                died_at: effects.now,
                message: Some(message),
                arrived: None,
            });
        }
    }

    /// Drops messages at the head until the queue is within its limits.
    ///
    /// With a limit of bytes it needs to know all sizes: it has messages read that are on disk only, and
    /// goes on when they have come; it goes on with [`Queue::sizes_known`] when some have left unread.
    pub(super) fn enforce_limits(&mut self, effects: &mut Effects) {
        self.enforce_limits_some(DROPPED_AT_ONCE, effects);
    }

    /// The same, but drops at most so many messages. Tells whether there are more to drop now.
    pub fn enforce_limits_some(&mut self, most: usize, effects: &mut Effects) -> bool {
        let Some(features) = self.settings.features.clone() else {
            return false;
        };
        if features.overflow != Overflow::DropHead || !features.is_limited() {
            return false;
        }
        let more = self.drop_heads(&features, most, effects);
        // What stood in front may have been on disk only, and consumers waited for it.
        self.serve(effects);
        more
    }

    /// What [left](Effects::unread) or [moved](Effects::moved) unread has been counted: what a limit of bytes
    /// waited for is done.
    pub fn sizes_known(&mut self, effects: &mut Effects) {
        let features = self.settings.features.as_ref();
        if features.is_some_and(|features| features.max_length_bytes.is_some()) {
            self.enforce_limits(effects);
        }
    }

    fn drop_heads(&mut self, features: &Features, most: usize, effects: &mut Effects) -> bool {
        let mut dropped = 0;
        let needs_sizes = features.max_length_bytes.is_some();
        if needs_sizes && effects.has_unsized() {
            return false;
        }
        while self.is_beyond(features.max_length, self.waiting.len() as u64)
            || self.is_beyond(features.max_length_bytes, self.waiting.body_bytes())
        {
            if needs_sizes && self.waiting.front().is_none() {
                effects.load |= self.waiting.request_load();
                return false;
            }
            if dropped == most {
                return true;
            }
            self.drop_head(effects);
            dropped += 1;
        }
        false
    }

    fn is_beyond(&self, max: Option<u64>, is: u64) -> bool {
        max.is_some_and(|max| is > max) && !self.waiting.is_empty()
    }

    fn drop_head(&mut self, effects: &mut Effects) {
        if let Some(taken) = self.waiting.take_front() {
            self.give_up(taken, DeadLetterReason::MaxLength, effects);
        }
    }

    /// A message that no longer waits is dead-lettered, or dropped where there is no exchange for that.
    pub(super) fn give_up(
        &mut self,
        taken: Taken,
        reason: DeadLetterReason,
        effects: &mut Effects,
    ) {
        if let Taken::OnDisk(place) = taken {
            effects.unread.push(place);
        }
        if self.settings.holds_dead() {
            return self.hold(taken, reason, effects);
        }
        if self.settings.dead_letter().is_some() {
            self.dead_lettering += 1;
            return effects.dead_letter(taken, reason);
        }
        match taken {
            Taken::Entry(entry) => effects.remove(entry.sequence, entry.logged()),
            Taken::OnDisk(place) => effects.remove(place.sequence, place.logged),
        }
    }
}
