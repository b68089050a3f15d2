//! What leaves a queue's memory, section by section: the ready messages of each priority, and the delayed ones.

use super::Queue;
use super::Sequence;
use super::entry::{Entry, Section};
use super::ready::Candidates;
use super::waiting::Waiting;

impl Queue {
    /// The sections in which something waits, the least urgent ready ones first; always those of priority 0.
    pub fn sections(&self) -> Vec<Section> {
        let ready = self.waiting.levels().into_iter().map(Section::Ready);
        let held = self.timed.iter().map(|timed| &timed.delayed.held);
        let delayed = held.flat_map(Waiting::levels).map(Section::Delayed);
        ready.chain(delayed).collect()
    }

    /// Is it time for some messages to leave memory? Asks once until [`Queue::end_page_out`].
    pub fn request_page_out(&mut self) -> bool {
        let ready = self.waiting.request_page_out();
        match &mut self.timed {
            None => ready,
            Some(timed) => timed.delayed.held.request_page_out() | ready,
        }
    }

    /// See [`Waiting::page_out_candidates`].
    pub fn page_out_candidates(
        &mut self,
        section: Section,
        keep_bytes: u64,
        all: bool,
    ) -> Candidates {
        let work = |of: &mut Waiting, level| of.page_out_candidates(level, keep_bytes, all);
        self.with_section(section, work).unwrap_or_default()
    }

    /// See [`Waiting::page_out`].
    pub fn page_out(
        &mut self,
        section: Section,
        stored: &[Sequence],
        keep_bytes: u64,
    ) -> Vec<Entry> {
        let work = |of: &mut Waiting, level| of.page_out(level, stored, keep_bytes);
        self.with_section(section, work).unwrap_or_default()
    }

    /// See [`Waiting::end_page_out`].
    pub fn end_page_out(&mut self, section: Section, gone_bytes: u64) {
        self.with_section(section, |of, level| of.end_page_out(level, gone_bytes));
    }

    /// Messages that [left unread](super::Effects::unread) had bodies of so many bytes.
    pub fn forget_bytes(&mut self, section: Section, body_bytes: u64) {
        self.with_section(section, |of, level| of.forget_bytes(level, body_bytes));
    }

    /// Delayed messages that [became ready unread](super::Effects::moved) have bodies of so many bytes.
    pub fn move_bytes(&mut self, from: Section, body_bytes: u64) {
        self.forget_bytes(from, body_bytes);
        self.waiting.add_bytes(from.level(), body_bytes);
    }

    fn with_section<R>(
        &mut self,
        section: Section,
        work: impl FnOnce(&mut Waiting, u8) -> R,
    ) -> Option<R> {
        match section {
            Section::Ready(level) => Some(work(&mut self.waiting, level)),
            Section::Delayed(level) => {
                let timed = self.timed.as_mut()?;
                Some(work(&mut timed.delayed.held, level))
            }
        }
    }
}
