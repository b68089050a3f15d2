//! What a restart must know of a window: one small definition per place of its ring.
//!
//! ```text
//! value   number u64, digest 2 × u64, expires at u64; little-endian
//! ```

use ferrymq_store::QueueId;

use super::value::Value;
use crate::clock::Timestamp;

/// Bytes of an encoded slot.
pub const SLOT_BYTES: usize = 32;

/// Whose window it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A durable queue.
    Queue(QueueId),
    /// A durable exchange.
    Exchange {
        /// Its vhost.
        vhost: Box<str>,
        /// Its name.
        name: Box<str>,
    },
}

/// A value at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The place in the ring.
    pub place: u32,
    /// Ascending with every value of the window.
    pub number: u64,
    /// The value.
    pub value: Value,
    /// Until then it counts.
    pub expires_at: Timestamp,
}

impl Slot {
    /// What is stored at its place.
    pub fn encode(&self) -> [u8; SLOT_BYTES] {
        let Value([low, high]) = self.value;
        let fields = [self.number, low, high, self.expires_at.as_millis()];
        let mut out = [0; SLOT_BYTES];
        for (bytes, field) in out.chunks_exact_mut(8).zip(fields) {
            bytes.copy_from_slice(&field.to_le_bytes());
        }
        out
    }

    /// What was stored at `place`; `None` when it is something else.
    pub fn decode(place: u32, bytes: &[u8]) -> Option<Self> {
        let (fields, []) = bytes.as_chunks::<8>() else {
            return None;
        };
        let &[number, low, high, expires_at] = fields else {
            return None;
        };
        Some(Self {
            place,
            number: u64::from_le_bytes(number),
            value: Value([u64::from_le_bytes(low), u64::from_le_bytes(high)]),
            expires_at: Timestamp::from_millis(u64::from_le_bytes(expires_at)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_comes_back() {
        let slot = Slot {
            place: 7,
            number: 1 << 40,
            value: Value([3, u64::MAX]),
            expires_at: Timestamp::NEVER,
        };
        assert_eq!(Slot::decode(7, &slot.encode()), Some(slot));
        assert_eq!(Slot::decode(7, &slot.encode()[1..]), None);
        assert_eq!(Slot::decode(7, b""), None);
    }
}
