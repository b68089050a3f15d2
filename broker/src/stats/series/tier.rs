//! One field's values in slots of equal width.
//!
//! Kept is the newest value, and what each differs from the expected one: a counter is expected to grow as it
//! did before, a gauge to stay. Older values are worked out backwards.

use super::field::Movement;
use super::residuals::Residuals;

/// How wide a tier's slots are, and how many it keeps beside the newest one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// 0: as wide as a tick.
    pub(super) step_ms: u32,
    pub(super) capacity: u32,
}

pub(super) const FINE: Shape = Shape {
    step_ms: 0,
    capacity: 120,
};
pub(super) const MIDDLE: Shape = Shape {
    step_ms: 60_000,
    capacity: 480,
};
pub(super) const COARSE: Shape = Shape {
    step_ms: 600_000,
    capacity: 144,
};

/// The values of a field in consecutive slots.
#[derive(Debug)]
pub(super) struct Tier {
    /// The slot of the newest value.
    newest: u32,
    /// The first slot for which it stands.
    first: u32,
    value: u64,
    /// How much the newest value differs from the one before.
    trend: i64,
    residuals: Residuals,
}

impl Tier {
    /// `value` in `slot`, and in those before it down to `first`.
    pub(super) fn new(slot: u32, value: u64, first: u32) -> Self {
        Self {
            newest: slot,
            first,
            value,
            trend: 0,
            residuals: Residuals::default(),
        }
    }

    /// The slot of the newest value.
    pub(super) fn newest(&self) -> u32 {
        self.newest
    }

    /// The newest value.
    pub(super) fn value(&self) -> u64 {
        self.value
    }

    /// The first slot about which it knows something when the last tick lies in slot `now`.
    pub(super) fn first(&self, shape: Shape, now: u32) -> u32 {
        self.first.max(now.saturating_sub(shape.capacity))
    }

    /// Has it forgotten what was before its oldest value?
    pub(super) fn is_full(&self, shape: Shape) -> bool {
        self.first > 0 || self.residuals.len() == shape.capacity
    }

    /// How much the newest value differs from the one before it.
    pub(super) fn trend(&self) -> i64 {
        self.trend
    }

    /// Notes a later slot's value. In slots between it was what it was in the newest one.
    pub(super) fn record(&mut self, shape: Shape, movement: Movement, slot: u32, value: u64) {
        let Some(between) = slot.checked_sub(self.newest + 1) else {
            return;
        };
        if between > shape.capacity {
            self.residuals = Residuals::default();
            self.trend = 0;
            self.residuals.push_zeros(shape.capacity);
        } else if between > 0 {
            self.step(movement, 0);
            self.residuals.push_zeros(between - 1);
        }
        self.step(movement, value.wrapping_sub(self.value) as i64);
        self.value = value;
        self.newest = slot;
        self.residuals.truncate_front(shape.capacity);
    }

    fn step(&mut self, movement: Movement, change: i64) {
        self.residuals.push(change.wrapping_sub(match movement {
            Movement::Counter => self.trend,
            Movement::Gauge => 0,
        }));
        self.trend = change;
    }

    /// Slots and values, the newest first.
    pub(super) fn values(&self, movement: Movement) -> Vec<(u32, u64)> {
        let residuals: Vec<i64> = self.residuals.iter().collect();
        let (mut slot, mut value, mut trend) = (self.newest, self.value, self.trend);
        let mut values = Vec::with_capacity(residuals.len() + 1);
        values.push((slot, value));
        for residual in residuals.into_iter().rev() {
            let change = match movement {
                Movement::Counter => trend,
                Movement::Gauge => residual,
            };
            value = value.wrapping_sub(change as u64);
            slot -= 1;
            trend = trend.wrapping_sub(residual);
            values.push((slot, value));
        }
        values
    }

    /// Forgets what is older than `slot` by more than the tier reaches, if that is everything but the
    /// newest value.
    pub(super) fn shrink(&mut self, shape: Shape, slot: u32) {
        let is_past = slot.saturating_sub(self.newest) > shape.capacity;
        if is_past && self.residuals.len() > 0 {
            self.residuals = Residuals::default();
            self.trend = 0;
            self.first = self.newest;
        }
    }

    /// The memory that it takes beside the struct itself, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.residuals.bytes()
    }
}
