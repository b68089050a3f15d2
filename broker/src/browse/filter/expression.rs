//! Regular expressions in filters. Whatever a user types is held against bytes in linear time.

use regex::bytes::{Regex, RegexBuilder};

/// Memory that one may compile to, in bytes.
const MAX_COMPILED_BYTES: usize = 1 << 20;

/// A regular expression; two are the same when they are written alike.
#[derive(Debug, Clone)]
pub(super) struct Expression(Box<Regex>);

impl Expression {
    /// What stands between slashes; `None`: `text` is not written so.
    ///
    /// # Errors
    /// When it is no expression, or one that needs too much memory.
    pub(super) fn parse(text: &str) -> Option<Result<Self, &'static str>> {
        let inside = text.strip_prefix('/')?.strip_suffix('/')?;
        let mut expression = RegexBuilder::new(inside);
        let expression = expression.size_limit(MAX_COMPILED_BYTES).build();
        Some(match expression {
            Ok(expression) => Ok(Self(Box::new(expression))),
            Err(regex::Error::CompiledTooBig(_)) => Err("the regular expression is too large"),
            Err(_) => Err("what stands between slashes must be a regular expression"),
        })
    }

    pub(super) fn matches(&self, bytes: &[u8]) -> bool {
        self.0.is_match(bytes)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}
