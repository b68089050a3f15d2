//! Where lines go: standard output, or a file that can be opened anew.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Where lines go.
pub(super) enum Output {
    Standard,
    File { path: PathBuf, file: Mutex<File> },
}

impl Output {
    /// `path` if there is one, else standard output.
    ///
    /// # Errors
    /// When the file can't be opened for appending.
    pub(super) fn open(path: Option<&Path>) -> io::Result<Self> {
        let Some(path) = path else {
            return Ok(Self::Standard);
        };
        Ok(Self::File {
            path: path.to_owned(),
            file: Mutex::new(append_to(path)?),
        })
    }

    /// Opens the file again under its name.
    ///
    /// # Errors
    /// When it can't be opened; then the old one is still written to.
    pub(super) fn reopen(&self) -> io::Result<()> {
        if let Self::File { path, file } = self {
            let new = append_to(path)?;
            *file.lock().unwrap_or_else(|broken| broken.into_inner()) = new;
        }
        Ok(())
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    let opened = OpenOptions::new().create(true).append(true).open(path);
    opened.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

impl Write for &Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Output::Standard => io::stdout().write(bytes),
            Output::File { file, .. } => {
                let mut file = file.lock().unwrap_or_else(|broken| broken.into_inner());
                file.write(bytes)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Output::Standard => io::stdout().flush(),
            Output::File { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_that_was_moved_away_is_made_anew() {
        let directory = tempfile::tempdir().unwrap();
        let (path, moved) = (directory.path().join("log"), directory.path().join("log.1"));
        let output = Output::open(Some(&path)).unwrap();
        (&output).write_all(b"one\n").unwrap();
        fs::rename(&path, &moved).unwrap();
        (&output).write_all(b"two\n").unwrap();
        output.reopen().unwrap();
        (&output).write_all(b"three\n").unwrap();
        assert_eq!(fs::read_to_string(moved).unwrap(), "one\ntwo\n");
        assert_eq!(fs::read_to_string(path).unwrap(), "three\n");
    }

    #[test]
    fn a_place_that_does_not_exist_is_named() {
        let error = Output::open(Some(Path::new("/no/such/log"))).err().unwrap();
        assert!(error.to_string().starts_with("/no/such/log: "), "{error}");
    }
}
