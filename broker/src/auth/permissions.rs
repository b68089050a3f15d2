//! What a user may do in a vhost: three patterns over names, and patterns over routing keys.
//!
//! Patterns are searched in the name, not anchored. Imported ones use look-ahead, so the engine
//! backtracks, within a limit; running into it counts as no match.

use std::borrow::Cow;
use std::fmt;
use std::sync::OnceLock;

use fancy_regex::{Regex, RegexBuilder};

use crate::names::Resource;

/// Steps that matching one name may take back.
const BACKTRACK_LIMIT: usize = 50_000;
/// Bytes that one compiled pattern may take.
const COMPILED_BYTES: usize = 256 * 1024;
/// The longest pattern, in bytes.
const PATTERN_BYTES: usize = 4 * 1024;

/// A kind of access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Declare and delete.
    Configure,
    /// Publish, and bind as destination.
    Write,
    /// Consume, and bind as source.
    Read,
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configure => "configure",
            Self::Write => "write",
            Self::Read => "read",
        })
    }
}

/// The pattern can't be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid regular expression '{pattern}': {why}")]
pub struct BadPattern {
    pattern: String,
    why: String,
}

/// A regular expression over names, compiled when it is first needed.
pub struct Pattern {
    text: Box<str>,
    matcher: Matcher,
}

/// Most patterns need no engine, which would take some 15 KB each.
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
        // An empty pattern allows nothing that has a name.
        let text = if text.is_empty() { "^$" } else { text };
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

/// A user's permissions in one vhost.
#[derive(Debug)]
pub struct PermissionSet {
    /// Names that may be declared and deleted.
    pub configure: Pattern,
    /// Names that may be written to.
    pub write: Pattern,
    /// Names that may be read from.
    pub read: Pattern,
}

impl PermissionSet {
    /// Everything allowed.
    pub fn all() -> Self {
        Self::trusted(".*", ".*", ".*")
    }

    /// Patterns from outside.
    ///
    /// # Errors
    /// When one of them is no regular expression.
    pub fn parse(configure: &str, write: &str, read: &str) -> Result<Self, BadPattern> {
        Ok(Self {
            configure: Pattern::parse(configure)?,
            write: Pattern::parse(write)?,
            read: Pattern::parse(read)?,
        })
    }

    /// Patterns that were checked when they were stored.
    pub fn trusted(configure: &str, write: &str, read: &str) -> Self {
        Self {
            configure: Pattern::trusted(configure),
            write: Pattern::trusted(write),
            read: Pattern::trusted(read),
        }
    }

    /// Is `permission` given on `name`?
    pub fn allows(&self, permission: Permission, name: &str) -> bool {
        match permission {
            Permission::Configure => self.configure.is_match(name),
            Permission::Write => self.write.is_match(name),
            Permission::Read => self.read.is_match(name),
        }
    }
}

/// A user's permissions on the routing keys of one topic exchange.
#[derive(Debug)]
pub struct TopicPermissionSet {
    /// As they were given, variables unexpanded.
    texts: (Box<str>, Box<str>),
    write: Pattern,
    read: Pattern,
}

impl TopicPermissionSet {
    /// Patterns from outside, for `user` in `vhost`: `{username}` and `{vhost}` stand for them.
    ///
    /// # Errors
    /// When one of them is no regular expression.
    pub fn parse(write: &str, read: &str, user: &str, vhost: &str) -> Result<Self, BadPattern> {
        Pattern::parse(&expand(write, user, vhost))?;
        Pattern::parse(&expand(read, user, vhost))?;
        Ok(Self::trusted(write, read, user, vhost))
    }

    /// Patterns that were checked when they were stored.
    pub fn trusted(write: &str, read: &str, user: &str, vhost: &str) -> Self {
        Self {
            write: Pattern::trusted(&expand(write, user, vhost)),
            read: Pattern::trusted(&expand(read, user, vhost)),
            texts: (write.into(), read.into()),
        }
    }

    /// The write and the read pattern as they were given.
    pub fn texts(&self) -> (&str, &str) {
        (&self.texts.0, &self.texts.1)
    }

    /// Is `permission` given on `routing_key`? There is nothing to configure about a key.
    pub fn allows(&self, permission: Permission, routing_key: &str) -> bool {
        match permission {
            Permission::Configure => true,
            Permission::Write => self.write.is_match(routing_key),
            Permission::Read => self.read.is_match(routing_key),
        }
    }
}

/// Puts in the variables' values, as plain text. Unknown variables stay, as plain text too.
fn expand<'a>(pattern: &'a str, user: &str, vhost: &str) -> Cow<'a, str> {
    if !pattern.contains('{') {
        return pattern.into();
    }
    let mut out = String::with_capacity(pattern.len() + user.len());
    let mut rest = pattern;
    while let Some((before, name, after)) = next_variable(rest) {
        out.push_str(before);
        match name {
            "username" => out.push_str(&fancy_regex::escape(user)),
            "vhost" => out.push_str(&fancy_regex::escape(vhost)),
            other => out.push_str(&format!("\\{{{other}\\}}")),
        }
        rest = after;
    }
    out.push_str(rest);
    out.into()
}

/// The text before the first `{name}`, the name, and the text after. `{2,3}` is none.
fn next_variable(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let start = from + text[from..].find('{')?;
        let end = start + text[start..].find('}')?;
        let name = &text[start + 1..end];
        let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
        if !name.is_empty() && name.chars().all(is_name) {
            return Some((&text[..start], name, &text[end + 1..]));
        }
        from = start + 1;
    }
}

/// A permission is missing. The text is what the client reads after `ACCESS_REFUSED - `.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessRefused {
    /// On a queue or exchange.
    #[error("{permission} access to {resource} refused for user '{user}'")]
    Resource {
        /// The one that is missing.
        permission: Permission,
        /// On what.
        resource: Resource,
        /// For whom.
        user: String,
    },
    /// On a routing key of a topic exchange.
    #[error("{permission} access to topic '{routing_key}' in {exchange} refused for user '{user}'")]
    Topic {
        /// The one that is missing.
        permission: Permission,
        /// On which key.
        routing_key: String,
        /// In which exchange.
        exchange: Resource,
        /// For whom.
        user: String,
    },
    /// A requester's reply name is no queue that anybody could bind.
    #[error("operation not permitted on a direct reply-to name")]
    ReplyTo,
}

impl AccessRefused {
    /// Somebody wants to bind a direct reply-to name.
    pub fn bind_reply_to() -> Self {
        Self::ReplyTo
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
    fn an_empty_pattern_allows_nothing_with_a_name() {
        check("", &[""], &["q", "amq.default"]);
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
            let engine = compile(if pattern.is_empty() { "^$" } else { pattern }).unwrap();
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

    #[test]
    fn the_set_picks_the_pattern() {
        let set = PermissionSet::parse("^c", "^w", "^r").unwrap();
        assert!(set.allows(Permission::Configure, "c"));
        assert!(set.allows(Permission::Write, "w"));
        assert!(set.allows(Permission::Read, "r"));
        assert!(!set.allows(Permission::Read, "w"));
    }

    #[test]
    fn variables_are_plain_text() {
        let topic = |pattern| TopicPermissionSet::parse(pattern, "", "a.b", "{username}").unwrap();
        let writes = |pattern, key| topic(pattern).allows(Permission::Write, key);
        assert!(writes("^{username}\\.", "a.b.c"));
        assert!(!writes("^{username}\\.", "axb.c"));
        assert!(writes("^{vhost}$", "{username}"));
        assert!(writes("^x{2,3}$", "xx"));
        assert!(writes("^{client_id}$", "{client_id}"));
        assert!(writes("^{2}|{username}", "a.b"));
        assert_eq!(topic("^{username}").texts(), ("^{username}", ""));
    }

    #[test]
    fn refusals_name_what_is_missing() {
        let refused = AccessRefused::Resource {
            permission: Permission::Configure,
            resource: Resource::queue("q", "/"),
            user: "u".into(),
        };
        let text = "configure access to queue 'q' in vhost '/' refused for user 'u'";
        assert_eq!(refused.to_string(), text);
        let refused = AccessRefused::Topic {
            permission: Permission::Write,
            routing_key: "KEY".into(),
            exchange: Resource::exchange("e", "/"),
            user: "u".into(),
        };
        let text = "write access to topic 'KEY' in exchange 'e' in vhost '/' refused for user 'u'";
        assert_eq!(refused.to_string(), text);
    }
}
