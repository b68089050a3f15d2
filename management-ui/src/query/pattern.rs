//! Text that is looked for, whatever its case.

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
            Self::Contains(part) => contains(text, part),
            Self::Matches(expression) => expression.is_match(text),
            Self::Nothing => false,
        }
    }
}

/// Does `text` contain `part`, which is in lower case? What is ASCII, as most names are, needs no copy.
fn contains(text: &str, part: &str) -> bool {
    if !text.is_ascii() {
        return text.to_lowercase().contains(part);
    }
    let (text, part) = (text.as_bytes(), part.as_bytes());
    part.is_empty()
        || text
            .windows(part.len())
            .any(|window| window.eq_ignore_ascii_case(part))
}
