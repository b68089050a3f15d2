//! Group commit: one thread, one vectored write and at most one sync per group of records.
//!
//! A group is whatever was appended while the one before was being written: no timer fills it. Only when
//! nothing but settled messages waits, which nobody asks about, the thread lets some gather first. A group is
//! synced if anybody waits for that; other groups are with the next one that is, before the next segment,
//! or with the next checkpoint. A failed write or sync is final.
//!
//! Only a write for which there is no room is tried again, with the same group, until there is. Until then
//! settled messages and changes go ahead of it, in groups of their own: they may be what makes room. But not
//! what was settled because it went on to another place, as long as that is not written.

use std::io::IoSlice;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::log::{Location, LogWriter, Position};
use crate::pending::{Batch, Parked, Pending};
use crate::record::{self, HEAD_BYTES, Kind, Publish, Removal};
use crate::segment::DIRECTORY;
use crate::shared::Shared;
use crate::state::State;
use crate::threads::PanicGuard;
use crate::{CommitPoint, Durability, Error, QueueId, Sequence};

/// How long settled messages wait for something more urgent to ride along with.
const REMOVALS_WAIT: Duration = Duration::from_millis(20);
/// How long a large buffer is kept when nothing happens.
const BLOATED_WAIT: Duration = Duration::from_secs(1);
/// How long to wait before there may be room on the disk, at first and at most.
const ROOM_WAIT: Duration = Duration::from_millis(20);
const ROOM_WAIT_MAX: Duration = Duration::from_secs(1);
/// On a full disk, a segment without live messages is ended once it is as long as this.
const DEAD_BYTES: u32 = 64 * 1024;
/// Ranges per removal record.
const REMOVALS_PER_RECORD: usize = 16 * 1024;

/// Writes what is pending, group by group.
#[derive(Debug)]
pub(crate) struct Committer {
    shared: Arc<Shared>,
    writer: LogWriter,
    /// The group that is written. Its buffers take turns with the pending ones.
    batch: Batch,
    /// The number of the taken group, until it is written.
    taken: Option<u64>,
    /// What goes ahead of the taken group while there is no room for that.
    ahead: Batch,
    /// What it settles, but must not do ahead of other groups.
    following: Vec<Removal>,
    /// What went ahead of it: its settled messages need not be written.
    settled: Vec<Removal>,
    room_wait: Duration,
    spans: Vec<Span>,
    steps: Vec<Step>,
}

/// What is written in one piece.
#[derive(Debug)]
enum Span {
    Inline(Range<usize>),
    Piece(usize),
}

/// What the written group means, in its order.
#[derive(Debug)]
enum Step {
    /// With how many bytes of content, and without attributes.
    Publish((QueueId, Sequence), Location, u32),
    /// A publish record's payload.
    Attributed(Range<usize>, Location),
    Copy(Range<usize>, Location),
    Change(Range<usize>),
    Snapshot(Range<usize>),
}

impl Committer {
    pub(crate) fn new(shared: Arc<Shared>, writer: LogWriter) -> Self {
        Self {
            shared,
            writer,
            batch: Batch::new(),
            taken: None,
            ahead: Batch::new(),
            following: Vec::new(),
            settled: Vec::new(),
            room_wait: ROOM_WAIT,
            spans: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// Commits until the store is stopped and nothing is pending.
    pub(crate) fn run(mut self) {
        let _guard = PanicGuard::new(&self.shared, |shared| {
            shared.fail(Error::Panicked("commit"))
        });
        while self.wait() {
            self.commit();
        }
        if self.shared.failure.get().is_none() && self.shared.sync_log() {
            self.writer.finish();
        }
    }

    /// Commits what is pending, or tries again what there was no room for.
    pub(crate) fn commit_pending(&mut self) {
        if self.taken.is_some() || self.shared.is_disk_full() {
            self.commit();
        }
        let shared = Arc::clone(&self.shared);
        if self.take(&mut shared.pending.lock()) {
            self.commit();
        }
    }

    /// The number of the group that is gathered.
    pub(crate) fn next_group(&self) -> u64 {
        self.shared.pending.lock().group
    }

    /// Takes what is pending, unless a group waits for room. False if there is nothing new.
    fn take(&mut self, pending: &mut Pending) -> bool {
        let any = self.taken.is_none() && !pending.batch.is_empty();
        if any {
            self.taken = Some(pending.take(&mut self.batch));
            self.shared.pending_changed(pending);
        }
        any
    }

    /// Waits for something to do; false when there will be nothing any more.
    fn wait(&mut self) -> bool {
        let shared = Arc::clone(&self.shared);
        let mut pending = shared.pending.lock();
        loop {
            if pending.stopping {
                break;
            }
            if self.taken.is_some() || pending.full {
                pending.parked = Parked::ForRoom;
                shared.work.wait_for(&mut pending, self.room_wait);
                self.room_wait = (self.room_wait * 2).min(ROOM_WAIT_MAX);
                break;
            }
            self.room_wait = ROOM_WAIT;
            if pending.batch.is_urgent() {
                break;
            }
            if !pending.batch.is_empty() {
                pending.parked = Parked::ForMore;
                if shared
                    .work
                    .wait_for(&mut pending, REMOVALS_WAIT)
                    .timed_out()
                {
                    break;
                }
            } else if pending.batch.is_bloated() || self.batch.is_bloated() {
                pending.parked = Parked::ForAny;
                if shared.work.wait_for(&mut pending, BLOATED_WAIT).timed_out() {
                    pending.batch.shrink();
                    self.batch.shrink();
                    self.spans = Vec::new();
                    self.steps = Vec::new();
                }
            } else {
                pending.parked = Parked::ForAny;
                shared.work.wait(&mut pending);
            }
        }
        pending.parked = Parked::No;
        self.take(&mut pending);
        let any = self.taken.is_some() || !self.ahead.is_empty() || !pending.ahead.is_empty();
        any || pending.full && !pending.stopping
    }

    /// Writes the taken group, makes it as durable as is asked for, and tells whoever waits for it. If there
    /// is no room it stays taken.
    fn commit(&mut self) {
        if self.shared.failure.get().is_some() {
            return self.give_up();
        }
        let written = if self.shared.is_disk_full() {
            self.commit_without_room()
        } else {
            self.commit_taken()
        };
        let Err(error) = written else { return };
        let unwritten = self.taken.is_some() || !self.ahead.is_empty();
        let stopping = unwritten && self.shared.pending.lock().stopping;
        if error.is_no_room() && !stopping {
            self.shared.disk_is_full(&error);
        } else {
            self.shared.fail(error);
            self.give_up();
        }
    }

    /// Nothing is written any more.
    fn give_up(&mut self) {
        self.ahead.clear();
        self.forget();
    }

    fn commit_taken(&mut self) -> Result<(), Error> {
        if let Some(group) = self.taken {
            let written = self.write(group)?;
            self.make_known(group, &written)?;
            self.forget();
        }
        Ok(())
    }

    /// Writes what goes ahead of messages, and these once the room for doing so is there again.
    fn commit_without_room(&mut self) -> Result<(), Error> {
        self.gather_ahead();
        let dead = self.end_dead_segment();
        if dead || !self.ahead.is_empty() {
            self.write_ahead()?;
        }
        if let Some(group) = self.taken.filter(|_| !self.batch.has_records()) {
            self.forget();
            let reached = CommitPoint::of(group, Durability::Strict);
            self.shared.committed(reached);
        }
        let shared = &self.shared;
        let starved = shared.checkpoint_starved.load(Ordering::SeqCst);
        if starved || !shared.reserve.take(shared.reader.disk()) {
            let full = std::io::ErrorKind::StorageFull;
            return Err(Error::write("reserve room in", DIRECTORY)(full.into()));
        }
        self.commit_taken()?;
        self.writer.end_starving();
        self.shared.disk_has_room();
        Ok(())
    }

    /// The taken group is done with.
    fn forget(&mut self) {
        self.taken = None;
        self.batch.clear();
        self.settled.clear();
    }

    /// Puts together what goes ahead of messages.
    fn gather_ahead(&mut self) {
        // Invariant: changes stay in their order. Those of the taken group are the older ones.
        let older = self.batch.take_changes();
        self.ahead.bytes.extend_from_slice(&older);
        let mut pending = self.shared.pending.lock();
        // The first group of which something has to wait.
        let unwritten = match self.taken {
            Some(group) => group + u64::from(!self.batch.has_records()),
            None => pending.group,
        };
        self.batch.release_following(unwritten);
        pending.batch.release_following(unwritten);
        self.ahead.removals.append(&mut self.batch.removals);
        self.ahead.bytes.append(&mut pending.ahead);
        self.ahead.removals.append(&mut pending.batch.removals);
    }

    /// Ends a segment without live messages: it can be removed once there is another.
    fn end_dead_segment(&mut self) -> bool {
        let last = self.writer.last();
        let holds = self.shared.state.lock().index.holds(last.segment);
        let dead = last.offset > DEAD_BYTES && !holds;
        if dead {
            self.writer.finish();
        }
        dead
    }

    /// Writes what goes ahead, and gives up the reserve if it has to. What can't be written stays.
    fn write_ahead(&mut self) -> Result<(), Error> {
        std::mem::swap(&mut self.batch, &mut self.ahead);
        self.batch.strict = true;
        let group = self.shared.committed_point().group();
        let mut written = self.write(group);
        if let Err(error) = &written
            && error.is_no_room()
            && self.shared.give_up_reserve(error)
        {
            written = self.write(group);
        }
        let written = written.and_then(|written| self.make_known(group, &written));
        if written.is_ok() {
            self.settled.append(&mut self.batch.removals);
            record::merge_removals(&mut self.settled);
            self.batch.clear();
            self.room_wait = ROOM_WAIT;
        }
        std::mem::swap(&mut self.batch, &mut self.ahead);
        written
    }

    fn write(&mut self, group: u64) -> Result<Range<Position>, Error> {
        self.batch.merge_removals();
        self.following.clear();
        let following = self.batch.following.iter();
        self.following
            .extend(following.map(|following| following.removal));
        record::merge_removals(&mut self.following);
        let records = self.batch.bytes.len();
        // Invariant: settlements stand behind the messages. What a crash leaves of a group is its beginning.
        for removals in [&self.batch.removals, &self.following] {
            for removals in removals.chunks(REMOVALS_PER_RECORD) {
                record::put_removals(&mut self.batch.bytes, removals);
            }
        }
        let written = self.append(group);
        self.batch.bytes.truncate(records);
        written
    }

    fn append(&mut self, group: u64) -> Result<Range<Position>, Error> {
        let start = self.writer.prepare(self.batch.size())?;
        let whole_before = self.writer.whole_before(start);
        record::set_group(&mut self.batch.bytes, group, whole_before);
        self.lay_out(start.segment, start.offset);
        let pieces = slices(&self.spans, &self.batch);
        let bytes = pieces.iter().map(|piece| piece.len()).sum();
        let writes = &self.shared.counters.writes;
        let end = writes.measure(bytes, || self.writer.write(&pieces))?;
        Ok(start..end)
    }

    /// Tells of the written group, and syncs it in between if that is asked for.
    ///
    /// Invariant: a point is reached after the index knows what it stands for, and a checkpoint only sees
    /// what is on stable storage.
    fn make_known(&mut self, group: u64, written: &Range<Position>) -> Result<(), Error> {
        let Batch {
            strict, relaxed, ..
        } = self.batch;
        let shared = Arc::clone(&self.shared);
        let known = (!strict || relaxed > 0) && self.apply_unless_checkpointing(written.end);
        if known {
            shared.committed(CommitPoint::of(group, Durability::Relaxed));
        }
        if strict || !known {
            shared.tail.sync()?;
            if !known {
                self.apply(&mut shared.state.lock(), written.end);
            }
            shared.committed(CommitPoint::of(group, Durability::Strict));
        }
        let counters = &shared.counters;
        counters
            .relaxed_messages
            .fetch_add(relaxed, Ordering::Relaxed);
        shared.progress(u64::from(written.end.offset - written.start.offset));
        Ok(())
    }

    /// Applies a group that is not synced, if a checkpoint does not forbid it.
    fn apply_unless_checkpointing(&mut self, end: Position) -> bool {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state.lock();
        let allowed = !state.checkpointing;
        if allowed {
            self.apply(&mut state, end);
        }
        allowed
    }

    fn apply(&mut self, state: &mut State, end: Position) {
        for step in self.steps.drain(..) {
            match step {
                Step::Publish(target, location, content_bytes) => {
                    state.publish(target, location, content_bytes)
                }
                Step::Attributed(payload, location) => {
                    let publish = parse(&self.batch, payload);
                    for (target, attributes) in publish.attributed() {
                        state.publish(target, location, publish.content_bytes);
                        state.note(target, attributes);
                    }
                }
                Step::Copy(payload, location) => {
                    let copy = parse(&self.batch, payload);
                    for (target, attributes) in copy.attributed() {
                        state.copy(target, location, copy.content_bytes);
                        state.note(target, attributes);
                    }
                }
                Step::Change(payload) => state.change(&self.batch.bytes[payload], end.segment),
                Step::Snapshot(payload) => state.snapshot(&self.batch.bytes[payload], end.segment),
            }
        }
        for removal in self.batch.removals.iter().chain(&self.following) {
            state.remove(*removal);
        }
        state.segments.insert(end.segment, end.offset.into());
        state.applied = end;
    }

    /// Decides what is written where, and seals the records.
    fn lay_out(&mut self, segment: u32, mut offset: u32) {
        let seed = record::seed(segment);
        self.spans.clear();
        self.steps.clear();
        let (mut at, mut piece) = (0, 0);
        while at < self.batch.bytes.len() {
            let length = record::record_bytes(&self.batch.bytes[at..]);
            let (inline, next_piece) = self.batch.extent(at, piece);
            let kind = Kind::from_byte(self.batch.bytes[at + 8]);
            let written = match kind {
                Some(Kind::Publish) => !self.is_settled(at),
                Some(Kind::Copy) => !self.is_settled(at) && self.is_live(at),
                _ => true,
            };
            let length = u32::try_from(length).expect("checked when it was encoded");
            self.note(
                kind,
                inline.clone(),
                Location {
                    segment,
                    offset,
                    length,
                },
            );
            if written {
                self.batch.seal(inline.clone(), piece..next_piece, seed);
                self.span(inline.clone(), piece..next_piece);
                offset = offset
                    .checked_add(length)
                    .expect("groups are shorter than 4 GiB");
            }
            (at, piece) = (inline.end, next_piece);
        }
    }

    /// Whether a message was settled everywhere before it was written: then it need not be.
    fn is_settled(&self, at: usize) -> bool {
        let settled = [&self.batch.removals, &self.following, &self.settled];
        if settled.iter().all(|removals| removals.is_empty()) {
            return false;
        }
        let publish = Publish::parse(&self.batch.bytes[at + HEAD_BYTES..]);
        publish.is_some_and(|publish| {
            publish.targets().all(|(queue, sequence)| {
                let removes = |removals: &&Vec<_>| record::removes(removals, queue, sequence);
                settled.iter().any(removes)
            })
        })
    }

    /// Whether a copied message is live anywhere. Otherwise a log without its index must not have the copy
    /// behind the settlement.
    fn is_live(&self, at: usize) -> bool {
        let copy = Publish::parse(&self.batch.bytes[at + HEAD_BYTES..]);
        let state = self.shared.state.lock();
        copy.is_some_and(|copy| copy.targets().any(|target| state.is_live(target)))
    }

    /// Notes what the index will have to know of a record.
    fn note(&mut self, kind: Option<Kind>, inline: Range<usize>, location: Location) {
        let payload = inline.start + HEAD_BYTES..inline.end;
        match kind {
            Some(Kind::Publish) => {
                let publish = parse(&self.batch, payload.clone());
                if publish.is_attributed {
                    return self.steps.push(Step::Attributed(payload, location));
                }
                let step = |target| Step::Publish(target, location, publish.content_bytes);
                self.steps.extend(publish.targets().map(step));
            }
            Some(Kind::Copy) => self.steps.push(Step::Copy(payload, location)),
            Some(Kind::Change | Kind::Following) => self.steps.push(Step::Change(payload)),
            Some(Kind::Snapshot) => self.steps.push(Step::Snapshot(payload)),
            _ => {}
        }
    }

    /// Adds a record to what is written, in as few spans as possible.
    fn span(&mut self, inline: Range<usize>, pieces: Range<usize>) {
        let mut start = inline.start;
        for piece in pieces {
            let at = self.batch.pieces[piece].at;
            self.span_inline(start..at);
            self.spans.push(Span::Piece(piece));
            start = at;
        }
        self.span_inline(start..inline.end);
    }

    fn span_inline(&mut self, inline: Range<usize>) {
        match self.spans.last_mut() {
            _ if inline.is_empty() => {}
            Some(Span::Inline(last)) if last.end == inline.start => last.end = inline.end,
            _ => self.spans.push(Span::Inline(inline)),
        }
    }
}

/// The payload of a message's record.
fn parse(batch: &Batch, payload: Range<usize>) -> Publish<'_> {
    Publish::parse(&batch.bytes[payload]).expect("encoded by us")
}

fn slices<'a>(spans: &[Span], batch: &'a Batch) -> Vec<IoSlice<'a>> {
    let slice = |span: &Span| match span {
        Span::Inline(range) => IoSlice::new(&batch.bytes[range.clone()]),
        Span::Piece(piece) => IoSlice::new(&batch.pieces[*piece].bytes),
    };
    spans.iter().map(slice).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::SimulatedDisk;
    use crate::recovery::{self, Parts};
    use crate::table::SimulatedTables;
    use crate::{Append, Options};

    #[test]
    fn a_checkpoint_sees_nothing_that_is_not_synced() {
        let disk = SimulatedDisk::new();
        let tables = SimulatedTables(disk.clone());
        let parts =
            recovery::recover(Arc::new(disk), Box::new(tables), Options::default()).unwrap();
        let Parts {
            shared,
            mut committer,
            ..
        } = parts;
        let mut commit_relaxed = |checkpointing: bool| {
            shared.state.lock().checkpointing = checkpointing;
            shared.pending.lock().batch.publish(&Append {
                targets: &[(QueueId(1), Sequence(1))],
                attributes: &[],
                parts: &[],
                content_bytes: 0,
                durability: Durability::Relaxed,
            });
            committer.commit_pending();
            (shared.tail.syncs().count, shared.tail.unsynced_bytes() > 0)
        };
        assert_eq!(commit_relaxed(false), (0, true));
        assert_eq!(commit_relaxed(true), (1, false));
        assert_eq!(commit_relaxed(false), (1, true));
    }
}
