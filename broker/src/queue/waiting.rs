//! All messages that wait in a queue, and which of them is next.
//!
//! ```text
//!  returned        in the order of their return, before all others (quorum queues)
//!  levels          one list per priority above 0 that has any, highest first
//!  base            priority 0; in most queues everything
//! ```
//!
//! A plain queue is its base alone, and pays one branch for the rest.

use std::collections::{BTreeMap, VecDeque};

use crate::queue::Sequence;
use crate::queue::entry::{Entry, Logged, OnDisk, Section, Standing, Taken};
use crate::queue::paged::{Paged, Ranges};
use crate::queue::ready::{Candidates, Found, Ready};
use crate::queue::scan::{Part, Seen};

/// The messages that wait in one queue.
#[derive(Debug, Default)]
pub struct Waiting {
    base: Ready,
    extra: Option<Box<Extra>>,
}

/// What only some queues have.
#[derive(Debug, Default)]
struct Extra {
    /// Invariant: none of them is empty, none has the key 0.
    levels: BTreeMap<u8, Ready>,
    returned: Returned,
}

/// Messages in the order of their return. They stay in memory, where their consumer held them.
#[derive(Debug, Default)]
struct Returned {
    entries: VecDeque<Entry>,
    body_bytes: u64,
    resident_bytes: u64,
}

/// What is to be read back: messages of one priority.
#[derive(Debug)]
pub struct Load {
    /// Their priority.
    pub level: u8,
    /// Which they are, and where in the log; ascending.
    pub places: Vec<(Sequence, Logged)>,
}

/// Everything that waited, taken out.
#[derive(Debug, Default)]
pub struct Drained {
    /// What was in memory.
    pub entries: Vec<Entry>,
    /// What was on disk only.
    pub paged: Vec<Paged>,
}

impl Waiting {
    /// What a start found, by priority.
    pub fn recovered(levels: impl IntoIterator<Item = (u8, Ready)>) -> Self {
        let mut waiting = Self::default();
        for (level, ready) in levels {
            if !ready.is_empty() {
                *waiting.level_mut(level) = ready;
            }
        }
        waiting
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.base.len() + self.extra.as_ref().map_or(0, |extra| extra.len())
    }

    /// Does none wait?
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.base.is_empty() && self.extra.as_ref().is_none_or(|extra| extra.is_empty())
    }

    /// Bytes of the bodies that wait.
    pub fn body_bytes(&self) -> u64 {
        let extra = self.extra.as_ref();
        self.base.body_bytes() + extra.map_or(0, |extra| extra.body_bytes())
    }

    /// Memory of the messages that are not on disk only, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let extra = self.extra.as_ref();
        self.base.resident_bytes() + extra.map_or(0, |extra| extra.resident_bytes())
    }

    /// How many are on disk only.
    pub fn paged(&self) -> usize {
        self.all_levels().map(Ready::paged).sum()
    }

    /// How many wait at each priority that has any, lowest first. Returned ones count at their own.
    pub fn by_priority(&self) -> BTreeMap<u8, usize> {
        let mut counts = BTreeMap::new();
        for level in self.levels() {
            *counts.entry(level).or_default() += self.level(level).map_or(0, Ready::len);
        }
        for entry in self.returned() {
            *counts.entry(entry.level()).or_default() += 1;
        }
        counts.retain(|_, count| *count > 0);
        counts
    }

    /// Puts a new message behind those of its priority.
    #[inline]
    pub fn push(&mut self, entry: Entry) {
        match entry.level() {
            0 => self.base.push(entry),
            level => self.level_mut(level).push(entry),
        }
    }

    /// Puts a message that came back to its original position.
    pub fn put_back(&mut self, entry: Entry) {
        match entry.level() {
            0 => self.base.put_back(entry),
            level => self.level_mut(level).put_back(entry),
        }
    }

    /// Puts a message that came back before everything that never was handed out.
    pub fn put_first(&mut self, entry: Entry) {
        self.extra_mut().returned.push(entry);
    }

    /// The message that is next. `None` also when it has to be read first.
    #[inline]
    pub fn front(&self) -> Option<&Entry> {
        let Some(extra) = &self.extra else {
            return self.base.front();
        };
        let returned = extra.returned.entries.front();
        returned.or_else(|| self.highest().front())
    }

    /// Takes the message that is next. `None` also when it has to be read first.
    #[inline]
    pub fn pop(&mut self) -> Option<Entry> {
        match self.extra {
            None => self.base.pop(),
            Some(_) => self.pop_extra(),
        }
    }

    /// Takes the message that is next, be it on disk only. See [`Ready::take_front`].
    pub fn take_front(&mut self) -> Option<Taken> {
        let returned = self.extra.as_mut().and_then(|extra| extra.returned.pop());
        if let Some(entry) = returned {
            self.close_up();
            return Some(Taken::Entry(entry));
        }
        let level = self.highest_level();
        let taken = self.highest_mut().take_front();
        self.close_up();
        taken.map(|taken| of(level, taken))
    }

    /// Takes a message out of its place, wherever that is. See [`Ready::take`].
    pub fn take(&mut self, sequence: Sequence) -> Option<Taken> {
        if let Some(taken) = self.base.take(sequence) {
            return Some(taken);
        }
        let extra = self.extra.as_mut()?;
        let mut levels = extra.levels.iter_mut();
        let taken = levels.find_map(|(&level, ready)| Some(of(level, ready.take(sequence)?)));
        let taken = taken.or_else(|| extra.returned.take(sequence).map(Taken::Entry));
        self.close_up();
        taken
    }

    /// A message that waits, in memory or not.
    pub fn find(&self, sequence: Sequence) -> Option<Standing<'_>> {
        let found = self.all_levels().find_map(|level| level.find(sequence));
        found.or_else(|| {
            let entry = self.returned().find(|entry| entry.sequence == sequence)?;
            Some(Standing::InMemory(entry))
        })
    }

    /// Puts a message that is on disk only to its place. See [`Ready::put_back_on_disk`].
    pub fn put_back_on_disk(&mut self, place: OnDisk) {
        self.level_mut(place.section.level())
            .put_back_on_disk(place);
    }

    /// See [`Ready::add_bytes`].
    pub fn add_bytes(&mut self, level: u8, body_bytes: u64) {
        if let Some(ready) = self.level_or_none(level) {
            ready.add_bytes(body_bytes);
        }
    }

    /// See [`Ready::forget_bytes`].
    pub fn forget_bytes(&mut self, level: u8, body_bytes: u64) {
        if let Some(ready) = self.level_or_none(level) {
            ready.forget_bytes(body_bytes);
        }
    }

    /// All that wait in memory: each priority in order, lowest first; then the returned ones.
    pub fn resident(&self) -> impl Iterator<Item = &Entry> {
        self.all_levels()
            .flat_map(Ready::resident)
            .chain(self.returned())
    }

    /// The ranges on disk only that were handed out before.
    pub fn returned_on_disk(&self) -> Ranges {
        self.all_levels()
            .flat_map(Ready::returned_on_disk)
            .collect()
    }

    /// Takes all.
    pub fn drain(&mut self) -> Drained {
        let Self { base, extra } = std::mem::take(self);
        let mut drained = Drained::default();
        let Extra { levels, returned } = extra.map(|extra| *extra).unwrap_or_default();
        drained.entries.extend(returned.entries);
        for mut level in levels.into_values().rev().chain([base]) {
            let (entries, paged) = level.drain();
            drained.entries.extend(entries);
            drained.paged.extend(paged);
        }
        drained
    }

    /// Is it time to read on? Asks once; [`Waiting::begin_load`] answers.
    pub fn request_load(&mut self) -> bool {
        self.highest_mut().request_load()
    }

    /// Is somebody reading what is next?
    pub fn is_loading(&self) -> bool {
        self.highest().is_loading()
    }

    /// See [`Ready::begin_load`].
    pub fn begin_load(&mut self, max_bytes: u64) -> Option<Load> {
        let level = self.highest_level();
        let places = self.highest_mut().begin_load(max_bytes)?;
        Some(Load { level, places })
    }

    /// See [`Ready::finish_load`].
    pub fn finish_load(&mut self, asked: &Load, found: Vec<Found>) -> Vec<(Sequence, Logged)> {
        let Some(ready) = self.level_or_none(asked.level) else {
            return Vec::new();
        };
        let lost = ready.finish_load(&asked.places, found, asked.level);
        self.close_up();
        lost
    }

    /// See [`Ready::abandon_load`].
    pub fn abandon_load(&mut self, asked: &Load) {
        if let Some(ready) = self.level_or_none(asked.level) {
            ready.abandon_load();
        }
    }

    /// Is it time for some to leave memory? See [`Ready::request_page_out`].
    #[inline]
    pub fn request_page_out(&mut self) -> bool {
        let base = self.base.request_page_out();
        match &mut self.extra {
            None => base,
            Some(extra) => {
                let levels = extra.levels.values_mut();
                levels.fold(base, |due, level| level.request_page_out() | due)
            }
        }
    }

    /// The priorities that something waits at, lowest first; always 0.
    pub fn levels(&self) -> Vec<u8> {
        let extra = self.extra.iter();
        let above = extra.flat_map(|extra| extra.levels.keys().copied());
        std::iter::once(0).chain(above).collect()
    }

    /// See [`Ready::page_out_candidates`].
    pub fn page_out_candidates(&mut self, level: u8, keep_bytes: u64, all: bool) -> Candidates {
        let ready = self.level_or_none(level);
        ready.map_or_else(Candidates::default, |ready| {
            ready.page_out_candidates(keep_bytes, all)
        })
    }

    /// See [`Ready::page_out`].
    pub fn page_out(&mut self, level: u8, stored: &[Sequence], keep_bytes: u64) -> Vec<Entry> {
        let ready = self.level_or_none(level);
        ready.map_or_else(Vec::new, |ready| ready.page_out(stored, keep_bytes))
    }

    /// See [`Ready::end_page_out`].
    pub fn end_page_out(&mut self, level: u8, gone_bytes: u64) {
        if let Some(ready) = self.level_or_none(level) {
            ready.end_page_out(gone_bytes);
        }
    }

    /// Its parts from `first` on, in the order of their delivery.
    pub fn parts(&self, first: Part) -> Vec<Part> {
        let levels = self.levels().into_iter().rev().map(Part::Level);
        let all = std::iter::once(Part::Returned).chain(levels);
        all.skip_while(|part| match (first, part) {
            (Part::Returned, _) => false,
            (Part::Level(_), Part::Returned) => true,
            (Part::Level(first), Part::Level(level)) => *level > first,
        })
        .collect()
    }

    /// The next `max` messages of one part behind `after`, in the order of their delivery.
    pub fn scan(&self, part: Part, after: Sequence, max: usize) -> Vec<Seen> {
        match part {
            Part::Level(level) => {
                let ready = self.level(level).into_iter();
                ready.flat_map(|ready| ready.scan(after, max)).collect()
            }
            Part::Returned => {
                // If that one has gone, so have those before it.
                let mut returned = self.returned();
                let found = self.returned().any(|entry| entry.sequence == after);
                if found {
                    returned.find(|entry| entry.sequence == after);
                }
                returned.take(max).cloned().map(Seen::Entry).collect()
            }
        }
    }

    fn pop_extra(&mut self) -> Option<Entry> {
        let extra = self.extra.as_mut()?;
        let entry = extra.returned.pop();
        let entry = entry.or_else(|| self.highest_mut().pop());
        self.close_up();
        entry
    }

    fn returned(&self) -> impl Iterator<Item = &Entry> {
        let extra = self.extra.iter();
        extra.flat_map(|extra| extra.returned.entries.iter())
    }

    fn all_levels(&self) -> impl Iterator<Item = &Ready> {
        let extra = self.extra.iter();
        std::iter::once(&self.base).chain(extra.flat_map(|extra| extra.levels.values()))
    }

    /// The highest priority that something waits at, the returned ones left aside.
    pub fn highest_level(&self) -> u8 {
        let extra = self.extra.as_ref();
        let highest = extra.and_then(|extra| extra.levels.last_key_value());
        highest.map_or(0, |(level, _)| *level)
    }

    fn highest(&self) -> &Ready {
        let extra = self.extra.as_ref();
        let highest = extra.and_then(|extra| extra.levels.last_key_value());
        highest.map_or(&self.base, |(_, ready)| ready)
    }

    fn highest_mut(&mut self) -> &mut Ready {
        let extra = self.extra.as_mut();
        match extra.and_then(|extra| extra.levels.last_entry()) {
            Some(highest) => highest.into_mut(),
            None => &mut self.base,
        }
    }

    fn level(&self, level: u8) -> Option<&Ready> {
        match level {
            0 => Some(&self.base),
            level => self.extra.as_ref()?.levels.get(&level),
        }
    }

    fn level_or_none(&mut self, level: u8) -> Option<&mut Ready> {
        match level {
            0 => Some(&mut self.base),
            level => self.extra.as_mut()?.levels.get_mut(&level),
        }
    }

    fn level_mut(&mut self, level: u8) -> &mut Ready {
        match level {
            0 => &mut self.base,
            level => self.extra_mut().levels.entry(level).or_default(),
        }
    }

    fn extra_mut(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }

    /// Restores what must be true after something was taken.
    fn close_up(&mut self) {
        if let Some(extra) = &mut self.extra {
            extra.levels.retain(|_, level| !level.is_empty());
            if extra.is_empty() {
                self.extra = None;
            }
        }
    }
}

/// What was taken, of this priority.
fn of(level: u8, taken: Taken) -> Taken {
    match taken {
        Taken::OnDisk(place) => Taken::OnDisk(OnDisk {
            section: Section::Ready(level),
            ..place
        }),
        entry => entry,
    }
}

impl Extra {
    fn len(&self) -> usize {
        let levels: usize = self.levels.values().map(Ready::len).sum();
        levels + self.returned.entries.len()
    }

    fn is_empty(&self) -> bool {
        self.levels.is_empty() && self.returned.entries.is_empty()
    }

    fn body_bytes(&self) -> u64 {
        let levels: u64 = self.levels.values().map(Ready::body_bytes).sum();
        levels + self.returned.body_bytes
    }

    fn resident_bytes(&self) -> u64 {
        let levels: u64 = self.levels.values().map(Ready::resident_bytes).sum();
        levels + self.returned.resident_bytes
    }
}

impl Returned {
    fn push(&mut self, entry: Entry) {
        self.body_bytes += entry.message.body_len();
        self.resident_bytes += entry.message.memory_bytes();
        self.entries.push_back(entry);
    }

    fn pop(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        self.count_out(&entry);
        Some(entry)
    }

    fn take(&mut self, sequence: Sequence) -> Option<Entry> {
        let same = |entry: &Entry| entry.sequence == sequence;
        let entry = self.entries.remove(self.entries.iter().position(same)?)?;
        self.count_out(&entry);
        Some(entry)
    }

    fn count_out(&mut self, entry: &Entry) {
        self.body_bytes -= entry.message.body_len();
        self.resident_bytes -= entry.message.memory_bytes();
    }
}
