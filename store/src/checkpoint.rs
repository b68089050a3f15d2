//! The checkpoint: what the log says so far goes into the table, then dead segments go.
//!
//! The position, the definitions, the early settled sequences and the list of dead segments are taken at one
//! moment. Blocks of the index are taken afterwards, a few at a time: those may be newer, because a replay
//! from the position arrives at the same state. The position is written last, the table is synced,
//! and only then segments are removed. Never the other order.
//!
//! A checkpoint for which there is no room is tried again: what it should have written counts as changed again,
//! and the table is opened anew, because nobody knows what it holds in memory. The log keeps everything
//! until then. Any other failure ends checkpoints until the next start.
//!
//! ```text
//! value    version u32, position u64, next queue id u64, first segment with definitions u32
//! ```

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::compaction::Compaction;
use crate::index::{Changed, Index, Stored};
use crate::log::Position;
use crate::segment::{self, DIRECTORY};
use crate::shared::Shared;
use crate::state::{ChangedDefinitions, State};
use crate::table::{
    self, ATTRIBUTES, BLOCKS, Batch, CHECKPOINT_KEY, EARLY, QUEUES, Table, Tables, field,
    numbered_key, queue_key,
};
use crate::threads::PanicGuard;
use crate::{Error, QueueId, Sequence, definitions};

/// The layout of the table, and the only one this program reads.
const TABLE_VERSION: u32 = 1;
/// How many blocks are taken under one lock.
const BLOCKS_PER_LOCK: usize = 64;
/// So many dead segments may be kept for their definitions, before a snapshot frees them.
const PINNED_MAX: usize = 2;

/// Writes checkpoints.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    shared: Arc<Shared>,
    tables: Box<dyn Tables>,
    /// `None` after a checkpoint for which there was no room.
    table: Option<Box<dyn Table>>,
    /// What the table says of the last checkpoint that was synced, and of the one that was tried.
    synced: Option<Vec<u8>>,
    tried: Option<Vec<u8>>,
    /// The position of the last snapshot that was begun.
    snapshot: Position,
    /// A checkpoint failed: the table is left as it was last synced.
    broken: bool,
    compaction: Compaction,
}

/// What one checkpoint writes, apart from blocks.
struct Captured {
    position: Position,
    next_queue_id: u64,
    first_definitions: u32,
    changed: Changed,
    definitions: ChangedDefinitions,
    queues: Vec<(QueueId, Sequence)>,
    early: Vec<(QueueId, Vec<(Sequence, Sequence)>)>,
    /// Segments without anything that is needed.
    dead: Vec<u32>,
    /// Segments that are kept for definitions only.
    pinned: usize,
}

impl Checkpointer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        tables: Box<dyn Tables>,
        table: Box<dyn Table>,
    ) -> Result<Self, Error> {
        Ok(Self {
            shared,
            synced: table.get(CHECKPOINT_KEY)?,
            tried: None,
            tables,
            table: Some(table),
            snapshot: Position::default(),
            broken: false,
            compaction: Compaction::default(),
        })
    }

    /// Writes checkpoints when they are due, until the store is stopped.
    pub(crate) fn run(mut self) {
        let _guard = PanicGuard::new(&self.shared, |shared| {
            shared.checkpoint_failed(&Error::Panicked("checkpoint"));
        });
        while self.wait() {
            self.checkpoint();
            self.compact();
        }
        if self.shared.progress.lock().checkpoint_last {
            self.checkpoint();
        }
    }

    /// Waits until a checkpoint is due; false when the store stops.
    fn wait(&self) -> bool {
        let shared = &*self.shared;
        let mut progress = shared.progress.lock();
        while !progress.stopping && !progress.any {
            shared.progressed.wait(&mut progress);
        }
        let interval = shared.options.checkpoint_interval;
        let is_due = |bytes| bytes >= shared.options.checkpoint_bytes;
        while !progress.stopping && !is_due(progress.bytes) {
            if shared
                .progressed
                .wait_for(&mut progress, interval)
                .timed_out()
            {
                break;
            }
        }
        !progress.stopping
    }

    /// Writes a checkpoint, if there is anything new.
    pub(crate) fn checkpoint(&mut self) {
        let mut progress = self.shared.progress.lock();
        let any = std::mem::take(&mut progress.any);
        progress.bytes = 0;
        drop(progress);
        if !any {
            return;
        }
        // Nothing of what the table learns may be lost with a power loss that leaves the table.
        self.shared.state.lock().checkpointing = true;
        if self.shared.sync_log() {
            let shared = Arc::clone(&self.shared);
            let timing = &shared.counters.checkpointing;
            timing.measure(0, || self.checkpoint_synced());
        }
        self.shared.state.lock().checkpointing = false;
    }

    /// Frees segments that a few messages pin, if anything can be freed at all.
    pub(crate) fn compact(&mut self) {
        if !self.broken {
            self.compaction.run(&self.shared);
        }
    }

    fn checkpoint_synced(&mut self) {
        let mut tried = self.try_once();
        if let Err(error) = &tried
            && error.is_no_room()
            && self.shared.give_up_reserve(error)
        {
            tried = self.try_once();
        }
        let starved = tried.as_ref().is_err_and(Error::is_no_room);
        let shared = &self.shared;
        shared.checkpoint_starved.store(starved, Ordering::SeqCst);
        match tried {
            Ok(()) => {}
            Err(_) if starved => shared.progress.lock().any = true,
            Err(error) => {
                self.broken = true;
                shared.checkpoint_failed(&error);
            }
        }
    }

    fn try_once(&mut self) -> Result<(), Error> {
        while self.shared.state.lock().index.release_some() {}
        let captured = self.capture();
        if self.broken {
            return Ok(());
        }
        let written = self.write(&captured);
        match &written {
            Ok(()) => {
                let checkpoints = &self.shared.counters.checkpoints;
                checkpoints.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) if error.is_no_room() => {
                self.shared.state.lock().put_back(captured);
            }
            Err(_) => {}
        }
        written
    }

    fn write(&mut self, captured: &Captured) -> Result<(), Error> {
        let mut table = match self.table.take() {
            Some(table) => table,
            None => self.reopen()?,
        };
        let checkpoint = captured.encode();
        self.tried = Some(checkpoint.clone());
        self.write_blocks(&mut *table, &captured.changed.blocks)?;
        write_rest(&mut *table, captured, checkpoint)?;
        table.sync()?;
        self.synced = self.tried.take();
        self.remove_segments(&captured.dead)?;
        let pinned_max = match self.shared.is_disk_full() {
            true => 1,
            false => PINNED_MAX,
        };
        if captured.pinned >= pinned_max && captured.position.segment > self.snapshot.segment {
            self.write_snapshot(&*table, captured)?;
        }
        self.table = Some(table);
        Ok(())
    }

    /// Opens the table anew, which must hold what the last checkpoint or the failed one left.
    fn reopen(&self) -> Result<Box<dyn Table>, Error> {
        let table = self.tables.open()?;
        let found = table.get(CHECKPOINT_KEY)?;
        if found == self.synced || found == self.tried {
            return Ok(table);
        }
        Err(Error::Index("the last checkpoint is gone".to_owned()))
    }

    fn capture(&self) -> Captured {
        let next_queue_id = self.shared.next_queue_id.load(Ordering::Relaxed);
        let mut state = self.shared.state.lock();
        let mut changed = state.index.take_changed();
        // In the order of the table's keys, which is also the same in every run of a simulation.
        changed.blocks.sort_unstable();
        let queues = sorted(&changed.queues).into_iter();
        let queues = queues.filter_map(|id| Some((id, state.index.reserved(id)?)));
        let early = sorted(&changed.early).into_iter();
        let early = early.map(|id| (id, state.index.early(id)));
        let (queues, early) = (queues.collect(), early.collect());
        let position = state.applied;
        let dead = |segment: &u32| *segment < position.segment && !state.index.holds(*segment);
        let dead: Vec<u32> = state.segments.keys().copied().filter(dead).collect();
        let (pinned, dead): (Vec<u32>, Vec<u32>) = dead
            .iter()
            .partition(|segment| state.definition_segments.contains(segment));
        Captured {
            position,
            next_queue_id: next_queue_id.max(state.next_queue_id),
            first_definitions: state.definition_segments.first().copied().unwrap_or(0),
            changed,
            definitions: std::mem::take(&mut state.definitions),
            queues,
            early,
            dead,
            pinned: pinned.len(),
        }
    }

    fn write_blocks(&self, table: &mut dyn Table, blocks: &[(QueueId, u64)]) -> Result<(), Error> {
        let mut batch = Batch::default();
        for blocks in blocks.chunks(BLOCKS_PER_LOCK) {
            let mut state = self.shared.state.lock();
            for &(queue, number) in blocks {
                let block = state.index.checkpoint_block(queue, number);
                for (letter, value) in [(BLOCKS, block.messages), (ATTRIBUTES, block.attributes)] {
                    match value {
                        Stored::Put(value) => batch.put(numbered_key(letter, queue, number), value),
                        Stored::Remove => batch.remove(numbered_key(letter, queue, number)),
                        Stored::Unchanged => {}
                    }
                }
            }
            drop(state);
            batch.apply_full(table)?;
        }
        table.apply(batch)
    }

    fn remove_segments(&mut self, dead: &[u32]) -> Result<(), Error> {
        if dead.is_empty() {
            return Ok(());
        }
        let disk = self.shared.reader.disk();
        for &number in dead {
            let path = segment::path(number);
            disk.remove(&path).map_err(Error::io("remove", path))?;
            self.shared.reader.forget(number);
        }
        disk.sync_dir(DIRECTORY)
            .map_err(Error::io("sync", DIRECTORY))?;
        let mut state = self.shared.state.lock();
        state.segments.retain(|number, _| !dead.contains(number));
        Ok(())
    }

    /// Appends all definitions to the log, so that older segments are not needed to rebuild them.
    fn write_snapshot(&mut self, table: &dyn Table, captured: &Captured) -> Result<(), Error> {
        self.snapshot = captured.position;
        let shared = &self.shared;
        definitions::snapshot(table, captured.position, captured.next_queue_id, |record| {
            shared.append_snapshot(record);
        })
    }
}

impl State {
    /// Counts what a checkpoint took and could not write as changed again. What changed since is newer.
    fn put_back(&mut self, captured: Captured) {
        self.index.put_back(captured.changed);
        for (key, value) in captured.definitions {
            self.definitions.entry(key).or_insert(value);
        }
    }
}

impl Captured {
    fn encode(&self) -> Vec<u8> {
        let mut value = TABLE_VERSION.to_le_bytes().to_vec();
        value.extend_from_slice(&self.position.to_u64().to_le_bytes());
        value.extend_from_slice(&self.next_queue_id.to_le_bytes());
        value.extend_from_slice(&self.first_definitions.to_le_bytes());
        value
    }
}

/// Writes everything but blocks, and the checkpoint's own value last.
fn sorted(queues: &HashSet<QueueId>) -> Vec<QueueId> {
    let mut sorted: Vec<QueueId> = queues.iter().copied().collect();
    sorted.sort_unstable();
    sorted
}

fn write_rest(table: &mut dyn Table, captured: &Captured, value: Vec<u8>) -> Result<(), Error> {
    let mut batch = Batch::default();
    for queue in sorted(&captured.changed.deleted) {
        batch.remove(queue_key(QUEUES, queue));
        for letter in [BLOCKS, ATTRIBUTES, EARLY] {
            remove_all(table, &mut batch, &queue_key(letter, queue))?;
        }
    }
    for (queue, next) in &captured.queues {
        batch.put(queue_key(QUEUES, *queue), next.0.to_le_bytes().to_vec());
        batch.apply_full(table)?;
    }
    let mut definitions: Vec<_> = captured.definitions.iter().collect();
    definitions.sort_unstable();
    for (key, value) in definitions {
        definitions::put(&mut batch, table, key, value.as_deref())?;
        batch.apply_full(table)?;
    }
    // What was settled early must be as old as the position: it comes in the same batch.
    for (queue, ranges) in &captured.early {
        if !captured.changed.deleted.contains(queue) {
            replace_early(table, &mut batch, *queue, ranges)?;
        }
    }
    batch.put(CHECKPOINT_KEY.to_vec(), value);
    table.apply(batch)
}

/// Adds the removal of all keys with a prefix to a batch, which is applied whenever it is full.
fn remove_all(table: &mut dyn Table, batch: &mut Batch, prefix: &[u8]) -> Result<(), Error> {
    let mut keys = Vec::new();
    table.scan(prefix, &mut |key, _| {
        keys.push(key.to_vec());
        Ok(())
    })?;
    for key in keys {
        batch.remove(key);
        batch.apply_full(table)?;
    }
    Ok(())
}

fn replace_early(
    table: &dyn Table,
    batch: &mut Batch,
    queue: QueueId,
    ranges: &[(Sequence, Sequence)],
) -> Result<(), Error> {
    table.scan(&queue_key(EARLY, queue), &mut |key, _| {
        batch.remove(key.to_vec());
        Ok(())
    })?;
    for (first, last) in ranges {
        batch.put(
            numbered_key(EARLY, queue, first.0),
            last.0.to_le_bytes().to_vec(),
        );
    }
    Ok(())
}

/// What a table holds.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// From here on the log has to be replayed.
    pub(crate) position: Position,
    /// From this segment on the log may hold definitions which are needed to rebuild them.
    pub(crate) first_definitions: u32,
    pub(crate) definitions: HashMap<Vec<u8>, Vec<u8>>,
}

/// Loads a checkpoint into `state`; `None` if there never was one.
pub(crate) fn load(table: &mut dyn Table, state: &mut State) -> Result<Option<Loaded>, Error> {
    let Some(value) = table.get(CHECKPOINT_KEY)? else {
        // The first checkpoint was not finished.
        let mut batch = Batch::default();
        remove_all(table, &mut batch, b"")?;
        table.apply(batch)?;
        return Ok(None);
    };
    let found = u32::from_le_bytes(field(&value, 0)?);
    if found != TABLE_VERSION {
        return Err(Error::UnknownVersion {
            file: "index".to_owned(),
            found,
            supported: TABLE_VERSION,
        });
    }
    let position = Position::from_u64(u64::from_le_bytes(field(&value, 4)?));
    state.next_queue_id = u64::from_le_bytes(field(&value, 12)?);
    let first_definitions = u32::from_le_bytes(field(&value, 20)?);
    load_queues(table, state)?;
    let mut definitions = HashMap::new();
    definitions::scan(table, |key, value| {
        definitions.insert(key.to_vec(), value.to_vec());
        Ok(())
    })?;
    Ok(Some(Loaded {
        position,
        first_definitions,
        definitions,
    }))
}

/// Puts a value of a queue's block into the index; false if there is no such queue.
type Restore = fn(&mut Index, QueueId, u64, &[u8]) -> Option<bool>;

fn load_queues(table: &mut dyn Table, state: &mut State) -> Result<(), Error> {
    let index = &mut state.index;
    table.scan(QUEUES, &mut |key, value| {
        index.restore_queue(table::key_queue(key)?, table::value_sequence(value)?);
        Ok(())
    })?;
    let mut orphans = BTreeSet::new();
    let restores: [(_, Restore); 2] = [
        (BLOCKS, Index::restore_block),
        (ATTRIBUTES, Index::restore_attributes),
    ];
    for (letter, restore) in restores {
        table.scan(letter, &mut |key, value| {
            let (queue, number) = (table::key_queue(key)?, table::key_number(key)?);
            let restored = restore(index, queue, number, value);
            if !restored.ok_or_else(|| Error::Index("a block makes no sense".to_owned()))? {
                orphans.insert(key.to_vec());
            }
            Ok(())
        })?;
    }
    table.scan(EARLY, &mut |key, value| {
        let first = Sequence(table::key_number(key)?);
        index.restore_early(table::key_queue(key)?, first, table::value_sequence(value)?);
        Ok(())
    })?;
    // The checkpoint of a queue that the log still has to create was not finished.
    let mut batch = Batch::default();
    for key in orphans {
        batch.remove(key);
        batch.apply_full(table)?;
    }
    table.apply(batch)
}
