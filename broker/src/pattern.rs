//! Regular expressions over names, as permissions and policies use them.
//!
//! Patterns are searched in the name, not anchored. Imported ones use look-ahead, so the engine
//! backtracks, within a limit; running into it counts as no match.

use std::fmt;
use std::sync::OnceLock;

use fancy_regex::{Regex, RegexBuilder};

/// Steps that matching one name may take back.
const BACKTRACK_LIMIT: usize = 50_000;
/// Bytes that one compiled pattern may take.
const COMPILED_BYTES: usize = 256 * 1024;
/// The longest pattern, in bytes.
const PATTERN_BYTES: usize = 4 * 1024;

/// The pattern can't be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid regular expression '{pattern}': {why}")]
pub struct BadPattern {
    pattern: String,
    why: String,
}

/// A regular expression over names, compiled when it is first needed.
#[derive(Clone)]
pub struct Pattern {
    text: Box<str>,
    matcher: Matcher,
}

/// Most patterns need no engine, which would take some 15 KB each.
#[derive(Clone)]
enum Matcher {
    Everything,
    /// Letters, digits and the like, between optional anchors.
    Literal {
        text: Box<str>,
        at_start: bool,
        at_end: bool,
    },
    /// `None`: can't be compiled, matches nothing.
    Compiled(OnceLock<Option<Box<Regex>>>),
}

impl Pattern {
    /// A pattern from outside.
    ///
    /// # Errors
    /// When it is too long or no regular expression.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        let pattern = Self::trusted(text);
        let bad = |why: String| BadPattern {
            pattern: text.chars().take(80).collect(),
            why,
        };
        if text.len() > PATTERN_BYTES {
            return Err(bad(format!("longer than {PATTERN_BYTES} bytes")));
        }
        match pattern.matcher {
            Matcher::Compiled(_) => match compile(text) {
                Ok(_) => Ok(pattern),
                Err(error) => Err(bad(error.to_string())),
            },
            _ => Ok(pattern),
        }
    }

    /// A pattern that was checked when it was stored. If it does not compile all the same, it
    /// matches nothing.
    pub fn trusted(text: &str) -> Self {
        Self {
            text: text.into(),
            matcher: Matcher::of(text),
        }
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Is it found in `name`?
    pub fn is_match(&self, name: &str) -> bool {
        match &self.matcher {
            Matcher::Everything => true,
            Matcher::Literal {
                text,
                at_start,
                at_end,
            } => match (at_start, at_end) {
                (true, true) => name == &**text,
                (true, false) => name.starts_with(&**text),
                (false, true) => name.ends_with(&**text),
                (false, false) => name.contains(&**text),
            },
            Matcher::Compiled(compiled) => compiled
                .get_or_init(|| compile(&self.text).ok().map(Box::new))
                .as_deref()
                .is_some_and(|regex| regex.is_match(name).unwrap_or(false)),
        }
    }
}

impl Matcher {
    fn of(text: &str) -> Self {
        if text == ".*" {
            return Self::Everything;
        }
        let (at_start, rest) = strip(text, str::strip_prefix, "^");
        let (at_end, rest) = strip(rest, str::strip_suffix, "$");
        let rest = match at_end {
            true => rest,
            false => rest.strip_suffix(".*").unwrap_or(rest),
        };
        let plain = |c: char| c.is_alphanumeric() || "-_/:@ ~".contains(c);
        match rest.chars().all(plain) {
            true => Self::Literal {
                text: rest.into(),
                at_start,
                at_end,
            },
            false => Self::Compiled(OnceLock::new()),
        }
    }
}

fn strip<'a>(
    text: &'a str,
    by: fn(&'a str, &'static str) -> Option<&'a str>,
    anchor: &'static str,
) -> (bool, &'a str) {
    match by(text, anchor) {
        Some(rest) => (true, rest),
        None => (false, text),
    }
}

fn compile(text: &str) -> Result<Regex, fancy_regex::Error> {
    RegexBuilder::new(text)
        .backtrack_limit(BACKTRACK_LIMIT)
        .delegate_size_limit(COMPILED_BYTES)
        .delegate_dfa_size_limit(COMPILED_BYTES)
        .build()
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, matching: &[&str], other: &[&str]) {
        let pattern = Pattern::parse(pattern).unwrap();
        for name in matching {
            assert!(pattern.is_match(name), "{pattern:?} in '{name}'");
        }
        for name in other {
            assert!(!pattern.is_match(name), "{pattern:?} in '{name}'");
        }
    }

    #[test]
    fn patterns_are_searched_not_anchored() {
        check("foo", &["foo", "xfoo1"], &["fo", ""]);
        check("f[o0]o", &["xf0o1"], &["fo"]);
    }

    #[test]
    fn an_empty_pattern_is_found_everywhere() {
        check("", &["", "q"], &[]);
        check("^$", &[""], &["q"]);
        check(".*", &["", "q", "a\nb"], &[]);
    }

    #[test]
    fn anchored_literals() {
        check("^q-1", &["q-1", "q-12"], &["a-q-1"]);
        check("q-1$", &["a-q-1"], &["q-12"]);
        check("^q-1$", &["q-1"], &["q-12", "a-q-1"]);
        check("^q-1.*", &["q-1", "q-12"], &["a-q-1"]);
        check("^q-1.*$", &["q-1", "q-12"], &["a-q-1"]);
    }

    #[test]
    fn literals_behave_as_the_engine_does() {
        let patterns = [
            "a",
            "^a",
            "a$",
            "^a$",
            "a.*",
            "^a.*",
            "^",
            "$",
            "",
            "^$",
            "a/b:c@d ~e",
        ];
        let names = ["", "a", "ab", "ba", "aa", "a\nb", "b\na", "x a/b:c@d ~e y"];
        for pattern in patterns {
            let engine = compile(pattern).unwrap();
            let ours = Pattern::parse(pattern).unwrap();
            assert!(!matches!(ours.matcher, Matcher::Compiled(_)), "{ours:?}");
            for name in names {
                assert_eq!(
                    ours.is_match(name),
                    engine.is_match(name).unwrap(),
                    "{ours:?} {name}"
                );
            }
        }
    }

    #[test]
    fn imported_look_ahead_works() {
        check("^(?!amq\\.).*", &["orders"], &["amq.topic"]);
        check(
            "^(amq\\.gen.*|amq\\.default)$",
            &["amq.gen-x", "amq.default"],
            &["amq.topic"],
        );
    }

    #[test]
    fn a_pattern_that_explodes_is_denied() {
        let explosive = Pattern::parse("^(?=(a+)+b)\\1+c").unwrap();
        assert!(!explosive.is_match(&"a".repeat(200)));
    }

    #[test]
    fn bad_patterns_are_refused_and_never_match() {
        assert!(Pattern::parse("a(").is_err());
        assert!(Pattern::parse(&"a".repeat(PATTERN_BYTES + 1)).is_err());
        assert!(!Pattern::trusted("a(").is_match("a("));
    }
}
