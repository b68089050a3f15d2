//! A file of the log: its name, its head, and reading its records one after another.
//!
//! ```text
//! head     magic 8     "FerryMQ\n"
//!          version u32
//!          number u32            as in the file's name
//!          previous number u32   the segment written before this one; 0: none
//!          previous length u32   how long that was when this one began
//!          reserved u32          0
//!          crc32c u32            of the above
//! records  until the file ends, or a length of 0
//! ```
//!
//! Every group of records begins with a group record, which says how much of the segment was on stable storage
//! when the group was written. A bad record in that part was damaged; any other is what a power loss left of
//! groups that were not synced.

use std::io;
use std::sync::Arc;

use crate::disk::{Disk, DiskFile};
use crate::record::{self, HEAD_BYTES, Kind, u32_at};

/// The format that this program writes, and the only one it reads.
pub(crate) const FORMAT_VERSION: u32 = 1;
/// The head of every segment.
pub(crate) const SEGMENT_HEAD_BYTES: usize = 32;
/// Where segments live in the data directory.
pub(crate) const DIRECTORY: &str = "log";

const MAGIC: &[u8; 8] = b"FerryMQ\n";
/// How much is read at once when everything is read.
const READ_AHEAD_BYTES: usize = 1024 * 1024;

/// The path of a segment.
pub(crate) fn path(number: u32) -> String {
    format!("{DIRECTORY}/{number:010}.segment")
}

/// The number in a segment's file name; `None` for any other file.
pub(crate) fn number(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".segment")?;
    let number = digits.parse().ok()?;
    (digits.len() == 10 && number > 0).then_some(number)
}

/// Gives a damaged segment a second name, so that its bytes can be looked at when it is gone.
pub(crate) fn quarantine(disk: &dyn Disk, number: u32) {
    let path = path(number);
    let aside = format!("{path}.damaged");
    match disk.link(&path, &aside) {
        Ok(()) => tracing::error!(aside, "a damaged segment is kept aside"),
        // It is there already, or there is nothing left to keep.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            tracing::error!(segment = path, %error, "cannot keep a damaged segment aside")
        }
    }
}

/// What the head of a segment says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) version: u32,
    pub(crate) number: u32,
    pub(crate) previous: u32,
    pub(crate) previous_length: u32,
}

impl Head {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEAD_BYTES] {
        let mut head = [0; SEGMENT_HEAD_BYTES];
        head[..8].copy_from_slice(MAGIC);
        let fields = [
            self.version,
            self.number,
            self.previous,
            self.previous_length,
        ];
        for (field, bytes) in fields.iter().zip(head[8..24].chunks_exact_mut(4)) {
            bytes.copy_from_slice(&field.to_le_bytes());
        }
        let crc = crc32c::crc32c(&head[..28]);
        head[28..].copy_from_slice(&crc.to_le_bytes());
        head
    }

    /// `None` if this is no head, or a damaged one.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let head: &[u8; SEGMENT_HEAD_BYTES] = bytes.first_chunk()?;
        let whole = &head[..8] == MAGIC && crc32c::crc32c(&head[..28]) == u32_at(head, 28);
        whole.then(|| Self {
            version: u32_at(head, 8),
            number: u32_at(head, 12),
            previous: u32_at(head, 16),
            previous_length: u32_at(head, 20),
        })
    }
}

/// What stands at a place of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// A record with a good checksum.
    Record {
        /// Where it begins.
        offset: u32,
        kind: Kind,
        /// The whole record's length.
        length: u32,
        payload: &'a [u8],
    },
    /// The file ends, or a length of 0.
    End,
    /// Anything else.
    Bad,
}

/// Reads a segment's records one after another, in large reads.
#[derive(Debug)]
pub(crate) struct Scanner {
    file: Arc<dyn DiskFile>,
    seed: u32,
    /// Bytes read ahead, from `start` of the file on.
    buffer: Vec<u8>,
    start: u64,
    /// Where the next record begins.
    offset: u64,
    length: u64,
}

impl Scanner {
    pub(crate) fn new(file: Arc<dyn DiskFile>, segment: u32, offset: u64) -> io::Result<Self> {
        let length = file.len()?;
        Ok(Self {
            file,
            seed: record::seed(segment),
            buffer: Vec::new(),
            start: offset,
            offset,
            length,
        })
    }

    /// Where the next record begins.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The length of the file.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Reads the next record and steps behind it; stays where it is if there is none.
    pub(crate) fn next(&mut self) -> io::Result<Found<'_>> {
        let offset = self.offset;
        let Some(length) = self.whole_record(offset)? else {
            let ends = self.peek(offset, 4)?.iter().all(|byte| *byte == 0);
            return Ok(if ends { Found::End } else { Found::Bad });
        };
        self.offset += length as u64;
        let record = self.peek(offset, length)?;
        Ok(Found::Record {
            offset: u32::try_from(offset).expect("segments are shorter than 4 GiB"),
            kind: Kind::from_byte(record[8]).expect("checked with the record"),
            length: u32::try_from(length).expect("segments are shorter than 4 GiB"),
            payload: &record[HEAD_BYTES..],
        })
    }

    /// Steps to the next good record behind a bad one. False if there is none.
    pub(crate) fn skip_bad(&mut self) -> io::Result<bool> {
        for offset in self.offset + 1..self.length {
            if self.whole_record(offset)?.is_some() {
                self.offset = offset;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a group of records, here or further on, was written when `offset` was on stable storage.
    pub(crate) fn was_synced(&mut self, offset: u64) -> io::Result<bool> {
        for at in self.offset..self.length {
            let Some(length) = self.whole_record(at)? else {
                continue;
            };
            let whole_before = record::whole_before(self.peek(at, length)?);
            if whole_before.is_some_and(|whole_before| u64::from(whole_before) > offset) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether everything from the current place on is zero.
    pub(crate) fn only_zeros_follow(&mut self) -> io::Result<bool> {
        let mut offset = self.offset;
        while offset < self.length {
            let bytes = self.peek(offset, READ_AHEAD_BYTES)?;
            if bytes.is_empty() || bytes.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            offset += bytes.len() as u64;
        }
        Ok(true)
    }

    /// The length of the record at `offset`, if a good one begins there.
    fn whole_record(&mut self, offset: u64) -> io::Result<Option<usize>> {
        let head = self.peek(offset, HEAD_BYTES)?;
        if head.len() < HEAD_BYTES || head[9] != 0 || Kind::from_byte(head[8]).is_none() {
            return Ok(None);
        }
        let length = record::record_bytes(head);
        if length < HEAD_BYTES || length as u64 > self.length.saturating_sub(offset) {
            return Ok(None);
        }
        let seed = self.seed;
        let record = self.peek(offset, length)?;
        let whole = record.len() == length
            && record::checksum(seed, record) == record::stored_checksum(record);
        Ok(whole.then_some(length))
    }

    /// Up to `length` bytes from `offset` on; fewer only at the end of the file.
    fn peek(&mut self, offset: u64, length: usize) -> io::Result<&[u8]> {
        let end = self.start + self.buffer.len() as u64;
        let wanted = (offset + length as u64).min(self.length);
        if offset < self.start || wanted > end {
            let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
            self.buffer
                .resize(length.max(READ_AHEAD_BYTES).min(left), 0);
            let filled = self.file.read_at(offset, &mut self.buffer)?;
            self.buffer.truncate(filled);
            self.start = offset;
        }
        let from = usize::try_from(offset - self.start).expect("inside the buffer");
        let bytes = self.buffer.get(from..).unwrap_or_default();
        Ok(&bytes[..length.min(bytes.len())])
    }
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;

    use super::*;
    use crate::disk::SimulatedDisk;
    use crate::record::GROUP_BYTES;

    /// A group and its removal record.
    const GROUP: usize = GROUP_BYTES + HEAD_BYTES + 24;

    /// A segment 1 of three removal records, behind a group record each. The third was written when
    /// the first was synced.
    fn segment(disk: &SimulatedDisk) -> Arc<dyn DiskFile> {
        let mut bytes = Vec::new();
        for whole_before in [0, 0, GROUP] {
            let group = bytes.len();
            record::put_group(&mut bytes);
            record::set_group(&mut bytes[group..], 7, whole_before as u32);
            record::seal(&mut bytes[group..], record::seed(1));
            let start = record::begin(&mut bytes, Kind::Remove);
            bytes.extend_from_slice(&[3; 24]);
            record::end(&mut bytes, start, 0);
            record::seal(&mut bytes[start..], record::seed(1));
        }
        let file = disk.create("log/x").unwrap();
        file.write_at(0, &mut [IoSlice::new(&bytes)]).unwrap();
        file
    }

    fn records(scanner: &mut Scanner) -> usize {
        let mut records = 0;
        while let Found::Record { .. } = scanner.next().unwrap() {
            records += 1;
        }
        records
    }

    #[test]
    fn names_and_numbers_agree() {
        assert_eq!(path(7), "log/0000000007.segment");
        assert_eq!(number("0000000007.segment"), Some(7));
        for name in [
            "7.segment",
            "0000000000.segment",
            "0000000007.segment.damaged",
            "lock",
        ] {
            assert_eq!(number(name), None, "{name}");
        }
    }

    #[test]
    fn a_changed_head_is_no_head() {
        let head = Head {
            version: 1,
            number: 2,
            previous: 1,
            previous_length: 99,
        };
        let bytes = head.encode();
        assert_eq!(Head::decode(&bytes), Some(head));
        for at in 0..bytes.len() {
            let mut changed = bytes;
            changed[at] ^= 1;
            assert_eq!(Head::decode(&changed), None, "byte {at}");
        }
    }

    #[test]
    fn a_bad_record_is_found_and_skipped() {
        let disk = SimulatedDisk::new();
        let file = segment(&disk);
        let mut scanner = Scanner::new(file.clone(), 1, 0).unwrap();
        assert_eq!(records(&mut scanner), 6);
        assert_eq!(scanner.next().unwrap(), Found::End);

        let bad = GROUP + GROUP_BYTES;
        disk.damage("log/x", |bytes| bytes[bad + 20] ^= 4);
        let mut scanner = Scanner::new(file, 1, 0).unwrap();
        assert_eq!(records(&mut scanner), 3);
        assert_eq!(scanner.next().unwrap(), Found::Bad);
        assert_eq!(scanner.offset(), bad as u64);
        assert!(scanner.skip_bad().unwrap());
        assert_eq!(scanner.offset(), 2 * GROUP as u64);
        assert_eq!(records(&mut scanner), 2);
    }

    #[test]
    fn a_group_tells_what_was_synced_before_it() {
        let disk = SimulatedDisk::new();
        let mut scanner = Scanner::new(segment(&disk), 1, 0).unwrap();
        let synced = [0, GROUP - 1, GROUP, 2 * GROUP].map(|offset| offset as u64);
        let synced = synced.map(|offset| scanner.was_synced(offset).unwrap());
        assert_eq!(synced, [true, true, false, false]);
    }

    #[test]
    fn zeros_end_a_segment() {
        let disk = SimulatedDisk::new();
        let file = segment(&disk);
        disk.damage("log/x", |bytes| bytes.extend_from_slice(&[0; 100]));
        let mut scanner = Scanner::new(file, 1, 0).unwrap();
        assert_eq!(records(&mut scanner), 6);
        assert_eq!(scanner.next().unwrap(), Found::End);
        assert!(scanner.only_zeros_follow().unwrap());
    }
}
