//! Histograms as text, the way that HdrHistogram's own tools write and plot them.
//!
//! ```text
//!        Value     Percentile TotalCount 1/(1-Percentile)
//!
//!       30.000 0.000000000000          1           1.00
//! #[Mean    =       41.123, StdDeviation   =        9.876]
//! ```

use std::fmt::{self, Write};
use std::fs;
use std::path::Path;

use hdrhistogram::Histogram;

use crate::perf::Error;

/// Lines between a percentile and the one that is half as far from the end.
const TICKS_PER_HALF: u32 = 5;

/// Nanoseconds in the unit of the file, which is the microsecond.
const UNIT: f64 = 1e3;

/// Writes latencies in nanoseconds to `file`, in microseconds.
pub(crate) fn write_histogram(file: &Path, latencies: &Histogram<u64>) -> Result<(), Error> {
    fs::write(file, percentile_format(latencies)).map_err(|why| Error::Write {
        file: file.to_owned(),
        why,
    })
}

fn percentile_format(latencies: &Histogram<u64>) -> String {
    let mut text = String::new();
    write_lines(&mut text, latencies).expect("memory takes every line");
    text
}

fn write_lines(out: &mut String, latencies: &Histogram<u64>) -> fmt::Result {
    writeln!(
        out,
        "{:>12} {:>14} {:>10} {:>14}\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    )?;
    let mut count = 0;
    for step in latencies.iter_quantiles(TICKS_PER_HALF) {
        count += step.count_since_last_iteration();
        let value = step.value_iterated_to() as f64 / UNIT;
        let quantile = step.quantile_iterated_to();
        write!(out, "{value:>12.3} {quantile:>14.12} {count:>10}")?;
        match quantile < 1.0 {
            true => writeln!(out, " {:>14.2}", 1.0 / (1.0 - quantile))?,
            false => writeln!(out)?,
        }
    }
    let (mean, deviation) = (latencies.mean() / UNIT, latencies.stdev() / UNIT);
    writeln!(
        out,
        "#[Mean    = {mean:>12.3}, StdDeviation   = {deviation:>12.3}]"
    )?;
    let max = latencies.max() as f64 / UNIT;
    writeln!(
        out,
        "#[Max     = {max:>12.3}, Total count    = {:>12}]",
        latencies.len()
    )?;
    writeln!(
        out,
        "#[Buckets = {:>12}, SubBuckets     = {:>12}]",
        latencies.buckets(),
        latencies.distinct_values() / usize::from(latencies.buckets()).max(1)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perf::progress::histogram;

    #[test]
    fn percentiles_climb_to_one() {
        let mut latencies = histogram();
        for microseconds in 1..=1_000 {
            latencies.record(microseconds * 1_000).unwrap();
        }
        let text = percentile_format(&latencies);
        let mut lines = text.lines();
        assert_eq!(
            lines.next().unwrap().split_whitespace().collect::<Vec<_>>(),
            ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]
        );
        let rows: Vec<Vec<f64>> = lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| {
                let numbers = line.split_whitespace();
                numbers.map(|number| number.parse().unwrap()).collect()
            })
            .collect();
        assert!(rows.is_sorted_by(|a, b| a[1] <= b[1] && a[0] <= b[0] && a[2] <= b[2]));
        let last = rows.last().unwrap();
        assert_eq!((last[1], last[2], last.len()), (1.0, 1_000.0, 3));
        let median = rows.iter().find(|row| row[1] == 0.5).unwrap();
        assert!((median[0] - 500.0).abs() < 2.0, "{median:?}");
        assert!(text.contains("Total count    =         1000]"), "{text}");
    }

    #[test]
    fn an_empty_histogram_is_a_file_too() {
        assert!(percentile_format(&histogram()).contains("Total count    =            0]"));
    }
}
