//! Reply codes: what went wrong, and whether the channel or the connection pays for it.

use std::fmt;

/// The longest reply text, in bytes.
const MAX_TEXT_BYTES: usize = 255;

macro_rules! reply_codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal $name:literal,)*) => {
        /// A reply code of `channel.close`, `connection.close` or `basic.return`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum ReplyCode {
            $($(#[$doc])* $variant = $code,)*
        }

        impl ReplyCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name that starts a reply text.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

reply_codes! {
    /// A normal close.
    ReplySuccess = 200 "REPLY_SUCCESS",
    /// A body larger than the peer can take.
    ContentTooLarge = 311 "CONTENT_TOO_LARGE",
    /// Returned: no queue for the routing key.
    NoRoute = 312 "NO_ROUTE",
    /// Returned: nobody to deliver to at once.
    NoConsumers = 313 "NO_CONSUMERS",
    /// An operator or a shutdown closed the connection.
    ConnectionForced = 320 "CONNECTION_FORCED",
    /// An unknown virtual host, in older brokers.
    InvalidPath = 402 "INVALID_PATH",
    /// Not permitted to this user.
    AccessRefused = 403 "ACCESS_REFUSED",
    /// No such queue or exchange.
    NotFound = 404 "NOT_FOUND",
    /// Exclusive to another connection.
    ResourceLocked = 405 "RESOURCE_LOCKED",
    /// An argument, a tag or a limit does not fit.
    PreconditionFailed = 406 "PRECONDITION_FAILED",
    /// A malformed frame.
    FrameError = 501 "FRAME_ERROR",
    /// A field with an impossible value.
    SyntaxError = 502 "SYNTAX_ERROR",
    /// A method that is unknown, or out of order.
    CommandInvalid = 503 "COMMAND_INVALID",
    /// A method on a channel that is not open.
    ChannelError = 504 "CHANNEL_ERROR",
    /// A frame that is out of place.
    UnexpectedFrame = 505 "UNEXPECTED_FRAME",
    /// Not enough resources.
    ResourceError = 506 "RESOURCE_ERROR",
    /// Against a limit or a rule of the whole connection.
    NotAllowed = 530 "NOT_ALLOWED",
    /// Something that the broker does not do.
    NotImplemented = 540 "NOT_IMPLEMENTED",
    /// The broker's own fault.
    InternalError = 541 "INTERNAL_ERROR",
}

impl ReplyCode {
    /// The number on the wire.
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// The code with this number.
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.code() == code)
    }

    /// Whether the connection closes, and not only the channel.
    pub const fn closes_connection(self) -> bool {
        !matches!(
            self,
            Self::ContentTooLarge
                | Self::NoRoute
                | Self::NoConsumers
                | Self::AccessRefused
                | Self::NotFound
                | Self::ResourceLocked
                | Self::PreconditionFailed
        )
    }
}

impl fmt::Display for ReplyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code(), self.name())
    }
}

/// `NAME - explanation`, cut to the 255 bytes of a short string between two characters.
pub fn reply_text(code: ReplyCode, explanation: impl fmt::Display) -> String {
    let mut text = format!("{} - {explanation}", code.name());
    text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_characters() {
        let text = reply_text(ReplyCode::NotFound, "ü".repeat(300));
        assert!(text.starts_with("NOT_FOUND - ü"));
        assert_eq!(text.len(), 254);
        assert_eq!(
            reply_text(ReplyCode::NotFound, "no queue 'q' in vhost '/'"),
            "NOT_FOUND - no queue 'q' in vhost '/'"
        );
    }

    #[test]
    fn scope_by_code() {
        for &code in ReplyCode::ALL {
            let channel = matches!(code.code(), 311..=313 | 403..=406);
            assert_eq!(code.closes_connection(), !channel, "{code}");
            assert_eq!(ReplyCode::from_code(code.code()), Some(code));
        }
        assert_eq!(ReplyCode::from_code(1), None);
    }
}
