//! A line per interval: for people, as CSV, and kept for the JSON document.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Map, Value};

use super::figures::{duration, rate};
use crate::perf::args::Reporting;

/// A figure of an interval.
pub(crate) enum Column<'a> {
    /// What is counted, and how many there were.
    Rate(&'static str, u64),
    /// What is timed.
    Latency(&'static str, &'a Histogram<u64>),
}

/// What happened between two moments.
pub(crate) struct Interval<'a> {
    /// Since the start of the run, to the interval's end.
    pub(crate) elapsed: Duration,
    pub(crate) span: Duration,
    pub(crate) columns: Vec<Column<'a>>,
}

/// The percentiles of an interval.
const QUANTILES: [(&str, f64); 2] = [("p50", 0.5), ("p99", 0.99)];

/// Prints intervals.
pub(crate) struct Printer {
    json: bool,
    csv: bool,
    header_is_printed: bool,
    intervals: Vec<Value>,
}

impl Printer {
    pub(crate) fn new(json: bool, reporting: &Reporting) -> Self {
        Self {
            json,
            csv: reporting.csv,
            header_is_printed: false,
            intervals: Vec::new(),
        }
    }

    /// Prints an interval. People read standard error when a program reads the output.
    pub(crate) fn print(&mut self, interval: &Interval<'_>) {
        if self.csv {
            if !self.header_is_printed {
                println!("{}", interval.csv_header());
                self.header_is_printed = true;
            }
            println!("{}", interval.csv_row());
        } else if self.json {
            eprintln!("{}", interval.in_words());
            self.intervals.push(interval.to_json());
        } else {
            println!("{}", interval.in_words());
        }
    }

    /// Prints the summary: the JSON document with all intervals, or words.
    pub(crate) fn print_summary(self, json: impl FnOnce() -> Value, words: &str) {
        match (self.json, self.csv) {
            (true, _) => {
                let mut document = json();
                document["intervals"] = self.intervals.into();
                println!("{document:#}");
            }
            (_, true) => eprintln!("{words}"),
            _ => println!("{words}"),
        }
    }
}

impl Interval<'_> {
    fn in_words(&self) -> String {
        let mut line = format!("{:>6.1} s", self.elapsed.as_secs_f64());
        for column in &self.columns {
            line += &match column {
                Column::Rate(name, count) => {
                    format!("  {name} {:>9}/s", rate(*count, self.span))
                }
                Column::Latency(_, latencies) if latencies.is_empty() => String::new(),
                Column::Latency(name, latencies) => {
                    let at = |quantile| duration(latencies.value_at_quantile(quantile));
                    let values =
                        QUANTILES.map(|(label, quantile)| format!("{label} {}", at(quantile)));
                    format!("  {name} {}", values.join(" "))
                }
            };
        }
        line
    }

    fn fields(&self) -> Vec<(String, Value)> {
        let elapsed = (self.elapsed.as_secs_f64() * 1e3).round() / 1e3;
        let mut fields = vec![("elapsed_seconds".to_owned(), elapsed.into())];
        for column in &self.columns {
            match column {
                Column::Rate(name, count) => {
                    let rate = rate(*count, self.span);
                    fields.push((format!("{name}_per_second"), rate.into()));
                }
                Column::Latency(name, latencies) => {
                    for (label, quantile) in QUANTILES {
                        let value = match latencies.is_empty() {
                            true => Value::Null,
                            false => latencies.value_at_quantile(quantile).into(),
                        };
                        fields.push((format!("{name}_{label}_ns"), value));
                    }
                }
            }
        }
        fields
    }

    fn csv_header(&self) -> String {
        let names: Vec<_> = self.fields().into_iter().map(|(name, _)| name).collect();
        names.join(",")
    }

    /// A value that is not known is an empty field.
    fn csv_row(&self) -> String {
        let value = |(_, value): (String, Value)| match value {
            Value::Null => String::new(),
            value => value.to_string(),
        };
        let values: Vec<_> = self.fields().into_iter().map(value).collect();
        values.join(",")
    }

    fn to_json(&self) -> Value {
        self.fields().into_iter().collect::<Map<_, _>>().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perf::progress::histogram;

    #[test]
    fn the_same_in_three_forms() {
        let mut latencies = histogram();
        latencies.record(2_000_000).unwrap();
        let empty = histogram();
        let interval = Interval {
            elapsed: Duration::from_millis(2_500),
            span: Duration::from_millis(500),
            columns: vec![
                Column::Rate("sent", 1_000),
                Column::Latency("latency", &latencies),
                Column::Latency("confirm", &empty),
            ],
        };
        let words = "   2.5 s  sent      2000/s  latency p50 2.00 ms p99 2.00 ms";
        assert_eq!(interval.in_words(), words);
        let header = "elapsed_seconds,sent_per_second,latency_p50_ns,latency_p99_ns,confirm_p50_ns,\
                      confirm_p99_ns";
        assert_eq!(interval.csv_header(), header);
        assert_eq!(interval.csv_row(), "2.5,2000,2000895,2000895,,");
        assert_eq!(interval.to_json()["sent_per_second"], 2_000);
        assert_eq!(interval.to_json()["confirm_p50_ns"], Value::Null);
    }
}
