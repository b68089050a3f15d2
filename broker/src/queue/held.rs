//! Messages that died and stay until they have arrived elsewhere: at-least-once dead-lettering.
//!
//! ```text
//!  dies ──▶ waiting ──▶ on its way ──▶ arrived: gone
//!              ▲             │
//!              └── kept ◀────┘  no route, or a target refused: tried again later
//! ```
//!
//! They count in the queue's length. After a restart they are messages like any other.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::entry::Taken;
use super::{DeadLetterReason, Effects, Logged, Queue, Sequence};
use crate::clock::Timestamp;
use crate::message::Message;
use crate::queue::effects::{Arrived, Dead};

/// So many are on their way at a time,
const IN_FLIGHT: usize = 1024;
/// and so many after some did not arrive: to find out whether others do.
const PROBES: usize = 32;
/// What did not arrive is tried again after this long, or as soon as the topology has changed.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The dead of one queue, as long as it keeps them.
#[derive(Debug)]
pub(super) struct Held {
    letters: BTreeMap<Sequence, Letter>,
    /// Those which are not on their way, in the order of their deaths.
    waiting: VecDeque<Sequence>,
    body_bytes: u64,
    /// So many may be on their way.
    most: usize,
    /// Nothing is sent before, because something did not arrive.
    blocked_until: Option<Timestamp>,
}

impl Default for Held {
    fn default() -> Self {
        Self {
            letters: BTreeMap::new(),
            waiting: VecDeque::new(),
            body_bytes: 0,
            most: IN_FLIGHT,
            blocked_until: None,
        }
    }
}

#[derive(Debug)]
struct Letter {
    logged: Logged,
    reason: DeadLetterReason,
    died_at: Timestamp,
    body_bytes: u64,
    /// As long as it is nowhere else.
    message: Option<Message>,
    arrived: Arrived,
}

/// A dead letter that did not arrive everywhere.
#[derive(Debug)]
pub struct Kept {
    /// Its place.
    pub sequence: Sequence,
    /// The message.
    pub message: Option<Message>,
    /// The queues in which it is by now.
    pub arrived: Arrived,
}

impl Held {
    fn on_their_way(&self) -> usize {
        self.letters.len() - self.waiting.len()
    }

    /// May something be sent?
    fn is_open(&self) -> bool {
        self.blocked_until.is_none() && self.on_their_way() < self.most
    }

    /// Sends what may be on its way.
    fn send(&mut self, effects: &mut Effects) {
        while self.is_open()
            && let Some(sequence) = self.waiting.pop_front()
        {
            let letter = self.letters.get_mut(&sequence);
            let letter = letter.expect("only what is there waits");
            effects.dead.push(Dead {
                place: Some((sequence, letter.logged)),
                reason: letter.reason,
                died_at: letter.died_at,
                message: letter.message.take(),
                arrived: letter.arrived.take(),
            });
        }
    }

    /// Takes back what did not arrive.
    fn keep(&mut self, kept: Kept) {
        // It may have been purged meanwhile.
        let Some(letter) = self.letters.get_mut(&kept.sequence) else {
            return;
        };
        if let Some(message) = kept.message {
            let body_bytes = message.body_len();
            self.body_bytes += body_bytes - letter.body_bytes;
            letter.body_bytes = body_bytes;
            letter.message = Some(message).filter(|_| letter.logged == Logged::No);
        }
        letter.arrived = kept.arrived;
        self.waiting.push_front(kept.sequence);
    }

    fn remove(&mut self, sequence: Sequence) {
        if let Some(letter) = self.letters.remove(&sequence) {
            self.body_bytes -= letter.body_bytes;
        }
    }
}

impl Queue {
    /// A message has died, and stays until it has arrived elsewhere.
    pub(super) fn hold(&mut self, taken: Taken, reason: DeadLetterReason, effects: &mut Effects) {
        let held = self.held.get_or_insert_default();
        let (sequence, logged, message) = match taken {
            Taken::Entry(entry) => (entry.sequence, entry.logged(), Some(entry.message)),
            Taken::OnDisk(place) => (place.sequence, place.logged, None),
        };
        let body_bytes = message.as_ref().map_or(0, Message::body_len);
        held.body_bytes += body_bytes;
        let waits = !held.is_open();
        let letter = Letter {
            logged,
            reason,
            died_at: effects.now,
            body_bytes,
            // What the log has need not be in memory while it waits.
            message: message.filter(|_| !waits || logged == Logged::No),
            arrived: None,
        };
        held.letters.insert(sequence, letter);
        held.waiting.push_back(sequence);
        held.send(effects);
    }

    /// Of the messages that were on their way, these have arrived, and those are to be tried again.
    pub fn settle_held(&mut self, arrived: &[Sequence], kept: Vec<Kept>, effects: &mut Effects) {
        let Some(held) = &mut self.held else {
            return;
        };
        arrived.iter().for_each(|sequence| held.remove(*sequence));
        let stuck = !kept.is_empty();
        kept.into_iter().rev().for_each(|kept| held.keep(kept));
        if stuck {
            held.most = PROBES;
            held.blocked_until = Some(effects.now.after(TRY_AGAIN_AFTER));
        } else if held.blocked_until.is_none() {
            held.most = IN_FLIGHT;
        }
        held.send(effects);
        if held.letters.is_empty() {
            self.held = None;
        }
    }

    /// What did not arrive may arrive now.
    pub fn retry_held(&mut self, effects: &mut Effects) {
        if let Some(held) = &mut self.held
            && held.blocked_until.take().is_some()
        {
            held.send(effects);
        }
    }

    /// When something that did not arrive is to be tried again.
    pub(super) fn held_timeout(&self) -> Option<Timestamp> {
        self.held.as_ref()?.blocked_until
    }

    /// Tries again what is due.
    pub(super) fn retry_held_due(&mut self, effects: &mut Effects) {
        if self.held_timeout().is_some_and(|at| at <= effects.now) {
            self.retry_held(effects);
        }
    }

    /// Gives up everything that it holds.
    pub(super) fn drop_held(&mut self, effects: &mut Effects) {
        let letters = self.held.take().map(|held| held.letters);
        for (sequence, letter) in letters.unwrap_or_default() {
            effects.remove(sequence, letter.logged);
        }
    }

    /// How many dead messages it holds, and the bytes of their bodies as far as they are known.
    pub(super) fn held(&self) -> (usize, u64) {
        let held = self.held.as_ref();
        held.map_or((0, 0), |held| (held.letters.len(), held.body_bytes))
    }
}
