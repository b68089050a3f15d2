//! What a chart's numbers are of, and how they are written. `units.js` writes them likewise.

/// What is counted, or measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Messages,
    Count,
    Rate,
    Bytes,
    ByteRate,
}

const BINARY: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const DECIMAL: [&str; 5] = ["", "k", "M", "G", "T"];

impl Unit {
    /// As the page's script knows it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Count => "count",
            Self::Rate => "rate",
            Self::Bytes => "bytes",
            Self::ByteRate => "byterate",
        }
    }

    /// `value` to be read: `12,430`, `0.4/s`, `1.2 KiB/s`.
    pub(super) fn text(self, value: f64) -> String {
        match self {
            Self::Bytes | Self::ByteRate => self.short(value),
            _ => grouped(value) + self.suffix(),
        }
    }

    /// `value` where there is little room: `12.4k`, `1.2 KiB/s`.
    pub(super) fn short(self, value: f64) -> String {
        match self {
            Self::Bytes | Self::ByteRate => scaled(value, 1_024.0, " ", &BINARY) + self.suffix(),
            _ => scaled(value, 1_000.0, "", &DECIMAL) + self.suffix(),
        }
    }

    /// The end of an axis on which `largest` has its place: 1, 2 or 5 times a power of ten, for bytes a power of 2.
    pub(super) fn axis_end(self, largest: f64) -> f64 {
        if self == Self::Bytes || self == Self::ByteRate {
            return f64::max(largest, 1.0).log2().ceil().exp2();
        }
        let least = if self == Self::Rate { 0.1 } else { 1.0 };
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

/// Digits in groups of three, with no more of a fraction than says something.
fn grouped(value: f64) -> String {
    let text = rounded(value);
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::with_capacity(text.len() + whole.len() / 3);
    for (at, digit) in whole.char_indices() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + fraction
}

fn scaled(value: f64, base: f64, space: &str, prefixes: &[&str]) -> String {
    let mut value = value;
    let mut prefixes = prefixes.iter().peekable();
    let mut prefix = *prefixes.next().expect("there are some");
    // What would be rounded to the next prefix has it.
    while value >= base - 0.5
        && let Some(next) = prefixes.next()
    {
        value /= base;
        prefix = next;
    }
    format!("{}{space}{prefix}", rounded(value))
}

/// Two digits of a fraction below 1, one below 100, none above; no zeros at their end.
fn rounded(value: f64) -> String {
    let digits = match value {
        ..1.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    let text = format!("{value:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_to_be_read() {
        let check = |unit: Unit, value, expected| assert_eq!(unit.text(value), expected);
        check(Unit::Messages, 0.0, "0");
        check(Unit::Messages, 999.0, "999");
        check(Unit::Messages, 12_430.0, "12,430");
        check(Unit::Count, 1_234_567.0, "1,234,567");
        check(Unit::Rate, 0.426, "0.43/s");
        check(Unit::Rate, 12.34, "12.3/s");
        check(Unit::Rate, 20.0, "20/s");
        check(Unit::Rate, 1_234.5, "1,234/s");
        check(Unit::Bytes, 100.0, "100 B");
        check(Unit::Bytes, 1_536.0, "1.5 KiB");
        check(Unit::ByteRate, 3.0 * 1_048_576.0, "3 MiB/s");
    }

    #[test]
    fn short_numbers_have_prefixes() {
        let check = |unit: Unit, value, expected| assert_eq!(unit.short(value), expected);
        check(Unit::Messages, 0.0, "0");
        check(Unit::Messages, 950.0, "950");
        check(Unit::Messages, 1_200.0, "1.2k");
        check(Unit::Rate, 2_500_000.0, "2.5M/s");
        check(Unit::Rate, 999.6, "1k/s");
        check(Unit::Bytes, 1_023.9, "1 KiB");
        check(Unit::Bytes, 1e30, "888178419700125 PiB");
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
