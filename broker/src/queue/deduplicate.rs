//! What publishers repeat does not enter the queue; see `dedup.rs`.

use super::{Effects, Features, Queue};
use crate::dedup::{Deduplicator, Novelty, Slot};
use crate::message::Message;

impl Queue {
    /// Looks whether a publisher repeats a value.
    pub(super) fn novelty(
        &mut self,
        features: &Features,
        message: &Message,
        effects: &mut Effects,
    ) -> Novelty {
        let Some(asked) = features
            .deduplication
            .as_ref()
            .filter(|_| effects.deduplicate)
        else {
            return Novelty::NoValue;
        };
        let deduplicator = self
            .deduplicator
            .get_or_insert_with(|| Box::new(Deduplicator::new(asked)));
        let novelty = deduplicator.look(message, effects.now);
        if let Novelty::Known(_) = novelty {
            deduplicator.count_duplicate();
            effects.duplicates += 1;
        }
        novelty
    }

    /// The message with that value is in; `stored`: a restart brings it back.
    pub(super) fn remember(&mut self, novelty: Novelty, stored: bool, effects: &mut Effects) {
        if let (Novelty::New(value, expires_at), Some(deduplicator)) =
            (novelty, &mut self.deduplicator)
        {
            let slot = deduplicator.remember(value, expires_at, effects.now);
            effects.slots.put.extend(stored.then_some(slot));
        }
    }

    /// Goes on with what the log held.
    pub fn restore_values(&mut self, slots: Vec<Slot>, effects: &mut Effects) {
        let features = self.settings.features.as_ref();
        let asked = features.and_then(|features| features.deduplication.as_ref());
        let Some(asked) = asked else {
            effects
                .slots
                .removed
                .extend(slots.iter().map(|slot| slot.place));
            return;
        };
        let (deduplicator, changes) = Deduplicator::recovered(asked, slots);
        self.deduplicator = Some(Box::new(deduplicator));
        effects.slots.extend(changes);
    }

    /// Forgets all values.
    pub fn forget_values(&mut self, effects: &mut Effects) {
        if let Some(deduplicator) = self.deduplicator.take() {
            effects.slots.removed.extend(deduplicator.places());
        }
    }

    /// Does what the settings say from now on.
    pub(super) fn configure_deduplication(&mut self, effects: &mut Effects) {
        let features = self.settings.features.as_ref();
        let asked = features.and_then(|features| features.deduplication.as_ref());
        match (asked, &mut self.deduplicator) {
            (Some(asked), Some(deduplicator)) => {
                effects.slots.extend(deduplicator.configure(asked));
            }
            (None, Some(_)) => self.forget_values(effects),
            (_, None) => {}
        }
    }

    /// Does it drop what repeats a value?
    pub fn deduplicates(&self) -> bool {
        let features = self.settings.features.as_ref();
        features.is_some_and(|features| features.deduplication.is_some())
    }

    /// How many duplicates were dropped since the start.
    pub(super) fn duplicates(&self) -> u64 {
        let deduplicator = self.deduplicator.as_ref();
        deduplicator.map_or(0, |deduplicator| deduplicator.duplicates())
    }
}
