//! The live messages among 128 neighbouring sequences of a queue, and their packed form.
//!
//! ```text
//! packed   per run: the first entry as four varints: slots skipped, then the differences to what the
//!          entry before lets expect of segment, offset and length (zigzag); then a varint: how
//!          many entries follow that are just as expected
//! ```
//!
//! Expected is the next slot, at the end of the entry before, of the same length. A queue that has the log
//! to itself costs a few bytes per block; the worst block stays below 2.5 KiB.

use crate::log::Location;

/// Sequences per block.
pub(crate) const BLOCK_SEQUENCES: u64 = 128;

/// One live message. 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    segment: u32,
    offset: u32,
    length: u32,
    slot: u16,
}

impl Entry {
    fn location(&self) -> Location {
        Location {
            segment: self.segment,
            offset: self.offset,
            length: self.length,
        }
    }
}

/// Some live messages of one queue, ascending.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Block {
    entries: Vec<Entry>,
    /// Whether the checkpoint has a value for this block.
    pub(crate) stored: bool,
    /// Whether it changed since the last checkpoint.
    pub(crate) dirty: bool,
}

impl Block {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The live slots and where their messages lie.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u16, Location)> {
        self.entries
            .iter()
            .map(|entry| (entry.slot, entry.location()))
    }

    pub(crate) fn get(&self, slot: u16) -> Option<Location> {
        let at = self.entries.binary_search_by_key(&slot, |entry| entry.slot);
        at.ok().map(|at| self.entries[at].location())
    }

    /// Adds a message. Returns where it was before, if it was there already.
    pub(crate) fn insert(&mut self, slot: u16, location: Location) -> Option<Location> {
        let Location {
            segment,
            offset,
            length,
        } = location;
        let entry = Entry {
            segment,
            offset,
            length,
            slot,
        };
        if self.entries.last().is_none_or(|last| last.slot < slot) {
            self.entries.push(entry);
            return None;
        }
        match self.entries.binary_search_by_key(&slot, |entry| entry.slot) {
            Ok(at) => Some(std::mem::replace(&mut self.entries[at], entry).location()),
            Err(at) => {
                self.entries.insert(at, entry);
                None
            }
        }
    }

    /// Takes out the messages from slot `first` to slot `last`, and hands each to `removed`.
    pub(crate) fn remove(&mut self, first: u16, last: u16, mut removed: impl FnMut(u16, Location)) {
        let from = self.entries.partition_point(|entry| entry.slot < first);
        let to = from + self.entries[from..].partition_point(|entry| entry.slot <= last);
        for entry in self.entries.drain(from..to) {
            removed(entry.slot, entry.location());
        }
    }

    /// Keeps the messages which `keep` wants.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(u16, Location) -> bool) {
        self.entries
            .retain(|entry| keep(entry.slot, entry.location()));
    }

    /// Returns memory that is not needed.
    pub(crate) fn shrink(&mut self) {
        if self.entries.capacity() > 2 * self.entries.len() {
            self.entries.shrink_to_fit();
        }
    }

    /// The packed form.
    pub(crate) fn pack(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16);
        let mut expected = Expected::default();
        let mut entries = self.entries.iter().peekable();
        while let Some(entry) = entries.next() {
            expected.put_difference(&mut out, entry);
            expected = Expected::after(entry);
            let mut run = 0;
            while let Some(next) = entries.next_if(|next| expected.is(next)) {
                expected = Expected::after(next);
                run += 1;
            }
            put_varint(&mut out, run);
        }
        out
    }

    /// The block that was packed; `None` if the bytes make no sense.
    pub(crate) fn unpack(mut bytes: &[u8]) -> Option<Self> {
        let mut entries = Vec::new();
        let mut expected = Expected::default();
        while !bytes.is_empty() {
            let entry = expected.take_difference(&mut bytes)?;
            let run = take_varint(&mut bytes)?;
            entries.push(entry);
            expected = Expected::after(&entry);
            if run >= BLOCK_SEQUENCES {
                return None;
            }
            for _ in 0..run {
                let entry = expected.entry()?;
                entries.push(entry);
                expected = Expected::after(&entry);
            }
        }
        let block = Self {
            entries,
            stored: true,
            dirty: false,
        };
        let slots_fit = block
            .entries
            .last()
            .is_none_or(|last| u64::from(last.slot) < BLOCK_SEQUENCES);
        slots_fit.then_some(block)
    }
}

/// What an entry is expected to be, from the one before it.
#[derive(Debug, Clone, Copy, Default)]
struct Expected {
    slot: i64,
    segment: i64,
    offset: i64,
    length: i64,
}

impl Expected {
    fn after(entry: &Entry) -> Self {
        Self {
            slot: i64::from(entry.slot) + 1,
            segment: i64::from(entry.segment),
            offset: i64::from(entry.offset) + i64::from(entry.length),
            length: i64::from(entry.length),
        }
    }

    fn is(&self, entry: &Entry) -> bool {
        self.slot == i64::from(entry.slot)
            && self.segment == i64::from(entry.segment)
            && self.offset == i64::from(entry.offset)
            && self.length == i64::from(entry.length)
    }

    fn entry(&self) -> Option<Entry> {
        Some(Entry {
            segment: self.segment.try_into().ok()?,
            offset: self.offset.try_into().ok()?,
            length: self.length.try_into().ok()?,
            slot: self.slot.try_into().ok()?,
        })
    }

    fn put_difference(&self, out: &mut Vec<u8>, entry: &Entry) {
        put_varint(out, (i64::from(entry.slot) - self.slot).unsigned_abs());
        put_varint(out, zigzag(i64::from(entry.segment) - self.segment));
        put_varint(out, zigzag(i64::from(entry.offset) - self.offset));
        put_varint(out, zigzag(i64::from(entry.length) - self.length));
    }

    fn take_difference(&self, bytes: &mut &[u8]) -> Option<Entry> {
        let skipped = i64::try_from(take_varint(bytes)?).ok()?;
        let expected = Self {
            slot: self.slot.checked_add(skipped)?,
            segment: self.segment.checked_add(unzigzag(take_varint(bytes)?))?,
            offset: self.offset.checked_add(unzigzag(take_varint(bytes)?))?,
            length: self.length.checked_add(unzigzag(take_varint(bytes)?))?,
        };
        expected.entry()
    }
}

fn zigzag(number: i64) -> u64 {
    (number.wrapping_shl(1) ^ (number >> 63)).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn block(entries: impl IntoIterator<Item = (u16, Location)>) -> Block {
        let mut block = Block {
            stored: true,
            ..Block::default()
        };
        for (slot, location) in entries {
            block.insert(slot, location);
        }
        block
    }

    #[test]
    fn neighbours_in_the_log_pack_to_a_few_bytes() {
        let neighbours = (0..128).map(|slot| {
            let offset = 32 + u32::from(slot) * 1052;
            (
                slot,
                Location {
                    segment: 9,
                    offset,
                    length: 1052,
                },
            )
        });
        let block = block(neighbours);
        let packed = block.pack();
        assert!(packed.len() < 10, "{} bytes", packed.len());
        assert_eq!(Block::unpack(&packed), Some(block));
    }

    #[test]
    fn the_worst_block_fits_a_value() {
        let worst = (0..128).map(|slot| {
            let edge = if slot % 2 == 0 { 0 } else { u32::MAX };
            (
                slot,
                Location {
                    segment: edge,
                    offset: edge,
                    length: edge,
                },
            )
        });
        let packed = block(worst).pack();
        assert!(packed.len() < 2560, "{} bytes", packed.len());
    }

    #[test]
    fn insertion_keeps_the_order() {
        let at = |offset| Location {
            segment: 1,
            offset,
            length: 10,
        };
        let mut block = block([(5, at(50)), (3, at(30)), (9, at(90))]);
        assert_eq!(block.insert(3, at(31)), Some(at(30)));
        let mut removed = Vec::new();
        block.remove(3, 5, |slot, location| removed.push((slot, location.offset)));
        assert_eq!(removed, [(3, 31), (5, 50)]);
        assert_eq!(block.get(9), Some(at(90)));
        assert_eq!(block.get(5), None);
    }

    proptest! {
        #[test]
        fn packing_is_lossless(entries in prop::collection::btree_map(
            0..128_u16, (any::<u32>(), any::<u32>(), any::<u32>()), 0..128)
        ) {
            let entries = entries.into_iter().map(|(slot, (segment, offset, length))| {
                (slot, Location { segment, offset, length })
            });
            let block = block(entries);
            prop_assert_eq!(Block::unpack(&block.pack()), Some(block));
        }

        #[test]
        fn garbage_is_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            Block::unpack(&bytes);
        }
    }
}
