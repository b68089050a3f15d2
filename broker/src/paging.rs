//! When message bodies leave memory and when they are read back, over all queues.
//!
//! Queues ask (see `queue/ready.rs`): read on, because the head runs dry; page out, because much waits in
//! memory that the log has anyway. When all queues together hold more than the budget, everything
//! beyond their heads leaves memory, transient messages too, which are written to the log for that.
//! Nothing here happens on the path of a message: queues leave requests, [`run`] carries them out.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use ferrymq_store::{CommitPoint, Error, Store};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};

use crate::broker::Broker;
use crate::clock::{self, Timestamp};
use crate::queue::ready::WINDOW_BYTES;
use crate::queue::shared::{SharedQueue, Work};
use crate::timers::Timers;
use crate::transfers::Transfers;

/// How many queues are read at the same time.
const READERS: usize = 2;
/// When a read failed, it is tried again after this long.
const READ_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How much of a queue is read at once,
const READ_BYTES: u64 = WINDOW_BYTES / 2;
/// and how much when memory is short.
const SCANT_READ_BYTES: u64 = 256 * 1024;
/// What stays at the head of each queue when memory is short, at least.
const SCANT_WINDOW_BYTES: u64 = 16 * 1024;

/// What queues ask for, and how much they hold in memory together.
pub struct Paging {
    store: Store,
    budget_bytes: AtomicI64,
    /// As the queues have reported it.
    resident_bytes: AtomicI64,
    /// From so much on, something has to leave memory.
    relieve_at: AtomicI64,
    requests: Mutex<Requests>,
    loads_due: Notify,
    page_outs_due: Arc<Notify>,
    timers: Timers,
    transfers: Transfers,
}

#[derive(Default)]
struct Requests {
    loads: VecDeque<Arc<SharedQueue>>,
    page_outs: VecDeque<Arc<SharedQueue>>,
    /// Queues that have reported something once. Some may be gone, or hold nothing by now.
    holders: Vec<Weak<SharedQueue>>,
    /// When so many are noted, those which are gone are forgotten.
    forget_at: usize,
}

impl Paging {
    /// For the queues of `store`, which may hold `budget_bytes` in memory together.
    pub fn new(store: Store, budget_bytes: u64) -> Self {
        let budget_bytes = i64::try_from(budget_bytes).unwrap_or(i64::MAX);
        Self {
            store,
            budget_bytes: AtomicI64::new(budget_bytes),
            resident_bytes: AtomicI64::new(0),
            relieve_at: AtomicI64::new(budget_bytes),
            requests: Mutex::default(),
            loads_due: Notify::new(),
            page_outs_due: Arc::default(),
            timers: Timers::default(),
            transfers: Transfers::default(),
        }
    }

    /// From now on queues may hold `bytes` in memory together.
    pub fn set_budget(&self, bytes: u64) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.budget_bytes.store(bytes, Ordering::Relaxed);
        self.relieve_at.store(bytes, Ordering::Relaxed);
        self.page_outs_due.notify_one();
    }

    fn budget_bytes(&self) -> i64 {
        self.budget_bytes.load(Ordering::Relaxed)
    }

    /// What wakes queues when something in them is due.
    pub fn timers(&self) -> &Timers {
        &self.timers
    }

    /// Dead letters that have to be read first, and the like.
    pub fn transfers(&self) -> &Transfers {
        &self.transfers
    }

    /// Where messages are written and read back.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What the ready messages of all queues hold in memory, about.
    pub fn resident_bytes(&self) -> u64 {
        u64::try_from(self.resident_bytes.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// How much a queue should read at once.
    pub(crate) fn read_bytes(&self) -> u64 {
        match self.resident_bytes.load(Ordering::Relaxed) > self.budget_bytes() {
            true => SCANT_READ_BYTES,
            false => READ_BYTES,
        }
    }

    /// From now on `queue` reports what it holds.
    pub(crate) fn add(&self, queue: &Arc<SharedQueue>) {
        self.requests.lock().add_holder(queue);
    }

    /// A queue holds `after` bytes instead of `before`.
    pub(crate) fn report(&self, before: u64, after: u64) {
        let more = after.cast_signed() - before.cast_signed();
        let all = self.resident_bytes.fetch_add(more, Ordering::Relaxed) + more;
        if all > self.relieve_at.load(Ordering::Relaxed) {
            self.page_outs_due.notify_one();
        }
    }

    /// A queue is gone that held `bytes`.
    pub(crate) fn forget(&self, bytes: u64) {
        self.resident_bytes
            .fetch_sub(bytes.cast_signed(), Ordering::Relaxed);
    }

    /// `queue` wants its next messages.
    pub(crate) fn request_load(&self, queue: Arc<SharedQueue>) {
        self.requests.lock().loads.push_back(queue);
        self.loads_due.notify_one();
    }

    /// `queue` holds messages in memory that need not be there.
    pub(crate) fn request_page_out(&self, queue: Arc<SharedQueue>) {
        self.requests.lock().page_outs.push_back(queue);
        self.page_outs_due.notify_one();
    }

    /// Does everything that is due now, one after another. Tells whether there was anything.
    pub fn run_due(&self, broker: &Broker, now: Timestamp) -> bool {
        let mut any = self.page_out_due();
        while let Some(queue) = self.next_load() {
            any = true;
            if load_queue(broker, &queue, now).is_err() {
                self.request_load(queue);
                break;
            }
        }
        any
    }

    fn next_load(&self) -> Option<Arc<SharedQueue>> {
        self.requests.lock().loads.pop_front()
    }

    fn next_page_out(&self) -> Option<Arc<SharedQueue>> {
        self.requests.lock().page_outs.pop_front()
    }

    /// Lets memory go, as far as it is due and possible. Tells whether there was anything to do.
    fn page_out_due(&self) -> bool {
        let mut any = false;
        while let Some(queue) = self.next_page_out() {
            any = true;
            queue.page_out(WINDOW_BYTES, false);
        }
        let all = self.resident_bytes.load(Ordering::Relaxed);
        if all > self.relieve_at.load(Ordering::Relaxed) {
            any = true;
            self.relieve();
        }
        any
    }

    /// Shrinks the queues that hold most, until the budget is kept with some room.
    fn relieve(&self) {
        let mut holders = self.requests.lock().holders();
        holders.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
        let budget_bytes = self.budget_bytes();
        let share = budget_bytes.unsigned_abs() / 2 / holders.len().max(1) as u64;
        let keep = share.clamp(SCANT_WINDOW_BYTES, WINDOW_BYTES);
        let enough = budget_bytes - budget_bytes / 8;
        let mut written = CommitPoint::ALWAYS;
        for (_, queue) in holders {
            if self.store.is_congested() {
                written = CommitPoint(self.store.committed().0 + 1);
                break;
            }
            // On a full disk only what it has already can leave memory.
            let all = !self.store.is_disk_full();
            written = written.max(queue.page_out(keep, all));
            if self.resident_bytes.load(Ordering::Relaxed) < enough {
                break;
            }
        }
        if written == CommitPoint::NEVER {
            return;
        }
        // What was written just now can leave once it is on disk.
        let all = self.resident_bytes.load(Ordering::Relaxed);
        let waits = written > self.store.committed();
        let next = match waits || all <= budget_bytes {
            true => budget_bytes,
            false => all + budget_bytes / 16,
        };
        self.relieve_at.store(next, Ordering::Relaxed);
        if waits {
            let waiter = &self.page_outs_due;
            self.store.wake_when_committed(written, waiter);
        }
    }
}

impl Requests {
    fn add_holder(&mut self, queue: &Arc<SharedQueue>) {
        if self.holders.len() >= self.forget_at {
            self.holders.retain(|holder| holder.strong_count() > 0);
            self.forget_at = 2 * self.holders.len() + 64;
        }
        self.holders.push(Arc::downgrade(queue));
    }

    /// The queues that hold anything now, and how much.
    fn holders(&mut self) -> Vec<(u64, Arc<SharedQueue>)> {
        self.holders.retain(|holder| holder.strong_count() > 0);
        let alive = self.holders.iter().filter_map(Weak::upgrade);
        let holders = alive.map(|queue| (queue.reported_bytes(), queue));
        holders.filter(|(bytes, _)| *bytes > 0).collect()
    }
}

/// Carries out what queues ask for, until the broker stops.
pub async fn run(broker: Arc<Broker>) {
    tokio::select! {
        () = page_out(&broker) => {}
        () = load(&broker) => {}
        () = broker.stopping() => {}
    }
}

async fn page_out(broker: &Broker) {
    let paging = broker.paging();
    loop {
        paging.page_outs_due.notified().await;
        let paging = Arc::clone(paging);
        // It may wait for the log to take what is written, and there may be much to do.
        let done = tokio::task::spawn_blocking(move || paging.page_out_due()).await;
        if let Err(why) = done {
            tracing::error!("paging out failed: {why}");
        }
    }
}

async fn load(broker: &Arc<Broker>) {
    let paging = broker.paging();
    let readers = Arc::new(Semaphore::new(READERS));
    loop {
        let permit = Arc::clone(&readers).acquire_owned().await;
        let Some(queue) = paging.next_load() else {
            drop(permit);
            paging.loads_due.notified().await;
            continue;
        };
        let broker = Arc::clone(broker);
        tokio::spawn(async move {
            let (reader, reading) = (Arc::clone(&broker), Arc::clone(&queue));
            let read = move || load_queue(&reader, &reading, clock::now());
            let read = tokio::task::spawn_blocking(read).await;
            drop(permit);
            if !matches!(read, Ok(Ok(()))) {
                tokio::time::sleep(READ_AGAIN_AFTER).await;
                broker.paging().request_load(queue);
            }
        });
    }
}

fn load_queue(broker: &Broker, queue: &Arc<SharedQueue>, now: Timestamp) -> Result<(), Error> {
    let mut work = Work::default();
    work.set_now(now);
    let loaded = queue.load(&mut work);
    broker.finish(queue, &mut work);
    loaded
}
