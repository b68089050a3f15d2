//! How often something is done to the disk, and how long it takes. Plain atomics: nobody waits for a look.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What was done since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Operations {
    /// How often.
    pub count: u64,
    /// With how many bytes.
    pub bytes: u64,
    /// How long all of it took.
    pub time: Duration,
}

/// Counts operations.
#[derive(Debug, Default)]
pub(crate) struct Timing {
    count: AtomicU64,
    bytes: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Timing {
    /// Does it, and counts it with `bytes`.
    pub(crate) fn measure<T>(&self, bytes: usize, operation: impl FnOnce() -> T) -> T {
        let (done, time) = measure(operation);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        let nanoseconds = time.as_nanos() as u64;
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
        done
    }

    pub(crate) fn operations(&self) -> Operations {
        Operations {
            count: self.count.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            time: Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)),
        }
    }
}

/// Upper bounds of the buckets in which syncs are counted, in microseconds.
const BOUNDS_MICROSECONDS: [u64; 14] = [
    50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
    1_000_000,
];

/// How many operations took how long, since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Latencies {
    /// For each upper bound, ascending, how many took no longer. More may have taken longer than the last.
    pub at_most: Vec<(Duration, u64)>,
    /// How many there were.
    pub count: u64,
    /// How long all of them took.
    pub time: Duration,
}

/// Counts operations by how long they take.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// One for each bound, and one for what takes longer.
    buckets: [AtomicU64; BOUNDS_MICROSECONDS.len() + 1],
    nanoseconds: AtomicU64,
}

impl Histogram {
    /// Does it, and counts it.
    pub(crate) fn measure<T>(&self, operation: impl FnOnce() -> T) -> T {
        let (done, time) = measure(operation);
        self.add(time);
        done
    }

    fn add(&self, time: Duration) {
        let fits = |bound: &u64| time <= Duration::from_micros(*bound);
        let bucket = BOUNDS_MICROSECONDS.iter().position(fits);
        let bucket = bucket.unwrap_or(BOUNDS_MICROSECONDS.len());
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        let nanoseconds = time.as_nanos() as u64;
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    pub(crate) fn latencies(&self) -> Latencies {
        let mut count = 0;
        let mut at_most = Vec::with_capacity(BOUNDS_MICROSECONDS.len());
        for (index, bucket) in self.buckets.iter().enumerate() {
            count += bucket.load(Ordering::Relaxed);
            if let Some(bound) = BOUNDS_MICROSECONDS.get(index) {
                at_most.push((Duration::from_micros(*bound), count));
            }
        }
        let time = Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed));
        Latencies {
            at_most,
            count,
            time,
        }
    }
}

fn measure<T>(operation: impl FnOnce() -> T) -> (T, Duration) {
    let watch = Stopwatch::start();
    let done = operation();
    (done, watch.elapsed())
}

/// Tells how long something takes.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "how long the disk takes is told, and decides nothing"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative() {
        let histogram = Histogram::default();
        for microseconds in [0, 50, 51, 700, 2_000_000] {
            histogram.add(Duration::from_micros(microseconds));
        }
        let latencies = histogram.latencies();
        let at_most = |microseconds| {
            let bound = Duration::from_micros(microseconds);
            let mut buckets = latencies.at_most.iter();
            buckets.find(|(known, _)| *known == bound).unwrap().1
        };
        assert_eq!(
            [50, 100, 500, 1_000, 1_000_000].map(at_most),
            [2, 3, 3, 4, 4]
        );
        assert_eq!(latencies.count, 5);
        assert_eq!(latencies.time, Duration::from_micros(2_000_801));
    }

    #[test]
    fn operations_are_counted() {
        let timing = Timing::default();
        assert_eq!(timing.measure(7, || 1) + timing.measure(3, || 2), 3);
        let operations = timing.operations();
        assert_eq!((operations.count, operations.bytes), (2, 10));
    }
}
