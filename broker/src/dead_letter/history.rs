//! The deaths of a message as they stand in its headers.
//!
//! ```text
//! x-death                          array, the latest death first, one table per (queue, reason):
//!   count l, reason S, queue S, time T, exchange S, routing-keys A of S, [original-expiration S]
//! x-first-death-{queue,reason,exchange}   set once
//! x-last-death-{queue,reason,exchange}    set by each death
//! ```

use ferrymq_amqp::table::{ArrayWriter, TableWriter};
use ferrymq_amqp::{RawTable, RawValue};
use smallvec::SmallVec;

use crate::dead_letter::DeadLetterReason;
use crate::message::Message;

const X_DEATH: &str = "x-death";

/// A message whose history takes more is hardly deliverable: headers must fit into one frame, which is
/// 128 KiB unless somebody configures more. The oldest entries are left out then.
const MAX_HISTORY_BYTES: usize = 112 * 1024;

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

/// The deaths of one message before the present one.
pub(super) struct History<'a> {
    first: Option<Summary<'a>>,
    /// The entries of `x-death`, the latest first. Only what is asked for is decoded: there may be many.
    entries: SmallVec<[RawTable<'a>; 2]>,
}

/// What the headers beside `x-death` tell of one death.
#[derive(Clone, Copy)]
struct Summary<'a> {
    queue: &'a [u8],
    reason: &'a [u8],
    exchange: &'a [u8],
}

/// A death of the past.
pub(super) struct Past<'a> {
    pub(super) queue: &'a [u8],
    /// Where the message had been published to, the first time it died so,
    pub(super) exchange: &'a [u8],
    /// and with which key before all others.
    pub(super) routing_key: Option<&'a [u8]>,
    /// Its `expiration`, if it had one.
    pub(super) expiration: Option<&'a str>,
}

/// A death, as it is noted the first time in this queue for this reason.
pub(super) struct Latest<'a> {
    pub(super) reason: DeadLetterReason,
    pub(super) queue: &'a str,
    /// In seconds.
    pub(super) time: u64,
    /// Where the message had been published to,
    pub(super) exchange: &'a [u8],
    /// and with which keys.
    pub(super) routing_keys: &'a [&'a str],
    /// If it had one.
    pub(super) expiration: Option<&'a str>,
}

impl<'a> History<'a> {
    /// The history in the headers of `message`: none if they are not the broker's own.
    pub(super) fn of(message: &Message, headers: Option<RawTable<'a>>) -> Self {
        let headers = headers.filter(|_| message.has_died()).unwrap_or_default();
        let entries = match headers.get(X_DEATH) {
            Some(RawValue::Array(deaths)) => deaths.iter().filter_map(table).collect(),
            _ => SmallVec::new(),
        };
        let first = Summary::first_in(headers);
        Self { first, entries }
    }

    /// The latest death.
    pub(super) fn latest(&self) -> Option<Past<'a>> {
        let entry = *self.entries.first()?;
        let keys = match entry.get("routing-keys")? {
            RawValue::Array(keys) => keys,
            _ => return None,
        };
        Some(Past {
            queue: text(entry, "queue")?,
            exchange: text(entry, "exchange")?,
            routing_key: keys.iter().next().and_then(long_string),
            expiration: entry
                .get("original-expiration")
                .and_then(|value| value.string()),
        })
    }

    /// See [`super::is_cycle`].
    pub(super) fn is_cycle(&self, queue: &[u8]) -> bool {
        let rejected = DeadLetterReason::Rejected.as_str().as_bytes();
        let is = |entry: &RawTable<'_>, name, value| text(*entry, name) == Some(value);
        let mut since_rejected = self.entries.iter();
        since_rejected
            .find(|entry| is(entry, "queue", queue) || is(entry, "reason", rejected))
            .is_some_and(|entry| !is(entry, "reason", rejected))
    }

    /// Writes all headers that tell of it and of one more death, which is the first entry, or counted by
    /// the entry that is there for the same queue and reason and comes first then.
    pub(super) fn write(&self, latest: &Latest<'_>, headers: &mut TableWriter<'_>) {
        let is_same = |entry: &RawTable<'_>| latest.is_like(*entry);
        let known = self.entries.iter().position(is_same);
        headers.array(X_DEATH, |deaths| {
            match known {
                Some(known) => count_again(self.entries[known], deaths),
                None => latest.write(deaths),
            }
            let mut left_bytes = MAX_HISTORY_BYTES;
            for (place, entry) in self.entries.iter().enumerate() {
                let Some(left) = left_bytes.checked_sub(entry.as_bytes().len() + 5) else {
                    break;
                };
                left_bytes = left;
                if Some(place) != known {
                    deaths.table(|copy| copy.all(*entry));
                }
            }
        });
        let last = latest.summary();
        let first = self.first.unwrap_or(last);
        headers.string("x-first-death-queue", first.queue);
        headers.string("x-first-death-reason", first.reason);
        headers.string("x-first-death-exchange", first.exchange);
        headers.string("x-last-death-queue", last.queue);
        headers.string("x-last-death-reason", last.reason);
        headers.string("x-last-death-exchange", last.exchange);
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

impl<'a> Latest<'a> {
    fn summary(&self) -> Summary<'a> {
        Summary {
            queue: self.queue.as_bytes(),
            reason: self.reason.as_str().as_bytes(),
            exchange: self.exchange,
        }
    }

    /// Is `entry` for the same queue and reason?
    fn is_like(&self, entry: RawTable<'_>) -> bool {
        let Summary { queue, reason, .. } = self.summary();
        text(entry, "queue") == Some(queue) && text(entry, "reason") == Some(reason)
    }

    fn write(&self, deaths: &mut ArrayWriter<'_>) {
        deaths.table(|entry| {
            entry.long("count", 1);
            entry.string("reason", self.reason.as_str().as_bytes());
            entry.string("queue", self.queue.as_bytes());
            entry.timestamp("time", self.time);
            entry.string("exchange", self.exchange);
            entry.array("routing-keys", |keys| {
                let all = self.routing_keys.iter();
                all.for_each(|key| keys.string(key.as_bytes()));
            });
            if let Some(expiration) = self.expiration {
                entry.string("original-expiration", expiration.as_bytes());
            }
        });
    }
}

/// Writes `entry` with one death more. Everything else tells of the first.
fn count_again(entry: RawTable<'_>, deaths: &mut ArrayWriter<'_>) {
    let count = entry.get("count").and_then(|count| count.integer());
    deaths.table(|again| {
        again.long("count", count.unwrap_or(0).saturating_add(1));
        again.entries(entry, |name| name != "count");
    });
}

fn table(value: RawValue<'_>) -> Option<RawTable<'_>> {
    match value {
        RawValue::Table(table) => Some(table),
        _ => None,
    }
}

fn text<'a>(table: RawTable<'a>, name: &str) -> Option<&'a [u8]> {
    long_string(table.get(name)?)
}

fn long_string(value: RawValue<'_>) -> Option<&[u8]> {
    match value {
        RawValue::LongString(text) => Some(text),
        _ => None,
    }
}
