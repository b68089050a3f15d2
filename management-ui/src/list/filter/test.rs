//! What is asked of a value.

use crate::list::SortKey;
use crate::query::Pattern;

/// A question that a value passes or not. What is missing passes none.
#[derive(Debug)]
pub(super) enum Test {
    /// It is there, and not the empty text.
    Present,
    /// It contains this, if it is text; otherwise it is this.
    Like(Pattern, Literal),
    /// It is exactly this.
    Is(Literal),
    /// It matches.
    Matches(Pattern),
    /// It is such a number.
    Compares(Comparison, f64),
}

/// A value as it was written.
#[derive(Debug)]
pub(super) struct Literal {
    text: String,
    number: Option<f64>,
}

/// How a number stands to a bound.
#[derive(Debug, Clone, Copy)]
pub(super) enum Comparison {
    Above,
    AtLeast,
    Below,
    AtMost,
}

impl Test {
    pub(super) fn like(text: String) -> Self {
        Self::Like(Pattern::containing(&text), Literal::new(text))
    }

    pub(super) fn passes(&self, value: &SortKey) -> bool {
        match value {
            SortKey::Missing => false,
            SortKey::Number(number) => self.passes_number(*number),
            SortKey::Flag(flag) => self.passes_flag(*flag),
            SortKey::Text(text) => self.passes_text(text),
            SortKey::Other => matches!(self, Self::Present),
        }
    }

    pub(super) fn passes_text(&self, value: &str) -> bool {
        match self {
            Self::Present => !value.is_empty(),
            Self::Like(pattern, _) | Self::Matches(pattern) => pattern.accepts(value),
            Self::Is(literal) => literal.text == value,
            Self::Compares(..) => false,
        }
    }

    fn passes_number(&self, value: f64) -> bool {
        match self {
            Self::Present => true,
            Self::Like(_, literal) | Self::Is(literal) => literal.number == Some(value),
            Self::Matches(pattern) => pattern.accepts(&value.to_string()),
            Self::Compares(comparison, bound) => comparison.holds(value, *bound),
        }
    }

    fn passes_flag(&self, value: bool) -> bool {
        let value = if value { "true" } else { "false" };
        match self {
            Self::Like(_, literal) => literal.text.eq_ignore_ascii_case(value),
            _ => self.passes_text(value),
        }
    }
}

impl Literal {
    pub(super) fn new(text: String) -> Self {
        let number = number(&text);
        Self { text, number }
    }
}

impl Comparison {
    /// The one that `text` begins with, and what follows.
    pub(super) fn split(text: &str) -> Option<(Self, &str)> {
        let all = [
            (">=", Self::AtLeast),
            (">", Self::Above),
            ("<=", Self::AtMost),
            ("<", Self::Below),
        ];
        let mut found = all
            .iter()
            .filter_map(|(sign, comparison)| Some((*comparison, text.strip_prefix(sign)?)));
        found.next()
    }

    fn holds(self, number: f64, bound: f64) -> bool {
        match self {
            Self::Above => number > bound,
            Self::AtLeast => number >= bound,
            Self::Below => number < bound,
            Self::AtMost => number <= bound,
        }
    }
}

/// `1000`, `1.5k`, `2M` or `1G`, in powers of 1000.
pub(super) fn number(text: &str) -> Option<f64> {
    let units = [('k', 1e3), ('M', 1e6), ('G', 1e9)];
    let mut found = units
        .iter()
        .filter_map(|(unit, factor)| Some((text.strip_suffix(*unit)?, *factor)));
    let (digits, factor) = found.next().unwrap_or((text, 1.0));
    let number: f64 = digits.parse().ok()?;
    Some(number * factor).filter(|number| number.is_finite())
}
