//! Definitions that are imported before clients can connect, from a file or all files of a directory.

use std::io;
use std::path::{Path, PathBuf};

use ferrymq_broker::Broker;
use ferrymq_broker::events::INTERNAL_USER;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use tracing::info;

use super::apply::{ImportError, import};
use super::document::Scope;

/// The global parameter that holds the digest of what was imported last.
const DIGEST: &str = "internal_imported_definitions";

/// Why definitions were not imported. The text is for whoever starts the broker.
#[derive(Debug, thiserror::Error)]
pub enum StartImportError {
    /// The file, or directory, can't be read.
    #[error("can't read the definitions in {}: {error}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Something in the file can't be.
    #[error("can't import the definitions in {}: {why}", path.display())]
    Refused {
        /// Which.
        path: PathBuf,
        /// The object, and what is wrong with it.
        why: String,
    },
    /// The store has failed.
    #[error("can't keep the imported definitions: the store failed")]
    Store,
}

/// Imports the definitions that the settings name, if they do. Files of a directory count one by one, in the
/// order of their names; each holds as a whole or not at all.
///
/// # Errors
/// When they can't be read, or something in them can't be.
pub async fn import_at_start(broker: &Broker) -> Result<(), StartImportError> {
    let config = broker.config();
    let Some(path) = &config.definitions_file else {
        return Ok(());
    };
    let files = read(path).map_err(|error| StartImportError::Unreadable {
        path: path.clone(),
        error,
    })?;
    let digest = Json::from(digest(&files));
    if config.skip_unchanged_definitions && broker.global_parameter(DIGEST) == Some(digest.clone())
    {
        info!(
            "the definitions in {} are those that were imported last: skipped",
            path.display()
        );
        return Ok(());
    }
    let mut point = None;
    for (path, bytes) in files {
        info!("importing the definitions in {}", path.display());
        let imported = import(broker, &bytes, &Scope::Broker, INTERNAL_USER);
        let imported = imported.map_err(|why: ImportError| StartImportError::Refused {
            path,
            why: why.to_string(),
        })?;
        point = Some(imported);
    }
    if config.skip_unchanged_definitions {
        point = Some(broker.set_global_parameter(DIGEST, digest));
    }
    match point {
        Some(point) if !broker.committed(point).await => Err(StartImportError::Store),
        _ => Ok(()),
    }
}

/// The files of a directory whose names end with `.json`, or the one file.
fn read(path: &Path) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut files = match path.is_dir() {
        false => vec![path.to_owned()],
        true => std::fs::read_dir(path)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<Vec<_>>>()?,
    };
    if path.is_dir() {
        files.retain(|file| {
            file.extension()
                .is_some_and(|extension| extension == "json")
        });
        files.sort();
    }
    files
        .into_iter()
        .map(|file| std::fs::read(&file).map(|bytes| (file, bytes)))
        .collect()
}

fn digest(files: &[(PathBuf, Vec<u8>)]) -> String {
    let mut hash = Sha256::new();
    for (_, bytes) in files {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    }
    let bytes = hash.finalize();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
