//! A file that tells other programs which process the broker is.

use std::path::{Path, PathBuf};
use std::{fs, io, process};

/// The file, which goes when this is dropped.
pub(crate) struct PidFile(PathBuf);

impl PidFile {
    /// Writes this process's id to `path`, whatever was there.
    ///
    /// # Errors
    /// When that is not possible.
    pub(crate) fn write(path: &Path) -> io::Result<Self> {
        fs::write(path, format!("{}\n", process::id()))?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Somebody else may have been faster, or the directory is gone.
        let _ = fs::remove_file(&self.0);
    }
}
