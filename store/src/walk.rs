//! Reads the log's segments one after another, and tells a torn tail from damage. Changes nothing.
//!
//! A bad record in the last segment that was never known to be synced is a torn tail. Anywhere else it is
//! damage, behind which reading goes on with the next good record.

use std::sync::Arc;

use crate::Error;
use crate::disk::{Disk, DiskFile};
use crate::log::{Location, Position};
use crate::record::Kind;
use crate::segment::{self, DIRECTORY, FORMAT_VERSION, Found, Head, SEGMENT_HEAD_BYTES, Scanner};

/// What was found of the log.
#[derive(Debug)]
pub(crate) struct Walked {
    /// The end of the last segment; segment 0 if there is none.
    pub(crate) last: Position,
    /// The last segment's file.
    pub(crate) file: Option<Arc<dyn DiskFile>>,
    /// Whether the last segment can be continued.
    pub(crate) is_whole: bool,
    pub(crate) torn: Torn,
    /// Bytes behind the end of the last segment that are not zero, or may not be.
    pub(crate) torn_bytes: u64,
    pub(crate) damages: Vec<Damaged>,
    /// Segments that were read, or the rest of one behind a checkpoint.
    pub(crate) segments: u64,
    /// Records read.
    pub(crate) records: u64,
    /// Bytes from where reading began to the last record of each segment.
    pub(crate) bytes: u64,
}

/// What a crash left unfinished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Torn {
    /// Nothing.
    Not,
    /// What is behind the end of the last segment.
    Tail,
    /// A last segment without a head. It is not counted.
    Segment(u32),
}

/// A place at which something is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damaged {
    pub(crate) segment: u32,
    pub(crate) offset: u64,
    pub(crate) what: &'static str,
}

/// Takes each good record: where it is, what it is, and its payload.
pub(crate) type Visit<'a> = dyn FnMut(Location, Kind, &[u8]) + 'a;

/// The numbers of the segments there are, ascending.
pub(crate) fn segments(disk: &dyn Disk) -> Result<Vec<u32>, Error> {
    let names = disk.list(DIRECTORY).map_err(Error::io("list", DIRECTORY))?;
    let mut numbers: Vec<u32> = names
        .iter()
        .filter_map(|name| segment::number(name))
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Refuses a log in which a segment has another version than this program's. Damaged heads are left to
/// `walk`.
pub(crate) fn check_versions(disk: &dyn Disk) -> Result<(), Error> {
    for number in segments(disk)? {
        let path = segment::path(number);
        let file = disk.open(&path).map_err(Error::io("open", path))?;
        read_head(&file, number)?;
    }
    Ok(())
}

/// The head of a segment; `None` if it is damaged.
fn read_head(file: &Arc<dyn DiskFile>, number: u32) -> Result<Option<Head>, Error> {
    let mut bytes = [0; SEGMENT_HEAD_BYTES];
    let read = file.read_at(0, &mut bytes);
    let read = read.map_err(|error| Error::io("read", segment::path(number))(error))?;
    match Head::decode(&bytes[..read]) {
        Some(head) if head.version != FORMAT_VERSION => Err(Error::UnknownVersion {
            file: segment::path(number),
            found: head.version,
            supported: FORMAT_VERSION,
        }),
        head => Ok(head),
    }
}

/// Reads the log from a position on, or all of it. It was whole at least until `durable`.
pub(crate) fn walk(
    disk: &dyn Disk,
    from: Option<Position>,
    durable: Position,
    visit: &mut Visit<'_>,
) -> Result<Walked, Error> {
    let mut numbers = segments(disk)?;
    numbers.retain(|number| from.is_none_or(|from| *number >= from.segment));
    let mut walk = Walk {
        disk,
        from,
        durable,
        visit,
        walked: Walked {
            last: Position::default(),
            file: None,
            is_whole: false,
            torn: Torn::Not,
            torn_bytes: 0,
            damages: Vec::new(),
            segments: 0,
            records: 0,
            bytes: 0,
        },
    };
    for (at, &number) in numbers.iter().enumerate() {
        let start = from.filter(|from| from.segment == number);
        let start = start.map_or(SEGMENT_HEAD_BYTES as u32, |from| from.offset);
        walk.segment(number, start, at + 1 == numbers.len())?;
    }
    Ok(walk.walked)
}

struct Walk<'a, 'b> {
    disk: &'a dyn Disk,
    from: Option<Position>,
    durable: Position,
    visit: &'a mut Visit<'b>,
    walked: Walked,
}

impl Walk<'_, '_> {
    fn segment(&mut self, number: u32, start: u32, is_last: bool) -> Result<(), Error> {
        let path = segment::path(number);
        let file = self.disk.open(&path).map_err(Error::io("open", &path))?;
        let whole_head = self.head(&file, number)?;
        let io = || Error::io("read", &path);
        let mut scanner = Scanner::new(Arc::clone(&file), number, start.into()).map_err(io())?;
        if !whole_head {
            // The head is written with the first group, and lost with its group record: see `whole_before`.
            let may_be_torn = is_last && !self.was_durable(number, 0);
            if may_be_torn && !scanner.was_synced(0).map_err(io())? {
                self.walked.torn = Torn::Segment(number);
                self.walked.torn_bytes = scanner.length();
                self.walked.is_whole = false;
                return Ok(());
            }
            self.damage(number, 0, "the head is damaged");
        }
        if scanner.length() < u64::from(start) {
            self.damage(number, scanner.length(), "the file is shorter than it was");
        }
        self.records(number, &mut scanner, is_last)?;
        let end = scanner.offset().min(scanner.length());
        self.walked.segments += 1;
        self.walked.bytes += end.saturating_sub(start.into());
        let damages = &self.walked.damages;
        let is_whole = !damages.iter().any(|damage| damage.segment == number);
        if is_whole && is_last && end < scanner.length() {
            self.walked.torn = Torn::Tail;
            if !scanner.only_zeros_follow().map_err(io())? {
                self.walked.torn_bytes = scanner.length() - end;
            }
        }
        let offset = u32::try_from(end).expect("segments are shorter than 4 GiB");
        self.walked.last = Position {
            segment: number,
            offset,
        };
        self.walked.file = is_last.then_some(file);
        self.walked.is_whole = is_whole;
        Ok(())
    }

    /// Reads the head; false if it is damaged.
    fn head(&mut self, file: &Arc<dyn DiskFile>, number: u32) -> Result<bool, Error> {
        let Some(head) = read_head(file, number)? else {
            return Ok(false);
        };
        let before = self.walked.last;
        self.check_gap(number, head.previous);
        if head.previous == before.segment && before.offset < head.previous_length {
            let end = before.offset.into();
            self.damage(before.segment, end, "the end of the file is missing");
        }
        if head.number != number {
            // No crash does that: it is not torn.
            self.damage(number, 0, "it is another segment under this number");
        }
        Ok(true)
    }

    /// No segment behind a checkpoint is removed. Before it, and without one, gaps are as they should be.
    fn check_gap(&mut self, number: u32, previous: u32) {
        let Some(from) = self.from.filter(|from| from.segment > 0) else {
            return;
        };
        let missing = match self.walked.last.segment {
            0 if number != from.segment => from.segment,
            before if before > 0 && before < previous => previous,
            _ => return,
        };
        self.damage(missing, 0, "the file is missing");
    }

    fn records(&mut self, number: u32, scanner: &mut Scanner, is_last: bool) -> Result<(), Error> {
        let io = || Error::io("read", segment::path(number));
        loop {
            let ends = match scanner.next().map_err(io())? {
                Found::Record {
                    offset,
                    kind,
                    length,
                    payload,
                } => {
                    let location = Location {
                        segment: number,
                        offset,
                        length,
                    };
                    self.walked.records += 1;
                    (self.visit)(location, kind, payload);
                    continue;
                }
                Found::End => true,
                Found::Bad => false,
            };
            let offset = scanner.offset();
            let was_durable = self.was_durable(number, offset);
            let is_short = was_durable && number == self.durable.segment;
            if ends && !is_short && scanner.only_zeros_follow().map_err(io())? {
                return Ok(());
            }
            if is_last && !was_durable && !scanner.was_synced(offset).map_err(io())? {
                return Ok(());
            }
            self.damage(number, offset, "a record is damaged");
            if !scanner.skip_bad().map_err(io())? {
                return Ok(());
            }
        }
    }

    /// Whether it is known that there was something durable at this place.
    fn was_durable(&self, number: u32, offset: u64) -> bool {
        let offset = u32::try_from(offset).unwrap_or(u32::MAX);
        Position {
            segment: number,
            offset,
        } < self.durable
    }

    fn damage(&mut self, segment: u32, offset: u64, what: &'static str) {
        self.walked.damages.push(Damaged {
            segment,
            offset,
            what,
        });
    }
}
