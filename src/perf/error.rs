//! What stops a run.

/// Why the scenario could not be run to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("cannot write {file:?}: {why}")]
    Write {
        file: std::path::PathBuf,
        why: std::io::Error,
    },
    #[error("the broker closed the {what}: {code} {text}")]
    Closed {
        what: &'static str,
        code: u16,
        text: String,
    },
    #[error("the broker closed the socket")]
    Eof,
    #[error("the broker sent {0}")]
    Frame(#[from] ferrymq_amqp::FrameError),
    #[error("the broker sent a {0}")]
    Method(#[from] ferrymq_amqp::MethodError),
    #[error("the broker sent a {0}")]
    Content(#[from] ferrymq_amqp::ContentError),
    #[error("expected {expected}, the broker sent {received}")]
    Unexpected {
        expected: &'static str,
        received: String,
    },
    #[error("{0} are missing")]
    Missing(&'static str),
    /// The command line asks for what cannot be done.
    #[error("{0}")]
    Usage(String),
}
