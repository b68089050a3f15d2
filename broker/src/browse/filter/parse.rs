//! A filter as text, understood.

use ferrymq_amqp::content::Property;

use super::condition::{Condition, Test};
use super::expression::Expression;

/// Conditions of one filter,
const MAX_CONDITIONS: usize = 32;
/// and bytes of its text.
const MAX_BYTES: usize = 4096;
/// What conditions begin with.
const KINDS: [&str; 8] = [
    "key", "exchange", "header", "property", "json", "size", "age", "sequence",
];

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFilter {
    /// It is too long.
    #[error("filter must have at most {MAX_BYTES} bytes and {MAX_CONDITIONS} conditions")]
    TooLong,
    /// A quoted part does not end.
    #[error("filter has a \" that no other one ends")]
    Unended,
    /// A condition makes no sense.
    #[error("filter condition '{condition}': {rule}")]
    Condition {
        /// As it was written.
        condition: String,
        /// What it ought to be.
        rule: &'static str,
    },
}

/// A part of a filter.
#[derive(Debug, Default)]
struct Token {
    text: String,
    /// Did it begin with a quote? Then it is text to look for, whatever stands in it.
    quoted: bool,
}

/// The conditions in `text`.
pub(super) fn conditions(text: &str) -> Result<Vec<Condition>, BadFilter> {
    if text.len() > MAX_BYTES {
        return Err(BadFilter::TooLong);
    }
    let tokens = tokens(text)?;
    if tokens.len() > MAX_CONDITIONS {
        return Err(BadFilter::TooLong);
    }
    tokens.into_iter().map(condition).collect()
}

/// What stands between spaces, without the quotes.
fn tokens(text: &str) -> Result<Vec<Token>, BadFilter> {
    let mut tokens = Vec::new();
    let mut current: Option<Token> = None;
    let mut inside = false;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                inside = !inside;
                current.get_or_insert_with(|| Token {
                    quoted: true,
                    ..Token::default()
                });
            }
            '\\' if inside => match characters.next() {
                Some(escaped @ ('"' | '\\')) => {
                    current.get_or_insert_default().text.push(escaped);
                }
                Some(other) => current.get_or_insert_default().text.extend(['\\', other]),
                None => return Err(BadFilter::Unended),
            },
            space if space.is_whitespace() && !inside => tokens.extend(current.take()),
            other => current.get_or_insert_default().text.push(other),
        }
    }
    if inside {
        return Err(BadFilter::Unended);
    }
    tokens.extend(current);
    Ok(tokens)
}

fn condition(token: Token) -> Result<Condition, BadFilter> {
    let Token { text, quoted } = token;
    let bad = |rule| BadFilter::Condition {
        condition: text.clone(),
        rule,
    };
    if quoted {
        return Ok(Condition::Text(text));
    }
    if let Some(expression) = Expression::parse(&text) {
        return expression.map(Condition::Matches).map_err(bad);
    }
    // Of a header's or a JSON field's name colons are no part.
    let (subject, value) = match text.split_once(':') {
        Some((subject, value)) => (subject, Some(value)),
        None => (text.as_str(), None),
    };
    let test = value.map(|value| test(value, number)).transpose();
    let (kind, name) = match subject.split_once('.') {
        Some((kind, name)) => (kind, Some(name)),
        None => (subject, None),
    };
    Ok(match (kind, name, value) {
        ("key", None, Some(pattern)) => match Expression::parse(pattern) {
            Some(expression) => Condition::KeyMatches(expression.map_err(bad)?),
            None => Condition::Key(pattern.to_owned()),
        },
        ("exchange", None, Some(name)) => Condition::Exchange(match Expression::parse(name) {
            Some(expression) => Test::Matches(expression.map_err(bad)?),
            None => Test::Is(name.to_owned()),
        }),
        ("sequence", None, Some(numbers)) => {
            let numbers = sequences(numbers);
            Condition::Sequence(numbers.ok_or_else(|| bad("numbers look like sequence:17,18"))?)
        }
        ("header", Some(name), _) if !name.is_empty() => {
            Condition::Header(name.to_owned(), test.map_err(bad)?)
        }
        ("property", Some(name), _) => {
            let property = property(name).ok_or_else(|| bad("there is no such property"))?;
            Condition::Property(property, test.map_err(bad)?)
        }
        ("json", Some(path), _) => {
            let path = path.strip_prefix('$').and_then(json_path);
            let path = path.ok_or_else(|| bad("a path looks like json.$.customer.id"))?;
            Condition::Json(path, test.map_err(bad)?)
        }
        ("size", None, Some(value)) => Condition::Size(self::test(value, bytes).map_err(bad)?),
        ("age", None, Some(value)) => Condition::Age(self::test(value, seconds).map_err(bad)?),
        (kind, _, Some(_)) if KINDS.contains(&kind) => {
            return Err(bad("it lacks a name, or has one too many"));
        }
        _ => Condition::Text(text),
    })
}

/// `>10`, `<10`, `/expression/`, or a value; what bounds it is read by `number`.
fn test(value: &str, number: fn(&str) -> Option<f64>) -> Result<Test, &'static str> {
    const RULE: &str = "what follows > or < must be a number";
    if let Some(expression) = Expression::parse(value) {
        return expression.map(Test::Matches);
    }
    if let Some(bound) = value.strip_prefix('>') {
        return number(bound).map(Test::Above).ok_or(RULE);
    }
    if let Some(bound) = value.strip_prefix('<') {
        return number(bound).map(Test::Below).ok_or(RULE);
    }
    Ok(match number(value) {
        // Said with a unit.
        Some(number) if value.parse::<f64>().is_err() => Test::Is(number.to_string()),
        _ => Test::Is(value.to_owned()),
    })
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

fn bytes(text: &str) -> Option<f64> {
    let units = [
        ('k', 1024.0),
        ('M', 1024.0 * 1024.0),
        ('G', 1024.0 * 1024.0 * 1024.0),
    ];
    with_unit(text, &units)
}

fn seconds(text: &str) -> Option<f64> {
    let units = [('s', 1.0), ('m', 60.0), ('h', 3600.0), ('d', 86_400.0)];
    with_unit(text, &units)
}

fn with_unit(text: &str, units: &[(char, f64)]) -> Option<f64> {
    let found = units
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(*unit)?, *factor)));
    let (digits, factor) = found.unwrap_or((text, 1.0));
    Some(number(digits)? * factor)
}

/// `17,18`, in order.
fn sequences(text: &str) -> Option<Vec<u64>> {
    let numbers = text.split(',').map(str::parse);
    let mut numbers: Vec<u64> = numbers.collect::<Result<_, _>>().ok()?;
    numbers.sort_unstable();
    Some(numbers)
}

fn property(name: &str) -> Option<Property> {
    let name = name.replace('_', "-");
    let mut all = Property::ALL.into_iter();
    all.find(|property| property.name() == name && *property != Property::Headers)
}

/// The names in `.customer.id`; the empty path is the whole body.
fn json_path(path: &str) -> Option<Vec<String>> {
    if path.is_empty() {
        return Some(Vec::new());
    }
    let names: Vec<String> = path
        .strip_prefix('.')?
        .split('.')
        .map(str::to_owned)
        .collect();
    names.iter().all(|name| !name.is_empty()).then_some(names)
}
