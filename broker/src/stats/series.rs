//! How the numbers of one object went: samples in up to three tiers, each coarser and longer than the one before.
//!
//! ```text
//! tier      a sample every       so many    for
//! fine      tick (5 s)           120        every object
//! middle    minute               480        every object, as long as there is room
//! coarse    ten minutes          144        the broker, vhosts, and the busiest queues
//! ```
//!
//! All objects share one [`Grid`] of moments, so that what belongs together can be added up. A field costs
//! nothing before it is first something else than 0, and what stays the same costs no more with time:
//! nobody need record it. Nothing here reads a clock or locks anything.

mod field;
mod grid;
mod mean;
mod range;
mod residuals;
mod tier;
mod values;

pub use field::{Field, Movement};
pub use grid::{Grid, Moments, Tick};
pub use mean::Mean;
pub use range::{Details, InvalidRange, Range, Sample};

use values::Values;

/// How far back the samples of an object go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Reach {
    /// The fine tier only.
    #[default]
    Fine,
    /// The fine and the middle tier.
    Middle,
    /// All three.
    Coarse,
}

/// The samples of one object, which has the fields `F`.
#[derive(Debug)]
pub struct Series<F> {
    /// Before this tick every field was 0, or nobody knows what it was.
    born: Tick,
    reach: Reach,
    /// How much has happened lately: what ranks objects.
    activity: u32,
    fields: Vec<(F, Values)>,
}

impl<F: Field> Series<F> {
    /// Those of an object that is there since `born`.
    pub fn new(born: Tick, reach: Reach) -> Self {
        Self {
            born,
            reach,
            activity: 0,
            fields: Vec::new(),
        }
    }

    /// Notes that `field` is `value` at `tick`. Whatever was not noted since has stayed as it was.
    ///
    /// Ticks ascend; for the same one, the first value counts. Tells whether it changed.
    pub fn record(&mut self, grid: Grid, tick: Tick, field: F, value: u64) -> bool {
        if let Some((_, values)) = self.fields.iter_mut().find(|(known, _)| *known == field) {
            let before = values.record(grid, tick, field.movement(), value);
            if field.movement() == Movement::Counter {
                let more = u32::try_from(value.saturating_sub(before)).unwrap_or(u32::MAX);
                self.activity = self.activity.saturating_add(more);
            }
            value != before
        } else {
            if value != 0 {
                self.begin(grid, tick, field, value);
            }
            value != 0
        }
    }

    fn begin(&mut self, grid: Grid, tick: Tick, field: F, value: u64) {
        // What an object is born with did not change.
        let mut values = match tick <= self.born {
            true => Values::new(tick, value),
            false => Values::new(self.born, 0),
        };
        values.set_reach(grid, self.born, field.movement(), self.reach);
        values.record(grid, tick, field.movement(), value);
        self.fields.reserve_exact(1);
        self.fields.push((field, values));
    }

    /// What `fields` are together, and how that went: per second now, and the samples of `range` if one is given.
    pub fn details(&self, fields: &[F], moments: Moments, range: Option<Range>) -> Details {
        let known = self.fields.iter();
        let known = known.filter(|(field, _)| fields.contains(field));
        let known: Vec<_> = known
            .map(|(field, values)| (field.movement(), values))
            .collect();
        Details::of(&known, moments, range)
    }

    /// What `fields` are together.
    pub fn newest(&self, fields: &[F]) -> u64 {
        let known = self.fields.iter();
        let known = known.filter(|(field, _)| fields.contains(field));
        known.map(|(_, values)| values.newest()).sum()
    }

    /// How far back samples go.
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// Lets samples go back as far as `reach`. What a tier gains begins with what the finer one knows.
    pub fn set_reach(&mut self, grid: Grid, reach: Reach) {
        self.reach = reach;
        for (field, values) in &mut self.fields {
            values.set_reach(grid, self.born, field.movement(), reach);
        }
    }

    /// Forgets how everything went. It goes on from what it is, of which `newest` is the first tick.
    pub fn forget(&mut self, grid: Grid, newest: Tick) {
        let mut fresh = Self::new(newest, self.reach);
        for (field, values) in &self.fields {
            fresh.record(grid, newest, *field, values.newest());
        }
        *self = fresh;
    }

    /// How much was counted lately. What was counted before a call counts an eighth less in the next one.
    pub fn take_activity(&mut self) -> u32 {
        let activity = self.activity;
        self.activity -= self.activity.div_ceil(8);
        activity
    }

    /// Gives up the memory of what has stayed the same for as long as a tier reaches.
    pub fn shrink(&mut self, grid: Grid, newest: Tick) {
        for (_, values) in &mut self.fields {
            values.shrink(grid, newest);
        }
    }

    /// The memory that this takes, in bytes.
    pub fn bytes(&self) -> usize {
        let fields = self.fields.iter().map(|(_, values)| values.bytes());
        size_of::<Self>()
            + fields.sum::<usize>()
            + self.fields.capacity() * size_of::<(F, Values)>()
    }
}

#[cfg(test)]
mod tests;
