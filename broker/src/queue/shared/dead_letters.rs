//! The messages that a queue gave up on, on their way out of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ferrymq_routing::QueueName;
use ferrymq_store::{CommitPoint, Error, Sequence};

use super::{SharedQueue, Work};
use crate::clock::Timestamp;
use crate::dead_letter::{self, DeadLetterReason, Death};
use crate::message::Message;
use crate::queue::entry::Logged;
use crate::queue::paged::{self, Ranges};
use crate::queue::settings::{DeadLetter, Settings};
use crate::queue::{Dead, Kept};

/// So many messages at most are read at once,
const READ_MESSAGES: usize = 1024;
/// as long as their bodies have no more bytes.
const READ_BYTES: u64 = 4 * 1024 * 1024;

/// A message's place in its queue, and where it stands in the log.
pub(crate) type Place = (Sequence, Logged);

/// Messages that one queue gave up on, in order.
pub struct DeadLetters {
    /// The queue.
    pub queue: Arc<SharedQueue>,
    /// Where they go.
    pub target: Arc<DeadLetter>,
    /// The queue keeps them until they have arrived.
    pub held: bool,
    /// The messages.
    pub messages: Vec<Dead>,
}

impl DeadLetters {
    /// Where a queue's dead go, and whether it keeps them until they have arrived.
    pub(super) fn to(settings: &Settings) -> Option<(Arc<DeadLetter>, bool)> {
        let target = settings.dead_letter()?;
        Some((Arc::clone(target), settings.holds_dead()))
    }

    /// What goes to the exchange for `message`.
    pub(crate) fn publish(
        &self,
        message: &Message,
        reason: DeadLetterReason,
        died_at: Timestamp,
    ) -> Message {
        if reason == DeadLetterReason::Due {
            return dead_letter::due(message);
        }
        let death = Death {
            queue: self.queue.name.as_str(),
            reason,
            at: died_at,
        };
        self.target.publish(message, &death)
    }

    /// Would messages that `queue` gives up on go on with these?
    pub(super) fn continues(
        &self,
        queue: &Arc<SharedQueue>,
        target: &Arc<DeadLetter>,
        held: bool,
    ) -> bool {
        let same = Arc::ptr_eq(&self.queue, queue) && Arc::ptr_eq(&self.target, target);
        same && self.held == held
    }

    /// Takes the next messages out of it, and reads those that are on disk only. Those that are not there
    /// stay without a message.
    ///
    /// # Errors
    /// When the disk fails. Nothing is taken then.
    pub(crate) fn read_some(&mut self) -> Result<Vec<Dead>, Error> {
        let count = self.readable();
        let messages = &mut self.messages[..count];
        self.queue.read_dead(messages)?;
        Ok(self.messages.drain(..count).collect())
    }

    /// How many of the next messages are read at once.
    fn readable(&self) -> usize {
        let mut count = self.messages.len().min(READ_MESSAGES);
        while count > 1 && self.queue.unread_bytes(&self.messages[..count]) > READ_BYTES {
            count /= 2;
        }
        count
    }
}

impl SharedQueue {
    /// Messages that the queue gave up on have gone elsewhere, for good when `point` is reached; or nowhere.
    pub(crate) fn forwarded(
        self: &Arc<Self>,
        places: &[Place],
        point: CommitPoint,
        work: &mut Work,
    ) {
        if places.is_empty() || point == CommitPoint::NEVER {
            return;
        }
        self.remove_places(places, point);
        self.run(work, |queue, _| queue.forwarded(places.len()));
    }

    /// Messages that the queue held have gone elsewhere, for good when `point` is reached; others have not.
    pub(crate) fn settle_held(
        self: &Arc<Self>,
        places: &[Place],
        kept: Vec<Kept>,
        point: CommitPoint,
        work: &mut Work,
    ) {
        if point == CommitPoint::NEVER {
            return;
        }
        self.remove_places(places, point);
        let arrived: Vec<Sequence> = places.iter().map(|(sequence, _)| *sequence).collect();
        self.run(work, |queue, effects| {
            queue.settle_held(&arrived, kept, effects);
        });
    }

    /// Tells the log that messages are settled, but not before it has what was appended at `point`.
    fn remove_places(&self, places: &[Place], point: CommitPoint) {
        for logged in [Logged::Durable, Logged::Volatile] {
            let mut sequences: Vec<Sequence> = of(places, logged).collect();
            sequences.sort_unstable();
            let mut ranges = Ranges::new();
            sequences
                .into_iter()
                .for_each(|sequence| paged::push(&mut ranges, sequence));
            if let Some(id) = self.id(logged).filter(|_| !ranges.is_empty()) {
                let store = self.paging.store();
                store.remove_ranges_after(point, id, &ranges);
            }
        }
    }

    /// Is a message that could not be read still to be written? If not, it is damaged.
    pub(crate) fn is_unwritten(&self, (sequence, logged): Place) -> bool {
        let store = self.paging.store();
        let stored = self.id(logged).map(|id| store.stored(id, &[sequence]));
        stored == Some(0)
    }

    /// Are messages that it gave up on before still on their way?
    pub(crate) fn has_transfers(&self) -> bool {
        self.transfers.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn begin_transfer(&self) {
        self.transfers.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end_transfer(&self) {
        self.transfers.fetch_sub(1, Ordering::Relaxed);
    }

    /// Bytes of the bodies that have to be read.
    fn unread_bytes(&self, messages: &[Dead]) -> u64 {
        let store = self.paging.store();
        let bytes = |logged| {
            let sequences = unread(messages, logged);
            let id = self.id(logged)?;
            Some(store.content_bytes(id, &sequences))
        };
        let bytes = [Logged::Durable, Logged::Volatile].map(bytes);
        bytes.into_iter().flatten().sum()
    }

    /// Reads the messages that are on disk only, as far as they are there.
    fn read_dead(&self, messages: &mut [Dead]) -> Result<(), Error> {
        for logged in [Logged::Durable, Logged::Volatile] {
            let mut unread: Vec<_> = unread(messages, logged)
                .into_iter()
                .map(|sequence| (sequence, logged))
                .collect();
            while !unread.is_empty() {
                let mut asked = unread.clone();
                let found = self.find(&mut asked)?;
                unread.drain(..asked.len().max(1).min(unread.len()));
                for dead in messages.iter_mut().filter(|dead| dead.message.is_none()) {
                    let Some((sequence, _)) = dead.place else {
                        continue;
                    };
                    let place = found.binary_search_by_key(&sequence, |found| found.sequence);
                    if let Ok(place) = place {
                        dead.message = Some(found[place].message.clone());
                    }
                }
            }
        }
        Ok(())
    }
}

/// The places of the messages that have to be read, ascending.
fn unread(messages: &[Dead], logged: Logged) -> Vec<Sequence> {
    let unread = messages.iter().filter(|dead| dead.message.is_none());
    let places: Vec<_> = unread.filter_map(|dead| dead.place).collect();
    let mut sequences: Vec<Sequence> = of(&places, logged).collect();
    sequences.sort_unstable();
    sequences
}

fn of(places: &[Place], logged: Logged) -> impl Iterator<Item = Sequence> {
    let alike = places.iter().filter(move |(_, place)| *place == logged);
    alike.map(|(sequence, _)| *sequence)
}

/// Says that a queue does not keep its dead although it was asked to.
pub(super) fn warn_of_fallback(queue: &QueueName, vhost: &str, settings: &Settings) {
    if settings.wants_to_hold_dead() && !settings.holds_dead() {
        tracing::warn!(
            %queue,
            %vhost,
            "queue '{queue}' in vhost '{vhost}': dead letters go at most once, because at-least-once needs the \
             overflow reject-publish"
        );
    }
}
