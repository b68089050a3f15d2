//! An immutable message, cheap to clone.
//!
//! A message lives in one allocation: the head, then the bytes that came from the publisher.
//!
//! ```text
//! head │ exchange shortstr ‖ routing-key shortstr │ property flags ‖ properties │ body (≤ 4 KiB)
//!      └──────────────── address ────────────────┘ └──────── properties ───────┘
//! ```
//!
//! A larger body stays a chain of slices of the buffers that it arrived in.

use std::time::Duration;

use bytes::Bytes;
use ferrymq_amqp::Properties;
use ferrymq_amqp::content::Property;
use ferrymq_store::Part;
use smallvec::SmallVec;
use triomphe::ThinArc;

/// Bodies up to this many bytes are copied into the message's own allocation: a slice would pin
/// the whole read buffer for as long as the message waits.
pub const SMALL_BODY_BYTES: u64 = 4 * 1024;

/// Bytes in front of a stored message: the lengths of address and properties, and the flags.
pub const STORED_HEAD_BYTES: usize = 7;

/// A message's memory beside its own bytes: its head, and its place in a queue.
const ALLOCATION_BYTES: u64 = 80;

/// Published with delivery mode 2.
const PERSISTENT: u8 = 1;
/// It was dead-lettered, so its death headers are the broker's own; a publisher's count for nothing.
const DIED: u8 = 1 << 1;
/// Its `CC` header routes no more: it was dead-lettered with a key of the queue's.
const CC_SPENT: u8 = 1 << 2;

/// It was published with a time to live of its own.
const EXPIRES: u8 = 1 << 3;

/// What [`Message::from_stored`] was given is not a message.
#[derive(Debug, thiserror::Error)]
#[error("a stored message of {0} bytes is too short for its own lengths")]
pub struct BadStoredMessage(usize);

/// One published message: where it was published to, its properties and its body.
#[derive(Clone)]
pub struct Message(ThinArc<Head, u8>);

struct Head {
    address_len: u16,
    properties_len: u32,
    flags: u8,
    body_len: u64,
    /// The body when it is larger than [`SMALL_BODY_BYTES`], in order.
    large_body: Option<Box<[Bytes]>>,
}

impl Message {
    /// A message with a small body: `bytes` is address, properties and body, one after another.
    #[inline]
    pub fn small(
        bytes: &[u8],
        address_len: usize,
        properties_len: usize,
        persistent: bool,
    ) -> Self {
        Self::with_small_body(bytes, address_len, properties_len, flag(persistent))
    }

    /// A message with a large body: `bytes` is address and properties, `chunks` the body in order.
    pub fn large(bytes: &[u8], address_len: usize, persistent: bool, chunks: Vec<Bytes>) -> Self {
        Self::with_large_body(bytes, address_len, flag(persistent), chunks.into())
    }

    #[inline]
    fn with_small_body(bytes: &[u8], address_len: usize, properties_len: usize, flags: u8) -> Self {
        debug_assert!(address_len + properties_len <= bytes.len());
        let head = Head {
            address_len: address_len as u16,
            properties_len: properties_len as u32,
            flags: flags | expires(bytes, address_len),
            body_len: (bytes.len() - address_len - properties_len) as u64,
            large_body: None,
        };
        Self(ThinArc::from_header_and_slice(head, bytes))
    }

    fn with_large_body(bytes: &[u8], address_len: usize, flags: u8, chunks: Box<[Bytes]>) -> Self {
        debug_assert!(address_len <= bytes.len());
        let head = Head {
            address_len: address_len as u16,
            properties_len: (bytes.len() - address_len) as u32,
            flags: flags | expires(bytes, address_len),
            body_len: chunks.iter().map(|chunk| chunk.len() as u64).sum(),
            large_body: Some(chunks),
        };
        Self(ThinArc::from_header_and_slice(head, bytes))
    }

    /// Exchange and routing key as two short strings, as they stand in `basic.publish`,
    /// `basic.deliver`, `basic.get-ok` and `basic.return`.
    pub fn address(&self) -> &[u8] {
        &self.0.slice[..self.head().address_len as usize]
    }

    /// The exchange that the message was published to, as bytes (checked UTF-8 when it came).
    pub fn exchange(&self) -> &[u8] {
        let address = self.address();
        &address[1..1 + address[0] as usize]
    }

    /// The first routing key, as bytes (checked UTF-8 when it came).
    pub fn routing_key(&self) -> &[u8] {
        let address = self.address();
        &address[2 + address[0] as usize..]
    }

    /// The property flags and properties, as they came.
    pub fn properties(&self) -> &[u8] {
        let head = self.head();
        let start = head.address_len as usize;
        &self.0.slice[start..start + head.properties_len as usize]
    }

    /// Was it published with delivery mode 2?
    pub fn is_persistent(&self) -> bool {
        self.has(PERSISTENT)
    }

    /// Was it dead-lettered? Then its death headers are the broker's own.
    pub fn has_died(&self) -> bool {
        self.has(DIED)
    }

    /// Does its `CC` header, if it has one, count among its routing keys?
    pub fn routes_by_cc(&self) -> bool {
        !self.has(CC_SPENT)
    }

    /// The same message with other properties.
    pub fn with_properties(&self, properties: &[u8]) -> Self {
        let address = self.address();
        let mut bytes = Vec::with_capacity(self.0.slice.len() + properties.len());
        bytes.extend_from_slice(address);
        bytes.extend_from_slice(properties);
        self.rebuilt(bytes, address.len(), self.head().flags)
    }

    /// The same message with another body.
    pub fn with_body(&self, body: Vec<u8>) -> Self {
        let head = self.head();
        let fixed = &self.0.slice[..head.address_len as usize + head.properties_len as usize];
        let (address_len, properties_len) = (head.address_len.into(), head.properties_len as usize);
        if body.len() as u64 <= SMALL_BODY_BYTES {
            let bytes = [fixed, &body].concat();
            return Self::with_small_body(&bytes, address_len, properties_len, head.flags);
        }
        Self::with_large_body(fixed, address_len, head.flags, [body.into()].into())
    }

    /// The same message, as if published to that exchange with that routing key, which are names.
    pub fn readdressed(&self, exchange: &str, routing_key: &str) -> Self {
        let mut bytes = Vec::with_capacity(self.0.slice.len() + exchange.len());
        for text in [exchange, routing_key] {
            let text = &text.as_bytes()[..text.len().min(usize::from(u8::MAX))];
            bytes.push(text.len() as u8);
            bytes.extend_from_slice(text);
        }
        let address_len = bytes.len();
        bytes.extend_from_slice(self.properties());
        self.rebuilt(bytes, address_len, self.head().flags)
    }

    /// The message as its death leaves it: `bytes` is its new address and properties. Its `CC` header
    /// goes on to route if it did and `cc_routes`.
    pub fn dead(&self, bytes: Vec<u8>, address_len: usize, cc_routes: bool) -> Self {
        let spent = if cc_routes { 0 } else { CC_SPENT };
        self.rebuilt(bytes, address_len, self.head().flags | DIED | spent)
    }

    /// The same body behind another address and other properties.
    fn rebuilt(&self, mut bytes: Vec<u8>, address_len: usize, flags: u8) -> Self {
        match self.body() {
            BodyPieces::Small(body) => {
                let properties_len = bytes.len() - address_len;
                bytes.extend_from_slice(body);
                Self::with_small_body(&bytes, address_len, properties_len, flags)
            }
            BodyPieces::Large(chunks) => {
                Self::with_large_body(&bytes, address_len, flags, chunks.into())
            }
        }
    }

    /// The priority that it was published with; none counts as 0.
    pub fn priority(&self) -> u8 {
        let properties = Properties::parse(self.properties()).ok();
        properties
            .and_then(|properties| properties.priority())
            .unwrap_or(0)
    }

    /// Was it published with a time to live of its own?
    #[inline]
    pub fn has_expiration(&self) -> bool {
        self.head().flags & EXPIRES != 0
    }

    /// For one of the first eight properties.
    #[inline]
    fn has_property(&self, property: Property) -> bool {
        let [high, _] = property.flag().to_be_bytes();
        let flags = self.properties().first();
        flags.is_some_and(|flags| flags & high != 0)
    }

    /// Was it published with headers?
    #[inline]
    pub fn has_headers(&self) -> bool {
        self.has_property(Property::Headers)
    }

    /// The time to live that it was published with, which was checked when it came.
    pub fn expiration(&self) -> Option<Duration> {
        if !self.has_expiration() {
            return None;
        }
        let properties = Properties::parse(self.properties()).ok()?;
        let milliseconds = properties.expiration()?.parse().ok()?;
        Some(Duration::from_millis(milliseconds))
    }

    /// When its publisher says that it was published, in seconds since the Unix epoch.
    pub fn timestamp(&self) -> Option<u64> {
        Properties::parse(self.properties()).ok()?.timestamp()
    }

    /// Bytes of the body.
    pub fn body_len(&self) -> u64 {
        self.head().body_len
    }

    /// Bytes of memory that it holds, about.
    pub fn memory_bytes(&self) -> u64 {
        let own = self.0.slice.len() as u64 + ALLOCATION_BYTES;
        match &self.head().large_body {
            Some(_) => own + self.head().body_len,
            None => own,
        }
    }

    /// The body's pieces, in order. A small body is one piece, an empty one none.
    pub fn body(&self) -> BodyPieces<'_> {
        match &self.head().large_body {
            Some(chunks) => BodyPieces::Large(chunks),
            None => {
                let head = self.head();
                let start = head.address_len as usize + head.properties_len as usize;
                BodyPieces::Small(&self.0.slice[start..])
            }
        }
    }

    /// Up to `length` bytes of the body from `offset` on.
    pub fn body_window(&self, offset: usize, length: usize) -> Vec<u8> {
        let mut window = Vec::new();
        let mut skip = offset;
        let mut add = |piece: &[u8]| {
            let (skipped, piece) = piece.split_at(skip.min(piece.len()));
            skip -= skipped.len();
            let most = (length - window.len()).min(piece.len());
            window.extend_from_slice(&piece[..most]);
        };
        match self.body() {
            BodyPieces::Small(bytes) => add(bytes),
            BodyPieces::Large(pieces) => pieces.iter().for_each(|piece| add(piece)),
        }
        window
    }

    /// Hands the parts that the log keeps to `write`.
    pub fn with_stored_parts<R>(&self, write: impl FnOnce(&[Part<'_>]) -> R) -> R {
        let head = self.stored_head();
        let mut parts: SmallVec<[Part<'_>; 2]> = SmallVec::new();
        parts.push(Part::Copied(&head));
        parts.push(Part::Copied(self.own_bytes()));
        parts.extend(self.large_body().iter().map(Part::Shared));
        write(&parts)
    }

    /// Bytes of the body, as the log counts them.
    pub fn content_bytes(&self) -> u32 {
        u32::try_from(self.body_len()).expect("bodies are limited to 512 MiB")
    }

    /// What stands in front of [`Message::own_bytes`] and the large body in the log.
    fn stored_head(&self) -> [u8; STORED_HEAD_BYTES] {
        let head = self.head();
        let mut out = [0; STORED_HEAD_BYTES];
        out[0] = head.flags;
        out[1..3].copy_from_slice(&head.address_len.to_be_bytes());
        out[3..7].copy_from_slice(&head.properties_len.to_be_bytes());
        out
    }

    /// Everything in the message's own allocation: address, properties and a small body.
    pub fn own_bytes(&self) -> &[u8] {
        &self.0.slice
    }

    /// The slices of a large body, in order; none for a small one.
    pub fn large_body(&self) -> &[Bytes] {
        self.head().large_body.as_deref().unwrap_or_default()
    }

    /// The message whose [stored parts](Message::with_stored_parts) were written one after another.
    ///
    /// # Errors
    /// When the lengths in the head go beyond `stored`.
    pub fn from_stored(stored: &Bytes) -> Result<Self, BadStoredMessage> {
        let bad = || BadStoredMessage(stored.len());
        let (head, rest) = stored.split_at_checked(STORED_HEAD_BYTES).ok_or_else(bad)?;
        let flags = head[0];
        let address_len = u16::from_be_bytes([head[1], head[2]]) as usize;
        let properties_len = u32::from_be_bytes([head[3], head[4], head[5], head[6]]) as usize;
        let fixed = address_len + properties_len;
        let body_len = rest.len().checked_sub(fixed).ok_or_else(bad)?;
        if body_len as u64 <= SMALL_BODY_BYTES {
            return Ok(Self::with_small_body(
                rest,
                address_len,
                properties_len,
                flags,
            ));
        }
        // A copy: a slice would pin everything that was read with it.
        let body = Bytes::copy_from_slice(&rest[fixed..]);
        Ok(Self::with_large_body(
            &rest[..fixed],
            address_len,
            flags,
            [body].into(),
        ))
    }

    #[inline]
    fn has(&self, flag: u8) -> bool {
        self.head().flags & flag != 0
    }

    fn head(&self) -> &Head {
        &self.0.header.header
    }
}

/// [`EXPIRES`], if the properties behind the address say so.
#[inline]
fn expires(bytes: &[u8], address_len: usize) -> u8 {
    let [high, _] = Property::Expiration.flag().to_be_bytes();
    match bytes.get(address_len) {
        Some(flags) if flags & high != 0 => EXPIRES,
        _ => 0,
    }
}

fn flag(persistent: bool) -> u8 {
    if persistent { PERSISTENT } else { 0 }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message")
            .field("exchange", &String::from_utf8_lossy(self.exchange()))
            .field("routing_key", &String::from_utf8_lossy(self.routing_key()))
            .field("body_len", &self.body_len())
            .finish_non_exhaustive()
    }
}

/// A message's body: one small piece, or the slices that it arrived in.
#[derive(Clone, Copy)]
pub enum BodyPieces<'a> {
    /// In the message's own allocation.
    Small(&'a [u8]),
    /// A chain of shared slices.
    Large(&'a [Bytes]),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole_body(message: &Message) -> Vec<u8> {
        match message.body() {
            BodyPieces::Small(bytes) => bytes.to_vec(),
            BodyPieces::Large(chunks) => chunks.concat(),
        }
    }

    fn stored(message: &Message) -> Bytes {
        let mut out = message.stored_head().to_vec();
        out.extend_from_slice(message.own_bytes());
        message
            .large_body()
            .iter()
            .for_each(|chunk| out.extend_from_slice(chunk));
        Bytes::from(out)
    }

    #[test]
    fn a_small_message_gives_back_its_parts() {
        let message = Message::small(b"\x02ex\x03keyPPbody", 7, 2, true);
        assert_eq!(message.exchange(), b"ex");
        assert_eq!(message.routing_key(), b"key");
        assert_eq!(message.properties(), b"PP");
        assert_eq!(whole_body(&message), b"body");
        let again = Message::from_stored(&stored(&message)).unwrap();
        assert_eq!(again.own_bytes(), message.own_bytes());
        assert!(again.is_persistent());
    }

    #[test]
    fn a_large_message_survives_storage() {
        let chunks = vec![Bytes::from(vec![1; 3000]), Bytes::from(vec![2; 3000])];
        let message = Message::large(b"\x00\x01kPP", 3, false, chunks);
        assert_eq!(message.body_len(), 6000);
        let again = Message::from_stored(&stored(&message)).unwrap();
        assert_eq!(whole_body(&again), whole_body(&message));
        assert_eq!(again.properties(), b"PP");
        assert!(!again.is_persistent());
    }

    #[test]
    fn a_stored_message_with_lying_lengths_is_refused() {
        assert!(Message::from_stored(&Bytes::from_static(b"\x01\x00")).is_err());
        assert!(
            Message::from_stored(&Bytes::from_static(b"\x01\x00\x09\x00\x00\x00\x09abc")).is_err()
        );
    }
}
