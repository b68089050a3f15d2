//! The store: open, append, remove, change, read, close.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::clean;
use crate::disk::{Disk, DiskFile, RealDisk};
use crate::pending::{Part, Pending};
use crate::read::{self, StoredMessage};
use crate::recovery::{self, Opening, Recovered};
use crate::shared::Shared;
use crate::table::SledTables;
use crate::threads::Threads;
use crate::timing::{Latencies, Operations};
use crate::{Attributes, Change, CommitPoint, Durability, Error, QueueId, Sequence};

/// Settings of a store.
#[derive(Debug, Clone)]
pub struct Options {
    /// When a segment of the log is full; at most 2 GiB.
    pub segment_bytes: u64,
    /// A checkpoint is due after so much log.
    pub checkpoint_bytes: u64,
    /// A checkpoint is due after so long, if there is anything new.
    pub checkpoint_interval: Duration,
    /// So much may be pending; then [`Store::append`] blocks until it is being written.
    pub pending_limit_bytes: usize,
    /// From so much pending on [`Store::is_congested`].
    pub congested_bytes: usize,
    /// How much of the checkpointed index is kept in memory.
    pub index_cache_bytes: u64,
    /// How much of the disk is held back for what makes room when it is full.
    pub reserve_bytes: u64,
    /// Live messages are copied out of mostly dead segments once the log has more dead bytes than live ones,
    /// and more than so many segments' worth of them.
    pub compaction_dead_segments: u64,
    /// So much of the log is read for that after each checkpoint.
    pub compaction_round_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            checkpoint_bytes: 256 << 20,
            checkpoint_interval: Duration::from_secs(1),
            pending_limit_bytes: 64 << 20,
            congested_bytes: 16 << 20,
            index_cache_bytes: 4 << 20,
            reserve_bytes: 8 << 20,
            compaction_dead_segments: 4,
            compaction_round_bytes: 128 << 20,
        }
    }
}

/// A message to append.
#[derive(Debug, Clone, Copy)]
pub struct Append<'a> {
    /// The queues it was routed to, and its sequence in each.
    pub targets: &'a [(QueueId, Sequence)],
    /// What is noted for each of them, or nothing: [`Attributes::NONE`] for all.
    pub attributes: &'a [Attributes],
    /// Its bytes, one part after another.
    pub parts: &'a [Part<'a>],
    /// How many of them count as its content, in [`RecoveredQueue::content_bytes`].
    ///
    /// [`RecoveredQueue::content_bytes`]: crate::RecoveredQueue::content_bytes
    pub content_bytes: u32,
    /// What it waits for.
    pub durability: Durability,
}

/// What a store has done, and what it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Groups written since the start.
    pub groups: u64,
    /// Syncs of the log since the start, and how long they took.
    pub syncs: Latencies,
    /// Writes to the log since the start.
    pub writes: Operations,
    /// Reads from the log since the start.
    pub reads: Operations,
    /// Messages since the start that waited for no sync.
    pub relaxed_messages: u64,
    /// Bytes of the log that a power loss may take back.
    pub unsynced_bytes: u64,
    /// Bytes written to the log since the start.
    pub written_bytes: u64,
    /// Bytes that wait to be written.
    pub pending_bytes: usize,
    /// Messages in the index; one counts for each queue.
    pub live_messages: u64,
    /// Records found damaged since the start.
    pub damaged_records: u64,
    /// Segments of the log.
    pub segments: usize,
    /// Bytes of the log's segments.
    pub log_bytes: u64,
    /// Bytes of them that belong to live messages; a message counts once for each queue.
    pub live_bytes: u64,
    /// Checkpoints since the start.
    pub checkpoints: u64,
    /// How long they took, with those that failed.
    pub checkpoint_time: Duration,
    /// Whether a checkpoint failed: the log then grows until the next start.
    pub checkpoint_failed: bool,
    /// Whether there is no room on the disk now; see [`Store::is_disk_full`].
    pub disk_full: bool,
    /// Why nothing is written any more; see [`Store::failure`].
    pub failure: Option<String>,
}

/// Durable messages and definitions. A clone is another handle to the same store.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    /// `None` when driven by hand, and after the stop.
    threads: Mutex<Option<Threads>>,
    /// Held as long as the store is open.
    _lock: Arc<dyn DiskFile>,
}

impl Store {
    /// Opens the store in a directory, or creates it there.
    ///
    /// Fails with [`Error::Locked`] while another process has it open.
    pub fn open(directory: &Path, options: Options) -> Result<(Self, Recovered), Error> {
        let create = std::fs::create_dir_all(directory);
        create.map_err(Error::io("create", directory.display().to_string()))?;
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(directory));
        let lock = recovery::lock(&*disk, directory)?;
        let tables = SledTables::new(directory, Arc::clone(&disk), options.index_cache_bytes);
        let parts = recovery::recover(disk, Box::new(tables), options)?;
        let threads = Threads::start(parts.committer, parts.checkpointer)?;
        let store = Self::new(parts.shared, Some(threads), lock);
        Ok((store, parts.recovered))
    }

    pub(crate) fn new(
        shared: Arc<Shared>,
        threads: Option<Threads>,
        lock: Arc<dyn DiskFile>,
    ) -> Self {
        let inner = Inner {
            shared,
            threads: Mutex::new(threads),
            _lock: lock,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Appends a run of messages under one lock.
    ///
    /// Small parts are copied, large shared ones are written from where they are. Blocks only while
    /// [`Options::pending_limit_bytes`] are pending, and not while the disk is full; who reads sockets stops
    /// earlier, when [`Store::is_congested`]. The point is the last one of theirs, and [`CommitPoint::ALWAYS`] for none.
    pub fn append<'a>(&self, run: impl IntoIterator<Item = Append<'a>>) -> CommitPoint {
        self.append_with(|appender| {
            for message in run {
                appender.push(&message);
            }
        })
    }

    /// Like [`Store::append`], for messages whose parts are put together on the way.
    ///
    /// The store is locked while `fill` runs, which must not call it.
    pub fn append_with(&self, fill: impl FnOnce(&mut Appender<'_>)) -> CommitPoint {
        let shared = &*self.inner.shared;
        let pending = shared.pending.lock();
        let point = CommitPoint::ALWAYS;
        let mut appender = Appender {
            shared,
            pending,
            point,
        };
        fill(&mut appender);
        let Appender { pending, point, .. } = appender;
        shared.release(pending);
        point
    }

    /// Settles messages: they are acked, dropped or purged, and need not survive.
    ///
    /// Nobody can wait for it; it rides along with the next group. It may come before the publish
    /// that it settles was appended, but only for messages that are or will be appended.
    pub fn remove(&self, queue: QueueId, sequences: &[Sequence]) {
        let mut pending = self.inner.shared.pending.lock();
        if !pending.closed {
            pending.batch.remove(queue, sequences);
            self.inner.shared.release(pending);
        }
    }

    /// Like [`Store::remove`], for ranges with both ends included. Every sequence in them was or will
    /// be appended.
    pub fn remove_ranges(&self, queue: QueueId, ranges: &[(Sequence, Sequence)]) {
        let mut pending = self.inner.shared.pending.lock();
        if !pending.closed {
            pending.batch.remove_ranges(queue, ranges);
            self.inner.shared.release(pending);
        }
    }

    /// Like [`Store::remove_ranges`], for messages that went on to another place: no crash leaves this without
    /// what was appended at `point`, not even if the disk is full, when [`Store::remove_ranges`] goes ahead of
    /// what is appended.
    pub fn remove_ranges_after(
        &self,
        point: CommitPoint,
        queue: QueueId,
        ranges: &[(Sequence, Sequence)],
    ) {
        let shared = &self.inner.shared;
        let mut pending = shared.pending.lock();
        if pending.closed || point == CommitPoint::NEVER {
            return;
        }
        let batch = &mut pending.batch;
        if point <= shared.committed_point() {
            batch.remove_ranges(queue, ranges);
        } else {
            batch.remove_ranges_after(point.group(), queue, ranges);
        }
        shared.release(pending);
    }

    /// Appends changes of definitions, of which a crash leaves all or none.
    pub fn change(&self, changes: &[Change<'_>]) -> CommitPoint {
        let mut pending = self.inner.shared.pending.lock();
        if pending.closed {
            return CommitPoint::NEVER;
        }
        pending.change(changes);
        let point = pending.point(Durability::Strict);
        self.inner.shared.release(pending);
        point
    }

    /// A point that is reached once everything that was appended so far is on stable storage.
    pub fn barrier(&self) -> CommitPoint {
        let mut pending = self.inner.shared.pending.lock();
        if pending.closed {
            return CommitPoint::NEVER;
        }
        pending.batch.strict = true;
        let point = pending.point(Durability::Strict);
        self.inner.shared.release(pending);
        point
    }

    /// An id that no queue ever had.
    pub fn allocate_queue_id(&self) -> QueueId {
        QueueId(
            self.inner
                .shared
                .next_queue_id
                .fetch_add(1, Ordering::Relaxed),
        )
    }

    /// A queue for messages that need not survive a stop, but are to leave memory. It exists at
    /// once, costs the checkpoint nothing, and is gone with the next start.
    pub fn allocate_volatile_queue(&self) -> QueueId {
        let id = self.allocate_queue_id();
        self.inner.shared.state.lock().index.create_volatile(id);
        id
    }

    /// Forgets a volatile queue and all of its messages.
    pub fn forget_volatile_queue(&self, queue: QueueId) {
        self.inner.shared.state.lock().index.forget_volatile(queue);
    }

    /// How many of the first of these messages, ascending, can be read back: they were appended,
    /// written and not settled.
    pub fn stored(&self, queue: QueueId, sequences: &[Sequence]) -> usize {
        let state = self.inner.shared.state.lock();
        let locations = state.index.locate(queue, sequences);
        locations.take_while(Option::is_some).count()
    }

    /// How many bytes of these messages, ascending, count as their content. Those that were settled
    /// or never written count nothing.
    pub fn content_bytes(&self, queue: QueueId, sequences: &[Sequence]) -> u64 {
        let state = self.inner.shared.state.lock();
        state.index.content_bytes(queue, sequences)
    }

    /// How many messages the log holds for a queue, and the bytes of their content: those that are
    /// written and not settled.
    pub fn held(&self, queue: QueueId) -> (u64, u64) {
        self.inner.shared.state.lock().index.held(queue)
    }

    /// Everything up to this point is as durable as was asked for.
    pub fn committed(&self) -> CommitPoint {
        self.inner.shared.committed_point()
    }

    /// Calls `waiter.notify_one()` once `point` is reached, or never will be: at once if that is
    /// known already.
    pub fn wake_when_committed(&self, point: CommitPoint, waiter: &Arc<Notify>) {
        self.inner.shared.wake_when_committed(point, waiter);
    }

    /// Whether more is pending than is good for latency: time to stop reading from publishers.
    /// It ends with the next group; the last point returned by `append` is what to wait for.
    pub fn is_congested(&self) -> bool {
        let shared = &self.inner.shared;
        shared.pending_bytes.load(Ordering::Relaxed) >= shared.options.congested_bytes
    }

    /// Whether there is no room on the disk: what is appended waits until there is. What is removed or
    /// changed is written nevertheless, from room held in reserve, because it may be what makes room.
    pub fn is_disk_full(&self) -> bool {
        self.inner.shared.is_disk_full()
    }

    /// Completes when [`Store::is_disk_full`] or [`Store::failure`] has changed since it was last awaited.
    /// For one task.
    pub async fn condition_changed(&self) {
        self.inner.shared.condition.notified().await;
    }

    /// Reads messages back, in large sequential reads. The answer is in the order of `sequences`.
    ///
    /// What is missing in it is not durable yet, was settled, or is damaged, which is logged: a
    /// message whose checksum is wrong is never returned. What is returned shares large buffers:
    /// copy what is kept for long.
    pub fn read(
        &self,
        queue: QueueId,
        sequences: &[Sequence],
    ) -> Result<Vec<StoredMessage>, Error> {
        let (messages, _) = self.read_some(queue, sequences, u64::MAX)?;
        Ok(messages)
    }

    /// Like [`Store::read`], for as many of the first messages as have up to `max_bytes` together, but
    /// at least for one. Gives the messages and for how many it looked.
    pub fn read_some(
        &self,
        queue: QueueId,
        sequences: &[Sequence],
        max_bytes: u64,
    ) -> Result<(Vec<StoredMessage>, usize), Error> {
        read::read(&self.inner.shared, queue, sequences, max_bytes)
    }

    /// Shows the attributes of a queue's live messages to `visit`, without reading them: runs of those that
    /// have the same, ascending, both ends included. Those with [`Attributes::NONE`] are left out.
    pub fn attributes(
        &self,
        queue: QueueId,
        mut visit: impl FnMut(Sequence, Sequence, Attributes),
    ) {
        let mut runs = Vec::new();
        let mut next = Some(0);
        while let Some(block) = next {
            let state = self.inner.shared.state.lock();
            next = state.index.attributes_from(queue, block, &mut runs);
            drop(state);
            for (first, last, attributes) in runs.drain(..) {
                visit(first, last, attributes);
            }
        }
    }

    /// Why nothing is written any more. A failure is final: appends return [`CommitPoint::NEVER`].
    pub fn failure(&self) -> Option<Arc<Error>> {
        self.inner.shared.failure.get().cloned()
    }

    /// Commits what is pending, writes a checkpoint and notes that the stop was clean, together with the
    /// messages that were delivered before (ranges, both ends included). Appends return
    /// [`CommitPoint::NEVER`] from now on.
    pub fn close(&self, redelivered: &[(QueueId, Vec<(Sequence, Sequence)>)]) -> Result<(), Error> {
        let shared = &self.inner.shared;
        self.inner.stop(true);
        shared.sync_log();
        if let Some(failure) = self.failure() {
            return Err(Error::Failed(failure));
        }
        let end = shared.state.lock().applied;
        clean::write(shared.reader.disk(), end, redelivered)
    }

    /// What it took to open it.
    pub fn opening(&self) -> &Opening {
        &self.inner.shared.opening
    }

    /// What the store has done, and what it holds.
    pub fn statistics(&self) -> Statistics {
        let shared = &self.inner.shared;
        let state = shared.state.lock();
        Statistics {
            groups: shared.committed_point().group(),
            syncs: shared.tail.syncs(),
            writes: shared.counters.writes.operations(),
            reads: shared.reader.reads(),
            relaxed_messages: shared.counters.relaxed_messages.load(Ordering::Relaxed),
            unsynced_bytes: shared.tail.unsynced_bytes(),
            written_bytes: shared.counters.written_bytes.load(Ordering::Relaxed),
            pending_bytes: shared.pending_bytes.load(Ordering::Relaxed),
            live_messages: state.index.live_messages(),
            segments: state.segments.len(),
            log_bytes: state.segments.values().sum(),
            live_bytes: state.index.live_bytes().map(|(_, bytes)| bytes).sum(),
            damaged_records: shared.counters.damaged_records.load(Ordering::Relaxed),
            checkpoint_failed: shared.counters.checkpoint_failed.load(Ordering::Relaxed),
            checkpoints: shared.counters.checkpoints.load(Ordering::Relaxed),
            checkpoint_time: shared.counters.checkpointing.operations().time,
            disk_full: shared.is_disk_full(),
            failure: self.failure().map(|error| error.to_string()),
        }
    }
}

impl Inner {
    /// Accepts nothing more, and ends the threads once everything pending is durable.
    fn stop(&self, checkpoint: bool) {
        let mut pending = self.shared.pending.lock();
        pending.closed = true;
        drop(pending);
        self.shared.room.notify_all();
        if let Some(threads) = self.threads.lock().take() {
            threads.stop(&self.shared, checkpoint);
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop(false);
    }
}

/// Takes the messages of one run.
#[derive(Debug)]
pub struct Appender<'a> {
    shared: &'a Shared,
    pending: MutexGuard<'a, Pending>,
    point: CommitPoint,
}

impl Appender<'_> {
    /// Appends one message.
    pub fn push(&mut self, message: &Append<'_>) {
        if self.pending.batch.size() >= self.shared.options.pending_limit_bytes {
            self.shared.wait_for_room(&mut self.pending);
        }
        if self.pending.closed {
            self.point = CommitPoint::NEVER;
            return;
        }
        self.pending.batch.publish(message);
        self.point = self.point.max(self.pending.point(message.durability));
    }

    /// Appends changes of definitions which say something about the messages before them: unlike those of
    /// [`Store::change`] they never get onto a full disk ahead of these. A crash leaves all or none.
    pub fn follow(&mut self, changes: &[Change<'_>], durability: Durability) {
        if self.pending.closed {
            self.point = CommitPoint::NEVER;
            return;
        }
        self.pending.batch.follow(changes, durability);
        self.point = self.point.max(self.pending.point(durability));
    }
}
