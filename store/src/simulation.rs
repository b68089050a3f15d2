//! A store on a simulated disk, driven step by step in one thread.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::checkpoint::Checkpointer;
use crate::committer::Committer;
use crate::disk::{Disk, SimulatedDisk};
use crate::recovery::{self, Recovered};
use crate::table::SimulatedTables;
use crate::{Error, Options, Store};

/// More room is not held in reserve.
const RESERVE_BYTES_MAX: u64 = 16 * 1024;

/// What a store's threads would do.
#[derive(Debug)]
pub struct Steps {
    committer: Arc<Mutex<Committer>>,
    checkpointer: Checkpointer,
    disk: SimulatedDisk,
}

impl Store {
    /// Opens a store on a simulated disk. Nothing happens but by the returned steps.
    ///
    /// [`Options::pending_limit_bytes`] must be out of reach, for nobody would make room.
    pub fn open_simulated(
        disk: &SimulatedDisk,
        mut options: Options,
    ) -> Result<(Self, Steps, Recovered), Error> {
        // The disk is memory.
        options.reserve_bytes = options.reserve_bytes.min(RESERVE_BYTES_MAX);
        let tables = Box::new(SimulatedTables(disk.clone()));
        let shared_disk: Arc<dyn Disk> = Arc::new(disk.clone());
        let lock = shared_disk.create("lock");
        let lock = lock.map_err(Error::io("lock", "lock"))?;
        let parts = recovery::recover(shared_disk, tables, options)?;
        let steps = Steps {
            committer: Arc::new(Mutex::new(parts.committer)),
            checkpointer: parts.checkpointer,
            disk: disk.clone(),
        };
        let store = Self::new(parts.shared, None, lock);
        Ok((store, steps, parts.recovered))
    }
}

impl Steps {
    /// Commits what is pending, or tries again what there was no room for.
    pub fn commit(&mut self) {
        self.committer.lock().commit_pending();
    }

    /// The number of the group that what is appended next goes into.
    pub fn next_group(&self) -> u64 {
        self.committer.lock().next_group()
    }

    /// Writes a checkpoint, if there is anything new, and compacts.
    pub fn checkpoint(&mut self) {
        self.checkpointer.checkpoint();
        self.checkpointer.compact();
    }

    /// Writes a checkpoint, and commits what is pending after so many operations on its table.
    pub fn checkpoint_around_commit(&mut self, operations: u64) {
        self.disk.interruption().set(operations, &self.committer);
        self.checkpointer.checkpoint();
        self.disk.interruption().clear();
    }
}
