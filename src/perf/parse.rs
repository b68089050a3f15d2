//! Values on the command line.

use std::str::FromStr;
use std::time::Duration;

use ferrymq_amqp::AMQPValue;

/// Units of time and their nanoseconds. The longer names come first: `ms` ends with `s` too.
const UNITS: [(&str, f64); 7] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("ms", 1e6),
    ("min", 60e9),
    ("s", 1e9),
    ("h", 3_600e9),
];

/// The longest time that is taken, in nanoseconds: a year.
const MAX_NANOSECONDS: f64 = 365.0 * 86_400e9;

/// A time; a number alone is seconds.
pub(super) fn span(text: &str) -> Result<Duration, &'static str> {
    match text.parse::<f64>() {
        Ok(seconds) => nanoseconds(seconds * 1e9),
        Err(_) => latency(text),
    }
}

/// A time above 0; a number alone is seconds.
pub(super) fn interval(text: &str) -> Result<Duration, &'static str> {
    match span(text)? {
        Duration::ZERO => Err("it must be above 0"),
        time => Ok(time),
    }
}

/// A time with its unit.
pub(super) fn latency(text: &str) -> Result<Duration, &'static str> {
    let split = |(unit, factor): &(&str, f64)| Some((text.strip_suffix(unit)?, *factor));
    let (number, factor) = UNITS
        .iter()
        .find_map(split)
        .ok_or("it needs a unit: us, ms, s, min or h")?;
    let number: f64 = number.trim_end().parse().map_err(|_| "it is no number")?;
    nanoseconds(number * factor)
}

fn nanoseconds(value: f64) -> Result<Duration, &'static str> {
    match (0.0..=MAX_NANOSECONDS).contains(&value) {
        true => Ok(Duration::from_nanos(value as u64)),
        false => Err("it must be from 0 to a year"),
    }
}

/// So many per second, above 0.
pub(super) fn rate(text: &str) -> Result<f64, &'static str> {
    match text.parse() {
        Ok(rate) if rate > 0.0 && rate <= 1e9 => Ok(rate),
        _ => Err("it must be a number above 0 and up to 1000000000"),
    }
}

/// `NAME=VALUE` as an argument or header, of the type that fits the value.
pub(super) fn argument(text: &str) -> Result<(String, AMQPValue), &'static str> {
    let (name, value) = text.split_once('=').ok_or("it has no '='")?;
    if name.is_empty() || name.len() > 255 {
        return Err("its name must have 1 to 255 bytes");
    }
    let value = match (value.parse(), value.parse()) {
        (Ok(number), _) => AMQPValue::LongLongInt(number),
        (_, Ok(flag)) => AMQPValue::Boolean(flag),
        _ => AMQPValue::LongString(value.into()),
    };
    Ok((name.to_owned(), value))
}

/// A property of a message that has no option of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Property {
    AppId,
    ContentEncoding,
    ContentType,
    CorrelationId,
    MessageId,
    ReplyTo,
    Timestamp,
    Type,
    UserId,
}

const PROPERTIES: [(&str, Property); 9] = [
    ("app-id", Property::AppId),
    ("content-encoding", Property::ContentEncoding),
    ("content-type", Property::ContentType),
    ("correlation-id", Property::CorrelationId),
    ("message-id", Property::MessageId),
    ("reply-to", Property::ReplyTo),
    ("timestamp", Property::Timestamp),
    ("type", Property::Type),
    ("user-id", Property::UserId),
];

/// `NAME=VALUE` as a property.
pub(super) fn property(text: &str) -> Result<(Property, String), String> {
    let (name, value) = text.split_once('=').ok_or("it has no '='")?;
    let known = PROPERTIES.iter().find(|(known, _)| *known == name);
    let Some(&(_, property)) = known else {
        let names = PROPERTIES.map(|(name, _)| name).join(", ");
        return Err(format!(
            "it must be one of {names}; --priority, --expiration and --persistent are options"
        ));
    };
    if value.len() > 255 {
        return Err("its value is longer than 255 bytes".to_owned());
    }
    if property == Property::Timestamp && value.parse::<u64>().is_err() {
        return Err("a timestamp is a number of seconds".to_owned());
    }
    Ok((property, value.to_owned()))
}

/// Names that differ by a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    before: String,
    /// The number has at least so many digits.
    digits: usize,
    after: String,
}

impl Pattern {
    /// The name with this number.
    pub(super) fn name(&self, number: u32) -> String {
        let Self {
            before,
            digits,
            after,
        } = self;
        format!("{before}{number:0digits$}{after}")
    }
}

/// A text with `%d`, or `%03d` for three digits at least.
pub(super) fn pattern(text: &str) -> Result<Pattern, &'static str> {
    let (before, rest) = text.split_once('%').ok_or("it has no %d")?;
    let (digits, after) = rest.split_once('d').ok_or("it has no %d")?;
    let digits = match digits {
        "" => 1,
        digits => u8::from_str(digits).map_err(|_| "it has no %d")?,
    };
    if after.contains('%') {
        return Err("it has more than one %");
    }
    if before.len() + after.len() + usize::from(digits).max(10) > 200 {
        return Err("its names are longer than 200 bytes");
    }
    Ok(Pattern {
        before: before.to_owned(),
        digits: digits.into(),
        after: after.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let check = |text, expected: Option<u64>| {
            let expected = expected.map(Duration::from_nanos);
            assert_eq!(latency(text).ok(), expected, "{text}");
        };
        check("5ms", Some(5_000_000));
        check("0.5 ms", Some(500_000));
        check("300us", Some(300_000));
        check("300µs", Some(300_000));
        check("2s", Some(2_000_000_000));
        check("1min", Some(60_000_000_000));
        check("1h", Some(3_600_000_000_000));
        check("5", None);
        check("-1s", None);
        check("NaNs", None);
        check("infs", None);
        check("fivems", None);
        check("", None);
        assert_eq!(span("1.5"), Ok(Duration::from_millis(1_500)));
        assert_eq!(span("20ms"), Ok(Duration::from_millis(20)));
        assert!(span("-1").is_err());
        assert!(interval("0").is_err());
    }

    #[test]
    fn rates() {
        assert_eq!(rate("0.5"), Ok(0.5));
        for wrong in ["0", "-1", "NaN", "inf", "1e10", "fast"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn arguments_have_the_type_that_fits() {
        let check = |text, name: &str, value| {
            assert_eq!(argument(text), Ok((name.to_owned(), value)));
        };
        let text = AMQPValue::LongString("relaxed".into());
        check("x-durability=relaxed", "x-durability", text);
        let number = AMQPValue::LongLongInt(10);
        check("x-max-length=10", "x-max-length", number);
        let flag = "x-single-active-consumer";
        check(
            "x-single-active-consumer=true",
            flag,
            AMQPValue::Boolean(true),
        );
        assert!(argument("x-durability").is_err());
        assert!(argument("=1").is_err());
    }

    #[test]
    fn properties_have_known_names() {
        let expected = (Property::ContentType, "text/plain".to_owned());
        assert_eq!(property("content-type=text/plain"), Ok(expected));
        assert!(property("timestamp=1700000000").is_ok());
        for wrong in ["content-type", "colour=red", "timestamp=now"] {
            assert!(property(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn patterns() {
        let check = |text, number, name: &str| {
            assert_eq!(pattern(text).unwrap().name(number), name);
        };
        check("perf-%d", 7, "perf-7");
        check("perf-%03d", 7, "perf-007");
        check("%d.in", 12, "12.in");
        for wrong in ["perf", "perf-%s", "%d-%d", "%xd"] {
            assert!(pattern(wrong).is_err(), "{wrong}");
        }
    }
}
