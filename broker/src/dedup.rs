//! Deduplication on publish: who publishes a value again within the window is told that the message is
//! there, and it is dropped.
//!
//! The value is a header of the message, or its `message-id`. The window is the latest so many values, each
//! for so long at most; that the message was consumed meanwhile changes nothing. What the broker itself passes on
//! (dead letters, moved messages) is not looked at: it would find its own value and vanish.

mod exchange;
mod gate;
mod slots;
pub mod value;
pub mod window;

use std::ops::Range;
use std::time::Duration;

use ferrymq_amqp::Properties;

use crate::clock::Timestamp;
use crate::dedup::value::{Source, Value};
use crate::dedup::window::Window;
use crate::message::Message;
use crate::queue::options::Deduplication;

pub use exchange::{ExchangeWindow, Sifted};
pub use gate::Gate;
pub use slots::{Owner, Slot, SlotChanges, log, stored};

/// Values that are remembered when the arguments don't say.
pub const DEFAULT_CACHE_SIZE: u64 = 10_000;
/// The most values that can be asked for: they stay in memory, some 40 bytes each.
pub const MAX_CACHE_SIZE: u64 = 1_000_000;

/// A message may say itself how long its value is remembered, in milliseconds.
const TTL_HEADER: &str = "x-cache-ttl";

/// What a look at a message's value found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Novelty {
    /// It has none: it passes.
    NoValue,
    /// Nobody has published it lately: it is to be remembered until then.
    New(Value, Timestamp),
    /// It was published within the window.
    Known(Value),
}

/// The values that one queue or exchange has seen lately.
#[derive(Debug)]
pub struct Deduplicator {
    source: Source,
    ttl: Option<Duration>,
    window: Window,
    duplicates: u64,
}

impl Deduplicator {
    /// One that has seen nothing.
    pub fn new(asked: &Deduplication) -> Self {
        Self::with_window(asked, Window::new(cache_size(asked)))
    }

    /// One that goes on where the log has it.
    pub fn recovered(asked: &Deduplication, slots: Vec<Slot>) -> (Self, SlotChanges) {
        let (window, changes) = Window::recovered(cache_size(asked), slots);
        (Self::with_window(asked, window), changes)
    }

    fn with_window(asked: &Deduplication, window: Window) -> Self {
        Self {
            source: Source::named(asked.header.as_deref()),
            ttl: asked.cache_ttl,
            window,
            duplicates: 0,
        }
    }

    /// Goes on with other settings; gives what becomes of the slots if their number changes.
    ///
    /// Values of another source stay where they are: they mean nothing to it, and leave in time.
    pub fn configure(&mut self, asked: &Deduplication) -> SlotChanges {
        self.source = Source::named(asked.header.as_deref());
        self.ttl = asked.cache_ttl;
        self.window.resize(cache_size(asked))
    }

    /// Looks whether `message` repeats a value.
    pub fn look(&mut self, message: &Message, now: Timestamp) -> Novelty {
        let Ok(properties) = Properties::parse(message.properties()) else {
            return Novelty::NoValue;
        };
        let Some(value) = self.source.value(&properties) else {
            return Novelty::NoValue;
        };
        if self.window.contains(value, now) {
            return Novelty::Known(value);
        }
        let ttl = asked_ttl(&properties).or(self.ttl);
        let expires_at = ttl.map_or(Timestamp::NEVER, |ttl| now.after(ttl));
        Novelty::New(value, expires_at)
    }

    /// Remembers a value that [`Deduplicator::look`] has found new; gives what a restart must know of it.
    pub fn remember(&mut self, value: Value, expires_at: Timestamp, now: Timestamp) -> Slot {
        self.window.remember(value, expires_at, now)
    }

    /// The message did not get in after all.
    pub fn forget(&mut self, value: Value) {
        self.window.forget(value);
    }

    /// Is the value remembered?
    pub fn knows(&mut self, value: Value, now: Timestamp) -> bool {
        self.window.contains(value, now)
    }

    /// A duplicate was dropped.
    pub fn count_duplicate(&mut self) {
        self.duplicates += 1;
    }

    /// Duplicates dropped since the start.
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// Values that are remembered, some of them perhaps too old by now.
    pub fn remembered(&self) -> usize {
        self.window.len()
    }

    /// Where in the log there may be something.
    pub fn places(&self) -> Range<u32> {
        0..self.window.used()
    }
}

fn cache_size(asked: &Deduplication) -> u32 {
    let size = asked.cache_size.unwrap_or(DEFAULT_CACHE_SIZE);
    size.clamp(1, MAX_CACHE_SIZE) as u32
}

fn asked_ttl(properties: &Properties<'_>) -> Option<Duration> {
    let asked = properties.headers()?.get(TTL_HEADER)?.integer()?;
    u64::try_from(asked).ok().map(Duration::from_millis)
}
