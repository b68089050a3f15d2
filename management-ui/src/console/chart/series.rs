//! From the API's samples to the columns of a chart.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::catalogue::{Chart, Movement, Series};

/// The most moments of a chart, whatever samples say. The API gives at most half as many.
const MOST_TIMES: usize = 1_000;

/// A column of times, and one of values per series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Columns {
    /// Between two times.
    pub(crate) step_seconds: u64,
    /// Unix seconds, ascending, a step apart. Empty: there are no samples yet.
    pub(crate) times: Vec<u64>,
    /// As many each as there are times; `None` where nothing is known.
    pub(crate) values: Vec<Vec<Option<f64>>>,
}

/// The columns of `chart`, of an object as the API shows it with samples `step_seconds` apart.
pub(crate) fn columns(chart: &Chart, object: &Value, step_seconds: u64) -> Columns {
    let series = chart.series.iter();
    let samples: Vec<_> = series.map(|series| samples(series, object)).collect();
    let times = times(&samples, step_seconds);
    let values = chart.series.iter().zip(&samples);
    let values = values.map(|(series, samples)| {
        let times = times.iter();
        let value = |time| value(series.movement, samples, time, step_seconds);
        times.map(|time| value(*time)).collect()
    });
    let mut columns = Columns {
        step_seconds,
        values: values.collect(),
        times,
    };
    columns.trim();
    columns
}

impl Columns {
    /// Takes off what is known of nothing: the first moment, if all are counters.
    fn trim(&mut self) {
        let is_known = |at: usize| self.values.iter().any(|column| column[at].is_some());
        let unknown = (0..self.times.len()).take_while(|at| !is_known(*at));
        let unknown = unknown.count();
        self.times.drain(..unknown);
        for column in &mut self.values {
            column.drain(..unknown);
        }
    }

    /// The largest value; 0 if there is none.
    pub(super) fn largest(&self) -> f64 {
        let known = self.values.iter().flatten().flatten();
        known.fold(0.0, |largest, value| f64::max(largest, *value))
    }

    /// What the page's script draws.
    pub(crate) fn to_json(&self, chart: &Chart) -> Value {
        let series = chart.series.iter().zip(&self.values);
        let series = series.map(|(series, values)| {
            json!({ "name": series.name, "label": series.label, "values": values })
        });
        json!({
            "step": self.step_seconds,
            "times": self.times,
            "series": series.collect::<Vec<_>>(),
        })
    }
}

/// What the series of `chart` are now, by their names. Those of which nothing is known are left out.
pub(crate) fn latest(chart: &Chart, object: &Value) -> Map<String, Value> {
    let known = chart.series.iter().filter_map(|series| {
        let path = match series.movement {
            Movement::Counter => format!("{}_details/rate", series.path),
            Movement::Gauge => series.path.to_owned(),
        };
        let now = object.pointer(&path).filter(|now| now.is_number())?;
        Some((series.name.to_owned(), now.clone()))
    });
    known.collect()
}

/// What a number was, by Unix seconds.
fn samples(series: &Series, object: &Value) -> BTreeMap<u64, f64> {
    let samples = object.pointer(&format!("{}_details/samples", series.path));
    let samples = samples.and_then(Value::as_array).into_iter().flatten();
    let samples = samples.filter_map(|sample| {
        let milliseconds = sample["timestamp"].as_u64()?;
        Some((milliseconds / 1_000, sample["sample"].as_f64()?))
    });
    samples.collect()
}

/// From the oldest sample of any series to the newest, without gaps: where one is missing, the line is to end.
fn times(samples: &[BTreeMap<u64, f64>], step_seconds: u64) -> Vec<u64> {
    let known = || samples.iter().flat_map(BTreeMap::keys).copied();
    let (Some(oldest), Some(newest)) = (known().min(), known().max()) else {
        return Vec::new();
    };
    let times = std::iter::successors(Some(newest), |time| time.checked_sub(step_seconds));
    let times = times.take_while(|time| *time >= oldest).take(MOST_TIMES);
    let mut times: Vec<_> = times.collect();
    times.reverse();
    times
}

/// A counter's value is its growth since the step before: nothing is known after a gap, nor when it has begun anew.
fn value(
    movement: Movement,
    samples: &BTreeMap<u64, f64>,
    time: u64,
    step_seconds: u64,
) -> Option<f64> {
    let now = *samples.get(&time)?;
    match movement {
        Movement::Gauge => Some(now),
        Movement::Counter => {
            let before = samples.get(&time.checked_sub(step_seconds)?)?;
            (now >= *before).then(|| (now - before) / step_seconds as f64)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::chart::catalogue::find;

    /// Samples as the API has them, the newest first: `(seconds, value)`.
    fn details(samples: &[(u64, u64)]) -> Value {
        let samples = samples.iter().rev();
        let samples = samples
            .map(|(seconds, value)| json!({ "sample": value, "timestamp": seconds * 1_000 }));
        json!({ "rate": 2.5, "samples": samples.collect::<Vec<_>>() })
    }

    #[track_caller]
    fn check(movement: Movement, samples: &[(u64, u64)], expected: &[(u64, Option<f64>)]) {
        let series = Series {
            movement,
            ..find("connection", "data").unwrap().series[0]
        };
        let object = json!({ "recv_oct_details": details(samples) });
        let series = Vec::leak(vec![series]);
        let chart = Chart {
            series,
            ..*find("connection", "data").unwrap()
        };
        let columns = columns(&chart, &object, 5);
        let found = columns.times.iter().copied();
        let found: Vec<_> = found.zip(columns.values[0].iter().copied()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn gauges_are_what_they_are() {
        let samples = [(100, 3), (105, 0), (110, 7)];
        let values = samples.map(|(time, value)| (time, Some(value as f64)));
        check(Movement::Gauge, &samples, &values);
        check(Movement::Gauge, &[], &[]);
    }

    #[test]
    fn counters_are_what_they_grew_by_per_second() {
        let samples = [(100, 10), (105, 20), (110, 20)];
        let grown = [(105, Some(2.0)), (110, Some(0.0))];
        check(Movement::Counter, &samples, &grown);
        check(Movement::Counter, &[(100, 10)], &[]);
    }

    #[test]
    fn gaps_stay_gaps() {
        let samples = [(100, 1), (105, 2), (115, 4), (120, 5)];
        let gauge = [Some(1.0), Some(2.0), None, Some(4.0), Some(5.0)];
        let times = [100, 105, 110, 115, 120];
        let expected: Vec<_> = times.into_iter().zip(gauge).collect();
        check(Movement::Gauge, &samples, &expected);
        let grown = [Some(0.2), None, None, Some(0.2)];
        let expected: Vec<_> = times[1..].iter().copied().zip(grown).collect();
        check(Movement::Counter, &samples, &expected);
    }

    #[test]
    fn a_counter_that_began_anew_has_no_rate_there() {
        let samples = [(100, 500), (105, 5), (110, 15)];
        let expected = [(110, Some(2.0))];
        check(Movement::Counter, &samples, &expected);
    }

    #[test]
    fn what_is_too_far_back_is_left_out() {
        let object = json!({ "mem_used_details": details(&[(0, 1), (u64::MAX / 2_000, 1)]) });
        let columns = columns(find("node", "memory").unwrap(), &object, 5);
        assert_eq!(columns.times.len(), 1);
    }

    #[test]
    fn series_share_their_times() {
        let object = json!({
            "messages_ready_details": details(&[(5, 1), (10, 2)]),
            "messages_unacknowledged_details": details(&[(10, 1), (15, 3)]),
            "messages_details": { "rate": 0.0 },
        });
        let chart = find("queue", "depth").unwrap();
        let json = columns(chart, &object, 5).to_json(chart);
        let expected = json!({
            "step": 5,
            "times": [5, 10, 15],
            "series": [
                { "name": "ready", "label": "Ready", "values": [1.0, 2.0, null] },
                { "name": "unacked", "label": "Unacked", "values": [null, 1.0, 3.0] },
                { "name": "total", "label": "Total", "values": [null, null, null] },
            ],
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn the_latest_are_rates_or_values() {
        let depth = json!({ "messages_ready": 7, "messages_unacknowledged": "?" });
        let now = latest(find("queue", "depth").unwrap(), &depth);
        assert_eq!(Value::from(now), json!({ "ready": 7 }));
        let happened = json!({ "message_stats": { "ack": 9, "ack_details": { "rate": 2.5 } } });
        let now = latest(find("queue", "rates").unwrap(), &happened);
        assert_eq!(Value::from(now), json!({ "ack": 2.5 }));
    }
}
