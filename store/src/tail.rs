//! The end of the log: what was written, and how far it is on stable storage. Nothing else syncs the log.
//!
//! Two threads do: the committer for a group that somebody waits for, and the checkpoint before it
//! refers to what was written.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::Error;
use crate::disk::{Disk, DiskFile};
use crate::log::Position;
use crate::segment::{self, DIRECTORY};
use crate::timing::{Histogram, Latencies};

/// What is known of the end of the log.
#[derive(Debug)]
pub(crate) struct Tail {
    disk: Arc<dyn Disk>,
    end: Mutex<End>,
    /// Held during a sync: whether one has failed, after which none may succeed.
    failed: Mutex<bool>,
    syncs: Histogram,
}

#[derive(Debug)]
struct End {
    /// Everything before this is on stable storage.
    synced: Position,
    written: Option<Written>,
}

/// What was written since the last sync. It is in one segment.
#[derive(Debug, Clone)]
struct Written {
    file: Arc<dyn DiskFile>,
    end: Position,
    /// The file's name has to be made durable, too.
    is_new: bool,
}

impl Tail {
    /// Everything until `synced` is on stable storage.
    pub(crate) fn new(disk: Arc<dyn Disk>, synced: Position) -> Self {
        let written = None;
        Self {
            disk,
            end: Mutex::new(End { synced, written }),
            failed: Mutex::new(false),
            syncs: Histogram::default(),
        }
    }

    /// Notes that everything until `end` has been written. What was written to another segment
    /// has to be synced before.
    pub(crate) fn written(&self, file: &Arc<dyn DiskFile>, end: Position, is_new: bool) {
        let mut known = self.end.lock();
        let was_new = known.written.as_ref().is_some_and(|before| before.is_new);
        known.written = Some(Written {
            file: Arc::clone(file),
            end,
            is_new: is_new || was_new,
        });
    }

    /// Makes everything that was written durable. A failure is final.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        let mut failed = self.failed.lock();
        let Some(written) = self.end.lock().written.clone() else {
            return Ok(());
        };
        if *failed {
            let again = std::io::Error::other("an earlier sync failed");
            return Err(Error::io("sync", DIRECTORY)(again));
        }
        let synced = self.syncs.measure(|| written.sync(&*self.disk));
        *failed = synced.is_err();
        synced?;
        self.end.lock().synced(&written);
        Ok(())
    }

    /// The offset in `segment` until which everything is known to be on stable storage.
    pub(crate) fn synced_in(&self, segment: u32) -> u32 {
        let synced = self.end.lock().synced;
        if synced.segment == segment {
            synced.offset
        } else {
            0
        }
    }

    /// Bytes that a power loss may take back.
    pub(crate) fn unsynced_bytes(&self) -> u64 {
        let end = self.end.lock();
        let Some(Written { end: last, .. }) = &end.written else {
            return 0;
        };
        let same = end.synced.segment == last.segment;
        u64::from(last.offset - if same { end.synced.offset } else { 0 })
    }

    /// Syncs since the start, and how long they took.
    pub(crate) fn syncs(&self) -> Latencies {
        self.syncs.latencies()
    }
}

impl Written {
    fn sync(&self, disk: &dyn Disk) -> Result<(), Error> {
        let synced = self.file.sync_data();
        synced.map_err(|error| Error::io("sync", segment::path(self.end.segment))(error))?;
        if self.is_new {
            let synced = disk.sync_dir(DIRECTORY);
            synced.map_err(Error::io("sync", DIRECTORY))?;
        }
        Ok(())
    }
}

impl End {
    /// Notes what has been synced; more may have been written in the meantime.
    fn synced(&mut self, synced: &Written) {
        self.synced = synced.end;
        match &mut self.written {
            Some(written) if written.end != synced.end => written.is_new = false,
            written => *written = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Fault, SimulatedDisk};

    const START: Position = Position {
        segment: 1,
        offset: 32,
    };

    fn at(segment: u32, offset: u32) -> Position {
        Position { segment, offset }
    }

    fn tail() -> (SimulatedDisk, Tail, Arc<dyn DiskFile>) {
        let disk = SimulatedDisk::new();
        let file = disk.create("log/x").unwrap();
        let tail = Tail::new(Arc::new(disk.clone()), START);
        (disk, tail, file)
    }

    #[test]
    fn a_sync_covers_everything_written() {
        let (disk, tail, file) = tail();
        tail.sync().unwrap();
        assert_eq!((tail.syncs().count, tail.unsynced_bytes()), (0, 0));
        tail.written(&file, at(1, 50), false);
        tail.written(&file, at(1, 92), false);
        assert_eq!((tail.synced_in(1), tail.unsynced_bytes()), (32, 60));
        tail.sync().unwrap();
        assert_eq!((tail.synced_in(1), tail.unsynced_bytes()), (92, 0));
        assert!(disk.crash(|| false).paths("log/").is_empty());

        tail.written(&file, at(2, 40), true);
        tail.written(&file, at(2, 41), false);
        assert_eq!((tail.synced_in(2), tail.unsynced_bytes()), (0, 41));
        tail.sync().unwrap();
        assert_eq!(disk.crash(|| false).paths("log/"), ["log/x"]);
        assert_eq!(tail.syncs().count, 2);
    }

    #[test]
    fn no_sync_succeeds_after_a_failed_one() {
        let (disk, tail, file) = tail();
        tail.written(&file, at(1, 50), false);
        disk.fail_after(0, Fault::Broken);
        tail.sync().unwrap_err();
        disk.fail_after(u64::MAX / 2, Fault::Broken);
        tail.sync().unwrap_err();
        assert_eq!((tail.synced_in(1), tail.syncs().count), (32, 1));
    }
}
