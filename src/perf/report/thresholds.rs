//! Figures that are demanded.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::figures::duration;
use crate::perf::args::{Churn, Count, Load};

/// What must be reached, and what must not be exceeded.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Thresholds {
    pub(crate) min_rate: Option<f64>,
    pub(crate) max_p50: Option<Duration>,
    pub(crate) max_p99: Option<Duration>,
    pub(crate) max_confirm_p99: Option<Duration>,
}

impl From<&Load> for Thresholds {
    fn from(args: &Load) -> Self {
        Self {
            min_rate: args.broker.min_rate,
            max_p50: args.reporting.max_p50,
            max_p99: args.reporting.max_p99,
            max_confirm_p99: args.publishing.max_confirm_p99,
        }
    }
}

impl From<&Churn> for Thresholds {
    fn from(args: &Churn) -> Self {
        Self {
            min_rate: args.broker.min_rate,
            max_p50: args.reporting.max_p50,
            max_p99: args.reporting.max_p99,
            max_confirm_p99: None,
        }
    }
}

impl From<&Count> for Thresholds {
    fn from(args: &Count) -> Self {
        Self {
            min_rate: args.broker.min_rate,
            ..Self::default()
        }
    }
}

impl Thresholds {
    /// The lowest rate must do.
    pub(crate) fn miss_rate(&self, rates: &[(&str, u64)]) -> Vec<String> {
        let min = self.min_rate.unwrap_or_default();
        rates
            .iter()
            .filter(|(_, rate)| (*rate as f64) < min)
            .map(|(what, rate)| format!("--min-rate {min}: {what} {rate}/s"))
            .collect()
    }

    /// Latencies must do; those that were not measured don't.
    pub(crate) fn miss_latency(
        &self,
        latency: &Histogram<u64>,
        confirm: &Histogram<u64>,
    ) -> Vec<String> {
        let demands = [
            ("--max-p50", self.max_p50, latency, 0.5),
            ("--max-p99", self.max_p99, latency, 0.99),
            ("--max-confirm-p99", self.max_confirm_p99, confirm, 0.99),
        ];
        demands
            .into_iter()
            .filter_map(|(option, max, latencies, quantile)| {
                missed(option, max?.as_nanos() as u64, latencies, quantile)
            })
            .collect()
    }
}

fn missed(option: &str, max: u64, latencies: &Histogram<u64>, quantile: f64) -> Option<String> {
    let limit = duration(max);
    if latencies.is_empty() {
        return Some(format!("{option} {limit}: nothing was measured"));
    }
    let value = latencies.value_at_quantile(quantile);
    (value > max).then(|| format!("{option} {limit}: it was {}", duration(value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perf::progress::histogram;

    #[test]
    fn rates_below_the_lowest() {
        let thresholds = Thresholds {
            min_rate: Some(100.0),
            ..Thresholds::default()
        };
        let missed = thresholds.miss_rate(&[("sent", 100), ("received", 99)]);
        assert_eq!(missed, ["--min-rate 100: received 99/s"]);
        let none = Thresholds::default();
        assert!(none.miss_rate(&[("sent", 0)]).is_empty());
    }

    #[test]
    fn latencies_above_the_highest() {
        let mut latencies = histogram();
        (0..99).for_each(|_| latencies.record(1_000_000).unwrap());
        (0..3).for_each(|_| latencies.record(50_000_000).unwrap());
        let check = |p50: u64, p99: u64, expected: usize| {
            let thresholds = Thresholds {
                max_p50: Some(Duration::from_micros(p50)),
                max_p99: Some(Duration::from_micros(p99)),
                ..Thresholds::default()
            };
            let missed = thresholds.miss_latency(&latencies, &histogram());
            assert_eq!(missed.len(), expected, "{missed:?}");
        };
        check(1_100, 51_000, 0);
        check(900, 51_000, 1);
        check(900, 49_000, 2);
        let unmeasured = Thresholds {
            max_confirm_p99: Some(Duration::from_secs(1)),
            ..Thresholds::default()
        };
        assert_eq!(unmeasured.miss_latency(&latencies, &histogram()).len(), 1);
    }
}
