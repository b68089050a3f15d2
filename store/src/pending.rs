//! What waits to be written: encoded records, in the order in which they were appended.
//!
//! Publishers fill one [`Batch`] under a short lock while the committer writes the other. Small
//! bytes are copied into one buffer, large ones stay where they are.

use std::ops::Range;

use bytes::Bytes;

use crate::record::{self, GROUP_BYTES, Kind, PREFIX_BYTES, Removal};
use crate::{Append, Attributes, Change, CommitPoint, Durability, QueueId, Sequence};

/// Shared parts from this size on are written from where they are, without a copy.
const KEEP_BYTES: usize = 16 * 1024;
/// So many settled ranges are written without waiting for company.
const REMOVALS_MAX: usize = 64 * 1024;
/// The capacity that an idle buffer is cut down to.
const IDLE_CAPACITY_BYTES: usize = 64 * 1024;

/// A part of a message. A record's message is its parts, one after another.
#[derive(Debug, Clone, Copy)]
pub enum Part<'a> {
    /// Bytes that are copied.
    Copied(&'a [u8]),
    /// Bytes that are written without a copy if there are many of them.
    Shared(&'a Bytes),
}

impl<'a> From<&'a [u8]> for Part<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Copied(bytes)
    }
}

impl<'a> From<&'a Bytes> for Part<'a> {
    fn from(bytes: &'a Bytes) -> Self {
        Self::Shared(bytes)
    }
}

/// What publishers and the committer share, under one short lock.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) batch: Batch,
    /// The number of the group which `batch` will be.
    pub(crate) group: u64,
    pub(crate) parked: Parked,
    /// While there is no room on the disk: encoded changes and snapshots, which do not wait behind
    /// messages, because they may be what makes room. `batch` then has none.
    pub(crate) ahead: Vec<u8>,
    /// There is no room on the disk.
    pub(crate) full: bool,
    /// Nothing is accepted any more.
    pub(crate) closed: bool,
    /// The committer is to end once nothing is pending.
    pub(crate) stopping: bool,
}

/// What the committer waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parked {
    /// It is at work.
    No,
    /// Nothing is pending.
    ForAny,
    /// Settled messages are pending, for which a moment more does not matter.
    ForMore,
    /// There is no room on the disk.
    ForRoom,
}

impl Pending {
    pub(crate) fn new() -> Self {
        Self {
            batch: Batch::new(),
            group: 1,
            parked: Parked::No,
            ahead: Vec::new(),
            full: false,
            closed: false,
            stopping: false,
        }
    }

    /// What there is to wait for once something was appended.
    pub(crate) fn point(&self, durability: Durability) -> CommitPoint {
        CommitPoint::of(self.group, durability)
    }

    /// Swaps the pending batch for an empty one. Returns its group's number.
    pub(crate) fn take(&mut self, empty: &mut Batch) -> u64 {
        std::mem::swap(&mut self.batch, empty);
        self.group += 1;
        self.group - 1
    }

    /// Appends a record of changes.
    pub(crate) fn change(&mut self, changes: &[Change<'_>]) {
        let records = match self.full {
            true => &mut self.ahead,
            false => &mut self.batch.bytes,
        };
        record::put_changes(records, Kind::Change, changes);
        self.batch.strict = true;
    }

    /// Appends a record of a snapshot, which is already encoded.
    pub(crate) fn snapshot(&mut self, record: &[u8]) {
        let records = match self.full {
            true => &mut self.ahead,
            false => &mut self.batch.bytes,
        };
        records.extend_from_slice(record);
        self.batch.strict = true;
    }

    /// There is no room on the disk: what may make some goes ahead of the messages.
    pub(crate) fn begin_full(&mut self) {
        self.full = true;
        self.ahead = self.batch.take_changes();
    }

    /// There is room again.
    pub(crate) fn end_full(&mut self) {
        self.full = false;
        let ahead = std::mem::take(&mut self.ahead);
        self.batch.put_first(&ahead);
    }

    /// Whether the committer has to be woken; it then counts as at work.
    pub(crate) fn must_wake(&mut self) -> bool {
        let wake = match self.parked {
            Parked::No | Parked::ForRoom => false,
            Parked::ForAny => !self.batch.is_empty(),
            Parked::ForMore => self.batch.is_urgent(),
        };
        if wake {
            self.parked = Parked::No;
        }
        wake
    }
}

/// The records of one group, unsealed: the checksums are the committer's work.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Records without their pieces. Starts with the group record.
    pub(crate) bytes: Vec<u8>,
    /// Large parts, ascending by where in `bytes` they belong.
    pub(crate) pieces: Vec<Piece>,
    pub(crate) piece_bytes: usize,
    /// Settled sequences, in no order.
    pub(crate) removals: Vec<Removal>,
    /// Those which must not get ahead of a group, this one at the latest.
    pub(crate) following: Vec<Following>,
    /// Whether anybody waits until this batch is on stable storage.
    pub(crate) strict: bool,
    /// How many messages only wait until it is written.
    pub(crate) relaxed: u64,
}

/// Settled sequences that stay behind what was appended to a group, so that no crash leaves them alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Following {
    group: u64,
    pub(crate) removal: Removal,
}

/// A large part of a message, which stands before `bytes[at]`.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) at: usize,
    pub(crate) bytes: Bytes,
}

impl Batch {
    pub(crate) fn new() -> Self {
        let mut batch = Self {
            bytes: Vec::new(),
            pieces: Vec::new(),
            piece_bytes: 0,
            removals: Vec::new(),
            following: Vec::new(),
            strict: false,
            relaxed: 0,
        };
        batch.clear();
        batch
    }

    /// Forgets everything, and keeps the capacity.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        record::put_group(&mut self.bytes);
        self.pieces.clear();
        self.piece_bytes = 0;
        self.removals.clear();
        self.following.clear();
        self.strict = false;
        self.relaxed = 0;
    }

    /// Returns memory that a burst has left behind. The batch is empty.
    pub(crate) fn shrink(&mut self) {
        self.bytes.shrink_to(IDLE_CAPACITY_BYTES);
        self.pieces.shrink_to(0);
        self.removals.shrink_to(0);
        self.following.shrink_to(0);
    }

    /// Whether `shrink` is worth a wake-up.
    pub(crate) fn is_bloated(&self) -> bool {
        self.bytes.capacity() > 2 * IDLE_CAPACITY_BYTES
    }

    /// Whether this batch is to be written at once.
    pub(crate) fn is_urgent(&self) -> bool {
        self.strict || self.relaxed > 0 || self.settled_ranges() >= REMOVALS_MAX
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.strict && self.settled_ranges() == 0 && !self.has_records()
    }

    fn settled_ranges(&self) -> usize {
        self.removals.len() + self.following.len()
    }

    /// Whether there are any records.
    pub(crate) fn has_records(&self) -> bool {
        self.bytes.len() > GROUP_BYTES
    }

    /// Bytes that would be written now.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len() + self.piece_bytes
    }

    /// Appends a publish record.
    pub(crate) fn publish(&mut self, message: &Append<'_>) {
        let start = record::begin(&mut self.bytes, Kind::Publish);
        let Append {
            content_bytes,
            targets,
            attributes,
            ..
        } = *message;
        record::put_publish(&mut self.bytes, content_bytes, targets, attributes);
        let mut elsewhere = 0;
        for part in message.parts {
            match part {
                Part::Shared(bytes) if bytes.len() >= KEEP_BYTES => {
                    elsewhere += bytes.len();
                    let (at, bytes) = (self.bytes.len(), Bytes::clone(bytes));
                    self.pieces.push(Piece { at, bytes });
                }
                Part::Shared(bytes) => self.bytes.extend_from_slice(bytes),
                Part::Copied(bytes) => self.bytes.extend_from_slice(bytes),
            }
        }
        record::end(&mut self.bytes, start, elsewhere);
        self.piece_bytes += elsewhere;
        match message.durability {
            Durability::Strict => self.strict = true,
            Durability::Relaxed => self.relaxed += 1,
        }
    }

    /// Appends a record of changes that stays behind what was appended before, on a full disk too.
    pub(crate) fn follow(&mut self, changes: &[Change<'_>], durability: Durability) {
        record::put_changes(&mut self.bytes, Kind::Following, changes);
        match durability {
            Durability::Strict => self.strict = true,
            Durability::Relaxed => self.relaxed += 1,
        }
    }

    /// Appends the copy of a message.
    pub(crate) fn copy(
        &mut self,
        content_bytes: u32,
        targets: &[(QueueId, Sequence)],
        attributes: &[Attributes],
        message: &[u8],
    ) {
        let start = record::begin(&mut self.bytes, Kind::Copy);
        record::put_publish(&mut self.bytes, content_bytes, targets, attributes);
        self.bytes.extend_from_slice(message);
        record::end(&mut self.bytes, start, 0);
    }

    /// Takes out the records of changes and snapshots, in their order.
    pub(crate) fn take_changes(&mut self) -> Vec<u8> {
        let bytes = std::mem::take(&mut self.bytes);
        let mut changes = Vec::new();
        let (mut at, mut piece) = (0, 0);
        while at < bytes.len() {
            let (inline, next_piece) = extent(&bytes, &self.pieces, at, piece);
            let kind = Kind::from_byte(bytes[at + 8]);
            if matches!(kind, Some(Kind::Change | Kind::Snapshot)) {
                changes.extend_from_slice(&bytes[inline.clone()]);
            } else {
                self.bytes.extend_from_slice(&bytes[inline.clone()]);
            }
            let before = changes.len();
            for piece in &mut self.pieces[piece..next_piece] {
                piece.at -= before;
            }
            (at, piece) = (inline.end, next_piece);
        }
        changes
    }

    /// Puts encoded records before all others.
    fn put_first(&mut self, records: &[u8]) {
        if records.is_empty() {
            return;
        }
        let start = GROUP_BYTES..GROUP_BYTES;
        self.bytes.splice(start, records.iter().copied());
        for piece in &mut self.pieces {
            piece.at += records.len();
        }
        self.strict = true;
    }

    /// Notes settled sequences of one queue.
    pub(crate) fn remove(&mut self, queue: QueueId, sequences: &[Sequence]) {
        for &sequence in sequences {
            match self.removals.last_mut() {
                Some(last) if last.queue == queue && last.last.0 + 1 == sequence.0 => {
                    last.last = sequence;
                }
                _ => self.removals.push(Removal {
                    queue,
                    first: sequence,
                    last: sequence,
                }),
            }
        }
    }

    /// Notes settled ranges of one queue, both ends included.
    pub(crate) fn remove_ranges(&mut self, queue: QueueId, ranges: &[(Sequence, Sequence)]) {
        let removal = |&(first, last)| Removal { queue, first, last };
        self.removals.extend(ranges.iter().map(removal));
    }

    /// As `remove_ranges`, behind what was appended to `group`.
    pub(crate) fn remove_ranges_after(
        &mut self,
        group: u64,
        queue: QueueId,
        ranges: &[(Sequence, Sequence)],
    ) {
        let following = |&(first, last)| Following {
            group,
            removal: Removal { queue, first, last },
        };
        self.following.extend(ranges.iter().map(following));
    }

    /// Lets go of what only had to stay behind groups that are written: all before `group`.
    pub(crate) fn release_following(&mut self, group: u64) {
        let written = |following: &mut Following| following.group < group;
        let released = self.following.extract_if(.., written);
        self.removals
            .extend(released.map(|following| following.removal));
    }

    /// Sorts the settled sequences and joins those which follow one another.
    pub(crate) fn merge_removals(&mut self) {
        record::merge_removals(&mut self.removals);
    }

    /// Writes the checksum of the record with these inline bytes and pieces.
    pub(crate) fn seal(&mut self, inline: Range<usize>, pieces: Range<usize>, seed: u32) {
        let record = &mut self.bytes[inline.clone()];
        if pieces.is_empty() {
            return record::seal(record, seed);
        }
        let mut crc = crc32c::crc32c_append(seed, &record[..4]);
        let mut start = PREFIX_BYTES;
        for piece in &self.pieces[pieces] {
            let at = piece.at - inline.start;
            crc = crc32c::crc32c_append(crc, &record[start..at]);
            crc = crc32c::crc32c_append(crc, &piece.bytes);
            start = at;
        }
        crc = crc32c::crc32c_append(crc, &record[start..]);
        record[4..PREFIX_BYTES].copy_from_slice(&crc.to_le_bytes());
    }

    /// The pieces of the record at `start`, whose first is `piece`: where its inline bytes end,
    /// and the number of the first piece of a later record.
    pub(crate) fn extent(&self, start: usize, piece: usize) -> (Range<usize>, usize) {
        extent(&self.bytes, &self.pieces, start, piece)
    }
}

fn extent(bytes: &[u8], pieces: &[Piece], start: usize, piece: usize) -> (Range<usize>, usize) {
    let mut remaining = record::record_bytes(&bytes[start..]);
    let mut next = piece;
    while let Some(piece) = pieces.get(next) {
        if piece.at >= start + remaining {
            break;
        }
        remaining -= piece.bytes.len();
        next += 1;
    }
    (start..start + remaining, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn removals(batch: &Batch) -> Vec<(u64, u64, u64)> {
        let removals = batch.removals.iter();
        removals.map(|r| (r.queue.0, r.first.0, r.last.0)).collect()
    }

    #[test]
    fn removals_merge_to_ranges() {
        let mut batch = Batch::new();
        let sequences = |numbers: &[u64]| numbers.iter().map(|n| Sequence(*n)).collect::<Vec<_>>();
        batch.remove(QueueId(2), &sequences(&[5, 6, 9]));
        batch.remove(QueueId(1), &sequences(&[8, 7]));
        batch.remove(QueueId(2), &sequences(&[7, 9]));
        batch.merge_removals();
        assert_eq!(removals(&batch), [(1, 7, 8), (2, 5, 7), (2, 9, 9)]);
    }

    #[test]
    fn large_shared_parts_are_not_copied() {
        let mut batch = Batch::new();
        let large = Bytes::from(vec![7; KEEP_BYTES]);
        let publish = |batch: &mut Batch, parts: &[Part<'_>]| {
            batch.publish(&Append {
                targets: &[(QueueId(1), Sequence(1))],
                attributes: &[],
                parts,
                content_bytes: 0,
                durability: Durability::Strict,
            });
        };
        let first = batch.bytes.len();
        publish(
            &mut batch,
            &[b"head"[..].into(), (&large).into(), (&large).into()],
        );
        let second = batch.bytes.len();
        publish(&mut batch, &[b"small"[..].into()]);
        publish(&mut batch, &[(&large).into(), b"tail"[..].into()]);
        assert_eq!(batch.pieces.len(), 3);
        assert!(batch.bytes.len() < 200);

        assert_eq!(batch.extent(first, 0), (first..second, 2));
        let (third, piece) = batch.extent(second, 2);
        assert_eq!(piece, 2);
        assert_eq!(
            batch.extent(third.end, 2),
            (third.end..batch.bytes.len(), 3)
        );
    }
}
