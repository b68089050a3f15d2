//! SASL: user and password out of the response of `connection.start-ok`.

use std::fmt;

use ferrymq_amqp::{RawTable, RawValue, ReplyCode};

/// What `connection.start` can offer.
pub const MECHANISMS: [&str; 2] = ["PLAIN", "AMQPLAIN"];

/// Can clients log in by `mechanism`?
pub fn is_known_mechanism(mechanism: &str) -> bool {
    MECHANISMS.contains(&mechanism)
}

/// A name and a password, as a client sent them.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user's name.
    pub user: String,
    /// The password's bytes.
    pub password: Vec<u8>,
}

impl fmt::Debug for Credentials {
    /// Passwords stay out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// The response can't be understood. Its bytes are not shown: they may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SaslError {
    /// Not a mechanism that was offered.
    #[error("unknown authentication mechanism '{}'", .0.escape_debug())]
    UnknownMechanism(String),
    /// The user's name would come from a client certificate.
    #[error("authentication mechanism EXTERNAL needs a TLS connection with a client certificate")]
    ExternalWithoutTls,
    /// Not `NUL user NUL password`.
    #[error("malformed PLAIN response")]
    MalformedPlain,
    /// Not a table with the strings LOGIN and PASSWORD.
    #[error("malformed AMQPLAIN response")]
    MalformedAmqPlain,
}

impl SaslError {
    /// The code that the connection is closed with.
    pub fn reply_code(&self) -> ReplyCode {
        match self {
            Self::UnknownMechanism(_) | Self::ExternalWithoutTls => ReplyCode::CommandInvalid,
            Self::MalformedPlain | Self::MalformedAmqPlain => ReplyCode::SyntaxError,
        }
    }
}

/// Reads the response of the named mechanism.
///
/// # Errors
/// When the mechanism was not offered, or the response does not have its form.
pub fn credentials(mechanism: &str, response: &[u8]) -> Result<Credentials, SaslError> {
    match mechanism {
        "PLAIN" => plain(response).ok_or(SaslError::MalformedPlain),
        "AMQPLAIN" => amqplain(response).ok_or(SaslError::MalformedAmqPlain),
        "EXTERNAL" => Err(SaslError::ExternalWithoutTls),
        other => Err(SaslError::UnknownMechanism(other.to_owned())),
    }
}

/// `NUL user NUL password`. Compat: an authorization identity in front is refused.
fn plain(response: &[u8]) -> Option<Credentials> {
    let mut parts = response.strip_prefix(&[0])?.split(|byte| *byte == 0);
    let (user, password) = (parts.next()?, parts.next()?);
    match parts.next() {
        Some(_) => None,
        None => from_bytes(user, password),
    }
}

/// The entries of a field table, without the length in front of them.
fn amqplain(response: &[u8]) -> Option<Credentials> {
    let table = RawTable::parse(response).ok()?;
    from_bytes(bytes_of(table, "LOGIN")?, bytes_of(table, "PASSWORD")?)
}

fn bytes_of<'a>(table: RawTable<'a>, name: &str) -> Option<&'a [u8]> {
    match table.get(name)? {
        RawValue::LongString(bytes) | RawValue::ByteArray(bytes) => Some(bytes),
        _ => None,
    }
}

fn from_bytes(user: &[u8], password: &[u8]) -> Option<Credentials> {
    Some(Credentials {
        user: String::from_utf8(user.to_vec()).ok()?,
        password: password.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(mechanism: &str, response: &[u8], expected: Result<(&str, &str), ReplyCode>) {
        let found = credentials(mechanism, response);
        let expected = expected.map(|(user, password)| Credentials {
            user: user.to_owned(),
            password: password.into(),
        });
        assert_eq!(found.map_err(|error| error.reply_code()), expected);
    }

    /// Table entries with long strings.
    fn entries(entries: &[(&str, u8, &str)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, tag, value) in entries {
            out.push(name.len() as u8);
            out.extend_from_slice(name.as_bytes());
            out.push(*tag);
            out.extend_from_slice(&(value.len() as u32).to_be_bytes());
            out.extend_from_slice(value.as_bytes());
        }
        out
    }

    #[test]
    fn plain_is_two_fields() {
        check("PLAIN", b"\0guest\0secret", Ok(("guest", "secret")));
        check("PLAIN", b"\0guest\0", Ok(("guest", "")));
        let refused = Err(ReplyCode::SyntaxError);
        check("PLAIN", b"", refused);
        check("PLAIN", b"guest\0secret", refused);
        check("PLAIN", b"admin\0guest\0secret", refused);
        check("PLAIN", b"\0guest", refused);
        check("PLAIN", b"\0guest\0secret\0more", refused);
        check("PLAIN", b"\0\xff\0secret", refused);
    }

    #[test]
    fn amqplain_is_a_table_without_length() {
        let both = |login_tag, password_tag| {
            entries(&[
                ("LOGIN", login_tag, "guest"),
                ("PASSWORD", password_tag, "secret"),
            ])
        };
        check("AMQPLAIN", &both(b'S', b'S'), Ok(("guest", "secret")));
        check("AMQPLAIN", &both(b'x', b'x'), Ok(("guest", "secret")));
        let refused = Err(ReplyCode::SyntaxError);
        check("AMQPLAIN", &entries(&[("LOGIN", b'S', "guest")]), refused);
        check("AMQPLAIN", &both(b'S', b'F'), refused);
        check("AMQPLAIN", b"\x05LOG", refused);
    }

    #[test]
    fn other_mechanisms_are_not_offered() {
        check("EXTERNAL", b"", Err(ReplyCode::CommandInvalid));
        check("ANONYMOUS", b"", Err(ReplyCode::CommandInvalid));
        let text = credentials("A\nB", b"").unwrap_err().to_string();
        assert_eq!(text, "unknown authentication mechanism 'A\\nB'");
    }

    #[test]
    fn debug_output_shows_no_password() {
        let credentials = credentials("PLAIN", b"\0guest\0secret").unwrap();
        assert!(!format!("{credentials:?}").contains("secret"));
    }
}
