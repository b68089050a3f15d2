//! A look at the messages that are not ready yet.

use std::collections::HashMap;

use ferrymq_store::{Error, Sequence};

use super::SharedQueue;
use crate::message::Message;
use crate::queue::delayed::{Cursor, Listed};
use crate::queue::entry::Logged;

impl SharedQueue {
    /// The delayed messages, by the time at which they will be ready: at most `count` of them, behind
    /// `after`. Those that are on disk only are read; one that is gone by then, or damaged, is left out.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn delayed(&self, after: Option<Cursor>, count: usize) -> Result<Vec<Listed>, Error> {
        let mut listed = self.queue.lock().delayed(after, count);
        let mut messages = HashMap::new();
        for logged in [Logged::Durable, Logged::Volatile] {
            let unread = listed.iter().filter(|listed| listed.message.is_none());
            let unread = unread.filter(|listed| listed.logged == logged);
            let mut unread: Vec<Sequence> = unread.map(|listed| listed.sequence).collect();
            unread.sort_unstable();
            self.read_all(&unread, logged, &mut messages)?;
        }
        for listed in &mut listed {
            let read = messages.remove(&listed.sequence);
            listed.message = listed.message.take().or(read);
        }
        listed.retain(|listed| listed.message.is_some());
        Ok(listed)
    }

    fn read_all(
        &self,
        sequences: &[Sequence],
        logged: Logged,
        messages: &mut HashMap<Sequence, Message>,
    ) -> Result<(), Error> {
        let mut left = sequences;
        while !left.is_empty() {
            let mut asked: Vec<_> = left.iter().map(|&sequence| (sequence, logged)).collect();
            let found = self.find(&mut asked)?;
            messages.extend(
                found
                    .into_iter()
                    .map(|found| (found.sequence, found.message)),
            );
            left = left.get(asked.len().max(1)..).unwrap_or_default();
        }
        Ok(())
    }
}
