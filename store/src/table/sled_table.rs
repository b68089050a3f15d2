//! sled 0.34, and what contains its faults.
//!
//! Its `flush` does not make the file durable, so it is synced through a handle of our own. It may panic
//! on what a crash left, so everything runs inside `catch_unwind`; a database that cannot be used is
//! moved aside, and the log is enough to make a new one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{Batch, Table, Tables, Visit};
use crate::Error;
use crate::disk::{Disk, DiskFile};
use crate::error::is_full;

/// Where sled lives in the data directory.
pub(crate) const DIRECTORY: &str = "index";
/// A closed database lets go of its lock a little later.
const LOCK_RETRIES: usize = 200;
const LOCK_RETRY_AFTER: Duration = Duration::from_millis(10);

/// The sled database of a data directory.
#[derive(Debug)]
pub(crate) struct SledTables {
    root: PathBuf,
    disk: Arc<dyn Disk>,
    cache_bytes: u64,
}

impl SledTables {
    pub(crate) fn new(root: &Path, disk: Arc<dyn Disk>, cache_bytes: u64) -> Self {
        let root = root.to_owned();
        Self {
            root,
            disk,
            cache_bytes,
        }
    }
}

impl Tables for SledTables {
    fn open(&self) -> Result<Box<dyn Table>, Error> {
        let db = open_db(&self.root.join(DIRECTORY), self.cache_bytes)?;
        let open = || {
            let file = self.disk.open(&format!("{DIRECTORY}/db"))?;
            self.disk.sync_dir(DIRECTORY)?;
            self.disk.sync_dir("")?;
            Ok(file)
        };
        let file = open().map_err(Error::io("open", DIRECTORY))?;
        Ok(Box::new(SledTable { db, file }))
    }

    fn move_aside(&self) -> Result<(), Error> {
        let aside = move_aside(&*self.disk, "damaged")?;
        tracing::error!(aside, "the index is unusable and was moved aside");
        Ok(())
    }
}

/// Gives a closed database another name, which says why. Returns it.
pub(crate) fn move_aside(disk: &dyn Disk, why: &str) -> Result<String, Error> {
    let names = (1..).map(|number| format!("{DIRECTORY}.{why}-{number}"));
    let free = names.map(|name| (disk.list(&name).is_err(), name));
    let aside = free.filter_map(|(free, name)| free.then_some(name)).next();
    let aside = aside.expect("there are more names than directories");
    let renamed = disk.rename(DIRECTORY, &aside);
    renamed.map_err(Error::io("rename", DIRECTORY))?;
    Ok(aside)
}

#[derive(Debug)]
struct SledTable {
    db: sled::Db,
    /// The database's one file.
    file: Arc<dyn DiskFile>,
}

fn open_db(path: &Path, cache_bytes: u64) -> Result<sled::Db, Error> {
    let mut retries = LOCK_RETRIES;
    loop {
        let config = sled::Config::new()
            .path(path)
            .cache_capacity(cache_bytes)
            .flush_every_ms(None);
        let opened = guarded(|| config.open());
        match &opened {
            Err(Error::Index(text)) if text.contains("could not acquire lock") && retries > 0 => {
                retries -= 1;
                std::thread::sleep(LOCK_RETRY_AFTER);
            }
            _ => return opened,
        }
    }
}

/// Runs sled's code, and turns what it throws into an error.
fn guarded<T>(run: impl FnOnce() -> sled::Result<T>) -> Result<T, Error> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Err(sled::Error::Io(error))) if is_full(&error) => {
            Err(Error::write("write", DIRECTORY)(error))
        }
        Ok(result) => result.map_err(|error| Error::Index(error.to_string())),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(Error::Index(format!(
                "panic: {}",
                text.unwrap_or("of unknown cause")
            )))
        }
    }
}

impl Table for SledTable {
    fn apply(&mut self, batch: Batch) -> Result<(), Error> {
        let mut changes = sled::Batch::default();
        for (key, value) in batch.changes {
            match value {
                Some(value) => changes.insert(key, value),
                None => changes.remove(key),
            }
        }
        guarded(|| self.db.apply_batch(changes))
    }

    fn sync(&mut self) -> Result<(), Error> {
        guarded(|| self.db.flush())?;
        self.file.sync_all().map_err(Error::io("sync", DIRECTORY))
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let value = guarded(|| self.db.get(key))?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn scan(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), Error> {
        let mut entries = guarded(|| Ok(self.db.scan_prefix(prefix)))?;
        while let Some((key, value)) = guarded(|| entries.next().transpose())? {
            visit(&key, &value)?;
        }
        Ok(())
    }
}
