//! Reads the log's records back into a [`State`].
//!
//! A bad record in the last segment that was never known to be synced is a torn tail, and is cut. Anywhere else
//! it is damage: the segment gets a second name to keep its bytes for inspection, what is readable is
//! kept, and the loss is logged. All of it can be repeated.

use std::sync::Arc;

use crate::Error;
use crate::disk::{Disk, DiskFile};
use crate::log::{Location, Position};
use crate::record::{self, ChangeView, Kind, Publish, SnapshotHead};
use crate::segment::{self, DIRECTORY, FORMAT_VERSION, Found, Head, SEGMENT_HEAD_BYTES, Scanner};
use crate::state::State;
use crate::{Change, QueueId};

/// Where a replay ended.
#[derive(Debug)]
pub(crate) struct Tail {
    /// The end of the last segment; segment 0 if there is none.
    pub(crate) last: Position,
    /// The last segment's file, if it can be continued.
    pub(crate) active: Option<Arc<dyn DiskFile>>,
    /// Places at which something is missing.
    pub(crate) damaged: u64,
    /// Records read.
    pub(crate) records: u64,
}

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

/// Replays the log from a checkpoint's position, or all of it when there is no checkpoint.
///
/// The log was whole at least until `durable`.
pub(crate) fn replay(
    disk: &dyn Disk,
    from: Option<Position>,
    durable: Position,
    state: &mut State,
) -> Result<Tail, Error> {
    let mut numbers = segments(disk)?;
    numbers.retain(|number| from.is_none_or(|from| *number >= from.segment));
    let mut replay = Replay {
        disk,
        state,
        durable,
        rebuild: from.is_none().then(Rebuild::default),
        tail: Tail {
            last: Position::default(),
            active: None,
            damaged: 0,
            records: 0,
        },
    };
    for (at, &number) in numbers.iter().enumerate() {
        let start = from.filter(|from| from.segment == number);
        let start = start.map_or(SEGMENT_HEAD_BYTES as u32, |from| from.offset);
        replay.segment(number, start, at + 1 == numbers.len())?;
    }
    let Replay { rebuild, tail, .. } = replay;
    if let Some(rebuild) = rebuild {
        rebuild.finish(state);
    }
    state.index.end_replay();
    // New segments never take an old one's number.
    state.applied = tail.last.max(from.unwrap_or_default());
    Ok(tail)
}

struct Replay<'a> {
    disk: &'a dyn Disk,
    state: &'a mut State,
    durable: Position,
    /// Without a checkpoint, definitions are put together at the end.
    rebuild: Option<Rebuild>,
    tail: Tail,
}

impl Replay<'_> {
    fn segment(&mut self, number: u32, start: u32, is_last: bool) -> Result<(), Error> {
        let path = segment::path(number);
        let file = self.disk.open(&path).map_err(Error::io("open", &path))?;
        let whole_head = self.head(&file, number)?;
        let io = |action| Error::io(action, &path);
        let mut scanner =
            Scanner::new(Arc::clone(&file), number, start.into()).map_err(io("read"))?;
        if !whole_head {
            // The head is written with the first group, and lost with its group record: see `whole_before`.
            if is_last
                && !self.was_durable(number, 0)
                && !scanner.was_synced(0).map_err(io("read"))?
            {
                return self.remove_torn(&path);
            }
            self.damage(number, "its head is damaged");
        }
        let before = self.tail.damaged;
        if scanner.length() < u64::from(start) {
            self.damage(number, "it is shorter than it was");
        }
        self.records(number, &mut scanner, is_last)?;
        let end = scanner.offset().min(scanner.length());
        let undamaged = whole_head && self.tail.damaged == before;
        if undamaged && is_last && end < scanner.length() {
            tracing::warn!(
                segment = path,
                offset = end,
                "cutting what a crash left unfinished"
            );
            file.set_len(end).map_err(io("cut"))?;
        }
        if is_last {
            // What the operating system had may be read here, and not be on stable storage yet.
            file.sync_all().map_err(io("sync"))?;
            let synced = self.disk.sync_dir(DIRECTORY);
            synced.map_err(Error::io("sync", DIRECTORY))?;
        }
        let offset = u32::try_from(end).expect("segments are shorter than 4 GiB");
        self.tail.last = Position {
            segment: number,
            offset,
        };
        self.tail.active = (undamaged && is_last).then_some(file);
        Ok(())
    }

    /// Reads the head; false if it is damaged.
    fn head(&mut self, file: &Arc<dyn DiskFile>, number: u32) -> Result<bool, Error> {
        let mut bytes = [0; SEGMENT_HEAD_BYTES];
        let read = file.read_at(0, &mut bytes);
        let read = read.map_err(|error| Error::io("read", segment::path(number))(error))?;
        let Some(head) = Head::decode(&bytes[..read]) else {
            return Ok(false);
        };
        if head.version != FORMAT_VERSION {
            return Err(Error::UnknownVersion {
                file: segment::path(number),
                found: head.version,
                supported: FORMAT_VERSION,
            });
        }
        let before = self.tail.last;
        if head.previous == before.segment && before.offset < head.previous_length {
            self.damage(before.segment, "its end is missing");
        }
        Ok(head.number == number)
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
                    self.record(location, kind, payload);
                    continue;
                }
                Found::End => true,
                Found::Bad => false,
            };
            let was_durable = self.was_durable(number, scanner.offset());
            let is_short = was_durable && number == self.durable.segment;
            if ends && !is_short && scanner.only_zeros_follow().map_err(io())? {
                return Ok(());
            }
            let offset = scanner.offset();
            if is_last && !was_durable && !scanner.was_synced(offset).map_err(io())? {
                return Ok(());
            }
            self.damage(
                number,
                &format!("the record at {} is damaged", scanner.offset()),
            );
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

    fn record(&mut self, location: Location, kind: Kind, payload: &[u8]) {
        let Location {
            segment, offset, ..
        } = location;
        self.tail.records += 1;
        match kind {
            Kind::Publish => {
                if let Some(publish) = Publish::parse(payload) {
                    let content_bytes = publish.content_bytes;
                    for target in publish.targets() {
                        self.state.publish(target, location, content_bytes);
                    }
                }
            }
            Kind::Remove => {
                for removal in record::removals(payload) {
                    self.state.index.remove(removal);
                }
            }
            Kind::Change => match &mut self.rebuild {
                Some(rebuild) => {
                    self.state.definition_segments.insert(segment);
                    rebuild
                        .changes
                        .push((Position { segment, offset }, payload.into()));
                }
                None => self.state.change(payload, segment),
            },
            Kind::Snapshot => {
                self.state.snapshot(payload, segment);
                if let Some(rebuild) = &mut self.rebuild {
                    rebuild.snapshot(payload);
                }
            }
            Kind::Group => {}
        }
    }

    /// Reports damage, and keeps the segment's bytes under a second name.
    fn damage(&mut self, number: u32, what: &str) {
        self.tail.damaged += 1;
        let path = segment::path(number);
        tracing::error!(
            segment = path,
            "the log is damaged: {what}; keeping what is readable"
        );
        segment::quarantine(self.disk, number);
    }

    /// Removes a last segment of which nothing was confirmed.
    fn remove_torn(&self, path: &str) -> Result<(), Error> {
        tracing::warn!(
            segment = path,
            "removing a segment that a crash left unfinished"
        );
        self.disk.remove(path).map_err(Error::io("remove", path))?;
        self.disk
            .sync_dir(DIRECTORY)
            .map_err(Error::io("sync", DIRECTORY))
    }
}

/// Puts the definitions together from the log alone: the last complete snapshot, and the changes since.
#[derive(Debug, Default)]
struct Rebuild {
    changes: Vec<(Position, Box<[u8]>)>,
    complete: Option<Snapshot>,
    partial: Option<Snapshot>,
}

#[derive(Debug)]
struct Snapshot {
    head: SnapshotHead,
    parts: Vec<Box<[u8]>>,
}

impl Rebuild {
    fn snapshot(&mut self, payload: &[u8]) {
        let Some((head, entries)) = SnapshotHead::parse(payload) else {
            return;
        };
        if head.part == 0 {
            let parts = Vec::new();
            self.partial = Some(Snapshot { head, parts });
        }
        let belongs = |snapshot: &Snapshot| {
            snapshot.head.base == head.base && snapshot.parts.len() == head.part as usize
        };
        let Some(mut snapshot) = self.partial.take().filter(belongs) else {
            return;
        };
        snapshot.parts.push(entries.into());
        if head.last {
            self.complete = Some(snapshot);
        } else {
            self.partial = Some(snapshot);
        }
    }

    fn finish(self, state: &mut State) {
        let mut base = Position::default();
        if let Some(snapshot) = self.complete {
            base = Position::from_u64(snapshot.head.base);
            state.next_queue_id = state.next_queue_id.max(snapshot.head.next_queue_id);
            for change in snapshot.parts.iter().flat_map(|part| record::changes(part)) {
                state.apply(&change);
            }
        }
        for (position, payload) in &self.changes {
            for change in record::changes(payload) {
                if *position >= base {
                    state.apply(&change);
                } else if let Some(id) = created(&change) {
                    state.next_queue_id = state.next_queue_id.max(id.0 + 1);
                }
            }
        }
    }
}

fn created(change: &ChangeView<'_>) -> Option<QueueId> {
    match change {
        ChangeView::Definition(Change::CreateQueue { id, .. }) => Some(*id),
        _ => None,
    }
}
