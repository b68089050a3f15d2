//! What the management interface answers to, and adds to its answers.

use std::time::Duration;

use crate::browse::Mask;

/// Settings of the management interface, beside where it listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// In front of every path, `/mq` for example; empty: nothing.
    pub path_prefix: String,
    /// Pages of other sites that may use the API.
    pub cors: Cors,
    /// Bytes of a request's body.
    pub max_body_bytes: u64,
    /// May messages be looked at that nobody has taken?
    pub message_browser: bool,
    /// Fields of JSON payloads that nobody sees here.
    pub masked_fields: Mask,
    /// After so long without a request the console asks for the password again.
    pub session_timeout: Duration,
    /// The console shows everything and changes nothing.
    pub read_only: bool,
}

/// Which pages of other sites may use the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    /// Their origins, `https://example.org` for example; `*` stands for all, without credentials.
    pub allow_origins: Vec<String>,
    /// How long browsers may remember the answer.
    pub max_age: Duration,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            path_prefix: String::new(),
            cors: Cors::default(),
            // Compat: RabbitMQ's default, 20 million.
            max_body_bytes: 20_000_000,
            message_browser: true,
            masked_fields: Mask::default(),
            // Compat: RabbitMQ's default, 480 minutes.
            session_timeout: Duration::from_secs(8 * 60 * 60),
            read_only: false,
        }
    }
}

impl Default for Cors {
    fn default() -> Self {
        Self {
            allow_origins: Vec::new(),
            max_age: Duration::from_secs(1_800),
        }
    }
}

/// A prefix as it would be written.
pub(super) fn shown_prefix(prefix: &str) -> &str {
    match prefix {
        "" => "/",
        prefix => prefix,
    }
}

/// `/a/b` of a text with or without slashes around; nothing of `/`, and `None` of what no path can hold.
pub(super) fn path_prefix(text: &str) -> Option<String> {
    let inner = text.trim().trim_matches('/');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    if !inner.bytes().all(plain) || inner.contains("//") {
        return None;
    }
    Some(match inner {
        "" => String::new(),
        _ => format!("/{inner}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(path_prefix(text).as_deref(), expected, "{text}");
    }

    #[test]
    fn a_prefix_begins_with_a_slash_and_does_not_end_with_one() {
        check("/", Some(""));
        check("mq", Some("/mq"));
        check("/a/b/", Some("/a/b"));
        check("/a//b", None);
        check("/a b", None);
        check("/%2F", None);
    }
}
