//! Opening what a stop or a crash left: the lock, the checkpoint, then the log's tail.

use std::path::Path;
use std::sync::Arc;

use crate::committer::Committer;
use crate::disk::{Disk, DiskFile};
use crate::log::{LogReader, LogWriter};
use crate::replay;
use crate::segment::DIRECTORY;
use crate::shared::Shared;
use crate::state::State;
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
    /// After a clean stop: which of them were delivered before, as ranges.
    pub redelivered: Vec<(Sequence, Sequence)>,
}

/// Takes the directory for this process, or says who has it.
pub(crate) fn lock(disk: &Arc<dyn Disk>, directory: &Path) -> Result<Arc<dyn DiskFile>, Error> {
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
fn holder(disk: &Arc<dyn Disk>) -> String {
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

/// Recovers the state, and prepares to continue the log.
pub(crate) fn recover(
    disk: Arc<dyn Disk>,
    options: Options,
) -> Result<(Arc<Shared>, Committer, Recovered), Error> {
    disk.create_dir(DIRECTORY)
        .map_err(Error::io("create", DIRECTORY))?;
    disk.sync_dir("")
        .map_err(Error::io("sync", "the data directory"))?;
    let mut state = State::default();
    state.index.begin_replay();
    let tail = replay::replay(&*disk, None, &mut state)?;
    let recovered = recovered(&state);
    let writer = LogWriter::new(
        Arc::clone(&disk),
        options.fsync,
        options.segment_bytes,
        tail.last,
        tail.active,
    );
    let shared = Arc::new(Shared::new(options, state, LogReader::new(disk)));
    let committer = Committer::new(Arc::clone(&shared), writer);
    Ok((shared, committer, recovered))
}

fn recovered(state: &State) -> Recovered {
    let definitions = state.definitions.iter();
    let definitions =
        definitions.filter_map(|(key, value)| Some((key.to_vec(), value.as_ref()?.to_vec())));
    let mut ids: Vec<QueueId> = state.index.queues().collect();
    ids.sort_unstable();
    let queue = |id| {
        let (sequences, next_sequence) = state.index.live(id);
        RecoveredQueue {
            id,
            next_sequence,
            sequences,
            redelivered: Vec::new(),
        }
    };
    Recovered {
        definitions: definitions.collect(),
        queues: ids.into_iter().map(queue).collect(),
        clean: false,
    }
}
