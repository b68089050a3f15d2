//! A copy of a directory that can be written to, gone when it is dropped.

use std::fs;
use std::io;
use std::path::Path;

use tempfile::TempDir;

use crate::Error;

/// Copies `source` into a temporary directory, under `name`.
pub(super) fn directory(source: &Path, name: &str) -> Result<TempDir, Error> {
    let copy = || -> io::Result<TempDir> {
        let directory = tempfile::Builder::new().prefix("ferrymq-").tempdir()?;
        copy_all(source, &directory.path().join(name))?;
        Ok(directory)
    };
    copy().map_err(Error::io("copy", source.display().to_string()))
}

fn copy_all(source: &Path, target: &Path) -> io::Result<()> {
    fs::create_dir(target)?;
    for entry in fs::read_dir(source)? {
        let entry = entry?;
        let target = target.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_all(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
