//! Which share of the time a queue's consumers could take a message at once.

use std::sync::atomic::{AtomicU64, Ordering};

/// What the newest tick counts for.
const WEIGHT: f64 = 0.3;

/// An average over the latest ticks.
#[derive(Debug)]
pub struct Capacity(AtomicU64);

impl Default for Capacity {
    fn default() -> Self {
        Self(AtomicU64::new(f64::NAN.to_bits()))
    }
}

impl Capacity {
    /// From 0 to 1; 0 without consumers.
    pub fn get(&self) -> f64 {
        let share = self.read();
        if share.is_nan() { 0.0 } else { share }
    }

    /// Takes in whether it is so now; gives the average.
    pub(super) fn sample(&self, has_consumers: bool, can_deliver: bool) -> f64 {
        let (before, now) = (self.read(), f64::from(u8::from(can_deliver)));
        let share = match has_consumers {
            false => f64::NAN,
            true if before.is_nan() => now,
            true => before + WEIGHT * (now - before),
        };
        self.0.store(share.to_bits(), Ordering::Relaxed);
        self.get()
    }

    fn read(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_an_average() {
        let capacity = Capacity::default();
        assert_eq!(capacity.get(), 0.0);
        assert_eq!(capacity.sample(true, true), 1.0);
        assert!((capacity.sample(true, false) - 0.7).abs() < 1e-9);
        assert_eq!(capacity.sample(false, false), 0.0);
        assert_eq!(capacity.sample(true, false), 0.0);
    }
}
