//! A table in memory which forgets what was not synced, on the simulated disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Batch, Table, Tables, Visit};
use crate::Error;
use crate::committer::Committer;
use crate::disk::SimulatedDisk;

/// What the table holds, and held.
#[derive(Debug, Default, Clone)]
pub(crate) struct Contents {
    now: BTreeMap<Vec<u8>, Vec<u8>>,
    durable: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Applied since the last sync.
    unsynced: Vec<Batch>,
}

impl Contents {
    /// Of all keys and values.
    pub(crate) fn bytes(&self) -> usize {
        let entries = self.now.iter();
        entries.map(|(key, value)| key.len() + value.len()).sum()
    }

    /// Forgets what was not synced.
    fn reopen(&mut self) {
        self.now = self.durable.clone();
        self.unsynced.clear();
    }

    /// See [`SimulatedDisk::outline`].
    pub(crate) fn outline(&self) -> u32 {
        let unsynced = self.unsynced.iter().flat_map(|batch| &batch.changes);
        let unsynced = unsynced.map(|(key, value)| (key, value.as_ref().map_or(0, Vec::len)));
        let durable = self.durable.iter().map(|(key, value)| (key, value.len()));
        durable.chain(unsynced).fold(0, |sum, (key, length)| {
            crc32c::crc32c_append(crc32c::crc32c_append(sum, key), &length.to_le_bytes())
        })
    }

    /// What a power loss leaves: the first few of the unsynced batches, each whole.
    pub(crate) fn crash(&self, keep: &mut impl FnMut() -> bool) -> Self {
        let mut durable = self.durable.clone();
        for batch in self.unsynced.iter().take_while(|_| keep()) {
            change(&mut durable, batch);
        }
        Self {
            now: durable.clone(),
            durable,
            unsynced: Vec::new(),
        }
    }
}

fn change(values: &mut BTreeMap<Vec<u8>, Vec<u8>>, batch: &Batch) {
    for (key, value) in &batch.changes {
        match value {
            Some(value) => drop(values.insert(key.clone(), value.clone())),
            None => drop(values.remove(key)),
        }
    }
}

/// A commit in the middle of a checkpoint: after so many operations on the table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interruption(Arc<Mutex<Option<Waiting>>>);

/// So many operations later this one commits.
type Waiting = (u64, Arc<Mutex<Committer>>);

impl Interruption {
    pub(crate) fn set(&self, operations: u64, committer: &Arc<Mutex<Committer>>) {
        *self.0.lock() = Some((operations, Arc::clone(committer)));
    }

    pub(crate) fn clear(&self) {
        *self.0.lock() = None;
    }

    /// There was an operation.
    fn count(&self) {
        let mut waiting = self.0.lock();
        let due = waiting.take_if(|(operations, _)| *operations == 0);
        if let Some((operations, _)) = &mut *waiting {
            *operations -= 1;
        }
        drop(waiting);
        if let Some((_, committer)) = due {
            committer.lock().commit_pending();
        }
    }
}

/// Opens the table of a simulated disk.
#[derive(Debug)]
pub(crate) struct SimulatedTables(pub(crate) SimulatedDisk);

impl Tables for SimulatedTables {
    fn open(&self) -> Result<Box<dyn Table>, Error> {
        let reopened = self.0.with_table(0, Contents::reopen);
        reopened.map_err(Error::write("open", "index"))?;
        Ok(Box::new(SimulatedTable(self.0.clone())))
    }

    fn move_aside(&self) -> Result<(), Error> {
        self.0.lose_table();
        Ok(())
    }
}

/// The table of a simulated disk.
#[derive(Debug)]
pub(crate) struct SimulatedTable(pub(crate) SimulatedDisk);

impl Table for SimulatedTable {
    fn apply(&mut self, batch: Batch) -> Result<(), Error> {
        let applied = self.0.with_table(batch.bytes(), |table| {
            change(&mut table.now, &batch);
            table.unsynced.push(batch);
        });
        self.0.interruption().count();
        applied.map_err(Error::write("write", "index"))
    }

    fn sync(&mut self) -> Result<(), Error> {
        let synced = self.0.with_table(0, |table| {
            table.durable = table.now.clone();
            table.unsynced.clear();
        });
        self.0.interruption().count();
        synced.map_err(Error::write("sync", "index"))
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.0.table(|table| table.now.get(key).cloned()))
    }

    fn scan(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), Error> {
        let found: Vec<(Vec<u8>, Vec<u8>)> = self.0.table(|table| {
            let from = table.now.range(prefix.to_vec()..);
            let found = from.take_while(|(key, _)| key.starts_with(prefix));
            found
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        });
        found.iter().try_for_each(|(key, value)| visit(key, value))
    }
}
