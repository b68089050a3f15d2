//! How a queue's messages leave memory, and how they come back. No lock is held during I/O.

use std::sync::Arc;

use ferrymq_store::{Append, Attributes, CommitPoint, Durability, Error, QueueId, Sequence};

use super::{SharedQueue, Work};
use crate::clock::Timestamp;
use crate::message::Message;
use crate::queue::entry::{Entry, Logged, OnDisk, Section};
use crate::queue::ready::Found;
use crate::queue::waiting::Load;
use crate::queue::{Effects, Got, Queue};

/// Messages of one queue, and where in the log they are.
type Places = [(Sequence, Logged)];

impl SharedQueue {
    /// Takes the next message for `basic.get` (see `Queue::get`); reads it first if it is on disk only.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn get(
        self: &Arc<Self>,
        no_ack: bool,
        work: &mut Work,
    ) -> Result<Option<(Entry, usize)>, Error> {
        loop {
            match self.run(work, |queue, effects| queue.get(no_ack, effects)) {
                Got::Message(entry, left) => return Ok(Some((entry, left))),
                Got::Empty => return Ok(None),
                Got::OnDisk => tokio::task::block_in_place(|| self.load_or_wait(work))?,
            }
        }
    }

    /// Reads the next messages back, if that is due and nobody does it already.
    ///
    /// # Errors
    /// When the disk fails. Damaged messages are no error: they are reported, and gone.
    pub fn load(self: &Arc<Self>, work: &mut Work) -> Result<(), Error> {
        let asked = self.queue.lock().begin_load(self.paging.read_bytes());
        asked.map_or(Ok(()), |asked| self.read(asked, work))
    }

    /// As [`SharedQueue::load`], and waits for whoever does it already.
    fn load_or_wait(self: &Arc<Self>, work: &mut Work) -> Result<(), Error> {
        let mut queue = self.queue.lock();
        if queue.is_loading() {
            self.loaded.wait(&mut queue);
            return Ok(());
        }
        let asked = queue.begin_load(self.paging.read_bytes());
        drop(queue);
        asked.map_or(Ok(()), |asked| self.read(asked, work))
    }

    fn read(self: &Arc<Self>, mut asked: Load, work: &mut Work) -> Result<(), Error> {
        let found = self.find(&mut asked.places);
        let read = match found {
            Ok(found) => {
                let lost = self.run(work, |queue, effects| {
                    queue.finish_load(&asked, found, effects)
                });
                if lost > 0 {
                    let (queue, vhost) = (&self.name, &self.vhost);
                    tracing::error!(
                        %queue,
                        %vhost,
                        "queue '{queue}' in vhost '{vhost}': {lost} messages can't be read and are lost"
                    );
                }
                Ok(())
            }
            Err(error) => {
                self.queue.lock().abandon_load(&asked);
                let (queue, vhost) = (&self.name, &self.vhost);
                tracing::error!(%queue, %vhost, %error, "queue '{queue}' in vhost '{vhost}': can't read messages");
                Err(error)
            }
        };
        self.loaded.notify_all();
        read
    }

    /// Finds messages in the log. Cuts `asked` to those it looked for.
    pub(super) fn find(&self, asked: &mut Vec<(Sequence, Logged)>) -> Result<Vec<Found>, Error> {
        let mut found = Vec::with_capacity(asked.len());
        let mut left_bytes = self.paging.read_bytes();
        let mut looked_for = 0;
        for run in asked.chunk_by(|a, b| a.1 == b.1) {
            let sequences: Vec<Sequence> = run.iter().map(|(sequence, _)| *sequence).collect();
            let Some(id) = self.id(run[0].1) else { break };
            let store = self.paging.store();
            let (messages, looked) = store.read_some(id, &sequences, left_bytes)?;
            for stored in messages {
                let sequence = stored.sequence;
                left_bytes = left_bytes.saturating_sub(stored.bytes.len() as u64);
                match Message::from_stored(&stored.bytes) {
                    Ok(message) => found.push(Found {
                        sequence,
                        expires_at: expires_at(stored.attributes),
                        message,
                    }),
                    Err(why) => tracing::error!("message {sequence:?} makes no sense: {why}"),
                }
            }
            looked_for += looked;
            if looked < run.len() || left_bytes == 0 {
                break;
            }
        }
        asked.truncate(looked_for);
        Ok(found)
    }

    /// Lets messages leave memory, so that about `keep_bytes` stay at the head; with `all` also those
    /// which the log does not have yet: they are written, and can leave when the returned point is
    /// reached.
    pub fn page_out(self: &Arc<Self>, keep_bytes: u64, all: bool) -> CommitPoint {
        let sections = self.queue.lock().sections();
        // The lowest priority is wanted last.
        let points = sections.into_iter().map(|section| match section {
            Section::Ready(_) => self.page_out_section(section, keep_bytes, all),
            // Nobody wants these before their time.
            Section::Delayed(_) => {
                self.page_out_section(section, 0, !self.paging.store().is_disk_full())
            }
        });
        points.max().unwrap_or(CommitPoint::ALWAYS)
    }

    fn page_out_section(
        self: &Arc<Self>,
        section: Section,
        keep_bytes: u64,
        all: bool,
    ) -> CommitPoint {
        let mut point = CommitPoint::ALWAYS;
        let mut gone_bytes = 0;
        loop {
            let mut queue = self.queue.lock();
            queue.end_page_out(section, gone_bytes);
            let resident_bytes = queue.resident_bytes();
            let candidates = queue.page_out_candidates(section, keep_bytes, all);
            drop(queue);
            self.report(resident_bytes);
            if !candidates.unlogged.is_empty() {
                point = point.max(self.write(&candidates.unlogged));
            }
            let stored = self.stored(&candidates.logged);
            let gone = self.queue.lock().page_out(section, &stored, keep_bytes);
            if gone.is_empty() {
                return point;
            }
            let bytes = gone.iter().map(|entry| entry.message.memory_bytes());
            gone_bytes = bytes.sum();
        }
    }

    /// Tells the queue the size of what left its place unread.
    pub(super) fn size_unread(&self, queue: &mut Queue, effects: &mut Effects) {
        for (section, bytes) in self.sizes(&mut effects.unread) {
            queue.forget_bytes(section, bytes);
        }
        for (section, bytes) in self.sizes(&mut effects.moved) {
            queue.move_bytes(section, bytes);
        }
    }

    fn sizes(&self, places: &mut Vec<OnDisk>) -> Vec<(Section, u64)> {
        let mut sizes = Vec::new();
        let alike = |a: &OnDisk, b: &OnDisk| (a.section, a.logged) == (b.section, b.logged);
        for run in places.chunk_by(alike) {
            let Some(id) = self.id(run[0].logged) else {
                continue;
            };
            let sequences: Vec<Sequence> = run.iter().map(|place| place.sequence).collect();
            let bytes = self.paging.store().content_bytes(id, &sequences);
            sizes.push((run[0].section, bytes));
        }
        places.clear();
        sizes
    }

    /// Writes messages to the log that a restart will forget.
    fn write(&self, entries: &[Entry]) -> CommitPoint {
        let store = self.paging.store();
        let id = *self
            .volatile
            .get_or_init(|| store.allocate_volatile_queue());
        store.append_with(|log| {
            for entry in entries {
                let message = &entry.message;
                message.with_stored_parts(|parts| {
                    log.push(&Append {
                        targets: &[(id, entry.sequence)],
                        attributes: &[entry.attributes()],
                        parts,
                        content_bytes: message.content_bytes(),
                        durability: Durability::Relaxed,
                    });
                });
            }
        })
    }

    /// The first of these messages which the log has.
    fn stored(&self, places: &Places) -> Vec<Sequence> {
        let mut stored = Vec::with_capacity(places.len());
        for run in places.chunk_by(|a, b| a.1 == b.1) {
            let sequences: Vec<Sequence> = run.iter().map(|(sequence, _)| *sequence).collect();
            let Some(id) = self.id(run[0].1) else { break };
            let count = self.paging.store().stored(id, &sequences);
            stored.extend_from_slice(&sequences[..count]);
            if count < run.len() {
                break;
            }
        }
        stored
    }

    pub(super) fn id(&self, logged: Logged) -> Option<QueueId> {
        match logged {
            Logged::No => None,
            Logged::Durable => Some(self.durable.as_ref()?.id),
            Logged::Volatile => self.volatile.get().copied(),
        }
    }
}

/// When a message expires by what was noted with it.
fn expires_at(attributes: Attributes) -> Timestamp {
    match attributes.expires {
        0 => Timestamp::NEVER,
        expires => Timestamp::from_millis(expires),
    }
}
