//! The live messages among 128 neighbouring sequences of a queue.
//!
//! ```text
//! packed ──open──> open, 20 bytes per message
//!    ^               │ insert, remove
//!    └─────close─────┘
//! ```
//!
//! A block is closed once nobody works on it: by the checkpoint, which packs it anyway, or when too
//! many of its queue are open.

use crate::Attributes;

use super::attributes::BlockAttributes;
use super::packed::{self, Entry, Run, Runs};

/// Sequences per block.
pub(crate) const BLOCK_SEQUENCES: u64 = 128;

/// Some live messages of one queue, ascending.
#[derive(Debug)]
pub(crate) struct Block {
    form: Form,
    // Invariant: open and closed with the block, and only of messages that are in it.
    pub(crate) attributes: BlockAttributes,
    content_bytes: u64,
    messages: u8,
    /// Whether the checkpoint has a value for this block.
    pub(crate) stored: bool,
    /// Whether it has one for their attributes.
    pub(crate) attributes_stored: bool,
    /// Whether it changed since the last checkpoint.
    pub(crate) dirty: bool,
}

#[derive(Debug)]
enum Form {
    Open(Vec<Entry>),
    Packed(Box<[u8]>),
}

impl Default for Block {
    /// An empty block, closed.
    fn default() -> Self {
        Self {
            form: Form::Packed(Box::default()),
            attributes: BlockAttributes::default(),
            content_bytes: 0,
            messages: 0,
            stored: false,
            attributes_stored: false,
            dirty: false,
        }
    }
}

impl Block {
    /// The block with this value in the checkpoint, whose runs are shown to `found`; `None` if the
    /// bytes make no sense.
    pub(crate) fn restore(bytes: &[u8], mut found: impl FnMut(&Run)) -> Option<Self> {
        let mut block = Self {
            form: Form::Packed(bytes.into()),
            stored: true,
            ..Self::default()
        };
        let mut runs = Runs::new(bytes);
        for run in runs.by_ref() {
            block.messages += run.messages;
            block.content_bytes += run.content_bytes();
            found(&run);
        }
        runs.bytes.is_empty().then_some(block)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages == 0
    }

    pub(crate) fn messages(&self) -> u8 {
        self.messages
    }

    pub(crate) fn content_bytes(&self) -> u64 {
        self.content_bytes
    }

    #[cfg(test)]
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.form, Form::Open(_))
    }

    /// Whether every sequence is there.
    pub(crate) fn is_full(&self) -> bool {
        u64::from(self.messages) == BLOCK_SEQUENCES
    }

    /// The live messages, ascending.
    pub(crate) fn runs(&self) -> BlockRuns<'_> {
        match &self.form {
            Form::Open(entries) => BlockRuns::Open(entries.iter()),
            Form::Packed(bytes) => BlockRuns::Packed(Runs::new(bytes)),
        }
    }

    /// Unpacks the block; false if it is open already.
    pub(crate) fn open(&mut self) -> bool {
        if let Form::Open(_) = self.form {
            return false;
        }
        let mut entries = Vec::with_capacity(self.messages.into());
        entries.extend(self.runs().flat_map(Run::entries));
        self.form = Form::Open(entries);
        self.attributes.open();
        true
    }

    /// Packs the block.
    pub(crate) fn close(&mut self) {
        if let Form::Open(entries) = &self.form {
            self.form = Form::Packed(packed::pack(entries).into());
            self.attributes.close();
        }
    }

    /// The packed form.
    pub(crate) fn pack(&self) -> Vec<u8> {
        match &self.form {
            Form::Open(entries) => packed::pack(entries),
            Form::Packed(bytes) => bytes.to_vec(),
        }
    }

    /// Adds a message to the open block. Returns what it was before, if it was there already.
    pub(crate) fn insert(&mut self, entry: Entry) -> Option<Entry> {
        let entries = opened(&mut self.form);
        self.content_bytes += u64::from(entry.content_bytes);
        if entries.last().is_none_or(|last| last.slot < entry.slot) {
            entries.push(entry);
            self.messages += 1;
            return None;
        }
        match entries.binary_search_by_key(&entry.slot, |entry| entry.slot) {
            Ok(at) => {
                let before = std::mem::replace(&mut entries[at], entry);
                self.content_bytes -= u64::from(before.content_bytes);
                Some(before)
            }
            Err(at) => {
                entries.insert(at, entry);
                self.messages += 1;
                None
            }
        }
    }

    /// Notes what a message has that was just inserted, if it was.
    pub(crate) fn note(&mut self, slot: u8, attributes: Attributes) {
        if let Form::Open(entries) = &self.form
            && entries
                .binary_search_by_key(&slot, |entry| entry.slot)
                .is_ok()
        {
            self.attributes.set(slot, attributes);
        }
    }

    /// Takes the messages from slot `first` to slot `last` out of the open block, and shows them
    /// to `removed`.
    pub(crate) fn remove(&mut self, first: u8, last: u8, removed: impl FnOnce(&[Entry])) {
        let entries = opened(&mut self.form);
        let from = entries.partition_point(|entry| entry.slot < first);
        let to = from + entries[from..].partition_point(|entry| entry.slot <= last);
        removed(&entries[from..to]);
        self.messages -= (to - from) as u8;
        for entry in entries.drain(from..to) {
            self.content_bytes -= u64::from(entry.content_bytes);
        }
        self.attributes.remove(first, last);
    }

    /// Keeps the messages of the open block which `keep` wants.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&Entry) -> bool) {
        let entries = opened(&mut self.form);
        let (content_bytes, messages) = (&mut self.content_bytes, &mut self.messages);
        entries.retain(|entry| {
            let kept = keep(entry);
            if !kept {
                *content_bytes -= u64::from(entry.content_bytes);
                *messages -= 1;
            }
            kept
        });
        let is_there = |slot: u8| entries.binary_search_by_key(&slot, |entry| entry.slot);
        self.attributes.retain(|slot| is_there(slot).is_ok());
    }

    /// Takes all messages out; what stays is closed.
    pub(crate) fn take(&mut self) -> Self {
        let empty = Self {
            stored: self.stored,
            attributes_stored: self.attributes_stored,
            dirty: self.dirty,
            ..Self::default()
        };
        std::mem::replace(self, empty)
    }

    /// Returns memory that is not needed.
    pub(crate) fn shrink(&mut self) {
        if let Form::Open(entries) = &mut self.form
            && entries.capacity() > 2 * entries.len()
        {
            entries.shrink_to_fit();
        }
    }
}

fn opened(form: &mut Form) -> &mut Vec<Entry> {
    match form {
        Form::Open(entries) => entries,
        Form::Packed(_) => unreachable!("only open blocks are changed"),
    }
}

/// The runs of a block. An open block's have one message each.
#[derive(Debug)]
pub(crate) enum BlockRuns<'a> {
    Open(std::slice::Iter<'a, Entry>),
    Packed(Runs<'a>),
}

impl Default for BlockRuns<'_> {
    fn default() -> Self {
        Self::Open([].iter())
    }
}

impl Iterator for BlockRuns<'_> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        match self {
            Self::Open(entries) => entries.next().copied().map(Run::of_one),
            Self::Packed(runs) => runs.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Location;

    fn at(slot: u8, offset: u32) -> Entry {
        Entry {
            location: Location {
                segment: 1,
                offset,
                length: 10,
            },
            content_bytes: 7,
            slot,
        }
    }

    fn entries(block: &Block) -> Vec<(u8, u32)> {
        let entries = block.runs().flat_map(Run::entries);
        entries
            .map(|entry| (entry.slot, entry.location.offset))
            .collect()
    }

    #[test]
    fn insertion_keeps_the_order_in_both_forms() {
        let mut block = Block::default();
        block.open();
        for (slot, offset) in [(5, 50), (3, 30), (9, 90)] {
            assert_eq!(block.insert(at(slot, offset)), None);
        }
        assert_eq!(block.insert(at(3, 31)), Some(at(3, 30)));
        block.close();
        assert_eq!(entries(&block), [(3, 31), (5, 50), (9, 90)]);
        block.open();
        let mut removed = Vec::new();
        block.remove(3, 5, |entries| {
            removed.extend(entries.iter().map(|entry| entry.slot))
        });
        assert_eq!(removed, [3, 5]);
        assert_eq!(entries(&block), [(9, 90)]);
    }

    #[test]
    fn messages_and_content_are_counted_in_every_change() {
        let counts = |block: &Block| (block.messages(), block.content_bytes());
        let mut block = Block::default();
        block.open();
        for slot in 0..128 {
            block.insert(at(slot, slot.into()));
        }
        block.insert(Entry {
            content_bytes: 0,
            ..at(7, 1)
        });
        assert_eq!(counts(&block), (128, 127 * 7));
        assert!(block.is_full());
        let restored = Block::restore(&block.pack(), |_| {}).expect("makes sense");
        assert_eq!(counts(&restored), counts(&block));
        block.retain(|entry| entry.slot < 100);
        block.remove(10, 19, |_| {});
        assert_eq!(counts(&block), (90, 89 * 7));
        assert_eq!(counts(&block.take()), (90, 89 * 7));
        assert_eq!(counts(&block), (0, 0));
        assert!(Block::restore(&[0xff, 1], |_| {}).is_none());
    }
}
