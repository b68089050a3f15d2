//! The append-only log: its segments, the one that is written, and reading from any of them.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::Error;
use crate::disk::{Disk, DiskFile};
use crate::record::{self, HEAD_BYTES, Kind};
use crate::segment::{self, FORMAT_VERSION, Head, SEGMENT_HEAD_BYTES};
use crate::tail::Tail;
use crate::timing::{Operations, Timing};

/// How many segments stay open for reading.
const OPEN_FILES: usize = 16;

/// Offsets are 32 bits wide, and a segment may have one group more than this.
const SEGMENT_BYTES_MAX: u64 = 2 << 30;
/// How much room is reserved ahead. A sync need not make a new length durable then: 40 % faster
/// for small groups.
const ALLOCATE_BYTES: u64 = 8 * 1024 * 1024;

/// A place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub(crate) struct Position {
    pub(crate) segment: u32,
    pub(crate) offset: u32,
}

impl Position {
    pub(crate) fn to_u64(self) -> u64 {
        u64::from(self.segment) << 32 | u64::from(self.offset)
    }

    pub(crate) fn from_u64(packed: u64) -> Self {
        let offset = u32::try_from(packed & u64::from(u32::MAX)).expect("masked");
        let segment = u32::try_from(packed >> 32).expect("shifted");
        Self { segment, offset }
    }
}

/// Where a record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) segment: u32,
    pub(crate) offset: u32,
    pub(crate) length: u32,
}

/// Writes the end of the log. Owned by the committer.
#[derive(Debug)]
pub(crate) struct LogWriter {
    disk: Arc<dyn Disk>,
    tail: Arc<Tail>,
    segment_bytes: u64,
    active: Option<Active>,
    /// The last segment there is, and its length.
    last: Position,
    /// There was no room: none is reserved ahead.
    starved: bool,
}

#[derive(Debug)]
struct Active {
    file: Arc<dyn DiskFile>,
    /// How much room is reserved.
    allocated: u64,
    /// The first write brings the head along.
    new: bool,
}

impl LogWriter {
    /// Continues behind `last`, in the same segment if `active` is its file.
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        tail: Arc<Tail>,
        segment_bytes: u64,
        last: Position,
        active: Option<Arc<dyn DiskFile>>,
    ) -> Self {
        let active = active.map(|file| Active {
            file,
            allocated: 0,
            new: false,
        });
        Self {
            disk,
            tail,
            segment_bytes: segment_bytes.min(SEGMENT_BYTES_MAX),
            active,
            last,
            starved: false,
        }
    }

    /// The end of the log.
    pub(crate) fn last(&self) -> Position {
        self.last
    }

    /// Takes back what was written of a group that there was no room for. Only then may anything else
    /// be written at its place: what is left of the one must never be found behind the other.
    fn undo(&mut self) -> Result<(), Error> {
        self.starved = true;
        let Some(active) = &mut self.active else {
            return Ok(());
        };
        let (number, end) = match active.new {
            true => (self.last.segment + 1, 0),
            false => (self.last.segment, self.last.offset),
        };
        active.allocated = 0;
        let cut = active.file.set_len(end.into());
        let cut = cut.and_then(|()| active.file.sync_all());
        cut.map_err(|error| Error::io("cut", segment::path(number))(error))
    }

    /// There is room again.
    pub(crate) fn end_starving(&mut self) {
        self.starved = false;
    }

    /// Where the next group will begin, if it has up to `group_bytes`: begins a new segment if
    /// it does not fit into the current one.
    pub(crate) fn prepare(&mut self, group_bytes: usize) -> Result<Position, Error> {
        let end = u64::from(self.last.offset) + group_bytes as u64;
        if self.active.is_none() || end > self.segment_bytes && !self.is_new() {
            self.begin_segment()?;
        }
        let head = if self.is_new() {
            SEGMENT_HEAD_BYTES as u32
        } else {
            0
        };
        Ok(Position {
            segment: self.last.segment + u32::from(head > 0),
            offset: if head > 0 { head } else { self.last.offset },
        })
    }

    /// The offset before which everything is in the segment if a group is that is written at `start`: it
    /// was synced, or is the head, in the same sector.
    pub(crate) fn whole_before(&self, start: Position) -> u32 {
        if start.offset == SEGMENT_HEAD_BYTES as u32 {
            start.offset
        } else {
            self.tail.synced_in(start.segment)
        }
    }

    /// Writes a group at the place that `prepare` returned. If there is no room the log is as it was before.
    pub(crate) fn write(&mut self, pieces: &[IoSlice<'_>]) -> Result<Position, Error> {
        let written = self.write_group(pieces);
        if written.as_ref().is_err_and(Error::is_no_room) {
            self.undo()?;
        }
        written
    }

    fn write_group(&mut self, pieces: &[IoSlice<'_>]) -> Result<Position, Error> {
        let active = self.active.as_mut().expect("prepared");
        let written: usize = pieces.iter().map(|piece| piece.len()).sum();
        let head;
        let mut all = Vec::with_capacity(pieces.len() + 1);
        let (segment, offset) = if active.new {
            let (previous, previous_length) = (self.last.segment, self.last.offset);
            let (version, number) = (FORMAT_VERSION, self.last.segment + 1);
            head = Head {
                version,
                number,
                previous,
                previous_length,
            }
            .encode();
            all.push(IoSlice::new(&head));
            (number, 0)
        } else {
            (self.last.segment, self.last.offset)
        };
        all.extend_from_slice(pieces);
        let name = || segment::path(segment);
        let allocated = (u64::from(offset) + written as u64).next_multiple_of(ALLOCATE_BYTES);
        if active.allocated < allocated && !self.starved {
            // Where this is not possible, or the room is not there, the write will do, or say so.
            let _ = active.file.allocate(allocated.min(self.segment_bytes));
            active.allocated = allocated;
        }
        active
            .file
            .write_at(u64::from(offset), &mut all)
            .map_err(|error| Error::write("write", name())(error))?;
        let head = if offset == 0 { SEGMENT_HEAD_BYTES } else { 0 };
        let end = u64::from(offset) + (head + written) as u64;
        let offset = u32::try_from(end).expect("segments are shorter than 4 GiB");
        self.last = Position { segment, offset };
        self.tail.written(&active.file, self.last, active.new);
        active.new = false;
        Ok(self.last)
    }

    /// Returns the room that was reserved and is not needed. The next group begins a new segment.
    pub(crate) fn finish(&mut self) {
        if let Some(Active {
            file, new: false, ..
        }) = self.active.take()
        {
            // Zeros at its end do no harm.
            let _ = file.set_len(self.last.offset.into());
        }
    }

    fn is_new(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.new)
    }

    /// A segment that is not the last is on stable storage.
    fn begin_segment(&mut self) -> Result<(), Error> {
        self.tail.sync()?;
        let path = segment::path(self.last.segment + 1);
        let created = self.disk.create(&path);
        let file = created.map_err(Error::write("create", path))?;
        self.finish();
        self.active = Some(Active {
            file,
            allocated: 0,
            new: true,
        });
        Ok(())
    }
}

/// Reads records anywhere in the log.
#[derive(Debug)]
pub(crate) struct LogReader {
    disk: Arc<dyn Disk>,
    /// The most recently used is last.
    open: Mutex<VecDeque<(u32, Arc<dyn DiskFile>)>>,
    reads: Timing,
}

impl LogReader {
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        Self {
            disk,
            open: Mutex::default(),
            reads: Timing::default(),
        }
    }

    /// Where the log lies.
    pub(crate) fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    /// Bytes of a segment; fewer than `length` only at the end of the file.
    pub(crate) fn read(&self, segment: u32, offset: u32, length: usize) -> Result<Bytes, Error> {
        let file = self.file(segment)?;
        let mut buffer = vec![0; length];
        let reads = &self.reads;
        let read = reads.measure(length, || file.read_at(u64::from(offset), &mut buffer));
        let read = read.map_err(|error| Error::io("read", segment::path(segment))(error))?;
        buffer.truncate(read);
        Ok(buffer.into())
    }

    /// Reads since the start.
    pub(crate) fn reads(&self) -> Operations {
        self.reads.operations()
    }

    /// Forgets the open file of a segment that was removed.
    pub(crate) fn forget(&self, segment: u32) {
        self.open.lock().retain(|(number, _)| *number != segment);
    }

    fn file(&self, segment: u32) -> Result<Arc<dyn DiskFile>, Error> {
        let mut open = self.open.lock();
        if let Some(at) = open.iter().position(|(number, _)| *number == segment) {
            let found = open.remove(at).expect("just found");
            let file = Arc::clone(&found.1);
            open.push_back(found);
            return Ok(file);
        }
        let path = segment::path(segment);
        let file = self.disk.open(&path).map_err(Error::io("open", path))?;
        if open.len() == OPEN_FILES {
            open.pop_front();
        }
        open.push_back((segment, Arc::clone(&file)));
        Ok(file)
    }
}

/// The payload of a publish record that was read from `segment`; `None` if it is damaged.
pub(crate) fn verified_publish(segment: u32, record: &Bytes) -> Option<Bytes> {
    let whole = record.len() > HEAD_BYTES
        && record::record_bytes(record) == record.len()
        && Kind::from_byte(record[8]).is_some_and(Kind::is_message)
        && record::checksum(record::seed(segment), record) == record::stored_checksum(record);
    whole.then(|| record.slice(HEAD_BYTES..))
}
