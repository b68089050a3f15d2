//! What work on queues leaves to do: dead letters on their way, and queues that nobody needs any more.
//!
//! A dead letter is first appended to the queues that it reaches, then removed from the one in which it
//! died, in this order in the log too: it is in both for a moment, never in neither.

mod run;

use ferrymq_store::Durability;

use super::VHost;
use crate::dead_letter::Death;
use crate::queue::Dead;
use crate::queue::shared::{DeadLetters, Work};
use crate::vhost::forward::run::Run;

/// So many dead letters are carried out at once where they come up; more are left to the background, so
/// that a connection serves its socket again.
const MESSAGES_AT_ONCE: usize = 16 * 1024;

impl VHost {
    /// Carries out what `work` was left with, and what that leaves in turn, until nothing is left. What
    /// takes long is left to [`Transfers`](crate::transfers::Transfers).
    pub fn finish(&self, work: &mut Work) {
        let mut left = MESSAGES_AT_ONCE;
        while !work.is_done() {
            work.log_slots(self.paging.store(), Durability::Relaxed);
            while let Some(queue) = work.deletions.pop() {
                self.remove_queue(&queue, work);
            }
            let Some(letters) = work.dead_letters.pop_front() else {
                continue;
            };
            let count = letters.messages.len();
            if count > left || !letters.can_go_at_once() {
                self.paging.transfers().push(letters);
                continue;
            }
            left -= count;
            self.dead_letter(&letters, &letters.messages, work);
        }
    }

    /// Sends `messages`, some of those of `letters`, to their dead-letter exchange. Those that are not in
    /// memory could not be read, and are given up.
    pub(crate) fn dead_letter(&self, letters: &DeadLetters, messages: &[Dead], work: &mut Work) {
        let queue = &letters.queue;
        let mut run = Run::new(self);
        for dead in messages {
            let Some(message) = &dead.message else {
                continue;
            };
            let death = Death {
                queue: queue.name.as_str(),
                reason: dead.reason,
                at: letters.at,
            };
            let message = letters.target.publish(message, &death);
            run.push(message, dead.reason, work);
        }
        let sent = run.end(work);
        let reasons = messages.iter().map(|dead| dead.reason);
        let counts = &queue.dead_letter_counts;
        counts.add(reasons, sent.unroutable, sent.refused);
        if let Some(target) = &sent.cycle
            && counts.is_first_cycle()
        {
            let (name, vhost) = (&queue.name, &self.name);
            tracing::warn!(
                "queue '{name}' in vhost '{vhost}': dead letters that would go round in a circle to queue \
                 '{target}' are dropped"
            );
        }
        let places: Vec<_> = messages.iter().filter_map(|dead| dead.place).collect();
        queue.forwarded(&places, sent.point, work);
    }
}

impl DeadLetters {
    /// Are all of them in memory, and none before them waiting?
    fn can_go_at_once(&self) -> bool {
        let in_memory = |dead: &Dead| dead.message.is_some();
        !self.queue.has_transfers() && self.messages.iter().all(in_memory)
    }
}
