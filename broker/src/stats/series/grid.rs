//! The moments at which everything is sampled.

use std::time::Duration;

use super::tier;
use crate::clock::Timestamp;

/// The number of a moment: how many intervals since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Tick(pub(super) u32);

impl Tick {
    /// The tick of this number.
    pub(in crate::stats) fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// Its number.
    pub(in crate::stats) fn number(self) -> u32 {
        self.0
    }

    /// The one after.
    pub fn after(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The one before.
    pub fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

/// How far apart samples are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    tick_ms: u32,
}

impl Grid {
    /// A tick every `interval`, which lies between a second and an hour.
    ///
    /// # Panics
    /// When it does not.
    pub fn new(interval: Duration) -> Self {
        assert!(
            (1..=3_600).contains(&interval.as_secs()),
            "the configuration allows no other"
        );
        let tick_ms = interval.as_millis() as u32;
        Self { tick_ms }
    }

    /// The last tick at `now`.
    pub fn tick(self, now: Timestamp) -> Tick {
        Tick(u32::try_from(now.as_millis() / u64::from(self.tick_ms)).unwrap_or(u32::MAX))
    }

    /// When `tick` is.
    pub fn time(self, tick: Tick) -> Timestamp {
        Timestamp::from_millis(u64::from(tick.0) * u64::from(self.tick_ms))
    }

    /// The time between ticks.
    pub fn interval(self) -> Duration {
        Duration::from_millis(self.tick_ms.into())
    }

    /// The time between samples of tiers `step_ms` apart, unless ticks are even farther apart.
    pub(super) fn step_ms(self, step_ms: u32) -> u64 {
        step_ms.max(self.tick_ms).into()
    }

    /// The slot of a tier, `step_ms` wide, that `tick` lies in.
    pub(super) fn slot(self, step_ms: u32, tick: Tick) -> u32 {
        let slot = self.time(tick).as_millis() / self.step_ms(step_ms);
        u32::try_from(slot).expect("no more than there are ticks")
    }

    /// The first tick in a slot: the tier's sample.
    pub(super) fn first_tick(self, step_ms: u32, slot: u32) -> Tick {
        let start_ms = u64::from(slot) * self.step_ms(step_ms);
        let tick = start_ms.div_ceil(u64::from(self.tick_ms));
        Tick(u32::try_from(tick).unwrap_or(u32::MAX))
    }

    /// How far back the middle tier reaches.
    pub fn middle_span(self) -> Duration {
        let steps = u64::from(tier::MIDDLE.capacity);
        Duration::from_millis(steps * self.step_ms(tier::MIDDLE.step_ms))
    }
}

/// Between which ticks something is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moments {
    /// How far apart they are.
    pub grid: Grid,
    /// The first that was recorded, whatever the object.
    pub oldest: Tick,
    /// The last that was recorded.
    pub newest: Tick,
}
