//! The packed form of a block, in memory and in the checkpoint: runs of messages, not messages.
//!
//! ```text
//! packed   runs, ascending. Per run: flags u8, then for each flag, in this order, a varint
//!            1 slots skipped since the run before
//!            2 difference of the segment (zigzag); the record is then expected at offset 0, else
//!              behind the record before, at the distance that is called gap
//!            4 difference to the expected offset (zigzag)
//!            8 difference of the record's length (zigzag)
//!           16 difference of what the record has beside its content (zigzag)
//!           32 no varint: the difference of the offset goes into the gap
//!           64 how many messages follow which are just as expected
//! ```
//!
//! The first run is told as the difference to zeros. A queue that has the log to itself costs a few bytes
//! per block, and so does one of many which take turns: its records lie at a constant distance.
//! Records of any length are 3 bytes each; the worst block stays below 3 KiB.

use super::block::BLOCK_SEQUENCES;
use crate::log::Location;

const SKIPPED: u8 = 1;
const SEGMENT: u8 = 2;
const OFFSET: u8 = 4;
const LENGTH: u8 = 8;
const OVERHEAD: u8 = 16;
const GAP: u8 = 32;
const FOLLOWED: u8 = 64;

/// No two ends and offsets of 32 bits are farther apart.
const GAP_MAX: i64 = 1 << 33;

/// One live message. 20 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) location: Location,
    /// How many bytes of it count as content.
    pub(crate) content_bytes: u32,
    /// Its place in the block.
    pub(crate) slot: u8,
}

/// Messages of neighbouring slots, of the same length, in one segment at equal distances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// The first message.
    pub(crate) first: Entry,
    pub(crate) messages: u8,
    /// From one record's offset to the next.
    stride: i64,
}

impl Run {
    pub(crate) fn of_one(entry: Entry) -> Self {
        Self {
            first: entry,
            messages: 1,
            stride: 0,
        }
    }

    /// The slot behind the last message.
    pub(crate) fn end(&self) -> u8 {
        self.first.slot + self.messages
    }

    /// Bytes of all records.
    pub(crate) fn record_bytes(&self) -> u64 {
        u64::from(self.messages) * u64::from(self.first.location.length)
    }

    /// Bytes of all contents.
    pub(crate) fn content_bytes(&self) -> u64 {
        u64::from(self.messages) * u64::from(self.first.content_bytes)
    }

    /// Where the records end in their segment.
    pub(crate) fn end_offset(&self) -> u64 {
        let last = self.offset(self.messages - 1).max(self.offset(0));
        u64::from(last) + u64::from(self.first.location.length)
    }

    /// Where the message at `slot` lies, if it belongs to the run.
    pub(crate) fn locate(&self, slot: u8) -> Option<Location> {
        let belongs = (self.first.slot..self.end()).contains(&slot);
        belongs.then(|| self.location(slot - self.first.slot))
    }

    /// The messages, one by one.
    pub(crate) fn entries(self) -> impl Iterator<Item = Entry> {
        (0..self.messages).map(move |message| Entry {
            location: self.location(message),
            slot: self.first.slot + message,
            ..self.first
        })
    }

    fn location(&self, message: u8) -> Location {
        Location {
            offset: self.offset(message),
            ..self.first.location
        }
    }

    fn offset(&self, message: u8) -> u32 {
        let offset = i64::from(self.first.location.offset) + i64::from(message) * self.stride;
        u32::try_from(offset).expect("checked when the run was made")
    }
}

/// What the next message is expected to be, from those before it.
#[derive(Debug, Clone, Copy, Default)]
struct Expected {
    slot: i64,
    segment: i64,
    /// The end of the record before, in that segment.
    offset: i64,
    /// From there to the next.
    gap: i64,
    length: i64,
    overhead: i64,
}

impl Expected {
    /// Whether the next message in the same segment is as expected.
    fn is(&self, entry: &Entry) -> bool {
        self.slot == i64::from(entry.slot)
            && self.segment == i64::from(entry.location.segment)
            && self.offset + self.gap == i64::from(entry.location.offset)
            && self.length == i64::from(entry.location.length)
            && self.overhead == overhead(entry)
    }

    /// What comes after this message is now expected.
    fn step(&mut self, entry: &Entry) {
        let Location {
            segment,
            offset,
            length,
        } = entry.location;
        self.slot = i64::from(entry.slot) + 1;
        self.segment = i64::from(segment);
        self.length = i64::from(length);
        self.offset = i64::from(offset) + self.length;
        self.overhead = overhead(entry);
    }

    /// Appends how a run's first message differs. `next` is the message behind it.
    fn put_first(&mut self, out: &mut Vec<u8>, entry: &Entry, next: Option<&Entry>) {
        let at = out.len();
        out.push(0);
        let mut flags = 0;
        let mut put = |flag, number: u64| {
            if number != 0 {
                flags |= flag;
                put_varint(out, number);
            }
        };
        let Location {
            segment,
            offset,
            length,
        } = entry.location;
        put(SKIPPED, (i64::from(entry.slot) - self.slot).cast_unsigned());
        let other_segment = i64::from(segment) - self.segment;
        put(SEGMENT, zigzag(other_segment));
        let expected = if other_segment == 0 {
            self.offset + self.gap
        } else {
            0
        };
        let moved = i64::from(offset) - expected;
        put(OFFSET, zigzag(moved));
        put(LENGTH, zigzag(i64::from(length) - self.length));
        put(OVERHEAD, zigzag(overhead(entry) - self.overhead));
        self.step(entry);
        let fits = |next: &Entry| {
            let gap = i64::from(next.location.offset) - self.offset;
            next.location.segment == segment && gap == self.gap + moved
        };
        if moved != 0 && other_segment == 0 && next.is_some_and(fits) {
            flags |= GAP;
            self.gap += moved;
        }
        out[at] = flags;
    }

    /// Reads the next run.
    fn take_run(&mut self, bytes: &mut &[u8]) -> Option<Run> {
        let (&flags, rest) = bytes.split_first()?;
        *bytes = rest;
        let mut take = |flag| {
            let number = (flags & flag != 0).then(|| take_varint(bytes));
            number.map_or(Some(0), |number| number)
        };
        self.slot = self.slot.checked_add_unsigned(take(SKIPPED)?)?;
        let other_segment = unzigzag(take(SEGMENT)?);
        self.segment = self.segment.checked_add(other_segment)?;
        let moved = unzigzag(take(OFFSET)?);
        let expected = if other_segment == 0 {
            self.offset + self.gap
        } else {
            0
        };
        let offset = u32::try_from(expected.checked_add(moved)?).ok()?;
        self.length = self.length.checked_add(unzigzag(take(LENGTH)?))?;
        self.overhead = self.overhead.checked_add(unzigzag(take(OVERHEAD)?))?;
        if flags & GAP != 0 {
            self.gap = self.gap.checked_add(moved)?;
            if !(-GAP_MAX..=GAP_MAX).contains(&self.gap) {
                return None;
            }
        }
        let messages = u8::try_from(take(FOLLOWED)?.checked_add(1)?).ok()?;
        let run = self.run(offset, messages)?;
        self.slot += i64::from(messages);
        self.offset = i64::from(run.offset(messages - 1)) + self.length;
        Some(run)
    }

    /// The run of so many messages from `offset` on, if there is such a thing.
    fn run(&self, offset: u32, messages: u8) -> Option<Run> {
        let location = Location {
            segment: self.segment.try_into().ok()?,
            offset,
            length: self.length.try_into().ok()?,
        };
        let content_bytes = self.length.checked_sub(self.overhead)?.try_into().ok()?;
        let stride = self.length + self.gap;
        let last = i64::from(offset) + i64::from(messages - 1) * stride;
        let end = self.slot.checked_add(messages.into())?;
        let first = Entry {
            location,
            content_bytes,
            slot: self.slot.try_into().ok()?,
        };
        let run = Run {
            first,
            messages,
            stride,
        };
        (u32::try_from(last).is_ok() && end <= BLOCK_SEQUENCES.cast_signed()).then_some(run)
    }
}

fn overhead(entry: &Entry) -> i64 {
    i64::from(entry.location.length) - i64::from(entry.content_bytes)
}

/// Packs ascending entries.
pub(crate) fn pack(mut entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::with_capacity(32);
    let mut expected = Expected::default();
    while let Some((first, rest)) = entries.split_first() {
        let flags = out.len();
        expected.put_first(&mut out, first, rest.first());
        let mut followed = 0;
        while let Some(next) = rest.get(followed).filter(|next| expected.is(next)) {
            expected.step(next);
            followed += 1;
        }
        if followed > 0 {
            out[flags] |= FOLLOWED;
            put_varint(&mut out, followed as u64);
        }
        entries = &rest[followed..];
    }
    out
}

/// The runs in packed bytes, ascending.
#[derive(Debug, Clone)]
pub(crate) struct Runs<'a> {
    /// What is not read yet; more than nothing at the end if it makes no sense.
    pub(crate) bytes: &'a [u8],
    expected: Expected,
}

impl<'a> Runs<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            expected: Expected::default(),
        }
    }
}

impl Iterator for Runs<'_> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        let mut rest = self.bytes;
        let run = self.expected.take_run(&mut rest)?;
        self.bytes = rest;
        Some(run)
    }
}

fn zigzag(number: i64) -> u64 {
    (number.wrapping_shl(1) ^ (number >> 63)).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

#[inline]
pub(super) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[inline]
pub(super) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
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

    fn entry(slot: u8, segment: u32, offset: u32, length: u32) -> Entry {
        Entry {
            location: Location {
                segment,
                offset,
                length,
            },
            content_bytes: length.saturating_sub(52),
            slot,
        }
    }

    fn unpack(bytes: &[u8]) -> Option<Vec<Entry>> {
        let mut runs = Runs::new(bytes);
        let entries = runs.by_ref().flat_map(Run::entries).collect();
        runs.bytes.is_empty().then_some(entries)
    }

    /// Packs, checks that nothing is lost, and says in how many bytes.
    fn packed_bytes(entries: impl IntoIterator<Item = Entry>) -> usize {
        let entries: Vec<Entry> = entries.into_iter().collect();
        let packed = pack(&entries);
        assert_eq!(unpack(&packed), Some(entries));
        packed.len()
    }

    /// A block whose records have these lengths, with so much before each.
    fn laid_out(lengths: &[u32], gaps: &[u32]) -> Vec<Entry> {
        let mut offset = 32;
        let place = |slot: u8| {
            let at = usize::from(slot);
            offset += gaps[at % gaps.len()];
            let entry = entry(slot, 9, offset, lengths[at % lengths.len()]);
            offset += entry.location.length;
            entry
        };
        (0..128).map(place).collect()
    }

    #[test]
    fn neighbours_pack_to_a_few_bytes() {
        assert!(packed_bytes(laid_out(&[1052], &[0])) < 12);
        // Group records in between.
        let mut grouped = [0; 128];
        grouped[30] = 18;
        grouped[90] = 18;
        assert!(packed_bytes(laid_out(&[1052], &grouped)) < 22);
    }

    #[test]
    fn taking_turns_packs_to_a_few_bytes() {
        assert!(packed_bytes(laid_out(&[1052], &[99 * 1052])) < 20);
        let mut grouped = [99 * 1052; 128];
        grouped[30] += 18;
        assert!(packed_bytes(laid_out(&[1052], &grouped)) < 24);
    }

    #[test]
    fn any_length_packs_to_three_bytes_each() {
        let lengths: Vec<u32> = (0..128).map(|n| 100 + n * 7919 % 4000).collect();
        assert!(packed_bytes(laid_out(&lengths, &[0])) < 3 * 128 + 12);
    }

    #[test]
    fn every_other_message_packs_to_a_few_bytes_each() {
        let all = laid_out(&[1052], &[0]);
        assert!(packed_bytes(all.into_iter().step_by(2)) < 2 * 64 + 15);
    }

    #[test]
    fn the_worst_block_fits_a_value() {
        let worst = (0..128).map(|slot| {
            let edge = if slot % 2 == 0 { 0 } else { u32::MAX };
            Entry {
                content_bytes: u32::MAX - edge,
                ..entry(slot, edge, edge, edge)
            }
        });
        assert!(packed_bytes(worst) < 3072);
    }

    proptest! {
        #[test]
        fn packing_is_lossless(entries in prop::collection::btree_map(
            0..128_u8, (any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>()), 0..128)
        ) {
            let entries = entries.into_iter().map(|(slot, (segment, offset, length, content_bytes))| {
                Entry { content_bytes, ..entry(slot, segment, offset, length) }
            });
            packed_bytes(entries);
        }

        #[test]
        fn packing_neighbours_is_lossless(
            lengths in prop::collection::vec(100..102_u32, 1..4),
            gaps in prop::collection::vec(prop_oneof![4 => Just(0_u32), 1 => 0..30_u32], 1..60),
            live in prop::collection::vec(prop::bool::weighted(0.9), 128),
            next_segment in 0..128_u8,
        ) {
            let all = laid_out(&lengths, &gaps).into_iter().zip(live);
            let live = all.filter_map(|(mut entry, live)| {
                if entry.slot > next_segment {
                    entry.location.segment += 1;
                }
                live.then_some(entry)
            });
            packed_bytes(live);
        }

        #[test]
        fn garbage_is_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Some(entries) = unpack(&bytes) {
                prop_assert!(entries.is_sorted_by_key(|entry| entry.slot));
            }
        }
    }
}
