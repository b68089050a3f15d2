//! Message bodies that say who they are: number, length, and a pattern that follows from both.
//!
//! ```text
//! number u64, length u32, pattern …
//! ```

/// A message's number, never used twice in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MessageId(pub(crate) u64);

/// The shortest body there is.
pub(crate) const HEAD_BYTES: usize = 12;

/// The body of a message.
pub(crate) fn body(id: MessageId, length: usize) -> Vec<u8> {
    let mut body = head(id, length).to_vec();
    let mut state = (id.0 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    while body.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        body.extend_from_slice(&state.to_le_bytes());
    }
    body.truncate(length);
    body
}

/// The first bytes of a message's body, which no other body contains.
pub(crate) fn head(id: MessageId, length: usize) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    head[..8].copy_from_slice(&(id.0 | 0xB0D7 << 48).to_le_bytes());
    head[8..].copy_from_slice(&(length as u32).to_le_bytes());
    head
}

/// The message that a body belongs to; `None` if a single byte of it differs from what was sent.
pub(crate) fn identify(bytes: &[u8]) -> Option<MessageId> {
    let number = u64::from_le_bytes(*bytes.first_chunk()?);
    let id = MessageId(number & !(0xFFFF << 48));
    (bytes.len() >= HEAD_BYTES && body(id, bytes.len()) == bytes).then_some(id)
}
