//! What publishers, the committer and the checkpoint share.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::log::{Location, LogReader};
use crate::pending::Pending;
use crate::segment;
use crate::state::State;
use crate::tail::Tail;
use crate::{CommitPoint, Error, Options};

/// The parts of a store that its threads have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) pending: Mutex<Pending>,
    /// The committer waits here for something to do.
    pub(crate) work: Condvar,
    /// Publishers wait here when too much is pending.
    pub(crate) room: Condvar,
    /// A copy of what is pending in bytes, to be read without the lock.
    pub(crate) pending_bytes: AtomicUsize,
    /// The last point that was reached.
    committed: AtomicU64,
    waiters: Mutex<VecDeque<(CommitPoint, Arc<Notify>)>>,
    pub(crate) failure: OnceLock<Arc<Error>>,
    pub(crate) state: Mutex<State>,
    pub(crate) reader: LogReader,
    pub(crate) tail: Arc<Tail>,
    pub(crate) next_queue_id: AtomicU64,
    pub(crate) progress: Mutex<Progress>,
    /// The checkpoint waits here for something to do.
    pub(crate) progressed: Condvar,
    pub(crate) counters: Counters,
}

/// What happened since the last checkpoint.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) bytes: u64,
    pub(crate) any: bool,
    pub(crate) stopping: bool,
    /// Whether the checkpoint is written a last time before it stops.
    pub(crate) checkpoint_last: bool,
}

/// What `Store::statistics` reports.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) written_bytes: AtomicU64,
    pub(crate) relaxed_messages: AtomicU64,
    pub(crate) damaged_records: AtomicU64,
    pub(crate) checkpoints: AtomicU64,
    pub(crate) checkpoint_failed: AtomicBool,
}

impl Shared {
    pub(crate) fn new(options: Options, state: State, reader: LogReader, tail: Arc<Tail>) -> Self {
        let next_queue_id = AtomicU64::new(state.next_queue_id.max(1));
        Self {
            options,
            pending: Mutex::new(Pending::new()),
            work: Condvar::new(),
            room: Condvar::new(),
            pending_bytes: AtomicUsize::new(0),
            committed: AtomicU64::new(0),
            waiters: Mutex::default(),
            failure: OnceLock::new(),
            state: Mutex::new(state),
            reader,
            tail,
            next_queue_id,
            progress: Mutex::default(),
            progressed: Condvar::new(),
            counters: Counters::default(),
        }
    }

    /// The last point that was reached.
    pub(crate) fn committed_point(&self) -> CommitPoint {
        CommitPoint(self.committed.load(Ordering::Acquire))
    }

    /// What is pending was swapped for nothing.
    pub(crate) fn pending_changed(&self, pending: &Pending) {
        self.pending_bytes
            .store(pending.batch.size(), Ordering::Relaxed);
        self.room.notify_all();
    }

    /// Declares a point reached, and tells whoever waits for it.
    pub(crate) fn committed(&self, point: CommitPoint) {
        self.committed.store(point.0, Ordering::Release);
        self.wake(point);
    }

    /// Makes everything that was written durable; false if it cannot be, which is final.
    pub(crate) fn sync_log(&self) -> bool {
        let synced = self.tail.sync();
        synced.map_err(|error| self.fail(error)).is_ok()
    }

    /// Makes a failure final: nothing is confirmed or accepted from now on.
    pub(crate) fn fail(&self, error: Error) {
        tracing::error!(%error, "the log failed; nothing is written or confirmed any more");
        let _ = self.failure.set(Arc::new(error));
        let mut pending = self.pending.lock();
        pending.closed = true;
        pending.batch.clear();
        self.pending_changed(&pending);
        drop(pending);
        self.wake(CommitPoint::NEVER);
    }

    /// Notes that there will be no checkpoint any more. The log is enough, but it grows.
    pub(crate) fn checkpoint_failed(&self, error: &Error) {
        self.counters
            .checkpoint_failed
            .store(true, Ordering::Relaxed);
        tracing::error!(%error, "a checkpoint failed; the log grows until the next start");
    }

    /// Notifies `waiter` once `point` is reached, or never will be.
    pub(crate) fn wake_when_committed(&self, point: CommitPoint, waiter: &Arc<Notify>) {
        let mut waiters = self.waiters.lock();
        // Invariant: `committed` and `failure` are written before `waiters` is looked at.
        if point <= self.committed_point() || self.failure.get().is_some() {
            drop(waiters);
            return waiter.notify_one();
        }
        let last = waiters.back();
        if last.is_none_or(|(last, who)| *last != point || !Arc::ptr_eq(who, waiter)) {
            waiters.push_back((point, Arc::clone(waiter)));
        }
    }

    fn wake(&self, until: CommitPoint) {
        self.waiters.lock().retain(|(point, waiter)| {
            let waits = *point > until;
            if !waits {
                waiter.notify_one();
            }
            waits
        });
    }

    /// Appends a record that is already encoded, when there is room.
    pub(crate) fn append_encoded(&self, record: &[u8]) {
        let mut pending = self.pending.lock();
        self.wait_for_room(&mut pending);
        if !pending.closed {
            pending.batch.encoded(record);
            self.release(pending);
        }
    }

    /// Blocks while as much is pending as may be.
    pub(crate) fn wait_for_room(&self, pending: &mut MutexGuard<'_, Pending>) {
        while !pending.closed && pending.batch.size() >= self.options.pending_limit_bytes {
            if pending.must_wake() {
                self.work.notify_one();
            }
            self.room.wait(pending);
        }
    }

    /// Unlocks, and wakes the committer if it has to be.
    pub(crate) fn release(&self, mut pending: MutexGuard<'_, Pending>) {
        self.pending_bytes
            .store(pending.batch.size(), Ordering::Relaxed);
        let wake = pending.must_wake();
        drop(pending);
        if wake {
            self.work.notify_one();
        }
    }

    /// Reports a record whose checksum or place is wrong.
    pub(crate) fn damaged(&self, location: Location, what: &str) {
        self.counters
            .damaged_records
            .fetch_add(1, Ordering::Relaxed);
        let Location {
            segment, offset, ..
        } = location;
        tracing::error!(segment = segment::path(segment), offset, "{what}");
        segment::quarantine(self.reader.disk(), segment);
    }

    /// Tells the checkpoint that there is something new.
    pub(crate) fn progress(&self, bytes: u64) {
        self.counters
            .written_bytes
            .fetch_add(bytes, Ordering::Relaxed);
        let mut progress = self.progress.lock();
        progress.bytes += bytes;
        let wake = !progress.any || progress.bytes >= self.options.checkpoint_bytes;
        progress.any = true;
        drop(progress);
        if wake {
            self.progressed.notify_one();
        }
    }
}
