//! What a chart's numbers are of, and how they are written. `units.js` writes them likewise.

use crate::console::format;

/// What is counted, or measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Messages,
    Count,
    Rate,
    Bytes,
    ByteRate,
    /// Milliseconds that something takes.
    Time,
    /// Milliseconds of processors' time per second.
    Processors,
}

const PREFIXES: [&str; 5] = ["", "k", "M", "G", "T"];

impl Unit {
    /// As the page's script knows it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Count => "count",
            Self::Rate => "rate",
            Self::Bytes => "bytes",
            Self::ByteRate => "byterate",
            Self::Time => "time",
            Self::Processors => "processors",
        }
    }

    /// `value` to be read: `12,430`, `0.4/s`, `1.2 KiB/s`.
    pub(crate) fn text(self, value: f64) -> String {
        let number = match self {
            Self::Messages | Self::Count => format::count(value.round() as u64),
            Self::Rate => format::rate(value),
            Self::Bytes | Self::ByteRate => format::bytes(value),
            Self::Time => format::time(value / 1_000.0),
            Self::Processors => percent(value),
        };
        number + self.suffix()
    }

    /// `value` where there is little room: `12.4k`, `1.2 KiB/s`.
    pub(super) fn short(self, value: f64) -> String {
        let number = match self {
            Self::Bytes | Self::ByteRate => format::bytes(value),
            Self::Time => format::time(value / 1_000.0),
            Self::Processors => percent(value),
            _ => scaled(value),
        };
        number + self.suffix()
    }

    /// The end of an axis on which `largest` has its place: 1, 2 or 5 times a power of ten, for bytes a power of 2.
    pub(super) fn axis_end(self, largest: f64) -> f64 {
        if self == Self::Bytes || self == Self::ByteRate {
            return f64::max(largest, 1.0).log2().ceil().exp2();
        }
        let least = match self {
            Self::Rate | Self::Time => 0.1,
            _ => 1.0,
        };
        let largest = f64::max(largest, least);
        let power = 10_f64.powf(largest.log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
        let fitting = steps.into_iter().find(|end| *end >= largest);
        fitting.unwrap_or(10.0 * power)
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Rate | Self::ByteRate => "/s",
            _ => "",
        }
    }
}

/// Of one processor: `0.4 %`, `150 %`.
fn percent(milliseconds: f64) -> String {
    let percent = milliseconds / 10.0;
    let digits = if percent < 9.95 { 1 } else { 0 };
    let text = format!("{percent:.digits$}");
    format!("{} %", text.strip_suffix(".0").unwrap_or(&text))
}

/// With a prefix for thousands, and one digit of a fraction below 100.
fn scaled(mut value: f64) -> String {
    let mut power = 0;
    // What would be rounded to the next prefix has it.
    while value >= 999.5 && power + 1 < PREFIXES.len() {
        value /= 1_000.0;
        power += 1;
    }
    let digits = if value < 99.95 { 1 } else { 0 };
    let text = format!("{value:.digits$}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    format!("{text}{}", PREFIXES[power])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_to_be_read() {
        let check = |unit: Unit, value, expected| assert_eq!(unit.text(value), expected);
        check(Unit::Messages, 12_430.0, "12,430");
        check(Unit::Rate, 0.4, "0.4/s");
        check(Unit::Bytes, 1_536.0, "1.5 KiB");
        check(Unit::ByteRate, 100.0, "100 B/s");
        check(Unit::Time, 0.25, "250 µs");
        check(Unit::Processors, 4.0, "0.4 %");
        check(Unit::Processors, 1_500.0, "150 %");
    }

    #[test]
    fn short_numbers_have_prefixes() {
        let check = |unit: Unit, value, expected| assert_eq!(unit.short(value), expected);
        check(Unit::Messages, 0.0, "0");
        check(Unit::Messages, 950.0, "950");
        check(Unit::Messages, 1_200.0, "1.2k");
        check(Unit::Rate, 2_500_000.0, "2.5M/s");
        check(Unit::Rate, 999.6, "1k/s");
        check(Unit::Rate, 0.05, "0.1/s");
        check(Unit::ByteRate, 1_536.0, "1.5 KiB/s");
        check(Unit::Count, 1e18, "1000000T");
    }

    #[test]
    fn axes_end_at_round_numbers() {
        let check = |unit: Unit, largest, end: f64| {
            let found = unit.axis_end(largest);
            assert!((found - end).abs() < end * 1e-9, "{largest}: {found}");
        };
        check(Unit::Messages, 0.0, 1.0);
        check(Unit::Messages, 2.0, 2.0);
        check(Unit::Messages, 12_430.0, 20_000.0);
        check(Unit::Rate, 0.0, 0.1);
        check(Unit::Rate, 0.3, 0.5);
        check(Unit::Bytes, 1_000.0, 1_024.0);
        check(Unit::ByteRate, 0.0, 1.0);
    }
}
