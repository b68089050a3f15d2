//! The messages that a queue gave up on, on their way out of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ferrymq_store::{CommitPoint, Error, Sequence};

use super::{SharedQueue, Work};
use crate::clock::Timestamp;
use crate::queue::Dead;
use crate::queue::entry::Logged;
use crate::queue::paged::{self, Ranges};
use crate::queue::settings::DeadLetter;

/// So many messages at most are read at once,
const READ_MESSAGES: usize = 1024;
/// as long as their bodies have no more bytes.
const READ_BYTES: u64 = 4 * 1024 * 1024;

/// Messages that one queue gave up on, in order.
pub struct DeadLetters {
    /// The queue.
    pub queue: Arc<SharedQueue>,
    /// Where they go.
    pub target: Arc<DeadLetter>,
    /// When it was.
    pub at: Timestamp,
    /// The messages.
    pub messages: Vec<Dead>,
}

impl DeadLetters {
    /// Would messages that `queue` gives up on `at` that time go on with these?
    pub(super) fn continues(
        &self,
        queue: &Arc<SharedQueue>,
        target: &Arc<DeadLetter>,
        at: Timestamp,
    ) -> bool {
        Arc::ptr_eq(&self.queue, queue) && Arc::ptr_eq(&self.target, target) && self.at == at
    }

    /// Takes the next messages out of it, and reads those that are on disk only. Those that are not there
    /// stay without a message, which is reported.
    ///
    /// # Errors
    /// When the disk fails. Nothing is taken then.
    pub(crate) fn read_some(&mut self) -> Result<Vec<Dead>, Error> {
        let count = self.readable();
        let messages = &mut self.messages[..count];
        let missing = self.queue.read_dead(messages)?;
        if missing > 0 {
            let (queue, vhost) = (&self.queue.name, &self.queue.vhost);
            tracing::error!(
                "queue '{queue}' in vhost '{vhost}': {missing} messages can't be read and are lost"
            );
        }
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
        places: &[(Sequence, Logged)],
        point: CommitPoint,
        work: &mut Work,
    ) {
        if places.is_empty() || point == CommitPoint::NEVER {
            return;
        }
        for logged in [Logged::Durable, Logged::Volatile] {
            let mut sequences: Vec<Sequence> = of(places, logged).collect();
            sequences.sort_unstable();
            let mut ranges = Ranges::new();
            sequences
                .into_iter()
                .for_each(|sequence| paged::push(&mut ranges, sequence));
            if let Some(id) = self.id(logged).filter(|_| !ranges.is_empty()) {
                self.paging.store().remove_ranges(id, &ranges);
            }
        }
        self.run(work, |queue, _| queue.forwarded(places.len()));
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

    /// Reads the messages that are on disk only. Gives how many of them are not there.
    fn read_dead(&self, messages: &mut [Dead]) -> Result<usize, Error> {
        let mut missing = 0;
        for logged in [Logged::Durable, Logged::Volatile] {
            let mut unread: Vec<_> = unread(messages, logged)
                .into_iter()
                .map(|sequence| (sequence, logged))
                .collect();
            missing += unread.len();
            while !unread.is_empty() {
                let mut asked = unread.clone();
                let found = self.find(&mut asked)?;
                missing -= found.len();
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
        Ok(missing)
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

fn of(places: &[(Sequence, Logged)], logged: Logged) -> impl Iterator<Item = Sequence> {
    let alike = places.iter().filter(move |(_, place)| *place == logged);
    alike.map(|(sequence, _)| *sequence)
}
