//! Counters with one writer and any number of readers.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Activity, Kind};

/// A number that one task alone changes: adding to it is as cheap as adding to a plain number.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// It is `value` at first.
    pub fn new(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }

    /// Adds `count`. Invariant: nobody else adds to it.
    #[inline]
    pub fn add(&self, count: u64) {
        self.set(self.get() + count);
    }

    /// Changes it to `value`.
    #[inline]
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// What it is now.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A [`Counter`] for each [`Kind`].
#[derive(Debug, Default)]
pub struct Counters([Counter; Kind::COUNT]);

impl Counters {
    /// Counts `kind`, so many times. Invariant: one task alone does that.
    #[inline]
    pub fn add(&self, kind: Kind, count: u64) {
        self.0[kind as usize].add(count);
    }

    /// What was counted so far.
    pub fn read(&self) -> Activity {
        Activity::from_counts(std::array::from_fn(|index| self.0[index].get()))
    }
}
