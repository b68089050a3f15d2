//! Paging out: what leaves memory, because the log has it.

use std::collections::VecDeque;

use super::{Loading, PAGE_OUT_BYTES, Ready, WINDOW_BYTES};
use crate::queue::Sequence;
use crate::queue::entry::{Entry, Logged};

/// Paging out is due again after so much more.
const PAGE_OUT_STEP_BYTES: u64 = WINDOW_BYTES;
/// How many messages leave memory at once.
const PAGE_OUT_ENTRIES: usize = 8192;
/// What may leave memory next.
#[derive(Debug, Default)]
pub struct Candidates {
    /// These can, as soon as the log has them.
    pub logged: Vec<(Sequence, Logged)>,
    /// These must be written first, and count as [`Logged::Volatile`] from now on.
    pub unlogged: Vec<Entry>,
}

impl Ready {
    /// Is it time for some to leave memory? Asks once; [`Ready::end_page_out`] arms it again.
    pub fn request_page_out(&mut self) -> bool {
        let due = self.resident_bytes >= self.page_out_at;
        if due {
            self.page_out_at = u64::MAX;
        }
        due
    }

    /// What may leave memory next so that about `keep_bytes` stay at the head; with `all` also what the
    /// log does not have yet.
    pub fn page_out_candidates(&mut self, keep_bytes: u64, all: bool) -> Candidates {
        let keep = self.keep(keep_bytes);
        let Some(rest) = &mut self.rest else {
            let keep = keep.min(self.head.len());
            return Candidates::choose(self.head.dense().range_mut(keep..), all);
        };
        if rest.loading == Loading::Reading {
            return Candidates::choose(rest.tail.dense().iter_mut(), all);
        }
        if self.head.len() > keep {
            return Candidates::choose(self.head.dense().range_mut(keep..), all);
        }
        let can_go = |stray: &&mut Entry| all || stray.logged() != Logged::No;
        let strays = Candidates::choose(rest.strays.values_mut().filter(can_go), all);
        match strays.is_empty() {
            true => Candidates::choose(rest.tail.dense().iter_mut(), all),
            false => strays,
        }
    }

    /// Lets those candidates leave memory which the log has: `stored`, ascending. Gives them, to be
    /// dropped elsewhere and then counted by [`Ready::end_page_out`].
    pub fn page_out(&mut self, stored: &[Sequence], keep_bytes: u64) -> Vec<Entry> {
        let (Some(first), Some(last)) = (stored.first(), stored.last()) else {
            return Vec::new();
        };
        let leaving = self.take_leaving(*first, *last, self.keep(keep_bytes), stored);
        let is_stored = |entry: &Entry| stored.binary_search(&entry.sequence).is_ok();
        let (gone, kept): (Vec<_>, Vec<_>) = leaving.into_iter().partition(is_stored);
        if let Some(rest) = &mut self.rest {
            rest.paged.add(&gone);
            let strays = kept.into_iter().map(|entry| (entry.sequence, entry));
            rest.strays.extend(strays);
        }
        self.close_up();
        gone
    }

    /// Takes what stands between the first and the last of `stored` out of the part where they are:
    /// strays, tail, or the head beyond `keep`.
    fn take_leaving(
        &mut self,
        first: Sequence,
        last: Sequence,
        keep: usize,
        stored: &[Sequence],
    ) -> Vec<Entry> {
        let until =
            |entries: &VecDeque<Entry>| entries.partition_point(|entry| entry.sequence <= last);
        let in_head = until(self.head.dense());
        if let Some(rest) = &mut self.rest {
            if rest.loading != Loading::Reading && rest.strays.contains_key(&first) {
                let strays = stored.iter();
                return strays
                    .filter_map(|stray| rest.strays.remove(stray))
                    .collect();
            }
            if rest.loading == Loading::Reading || in_head <= keep {
                let tail = rest.tail.dense();
                let leaving = until(tail);
                return tail.drain(..leaving).collect();
            }
        }
        if in_head <= keep {
            return Vec::new();
        }
        let behind = self.head.dense().split_off(in_head);
        let rest = self.rest.get_or_insert_default();
        rest.take_behind(behind);
        rest.refill_at = keep / 2;
        self.head.dense().drain(keep..).collect()
    }

    /// Counts what has left memory.
    pub fn end_page_out(&mut self, gone_bytes: u64) {
        self.resident_bytes = self.resident_bytes.saturating_sub(gone_bytes);
        self.page_out_at = PAGE_OUT_BYTES.max(self.resident_bytes + PAGE_OUT_STEP_BYTES);
    }

    /// How many entries at the head weigh about `keep_bytes`; at least one.
    fn keep(&self, keep_bytes: u64) -> usize {
        let rest = self.rest.iter();
        let behind: usize = rest.map(|rest| rest.strays.len() + rest.tail.len()).sum();
        let entries = (self.head.len() + behind) as u64;
        let average = (self.resident_bytes / entries.max(1)).max(1);
        usize::try_from(keep_bytes / average).map_or(usize::MAX, |keep| keep.max(1))
    }
}

impl Candidates {
    /// Invariant: what is chosen as logged follows one another, so that it can leave as one piece.
    fn choose<'a>(entries: impl Iterator<Item = &'a mut Entry>, all: bool) -> Self {
        let mut candidates = Self::default();
        for entry in entries.take(PAGE_OUT_ENTRIES) {
            match entry.logged() {
                Logged::No if all => {
                    entry.set_logged(Logged::Volatile);
                    candidates.unlogged.push(entry.clone());
                }
                Logged::No => break,
                logged if candidates.unlogged.is_empty() => {
                    candidates.logged.push((entry.sequence, logged));
                }
                _ => {}
            }
        }
        candidates
    }

    fn is_empty(&self) -> bool {
        self.logged.is_empty() && self.unlogged.is_empty()
    }
}
