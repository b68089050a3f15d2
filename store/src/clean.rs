//! The note that a clean stop leaves, which the next start takes away.
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

/// Takes the note away, durably. `None` if there is none.
pub(crate) fn take(disk: &dyn Disk) -> Result<Option<Note>, Error> {
    let note = read(disk)?;
    if note != Read::Missing {
        let removed = disk.remove(FILE).and_then(|()| disk.sync_dir(""));
        removed.map_err(Error::io("remove", FILE))?;
    }
    Ok(note.whole())
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
    Ok(decode(&bytes).map_or(Read::Damaged, Read::Whole))
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

fn decode(bytes: &[u8]) -> Option<Note> {
    let (noted, crc) = bytes.split_last_chunk::<4>()?;
    let whole = noted.len() >= HEAD_BYTES
        && crc32c::crc32c(noted) == u32::from_le_bytes(*crc)
        && &noted[..8] == MAGIC
        && u32_at(noted, 8) == VERSION;
    whole.then(|| {
        let mut redelivered = Redelivered::new();
        for Removal { queue, first, last } in record::removals(&noted[HEAD_BYTES..]) {
            redelivered.entry(queue).or_default().push((first, last));
        }
        Note {
            end: Position::from_u64(u64_at(noted, 12)),
            redelivered,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::SimulatedDisk;

    #[test]
    fn the_note_is_read_once() {
        let disk = SimulatedDisk::new();
        let end = Position {
            segment: 3,
            offset: 99,
        };
        assert_eq!(take(&disk).unwrap(), None);
        let ranges = vec![(Sequence(5), Sequence(7)), (Sequence(9), Sequence(9))];
        write(&disk, end, &[(QueueId(1), ranges.clone())]).unwrap();
        let redelivered = Redelivered::from([(QueueId(1), ranges)]);
        assert_eq!(take(&disk).unwrap(), Some(Note { end, redelivered }));
        assert_eq!(take(&disk).unwrap(), None);
    }

    #[test]
    fn a_damaged_note_is_none() {
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
            assert_eq!(take(&disk).unwrap(), None, "byte {at}");
        }
    }
}
