//! What all threads of a run share: counters, latencies, and when to stop.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hdrhistogram::Histogram;

use super::deliveries::Batch;

/// The longest latency that is told apart, in nanoseconds: an hour.
const MAX_LATENCY: u64 = 3_600_000_000_000;

/// Counters and latencies of all threads together. Each adds once per batch.
#[derive(Default)]
pub(super) struct Progress {
    pub(super) sent: Counter,
    pub(super) received: Counter,
    pub(super) confirmed: Counter,
    pub(super) nacked: Counter,
    pub(super) returned: Counter,
    pub(super) redelivered: Counter,
    pub(super) requeued: Counter,
    /// Messages that were due when publishing ended, and were not sent.
    pub(super) unsent: Counter,
    /// When a message was last written, and last received.
    pub(super) last_sent: Counter,
    pub(super) last_received: Counter,
    pub(super) latency: Latency,
    pub(super) confirm_latency: Latency,
    pub(super) stop_publishing: Flag,
    pub(super) stop_consuming: Flag,
}

impl Progress {
    /// Adds a batch that was received at `now`, and empties it.
    pub(super) fn count(&self, now: u64, batch: &mut Batch) {
        if batch.received > 0 {
            self.last_received.set(now);
            self.received.add(std::mem::take(&mut batch.received));
        }
        if batch.redelivered > 0 {
            self.redelivered.add(std::mem::take(&mut batch.redelivered));
        }
        if batch.requeued > 0 {
            self.requeued.add(std::mem::take(&mut batch.requeued));
        }
        self.latency.record(now, &mut batch.times);
    }
}

/// A number that threads add to. Nothing else is ordered by it.
#[derive(Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A signal that is given once.
#[derive(Default)]
pub(super) struct Flag(AtomicBool);

impl Flag {
    pub(super) fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Latencies in nanoseconds since somebody last looked.
pub(super) struct Latency(Mutex<Histogram<u64>>);

impl Default for Latency {
    fn default() -> Self {
        Self(Mutex::new(histogram()))
    }
}

impl Latency {
    fn lock(&self) -> MutexGuard<'_, Histogram<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records how long before `now` each of `times` was, and empties them.
    pub(super) fn record(&self, now: u64, times: &mut Vec<u64>) {
        if times.is_empty() {
            return;
        }
        let mut histogram = self.lock();
        for time in times.drain(..) {
            histogram.saturating_record(now.saturating_sub(time).max(1));
        }
    }

    /// Takes what was recorded, and starts anew.
    pub(super) fn take(&self) -> Histogram<u64> {
        std::mem::replace(&mut *self.lock(), histogram())
    }
}

/// An empty histogram: microseconds to an hour, three digits.
pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1_000, MAX_LATENCY, 3).expect("the bounds are in order")
}
