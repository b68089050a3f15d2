//! What a restart must know of a window: one small definition per place of its ring.
//!
//! ```text
//! key     kind u8, then whose: 0, queue u64, 0 u64; or 1, digest 2 × u64; then place u32; big-endian
//! value   number u64, digest 2 × u64, expires at u64; little-endian
//! ```

use ferrymq_store::{Change, CommitPoint, Durability, QueueId, Store};

use super::value::Value;
use crate::clock::Timestamp;

/// Beside the kinds of other definitions, which begin at 1.
const KIND: u8 = 64;
/// Bytes in front of the place in a key.
const PREFIX_BYTES: usize = 18;
/// Bytes of an encoded slot.
const SLOT_BYTES: usize = 32;
/// So many changes at most are one record.
const RECORD_CHANGES: usize = 4096;

/// Whose window it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A durable queue.
    Queue(QueueId),
    /// A durable exchange, by the digest of its name and its vhost's.
    Exchange([u64; 2]),
}

impl Owner {
    /// The exchange `name` of `vhost`.
    pub fn exchange(vhost: &str, name: &str) -> Self {
        let Value(digest) = Value::of_names(vhost, name);
        Self::Exchange(digest)
    }

    fn prefix(self) -> [u8; PREFIX_BYTES] {
        let (tag, [low, high]) = match self {
            Self::Queue(QueueId(id)) => (0, [id, 0]),
            Self::Exchange(digest) => (1, digest),
        };
        let mut out = [KIND, tag, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        out[2..10].copy_from_slice(&low.to_be_bytes());
        out[10..].copy_from_slice(&high.to_be_bytes());
        out
    }

    fn of_prefix(prefix: &[u8]) -> Option<Self> {
        let [KIND, tag, numbers @ ..] = prefix else {
            return None;
        };
        let (&[low, high], []) = numbers.as_chunks::<8>() else {
            return None;
        };
        let [low, high] = [low, high].map(u64::from_be_bytes);
        match tag {
            0 => Some(Self::Queue(QueueId(low))),
            1 => Some(Self::Exchange([low, high])),
            _ => None,
        }
    }
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

/// What the log is to be told of the slots of one window.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SlotChanges {
    /// These places hold nothing any more.
    pub removed: Vec<u32>,
    /// Then these are to be written.
    pub put: Vec<Slot>,
}

impl SlotChanges {
    /// Is there nothing to tell?
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.put.is_empty()
    }

    /// Adds later changes of what has not changed yet.
    pub fn extend(&mut self, later: Self) {
        self.removed.extend(later.removed);
        self.put.extend(later.put);
    }
}

impl Slot {
    /// What is stored at its place.
    fn encode(self) -> [u8; SLOT_BYTES] {
        let Value([low, high]) = self.value;
        let fields = [self.number, low, high, self.expires_at.as_millis()];
        let mut out = [0; SLOT_BYTES];
        for (bytes, field) in out.chunks_exact_mut(8).zip(fields) {
            bytes.copy_from_slice(&field.to_le_bytes());
        }
        out
    }

    /// What was stored at `place`; `None` when it is something else.
    fn decode(place: u32, bytes: &[u8]) -> Option<Self> {
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

/// Appends changes of one window's slots behind the messages that are in the log by now; gives the point at
/// which they are on disk.
pub fn log(
    store: &Store,
    owner: Owner,
    changes: &SlotChanges,
    durability: Durability,
) -> CommitPoint {
    let prefix = owner.prefix();
    let key = |place: u32| [&prefix[..], &place.to_be_bytes()].concat();
    let removed = changes.removed.iter().map(|place| (key(*place), None));
    let put = changes.put.iter();
    let put = put.map(|slot| (key(slot.place), Some(slot.encode())));
    let entries: Vec<_> = removed.chain(put).collect();
    let changes = entries.iter().map(|(key, value)| match value {
        Some(value) => Change::Put { key, value },
        None => Change::Remove { key },
    });
    let changes: Vec<_> = changes.collect();
    store.append_with(|log| {
        for changes in changes.chunks(RECORD_CHANGES) {
            log.follow(changes, durability);
        }
    })
}

/// The slot that a stored definition is, and whose it is; `None` when it is something else.
pub fn stored(key: &[u8], value: &[u8]) -> Option<(Owner, Slot)> {
    let (prefix, place) = key.split_last_chunk()?;
    let owner = Owner::of_prefix(prefix)?;
    Some((owner, Slot::decode(u32::from_be_bytes(*place), value)?))
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
        for owner in [Owner::Queue(QueueId(9)), Owner::exchange("/", "x")] {
            let key = [&owner.prefix()[..], &[0, 0, 0, 7]].concat();
            assert_eq!(stored(&key, &slot.encode()), Some((owner, slot)));
            assert_eq!(stored(&key[1..], &slot.encode()), None);
        }
        assert_eq!(Slot::decode(7, &slot.encode()[1..]), None);
        assert_eq!(Slot::decode(7, b""), None);
    }
}
