//! The first bytes of a body: whose message it is, and when it was or should have been sent.
//!
//! ```text
//! id u64: producer u16, sequence u48      (from 8 bytes on)
//! time u64: nanoseconds, 0 when not taken (from 16 bytes on)
//! ```

/// Bytes of a whole stamp.
pub(super) const BYTES: usize = 16;

/// Bits of an id that are the sequence.
const SEQUENCE_BITS: u32 = 48;

/// What a message says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) producer: u16,
    pub(super) sequence: u64,
    /// When the message was or should have been sent; 0 when nobody looked.
    pub(super) time: u64,
}

impl Stamp {
    /// Reads the stamp of a body that is long enough to have one.
    #[inline]
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let (id, rest) = body.split_first_chunk()?;
        let id = u64::from_be_bytes(*id);
        let time = rest
            .first_chunk()
            .map_or(0, |time| u64::from_be_bytes(*time));
        Some(Self {
            producer: (id >> SEQUENCE_BITS) as u16,
            sequence: id & ((1 << SEQUENCE_BITS) - 1),
            time,
        })
    }

    /// Writes as much of it as `body` has room for.
    #[inline]
    pub(super) fn write(self, body: &mut [u8]) {
        let id = u64::from(self.producer) << SEQUENCE_BITS | self.sequence;
        if let Some((head, rest)) = body.split_first_chunk_mut() {
            *head = id.to_be_bytes();
            if let Some(head) = rest.first_chunk_mut() {
                *head = self.time.to_be_bytes();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_survive() {
        let stamp = Stamp {
            producer: 65_535,
            sequence: (1 << SEQUENCE_BITS) - 1,
            time: u64::MAX,
        };
        let mut body = [0; 20];
        stamp.write(&mut body);
        assert_eq!(Stamp::read(&body), Some(stamp));
        assert_eq!(Stamp::read(&body[..8]), Some(Stamp { time: 0, ..stamp }));
        assert_eq!(Stamp::read(&body[..7]), None);
    }
}
