//! Group commit: one thread, one vectored write and at most one sync per group of records.
//!
//! A group is whatever was appended while the one before was being written: no timer fills it. Only when
//! nothing but settled messages waits, which nobody asks about, the thread lets some gather first. A group is
//! synced if anybody waits for that; other groups are with the next one that is, before the next segment,
//! or with the next checkpoint. A failed write or sync is final.

use std::io::IoSlice;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::log::{Location, LogWriter, Position};
use crate::pending::{Batch, Parked};
use crate::record::{self, HEAD_BYTES, Kind, Publish, Removal};
use crate::shared::Shared;
use crate::state::State;
use crate::threads::PanicGuard;
use crate::{CommitPoint, Durability, Error, QueueId, Sequence};

/// How long settled messages wait for something more urgent to ride along with.
const REMOVALS_WAIT: Duration = Duration::from_millis(20);
/// How long a large buffer is kept when nothing happens.
const BLOATED_WAIT: Duration = Duration::from_secs(1);
/// Ranges per removal record.
const REMOVALS_PER_RECORD: usize = 16 * 1024;

/// Writes what is pending, group by group.
#[derive(Debug)]
pub(crate) struct Committer {
    shared: Arc<Shared>,
    writer: LogWriter,
    /// The group that is written. Its buffers take turns with the pending ones.
    batch: Batch,
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
    /// With how many bytes of content.
    Publish((QueueId, Sequence), Location, u32),
    Change(Range<usize>),
    Snapshot(Range<usize>),
}

impl Committer {
    pub(crate) fn new(shared: Arc<Shared>, writer: LogWriter) -> Self {
        Self {
            shared,
            writer,
            batch: Batch::new(),
            spans: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// Commits until the store is stopped and nothing is pending.
    pub(crate) fn run(mut self) {
        let _guard = PanicGuard::new(&self.shared, |shared| {
            shared.fail(Error::Panicked("commit"))
        });
        while let Some(group) = self.wait() {
            self.commit(group);
        }
        if self.shared.failure.get().is_none() && self.shared.sync_log() {
            self.writer.finish();
        }
    }

    /// Commits what is pending, if anything is.
    pub(crate) fn commit_pending(&mut self) {
        let mut pending = self.shared.pending.lock();
        if pending.batch.is_empty() {
            return;
        }
        let group = pending.take(&mut self.batch);
        self.shared.pending_changed(&pending);
        drop(pending);
        self.commit(group);
    }

    /// Waits for a group and takes it; `None` when there will be none any more.
    fn wait(&mut self) -> Option<u64> {
        let shared = Arc::clone(&self.shared);
        let mut pending = shared.pending.lock();
        loop {
            if pending.batch.is_urgent() || pending.stopping {
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
        if pending.batch.is_empty() {
            return None;
        }
        let group = pending.take(&mut self.batch);
        shared.pending_changed(&pending);
        Some(group)
    }

    /// Writes the taken group, makes it as durable as is asked for, and tells whoever waits for it.
    fn commit(&mut self, group: u64) {
        if self.shared.failure.get().is_none() {
            let committed = self
                .write(group)
                .and_then(|written| self.make_known(group, &written));
            if let Err(error) = committed {
                self.shared.fail(error);
            }
        }
        self.batch.clear();
    }

    fn write(&mut self, group: u64) -> Result<Range<Position>, Error> {
        self.batch.merge_removals();
        let removals = std::mem::take(&mut self.batch.removals);
        for removals in removals.chunks(REMOVALS_PER_RECORD) {
            record::put_removals(&mut self.batch.bytes, removals);
        }
        let start = self.writer.prepare(self.batch.size())?;
        let whole_before = self.writer.whole_before(start);
        record::set_group(&mut self.batch.bytes, group, whole_before);
        self.lay_out(start.segment, start.offset, &removals);
        self.batch.removals = removals;
        let end = self.writer.write(&slices(&self.spans, &self.batch))?;
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
                Step::Change(payload) => state.change(&self.batch.bytes[payload], end.segment),
                Step::Snapshot(payload) => state.snapshot(&self.batch.bytes[payload], end.segment),
            }
        }
        for removal in &self.batch.removals {
            state.index.remove(*removal);
        }
        state.segments.insert(end.segment);
        state.applied = end;
    }

    /// Decides what is written where, and seals the records.
    fn lay_out(&mut self, segment: u32, mut offset: u32, removals: &[Removal]) {
        let seed = record::seed(segment);
        self.spans.clear();
        let (mut at, mut piece) = (0, 0);
        while at < self.batch.bytes.len() {
            let length = record::record_bytes(&self.batch.bytes[at..]);
            let (inline, next_piece) = self.batch.extent(at, piece);
            let kind = Kind::from_byte(self.batch.bytes[at + 8]);
            let written = kind != Some(Kind::Publish) || !self.is_settled(at, removals);
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
    fn is_settled(&self, at: usize, removals: &[Removal]) -> bool {
        let publish = Publish::parse(&self.batch.bytes[at + HEAD_BYTES..]);
        let Some(publish) = publish.filter(|_| !removals.is_empty()) else {
            return false;
        };
        publish.targets().all(|(queue, sequence)| {
            let next = removals
                .partition_point(|removal| (removal.queue, removal.first) <= (queue, sequence));
            let candidate = removals[..next].last();
            candidate.is_some_and(|removal| removal.queue == queue && sequence <= removal.last)
        })
    }

    /// Notes what the index will have to know of a record.
    fn note(&mut self, kind: Option<Kind>, inline: Range<usize>, location: Location) {
        let payload = inline.start + HEAD_BYTES..inline.end;
        match kind {
            Some(Kind::Publish) => {
                let publish = Publish::parse(&self.batch.bytes[payload]).expect("encoded by us");
                let step = |target| Step::Publish(target, location, publish.content_bytes);
                self.steps.extend(publish.targets().map(step));
            }
            Some(Kind::Change) => self.steps.push(Step::Change(payload)),
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
        let parts = recovery::recover(Arc::new(disk), &tables, Options::default()).unwrap();
        let Parts {
            shared,
            mut committer,
            ..
        } = parts;
        let mut commit_relaxed = |checkpointing: bool| {
            shared.state.lock().checkpointing = checkpointing;
            shared.pending.lock().batch.publish(&Append {
                targets: &[(QueueId(1), Sequence(1))],
                parts: &[],
                content_bytes: 0,
                durability: Durability::Relaxed,
            });
            committer.commit_pending();
            (shared.tail.syncs(), shared.tail.unsynced_bytes() > 0)
        };
        assert_eq!(commit_relaxed(false), (0, true));
        assert_eq!(commit_relaxed(true), (1, false));
        assert_eq!(commit_relaxed(false), (1, true));
    }
}
