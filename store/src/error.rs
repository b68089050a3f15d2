//! What can go wrong with durable bytes, named by what happened.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why the store could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process, or another store in this one, has the directory open.
    #[error("data directory {} is in use by process {process}", .directory.display())]
    Locked {
        /// The data directory.
        directory: PathBuf,
        /// The process that holds it, as its lock file says.
        process: String,
    },
    /// There is nothing in the directory that could be looked at.
    #[error("there is no store in {}", .directory.display())]
    NoStore {
        /// The data directory.
        directory: PathBuf,
    },
    /// The operating system refused a file operation.
    #[error("cannot {action} {file}: {source}")]
    Io {
        /// What was attempted, as a verb.
        action: &'static str,
        /// The file or directory, relative to the data directory.
        file: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// There is no room for a write. Nothing was confirmed, and it can be tried again.
    #[error("cannot {action} {file}: {source}")]
    NoRoom {
        /// What was attempted, as a verb.
        action: &'static str,
        /// The file or directory, relative to the data directory.
        file: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file was written by a version of this program that is not known here.
    #[error("{file} has format version {found}, this program reads version {supported}")]
    UnknownVersion {
        /// The file, relative to the data directory.
        file: String,
        /// The version in the file's head.
        found: u32,
        /// The one version that is understood.
        supported: u32,
    },
    /// The checkpointed index could not be read or written.
    #[error("index: {0}")]
    Index(String),
    /// A thread of the store is gone, by a mistake of ours.
    #[error("the {0} thread panicked")]
    Panicked(&'static str),
    /// An earlier write or sync failed, which is final: nothing is written any more.
    #[error("the log failed earlier: {0}")]
    Failed(Arc<Error>),
}

impl Error {
    /// Wraps an error of the operating system with what was attempted, and where.
    pub(crate) fn io(
        action: &'static str,
        file: impl Into<String>,
    ) -> impl FnOnce(io::Error) -> Self {
        let file = file.into();
        move |source| Self::Io {
            action,
            file,
            source,
        }
    }

    /// Wraps an error of what needs room on the disk; what only syncs never says [`Error::NoRoom`].
    pub(crate) fn write(
        action: &'static str,
        file: impl Into<String>,
    ) -> impl FnOnce(io::Error) -> Self {
        let file = file.into();
        move |source| {
            if is_full(&source) {
                Self::NoRoom {
                    action,
                    file,
                    source,
                }
            } else {
                Self::Io {
                    action,
                    file,
                    source,
                }
            }
        }
    }

    /// Whether the same may succeed once there is room.
    pub(crate) fn is_no_room(&self) -> bool {
        matches!(self, Self::NoRoom { .. })
    }
}

/// Whether an error says that there is no room: on the disk, or for this user.
pub(crate) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull, WriteZero};
    matches!(error.kind(), StorageFull | QuotaExceeded | WriteZero)
}
