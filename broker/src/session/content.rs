//! Method, header and bodies become a message.
//!
//! ```text
//! idle ──basic.publish──▶ header expected ──header──▶ body expected ──last body──▶ a message
//!                               └── body size 0 ──────────────────────────────────────▲
//! ```

use bytes::{Bytes, BytesMut};
use ferrymq_amqp::content::BASIC_CLASS;
use ferrymq_amqp::{ContentHeader, Properties};

use crate::error::Error;
use crate::message::{Message, SMALL_BODY_BYTES};

/// No body may announce more, whatever is configured (RabbitMQ's hard limit).
const MAX_BODY_BYTES: u64 = 512 * 1024 * 1024;

/// A body frame with at least this many bytes stays a slice of the read buffer.
pub const SHARED_BODY_BYTES: usize = 4 * 1024;

/// A published message, and how it was published.
pub struct Published {
    /// The message as it came.
    pub message: Message,
    /// Return it when it reaches no queue.
    pub mandatory: bool,
    /// It has properties beyond delivery mode, priority and the like, which need a look.
    pub needs_look: bool,
}

/// Assembles the contents of one channel.
#[derive(Default)]
pub struct Content {
    expected: Expected,
    mandatory: bool,
    needs_look: bool,
    persistent: bool,
    /// Address, properties and a small body, as the message will hold them.
    bytes: Vec<u8>,
    address_len: usize,
    properties_len: usize,
    large: LargeBody,
    /// Body bytes still to come.
    missing: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Expected {
    #[default]
    Method,
    Header,
    Body,
    LargeBody,
}

impl Content {
    /// A method came: is that in turn?
    ///
    /// # Errors
    /// 505 when a header or body is expected.
    #[inline]
    pub fn expect_method(&self) -> Result<(), Error> {
        match self.expected {
            Expected::Method => Ok(()),
            Expected::Header => Err(unexpected("expected content header, got method")),
            Expected::Body | Expected::LargeBody => {
                Err(unexpected("expected content body, got method"))
            }
        }
    }

    /// Begins a message to `address`, which is exchange and routing key as on the wire. `spare` is
    /// a buffer to use, and is empty afterwards.
    #[inline]
    pub fn begin(&mut self, address: &[u8], mandatory: bool, spare: &mut Vec<u8>) {
        self.bytes = std::mem::take(spare);
        self.bytes.clear();
        self.bytes.extend_from_slice(address);
        self.address_len = address.len();
        self.mandatory = mandatory;
        self.expected = Expected::Header;
    }

    /// Takes the header; gives the message when its body is empty.
    ///
    /// # Errors
    /// 505 out of turn or of another class, 501 for malformed properties or an absurd size, 406
    /// when the body announces more than `max_message_bytes`: at once, not after it has come.
    #[inline]
    pub fn header(&mut self, payload: &[u8], max_message_bytes: u64) -> Result<bool, Error> {
        if self.expected != Expected::Header {
            return Err(unexpected("got an unexpected content header"));
        }
        let frame_error = |why: ferrymq_amqp::ContentError| Error::Frame(why.to_string());
        let header = ContentHeader::decode(payload).map_err(frame_error)?;
        if header.class_id != BASIC_CLASS {
            return Err(unexpected(
                "content header of another class than the method",
            ));
        }
        let size = header.body_size;
        if size > MAX_BODY_BYTES {
            return Err(Error::Frame(format!("content body of {size} bytes")));
        }
        let properties = Properties::parse(header.properties).map_err(frame_error)?;
        if size > max_message_bytes {
            let max = max_message_bytes;
            return Err(Error::MessageTooLarge { size, max });
        }
        self.persistent = properties.is_persistent();
        self.needs_look = properties.flags() & NEEDS_LOOK != 0;
        self.bytes.extend_from_slice(header.properties);
        self.properties_len = header.properties.len();
        self.missing = size;
        self.expected = if size <= SMALL_BODY_BYTES {
            Expected::Body
        } else {
            Expected::LargeBody
        };
        Ok(size == 0)
    }

    /// Takes a piece of the body that can be borrowed only; tells whether it was the last one.
    ///
    /// # Errors
    /// 505 out of turn, 501 when it goes beyond the announced size.
    #[inline]
    pub fn body(&mut self, payload: &[u8]) -> Result<bool, Error> {
        self.count_body(payload.len())?;
        match self.expected {
            Expected::LargeBody => self.large.copy(payload),
            _ => self.bytes.extend_from_slice(payload),
        }
        Ok(self.missing == 0)
    }

    /// Takes a piece of the body as a slice of the read buffer, like [`Content::body`].
    ///
    /// # Errors
    /// As [`Content::body`].
    pub fn shared_body(&mut self, payload: Bytes) -> Result<bool, Error> {
        self.count_body(payload.len())?;
        match self.expected {
            Expected::LargeBody => self.large.share(payload),
            _ => self.bytes.extend_from_slice(&payload),
        }
        Ok(self.missing == 0)
    }

    /// The message, once all of it has come. Its buffer goes back to `spare`.
    #[inline]
    pub fn finish(&mut self, spare: &mut Vec<u8>) -> Published {
        debug_assert!(self.missing == 0);
        let (address_len, persistent) = (self.address_len, self.persistent);
        let message = match self.expected {
            Expected::LargeBody => {
                Message::large(&self.bytes, address_len, persistent, self.large.take())
            }
            _ => Message::small(&self.bytes, address_len, self.properties_len, persistent),
        };
        self.expected = Expected::Method;
        *spare = std::mem::take(&mut self.bytes);
        Published {
            message,
            mandatory: self.mandatory,
            needs_look: self.needs_look,
        }
    }

    #[inline]
    fn count_body(&mut self, len: usize) -> Result<(), Error> {
        if !matches!(self.expected, Expected::Body | Expected::LargeBody) {
            return Err(unexpected("got an unexpected content body"));
        }
        self.missing = self
            .missing
            .checked_sub(len as u64)
            .ok_or_else(|| Error::Frame("content body larger than announced".into()))?;
        Ok(())
    }
}

/// Flags of the properties that publishing must look at: headers (CC, BCC, and whatever the
/// exchange routes by), reply-to, expiration, user-id.
const NEEDS_LOOK: u16 = 1 << 13 | 1 << 9 | 1 << 8 | 1 << 4;

fn unexpected(what: &str) -> Error {
    Error::UnexpectedFrame(what.into())
}

/// A body in pieces: long ones as slices of read buffers, short ones copied together.
#[derive(Default)]
struct LargeBody {
    chunks: Vec<Bytes>,
    /// Invariant: comes after all of `chunks`.
    copied: BytesMut,
}

impl LargeBody {
    fn copy(&mut self, payload: &[u8]) {
        self.copied.extend_from_slice(payload);
    }

    fn share(&mut self, payload: Bytes) {
        self.seal();
        self.chunks.push(payload);
    }

    fn take(&mut self) -> Vec<Bytes> {
        self.seal();
        std::mem::take(&mut self.chunks)
    }

    fn seal(&mut self) {
        if !self.copied.is_empty() {
            self.chunks.push(self.copied.split().freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::BodyPieces;

    const ADDRESS: &[u8] = b"\x00\x01q";

    fn header(size: u64) -> Vec<u8> {
        let mut payload = vec![0, 60, 0, 0];
        payload.extend_from_slice(&size.to_be_bytes());
        payload.extend_from_slice(&[0x10, 0x00, 2]);
        payload
    }

    fn begun(size: u64) -> Content {
        let mut content = Content::default();
        content.begin(ADDRESS, true, &mut Vec::new());
        assert_eq!(content.header(&header(size), u64::MAX).unwrap(), size == 0);
        content
    }

    fn body(message: &Message) -> Vec<u8> {
        match message.body() {
            BodyPieces::Small(bytes) => bytes.to_vec(),
            BodyPieces::Large(chunks) => chunks.concat(),
        }
    }

    #[test]
    fn a_body_may_come_in_any_pieces() {
        let mut content = begun(4);
        assert!(!content.body(b"").unwrap());
        assert!(!content.body(b"abc").unwrap());
        assert!(content.body(b"d").unwrap());
        let published = content.finish(&mut Vec::new());
        assert_eq!(body(&published.message), b"abcd");
        assert!(published.mandatory && published.message.is_persistent());
        assert!(content.expect_method().is_ok());
    }

    #[test]
    fn a_large_body_keeps_its_order() {
        let mut content = begun(10_003);
        content.body(b"a").unwrap();
        content.shared_body(Bytes::from(vec![b'b'; 5_000])).unwrap();
        content.body(b"c").unwrap();
        content.body(b"d").unwrap();
        assert!(content.shared_body(Bytes::from(vec![b'e'; 5_000])).unwrap());
        let message = content.finish(&mut Vec::new()).message;
        let body = body(&message);
        assert_eq!(body.len(), 10_003);
        assert_eq!(body[5_001..5_003], *b"cd");
    }

    #[test]
    fn frames_out_of_turn_are_refused() {
        let mut content = Content::default();
        assert!(content.body(b"x").is_err());
        assert!(content.header(&header(1), 9).is_err());
        content.begin(ADDRESS, true, &mut Vec::new());
        assert!(content.expect_method().is_err());
        assert!(matches!(content.body(b"x"), Err(Error::UnexpectedFrame(_))));
        assert!(matches!(
            content.header(&header(10), 9),
            Err(Error::MessageTooLarge { size: 10, max: 9 })
        ));
        assert!(matches!(begun(3).body(b"1234"), Err(Error::Frame(_))));
    }
}
