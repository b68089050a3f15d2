//! The index made anew from the log alone.

use std::sync::Arc;

use crate::recovery::{self, Parts};
use crate::table::{self, SledTables};
use crate::{Error, Options, Store, walk};

use super::{Damage, Offline};

/// What came of a rebuild.
#[derive(Debug)]
pub enum Rebuilt {
    /// The log is damaged, and nothing was done.
    Refused(Vec<Damage>),
    /// There is a new index.
    Done {
        /// The old one's new name, if there was one.
        aside: Option<String>,
        /// Durable queues.
        queues: usize,
        /// Live messages; one counts for each queue. Some may have been settled before.
        live_messages: u64,
        /// Definitions.
        definitions: usize,
        /// Places of the log at which something is missing.
        damages: Vec<Damage>,
    },
}

impl Offline {
    /// Moves the index aside and makes another from the log. A damaged log is only taken with `force`.
    pub fn rebuild(self, force: bool) -> Result<Rebuilt, Error> {
        let found = self.look()?;
        let walked = walk::walk(&*self.disk, None, found.durable, &mut |_, _, _| {})?;
        let damages: Vec<Damage> = walked.damages.iter().map(Damage::from).collect();
        if !damages.is_empty() && !force {
            return Ok(Rebuilt::Refused(damages));
        }
        drop((found, walked));
        let aside = match self.directory.join(table::SLED_DIRECTORY).exists() {
            true => Some(table::move_aside(&*self.disk, "old")?),
            false => None,
        };
        let options = Options::default();
        let cache_bytes = options.index_cache_bytes;
        let tables = SledTables::new(&self.directory, Arc::clone(&self.disk), cache_bytes);
        let Parts {
            shared,
            mut committer,
            mut checkpointer,
            recovered,
        } = recovery::recover(self.disk, Box::new(tables), options)?;
        checkpointer.checkpoint();
        committer.commit_pending();
        let store = Store::new(shared, None, self.lock);
        let statistics = store.statistics();
        if statistics.checkpoint_failed {
            let why = "the new index could not be written";
            return Err(Error::Index(why.to_owned()));
        }
        if recovered.clean {
            let redelivered = recovered.queues.iter();
            let redelivered = redelivered.map(|queue| (queue.id, queue.redelivered.clone()));
            store.close(&redelivered.collect::<Vec<_>>())?;
        }
        Ok(Rebuilt::Done {
            aside,
            queues: recovered.queues.len(),
            live_messages: statistics.live_messages,
            definitions: recovered.definitions.len(),
            damages,
        })
    }
}
