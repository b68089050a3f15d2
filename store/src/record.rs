//! The bytes of a record: what one change looks like in the log, and its checksum.
//!
//! ```text
//! record   length u32   bytes after the checksum; 0: the log ends here
//!          crc32c u32   of length, then everything after this field; seeded with the segment's number
//!          kind u8      see `Kind`
//!          group u8     the replicated group this belongs to; 0: this node
//!          payload
//!
//! Publish  targets u32, content bytes u32, then per target: queue u64, sequence u64; then the message
//!          where the highest bit of targets is set, each target is followed by its attributes: level u8,
//!          due u64, expires u64
//! Copy     as Publish: a message that was published before lies here now, if it is still live
//! Remove   per range: queue u64, first sequence u64, last sequence u64
//! Change   per change: operation u8, then
//!            1 put           key, value
//!            2 remove        key
//!            3 create queue  queue u64, key, value
//!            4 delete queue  queue u64, key
//!          where keys and values are u32 and so many bytes
//! Following as Change: it means nothing without what stands before it, and never goes ahead of that
//! Snapshot base position u64, part u32, last u8, next queue id u64; then changes as above, where
//!            3 create queue  is 5: queue u64, next sequence u64
//! Group    number u64, whole before u32: a group of records that was written together begins; where
//!          it can be read, everything before that offset of the segment was whole
//! ```
//!
//! All integers are little-endian. A record never spans two segments.

use crate::{Attributes, Change, QueueId, Sequence};

/// Length, checksum, kind and group.
pub(crate) const HEAD_BYTES: usize = 10;
/// Length and checksum: what the length does not count.
pub(crate) const PREFIX_BYTES: usize = 8;
/// A whole group record.
pub(crate) const GROUP_BYTES: usize = HEAD_BYTES + 12;
/// One queue and sequence that a message was routed to.
const TARGET_BYTES: usize = 16;
/// The same with attributes.
const ATTRIBUTED_BYTES: usize = TARGET_BYTES + 17;
/// In the count of targets: they have attributes.
const ATTRIBUTED: u32 = 1 << 31;

/// What a record means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Publish = 1,
    Remove = 2,
    Change = 3,
    Snapshot = 4,
    Group = 5,
    Copy = 6,
    Following = 7,
}

impl Kind {
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Publish,
            2 => Self::Remove,
            3 => Self::Change,
            4 => Self::Snapshot,
            5 => Self::Group,
            6 => Self::Copy,
            7 => Self::Following,
            _ => return None,
        })
    }

    /// Whether the payload is a message and its targets.
    pub(crate) fn is_message(self) -> bool {
        matches!(self, Self::Publish | Self::Copy)
    }
}

/// Sequences of one queue that are settled, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Removal {
    pub(crate) queue: QueueId,
    pub(crate) first: Sequence,
    pub(crate) last: Sequence,
}

/// The checksum's seed: a record copied into another segment does not pass for one of its own.
pub(crate) fn seed(segment: u32) -> u32 {
    crc32c::crc32c(&segment.to_le_bytes())
}

/// The checksum of a whole record in one piece.
pub(crate) fn checksum(seed: u32, record: &[u8]) -> u32 {
    let crc = crc32c::crc32c_append(seed, &record[..4]);
    crc32c::crc32c_append(crc, &record[PREFIX_BYTES..])
}

/// The checksum that a record carries.
pub(crate) fn stored_checksum(record: &[u8]) -> u32 {
    u32_at(record, 4)
}

/// The length of the whole record that begins here, by its length field.
pub(crate) fn record_bytes(head: &[u8]) -> usize {
    PREFIX_BYTES + u32_at(head, 0) as usize
}

/// Appends a group record, yet without content.
pub(crate) fn put_group(out: &mut Vec<u8>) {
    let start = begin(out, Kind::Group);
    out.extend_from_slice(&[0; GROUP_BYTES - HEAD_BYTES]);
    end(out, start, 0);
}

/// Fills in the group record at the beginning of `out`.
pub(crate) fn set_group(out: &mut [u8], number: u64, whole_before: u32) {
    let content = &mut out[HEAD_BYTES..GROUP_BYTES];
    content[..8].copy_from_slice(&number.to_le_bytes());
    content[8..].copy_from_slice(&whole_before.to_le_bytes());
}

/// The number in a group record's payload.
pub(crate) fn group_number(payload: &[u8]) -> u64 {
    u64_at(payload, 0)
}

/// Before which offset the segment was whole, by a group record's payload.
pub(crate) fn group_whole_before(payload: &[u8]) -> u32 {
    u32_at(payload, 8)
}

/// Before which offset the segment was whole, if this is a group record that says so.
pub(crate) fn whole_before(record: &[u8]) -> Option<u32> {
    let is_group = record.len() == GROUP_BYTES && record[8] == Kind::Group as u8;
    is_group.then(|| group_whole_before(&record[HEAD_BYTES..]))
}

/// Begins a record; `end` fills in its length. The checksum is left to the committer.
pub(crate) fn begin(out: &mut Vec<u8>, kind: Kind) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, kind as u8, 0]);
    start
}

/// Ends the record begun at `start`, of which `elsewhere` bytes are not in `out`.
///
/// # Panics
/// If the record is 4 GiB long or longer, which no message is allowed to be.
pub(crate) fn end(out: &mut [u8], start: usize, elsewhere: usize) {
    let length = out.len() - start - PREFIX_BYTES + elsewhere;
    let length = u32::try_from(length).expect("records are shorter than 4 GiB");
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

/// Writes the checksum of the complete record at `start..end` of `out`.
pub(crate) fn seal(out: &mut [u8], seed: u32) {
    let crc = checksum(seed, out);
    out[4..PREFIX_BYTES].copy_from_slice(&crc.to_le_bytes());
}

/// Appends what stands before a message: how much of it is content, its targets, and their attributes, which
/// are left out if there are none.
pub(crate) fn put_publish(
    out: &mut Vec<u8>,
    content_bytes: u32,
    targets: &[(QueueId, Sequence)],
    attributes: &[Attributes],
) {
    let is_attributed = attributes.iter().any(|given| *given != Attributes::NONE);
    let count = u32::try_from(targets.len()).expect("fewer than 2 G queues");
    let flag = if is_attributed { ATTRIBUTED } else { 0 };
    out.extend_from_slice(&(count | flag).to_le_bytes());
    out.extend_from_slice(&content_bytes.to_le_bytes());
    if is_attributed {
        return put_attributed(out, targets, attributes);
    }
    for target in targets {
        put_target(out, target);
    }
}

fn put_attributed(out: &mut Vec<u8>, targets: &[(QueueId, Sequence)], attributes: &[Attributes]) {
    assert_eq!(targets.len(), attributes.len(), "all targets or none");
    for (target, attributes) in targets.iter().zip(attributes) {
        put_target(out, target);
        out.push(attributes.level);
        out.extend_from_slice(&attributes.due.to_le_bytes());
        out.extend_from_slice(&attributes.expires.to_le_bytes());
    }
}

#[inline]
fn put_target(out: &mut Vec<u8>, (queue, sequence): &(QueueId, Sequence)) {
    let mut target = [0; TARGET_BYTES];
    target[..8].copy_from_slice(&queue.0.to_le_bytes());
    target[8..].copy_from_slice(&sequence.0.to_le_bytes());
    out.extend_from_slice(&target);
}

/// The payload of a publish record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Publish<'a> {
    /// How many of the message's bytes count as its content.
    pub(crate) content_bytes: u32,
    targets: &'a [u8],
    count: usize,
    /// Whether targets have attributes.
    pub(crate) is_attributed: bool,
    /// The message, all of it.
    pub(crate) message: &'a [u8],
}

impl<'a> Publish<'a> {
    /// `None` if the payload is shorter than it says.
    pub(crate) fn parse(payload: &'a [u8]) -> Option<Self> {
        let (count, rest) = payload.split_first_chunk()?;
        let (content_bytes, rest) = rest.split_first_chunk()?;
        let count = u32::from_le_bytes(*count);
        let is_attributed = count & ATTRIBUTED != 0;
        let count = (count & !ATTRIBUTED) as usize;
        let length = count.checked_mul(target_bytes(is_attributed))?;
        let (targets, message) = rest.split_at_checked(length)?;
        Some(Self {
            content_bytes: u32::from_le_bytes(*content_bytes),
            targets,
            count,
            is_attributed,
            message,
        })
    }

    /// The queues that the message was routed to, and its sequence in each.
    pub(crate) fn targets(&self) -> impl Iterator<Item = (QueueId, Sequence)> + use<'a> {
        let (targets, bytes) = (self.targets, target_bytes(self.is_attributed));
        (0..self.count).map(move |number| target_at(targets, number * bytes))
    }

    /// As `targets`, with their attributes.
    pub(crate) fn attributed(
        &self,
    ) -> impl Iterator<Item = ((QueueId, Sequence), Attributes)> + use<'a> {
        let (targets, is_attributed) = (self.targets, self.is_attributed);
        (0..self.count).map(move |number| {
            let at = number * target_bytes(is_attributed);
            let attributes = match is_attributed {
                true => attributes_at(targets, at + TARGET_BYTES),
                false => Attributes::NONE,
            };
            (target_at(targets, at), attributes)
        })
    }
}

fn target_bytes(is_attributed: bool) -> usize {
    match is_attributed {
        true => ATTRIBUTED_BYTES,
        false => TARGET_BYTES,
    }
}

fn target_at(targets: &[u8], at: usize) -> (QueueId, Sequence) {
    (
        QueueId(u64_at(targets, at)),
        Sequence(u64_at(targets, at + 8)),
    )
}

fn attributes_at(targets: &[u8], at: usize) -> Attributes {
    Attributes {
        level: targets[at],
        due: u64_at(targets, at + 1),
        expires: u64_at(targets, at + 9),
    }
}

/// Appends a whole record of removals.
pub(crate) fn put_removals(out: &mut Vec<u8>, removals: &[Removal]) {
    let start = begin(out, Kind::Remove);
    for removal in removals {
        for number in [removal.queue.0, removal.first.0, removal.last.0] {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
    end(out, start, 0);
}

/// The removals in a record's payload.
pub(crate) fn removals(payload: &[u8]) -> impl Iterator<Item = Removal> {
    payload.chunks_exact(24).map(|bytes| Removal {
        queue: QueueId(u64_at(bytes, 0)),
        first: Sequence(u64_at(bytes, 8)),
        last: Sequence(u64_at(bytes, 16)),
    })
}

/// Sorts settled ranges, and joins those which follow one another.
pub(crate) fn merge_removals(removals: &mut Vec<Removal>) {
    removals.sort_unstable();
    removals.dedup_by(|next, merged| {
        let joins = next.queue == merged.queue && next.first.0 <= merged.last.0 + 1;
        if joins {
            merged.last = merged.last.max(next.last);
        }
        joins
    });
}

/// Whether merged ranges contain a message.
pub(crate) fn removes(removals: &[Removal], queue: QueueId, sequence: Sequence) -> bool {
    let next =
        removals.partition_point(|removal| (removal.queue, removal.first) <= (queue, sequence));
    let candidate = removals[..next].last();
    candidate.is_some_and(|removal| removal.queue == queue && sequence <= removal.last)
}

/// Appends a whole record of changes.
pub(crate) fn put_changes(out: &mut Vec<u8>, kind: Kind, changes: &[Change<'_>]) {
    let start = begin(out, kind);
    for change in changes {
        put_change(out, change);
    }
    end(out, start, 0);
}

/// Appends one change to a record that was begun.
pub(crate) fn put_change(out: &mut Vec<u8>, change: &Change<'_>) {
    match *change {
        Change::Put { key, value } => {
            out.push(1);
            put_bytes(out, key);
            put_bytes(out, value);
        }
        Change::Remove { key } => {
            out.push(2);
            put_bytes(out, key);
        }
        Change::CreateQueue { id, key, value } => {
            out.push(3);
            out.extend_from_slice(&id.0.to_le_bytes());
            put_bytes(out, key);
            put_bytes(out, value);
        }
        Change::DeleteQueue { id, key } => {
            out.push(4);
            out.extend_from_slice(&id.0.to_le_bytes());
            put_bytes(out, key);
        }
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("a definition is shorter than 4 GiB");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(bytes);
}

/// A change as it stands in a record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ChangeView<'a> {
    Definition(Change<'a>),
    /// In snapshots only: a queue that exists, and a bound of the sequences it has used.
    Queue {
        id: QueueId,
        next: Sequence,
    },
}

/// The changes in a record's payload; ends early if they make no sense.
pub(crate) fn changes(payload: &[u8]) -> impl Iterator<Item = ChangeView<'_>> {
    let mut input = Input(payload);
    std::iter::from_fn(move || input.change())
}

/// The head of a snapshot record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SnapshotHead {
    /// Changes before this position are contained, later ones are not.
    pub(crate) base: u64,
    /// Counted from 0.
    pub(crate) part: u32,
    /// Whether this part completes the snapshot.
    pub(crate) last: bool,
    pub(crate) next_queue_id: u64,
}

impl SnapshotHead {
    const BYTES: usize = 21;

    /// Begins a snapshot record, to which entries can be appended.
    pub(crate) fn begin(&self, out: &mut Vec<u8>) -> usize {
        let start = begin(out, Kind::Snapshot);
        out.extend_from_slice(&self.base.to_le_bytes());
        out.extend_from_slice(&self.part.to_le_bytes());
        out.push(u8::from(self.last));
        out.extend_from_slice(&self.next_queue_id.to_le_bytes());
        start
    }

    /// Makes the encoded record at the beginning of `out` the snapshot's last.
    pub(crate) fn mark_last(out: &mut [u8]) {
        out[HEAD_BYTES + 12] = 1;
    }

    /// The head of a snapshot record's payload, and the entries behind it.
    pub(crate) fn parse(payload: &[u8]) -> Option<(Self, &[u8])> {
        let (head, entries) = payload.split_at_checked(Self::BYTES)?;
        let head = Self {
            base: u64_at(head, 0),
            part: u32_at(head, 8),
            last: head[12] == 1,
            next_queue_id: u64_at(head, 13),
        };
        Some((head, entries))
    }
}

/// Appends a queue to a snapshot record.
pub(crate) fn put_snapshot_queue(out: &mut Vec<u8>, id: QueueId, next: Sequence) {
    out.push(5);
    out.extend_from_slice(&id.0.to_le_bytes());
    out.extend_from_slice(&next.0.to_le_bytes());
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn change(&mut self) -> Option<ChangeView<'a>> {
        let [operation] = *self.array::<1>()?;
        let change = match operation {
            1 => Change::Put {
                key: self.bytes()?,
                value: self.bytes()?,
            },
            2 => Change::Remove { key: self.bytes()? },
            3 => Change::CreateQueue {
                id: self.queue()?,
                key: self.bytes()?,
                value: self.bytes()?,
            },
            4 => Change::DeleteQueue {
                id: self.queue()?,
                key: self.bytes()?,
            },
            5 => {
                let id = self.queue()?;
                let next = Sequence(u64::from_le_bytes(*self.array()?));
                return Some(ChangeView::Queue { id, next });
            }
            _ => return None,
        };
        Some(ChangeView::Definition(change))
    }

    fn queue(&mut self) -> Option<QueueId> {
        Some(QueueId(u64::from_le_bytes(*self.array()?)))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = u32::from_le_bytes(*self.array()?);
        let (bytes, rest) = self.0.split_at_checked(length as usize)?;
        self.0 = rest;
        Some(bytes)
    }

    fn array<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(array)
    }
}

/// The little-endian integer at `at`, which is known to be there.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let field = bytes[at..].first_chunk().expect("the field is inside");
    u32::from_le_bytes(*field)
}

/// The little-endian integer at `at`, which is known to be there.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let field = bytes[at..].first_chunk().expect("the field is inside");
    u64::from_le_bytes(*field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_read_back_as_written() {
        let written = [
            Change::Put {
                key: b"a",
                value: b"1",
            },
            Change::Remove { key: b"" },
            Change::CreateQueue {
                id: QueueId(7),
                key: b"q",
                value: &[9; 300],
            },
            Change::DeleteQueue {
                id: QueueId(u64::MAX),
                key: b"q",
            },
        ];
        let mut out = Vec::new();
        put_changes(&mut out, Kind::Change, &written);
        assert_eq!(record_bytes(&out), out.len());
        let read: Vec<_> = changes(&out[HEAD_BYTES..]).collect();
        assert_eq!(read, written.map(ChangeView::Definition));
    }

    #[test]
    fn a_record_belongs_to_its_segment() {
        let mut out = Vec::new();
        let range = Removal {
            queue: QueueId(1),
            first: Sequence(2),
            last: Sequence(3),
        };
        put_removals(&mut out, &[range]);
        seal(&mut out, seed(1));
        assert_eq!(stored_checksum(&out), checksum(seed(1), &out));
        assert_ne!(stored_checksum(&out), checksum(seed(2), &out));
        assert_eq!(removals(&out[HEAD_BYTES..]).collect::<Vec<_>>(), [range]);
    }

    #[test]
    fn targets_stand_before_the_message() {
        let routed = [(QueueId(1), Sequence(2)), (QueueId(3), Sequence(4))];
        let mut out = Vec::new();
        put_publish(&mut out, 5, &routed, &[]);
        out.extend_from_slice(b"message");
        assert_eq!(out.len(), 8 + 2 * 16 + 7);
        let publish = Publish::parse(&out).unwrap();
        assert_eq!(publish.targets().collect::<Vec<_>>(), routed);
        assert_eq!(publish.message, b"message");
        assert_eq!(publish.content_bytes, 5);
        assert!(Publish::parse(&out[..20]).is_none());
    }

    #[test]
    fn attributes_stand_behind_each_target() {
        let routed = [(QueueId(1), Sequence(2)), (QueueId(3), Sequence(4))];
        let (none, some) = (
            Attributes::NONE,
            Attributes {
                level: 7,
                due: 1,
                expires: u64::MAX,
            },
        );
        let check = |given: &[Attributes], expected: [Attributes; 2], bytes: usize| {
            let mut out = Vec::new();
            put_publish(&mut out, 5, &routed, given);
            assert_eq!(out.len(), 8 + 2 * bytes);
            out.extend_from_slice(b"message");
            let publish = Publish::parse(&out).unwrap();
            assert_eq!(publish.targets().collect::<Vec<_>>(), routed);
            let attributed: Vec<_> = publish.attributed().collect();
            assert_eq!(attributed, [0, 1].map(|n| (routed[n], expected[n])));
            assert_eq!(publish.message, b"message");
        };
        check(&[], [none, none], 16);
        check(&[none, none], [none, none], 16);
        check(&[none, some], [none, some], 33);
        check(&[some, none], [some, none], 33);
    }
}
