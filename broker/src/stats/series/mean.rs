//! How much of something each of something else took: out of two counters, such as the time of all syncs and how
//! many there were.

use super::Series;
use super::field::Field;
use super::grid::Moments;
use super::range::{Details, Range, Sample};

/// What each took, in the unit of what was counted of all; 0 where there was none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mean {
    /// Of those in the last tick.
    pub newest: u64,
    /// How that changes, and what it was. A sample is of those since the sample before, so the oldest has none.
    pub details: Details,
}

impl<F: Field> Series<F> {
    /// How much of `sum` each of `count` took.
    pub fn mean(&self, sum: F, count: F, moments: Moments, range: Option<Range>) -> Mean {
        let samples = |range| {
            let samples = |field| self.details(&[field], moments, Some(range)).samples;
            between(
                &samples(sum).unwrap_or_default(),
                &samples(count).unwrap_or_default(),
            )
        };
        let last = samples(Range::ticks(moments, 2));
        let mean = |at: usize| last.get(at).map_or(0, |sample| sample.sample);
        let change = mean(0) as f64 - mean(1) as f64;
        Mean {
            newest: mean(0),
            details: Details {
                rate: change / moments.grid.interval().as_secs_f64(),
                samples: range.map(samples),
            },
        }
    }
}

/// The means between two samples each, of two counters at the same moments, the newest first.
fn between(sums: &[Sample], counts: &[Sample]) -> Vec<Sample> {
    let growth = |samples: &[Sample]| samples[0].sample.saturating_sub(samples[1].sample);
    let pairs = sums.windows(2).zip(counts.windows(2));
    let mean = |(sums, counts): (&[Sample], &[Sample])| Sample {
        timestamp: sums[0].timestamp,
        sample: growth(sums).checked_div(growth(counts)).unwrap_or(0),
    };
    pairs.map(mean).collect()
}
