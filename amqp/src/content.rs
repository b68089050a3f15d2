//! The content header of a message, and its body in frames.
//!
//! ```text
//! header payload   class u16, weight u16 (0), body size u64, properties
//! properties       flags u16, then the values of the properties whose flag is set
//! ```
//!
//! Properties travel through a broker as the bytes that came; [`Properties`] looks into them when asked.

mod compose;
mod properties;
mod rewrite;

pub use compose::{PropertyValue, compose, with_only_headers};
pub use properties::{Properties, Property};
pub use rewrite::{
    append_without_expiration, with_expiration, with_header, with_reply_to, without_expiration,
    without_header,
};

use crate::Malformed;
use crate::frame::{self, END, FrameKind, MIN_FRAME_MAX, OVERHEAD};
use crate::reader::Reader;

/// The class of every message's content.
pub const BASIC_CLASS: u16 = 60;
/// Properties of a message that has none.
pub const NO_PROPERTIES: &[u8] = &[0, 0];

/// Bytes of a header's payload in front of the properties.
const FIXED: usize = 12;

/// What stands between a method that carries content and its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentHeader<'a> {
    /// The class of the method that carries the content.
    pub class_id: u16,
    /// Bytes of all body frames together.
    pub body_size: u64,
    /// Flags and values as they came, not looked at.
    pub properties: &'a [u8],
}

/// Why a content header does not decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// Not even a body size and property flags.
    #[error("content header of {0} bytes")]
    TooShort(usize),
    /// A property has no valid value.
    #[error("malformed property {property}: {why}")]
    Property {
        /// The name of the property.
        property: &'static str,
        /// What is wrong.
        why: Malformed,
    },
    /// The properties as a whole are wrong.
    #[error("malformed properties: {0}")]
    Properties(Malformed),
}

impl<'a> ContentHeader<'a> {
    /// Splits the payload of a header frame. Properties are not looked at: see [`Properties::parse`].
    #[inline]
    pub fn decode(payload: &'a [u8]) -> Result<Self, ContentError> {
        let fields = |mut reader: Reader<'a>| {
            let class_id = reader.u16()?;
            reader.u16()?;
            let body_size = reader.u64()?;
            let properties = reader.0;
            reader.u16()?;
            Ok(Self {
                class_id,
                body_size,
                properties,
            })
        };
        fields(Reader(payload)).map_err(|_: Malformed| ContentError::TooShort(payload.len()))
    }
}

/// Appends a header frame. `properties` are flags and values.
#[inline]
pub fn encode_header(out: &mut Vec<u8>, channel: u16, body_size: u64, properties: &[u8]) {
    let size = FIXED + properties.len();
    let mut head = [0; OVERHEAD - 1 + FIXED];
    head[..7].copy_from_slice(&frame::head(FrameKind::Header, channel, size as u32));
    head[7..9].copy_from_slice(&BASIC_CLASS.to_be_bytes());
    head[11..].copy_from_slice(&body_size.to_be_bytes());
    out.reserve(size + OVERHEAD);
    out.extend_from_slice(&head);
    out.extend_from_slice(properties);
    out.push(END);
}

/// The largest payload in frames of at most `frame_max` bytes; 0 means no limit.
#[inline]
pub fn max_payload(frame_max: u32) -> usize {
    match frame_max {
        0 => u32::MAX as usize - OVERHEAD,
        _ => frame_max.max(MIN_FRAME_MAX) as usize - OVERHEAD,
    }
}

/// Appends a header frame and as many body frames as `body` needs: none when it is empty.
#[inline]
pub fn encode_content(
    out: &mut Vec<u8>,
    channel: u16,
    frame_max: u32,
    properties: &[u8],
    body: &[u8],
) {
    let max = max_payload(frame_max);
    let frames = 1 + body.len().div_ceil(max);
    out.reserve(FIXED + properties.len() + body.len() + frames * OVERHEAD);
    encode_header(out, channel, body.len() as u64, properties);
    for piece in body.chunks(max) {
        frame::encode_body(out, channel, piece);
    }
}
