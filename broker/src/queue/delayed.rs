//! Messages that are not ready yet: published with a delay, or returned to be tried again later.
//!
//! They are held in the order of their sequences, like ready ones, so that most of them can be on disk
//! only; a schedule says which is due. When it is, it takes the place among the ready ones that its
//! sequence gives it.

use std::collections::BinaryHeap;
use std::time::Duration;

use ferrymq_amqp::Properties;
use ferrymq_routing::delay;

use super::entry::{Entry, Logged, OnDisk, Section, Standing, Taken};
use super::expiry::TOLERATED_RUNS;
use super::schedule::Schedule;
use super::timeouts::Deadlines;
use super::waiting::{Drained, Waiting};
use super::{DeadLetterReason, Effects, Features, Queue, Sequence};
use crate::clock::Timestamp;
use crate::message::Message;

/// The delayed messages of one queue.
#[derive(Debug, Default)]
pub(super) struct Delayed {
    pub(super) held: Waiting,
    due: Schedule,
}

/// Where a list of delayed messages goes on: behind this one.
pub type Cursor = (Timestamp, Sequence);

/// A delayed message in a list.
#[derive(Debug)]
pub struct Listed {
    /// Its place in the queue.
    pub sequence: Sequence,
    /// When it will be ready.
    pub due: Timestamp,
    /// Where it is in the log.
    pub logged: Logged,
    /// The message; `None`: it is on disk only.
    pub message: Option<Message>,
}

impl Delayed {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    pub(super) fn contains(&self, sequence: Sequence) -> bool {
        self.held.find(sequence).is_some()
    }

    /// When the first is due.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.due.next()
    }

    /// What the log held at start, and when it is due.
    pub(super) fn recovered(held: Waiting, deadlines: Deadlines) -> Self {
        let mut due = Schedule::default();
        for (deadline, first, last) in deadlines {
            due.insert_range(deadline, first, last);
        }
        Self { held, due }
    }
    fn insert(&mut self, entry: Entry, due: Timestamp) {
        self.due.insert(due, entry.sequence);
        self.held.put_back(entry);
        let held = &self.held;
        if self.due.runs() > 2 * held.len() + TOLERATED_RUNS {
            self.due.retain(|sequence| held.find(sequence).is_some());
        }
    }

    fn take(&mut self, sequence: Sequence) -> Option<Taken> {
        let taken = self.held.take(sequence)?;
        Some(match taken {
            Taken::OnDisk(place) => Taken::OnDisk(OnDisk {
                section: Section::Delayed(place.section.level()),
                ..place
            }),
            entry => entry,
        })
    }
}

/// When a message becomes ready that is published at `now`; `None`: it is.
pub(super) fn due(features: &Features, message: &Message, now: Timestamp) -> Option<Timestamp> {
    if !features.delayed || !message.has_headers() {
        return None;
    }
    let properties = Properties::parse(message.properties()).ok()?;
    let milliseconds = delay(Some(&properties))?;
    Some(now.after(Duration::from_millis(milliseconds)))
}

impl Queue {
    /// A message waits until `due`, and is ready then.
    pub(super) fn delay(&mut self, entry: Entry, due: Timestamp) {
        self.schedule_expiry(&entry);
        let timed = self.timed.get_or_insert_default();
        timed.delayed.insert(entry, due);
    }

    /// The messages whose delay has passed become ready, or leave, at most `most` of them. Gives how many more it
    /// could have been.
    pub(super) fn release_due(&mut self, most: usize, effects: &mut Effects) -> usize {
        for left in (0..most).rev() {
            let Some(timed) = &mut self.timed else {
                return left + 1;
            };
            let Some(sequence) = timed.delayed.due.pop_due(effects.now) else {
                return left + 1;
            };
            let Some(taken) = timed.delayed.take(sequence) else {
                continue;
            };
            match self.settings.forwards_due() {
                true => self.give_up(taken, DeadLetterReason::Due, effects),
                false => self.release(taken, effects),
            }
        }
        0
    }

    pub(super) fn take_delayed(&mut self, sequence: Sequence) -> Option<Taken> {
        self.timed.as_mut()?.delayed.take(sequence)
    }

    /// How many messages are delayed.
    pub(super) fn delayed_len(&self) -> usize {
        let timed = self.timed.as_ref();
        timed.map_or(0, |timed| timed.delayed.len())
    }

    /// The delayed messages, by the time at which they will be ready: at most `count` of them, behind
    /// `after`.
    pub fn delayed(&self, after: Option<Cursor>, count: usize) -> Vec<Listed> {
        let Some(timed) = &self.timed else {
            return Vec::new();
        };
        let delayed = &timed.delayed;
        // Of all behind the cursor those that come first: the latest of them goes when there is a better one.
        let mut first = BinaryHeap::new();
        for place in delayed.due.iter() {
            let is_behind = after.is_none_or(|after| place > after);
            let is_better = first.len() < count || first.peek().is_some_and(|last| place < *last);
            if is_behind && is_better && delayed.contains(place.1) {
                first.push(place);
                if first.len() > count {
                    first.pop();
                }
            }
        }
        let listed = first.into_sorted_vec().into_iter();
        let listed = listed.filter_map(|(due, sequence)| delayed.list(due, sequence));
        listed.collect()
    }

    /// Drops a delayed message. Tells whether there was such a one.
    pub fn cancel_delayed(&mut self, sequence: Sequence, effects: &mut Effects) -> bool {
        let taken = self.take_delayed(sequence);
        match &taken {
            Some(Taken::Entry(entry)) => effects.remove(entry.sequence, entry.logged()),
            Some(Taken::OnDisk(place)) => {
                effects.remove(place.sequence, place.logged);
                effects.unread.push(*place);
            }
            None => {}
        }
        taken.is_some()
    }

    /// Drops all delayed messages; gives their number.
    pub fn cancel_all_delayed(&mut self, effects: &mut Effects) -> usize {
        let Some(timed) = &mut self.timed else {
            return 0;
        };
        let delayed = std::mem::take(&mut timed.delayed);
        let count = delayed.len();
        drop_all(delayed.held, effects);
        count
    }

    fn release(&mut self, taken: Taken, effects: &mut Effects) {
        match taken {
            Taken::Entry(entry) => self.put_to_its_place(entry),
            Taken::OnDisk(place) => {
                self.waiting.put_back_on_disk(place);
                effects.moved.push(place);
            }
        }
    }
}

impl Delayed {
    fn list(&self, due: Timestamp, sequence: Sequence) -> Option<Listed> {
        let (logged, message) = match self.held.find(sequence)? {
            Standing::InMemory(entry) => (entry.logged(), Some(entry.message.clone())),
            Standing::OnDisk(logged) => (logged, None),
        };
        Some(Listed {
            sequence,
            due,
            logged,
            message,
        })
    }
}

/// Removes all that waited from the log.
pub(super) fn drop_all(mut waiting: Waiting, effects: &mut Effects) {
    let Drained { entries, paged } = waiting.drain();
    for entry in &entries {
        effects.remove(entry.sequence, entry.logged());
    }
    effects.purged.extend(paged);
}
