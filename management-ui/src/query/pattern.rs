//! Text that is looked for, whatever its case.

use std::borrow::Cow;

use regex::{Regex, RegexBuilder};

/// Memory that a regular expression may compile to, in bytes.
const MAX_COMPILED_BYTES: usize = 1 << 20;

/// Which texts are looked for.
#[derive(Debug, Clone)]
pub(crate) enum Pattern {
    /// Those that contain this, in lower case.
    Contains(String),
    /// Those that match.
    Matches(Box<Regex>),
    /// None: the expression could not be understood.
    Nothing,
}

impl Pattern {
    /// Texts that contain `part`.
    pub(crate) fn containing(part: &str) -> Self {
        Self::Contains(part.to_lowercase())
    }

    /// Texts in which something matches a regular expression.
    ///
    /// # Errors
    /// When it is none, or one that needs too much memory.
    pub(crate) fn matching(expression: &str) -> Result<Self, regex::Error> {
        let mut expression = RegexBuilder::new(expression);
        let expression = expression
            .case_insensitive(true)
            .size_limit(MAX_COMPILED_BYTES);
        Ok(Self::Matches(Box::new(expression.build()?)))
    }

    /// Is `text` looked for?
    pub(crate) fn accepts(&self, text: &str) -> bool {
        match self {
            Self::Contains(part) => lower_case(text).contains(part.as_str()),
            Self::Matches(expression) => expression.is_match(text),
            Self::Nothing => false,
        }
    }
}

/// Most names need no copy.
fn lower_case(text: &str) -> Cow<'_, str> {
    let is_lower = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    match text.bytes().all(is_lower) {
        true => text.into(),
        false => text.to_lowercase().into(),
    }
}
