//! Room kept for what makes room: a file that is given up when the disk is full.
//!
//! Settled messages free the disk only once their removal is written, a checkpoint says so and their
//! segments are gone. That takes room, and must not fail because messages took the last of it. So
//! a file holds some back. While it is given up no messages are written, and they wait on until
//! it could be taken again.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::disk::Disk;
use crate::error::is_full;

/// In the log's directory.
const PATH: &str = "log/reserve";

/// Some room on the disk, or the lack of it.
#[derive(Debug)]
pub(crate) struct Reserve {
    bytes: u64,
    held: AtomicBool,
}

impl Reserve {
    /// Nothing is held yet.
    pub(crate) fn new(bytes: u64) -> Self {
        Self {
            bytes,
            held: AtomicBool::new(false),
        }
    }

    /// Frees what an earlier process held: the start may need it.
    pub(crate) fn release_old(disk: &dyn Disk) {
        // It is not there after a start on an empty directory, or on a full disk.
        let _ = disk.remove(PATH);
    }

    /// Whether the room is there when it is needed.
    pub(crate) fn is_held(&self) -> bool {
        self.held.load(Ordering::SeqCst)
    }

    /// Takes the room, or keeps it. False if there is not as much again besides: with less the disk
    /// would be full again at once.
    pub(crate) fn take(&self, disk: &dyn Disk) -> bool {
        let taken = self.try_take(disk);
        match &taken {
            Err(error) if is_full(error) => {
                if !self.is_held() {
                    // What was taken of it is given back.
                    let _ = disk.remove(PATH);
                }
                return false;
            }
            Err(error) => {
                tracing::warn!(file = PATH, %error, "no room can be held in reserve here");
                let _ = disk.remove(PATH);
            }
            Ok(()) => {}
        }
        self.held.store(true, Ordering::SeqCst);
        true
    }

    fn try_take(&self, disk: &dyn Disk) -> io::Result<()> {
        let file = match self.is_held() {
            true => disk.open(PATH)?,
            false => disk.create(PATH)?,
        };
        let enough = file.allocate(2 * self.bytes);
        if self.is_held() || enough.is_ok() {
            file.set_len(self.bytes)?;
        }
        enough
    }

    /// Gives the room up. False if that was done before.
    pub(crate) fn give_up(&self, disk: &dyn Disk) -> bool {
        let held = self.held.swap(false, Ordering::SeqCst);
        if held {
            // Without it there is as little room as before.
            let _ = disk.remove(PATH);
        }
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::SimulatedDisk;

    #[test]
    fn it_is_taken_when_there_is_room_and_given_up_once() {
        let disk = SimulatedDisk::new();
        let reserve = Reserve::new(1000);
        disk.set_capacity(1999);
        assert!(!reserve.take(&disk));
        assert_eq!(disk.used_bytes(), 0);
        disk.set_capacity(2000);
        assert!(reserve.take(&disk) && reserve.take(&disk));
        assert_eq!(disk.used_bytes(), 1000);
        disk.set_capacity(1500);
        assert!(!reserve.take(&disk) && reserve.is_held());
        assert_eq!(disk.used_bytes(), 1000);
        assert!(reserve.give_up(&disk) && !reserve.give_up(&disk));
        assert_eq!(disk.used_bytes(), 0);
    }
}
