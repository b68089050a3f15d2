//! The only file I/O of the log: a small trait, the real disk behind it, and a simulated twin.
//!
//! Paths are relative to the data directory and use `/`. Nothing here knows what the bytes mean.

mod real;
mod simulated;

use std::fmt::Debug;
use std::io::{self, IoSlice};
use std::sync::Arc;

pub(crate) use real::RealDisk;
pub use simulated::{Fault, SimulatedDisk};

/// A directory tree of files which can be made durable.
pub(crate) trait Disk: Debug + Send + Sync {
    /// Creates a directory and its parents; it may exist already.
    fn create_dir(&self, path: &str) -> io::Result<()>;
    /// The names of the files in a directory, in no order.
    fn list(&self, directory: &str) -> io::Result<Vec<String>>;
    /// Opens an existing file for reading and writing.
    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Creates an empty file, and truncates one that is there.
    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Removes a file. Durable after `sync_dir`.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Renames a file or directory. Durable after `sync_dir`.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Gives a file a second name. Durable after `sync_dir`.
    fn link(&self, from: &str, to: &str) -> io::Result<()>;
    /// Makes a directory's entries durable.
    fn sync_dir(&self, path: &str) -> io::Result<()>;
    /// Takes an exclusive lock on a file, which ends with the returned value; `None` when it is taken.
    fn lock(&self, path: &str) -> io::Result<Option<Arc<dyn DiskFile>>>;
}

/// An open file, addressed by offset.
pub(crate) trait DiskFile: Debug + Send + Sync {
    /// Writes all pieces, one after another, from `offset` on.
    fn write_at(&self, offset: u64, pieces: &mut [IoSlice<'_>]) -> io::Result<()>;
    /// Fills `buffer` from `offset` on; fewer bytes only at the end of the file.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
    /// Makes the content durable, and of the metadata what is needed to read it back.
    fn sync_data(&self) -> io::Result<()>;
    /// Makes content and metadata durable.
    fn sync_all(&self) -> io::Result<()>;
    /// The length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Extends the file with zeros up to `length`, and reserves the room for them.
    fn allocate(&self, length: u64) -> io::Result<()>;
    /// Cuts or extends (with zeros) the file.
    fn set_len(&self, length: u64) -> io::Result<()>;
}
