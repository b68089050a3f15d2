//! Reads the log's records back into a [`State`], and repairs what a crash left of its end.
//!
//! A torn tail is cut. Damage stays where it is: the segment gets a second name to keep its bytes for inspection,
//! what is readable is kept, and the loss is logged. All of it can be repeated.

use crate::Error;
use crate::disk::Disk;
use crate::log::{Location, Position};
use crate::record::{self, ChangeView, Kind, Publish, SnapshotHead};
use crate::segment::{self, DIRECTORY};
use crate::state::State;
use crate::walk::{self, Torn, Walked};
use crate::{Change, QueueId};

/// Replays the log from a checkpoint's position, or all of it when there is no checkpoint. Changes no file.
///
/// The log was whole at least until `durable`.
pub(crate) fn replay(
    disk: &dyn Disk,
    from: Option<Position>,
    durable: Position,
    state: &mut State,
) -> Result<Walked, Error> {
    let rebuild = from.is_none().then(Rebuild::default);
    let mut replay = Replay { state, rebuild };
    let walked = walk::walk(disk, from, durable, &mut |location, kind, payload| {
        replay.record(location, kind, payload);
    })?;
    if let Some(rebuild) = replay.rebuild {
        rebuild.finish(state);
    }
    state.index.end_replay();
    // New segments never take an old one's number.
    state.applied = walked.last.max(from.unwrap_or_default());
    Ok(walked)
}

/// Keeps damaged segments aside, cuts a torn tail, and makes the end of the log durable.
pub(crate) fn repair(disk: &dyn Disk, walked: &Walked) -> Result<(), Error> {
    for damage in &walked.damages {
        tracing::error!(
            segment = segment::path(damage.segment),
            offset = damage.offset,
            "the log is damaged: {}; keeping what is readable",
            damage.what
        );
        segment::quarantine(disk, damage.segment);
    }
    let path = segment::path(walked.last.segment);
    match walked.torn {
        Torn::Not => {}
        Torn::Tail => {
            let (segment, offset) = (&path, walked.last.offset);
            tracing::warn!(segment, offset, "cutting what a crash left unfinished");
            if let Some(file) = &walked.file {
                let cut = file.set_len(offset.into());
                cut.map_err(Error::io("cut", &path))?;
            }
        }
        Torn::Segment(number) => {
            let segment = segment::path(number);
            tracing::warn!(segment, "removing a segment that a crash left unfinished");
            let removed = disk.remove(&segment);
            removed.map_err(Error::io("remove", segment))?;
        }
    }
    // What the operating system had was read, and may not be on stable storage yet.
    if let Some(file) = &walked.file {
        file.sync_all().map_err(Error::io("sync", path))?;
    }
    disk.sync_dir(DIRECTORY)
        .map_err(Error::io("sync", DIRECTORY))
}

struct Replay<'a> {
    state: &'a mut State,
    /// Without a checkpoint, definitions are put together at the end.
    rebuild: Option<Rebuild>,
}

impl Replay<'_> {
    fn record(&mut self, location: Location, kind: Kind, payload: &[u8]) {
        let Location {
            segment, offset, ..
        } = location;
        match kind {
            Kind::Publish => {
                if let Some(publish) = Publish::parse(payload) {
                    let content_bytes = publish.content_bytes;
                    for (target, attributes) in publish.attributed() {
                        self.state.publish(target, location, content_bytes);
                        self.state.note(target, attributes);
                    }
                }
            }
            Kind::Copy => {
                // Without a checkpoint, what was published may be gone with its segment.
                let rebuilds = self.rebuild.is_some();
                if let Some(copy) = Publish::parse(payload) {
                    let content_bytes = copy.content_bytes;
                    let apply = match rebuilds {
                        true => State::publish,
                        false => State::copy,
                    };
                    for (target, attributes) in copy.attributed() {
                        apply(self.state, target, location, content_bytes);
                        self.state.note(target, attributes);
                    }
                }
            }
            Kind::Remove => {
                for removal in record::removals(payload) {
                    self.state.remove(removal);
                }
            }
            Kind::Change | Kind::Following => match &mut self.rebuild {
                Some(rebuild) => {
                    self.state.definition_segments.insert(segment);
                    rebuild.change(Position { segment, offset }, payload);
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
}

/// Puts the definitions together from the log alone: the last complete snapshot, and the changes since.
#[derive(Debug, Default)]
pub(crate) struct Rebuild {
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
    pub(crate) fn change(&mut self, position: Position, payload: &[u8]) {
        self.changes.push((position, payload.into()));
    }

    pub(crate) fn snapshot(&mut self, payload: &[u8]) {
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

    pub(crate) fn finish(self, state: &mut State) {
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
