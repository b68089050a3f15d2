//! Rates, times and percentiles, for people and for programs.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::Value;

const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999)];

/// So many per second; 0 when no time has passed.
pub(crate) fn rate(count: u64, span: Duration) -> u64 {
    match span.is_zero() {
        true => 0,
        false => (count as f64 / span.as_secs_f64()) as u64,
    }
}

/// Nanoseconds in the unit that fits.
pub(crate) fn duration(nanoseconds: u64) -> String {
    let value = nanoseconds as f64;
    match nanoseconds {
        0..1_000_000 => format!("{:.0} µs", value / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2} ms", value / 1e6),
        _ => format!("{:.2} s", value / 1e9),
    }
}

/// `name p50 … max …`; nothing when nothing was recorded.
pub(crate) fn percentiles_in_words(name: &str, latencies: &Histogram<u64>) -> Option<String> {
    if latencies.is_empty() {
        return None;
    }
    let mut line = format!("{name:<10}");
    for (label, quantile) in QUANTILES {
        let value = duration(latencies.value_at_quantile(quantile));
        line += &format!(" {label} {value} ");
    }
    Some(format!("{line} max {}", duration(latencies.max())))
}

/// The percentiles in nanoseconds, and how many latencies there were; null when there were none.
pub(crate) fn percentiles(latencies: &Histogram<u64>) -> Value {
    if latencies.is_empty() {
        return Value::Null;
    }
    let mut object = serde_json::Map::new();
    object.insert("count".to_owned(), latencies.len().into());
    object.insert("min".to_owned(), latencies.min().into());
    object.insert("mean".to_owned(), (latencies.mean() as u64).into());
    for (label, quantile) in QUANTILES {
        let value = latencies.value_at_quantile(quantile);
        object.insert(label.to_owned(), value.into());
    }
    object.insert("max".to_owned(), latencies.max().into());
    object.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_unit_that_fits() {
        assert_eq!(duration(12_345), "12 µs");
        assert_eq!(duration(12_345_678), "12.35 ms");
        assert_eq!(duration(12_345_678_900), "12.35 s");
    }

    #[test]
    fn rates_of_no_time() {
        assert_eq!(rate(5, Duration::ZERO), 0);
        assert_eq!(rate(5, Duration::from_millis(500)), 10);
    }
}
