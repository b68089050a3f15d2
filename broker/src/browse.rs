//! A read-only look at the messages that wait in a queue, in the order of their delivery: page by page, filtered.
//!
//! Nothing in the queue changes: no redelivered flag, no order, no credit, no counter. What is on disk only
//! is read and let go again. A page ends after so many messages looked at, or bytes of them, so that a filter
//! that nothing matches does not go on for ever; the cursor says where.

mod filter;
mod json;
mod mask;
mod unpack;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use ferrymq_amqp::Properties;

use crate::actor::Actor;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::message::Message;
use crate::queue::entry::Entry;
use crate::queue::scan::Position;
use crate::queue::{Queue, Sequence};
use crate::vhost::VHost;

pub use filter::{BadFilter, Filter};
pub use mask::{Hidden, MASKED, Mask, MaskedField, View};
pub use unpack::{Unpacked, unpack};

/// The most messages that one page has.
pub const MAX_MESSAGES: usize = 1000;
/// The most messages that are looked at for one page,
pub const MAX_SCANNED: usize = 20_000;
/// and their bytes.
const MAX_SCANNED_BYTES: u64 = 64 << 20;
/// The most bytes of one body that are shown.
pub const MAX_BODY_BYTES: usize = 256 * 1024;
/// The most bytes of all bodies on a page.
const MAX_PAGE_BYTES: usize = 16 << 20;
/// So many messages are looked at together.
const LOOK_MESSAGES: usize = 256;

/// The header with the time of publishing in milliseconds, as RabbitMQ's interceptor sets it.
const TIMESTAMP_HEADER: &str = "timestamp_in_ms";

/// What somebody wants to see.
#[derive(Debug, Clone)]
pub struct Browse {
    /// Behind where, and in which direction.
    pub from: Cursor,
    /// So many messages, at most [`MAX_MESSAGES`].
    pub limit: usize,
    /// Only these.
    pub filter: Filter,
    /// What nobody sees.
    pub mask: Mask,
    /// From where in each body,
    pub body_offset: usize,
    /// and how many bytes of it, at most [`MAX_BODY_BYTES`].
    pub body_bytes: usize,
    /// So many messages are looked at, at most [`MAX_SCANNED`].
    pub max_scanned: usize,
}

impl Default for Browse {
    fn default() -> Self {
        Self {
            from: Cursor::default(),
            limit: 50,
            filter: Filter::default(),
            mask: Mask::default(),
            body_offset: 0,
            body_bytes: 4096,
            max_scanned: MAX_SCANNED,
        }
    }
}

/// How far a look has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// From where to where the look goes.
    pub direction: Direction,
    /// Where in the queue.
    pub position: Position,
    /// How many messages have been looked at.
    pub scanned: u64,
}

/// Where a look begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// With what is delivered next.
    Head,
    /// With what is delivered last, going back.
    Tail,
}

/// Not what a cursor looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor that a page gave")]
pub struct BadCursor;

impl Direction {
    /// Before anything was looked at.
    pub fn start(self) -> Cursor {
        Cursor {
            direction: self,
            position: match self {
                Self::Head => Position::START,
                Self::Tail => Position::END,
            },
            scanned: 0,
        }
    }
}

impl Default for Cursor {
    fn default() -> Self {
        Direction::Head.start()
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = match self.direction {
            Direction::Head => 'h',
            Direction::Tail => 't',
        };
        write!(f, "{direction}.{}.{}", self.scanned, self.position)
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let mut parts = text.splitn(3, '.');
        let mut part = || parts.next().ok_or(BadCursor);
        Ok(Self {
            direction: match part()? {
                "h" => Direction::Head,
                "t" => Direction::Tail,
                _ => return Err(BadCursor),
            },
            scanned: part()?.parse().map_err(|_| BadCursor)?,
            position: part()?.parse().map_err(|_| BadCursor)?,
        })
    }
}

/// Some messages of a queue.
#[derive(Debug)]
pub struct Page {
    /// The messages, in the order of their delivery.
    pub messages: Vec<Browsed>,
    /// How many were looked at for this page.
    pub scanned: usize,
    /// How many wait in the queue.
    pub total: usize,
    /// Where to go on; `None`: that was the end of the queue.
    pub next: Option<Cursor>,
}

/// A message as it waits.
#[derive(Debug, Clone)]
pub struct Browsed {
    /// Its place in the queue from the front, the first being 1, while the queue does not change.
    pub number: u64,
    /// Its place in the order of entry, kept for life.
    pub sequence: u64,
    /// Its priority, in a queue that has any.
    pub priority: u8,
    /// The exchange that it was published to.
    pub exchange: String,
    /// The routing key that it was published with.
    pub routing_key: String,
    /// Properties as on the wire.
    properties: Box<[u8]>,
    /// Part of the body.
    pub body: Vec<u8>,
    /// Where that part begins.
    pub body_offset: usize,
    /// Bytes of the whole body, as it may be seen.
    pub body_len: u64,
    /// What of the body is hidden.
    pub hidden: Option<Hidden>,
    /// Was it published with delivery mode 2?
    pub persistent: bool,
    /// Was it handed out before?
    pub redelivered: bool,
    /// How often it was handed out and came back.
    pub returns: u16,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
    /// How long ago it was published, if it says so.
    pub age: Option<Duration>,
}

impl Browsed {
    /// `view`: what may be seen of the entry's message.
    fn new(entry: &Entry, view: &View, number: u64, browse: &Browse, now: Timestamp) -> Self {
        let message = &view.message;
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Self {
            number,
            sequence: entry.sequence.0,
            priority: entry.level(),
            exchange: text(message.exchange()),
            routing_key: text(message.routing_key()),
            properties: message.properties().into(),
            body: message.body_window(browse.body_offset, browse.body_bytes),
            body_offset: browse.body_offset,
            body_len: message.body_len(),
            hidden: view.hidden,
            persistent: message.is_persistent(),
            redelivered: entry.returns() > 0,
            returns: entry.returns(),
            expires_at: Some(entry.expires_at).filter(|at| *at != Timestamp::NEVER),
            age: published(message).map(|at| now.since(at)),
        }
    }

    /// Its properties, headers among them.
    pub fn properties(&self) -> Option<Properties<'_>> {
        Properties::parse(&self.properties).ok()
    }
}

impl VHost {
    /// Looks at messages that wait in a queue. Blocks while it reads from disk: to be called where that
    /// disturbs nobody.
    ///
    /// # Errors
    /// 403 without `read`, 404 when missing, 405 when exclusive to another connection; 541 when the disk fails.
    pub fn browse(
        &self,
        actor: &Actor,
        queue: &str,
        browse: &Browse,
        now: Timestamp,
    ) -> Result<Page, Error> {
        let queue = self.readable_queue(actor, queue)?;
        let limit = browse.limit.clamp(1, MAX_MESSAGES);
        let max_scanned = browse.max_scanned.clamp(1, MAX_SCANNED);
        let browse = &Browse {
            body_bytes: browse.body_bytes.min(MAX_BODY_BYTES),
            ..browse.clone()
        };
        let mut cursor = browse.from;
        let total = queue.inspect(Queue::counts).ready;
        let mut page = Page {
            messages: Vec::new(),
            scanned: 0,
            total,
            next: None,
        };
        let (mut bytes, mut shown) = (0, 0);
        loop {
            let max = LOOK_MESSAGES.min(max_scanned - page.scanned);
            let look = match cursor.direction {
                Direction::Head => queue.look(cursor.position, max),
                Direction::Tail => queue.look_back(cursor.position, max),
            };
            let look = look.map_err(|why| Error::Store(why.to_string()))?;
            let Some(next) = look.next else {
                return Ok(page);
            };
            for (position, entry) in look.messages {
                page.scanned += 1;
                cursor.scanned += 1;
                cursor.position = position;
                let view = browse.mask.view(&entry.message);
                bytes += entry.message.memory_bytes() + view.read_bytes;
                if browse
                    .filter
                    .matches(&view.message, Some(entry.sequence), now)
                {
                    let number = match cursor.direction {
                        Direction::Head => cursor.scanned,
                        Direction::Tail => (total as u64 + 1).saturating_sub(cursor.scanned),
                    };
                    let browsed = Browsed::new(&entry, &view, number, browse, now);
                    shown += browsed.body.len();
                    page.messages.push(browsed);
                }
                if page.messages.len() == limit || shown >= MAX_PAGE_BYTES {
                    page.next = Some(cursor);
                    return Ok(page);
                }
            }
            cursor.position = next;
            if page.scanned >= max_scanned || bytes >= MAX_SCANNED_BYTES {
                page.next = Some(cursor);
                return Ok(page);
            }
        }
    }
}

impl VHost {
    /// The message that waits with this sequence, with up to `body_bytes` of its body, but for what `mask` hides; `None`:
    /// there is none. Blocks while it reads from disk.
    ///
    /// # Errors
    /// As [`VHost::browse`].
    pub fn browse_one(
        &self,
        actor: &Actor,
        queue: &str,
        sequence: u64,
        body_bytes: usize,
        mask: &Mask,
        now: Timestamp,
    ) -> Result<Option<Browsed>, Error> {
        let queue = self.readable_queue(actor, queue)?;
        let entry = queue.look_at(Sequence(sequence));
        let entry = entry.map_err(|why| Error::Store(why.to_string()))?;
        let browse = Browse {
            body_bytes,
            ..Browse::default()
        };
        Ok(entry.map(|entry| {
            let view = mask.view(&entry.message);
            Browsed::new(&entry, &view, 0, &browse, now)
        }))
    }
}

/// When it was published, as it says itself.
pub(crate) fn published(message: &Message) -> Option<Timestamp> {
    let properties = Properties::parse(message.properties()).ok()?;
    let headers = properties.headers();
    let exact = headers.and_then(|headers| headers.get(TIMESTAMP_HEADER)?.integer());
    let exact = exact.and_then(|millis| u64::try_from(millis).ok());
    let seconds = || Some(properties.timestamp()?.saturating_mul(1000));
    exact.or_else(seconds).map(Timestamp::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_text() {
        for text in ["h.0.r.0", "t.17.0.12", "h.3.255.9"] {
            assert_eq!(text.parse::<Cursor>().unwrap().to_string(), text);
        }
        for text in ["", "h", "x.0.r.0", "h.0.r", "h.-1.r.0", "h.0.r.0.1"] {
            assert_eq!(text.parse::<Cursor>(), Err(BadCursor), "{text}");
        }
    }
}
