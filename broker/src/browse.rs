//! A read-only look at the messages that wait in a queue, in the order of their delivery: page by page, filtered.
//!
//! Nothing in the queue changes: no redelivered flag, no order, no credit, no counter. What is on disk only
//! is read and let go again. A page ends after so many messages looked at, or bytes of them, so that a filter
//! that nothing matches does not go on for ever; the cursor says where.

mod filter;

use std::time::Duration;

use ferrymq_amqp::Properties;

use crate::actor::Actor;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::message::{BodyPieces, Message};
use crate::queue::entry::Entry;
use crate::queue::scan::Position;
use crate::vhost::VHost;

pub use filter::{Filter, HeaderFilter, KeyPattern};

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
    /// Behind where.
    pub from: Cursor,
    /// So many messages, at most [`MAX_MESSAGES`].
    pub limit: usize,
    /// Only these.
    pub filter: Filter,
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
            body_offset: 0,
            body_bytes: 4096,
            max_scanned: MAX_SCANNED,
        }
    }
}

/// How far a look has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Where in the queue.
    pub position: Position,
    /// How many messages have been looked at.
    pub scanned: u64,
}

impl Default for Cursor {
    fn default() -> Self {
        Self {
            position: Position::START,
            scanned: 0,
        }
    }
}

/// Some messages of a queue.
#[derive(Debug)]
pub struct Page {
    /// The messages, in the order of their delivery.
    pub messages: Vec<Browsed>,
    /// How many were looked at for this page.
    pub scanned: usize,
    /// Where to go on; `None`: that was the end of the queue.
    pub next: Option<Cursor>,
}

/// A message as it waits.
#[derive(Debug, Clone)]
pub struct Browsed {
    /// How many messages were looked at up to this one: its place in the queue, while that does not change.
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
    /// Bytes of the whole body.
    pub body_len: u64,
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
    fn new(entry: &Entry, number: u64, browse: &Browse, now: Timestamp) -> Self {
        let message = &entry.message;
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let length = browse.body_bytes.min(MAX_BODY_BYTES);
        Self {
            number,
            sequence: entry.sequence.0,
            priority: entry.level(),
            exchange: text(message.exchange()),
            routing_key: text(message.routing_key()),
            properties: message.properties().into(),
            body: window(message, browse.body_offset, length),
            body_offset: browse.body_offset,
            body_len: message.body_len(),
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
        let mut cursor = browse.from;
        let mut page = Page {
            messages: Vec::new(),
            scanned: 0,
            next: None,
        };
        let (mut bytes, mut shown) = (0, 0);
        loop {
            let max = LOOK_MESSAGES.min(max_scanned - page.scanned);
            let look = queue.look(cursor.position, max);
            let look = look.map_err(|why| Error::Store(why.to_string()))?;
            let Some(next) = look.next else {
                return Ok(page);
            };
            for (position, entry) in look.messages {
                page.scanned += 1;
                cursor.scanned += 1;
                cursor.position = position;
                bytes += entry.message.memory_bytes();
                if browse.filter.matches(&entry.message) {
                    let browsed = Browsed::new(&entry, cursor.scanned, browse, now);
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

/// Some bytes of a body.
fn window(message: &Message, offset: usize, length: usize) -> Vec<u8> {
    let piece = |bytes: &[u8]| bytes.iter().copied().skip(offset).take(length).collect();
    match message.body() {
        BodyPieces::Small(bytes) => piece(bytes),
        BodyPieces::Large(pieces) => {
            let bytes = pieces.iter().flat_map(|piece| piece.iter().copied());
            bytes.skip(offset).take(length).collect()
        }
    }
}

/// When it was published, as it says itself.
fn published(message: &Message) -> Option<Timestamp> {
    let properties = Properties::parse(message.properties()).ok()?;
    let headers = properties.headers();
    let exact = headers.and_then(|headers| headers.get(TIMESTAMP_HEADER)?.integer());
    let exact = exact.and_then(|millis| u64::try_from(millis).ok());
    let seconds = || Some(properties.timestamp()?.saturating_mul(1000));
    exact.or_else(seconds).map(Timestamp::from_millis)
}
