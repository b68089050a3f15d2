//! What work on queues leaves to do: dead letters on their way, and queues that nobody needs any more.
//!
//! A dead letter is first appended to the queues that it reaches, then removed from the one in which it
//! died, in this order in the log too: it is in both for a moment, never in neither.

mod at_least_once;
mod blocked;
mod run;

use ferrymq_store::Durability;

use super::VHost;
use crate::queue::Dead;
use crate::queue::shared::{DeadLetters, Work};
use crate::vhost::forward::at_least_once::Attempt;
use crate::vhost::forward::run::Run;

pub(super) use blocked::Blocked;
pub(crate) use run::Sent;

/// Dead letters of so many bytes are carried out at once where they come up; more are left to the
/// background, so that a connection serves its socket again.
const BYTES_AT_ONCE: usize = 16 * 1024 * 1024;
/// What a dead letter counts beside its own bytes.
const OVERHEAD_BYTES: usize = 512;

impl VHost {
    /// Carries out what `work` was left with, and what that leaves in turn, until nothing is left. What
    /// takes long is left to [`Transfers`](crate::transfers::Transfers).
    pub fn finish(&self, work: &mut Work) {
        let mut left_bytes = BYTES_AT_ONCE;
        while !work.is_done() {
            work.log_slots(self.paging.store(), Durability::Relaxed);
            while let Some(queue) = work.deletions.pop() {
                self.remove_queue(&queue, work);
            }
            let Some(mut letters) = work.dead_letters.pop_front() else {
                continue;
            };
            let bytes = letters.bytes();
            if bytes > left_bytes || !letters.can_go_at_once() {
                self.paging.transfers().push(letters);
                continue;
            }
            left_bytes -= bytes;
            let messages = std::mem::take(&mut letters.messages);
            self.dead_letter(&letters, messages, work);
        }
    }

    /// Sends `messages`, some of those of `letters`, to their dead-letter exchange. Those that are not in
    /// memory could not be read.
    pub(crate) fn dead_letter(&self, letters: &DeadLetters, messages: Vec<Dead>, work: &mut Work) {
        let sent = match letters.held {
            true => self.send_held(letters, messages, work),
            false => self.send_once(letters, messages, work),
        };
        let counts = &letters.queue.dead_letter_counts;
        counts.add(&sent);
        let queue_type = letters.queue.declared.arguments.queue_type;
        let totals = &self.broker_totals.dead_letters;
        totals.of(queue_type, letters.held).add(&sent);
        let (queue, vhost) = (&letters.queue.name, &self.name);
        if sent.unreadable > 0 {
            let lost = sent.unreadable;
            tracing::error!(
                %queue,
                %vhost,
                "queue '{queue}' in vhost '{vhost}': {lost} messages can't be read and are lost"
            );
        }
        if let Some(target) = &sent.cycle
            && counts.is_first_cycle()
        {
            tracing::warn!(
                %queue,
                %vhost,
                "queue '{queue}' in vhost '{vhost}': dead letters that would go round in a circle to queue \
                 '{target}' are not sent there"
            );
        }
    }

    /// At most once: what does not arrive is dropped.
    fn send_once(&self, letters: &DeadLetters, messages: Vec<Dead>, work: &mut Work) -> Sent {
        let places: Vec<_> = messages.iter().filter_map(|dead| dead.place).collect();
        let mut run = Run::new(self, letters);
        for dead in messages {
            run.push(dead, work);
        }
        let sent = run.end(work);
        letters.queue.forwarded(&places, sent.point, work);
        sent
    }

    /// At least once: what does not arrive is kept.
    fn send_held(&self, letters: &DeadLetters, messages: Vec<Dead>, work: &mut Work) -> Sent {
        let mut attempt = Attempt::new(self, letters);
        for dead in messages {
            attempt.push(dead, work);
        }
        attempt.flush(work);
        let Attempt {
            places, kept, sent, ..
        } = attempt;
        if !kept.is_empty() {
            self.blocked.add(&letters.queue);
        }
        let queue = &letters.queue;
        queue.settle_held(&places, kept, sent.point, work);
        sent
    }
}

impl DeadLetters {
    /// What it takes to carry them out: large bodies are not copied.
    fn bytes(&self) -> usize {
        let messages = self.messages.iter();
        let messages = messages.filter_map(|dead| dead.message.as_ref());
        let bytes = messages.map(|message| message.own_bytes().len() + OVERHEAD_BYTES);
        bytes.sum()
    }

    /// Are all of them in memory, and none before them waiting?
    fn can_go_at_once(&self) -> bool {
        let in_memory = |dead: &Dead| dead.message.is_some();
        !self.queue.has_transfers() && self.messages.iter().all(in_memory)
    }
}
