//! Why a command ends without what was asked for, and with which exit code.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use ferrymq_broker::config::Problems;

/// What goes wrong. The text is what the operator reads below `Error:`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The command line says something that can't be meant.
    #[error("{0}")]
    Usage(String),
    /// The broker's settings can't be read, so nobody knows where its socket is.
    #[error(transparent)]
    Config(#[from] Problems),
    /// Nobody answers. Compat: scripts look for the first line.
    #[error(
        "unable to perform an operation on node '{node}'. Please see diagnostics information and \
         suggestions below.\n\n{reason}\n\n * Is the broker running, with this data directory? \
         --data-dir, --config and FERRYMQ_DATA_DIR say where it is\n * The local socket serves root \
         and the user that the broker runs as\n * --uri http://USER:PASSWORD@HOST:15672 asks a \
         broker elsewhere"
    )]
    Unreachable { node: String, reason: String },
    /// The broker took too long.
    #[error("operation timed out after {} seconds", .0.as_secs_f64())]
    TimedOut(Duration),
    /// The user may not do this, or is not known.
    #[error("access refused: {0}")]
    AccessRefused(String),
    #[error("User \"{0}\" does not exist")]
    NoSuchUser(String),
    #[error("Virtual host '{0}' does not exist")]
    NoSuchVHost(String),
    /// Something else that a command names is not there.
    #[error("{0}")]
    NotFound(String),
    /// The broker refuses what was asked for.
    #[error("{0}")]
    Refused(String),
    /// What a check looked for is not as it should be.
    #[error("{0}")]
    CheckFailed(String),
    /// The broker failed.
    #[error("the broker answered {status}: {reason}")]
    Broker { status: u16, reason: String },
    /// The broker says something that is not understood.
    #[error("unexpected answer of the broker: {0}")]
    Answer(String),
    /// A file can't be read or written.
    #[error("{path}: {error}")]
    File { path: String, error: io::Error },
    /// This makes no sense on this broker.
    #[error("{0}")]
    Unsupported(String),
    #[error("can't write the output: {0}")]
    Output(#[from] io::Error),
}

impl Error {
    /// Compat: rabbitmqctl's, which are those of `sysexits.h`.
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 64,
            Self::NoSuchVHost(_) | Self::NotFound(_) | Self::Refused(_) | Self::File { .. } => 65,
            Self::NoSuchUser(_) => 67,
            Self::Unreachable { .. }
            | Self::AccessRefused(_)
            | Self::CheckFailed(_)
            | Self::Unsupported(_) => 69,
            Self::Broker { .. } | Self::Answer(_) | Self::Output(_) => 70,
            Self::TimedOut(_) => 75,
            Self::Config(_) => 78,
        }
    }

    /// Tells the operator, and gives the exit code. That nobody reads the output any more (`| head`)
    /// is no error.
    pub(super) fn report(&self) -> ExitCode {
        if let Self::Output(error) = self
            && error.kind() == io::ErrorKind::BrokenPipe
        {
            return ExitCode::SUCCESS;
        }
        eprintln!("Error:\n{self}");
        ExitCode::from(self.code())
    }
}
