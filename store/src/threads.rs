//! The store's two threads: their start and their end.

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use crate::Error;
use crate::checkpoint::Checkpointer;
use crate::committer::Committer;
use crate::shared::Shared;

/// The threads of an open store.
#[derive(Debug)]
pub(crate) struct Threads {
    committer: JoinHandle<()>,
    checkpointer: JoinHandle<()>,
}

impl Threads {
    pub(crate) fn start(committer: Committer, checkpointer: Checkpointer) -> Result<Self, Error> {
        Ok(Self {
            committer: spawn("store-commit", || committer.run())?,
            checkpointer: spawn("store-checkpoint", || checkpointer.run())?,
        })
    }

    /// Waits until what is pending is durable, then for the last checkpoint if it is wanted.
    pub(crate) fn stop(self, shared: &Shared, checkpoint: bool) {
        shared.pending.lock().stopping = true;
        shared.work.notify_one();
        // A panic of a thread was reported by it.
        let _ = self.committer.join();
        let mut progress = shared.progress.lock();
        progress.stopping = true;
        progress.checkpoint_last = checkpoint;
        drop(progress);
        shared.progressed.notify_one();
        let _ = self.checkpointer.join();
    }
}

/// Calls a function if the thread that holds it panics: nobody must wait for it then.
pub(crate) struct PanicGuard {
    shared: Arc<Shared>,
    report: fn(&Shared),
}

impl PanicGuard {
    pub(crate) fn new(shared: &Arc<Shared>, report: fn(&Shared)) -> Self {
        let shared = Arc::clone(shared);
        Self { shared, report }
    }
}

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            (self.report)(&self.shared);
        }
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    let thread = Builder::new().name(name.to_owned()).spawn(run);
    thread.map_err(Error::io("start", format!("thread {name}")))
}
