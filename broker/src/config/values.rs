//! Values as they stand in the file, the environment or a flag, and what they mean.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{LocalSocket, LogLevel, Patterns, Watermark, address};
use crate::limits::Limit;

/// A value before anybody knows what it is for. The environment and flags hold only text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Flag(bool),
    List(Vec<String>),
    /// A date, a table, a mixed list: nothing that any setting takes.
    Other(&'static str),
}

impl fmt::Display for Value {
    /// As TOML.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let toml = match self {
            Self::Text(text) => toml::Value::from(text.as_str()),
            Self::Integer(number) => toml::Value::from(*number),
            Self::Float(number) => toml::Value::from(*number),
            Self::Flag(flag) => toml::Value::from(*flag),
            Self::List(list) => toml::Value::from(list.clone()),
            Self::Other(what) => return f.write_str(what),
        };
        write!(f, "{toml}")
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        match i64::try_from(number) {
            Ok(number) => Self::Integer(number),
            Err(_) => Self::Text(number.to_string()),
        }
    }
}

/// Values made of what they mean: what the other functions take back.
impl Value {
    pub(super) fn path_of(path: &Path) -> Self {
        Self::Text(path.to_string_lossy().into_owned())
    }

    pub(super) fn optional_of(text: Option<&str>) -> Self {
        Self::from(text.unwrap_or(NONE))
    }

    pub(super) fn optional_path_of(path: Option<&Path>) -> Self {
        path.map_or(Self::from(NONE), Self::path_of)
    }

    pub(super) fn socket_of(socket: &LocalSocket) -> Self {
        match socket {
            LocalSocket::InDataDir => Self::from(AUTO),
            LocalSocket::At(path) => Self::path_of(path),
            LocalSocket::None => Self::from(NONE),
        }
    }

    /// In the largest unit that needs no fraction.
    pub(super) fn size_of(bytes: u64) -> Self {
        let units = [
            ("GiB", 1 << 30),
            ("MiB", 1 << 20),
            ("GB", 1_000_000_000),
            ("MB", 1_000_000),
        ];
        Self::in_unit(bytes, &units).unwrap_or_else(|| Self::from(bytes))
    }

    /// In the largest unit that needs no fraction.
    pub(super) fn span_of(span: Duration) -> Self {
        let units = [("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)];
        let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Self::in_unit(millis, &units).unwrap_or(Self::Integer(0))
    }

    fn in_unit(amount: u64, units: &[(&str, u64)]) -> Option<Self> {
        let fits = |(_, unit): &&(&str, u64)| amount >= *unit && amount.is_multiple_of(*unit);
        let (name, unit) = units.iter().find(fits)?;
        Some(Self::Text(format!("{}{name}", amount / unit)))
    }

    pub(super) fn watermark_of(watermark: Watermark) -> Self {
        match watermark {
            Watermark::Relative(share) => Self::Float(share),
            // A 1 alone would be all of the memory.
            Watermark::Absolute(bytes @ 0..=1) => Self::Text(format!("{bytes}B")),
            Watermark::Absolute(bytes) => Self::size_of(bytes),
        }
    }

    pub(super) fn limit_of(limit: Limit) -> Self {
        limit.0.map_or(Self::from(NONE), Self::Integer)
    }

    /// The first word of `words` that means `meaning`.
    pub(super) fn word<T: PartialEq>(words: &[(&str, T)], meaning: T) -> Self {
        let word = words.iter().find(|(_, found)| *found == meaning);
        Self::from(word.map_or(NONE, |(word, _)| word))
    }

    /// One text alone, or several as a list.
    pub(super) fn texts_of(texts: &[String]) -> Self {
        match texts {
            [one] => Self::from(one.as_str()),
            _ => Self::List(texts.to_vec()),
        }
    }

    pub(super) fn patterns_of(patterns: &Patterns) -> Self {
        let Patterns {
            configure,
            write,
            read,
        } = patterns.clone();
        Self::List(vec![configure, write, read])
    }

    pub(super) fn levels_of(levels: &BTreeMap<String, LogLevel>) -> Self {
        let level = |(category, level): (&String, &LogLevel)| {
            let name = LogLevel::NAMES.iter().find(|(_, named)| named == level);
            format!("{category}={}", name.map_or(NONE, |(name, _)| name))
        };
        Self::List(levels.iter().map(level).collect())
    }
}

/// What stands for the place that depends on another setting.
const AUTO: &str = "auto";
/// What stands for nothing.
const NONE: &str = "none";

impl Value {
    /// Text that is not empty.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) if !text.trim().is_empty() => Some(text.clone()),
            _ => None,
        }
    }

    /// A path, or the words for nowhere and for the default place.
    pub(super) fn socket(&self) -> Option<LocalSocket> {
        let path = self.text()?;
        Some(match path.as_str() {
            NONE => LocalSocket::None,
            AUTO => LocalSocket::InDataDir,
            _ => LocalSocket::At(path.into()),
        })
    }

    /// The word for nothing.
    pub(super) fn is_none(&self) -> bool {
        matches!(self, Self::Text(text) if text.trim() == NONE)
    }

    /// A file or a directory; `none` is neither.
    pub(super) fn optional_path(&self) -> Option<Option<PathBuf>> {
        match self.is_none() {
            true => Some(None),
            false => Some(Some(self.text()?.into())),
        }
    }

    /// Levels by category: `connection=debug`, several of them. `none` is none at all.
    pub(super) fn levels(&self) -> Option<BTreeMap<String, LogLevel>> {
        let level = |word: String| {
            let (category, level) = word.split_once('=')?;
            let category = category.trim();
            let level = Self::from(level.trim()).one_of(LogLevel::NAMES)?;
            LogLevel::has_category(category).then(|| (category.to_owned(), level))
        };
        self.words()?.into_iter().map(level).collect()
    }

    /// An integer within `min..=max`.
    pub(super) fn integer(&self, min: u64, max: u64) -> Option<u64> {
        let number = match self {
            Self::Integer(number) => u64::try_from(*number).ok()?,
            Self::Text(text) => text.trim().parse().ok()?,
            _ => return None,
        };
        (min..=max).contains(&number).then_some(number)
    }

    /// True or false.
    pub(super) fn flag(&self) -> Option<bool> {
        match self {
            Self::Flag(flag) => Some(*flag),
            _ => self.one_of(&[("true", true), ("false", false)]),
        }
    }

    /// A number that limits something; `none` does not.
    pub(super) fn limit(&self) -> Option<Limit> {
        if self.is_none() {
            return Some(Limit::default());
        }
        let limit = self.integer(0, i64::MAX as u64)?;
        Some(Limit(i64::try_from(limit).ok()))
    }

    /// Bytes within `min..=max`: a number, with or without a unit.
    pub(super) fn size(&self, min: u64, max: u64) -> Option<u64> {
        let bytes = match self {
            Self::Integer(number) => u64::try_from(*number).ok()?,
            Self::Text(text) => with_unit(text, size_unit)?,
            _ => return None,
        };
        (min..=max).contains(&bytes).then_some(bytes)
    }

    /// A share of a whole, from 0 to 1.
    pub(super) fn share(&self) -> Option<f64> {
        let share = match self {
            Self::Float(number) => *number,
            Self::Integer(0) => 0.0,
            Self::Integer(1) => 1.0,
            Self::Text(text) => text.trim().parse().ok()?,
            _ => return None,
        };
        (0.0..=1.0).contains(&share).then_some(share)
    }

    /// An amount of memory: a share, or a size.
    pub(super) fn watermark(&self) -> Option<Watermark> {
        let relative = self.share().map(Watermark::Relative);
        relative.or_else(|| self.size(0, u64::MAX).map(Watermark::Absolute))
    }

    /// A span of time longer than zero. Its unit is never left to guess.
    pub(super) fn span(&self) -> Option<Duration> {
        let Self::Text(text) = self else { return None };
        let millis = with_unit(text, time_unit)?;
        (millis > 0).then(|| Duration::from_millis(millis))
    }

    /// A list of words, or words separated by commas; `none` is an empty list.
    pub(super) fn words(&self) -> Option<Vec<String>> {
        match self {
            Self::List(list) => Some(list.clone()),
            _ if self.is_none() => Some(Vec::new()),
            Self::Text(text) => {
                let words = text.split(',').map(|word| word.trim().to_owned());
                Some(words.filter(|word| !word.is_empty()).collect())
            }
            _ => None,
        }
    }

    /// An address and a port. Who binds it finds out whether the address exists.
    pub(super) fn address(&self) -> Option<String> {
        address::checked(&self.text()?)
    }

    /// One address with its port, or several of them.
    pub(super) fn addresses(&self) -> Option<Vec<String>> {
        let words = self.words()?;
        let checked = words.iter().map(|word| address::checked(word));
        let all: Option<Vec<_>> = checked.collect();
        all.filter(|all| !all.is_empty())
    }

    /// Three regular expressions: configure, write, read.
    pub(super) fn patterns(&self) -> Option<Patterns> {
        let [configure, write, read] = self.words()?.try_into().ok()?;
        let patterns = Patterns {
            configure,
            write,
            read,
        };
        patterns.parse().map(|_| patterns)
    }

    /// As [`Value::address`]; `none` is no address.
    pub(super) fn optional_address(&self) -> Option<Option<String>> {
        match self.is_none() {
            true => Some(None),
            false => self.address().map(Some),
        }
    }

    /// One of these words.
    pub(super) fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let Self::Text(text) = self else { return None };
        let found = words.iter().find(|(word, _)| *word == text.as_str());
        found.map(|(_, meaning)| *meaning)
    }
}

/// `10MiB` with the units of `unit`; fractions are fine.
fn with_unit(text: &str, unit: fn(&str) -> Option<f64>) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, name) = text.split_at(digits.unwrap_or(text.len()));
    let unit = unit(name.trim())?;
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(unit as u64);
    }
    let product = number.parse::<f64>().ok()? * unit;
    (product.is_finite() && product < u64::MAX as f64).then_some(product as u64)
}

/// Bytes. Compat: K, M and G alone are decimal, as in `rabbitmq.conf`.
fn size_unit(name: &str) -> Option<f64> {
    Some(match name {
        "" | "B" => 1.0,
        "k" | "K" | "kB" | "KB" => 1e3,
        "M" | "MB" => 1e6,
        "G" | "GB" => 1e9,
        "T" | "TB" => 1e12,
        "Ki" | "KiB" => 1024.0,
        "Mi" | "MiB" => 1024.0 * 1024.0,
        "Gi" | "GiB" => 1024.0 * 1024.0 * 1024.0,
        "Ti" | "TiB" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    })
}

/// Milliseconds.
fn time_unit(name: &str) -> Option<f64> {
    Some(match name {
        "ms" => 1.0,
        "s" => 1e3,
        "m" | "min" => 60e3,
        "h" => 3_600e3,
        "d" => 86_400e3,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn sizes_have_two_kinds_of_units() {
        let check = |value: &str, bytes: Option<u64>| {
            assert_eq!(text(value).size(0, u64::MAX), bytes, "{value}");
        };
        check("17", Some(17));
        check("10MB", Some(10_000_000));
        check("10 MiB", Some(10 << 20));
        check("1.5GiB", Some(3 << 29));
        check("50M", Some(50_000_000));
        check("MB", None);
        check("10MBit", None);
        check("-1", None);
        check("1e3", None);
        check("99999999999999TiB", None);
        assert_eq!(Value::Integer(5).size(0, 9), Some(5));
        assert_eq!(Value::Integer(10).size(0, 9), None);
        assert_eq!(Value::Integer(-1).size(0, 9), None);
    }

    #[test]
    fn spans_need_a_unit() {
        let check = |value: &str, millis: Option<u64>| {
            assert_eq!(
                text(value).span(),
                millis.map(Duration::from_millis),
                "{value}"
            );
        };
        check("10s", Some(10_000));
        check("1500ms", Some(1_500));
        check("1.5 h", Some(5_400_000));
        check("30min", Some(1_800_000));
        check("10", None);
        check("0s", None);
        check("soon", None);
        assert_eq!(Value::Integer(10).span(), None);
    }

    #[test]
    fn addresses_have_a_port() {
        let check = |value: &str, fits: bool| {
            assert_eq!(text(value).address().is_some(), fits, "{value}");
        };
        check("0.0.0.0:5672", true);
        check("[::1]:0", true);
        check("localhost:5672", true);
        check("5672", false);
        check(":5672", false);
        check("::1:5672", false);
        check("[::1:5672", false);
        check("localhost:amqp", false);
        check("localhost:70000", false);
        assert_eq!(text("none").optional_address(), Some(None));
    }

    #[test]
    fn sizes_and_spans_are_written_in_round_units() {
        let check = |value: Value, expected: &str| assert_eq!(value.to_string(), expected);
        check(Value::size_of(64 << 20), "\"64MiB\"");
        check(Value::size_of(50_000_000), "\"50MB\"");
        check(Value::size_of(131_072), "131072");
        check(Value::size_of(0), "0");
        check(Value::span_of(Duration::from_secs(1800)), "\"30min\"");
        check(Value::span_of(Duration::from_millis(1500)), "\"1500ms\"");
        check(Value::watermark_of(Watermark::Relative(0.6)), "0.6");
        check(Value::watermark_of(Watermark::Absolute(1)), "\"1B\"");
    }

    #[test]
    fn levels_are_words_with_an_equals_sign() {
        let levels = |value: &str| text(value).levels().map(|levels| Value::levels_of(&levels));
        let check = |value: &str, expected: &str| {
            assert_eq!(levels(value).unwrap().to_string(), expected, "{value}");
        };
        check(
            "queue=warn, connection = debug",
            r#"["connection=debug", "queue=warning"]"#,
        );
        check("none", "[]");
        assert_eq!(levels("queue"), None);
        assert_eq!(levels("queue=loud"), None);
        assert_eq!(levels("sails=info"), None);
        assert_eq!(levels("=info"), None);
    }

    #[test]
    fn lists_come_with_brackets_or_commas() {
        let words = |value: Value| value.words().unwrap().join("|");
        assert_eq!(words(text("a, b,,c")), "a|b|c");
        assert_eq!(words(text("none")), "");
        assert_eq!(words(Value::List(vec!["a".into()])), "a");
        assert_eq!(Value::Flag(true).words(), None);
    }

    #[test]
    fn numbers_may_come_as_text() {
        assert_eq!(text("60").integer(0, 100), Some(60));
        assert_eq!(text("101").integer(0, 100), None);
        assert_eq!(text("0.4").share(), Some(0.4));
        assert_eq!(Value::Float(1.5).share(), None);
        assert_eq!(text("NaN").share(), None);
    }
}
