//! Group commit: one thread, one vectored write and one sync per group of records.
//!
//! A group is whatever was appended while the one before was being written: no timer fills it. Only when
//! nothing but settled messages waits, which nobody asks about, the thread lets some gather first. Nothing
//! is confirmed that a sync did not return for, and a failed write or sync is final.

use std::io::IoSlice;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::log::{Location, LogWriter};
use crate::pending::{Batch, Parked};
use crate::record::{self, HEAD_BYTES, Kind, Publish, Removal};
use crate::shared::Shared;
use crate::threads::PanicGuard;
use crate::{Error, QueueId, Sequence};

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
        if self.shared.failure.get().is_none() {
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

    /// Writes the taken group, makes it durable, and tells whoever waits for it.
    fn commit(&mut self, group: u64) {
        if self.shared.failure.get().is_none() {
            match self.write(group) {
                Ok(()) => self.shared.committed(group),
                Err(error) => self.shared.fail(error),
            }
        }
        self.batch.clear();
    }

    fn write(&mut self, group: u64) -> Result<(), Error> {
        self.batch.merge_removals();
        self.batch.bytes[HEAD_BYTES..][..8].copy_from_slice(&group.to_le_bytes());
        let removals = std::mem::take(&mut self.batch.removals);
        for removals in removals.chunks(REMOVALS_PER_RECORD) {
            record::put_removals(&mut self.batch.bytes, removals);
        }
        let start = self.writer.prepare(self.batch.size())?;
        self.lay_out(start.segment, start.offset, &removals);
        let end = self.writer.write(&slices(&self.spans, &self.batch))?;

        let mut state = self.shared.state.lock();
        for step in self.steps.drain(..) {
            match step {
                Step::Publish(target, location, content_bytes) => {
                    state.publish(target, location, content_bytes)
                }
                Step::Change(payload) => state.change(&self.batch.bytes[payload], end.segment),
                Step::Snapshot(payload) => state.snapshot(&self.batch.bytes[payload], end.segment),
            }
        }
        for removal in &removals {
            state.index.remove(*removal);
        }
        state.segments.insert(end.segment);
        state.applied = end;
        drop(state);
        self.batch.removals = removals;
        self.shared.progress(u64::from(end.offset - start.offset));
        Ok(())
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
