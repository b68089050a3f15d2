//! Reading on: what comes back into memory, ahead of the consumers.

use super::{Loading, Ready};
use crate::clock::Timestamp;
use crate::message::Message;
use crate::queue::Sequence;
use crate::queue::entry::{Entry, Logged, Marks};
use crate::queue::paged::{self, Ranges};

/// How much is read when nothing is at hand: little, so that it comes soon.
const FIRST_READ_BYTES: u64 = 256 * 1024;
/// How many messages are read at once.
const READ_ENTRIES: u64 = 8192;
/// What a message weighs beside its body, about.
const MESSAGE_OVERHEAD_BYTES: u64 = 128;

/// A message that was read back.
#[derive(Debug)]
pub struct Found {
    /// Its place in the queue.
    pub sequence: Sequence,
    /// When it expires.
    pub expires_at: Timestamp,
    /// The message.
    pub message: Message,
}

impl Ready {
    /// Is it time to read on? Asks once; [`Ready::begin_load`] answers.
    pub fn request_load(&mut self) -> bool {
        let Some(rest) = &mut self.rest else {
            return false;
        };
        let due = rest.loading == Loading::No && self.head.len() <= rest.refill_at;
        if due {
            rest.loading = Loading::Requested;
        }
        due
    }

    /// Is somebody reading?
    pub fn is_loading(&self) -> bool {
        let rest = self.rest.as_ref();
        rest.is_some_and(|rest| rest.loading == Loading::Reading)
    }

    /// What is to be read next, some `max_bytes` of it, unless somebody reads already or there is no
    /// need.
    pub fn begin_load(&mut self, max_bytes: u64) -> Option<Vec<(Sequence, Logged)>> {
        let average = self.body_bytes / self.len().max(1) as u64 + MESSAGE_OVERHEAD_BYTES;
        let rest = self.rest.as_mut()?;
        if rest.loading == Loading::Reading {
            return None;
        }
        if self.head.len() > rest.refill_at {
            // What came back into the queue meanwhile goes first; then it is due again.
            rest.loading = Loading::No;
            return None;
        }
        let bytes = match self.head.is_empty() {
            true => FIRST_READ_BYTES.min(max_bytes),
            false => max_bytes,
        };
        let count = (bytes / average).clamp(1, READ_ENTRIES);
        rest.loading = Loading::Reading;
        Some(rest.paged.next(count as usize))
    }

    /// Ends what [`Ready::begin_load`] began: of the messages that it asked for, ascending, these were
    /// found. Gives those which were not; they are gone. `level`: the priority of them all.
    pub fn finish_load(
        &mut self,
        asked: &[(Sequence, Logged)],
        found: Vec<Found>,
        level: u8,
    ) -> Vec<(Sequence, Logged)> {
        let Some(rest) = &mut self.rest else {
            return Vec::new();
        };
        rest.loading = Loading::No;
        let mut lost = Vec::new();
        let mut present = Ranges::new();
        let mut found = found.into_iter().peekable();
        for &(sequence, logged) in asked {
            let message = found.next_if(|next| next.sequence == sequence);
            if !rest.paged.contains(sequence) {
                continue;
            }
            paged::push(&mut present, sequence);
            let Some(Found {
                expires_at,
                message,
                ..
            }) = message
            else {
                lost.push((sequence, logged));
                continue;
            };
            self.resident_bytes += message.memory_bytes();
            let returned = rest.paged.returns(sequence);
            let entry = Entry {
                sequence,
                expires_at,
                marks: Marks::new(logged).with_level(level).with_returned(returned),
                message,
            };
            self.head.insert(entry);
        }
        for (first, last) in present {
            rest.paged.remove(first, last);
        }
        rest.refill_at = self.head.len() / 2;
        self.close_up();
        lost
    }

    /// Gives up what [`Ready::begin_load`] began; it will be due again.
    pub fn abandon_load(&mut self) {
        if let Some(rest) = &mut self.rest {
            rest.loading = Loading::No;
        }
    }
}
