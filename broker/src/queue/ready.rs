//! Messages that wait in a queue, in the order in which they entered it.
//!
//! ```text
//!  head                    paged                     tail
//!  in memory, next │ on disk only, and strays │ in memory, newest
//! ```
//!
//! A short queue is its head alone. Of a long one the middle leaves memory once the log has it, and
//! comes back in large pieces ahead of the consumers. A message that is returned to the middle stays in
//! memory as a *stray*. Nothing here does I/O: [`Ready`] says what is due, and is told what was done
//! (`ready/page_out.rs`, `ready/load.rs`).

mod load;
mod page_out;
mod run;
mod scan;

use std::collections::{BTreeMap, VecDeque};

use crate::message::Message;
use crate::queue::Sequence;
use crate::queue::entry::{Entry, OnDisk, Section, Standing, Taken};
use crate::queue::paged::{Paged, Ranges};
use run::Run;

pub use load::Found;
pub use page_out::Candidates;

/// The ready messages of one queue, ascending by sequence.
#[derive(Debug)]
pub struct Ready {
    head: Run,
    /// What comes after the head. `None`: nothing.
    rest: Option<Box<Rest>>,
    body_bytes: u64,
    /// Memory of the messages that are not on disk only.
    resident_bytes: u64,
    /// So much of it makes paging out due.
    page_out_at: u64,
}

/// Invariant: everything in the head < the first paged < every stray; all of these < the tail.
/// There is always something paged.
#[derive(Debug, Default)]
struct Rest {
    paged: Paged,
    strays: BTreeMap<Sequence, Entry>,
    tail: Run,
    loading: Loading,
    /// So few in the head make reading on due.
    refill_at: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Loading {
    #[default]
    No,
    Requested,
    /// Until it ends, nothing enters the paged part but behind its end.
    Reading,
}

/// How much a queue keeps in memory at its head when the rest is on disk.
pub const WINDOW_BYTES: u64 = 4 << 20;
/// From so much in memory on, the rest leaves it.
const PAGE_OUT_BYTES: u64 = 2 * WINDOW_BYTES;

impl Default for Ready {
    fn default() -> Self {
        Self {
            head: Run::default(),
            rest: None,
            body_bytes: 0,
            resident_bytes: 0,
            page_out_at: PAGE_OUT_BYTES,
        }
    }
}

impl Ready {
    /// What the log held at start: ranges, the bytes of their bodies, and which of them were handed
    /// out before.
    pub fn recovered(
        ranges: &[(Sequence, Sequence)],
        body_bytes: u64,
        returned: &[(Sequence, Sequence)],
    ) -> Self {
        let mut rest = Box::<Rest>::default();
        for &(first, last) in ranges {
            rest.paged.recover(first, last);
        }
        for &(first, last) in returned {
            rest.paged.mark_returned(first, last);
        }
        Self {
            rest: Some(rest).filter(|rest| !rest.paged.is_empty()),
            body_bytes,
            ..Self::default()
        }
    }

    /// How many messages wait.
    pub fn len(&self) -> usize {
        let rest = self.rest.as_ref().map_or(0, |rest| rest.len());
        self.head.len() + rest
    }

    /// Does none wait?
    pub fn is_empty(&self) -> bool {
        self.head.is_empty() && self.rest.is_none()
    }

    /// Bytes of the bodies that wait.
    pub fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// Memory of the messages that are not on disk only, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        self.resident_bytes
    }

    /// How many messages are on disk only.
    pub fn paged(&self) -> usize {
        self.rest.as_ref().map_or(0, |rest| rest.paged.len())
    }

    /// Puts a new message at the end.
    pub fn push(&mut self, entry: Entry) {
        self.count_in(&entry.message);
        match &mut self.rest {
            None => self.head.push_back(entry),
            Some(rest) => rest.tail.push_back(entry),
        }
    }

    /// Puts a message that came back to its original position.
    pub fn put_back(&mut self, entry: Entry) {
        self.count_in(&entry.message);
        match &mut self.rest {
            Some(rest) if rest.paged.first() < Some(entry.sequence) => rest.put_back(entry),
            _ => self.head.insert(entry),
        }
    }

    /// Puts a message that is on disk only to its place. Its size is told with [`Ready::add_bytes`].
    pub fn put_back_on_disk(&mut self, place: OnDisk) {
        let rest = self.rest.get_or_insert_default();
        rest.paged.put_back(place);
        while rest
            .tail
            .front()
            .is_some_and(|first| first.sequence < place.sequence)
            && let Some(entry) = rest.tail.pop_front()
        {
            rest.strays.insert(entry.sequence, entry);
        }
        self.close_up();
    }

    /// What [`Ready::put_back_on_disk`] was given had bodies of so many bytes.
    pub fn add_bytes(&mut self, body_bytes: u64) {
        self.body_bytes += body_bytes;
    }

    /// A message that waits, in memory or not.
    pub fn find(&self, sequence: Sequence) -> Option<Standing<'_>> {
        let in_memory = self.head.find(sequence).or_else(|| {
            let rest = self.rest.as_deref()?;
            let stray = rest.strays.get(&sequence);
            stray.or_else(|| rest.tail.find(sequence))
        });
        if let Some(entry) = in_memory {
            return Some(Standing::InMemory(entry));
        }
        let paged = &self.rest.as_deref()?.paged;
        let logged = paged.logged(sequence);
        paged.contains(sequence).then_some(Standing::OnDisk(logged))
    }

    /// The message that is next. `None` also when it has to be read first.
    pub fn front(&self) -> Option<&Entry> {
        self.head.front()
    }

    /// All that wait in memory, in order.
    pub fn resident(&self) -> impl Iterator<Item = &Entry> {
        let rest = self.rest.iter();
        let rest = rest.flat_map(|rest| rest.strays.values().chain(rest.tail.iter()));
        self.head.iter().chain(rest)
    }

    /// The ranges on disk only that were handed out before.
    pub fn returned_on_disk(&self) -> Ranges {
        let rest = self.rest.iter();
        rest.flat_map(|rest| rest.paged.returned()).collect()
    }

    /// Takes the message that is next. `None` also when it has to be read first.
    pub fn pop(&mut self) -> Option<Entry> {
        let entry = self.head.pop_front()?;
        self.count_out(&entry.message);
        Some(entry)
    }

    /// Takes the message that is next, be it on disk only.
    ///
    /// Of one that is on disk only the size is not known here: see [`Ready::forget_bytes`].
    pub fn take_front(&mut self) -> Option<Taken> {
        if let Some(entry) = self.pop() {
            return Some(Taken::Entry(entry));
        }
        let first = self.rest.as_ref()?.paged.first()?;
        self.take_on_disk(first).map(Taken::OnDisk)
    }

    /// Takes a message out of its place, wherever that is. As [`Ready::take_front`].
    pub fn take(&mut self, sequence: Sequence) -> Option<Taken> {
        let entry = self.head.remove(sequence).or_else(|| {
            let rest = self.rest.as_mut()?;
            let stray = rest.strays.remove(&sequence);
            stray.or_else(|| rest.tail.remove(sequence))
        });
        match entry {
            Some(entry) => {
                self.count_out(&entry.message);
                Some(Taken::Entry(entry))
            }
            None => self.take_on_disk(sequence).map(Taken::OnDisk),
        }
    }

    /// What [`Ready::take_front`] and [`Ready::take`] gave as on disk only had bodies of so many bytes.
    pub fn forget_bytes(&mut self, body_bytes: u64) {
        self.body_bytes = self.body_bytes.saturating_sub(body_bytes);
    }

    /// Takes all: those in memory, and those on disk only.
    pub fn drain(&mut self) -> (Vec<Entry>, Option<Paged>) {
        let Self { head, rest, .. } = std::mem::take(self);
        let mut entries: Vec<Entry> = head.into_iter().collect();
        let paged = rest.map(|rest| {
            entries.extend(rest.strays.into_values().chain(rest.tail));
            rest.paged
        });
        (entries, paged)
    }

    /// Restores what must be true of head and rest after either has changed.
    fn close_up(&mut self) {
        let Some(rest) = &mut self.rest else {
            return;
        };
        let first = rest.paged.first();
        while let Some(stray) = rest.strays.first_entry()
            && first.is_none_or(|first| *stray.key() < first)
        {
            self.head.insert(stray.remove());
        }
        let Some(first) = first else {
            self.head.append(&mut rest.tail);
            self.rest = None;
            return;
        };
        while self.head.back().is_some_and(|last| last.sequence > first)
            && let Some(entry) = self.head.pop_back()
        {
            rest.strays.insert(entry.sequence, entry);
        }
    }

    fn take_on_disk(&mut self, sequence: Sequence) -> Option<OnDisk> {
        let rest = self
            .rest
            .as_mut()
            .filter(|rest| rest.paged.contains(sequence))?;
        let place = rest.place(sequence);
        rest.paged.remove(sequence, sequence);
        self.close_up();
        Some(place)
    }

    #[inline]
    fn count_out(&mut self, message: &Message) {
        self.body_bytes -= message.body_len();
        self.resident_bytes -= message.memory_bytes();
        if self.head.is_empty() && self.rest.is_none() {
            self.page_out_at = PAGE_OUT_BYTES;
            self.head.release();
        }
    }

    fn count_in(&mut self, message: &Message) {
        self.body_bytes += message.body_len();
        self.resident_bytes += message.memory_bytes();
    }
}

impl Rest {
    /// What is known of a message that is on disk only.
    fn place(&self, sequence: Sequence) -> OnDisk {
        OnDisk {
            sequence,
            logged: self.paged.logged(sequence),
            returned: self.paged.returns(sequence),
            section: Section::Ready(0),
        }
    }

    fn len(&self) -> usize {
        self.paged.len() + self.strays.len() + self.tail.len()
    }

    /// Takes a message that belongs behind the first paged one.
    fn put_back(&mut self, entry: Entry) {
        let last_stray = self.strays.last_key_value().map(|(sequence, _)| *sequence);
        if self.paged.last().max(last_stray) < Some(entry.sequence) {
            self.tail.insert(entry);
        } else {
            self.strays.insert(entry.sequence, entry);
        }
    }

    /// Takes what stood behind messages that are about to be paged out.
    fn take_behind(&mut self, entries: VecDeque<Entry>) {
        if self.paged.is_empty() {
            debug_assert!(self.tail.is_empty());
            self.tail = entries.into();
        } else {
            let strays = entries.into_iter().map(|entry| (entry.sequence, entry));
            self.strays.extend(strays);
        }
    }
}
