//! A stopped store, looked at from outside: is it whole, what is in it, and an index made anew.
//!
//! Nothing here changes a file, save for `rebuild.rs`, and for the lock file, which gets our process. sled
//! writes when it opens a database, so a copy of it is opened, in the directory for temporary files.

mod copy;
mod rebuild;
mod records;
mod verify;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::checkpoint::{self, Loaded};
use crate::clean::{self, Note};
use crate::disk::{Disk, DiskFile, RealDisk};
use crate::log::{Location, Position};
use crate::segment::{self, DIRECTORY};
use crate::state::State;
use crate::table::{self, SledTables, Tables};
use crate::walk::{Damaged, Walked};
use crate::{Error, Options, QueueId, Sequence, recovery, replay};

pub use rebuild::Rebuilt;
pub use records::{Content, Record, Target};
pub use verify::{Records, Verified};

/// A place at which something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file, relative to the data directory.
    pub file: String,
    /// Where in the file, in bytes.
    pub offset: Option<u64>,
    /// What is wrong.
    pub what: String,
}

/// The key and the value of a definition.
pub type Definition = (Vec<u8>, Vec<u8>);

/// The store in a data directory that no broker has open.
#[derive(Debug)]
pub struct Offline {
    directory: PathBuf,
    disk: Arc<dyn Disk>,
    lock: Arc<dyn DiskFile>,
}

impl Offline {
    /// Takes the store of a directory, which must be there.
    ///
    /// Fails with [`Error::Locked`] while another process has it open.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        if !directory.join(DIRECTORY).is_dir() {
            let directory = directory.to_owned();
            return Err(Error::NoStore { directory });
        }
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(directory));
        let lock = recovery::lock(&*disk, directory)?;
        Ok(Self {
            directory: directory.to_owned(),
            disk,
            lock,
        })
    }

    /// What a start would find.
    fn look(&self) -> Result<Found, Error> {
        let mut damages = Vec::new();
        let note = clean::read(&*self.disk)?;
        if matches!(note, clean::Read::Damaged) {
            damages.push(Damage::of("clean", "the note of a clean stop is damaged"));
        }
        let note = note.whole();
        let mut state = State::default();
        state.index.begin_replay();
        let loaded = match self.load(&mut state) {
            Err(Error::Index(what)) => {
                damages.push(Damage::of(table::SLED_DIRECTORY, what));
                state = State::default();
                state.index.begin_replay();
                None
            }
            loaded => loaded?,
        };
        if loaded.is_none() && damages.is_empty() && recovery::was_checkpointed(&*self.disk, &note)?
        {
            let what = "it is empty, although something was written to it";
            damages.push(Damage::of(table::SLED_DIRECTORY, what));
        }
        let position = loaded.as_ref().map(|loaded| loaded.position);
        let durable = note.as_ref().map(|note| note.end).max(position);
        let durable = durable.unwrap_or_default();
        let walked = replay::replay(&*self.disk, position, durable, &mut state)?;
        Ok(Found {
            definitions: recovery::definitions(&state, loaded.map(|loaded| loaded.definitions)),
            state,
            note,
            durable,
            walked,
            damages,
        })
    }

    /// Loads a copy of the index; `None` if it has no checkpoint.
    fn load(&self, state: &mut State) -> Result<Option<Loaded>, Error> {
        let source = self.directory.join(table::SLED_DIRECTORY);
        if !source.is_dir() {
            return Err(Error::Index("it is missing".to_owned()));
        }
        let copy = copy::directory(&source, table::SLED_DIRECTORY)?;
        let disk = Arc::new(RealDisk::new(copy.path()));
        let cache_bytes = Options::default().index_cache_bytes;
        let mut table = SledTables::new(copy.path(), disk, cache_bytes).open()?;
        checkpoint::load(&mut *table, state)
    }
}

/// What a start would find.
struct Found {
    state: State,
    definitions: HashMap<Vec<u8>, Vec<u8>>,
    note: Option<Note>,
    /// The log was whole at least until here.
    durable: Position,
    walked: Walked,
    /// What is wrong outside the log.
    damages: Vec<Damage>,
}

impl Found {
    /// Whether a message is live, and here.
    fn is_live(&self, (queue, sequence): (QueueId, Sequence), location: Location) -> bool {
        self.state.index.get(queue, sequence) == Some(location)
    }

    /// Whether the stop was clean, and nothing has happened since.
    fn is_clean(&self) -> bool {
        let end = self.note.as_ref().map(|note| note.end);
        end == Some(self.state.applied) && self.walked.damages.is_empty()
    }
}

impl Damage {
    fn of(file: &str, what: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            offset: None,
            what: what.into(),
        }
    }
}

impl From<&Damaged> for Damage {
    fn from(damaged: &Damaged) -> Self {
        Self {
            file: segment::path(damaged.segment),
            offset: Some(damaged.offset),
            what: damaged.what.to_owned(),
        }
    }
}
