//! Reading on: what comes back into memory, ahead of the consumers.

use super::{Entry, Loading, Logged, Ready, insert};
use crate::message::Message;
use crate::queue::Sequence;
use crate::queue::paged::{self, Ranges};

/// How much is read when nothing is at hand: little, so that it comes soon.
const FIRST_READ_BYTES: u64 = 256 * 1024;
/// How many messages are read at once.
const READ_ENTRIES: u64 = 8192;
/// What a message weighs beside its body, about.
const MESSAGE_OVERHEAD_BYTES: u64 = 128;

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
    /// found. Gives those which were not; they are gone.
    pub fn finish_load(
        &mut self,
        asked: &[(Sequence, Logged)],
        found: Vec<(Sequence, Message)>,
    ) -> Vec<(Sequence, Logged)> {
        let Some(rest) = &mut self.rest else {
            return Vec::new();
        };
        rest.loading = Loading::No;
        let mut lost = Vec::new();
        let mut present = Ranges::new();
        let mut found = found.into_iter().peekable();
        for &(sequence, logged) in asked {
            let message = found.next_if(|(next, _)| *next == sequence);
            if !rest.paged.contains(sequence) {
                continue;
            }
            paged::push(&mut present, sequence);
            let Some((_, message)) = message else {
                lost.push((sequence, logged));
                continue;
            };
            self.resident_bytes += message.memory_bytes();
            let returns = rest.paged.returns(sequence);
            let entry = Entry {
                sequence,
                returns,
                logged,
                message,
            };
            insert(&mut self.head, entry);
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
