//! What work on queues leaves to do: dead letters, and queues that nobody needs any more.

use ferrymq_store::Durability;

use super::VHost;
use crate::queue::shared::{DeadLetters, Work};

impl VHost {
    /// Carries out what `work` was left with, and what that leaves in turn, until nothing is left.
    pub fn finish(&self, work: &mut Work) {
        while !work.is_done() {
            work.log_slots(self.paging.store(), Durability::Relaxed);
            while let Some(letters) = work.dead_letters.pop_front() {
                Self::dead_letter(letters, work);
            }
            while let Some(queue) = work.deletions.pop() {
                self.remove_queue(&queue, work);
            }
        }
    }

    fn dead_letter(letters: DeadLetters, work: &mut Work) {
        let places = letters.messages.iter().filter_map(|dead| dead.place);
        let places: Vec<_> = places.collect();
        letters.queue.run(work, |queue, effects| {
            queue.forwarded(places.len());
            for (sequence, logged) in places {
                effects.remove(sequence, logged);
            }
        });
    }
}
