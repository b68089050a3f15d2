//! Wakes queues when something in them is due: expiry, delays, the end of an unused queue.
//!
//! One timer for all queues, ordered by deadline. A queue asks with `Timers::set` whenever its
//! next deadline has become earlier than what it had asked for; nobody looks at queues that have
//! nothing to wait for. The simulation calls [`Timers::run_due`] itself.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::broker::Broker;
use crate::clock::{self, Timestamp};
use crate::queue::Queue;
use crate::queue::shared::{SharedQueue, Work};

/// Deadlines within so many milliseconds are waited for together.
const TICK_MS: u64 = 4;

/// When which queue wants to be woken.
#[derive(Default)]
pub struct Timers {
    /// By moment, then by queue: two may want the same one.
    waiting: Mutex<BTreeMap<(Timestamp, usize), Weak<SharedQueue>>>,
    /// The first moment has become an earlier one.
    earlier: Notify,
}

/// What one queue has asked for.
#[derive(Debug)]
pub struct Alarm(AtomicU64);

impl Default for Alarm {
    fn default() -> Self {
        Self(AtomicU64::new(Timestamp::NEVER.as_millis()))
    }
}

impl Alarm {
    fn get(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn set(&self, at: Timestamp) {
        self.0.store(at.as_millis(), Ordering::Relaxed);
    }
}

impl Timers {
    /// Has `queue` woken at `at`, or earlier if it asked for that before.
    #[inline]
    pub(crate) fn set(&self, queue: &Arc<SharedQueue>, at: Timestamp) {
        let at = next_tick(at);
        if at < queue.alarm().get() {
            self.advance(queue, at);
        }
    }

    /// When the first queue wants to be woken.
    pub fn next(&self) -> Option<Timestamp> {
        let waiting = self.waiting.lock();
        waiting.first_key_value().map(|(&(at, _), _)| at)
    }

    /// Wakes every queue that is due at `now`, once. Each does a bounded amount of work; who has more
    /// to do is due again.
    pub fn run_due(&self, broker: &Broker, now: Timestamp) -> bool {
        let due = self.take_due(now);
        let any = !due.is_empty();
        let mut work = Work::default();
        for queue in due {
            wake(broker, &queue, now, &mut work);
        }
        any
    }

    /// A queue is gone that had asked for `alarm`; `address` is what [`Arc::as_ptr`] gave for it.
    pub(crate) fn forget(&self, alarm: &Alarm, address: usize) {
        let at = alarm.get();
        if at < Timestamp::NEVER {
            self.waiting.lock().remove(&(at, address));
        }
    }

    fn advance(&self, queue: &Arc<SharedQueue>, at: Timestamp) {
        let mut waiting = self.waiting.lock();
        // Somebody else may have been faster.
        let before = queue.alarm().get();
        if at >= before {
            return;
        }
        // The weak pointer in the map keeps the address from being used again.
        let address = Arc::as_ptr(queue).addr();
        waiting.remove(&(before, address));
        waiting.insert((at, address), Arc::downgrade(queue));
        queue.alarm().set(at);
        let is_first = waiting.first_key_value().map(|(&first, _)| first) == Some((at, address));
        drop(waiting);
        if is_first {
            self.earlier.notify_one();
        }
    }

    /// The queues that are due, in the order of their deadlines.
    fn take_due(&self, now: Timestamp) -> Vec<Arc<SharedQueue>> {
        let mut waiting = self.waiting.lock();
        let mut due = Vec::new();
        while let Some(first) = waiting.first_entry()
            && first.key().0 <= now
        {
            // A queue that is gone has nothing to do.
            if let Some(queue) = first.remove().upgrade() {
                queue.alarm().set(Timestamp::NEVER);
                due.push(queue);
            }
        }
        due
    }
}

fn next_tick(at: Timestamp) -> Timestamp {
    let at = at.as_millis();
    Timestamp::from_millis(at.checked_next_multiple_of(TICK_MS).unwrap_or(at))
}

/// Has one queue do what is due, and carries out what comes of it.
fn wake(broker: &Broker, queue: &Arc<SharedQueue>, now: Timestamp, work: &mut Work) {
    work.set_now(now);
    queue.run(work, Queue::handle_timeout);
    broker.finish(queue, work);
    work.dirty.wake();
}

/// Wakes queues until the broker stops.
pub async fn run(broker: Arc<Broker>) {
    tokio::select! {
        () = wake_queues(&broker) => {}
        () = broker.stopping() => {}
    }
}

async fn wake_queues(broker: &Broker) {
    let timers = broker.timers();
    let mut work = Work::default();
    loop {
        for queue in timers.take_due(clock::now()) {
            wake(broker, &queue, clock::now(), &mut work);
            tokio::task::yield_now().await;
        }
        let next = timers.next();
        let span = next.map(|next| next.since(clock::now()));
        if span.is_some_and(|span| span.is_zero()) {
            continue;
        }
        work.release();
        tokio::select! {
            () = sleep(span.unwrap_or_default()), if span.is_some() => {}
            () = timers.earlier.notified() => {}
        }
    }
}
