//! What a user may do in a vhost: three patterns over names, and patterns over routing keys.

use std::borrow::Cow;
use std::fmt;

use crate::names::Resource;
use crate::pattern::{BadPattern, Pattern};

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

/// A user's permissions in one vhost.
#[derive(Debug, Clone)]
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
        permits(self.pattern(permission), name)
    }

    /// Is `permission` given on anything that has a name, as far as its pattern tells at a glance?
    pub fn allows_anything(&self, permission: Permission) -> bool {
        !self.pattern(permission).as_str().is_empty()
    }

    fn pattern(&self, permission: Permission) -> &Pattern {
        match permission {
            Permission::Configure => &self.configure,
            Permission::Write => &self.write,
            Permission::Read => &self.read,
        }
    }
}

/// An empty pattern allows nothing that has a name.
fn permits(pattern: &Pattern, name: &str) -> bool {
    pattern.is_match(name) && (name.is_empty() || !pattern.as_str().is_empty())
}

/// A user's permissions on the routing keys of one topic exchange.
#[derive(Debug, Clone)]
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
            Permission::Write => permits(&self.write, routing_key),
            Permission::Read => permits(&self.read, routing_key),
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

    #[test]
    fn the_set_picks_the_pattern() {
        let set = PermissionSet::parse("^c", "^w", "^r").unwrap();
        assert!(set.allows(Permission::Configure, "c"));
        assert!(set.allows(Permission::Write, "w"));
        assert!(set.allows(Permission::Read, "r"));
        assert!(!set.allows(Permission::Read, "w"));
    }

    #[test]
    fn an_empty_pattern_allows_nothing_with_a_name() {
        let set = PermissionSet::parse("", "^$", ".*").unwrap();
        for permission in [Permission::Configure, Permission::Write] {
            assert!(set.allows(permission, ""));
            assert!(!set.allows(permission, "q"));
        }
        assert!(set.allows(Permission::Read, "q"));
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
