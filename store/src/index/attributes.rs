//! The attributes of a block's messages; nothing where all have none.
//!
//! ```text
//! packed   three columns: level, due, expires. Per column
//!          head u8: 0 nobody has it, else 1 + how many bits each value takes; highest bit: all slots have it
//!          which slots have it, a bit each, if not all
//!          the smallest value, a varint
//!          per slot that has it, ascending: its value less the smallest, in so many bits
//! ```
//!
//! Deadlines of neighbours are close to one another: a uniform lifetime costs a byte or two per message, lifetimes
//! that differ by minutes three. The worst block stays below 3 KiB.

use super::block::BLOCK_SEQUENCES;
use super::packed::{put_varint, take_varint};
use crate::Attributes;

const COLUMNS: usize = 3;
/// In a column's head: every slot has a value.
const ALL: u8 = 1 << 7;
/// One bit per slot.
const PRESENT_BYTES: usize = BLOCK_SEQUENCES as usize / 8;

/// Attributes of some of a block's messages.
#[derive(Debug, Default)]
pub(crate) struct BlockAttributes(Option<Box<Form>>);

#[derive(Debug)]
enum Form {
    /// Ascending slots, none of them without attributes.
    Open(Vec<(u8, Attributes)>),
    Packed(Box<[u8]>),
}

impl BlockAttributes {
    /// Those with this value in the checkpoint; `None` if it makes no sense.
    pub(crate) fn restore(bytes: &[u8]) -> Option<Self> {
        Columns::parse(bytes)?;
        Some(Self(Some(Box::new(Form::Packed(bytes.into())))))
    }

    /// Whether nobody has any.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Unpacks them, so that they can be changed.
    pub(crate) fn open(&mut self) {
        if let Some(form) = &mut self.0
            && let Form::Packed(bytes) = &**form
        {
            **form = Form::Open(unpack(bytes));
        }
    }

    /// Packs them.
    pub(crate) fn close(&mut self) {
        if let Some(form) = &mut self.0
            && let Form::Open(entries) = &**form
        {
            **form = Form::Packed(pack(entries).into());
        }
    }

    /// The packed form, if there are any.
    pub(crate) fn pack(&self) -> Option<Vec<u8>> {
        self.0.as_deref().map(|form| match form {
            Form::Open(entries) => pack(entries),
            Form::Packed(bytes) => bytes.to_vec(),
        })
    }

    /// What a message has. Open.
    pub(crate) fn set(&mut self, slot: u8, attributes: Attributes) {
        if attributes == Attributes::NONE {
            return self.remove(slot, slot);
        }
        let form = self
            .0
            .get_or_insert_with(|| Box::new(Form::Open(Vec::new())));
        let entries = form.entries();
        match entries.binary_search_by_key(&slot, |(slot, _)| *slot) {
            Ok(at) => entries[at].1 = attributes,
            Err(at) => entries.insert(at, (slot, attributes)),
        }
    }

    /// Forgets those from slot `first` to slot `last`. Open.
    pub(crate) fn remove(&mut self, first: u8, last: u8) {
        self.retain(|slot| !(first..=last).contains(&slot));
    }

    /// Keeps those that `keep` wants. Open.
    pub(crate) fn retain(&mut self, keep: impl Fn(u8) -> bool) {
        let Some(form) = &mut self.0 else { return };
        let entries = form.entries();
        entries.retain(|(slot, _)| keep(*slot));
        if entries.is_empty() {
            self.0 = None;
        }
    }

    /// What a message has.
    pub(crate) fn get(&self, slot: u8) -> Attributes {
        match self.0.as_deref() {
            None => Attributes::NONE,
            Some(Form::Open(entries)) => {
                let found = entries.binary_search_by_key(&slot, |(slot, _)| *slot);
                found.map_or(Attributes::NONE, |at| entries[at].1)
            }
            Some(Form::Packed(bytes)) => {
                let columns = Columns::parse(bytes);
                columns.map_or(Attributes::NONE, |columns| columns.get(slot))
            }
        }
    }

    /// All slots that have any, ascending.
    pub(crate) fn entries(&self) -> Vec<(u8, Attributes)> {
        match self.0.as_deref() {
            None => Vec::new(),
            Some(Form::Open(entries)) => entries.clone(),
            Some(Form::Packed(bytes)) => unpack(bytes),
        }
    }
}

impl Form {
    fn entries(&mut self) -> &mut Vec<(u8, Attributes)> {
        match self {
            Self::Open(entries) => entries,
            Self::Packed(_) => unreachable!("only open blocks are changed"),
        }
    }
}

fn pack(entries: &[(u8, Attributes)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    put_column(&mut out, entries, |attributes| attributes.level.into());
    put_column(&mut out, entries, |attributes| attributes.due);
    put_column(&mut out, entries, |attributes| attributes.expires);
    out
}

fn put_column(out: &mut Vec<u8>, entries: &[(u8, Attributes)], value: fn(&Attributes) -> u64) {
    let values = || entries.iter().map(|(_, attributes)| value(attributes));
    let present = || values().filter(|value| *value != 0);
    let (Some(smallest), Some(largest)) = (present().min(), present().max()) else {
        return out.push(0);
    };
    let bits = (u64::BITS - (largest - smallest).leading_zeros()) as u8;
    let is_all = present().count() == BLOCK_SEQUENCES as usize;
    out.push((1 + bits) | if is_all { ALL } else { 0 });
    if !is_all {
        let slots = entries
            .iter()
            .zip(values())
            .filter(|(_, value)| *value != 0);
        let set = slots.fold(0, |set, ((slot, _), _)| set | 1 << *slot);
        out.extend_from_slice(&u128::to_le_bytes(set));
    }
    put_varint(out, smallest);
    put_bits(out, present().map(|value| value - smallest), bits);
}

fn put_bits(out: &mut Vec<u8>, values: impl Iterator<Item = u64>, bits: u8) {
    let (mut pending, mut filled) = (0_u128, 0);
    for value in values {
        pending |= u128::from(value) << filled;
        filled += bits;
        while filled >= 8 {
            out.push(pending as u8);
            pending >>= 8;
            filled -= 8;
        }
    }
    if filled > 0 {
        out.push(pending as u8);
    }
}

fn unpack(bytes: &[u8]) -> Vec<(u8, Attributes)> {
    let columns = Columns::parse(bytes).expect("packed by us, or checked when it was restored");
    let slots = (0..BLOCK_SEQUENCES as u8).filter(|slot| columns.has(*slot));
    slots.map(|slot| (slot, columns.get(slot))).collect()
}

struct Columns<'a>([Column<'a>; COLUMNS]);

/// The values of one kind.
#[derive(Clone, Copy, Default)]
struct Column<'a> {
    /// A bit per slot that has one.
    present: u128,
    smallest: u64,
    bits: u8,
    values: &'a [u8],
}

impl<'a> Columns<'a> {
    /// `None` if the bytes make no sense.
    fn parse(mut bytes: &'a [u8]) -> Option<Self> {
        let mut columns = [Column::default(); COLUMNS];
        for column in &mut columns {
            *column = Column::take(&mut bytes)?;
        }
        bytes.is_empty().then_some(Self(columns))
    }

    fn has(&self, slot: u8) -> bool {
        self.0.iter().any(|column| column.present >> slot & 1 == 1)
    }

    fn get(&self, slot: u8) -> Attributes {
        let [level, due, expires] = &self.0;
        Attributes {
            level: level.get(slot) as u8,
            due: due.get(slot),
            expires: expires.get(slot),
        }
    }
}

impl<'a> Column<'a> {
    fn take(bytes: &mut &'a [u8]) -> Option<Self> {
        let (&head, rest) = bytes.split_first()?;
        *bytes = rest;
        if head == 0 {
            return Some(Self::default());
        }
        let bits = (head & !ALL).checked_sub(1)?;
        let present = match head & ALL {
            0 => {
                let (present, rest) = bytes.split_first_chunk::<PRESENT_BYTES>()?;
                *bytes = rest;
                u128::from_le_bytes(*present)
            }
            _ => u128::MAX,
        };
        let smallest = take_varint(bytes)?;
        let length = present.count_ones() as usize * usize::from(bits);
        let (values, rest) = bytes.split_at_checked(length.div_ceil(8))?;
        *bytes = rest;
        (u32::from(bits) <= u64::BITS).then_some(Self {
            present,
            smallest,
            bits,
            values,
        })
    }

    /// The value of a slot; 0 if it has none.
    fn get(&self, slot: u8) -> u64 {
        if self.present >> slot & 1 == 0 {
            return 0;
        }
        let before = self.present & ((1 << slot) - 1);
        let at = before.count_ones() as usize * usize::from(self.bits);
        let from = &self.values[at / 8..];
        let mut window = [0; 16];
        let length = from.len().min(9);
        window[..length].copy_from_slice(&from[..length]);
        let value = u128::from_le_bytes(window) >> (at % 8) & ((1 << self.bits) - 1);
        self.smallest.wrapping_add(value as u64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Packs, checks that nothing is lost, and says in how many bytes.
    fn packed_bytes(entries: &[(u8, Attributes)]) -> usize {
        let packed = pack(entries);
        assert_eq!(unpack(&packed), entries);
        let restored = BlockAttributes::restore(&packed).expect("makes sense");
        for slot in 0..128 {
            let expected = entries.iter().find(|(at, _)| *at == slot);
            let expected = expected.map_or(Attributes::NONE, |(_, attributes)| *attributes);
            assert_eq!(restored.get(slot), expected);
        }
        packed.len()
    }

    fn block(attributes: impl Fn(u64) -> Attributes) -> Vec<(u8, Attributes)> {
        (0..128)
            .map(|slot| (slot, attributes(slot.into())))
            .collect()
    }

    fn expiring(expires: impl Fn(u64) -> u64) -> usize {
        packed_bytes(&block(|slot| Attributes {
            expires: 1_795_000_000_000 + expires(slot),
            ..Attributes::NONE
        }))
    }

    #[test]
    fn one_lifetime_packs_to_little() {
        assert!(expiring(|_| 60_000) < 12);
        // 100,000 messages per second, then one.
        assert!(expiring(|slot| slot / 100) < 128 / 8 + 12);
        assert!(expiring(|slot| slot * 1000) <= 128 * 17 / 8 + 12);
    }

    #[test]
    fn mixed_lifetimes_pack_to_three_bytes() {
        assert!(expiring(|slot| slot * 7_919_777 % (4 * 3_600_000)) <= 128 * 3 + 10);
    }

    #[test]
    fn the_worst_block_fits_a_value() {
        let worst = block(|slot| {
            let edge = [1, u64::MAX][slot as usize % 2];
            Attributes {
                level: edge as u8,
                due: edge,
                expires: edge,
            }
        });
        assert!(packed_bytes(&worst) < 3072);
        assert!(packed_bytes(&worst[1..]) < 3072);
    }

    #[test]
    fn what_has_none_costs_nothing() {
        assert_eq!(size_of::<BlockAttributes>(), 8);
        let some = Attributes {
            level: 1,
            ..Attributes::NONE
        };
        let mut attributes = BlockAttributes::default();
        attributes.set(3, Attributes::NONE);
        assert!(attributes.is_empty());
        for slot in [9, 3, 5, 3] {
            attributes.set(slot, some);
        }
        assert_eq!(attributes.entries(), [(3, some), (5, some), (9, some)]);
        attributes.set(5, Attributes::NONE);
        attributes.remove(4, 20);
        attributes.close();
        assert_eq!(attributes.entries(), [(3, some)]);
        attributes.open();
        attributes.retain(|slot| slot != 3);
        assert!(attributes.is_empty() && attributes.pack().is_none());
    }

    proptest! {
        #[test]
        fn packing_is_lossless(entries in prop::collection::btree_map(
            0..128_u8,
            (any::<u8>(), prop_oneof![Just(0), any::<u64>()], prop_oneof![Just(0), 1 << 40..(1_u64 << 40) + 999]),
            0..=128,
        )) {
            let entries: Vec<_> = entries
                .into_iter()
                .map(|(slot, (level, due, expires))| (slot, Attributes { level, due, expires }))
                .filter(|(_, attributes)| *attributes != Attributes::NONE)
                .collect();
            packed_bytes(&entries);
        }

        #[test]
        fn garbage_is_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Some(restored) = BlockAttributes::restore(&bytes) {
                restored.entries();
            }
        }
    }
}
