//! Reading messages back: by queue and sequence, in large reads, each checksum verified.

use std::ops::Range;

use bytes::Bytes;

use crate::log::{self, Location};
use crate::record::Publish;
use crate::shared::Shared;
use crate::{Attributes, Error, QueueId, Sequence};

/// A message that was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// Its place in the queue.
    pub sequence: Sequence,
    /// What was noted for that queue.
    pub attributes: Attributes,
    /// Its parts, one after another.
    pub bytes: Bytes,
}

/// How much is read at once.
const READ_BYTES: u64 = 1024 * 1024;
/// Messages closer than this are read together with what lies between them.
const GAP_BYTES: u64 = 64 * 1024;

/// A message that is wanted.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    sequence: Sequence,
    location: Location,
    /// Its place in the answer.
    rank: usize,
}

impl Wanted {
    fn start(&self) -> u64 {
        u64::from(self.location.offset)
    }

    fn end(&self) -> u64 {
        self.start() + u64::from(self.location.length)
    }
}

/// Messages that were read, and how many of those asked for were looked for.
pub(crate) type Read = (Vec<StoredMessage>, usize);

/// Messages, each with its place in the answer.
type Ranked = Vec<(usize, StoredMessage)>;

/// Reads messages of one queue; see `Store::read_some`.
pub(crate) fn read(
    shared: &Shared,
    queue: QueueId,
    sequences: &[Sequence],
    max_bytes: u64,
) -> Result<Read, Error> {
    let mut wanted = locate(shared, queue, sequences);
    let fitting = fitting(&wanted, max_bytes);
    let next = wanted.get(fitting);
    let looked_for = next.map_or(sequences.len(), |next| next.rank);
    wanted.truncate(fitting);
    wanted.sort_unstable_by_key(|wanted| (wanted.location.segment, wanted.location.offset));
    let mut found = Vec::with_capacity(wanted.len());
    let mut rest = &wanted[..];
    while !rest.is_empty() {
        let (together, later) = rest.split_at(neighbours(rest));
        read_together(shared, queue, together, &mut found)?;
        rest = later;
    }
    found.sort_unstable_by_key(|(rank, _)| *rank);
    let messages = found.into_iter().map(|(_, message)| message);
    Ok((messages.collect(), looked_for))
}

/// How many of the first messages have up to `max_bytes` together: at least one.
fn fitting(wanted: &[Wanted], max_bytes: u64) -> usize {
    let mut bytes = 0;
    let fits = |wanted: &&Wanted| {
        let is_first = bytes == 0;
        bytes += u64::from(wanted.location.length);
        is_first || bytes <= max_bytes
    };
    wanted.iter().take_while(fits).count()
}

fn locate(shared: &Shared, queue: QueueId, sequences: &[Sequence]) -> Vec<Wanted> {
    let state = shared.state.lock();
    let located = state.index.locate(queue, sequences).enumerate();
    let wanted = located.filter_map(|(rank, location)| {
        Some(Wanted {
            sequence: sequences[rank],
            location: location?,
            rank,
        })
    });
    wanted.collect()
}

/// How many of the first messages are read at once: at least one.
fn neighbours(wanted: &[Wanted]) -> usize {
    let first = &wanted[0];
    let mut end = first.end();
    let fits = |next: &&Wanted| {
        let fits = next.location.segment == first.location.segment
            && next.start() <= end + GAP_BYTES
            && next.end() - first.start() <= READ_BYTES;
        end = end.max(next.end());
        fits
    };
    1 + wanted[1..].iter().take_while(fits).count()
}

fn read_together(
    shared: &Shared,
    queue: QueueId,
    wanted: &[Wanted],
    found: &mut Ranked,
) -> Result<(), Error> {
    let first = wanted[0].location;
    let start = wanted[0].start();
    let end = wanted.iter().map(Wanted::end).max().unwrap_or(start);
    let length = usize::try_from(end - start).expect("checked when it was written");
    let bytes = match shared.reader.read(first.segment, first.offset, length) {
        Ok(bytes) => bytes,
        // Removed by a checkpoint since it was looked up, or lost, which `damaged` tells apart.
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Bytes::new()
        }
        Err(error) => return Err(error),
    };
    for wanted in wanted {
        let range = relative(wanted, start, bytes.len());
        match message(wanted, queue, &bytes.slice(range)) {
            Some(message) => found.push((wanted.rank, message)),
            None => {
                if let Some(moved) = moved_or_damaged(shared, queue, *wanted) {
                    read_together(shared, queue, &[moved], found)?;
                }
            }
        }
    }
    Ok(())
}

fn relative(wanted: &Wanted, start: u64, available: usize) -> Range<usize> {
    let clamp = |offset: u64| {
        usize::try_from(offset - start)
            .unwrap_or(available)
            .min(available)
    };
    clamp(wanted.start())..clamp(wanted.end())
}

/// The message in a record, if that is whole and the message's.
fn message(wanted: &Wanted, queue: QueueId, record: &Bytes) -> Option<StoredMessage> {
    let payload = log::verified_publish(wanted.location.segment, record)?;
    let publish = Publish::parse(&payload)?;
    let own = (queue, wanted.sequence);
    let (_, attributes) = publish.attributed().find(|(target, _)| *target == own)?;
    Some(StoredMessage {
        sequence: wanted.sequence,
        attributes,
        bytes: payload.slice_ref(publish.message),
    })
}

/// Where a message that cannot be read lies by now, if it was moved meanwhile. Reports it as damaged unless
/// it was settled.
fn moved_or_damaged(shared: &Shared, queue: QueueId, wanted: Wanted) -> Option<Wanted> {
    let location = shared.state.lock().index.get(queue, wanted.sequence)?;
    if location != wanted.location {
        return Some(Wanted { location, ..wanted });
    }
    shared.damaged(location, "a message is damaged and will not be delivered");
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::disk::SimulatedDisk;
    use crate::table::SimulatedTables;
    use crate::{Append, Change, Durability, Options, Part, recovery, segment};

    #[test]
    fn a_message_is_found_where_it_was_moved_to() {
        let disk = SimulatedDisk::new();
        let tables = Box::new(SimulatedTables(disk.clone()));
        let options = Options {
            reserve_bytes: 0,
            ..Options::default()
        };
        let parts = recovery::recover(Arc::new(disk.clone()), tables, options);
        let mut parts = parts.unwrap();
        let (queue, sequence) = (QueueId(1), Sequence(1));
        let mut pending = parts.shared.pending.lock();
        pending.change(&[Change::CreateQueue {
            id: queue,
            key: b"",
            value: b"",
        }]);
        pending.batch.publish(&Append {
            targets: &[(queue, sequence)],
            attributes: &[],
            parts: &[Part::Copied(b"message")],
            content_bytes: 7,
            durability: Durability::Strict,
        });
        drop(pending);
        parts.committer.commit_pending();
        let wanted = locate(&parts.shared, queue, &[sequence]);
        // Between the look and the read it is moved, and its old place is gone.
        let targets = [(queue, sequence)];
        let attributes = Attributes {
            level: 3,
            ..Attributes::NONE
        };
        let shared = &parts.shared;
        shared.append_copy(7, &targets, &[attributes], b"message");
        parts.committer.commit_pending();
        let old = wanted[0].location;
        let path = segment::path(old.segment);
        disk.damage(&path, |bytes| bytes[old.offset as usize + 12] ^= 1);
        let mut found = Vec::new();
        read_together(&parts.shared, queue, &wanted, &mut found).unwrap();
        let expected = StoredMessage {
            sequence,
            attributes,
            bytes: Bytes::from("message"),
        };
        assert_eq!(found, [(0, expected)]);
    }
}
