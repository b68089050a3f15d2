//! One object's [`Series`], kept with the object: the ticker writes it, whoever asks reads it.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::series::{Details, Field, Mean, Moments, Range, Reach, Series};
use crate::clock::Timestamp;

/// How an object's numbers went. Costs next to nothing before the first of them is not 0.
#[derive(Debug)]
pub struct History<F> {
    series: Mutex<Option<Box<Series<F>>>>,
    /// Milliseconds; 0: never.
    changed_at: AtomicU64,
}

impl<F> Default for History<F> {
    fn default() -> Self {
        Self {
            series: Mutex::default(),
            changed_at: AtomicU64::new(0),
        }
    }
}

impl<F: Field> History<F> {
    /// What `fields` are together, and how that went: per second now, and the samples of `range` if one is given.
    pub fn details(&self, fields: &[F], moments: Moments, range: Option<Range>) -> Details {
        match &*self.series.lock() {
            Some(series) => series.details(fields, moments, range),
            None => Series::new(moments.newest, Reach::Fine).details(fields, moments, range),
        }
    }

    /// What `fields` were together at the last tick.
    pub fn newest(&self, fields: &[F]) -> u64 {
        let series = self.series.lock();
        series.as_ref().map_or(0, |series| series.newest(fields))
    }

    /// How much of `sum` each of `count` took, and how that went.
    pub fn mean(&self, sum: F, count: F, moments: Moments, range: Option<Range>) -> Mean {
        match &*self.series.lock() {
            Some(series) => series.mean(sum, count, moments, range),
            None => Series::new(moments.newest, Reach::Fine).mean(sum, count, moments, range),
        }
    }

    /// The tick at which anything was last found changed; `None`: never.
    pub fn changed_at(&self) -> Option<Timestamp> {
        match self.changed_at.load(Ordering::Relaxed) {
            0 => None,
            at => Some(Timestamp::from_millis(at)),
        }
    }

    /// Forgets how the numbers went, not what they are.
    pub(super) fn forget(&self, moments: Moments) {
        if let Some(series) = &mut *self.series.lock() {
            series.forget(moments.grid, moments.newest);
        }
    }

    /// Notes what the fields are at the newest moment. What they were before is known to have been 0, unless that
    /// is the oldest moment, too.
    pub(super) fn record(
        &self,
        moments: Moments,
        reach: Reach,
        values: impl IntoIterator<Item = (F, u64)>,
    ) {
        let Moments {
            grid,
            oldest,
            newest,
        } = moments;
        let mut series = self.series.lock();
        let mut changed = false;
        for (field, value) in values {
            if value == 0 && series.is_none() {
                continue;
            }
            let born = match newest == oldest {
                true => newest,
                false => newest.before(),
            };
            let series = series.get_or_insert_with(|| Box::new(Series::new(born, reach)));
            changed |= series.record(grid, newest, field, value);
        }
        if changed {
            let now = grid.time(newest).as_millis();
            self.changed_at.store(now, Ordering::Relaxed);
        }
    }
}

/// What the memory of histories is shared out by.
pub(super) trait Ranked: Send + Sync {
    /// How much happened lately, and the memory that the history takes, in bytes. `None` if there is none.
    fn rank(&self, moments: Moments) -> Option<(u32, usize)>;
    /// How far back its samples go.
    fn reach(&self) -> Reach;
    /// Lets them go back as far as that.
    fn set_reach(&self, moments: Moments, reach: Reach);
}

impl<F: Field + Send> Ranked for History<F> {
    fn rank(&self, moments: Moments) -> Option<(u32, usize)> {
        let mut series = self.series.lock();
        let series = series.as_mut()?;
        series.shrink(moments.grid, moments.newest);
        Some((series.take_activity(), series.bytes()))
    }

    fn reach(&self) -> Reach {
        let series = self.series.lock();
        series.as_ref().map_or(Reach::Fine, |series| series.reach())
    }

    fn set_reach(&self, moments: Moments, reach: Reach) {
        if let Some(series) = &mut *self.series.lock()
            && series.reach() != reach
        {
            series.set_reach(moments.grid, reach);
        }
    }
}
