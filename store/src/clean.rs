//! The note that a clean stop leaves, which the next start takes away once it has succeeded.
//!
//! ```text
//! magic 8 "FerryMQc", version u32, position u64: the end of the log
//! per range of messages that were delivered before: queue u64, first sequence u64, last sequence u64
//! crc32c u32 of the above
//! ```

use std::collections::HashMap;
use std::io::{self, ErrorKind, IoSlice};

use crate::disk::Disk;
use crate::log::Position;
use crate::record::{self, Removal, u32_at, u64_at};
use crate::{Error, QueueId, Sequence};

const FILE: &str = "clean";
const NEW_FILE: &str = "clean.new";
const MAGIC: &[u8; 8] = b"FerryMQc";
const VERSION: u32 = 1;
const HEAD_BYTES: usize = 20;

/// Ranges of sequences, both ends included.
pub(crate) type Redelivered = HashMap<QueueId, Vec<(Sequence, Sequence)>>;

/// What a clean stop noted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// The end of the log, all of which is durable.
    pub(crate) end: Position,
    pub(crate) redelivered: Redelivered,
}

/// Leaves the note, durably.
pub(crate) fn write(
    disk: &dyn Disk,
    end: Position,
    redelivered: &[(QueueId, Vec<(Sequence, Sequence)>)],
) -> Result<(), Error> {
    let bytes = encode(end, redelivered);
    let write = || {
        let file = disk.create(NEW_FILE)?;
        file.write_at(0, &mut [IoSlice::new(&bytes)])?;
        file.sync_all()?;
        disk.rename(NEW_FILE, FILE)?;
        disk.sync_dir("")
    };
    write().map_err(Error::io("write", FILE))
}

/// What there is of a note.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    Missing,
    Damaged,
    Whole(Note),
}

impl Read {
    /// The note, if there is one that is whole.
    pub(crate) fn whole(self) -> Option<Note> {
        match self {
            Self::Whole(note) => Some(note),
            Self::Missing | Self::Damaged => None,
        }
    }
}

/// Takes the note away, durably; there may be none.
pub(crate) fn remove(disk: &dyn Disk) -> Result<(), Error> {
    match disk.remove(FILE) {
        Ok(()) => disk.sync_dir("").map_err(Error::io("remove", FILE)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("remove", FILE)(error)),
    }
}

/// Reads the note, and leaves it.
pub(crate) fn read(disk: &dyn Disk) -> Result<Read, Error> {
    let read = || -> io::Result<Vec<u8>> {
        let file = disk.open(FILE)?;
        let length = usize::try_from(file.len()?).map_err(|_| ErrorKind::InvalidData)?;
        let mut bytes = vec![0; length];
        let read = file.read_at(0, &mut bytes)?;
        bytes.truncate(read);
        Ok(bytes)
    };
    let bytes = match read() {
        Ok(bytes) => bytes,
        Err(error) if ErrorKind::NotFound == error.kind() => return Ok(Read::Missing),
        Err(error) => return Err(Error::io("read", FILE)(error)),
    };
    decode(&bytes)
}

fn encode(end: Position, redelivered: &[(QueueId, Vec<(Sequence, Sequence)>)]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&end.to_u64().to_le_bytes());
    for (queue, ranges) in redelivered {
        for (first, last) in ranges {
            for number in [queue.0, first.0, last.0] {
                out.extend_from_slice(&number.to_le_bytes());
            }
        }
    }
    let crc = crc32c::crc32c(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

fn decode(bytes: &[u8]) -> Result<Read, Error> {
    let whole = |noted: &[u8], crc| {
        noted.len() >= HEAD_BYTES && &noted[..8] == MAGIC && crc32c::crc32c(noted) == crc
    };
    let noted = match bytes.split_last_chunk() {
        Some((noted, crc)) if whole(noted, u32::from_le_bytes(*crc)) => noted,
        _ => return Ok(Read::Damaged),
    };
    let found = u32_at(noted, 8);
    if found != VERSION {
        return Err(Error::UnknownVersion {
            file: FILE.to_owned(),
            found,
            supported: VERSION,
        });
    }
    let mut redelivered = Redelivered::new();
    for Removal { queue, first, last } in record::removals(&noted[HEAD_BYTES..]) {
        redelivered.entry(queue).or_default().push((first, last));
    }
    let end = Position::from_u64(u64_at(noted, 12));
    Ok(Read::Whole(Note { end, redelivered }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::SimulatedDisk;

    #[test]
    fn the_note_stays_until_it_is_removed() {
        let disk = SimulatedDisk::new();
        let end = Position {
            segment: 3,
            offset: 99,
        };
        assert_eq!(read(&disk).unwrap(), Read::Missing);
        let ranges = vec![(Sequence(5), Sequence(7)), (Sequence(9), Sequence(9))];
        write(&disk, end, &[(QueueId(1), ranges.clone())]).unwrap();
        let redelivered = Redelivered::from([(QueueId(1), ranges)]);
        let note = Read::Whole(Note { end, redelivered });
        assert_eq!(read(&disk).unwrap(), note);
        assert_eq!(read(&disk).unwrap(), note);
        remove(&disk).unwrap();
        assert_eq!(read(&disk).unwrap(), Read::Missing);
        remove(&disk).unwrap();
    }

    #[test]
    fn a_damaged_note_is_told_from_none() {
        let disk = SimulatedDisk::new();
        let whole = encode(
            Position::default(),
            &[(QueueId(1), vec![(Sequence(1), Sequence(1))])],
        );
        for at in 0..whole.len() {
            write(&disk, Position::default(), &[]).unwrap();
            disk.damage(FILE, |bytes| {
                bytes.clone_from(&whole);
                bytes[at] ^= 1;
            });
            assert_eq!(read(&disk).unwrap(), Read::Damaged, "byte {at}");
        }
    }
}
