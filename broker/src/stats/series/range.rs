//! Which samples are asked for, and the answer.

use std::ops::AddAssign;

use super::field::Movement;
use super::grid::Moments;
use super::values::Values;
use crate::clock::Timestamp;

/// The most samples that can be asked for.
const MOST_SAMPLES: u64 = 500;

/// A span of time and how far apart its samples are. Both are whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    age_ms: u64,
    increment_ms: u64,
}

/// A range without samples, or with too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Invalid range parameters: age {age}, incr {increment}")]
pub struct InvalidRange {
    age: u64,
    increment: u64,
}

impl Range {
    /// The last `age` seconds, with a sample every `increment` seconds.
    ///
    /// # Errors
    /// When either is 0, or there would be more than 500.
    pub fn new(age: u64, increment: u64) -> Result<Self, InvalidRange> {
        let invalid = InvalidRange { age, increment };
        // Compat: a rest counts for nothing.
        match age.checked_div(increment) {
            Some(count) if age > 0 && count <= MOST_SAMPLES => {}
            _ => return Err(invalid),
        }
        Ok(Self {
            age_ms: age.checked_mul(1_000).ok_or(invalid)?,
            increment_ms: increment.checked_mul(1_000).ok_or(invalid)?,
        })
    }

    /// The last `count` ticks, and the one before them.
    pub(super) fn ticks(moments: Moments, count: u64) -> Self {
        let increment_ms = moments.grid.interval().as_millis() as u64;
        Self {
            age_ms: count * increment_ms,
            increment_ms,
        }
    }

    /// The moments for which samples are asked, the newest first, in milliseconds since the Unix epoch: multiples
    /// of the increment, down to the first recorded tick.
    fn times(self, moments: Moments) -> impl Iterator<Item = u64> {
        let Moments {
            grid,
            oldest,
            newest,
        } = moments;
        let (oldest, newest) = (grid.time(oldest).as_millis(), grid.time(newest).as_millis());
        let last = newest - newest % self.increment_ms;
        let first = last.saturating_sub(self.age_ms).max(oldest);
        let times =
            std::iter::successors(Some(last), move |time| time.checked_sub(self.increment_ms));
        times.take_while(move |time| *time >= first)
    }
}

/// What a number was at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Milliseconds since the Unix epoch.
    pub timestamp: u64,
    /// What it was.
    pub sample: u64,
}

/// How a number moves and went.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Details {
    /// How much it changes per second, from the last two ticks.
    pub rate: f64,
    /// What it was in the range, if one was given, the newest first.
    pub samples: Option<Vec<Sample>>,
}

impl Details {
    /// The sum of the samples over their number. Compat: `None` for fewer than two.
    pub fn average(&self) -> Option<f64> {
        let samples = self.two_or_more()?;
        let sum: f64 = samples.iter().map(|sample| sample.sample as f64).sum();
        Some(sum / samples.len() as f64)
    }

    /// How much it changed per second from the oldest sample to the newest. Compat: `None` for fewer than two.
    pub fn average_rate(&self) -> Option<f64> {
        let samples = self.two_or_more()?;
        let (newest, oldest) = (samples.first()?, samples.last()?);
        let change = newest.sample as f64 - oldest.sample as f64;
        Some(change * 1_000.0 / (newest.timestamp - oldest.timestamp) as f64)
    }

    fn two_or_more(&self) -> Option<&[Sample]> {
        self.samples.as_deref().filter(|samples| samples.len() > 1)
    }

    pub(super) fn of(
        fields: &[(Movement, &Values)],
        moments: Moments,
        range: Option<Range>,
    ) -> Self {
        let changes = fields.iter();
        let changes = changes.map(|(_, values)| values.change_at(moments.newest) as f64);
        Self {
            // Not their `sum()`, which is -0 for none.
            rate: changes.fold(0.0, |sum, change| sum + change)
                / moments.grid.interval().as_secs_f64(),
            samples: range.map(|range| sum(fields, moments, range)),
        }
    }
}

impl AddAssign for Details {
    /// The same number of another object, asked for with the same range at the same moments.
    fn add_assign(&mut self, other: Self) {
        self.rate += other.rate;
        if let (Some(samples), Some(others)) = (&mut self.samples, other.samples) {
            // What one of them has forgotten, the other can't make up for.
            samples.truncate(others.len());
            for (sample, other) in samples.iter_mut().zip(others) {
                sample.sample += other.sample;
            }
        }
    }
}

/// The samples of `range`, of all fields together.
fn sum(fields: &[(Movement, &Values)], moments: Moments, range: Range) -> Vec<Sample> {
    let empty = |timestamp| Sample {
        timestamp,
        sample: 0,
    };
    let mut samples: Vec<_> = range.times(moments).map(empty).collect();
    for (movement, values) in fields {
        let known = add(&mut samples, moments, range, *movement, values);
        // What one field has forgotten, the others can't make up for.
        samples.truncate(known);
    }
    samples
}

/// Adds a field to the samples, and gives how many of them it knows.
fn add(
    samples: &mut [Sample],
    moments: Moments,
    range: Range,
    movement: Movement,
    values: &Values,
) -> usize {
    let Moments { grid, newest, .. } = moments;
    let (shape, tier) = values.tier(grid, range.age_ms);
    let slot = |tick| grid.slot(shape.step_ms, tick);
    let first = tier.first(shape, slot(newest));
    let past = tier.values(movement);
    for (index, sample) in samples.iter_mut().enumerate() {
        let slot = slot(grid.tick(Timestamp::from_millis(sample.timestamp)));
        if slot < first {
            return index;
        }
        sample.sample += match tier.newest().checked_sub(slot) {
            None => values.newest(),
            Some(back) => past[past.len().min(back as usize + 1) - 1].1,
        };
    }
    samples.len()
}
