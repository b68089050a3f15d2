//! Opening what a stop or a crash left: the lock, the checkpoint, then the log's tail.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::checkpoint::{self, Checkpointer, Loaded};
use crate::clean::{self, Note};
use crate::committer::Committer;
use crate::disk::{Disk, DiskFile};
use crate::log::{LogReader, LogWriter, Position};
use crate::replay;
use crate::reserve::Reserve;
use crate::segment::{self, DIRECTORY};
use crate::shared::Shared;
use crate::state::State;
use crate::table::{Table, Tables};
use crate::tail::Tail;
use crate::timing::Stopwatch;
use crate::walk;
use crate::{Error, Options, QueueId, Sequence};

/// The file that says who has the directory open.
const LOCK_FILE: &str = "lock";

/// What was found in a data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// All definitions, in no order.
    pub definitions: Vec<(Vec<u8>, Vec<u8>)>,
    /// All queues, ascending by id.
    pub queues: Vec<RecoveredQueue>,
    /// Whether the store was closed. Otherwise every message may have been delivered before.
    pub clean: bool,
}

/// A queue as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveredQueue {
    /// The queue.
    pub id: QueueId,
    /// Above every sequence that was ever used.
    pub next_sequence: Sequence,
    /// Live messages: ascending ranges, both ends included.
    pub sequences: Vec<(Sequence, Sequence)>,
    /// Bytes of their content, as it was given with them.
    pub content_bytes: u64,
    /// After a clean stop: which of them were delivered before, as ranges.
    pub redelivered: Vec<(Sequence, Sequence)>,
}

/// What it took to open a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// How long: the index, then the log from the checkpoint on.
    pub time: Duration,
    /// Whether it had been closed. Otherwise a crash was recovered from.
    pub clean: bool,
    /// Where the log was read from: the last checkpoint. `None`: there was none, so all of it was read.
    pub checkpoint: Option<LogPlace>,
    /// Segments of the log that were read, or the rest of one behind the checkpoint.
    pub segments: u64,
    /// Records that were read.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Opening {
    /// Was there nothing before?
    pub fn is_new(&self) -> bool {
        !self.clean && self.checkpoint.is_none() && self.records == 0
    }
}

/// A place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPlace {
    /// The number of the segment.
    pub segment: u32,
    /// Bytes into it.
    pub offset: u32,
}

/// Takes the directory for this process, or says who has it.
pub(crate) fn lock(disk: &dyn Disk, directory: &Path) -> Result<Arc<dyn DiskFile>, Error> {
    let locked = disk.lock(LOCK_FILE).map_err(Error::io("lock", LOCK_FILE))?;
    let Some(file) = locked else {
        return Err(Error::Locked {
            directory: directory.to_owned(),
            process: holder(disk),
        });
    };
    let pid = format!("{}\n", std::process::id());
    let mut pieces = [std::io::IoSlice::new(pid.as_bytes())];
    let written = file.write_at(0, &mut pieces);
    let written = written.and_then(|()| file.set_len(pid.len() as u64));
    written.map_err(Error::io("write", LOCK_FILE))?;
    Ok(file)
}

/// The process that the lock file names.
fn holder(disk: &dyn Disk) -> String {
    let mut bytes = [0; 20];
    let read = disk
        .open(LOCK_FILE)
        .and_then(|file| file.read_at(0, &mut bytes));
    let pid = String::from_utf8_lossy(&bytes[..read.unwrap_or(0)]);
    let pid = pid.trim();
    if pid.is_empty() {
        "unknown".to_owned()
    } else {
        pid.to_owned()
    }
}

/// An open store, in parts.
pub(crate) struct Parts {
    pub(crate) shared: Arc<Shared>,
    pub(crate) committer: Committer,
    pub(crate) checkpointer: Checkpointer,
    pub(crate) recovered: Recovered,
}

/// Recovers what was there, and prepares to continue the log.
pub(crate) fn recover(
    disk: Arc<dyn Disk>,
    tables: Box<dyn Tables>,
    options: Options,
) -> Result<Parts, Error> {
    let watch = Stopwatch::start();
    disk.create_dir(DIRECTORY)
        .map_err(Error::io("create", DIRECTORY))?;
    disk.sync_dir("")
        .map_err(Error::io("sync", "the data directory"))?;
    // Whatever another version wrote is refused before anything is changed.
    walk::check_versions(&*disk)?;
    let note = clean::read(&*disk)?;
    if note == clean::Read::Damaged {
        tracing::error!(
            "clean, the note of the last stop, is damaged: every message counts as redelivered"
        );
    }
    let note = note.whole();
    Reserve::release_old(&*disk);
    let mut state = State::default();
    state.index.begin_replay();
    let (table, loaded) = load(&*tables, &mut state)?;
    if loaded.is_none() && was_checkpointed(&*disk, &note)? {
        tracing::error!("the index has no checkpoint any more; rebuilding it from the log");
    }
    let position = loaded.as_ref().map(|loaded| loaded.position);
    let durable = note
        .as_ref()
        .map(|note| note.end)
        .max(position)
        .unwrap_or_default();
    let walked = replay::replay(&*disk, position, durable, &mut state)?;
    replay::repair(&*disk, &walked)?;
    state.segments = lengths(&*disk)?;
    let damaged = walked.damages.len() as u64 + drop_lost(&mut state);
    if let Some(loaded) = &loaded {
        let kept = state
            .segments
            .range(loaded.first_definitions..=loaded.position.segment);
        let kept = kept.map(|(number, _)| *number);
        state.definition_segments.extend(kept);
    }
    let note = note.filter(|note| note.end == state.applied && damaged == 0);
    clean::remove(&*disk)?;
    let changed = loaded.is_none() || walked.records > 0 || damaged > 0;
    let mut opening = Opening {
        time: Duration::ZERO,
        clean: note.is_some(),
        checkpoint: position.map(|Position { segment, offset }| LogPlace { segment, offset }),
        segments: walked.segments,
        records: walked.records,
        bytes: walked.bytes,
    };
    let recovered = recovered(&state, loaded, note);
    let tail = Arc::new(Tail::new(Arc::clone(&disk), state.applied));
    let writer = LogWriter::new(
        Arc::clone(&disk),
        Arc::clone(&tail),
        options.segment_bytes,
        state.applied,
        walked.file.filter(|_| walked.is_whole),
    );
    opening.time = watch.elapsed();
    let shared = Shared::new(options, state, LogReader::new(disk), tail, opening);
    let shared = Arc::new(shared);
    shared
        .counters
        .damaged_records
        .store(damaged, Ordering::Relaxed);
    shared.progress.lock().any = changed;
    if !shared.reserve.take(shared.reader.disk()) {
        let full = std::io::ErrorKind::StorageFull;
        shared.disk_is_full(&Error::write("reserve room in", DIRECTORY)(full.into()));
    }
    Ok(Parts {
        committer: Committer::new(Arc::clone(&shared), writer),
        checkpointer: Checkpointer::new(Arc::clone(&shared), tables, table)?,
        shared,
        recovered,
    })
}

/// Loads the checkpoint. One that cannot be read is moved aside: the log is enough.
fn load(tables: &dyn Tables, state: &mut State) -> Result<(Box<dyn Table>, Option<Loaded>), Error> {
    let first = tables.open().and_then(|mut table| {
        let loaded = checkpoint::load(&mut *table, state)?;
        Ok((table, loaded))
    });
    match first {
        Err(Error::Index(why)) => {
            tracing::error!(why, "the index is unusable; rebuilding it from the log");
            *state = State::default();
            state.index.begin_replay();
            tables.move_aside()?;
            Ok((tables.open()?, None))
        }
        other => other,
    }
}

/// Whether there has been a checkpoint: without one no stop is clean, and no segment is removed.
pub(crate) fn was_checkpointed(disk: &dyn Disk, note: &Option<Note>) -> Result<bool, Error> {
    let first = walk::segments(disk)?.first().copied();
    Ok(note.is_some() || first.is_some_and(|first| first > 1))
}

/// The segments there are, and how long each is.
fn lengths(disk: &dyn Disk) -> Result<BTreeMap<u32, u64>, Error> {
    let mut lengths = BTreeMap::new();
    for number in walk::segments(disk)? {
        let path = segment::path(number);
        let length = disk.open(&path).and_then(|file| file.len());
        lengths.insert(number, length.map_err(Error::io("open", path))?);
    }
    Ok(lengths)
}

/// Forgets messages whose bytes are gone. Returns how many.
fn drop_lost(state: &mut State) -> u64 {
    let State {
        index, segments, ..
    } = state;
    let short = RefCell::new(BTreeSet::new());
    let lost = index.retain(|segment, end| {
        let length = segments.get(&segment);
        let is_there = length.is_some_and(|length| end <= *length);
        if !is_there {
            short.borrow_mut().insert(segment);
        }
        is_there
    });
    for segment in short.into_inner() {
        tracing::error!(
            segment = segment::path(segment),
            "messages are lost: their part of the log is missing"
        );
    }
    if lost > 0 {
        tracing::error!(messages = lost, "so many messages are lost");
    }
    lost
}

/// The checkpoint's definitions, as the log has changed them since.
pub(crate) fn definitions(
    state: &State,
    checkpointed: Option<HashMap<Vec<u8>, Vec<u8>>>,
) -> HashMap<Vec<u8>, Vec<u8>> {
    let mut definitions = checkpointed.unwrap_or_default();
    for (key, value) in &state.definitions {
        match value {
            Some(value) => drop(definitions.insert(key.to_vec(), value.to_vec())),
            None => drop(definitions.remove(&**key)),
        }
    }
    definitions
}

fn recovered(state: &State, loaded: Option<Loaded>, note: Option<Note>) -> Recovered {
    let definitions = definitions(state, loaded.map(|loaded| loaded.definitions));
    let mut ids: Vec<QueueId> = state.index.queues().collect();
    ids.sort_unstable();
    let clean = note.is_some();
    let mut redelivered = note.map(|note| note.redelivered).unwrap_or_default();
    let queue = |id| {
        let live = state.index.live(id).expect("one of its queues");
        RecoveredQueue {
            id,
            next_sequence: live.next,
            sequences: live.sequences,
            content_bytes: live.content_bytes,
            redelivered: redelivered.remove(&id).unwrap_or_default(),
        }
    };
    Recovered {
        definitions: definitions.into_iter().collect(),
        queues: ids.into_iter().map(queue).collect(),
        clean,
    }
}
