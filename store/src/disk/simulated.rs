//! A disk in memory that forgets what was not synced, tears writes and fails on demand.
//!
//! Cloning it shares the disk; [`SimulatedDisk::crash`] leaves what a power loss could leave.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, IoSlice};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Disk, DiskFile};
use crate::table::{Contents, Interruption};

/// What a power loss keeps or loses as one.
const SECTOR_BYTES: usize = 512;

/// A disk for tests. Everything is durable only after the sync that makes it so.
#[derive(Debug, Clone, Default)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
    interruption: Interruption,
}

/// An error that the disk answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The device failed (`EIO`).
    Broken,
    /// The device is full (`ENOSPC`). What needs no room succeeds.
    Full,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<u64, Content>,
    next_file: u64,
    /// What programs see.
    names: BTreeMap<String, u64>,
    /// What a power loss leaves.
    durable_names: BTreeMap<String, u64>,
    /// Answers writes and syncs once so many have succeeded.
    fault: Option<(u64, Fault)>,
    /// So much fits into named files and the table.
    capacity: Option<usize>,
    operations: u64,
    /// The table of checkpoints.
    table: Contents,
}

#[derive(Debug, Default, Clone)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
}

impl SimulatedDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets every write and sync fail after `operations` more of them have succeeded. A write is
    /// half done then.
    pub fn fail_after(&self, operations: u64, fault: Fault) {
        let mut state = self.state.lock();
        state.fault = Some((state.operations + operations, fault));
    }

    /// Ends the fault.
    pub fn mend(&self) {
        self.state.lock().fault = None;
    }

    /// Limits what all files hold together; what is beyond stays.
    pub fn set_capacity(&self, bytes: usize) {
        self.state.lock().capacity = Some(bytes);
    }

    /// What the files and the table hold together.
    pub fn used_bytes(&self) -> usize {
        self.state.lock().used_bytes()
    }

    /// How many writes and syncs there have been.
    pub fn operations(&self) -> u64 {
        self.state.lock().operations
    }

    /// Cuts the power. Each sector and each name that was not synced survives as `keep` decides.
    ///
    /// Files that are open stay usable by whoever holds them, but reach nothing any more.
    #[must_use]
    pub fn crash(&self, mut keep: impl FnMut() -> bool) -> Self {
        let state = self.state.lock();
        let mut names = state.durable_names.clone();
        for (name, file) in &state.names {
            if names.get(name) != Some(file) && keep() {
                names.insert(name.clone(), *file);
            }
        }
        names.retain(|name, file| state.names.get(name) == Some(file) || keep());
        let named: HashSet<u64> = names.values().copied().collect();
        let files = state.files.iter().filter(|(id, _)| named.contains(id));
        let files = files.map(|(id, content)| {
            let survived = survivors(content, &mut keep);
            let durable = survived.clone();
            let now = survived;
            (*id, Content { now, durable })
        });
        let after = State {
            files: files.collect(),
            next_file: state.next_file,
            durable_names: names.clone(),
            names,
            fault: None,
            capacity: state.capacity,
            operations: 0,
            table: state.table.crash(&mut keep),
        };
        Self {
            state: Arc::new(Mutex::new(after)),
            interruption: Interruption::default(),
        }
    }

    /// What may happen between two operations on the table.
    pub(crate) fn interruption(&self) -> &Interruption {
        &self.interruption
    }

    /// A checksum of what is on the disk: names, keys and lengths, for bytes may be random.
    pub fn outline(&self) -> u32 {
        let state = self.state.lock();
        let mut sum = state.table.outline();
        for (name, id) in &state.names {
            let content = &state.files[id];
            for length in [content.now.len(), content.durable.len()] {
                sum = crc32c::crc32c_append(sum, name.as_bytes());
                sum = crc32c::crc32c_append(sum, &length.to_le_bytes());
            }
        }
        sum
    }

    /// The files whose path starts with `prefix`.
    pub fn paths(&self, prefix: &str) -> Vec<String> {
        let state = self.state.lock();
        let names = state.names.keys();
        names
            .filter(|name| name.starts_with(prefix))
            .cloned()
            .collect()
    }

    /// Changes a file's bytes behind everybody's back, durably.
    pub fn damage(&self, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state.lock();
        let id = state.names[path];
        let content = state.files.get_mut(&id).expect("named files exist");
        change(&mut content.now);
        content.durable = content.now.clone();
    }

    /// Forgets the table of checkpoints.
    pub fn lose_table(&self) {
        self.state.lock().table = Contents::default();
    }

    /// Looks at the table of checkpoints.
    pub(crate) fn table<T>(&self, look: impl FnOnce(&Contents) -> T) -> T {
        look(&self.state.lock().table)
    }

    /// Changes the table of checkpoints.
    pub(crate) fn with_table(
        &self,
        bytes: usize,
        change: impl FnOnce(&mut Contents),
    ) -> io::Result<()> {
        let mut state = self.state.lock();
        state.count(Needs::Room)?;
        if bytes > state.free_bytes() {
            return Err(Fault::Full.into());
        }
        change(&mut state.table);
        Ok(())
    }

    /// Something that needs no room.
    fn operate<T>(&self, operation: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state.lock();
        state.count(Needs::Nothing)?;
        operation(&mut state)
    }
}

/// What an operation needs of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    Room,
}

impl State {
    /// Counts an operation, unless it fails.
    fn count(&mut self, needs: Needs) -> io::Result<()> {
        match self.fault {
            Some((after, Fault::Full)) if self.operations >= after && needs == Needs::Nothing => {}
            Some((after, fault)) if self.operations >= after => return Err(fault.into()),
            _ => {}
        }
        self.operations += 1;
        Ok(())
    }

    fn used_bytes(&self) -> usize {
        let files = self.names.values().map(|file| self.files[file].now.len());
        files.sum::<usize>() + self.table.bytes()
    }

    fn free_bytes(&self) -> usize {
        let free = |capacity: usize| capacity.saturating_sub(self.used_bytes());
        self.capacity.map_or(usize::MAX, free)
    }

    fn content(&mut self, file: u64) -> &mut Content {
        let content = self.files.get_mut(&file);
        content.expect("files are never forgotten")
    }
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        io::Error::from(match fault {
            Fault::Broken => rustix::io::Errno::IO,
            Fault::Full => rustix::io::Errno::NOSPC,
        })
    }
}

/// The durable bytes, with those unsynced sectors that `keep` lets through.
fn survivors(content: &Content, keep: &mut impl FnMut() -> bool) -> Vec<u8> {
    let mut survived = content.durable.clone();
    if content.now.len() != survived.len() && keep() {
        survived.resize(content.now.len(), 0);
    }
    for start in (0..survived.len().min(content.now.len())).step_by(SECTOR_BYTES) {
        let end = (start + SECTOR_BYTES)
            .min(survived.len())
            .min(content.now.len());
        if survived[start..end] != content.now[start..end] && keep() {
            survived[start..end].copy_from_slice(&content.now[start..end]);
        }
    }
    survived
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl Disk for SimulatedDisk {
    fn create_dir(&self, _path: &str) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        let prefix = format!("{directory}/");
        let paths = self.paths(&prefix);
        Ok(paths
            .iter()
            .map(|path| path[prefix.len()..].to_owned())
            .collect())
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let id = *self.state.lock().names.get(path).ok_or_else(not_found)?;
        let disk = self.clone();
        Ok(Arc::new(SimulatedFile { disk, id }))
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state.lock();
        state.count(Needs::Room)?;
        let id = state.next_file;
        state.next_file += 1;
        state.files.insert(id, Content::default());
        state.names.insert(path.to_owned(), id);
        drop(state);
        let disk = self.clone();
        Ok(Arc::new(SimulatedFile { disk, id }))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.operate(|state| state.names.remove(path).map(drop).ok_or_else(not_found))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.operate(|state| {
            let id = state.names.remove(from).ok_or_else(not_found)?;
            state.names.insert(to.to_owned(), id);
            Ok(())
        })
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        self.operate(|state| {
            let id = *state.names.get(from).ok_or_else(not_found)?;
            if state.names.contains_key(to) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.names.insert(to.to_owned(), id);
            Ok(())
        })
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        let prefix = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        let inside = |name: &String| {
            name.strip_prefix(&prefix)
                .is_some_and(|name| !name.contains('/'))
        };
        self.operate(|state| {
            state.durable_names.retain(|name, _| !inside(name));
            let names = state.names.iter().filter(|(name, _)| inside(name));
            state
                .durable_names
                .extend(names.map(|(name, id)| (name.clone(), *id)));
            Ok(())
        })
    }

    fn lock(&self, path: &str) -> io::Result<Option<Arc<dyn DiskFile>>> {
        self.create(path).map(Some)
    }
}

#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    id: u64,
}

impl SimulatedFile {
    fn change(&self, change: impl FnOnce(&mut Content)) -> io::Result<()> {
        self.disk.operate(|state| {
            change(state.content(self.id));
            Ok(())
        })
    }
}

impl DiskFile for SimulatedFile {
    fn write_at(&self, offset: u64, pieces: &mut [IoSlice<'_>]) -> io::Result<()> {
        let bytes = pieces.iter().flat_map(|piece| piece.iter().copied());
        let bytes: Vec<u8> = bytes.collect();
        let mut state = self.disk.state.lock();
        let fault = state.count(Needs::Room).err();
        let start = usize::try_from(offset).expect("simulated files are small");
        let room = state.free_bytes();
        let content = state.content(self.id);
        let fits = content.now.len().saturating_add(room).saturating_sub(start);
        let written = match fault {
            Some(_) => bytes.len() / 2,
            None => bytes.len(),
        };
        let written = written.min(fits);
        if content.now.len() < start + written {
            content.now.resize(start + written, 0);
        }
        content.now[start..start + written].copy_from_slice(&bytes[..written]);
        match fault {
            Some(fault) => Err(fault),
            None if written < bytes.len() => Err(Fault::Full.into()),
            None => Ok(()),
        }
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let state = self.disk.state.lock();
        let content = &state.files[&self.id].now;
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(content.len());
        let read = buffer.len().min(content.len() - start);
        buffer[..read].copy_from_slice(&content[start..start + read]);
        Ok(read)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.change(|content| content.durable = content.now.clone())
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state.lock().files[&self.id].now.len() as u64)
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).expect("simulated files are small");
        let mut state = self.disk.state.lock();
        let more = length.saturating_sub(state.content(self.id).now.len());
        if more == 0 {
            return Ok(());
        }
        state.count(Needs::Room)?;
        if more > state.free_bytes() {
            return Err(Fault::Full.into());
        }
        state.content(self.id).now.resize(length, 0);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.change(|content| {
            let length = usize::try_from(length).expect("simulated files are small");
            content.now.resize(length, 0);
        })
    }
}
