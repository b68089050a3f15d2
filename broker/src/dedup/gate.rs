//! A duplicate is confirmed when its original is on disk. But the original may just have entered its queue,
//! and not the log yet: whoever found a duplicate waits for those who are between the two.

use parking_lot::{RwLock, RwLockReadGuard};

/// Publishers whose messages are looked at pass it. Taken before any queue's lock.
#[derive(Debug, Default)]
pub struct Gate(RwLock<()>);

impl Gate {
    /// From before a message enters a queue until it is in the log.
    pub fn enter(&self) -> RwLockReadGuard<'_, ()> {
        self.0.read()
    }

    /// Waits until all who have entered have left. Who waits has left itself.
    pub fn wait(&self) {
        drop(self.0.write());
    }
}
