//! What publishers, the committer and the checkpoint share.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::log::{Location, LogReader};
use crate::pending::{Parked, Pending};
use crate::recovery::Opening;
use crate::reserve::Reserve;
use crate::segment;
use crate::state::State;
use crate::tail::Tail;
use crate::timing::Timing;
use crate::{Attributes, CommitPoint, Error, Options, QueueId, Sequence};

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
    /// There is no room on the disk: no messages are written.
    disk_full: AtomicBool,
    /// A checkpoint waits for room.
    pub(crate) checkpoint_starved: AtomicBool,
    /// Told whenever `disk_full` or `failure` changes.
    pub(crate) condition: Notify,
    pub(crate) reserve: Reserve,
    pub(crate) state: Mutex<State>,
    pub(crate) reader: LogReader,
    pub(crate) tail: Arc<Tail>,
    pub(crate) next_queue_id: AtomicU64,
    pub(crate) progress: Mutex<Progress>,
    /// The checkpoint waits here for something to do.
    pub(crate) progressed: Condvar,
    pub(crate) counters: Counters,
    pub(crate) opening: Opening,
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
    /// Each attempt.
    pub(crate) checkpointing: Timing,
    /// Each group, or its attempt.
    pub(crate) writes: Timing,
    pub(crate) checkpoint_failed: AtomicBool,
}

impl Shared {
    pub(crate) fn new(
        options: Options,
        state: State,
        reader: LogReader,
        tail: Arc<Tail>,
        opening: Opening,
    ) -> Self {
        let next_queue_id = AtomicU64::new(state.next_queue_id.max(1));
        let reserve = Reserve::new(options.reserve_bytes);
        Self {
            options,
            pending: Mutex::new(Pending::new()),
            work: Condvar::new(),
            room: Condvar::new(),
            pending_bytes: AtomicUsize::new(0),
            committed: AtomicU64::new(0),
            waiters: Mutex::default(),
            failure: OnceLock::new(),
            disk_full: AtomicBool::new(false),
            checkpoint_starved: AtomicBool::new(false),
            condition: Notify::new(),
            reserve,
            state: Mutex::new(state),
            reader,
            tail,
            next_queue_id,
            progress: Mutex::default(),
            progressed: Condvar::new(),
            counters: Counters::default(),
            opening,
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
        pending.ahead.clear();
        self.pending_changed(&pending);
        drop(pending);
        self.wake(CommitPoint::NEVER);
        self.condition.notify_one();
    }

    /// Whether there is no room on the disk.
    pub(crate) fn is_disk_full(&self) -> bool {
        self.disk_full.load(Ordering::SeqCst)
    }

    /// Notes that there is no room on the disk. Publishers are not blocked here from now on: whoever
    /// reads from them is told, and stops.
    pub(crate) fn disk_is_full(&self, error: &Error) {
        let mut pending = self.pending.lock();
        if pending.full {
            return;
        }
        pending.begin_full();
        pending.parked = Parked::No;
        self.disk_full.store(true, Ordering::SeqCst);
        self.pending_changed(&pending);
        drop(pending);
        tracing::error!(%error, "the disk is full; publishers have to wait until there is room again");
        self.work.notify_one();
        self.condition.notify_one();
    }

    /// Notes that there is room on the disk again, unless the reserve was given up meanwhile.
    pub(crate) fn disk_has_room(&self) {
        let mut pending = self.pending.lock();
        if !self.reserve.is_held() {
            return;
        }
        pending.end_full();
        self.disk_full.store(false, Ordering::SeqCst);
        drop(pending);
        tracing::warn!("there is room on the disk again; publishers may go on");
        self.condition.notify_one();
    }

    /// Gives up the room held in reserve for what frees the disk. False if there is none to give.
    pub(crate) fn give_up_reserve(&self, error: &Error) -> bool {
        let given = self.reserve.give_up(self.reader.disk());
        self.disk_is_full(error);
        given
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

    /// Appends a record of a snapshot, when not too much is pending.
    pub(crate) fn append_snapshot(&self, record: &[u8]) {
        let mut pending = self.pending.lock();
        self.wait_for_room(&mut pending);
        if !pending.closed {
            pending.snapshot(record);
            self.release(pending);
        }
    }

    /// Appends the copy of a message.
    pub(crate) fn append_copy(
        &self,
        content_bytes: u32,
        targets: &[(QueueId, Sequence)],
        attributes: &[Attributes],
        message: &[u8],
    ) {
        let mut pending = self.pending.lock();
        if !pending.closed {
            let batch = &mut pending.batch;
            batch.copy(content_bytes, targets, attributes, message);
            self.release(pending);
        }
    }

    /// Blocks while as much is pending as may be; not for as long as the disk may be full.
    pub(crate) fn wait_for_room(&self, pending: &mut MutexGuard<'_, Pending>) {
        let is_too_much = |pending: &Pending| {
            let limit = self.options.pending_limit_bytes;
            !pending.closed && !pending.full && pending.batch.size() >= limit
        };
        while is_too_much(pending) {
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
