//! Numbers as people read them: separators in counts, binary units for bytes, no more digits of a rate than matter.

use std::time::Duration;

use ferrymq_broker::clock::Timestamp;
use serde_json::Value;

const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];

/// `12,430`
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `12,430 messages and 1 consumer`: counts with what they count, one and several; of zeros nothing is said.
pub(crate) fn several(parts: &[(&Value, &str, &str)]) -> String {
    let part = |(number, one, several): &(&Value, &str, &str)| match number.as_u64() {
        None | Some(0) => None,
        Some(1) => Some(format!("1 {one}")),
        Some(number) => Some(format!("{} {several}", count(number))),
    };
    let parts: Vec<_> = parts.iter().filter_map(part).collect();
    match parts.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// `1.4 MiB`
pub(crate) fn bytes(bytes: f64) -> String {
    let mut size = bytes;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    match unit > 0 && size < 100.0 {
        true => format!("{size:.1} {}", UNITS[unit]),
        false => format!("{size:.0} {}", UNITS[unit]),
    }
}

/// `0.4`, `12`, `1,234`: something per second.
pub(crate) fn rate(rate: f64) -> String {
    let rate = rate.max(0.0);
    match rate {
        _ if rate == 0.0 => "0".to_owned(),
        _ if rate < 0.1 => "< 0.1".to_owned(),
        _ if rate < 9.95 => format!("{rate:.1}"),
        _ => count(rate.round() as u64),
    }
}

/// `3 s`, `5 min`, `2 h`, `4 d`
pub(crate) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Seconds that something took: `250 µs`, `4 ms`, `1.5 s`.
pub(crate) fn time(seconds: f64) -> String {
    let (value, unit) = match seconds {
        _ if seconds < 1e-3 => (seconds * 1e6, "µs"),
        _ if seconds < 1.0 => (seconds * 1e3, "ms"),
        _ => (seconds, "s"),
    };
    let text = match value < 10.0 {
        true => format!("{value:.1}"),
        false => format!("{value:.0}"),
    };
    format!("{} {unit}", text.trim_end_matches(".0"))
}

/// `2026-11-30T19:44:30Z`, in UTC.
pub(crate) fn moment(at: Timestamp) -> String {
    crate::api::time::rfc3339(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(formatted: String, expected: &str) {
        assert_eq!(formatted, expected);
    }

    #[test]
    fn counts_make_a_sentence() {
        let several = |numbers: [u64; 3]| {
            let [a, b, c] = numbers.map(Value::from);
            super::several(&[
                (&a, "queue", "queues"),
                (&b, "message", "messages"),
                (&c, "x", "xs"),
            ])
        };
        check(several([0, 0, 0]), "");
        check(several([1, 0, 0]), "1 queue");
        check(several([0, 1_000, 1]), "1,000 messages and 1 x");
        check(several([2, 3, 4]), "2 queues, 3 messages and 4 xs");
    }

    #[test]
    fn numbers_are_readable() {
        check(count(0), "0");
        check(count(999), "999");
        check(count(12_430), "12,430");
        check(count(1_000_000), "1,000,000");
        check(bytes(0.0), "0 B");
        check(bytes(1023.0), "1023 B");
        check(bytes(1536.0), "1.5 KiB");
        check(bytes(200.0 * 1024.0 * 1024.0), "200 MiB");
        check(rate(0.0), "0");
        check(rate(0.04), "< 0.1");
        check(rate(0.25), "0.2");
        check(rate(9.96), "10");
        check(rate(1234.4), "1,234");
        check(span(Duration::from_secs(59)), "59 s");
        check(span(Duration::from_secs(3_599)), "59 min");
        check(span(Duration::from_secs(172_800)), "2 d");
        check(time(0.0), "0 µs");
        check(time(0.000_25), "250 µs");
        check(time(0.0052), "5.2 ms");
        check(time(1.5), "1.5 s");
        check(time(12.0), "12 s");
    }
}
