//! Frames: cutting them out of what was read, and putting them around what is sent.
//!
//! ```text
//! 0      1         3           7                7 + size
//! +------+---------+-----------+----------------+------+
//! | kind | channel | size      | payload        | 0xCE |
//! | u8   | u16     | u32       | size bytes     | u8   |
//! +------+---------+-----------+----------------+------+
//! ```

/// Octets around a payload: seven in front, one behind.
pub const OVERHEAD: usize = 8;
/// The smallest frame-max that may be negotiated, in bytes, overhead included.
pub const MIN_FRAME_MAX: u32 = 4096;
/// The octet that ends every frame.
pub const END: u8 = 0xCE;

const HEAD: usize = OVERHEAD - 1;

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameKind {
    /// A method and its arguments.
    Method = 1,
    /// The content header of a message.
    Header = 2,
    /// A piece of a message's body.
    Body = 3,
    /// A sign of life, with nothing in it.
    Heartbeat = 8,
}

/// One whole frame, borrowed from the bytes that it was cut from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What the payload is.
    pub kind: FrameKind,
    /// The channel, 0 for the connection itself.
    pub channel: u16,
    /// Everything between head and end octet.
    pub payload: &'a [u8],
}

impl Frame<'_> {
    /// How many bytes the frame took on the wire.
    #[inline]
    pub fn encoded_len(&self) -> usize {
        self.payload.len() + OVERHEAD
    }
}

/// Why bytes are not a frame. There is no way to go on after any of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The first octet names no kind of frame.
    #[error("unknown frame type {0}")]
    UnknownKind(u8),
    /// The head announces a larger payload than allowed.
    #[error("frame payload of {size} bytes is larger than {max} bytes")]
    TooLarge {
        /// Payload bytes announced.
        size: u32,
        /// Payload bytes allowed.
        max: u32,
    },
    /// The payload is not followed by [`END`].
    #[error("frame ends with octet {0:#04x} instead of 0xce")]
    BadEnd(u8),
}

/// Cuts the first frame out of `bytes`; `None` when more bytes are needed.
///
/// A payload of more than `max_payload` bytes is refused as soon as the head announces it.
#[inline]
pub fn decode(bytes: &[u8], max_payload: u32) -> Result<Option<Frame<'_>>, FrameError> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() else {
        return Ok(None);
    };
    let [kind, c0, c1, s0, s1, s2, s3] = *head;
    let kind = match kind {
        1 => FrameKind::Method,
        2 => FrameKind::Header,
        3 => FrameKind::Body,
        8 => FrameKind::Heartbeat,
        other => return Err(FrameError::UnknownKind(other)),
    };
    let size = u32::from_be_bytes([s0, s1, s2, s3]);
    if size > max_payload {
        return Err(FrameError::TooLarge {
            size,
            max: max_payload,
        });
    }
    let Some((payload, after)) = rest.split_at_checked(size as usize) else {
        return Ok(None);
    };
    match after.first() {
        None => Ok(None),
        Some(&END) => Ok(Some(Frame {
            kind,
            channel: u16::from_be_bytes([c0, c1]),
            payload,
        })),
        Some(&other) => Err(FrameError::BadEnd(other)),
    }
}

/// The seven bytes in front of a payload of `size` bytes.
#[inline]
pub fn head(kind: FrameKind, channel: u16, size: u32) -> [u8; HEAD] {
    let [c0, c1] = channel.to_be_bytes();
    let [s0, s1, s2, s3] = size.to_be_bytes();
    [kind as u8, c0, c1, s0, s1, s2, s3]
}

/// Appends a whole frame.
#[inline]
pub fn encode(out: &mut Vec<u8>, kind: FrameKind, channel: u16, payload: &[u8]) {
    out.reserve(payload.len() + OVERHEAD);
    out.extend_from_slice(&head(kind, channel, payload.len() as u32));
    out.extend_from_slice(payload);
    out.push(END);
}

/// Appends one body frame around `payload`, which fits into one.
#[inline]
pub fn encode_body(out: &mut Vec<u8>, channel: u16, payload: &[u8]) {
    encode(out, FrameKind::Body, channel, payload);
}

/// Appends the head of a body frame, for a payload of `size` bytes that is written on its own
/// and must be followed by [`END`].
#[inline]
pub fn encode_body_head(out: &mut Vec<u8>, channel: u16, size: u32) {
    out.extend_from_slice(&head(FrameKind::Body, channel, size));
}

/// Appends a heartbeat.
#[inline]
pub fn encode_heartbeat(out: &mut Vec<u8>) {
    encode(out, FrameKind::Heartbeat, 0, &[]);
}

/// The first eight bytes of a client that speaks AMQP 0-9-1, and the answer to one that does not.
pub const PROTOCOL_HEADER: [u8; 8] = *b"AMQP\x00\x00\x09\x01";

/// What a connection's first eight bytes ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtocolHeader {
    /// AMQP 0-9-1, also by its older name 0-9.
    Amqp091,
    /// AMQP 1.0, with or without SASL.
    Amqp10,
    /// A TLS handshake on a port for plain text.
    Tls,
    /// An HTTP request.
    Http,
    /// Anything else.
    Other,
}

/// Recognises a connection's first eight bytes.
pub fn protocol_header(bytes: &[u8; 8]) -> ProtocolHeader {
    const HTTP: [&[u8]; 7] = [
        b"GET ",
        b"HEAD ",
        b"POST ",
        b"PUT ",
        b"DELETE ",
        b"OPTIONS ",
        b"PRI * HT",
    ];
    match bytes {
        b"AMQP\x00\x00\x09\x01" | b"AMQP\x01\x01\x00\x09" => ProtocolHeader::Amqp091,
        b"AMQP\x03\x01\x00\x00" | b"AMQP\x00\x01\x00\x00" => ProtocolHeader::Amqp10,
        [0x16, 0x03, ..] => ProtocolHeader::Tls,
        _ if HTTP.iter().any(|verb| bytes.starts_with(verb)) => ProtocolHeader::Http,
        _ => ProtocolHeader::Other,
    }
}
