//! The deaths of a message as they stand in its headers.
//!
//! ```text
//! x-death                          array, the latest death first, one table per (queue, reason):
//!   count l, reason S, queue S, time T, exchange S, routing-keys A of S, [original-expiration S]
//! x-first-death-{queue,reason,exchange}   set once
//! x-last-death-{queue,reason,exchange}    set by each death
//! ```

use ferrymq_amqp::table::{ArrayWriter, TableWriter};
use ferrymq_amqp::{RawArray, RawTable, RawValue};
use smallvec::SmallVec;

use crate::dead_letter::DeadLetterReason;
use crate::message::Message;

const X_DEATH: &str = "x-death";

/// A message whose history takes more is hardly deliverable: headers must fit into one frame, which is
/// 128 KiB unless somebody configures more. The oldest entries are left out then.
const MAX_HISTORY_BYTES: usize = 112 * 1024;

/// Bytes of an entry beside its texts.
const ENTRY_OVERHEAD_BYTES: usize = 128;

/// Is this header written by [`History::write`]?
pub(super) fn is_death_header(name: &str) -> bool {
    let Some(name) = name.strip_prefix("x-") else {
        return false;
    };
    name == "death"
        || name
            .strip_prefix("first-death-")
            .or_else(|| name.strip_prefix("last-death-"))
            .is_some_and(|field| matches!(field, "queue" | "reason" | "exchange"))
}

/// The deaths of one message.
pub(super) struct History<'a> {
    first: Option<Summary<'a>>,
    /// The latest first.
    entries: SmallVec<[Entry<'a>; 2]>,
}

/// What the headers beside `x-death` tell of one death.
#[derive(Clone, Copy)]
struct Summary<'a> {
    queue: &'a [u8],
    reason: &'a [u8],
    exchange: &'a [u8],
}

/// All deaths in one queue for one reason.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    /// How many.
    pub(super) count: i64,
    pub(super) reason: &'a [u8],
    pub(super) queue: &'a [u8],
    /// When it was the first time, in seconds. So are all that follow.
    pub(super) time: u64,
    /// Where the message had been published to.
    pub(super) exchange: &'a [u8],
    pub(super) routing_keys: Keys<'a>,
    /// If it had one.
    pub(super) original_expiration: Option<&'a str>,
}

/// Routing keys: of this death, or as an earlier one noted them.
#[derive(Clone, Copy)]
pub(super) enum Keys<'a> {
    Now(&'a [&'a str]),
    Noted(RawArray<'a>),
}

impl<'a> History<'a> {
    /// The history in the headers of `message`: none if they are not the broker's own.
    pub(super) fn of(message: &Message, headers: Option<RawTable<'a>>) -> Self {
        let headers = headers.filter(|_| message.has_died()).unwrap_or_default();
        let entries = match headers.get(X_DEATH) {
            Some(RawValue::Array(deaths)) => deaths.iter().filter_map(Entry::read).collect(),
            _ => SmallVec::new(),
        };
        let first = Summary::first_in(headers);
        Self { first, entries }
    }

    /// With one more death: as the first entry, or counted by the entry that is there for the same queue
    /// and reason, which then comes first.
    pub(super) fn followed_by(mut self, mut death: Entry<'a>) -> Self {
        let same = |entry: &Entry<'_>| entry.queue == death.queue && entry.reason == death.reason;
        if let Some(known) = self.entries.iter().position(same) {
            death = self.entries.remove(known);
            death.count = death.count.saturating_add(1);
        }
        self.entries.insert(0, death);
        self
    }

    /// The latest death.
    pub(super) fn latest(&self) -> Option<&Entry<'a>> {
        self.entries.first()
    }

    /// See [`super::is_cycle`].
    pub(super) fn is_cycle(&self, queue: &[u8]) -> bool {
        let rejected = DeadLetterReason::Rejected.as_str().as_bytes();
        let since_rejected = self
            .entries
            .iter()
            .take_while(|entry| entry.reason != rejected);
        since_rejected.into_iter().any(|entry| entry.queue == queue)
    }

    /// Writes all headers that tell of it. There is at least one death.
    pub(super) fn write(&self, table: &mut TableWriter<'_>) {
        let mut left_bytes = MAX_HISTORY_BYTES;
        table.array(X_DEATH, |deaths| {
            let fits = |(place, entry): &(usize, &Entry<'_>)| {
                let fits = *place == 0 || entry.bytes() <= left_bytes;
                left_bytes = left_bytes.saturating_sub(entry.bytes());
                fits
            };
            let newest = self.entries.iter().enumerate().take_while(fits);
            newest.for_each(|(_, entry)| entry.write(deaths));
        });
        let Some(last) = self.entries.first().map(Entry::summary) else {
            return;
        };
        let first = self.first.unwrap_or(last);
        table.string("x-first-death-queue", first.queue);
        table.string("x-first-death-reason", first.reason);
        table.string("x-first-death-exchange", first.exchange);
        table.string("x-last-death-queue", last.queue);
        table.string("x-last-death-reason", last.reason);
        table.string("x-last-death-exchange", last.exchange);
    }
}

impl<'a> Summary<'a> {
    fn first_in(headers: RawTable<'a>) -> Option<Self> {
        Some(Self {
            queue: text(headers, "x-first-death-queue")?,
            reason: text(headers, "x-first-death-reason")?,
            exchange: text(headers, "x-first-death-exchange")?,
        })
    }
}

impl<'a> Entry<'a> {
    /// The key that the message had been published with.
    pub(super) fn routing_key(&self) -> Option<&'a [u8]> {
        match self.routing_keys {
            Keys::Now(keys) => keys.first().map(|key| key.as_bytes()),
            Keys::Noted(keys) => match keys.iter().next()? {
                RawValue::LongString(key) => Some(key),
                _ => None,
            },
        }
    }

    fn read(value: RawValue<'a>) -> Option<Self> {
        let RawValue::Table(entry) = value else {
            return None;
        };
        let Some(RawValue::Timestamp(time)) = entry.get("time") else {
            return None;
        };
        let Some(RawValue::Array(routing_keys)) = entry.get("routing-keys") else {
            return None;
        };
        let expiration = entry.get("original-expiration");
        Some(Self {
            count: entry.get("count")?.integer()?,
            reason: text(entry, "reason")?,
            queue: text(entry, "queue")?,
            time,
            exchange: text(entry, "exchange")?,
            routing_keys: Keys::Noted(routing_keys),
            original_expiration: expiration.and_then(|value| value.string()),
        })
    }

    fn write(&self, deaths: &mut ArrayWriter<'_>) {
        deaths.table(|entry| {
            entry.long("count", self.count);
            entry.string("reason", self.reason);
            entry.string("queue", self.queue);
            entry.timestamp("time", self.time);
            entry.string("exchange", self.exchange);
            entry.array("routing-keys", |keys| match self.routing_keys {
                Keys::Now(now) => now.iter().for_each(|key| keys.string(key.as_bytes())),
                Keys::Noted(noted) => keys.values(noted),
            });
            if let Some(expiration) = self.original_expiration {
                entry.string("original-expiration", expiration.as_bytes());
            }
        });
    }

    fn bytes(&self) -> usize {
        let keys = match self.routing_keys {
            Keys::Now(now) => now.iter().map(|key| key.len() + 5).sum(),
            Keys::Noted(noted) => noted.as_bytes().len(),
        };
        self.queue.len() + self.exchange.len() + keys + ENTRY_OVERHEAD_BYTES
    }

    fn summary(&self) -> Summary<'a> {
        Summary {
            queue: self.queue,
            reason: self.reason,
            exchange: self.exchange,
        }
    }
}

fn text<'a>(table: RawTable<'a>, name: &str) -> Option<&'a [u8]> {
    match table.get(name)? {
        RawValue::LongString(text) => Some(text),
        _ => None,
    }
}
