//! Messages that wait in a queue, in the order in which they entered it.

use std::collections::VecDeque;

use crate::message::Message;
use crate::queue::Sequence;

/// A message at its place in a queue.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Place in the queue: given on entry, kept for life.
    pub sequence: Sequence,
    /// How often it was handed out and came back.
    pub returns: u32,
    /// The message.
    pub message: Message,
}

/// The ready messages of one queue, ascending by sequence.
#[derive(Debug, Default)]
pub struct Ready {
    entries: VecDeque<Entry>,
    body_bytes: u64,
}

impl Ready {
    /// How many messages wait.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Does none wait?
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of the bodies that wait.
    pub fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// Puts a new message at the end.
    pub fn push(&mut self, entry: Entry) {
        self.body_bytes += entry.message.body_len();
        self.entries.push_back(entry);
    }

    /// Puts a message that came back to its original position.
    pub fn put_back(&mut self, entry: Entry) {
        self.body_bytes += entry.message.body_len();
        let behind = |waiting: &Entry| waiting.sequence > entry.sequence;
        if self.entries.front().is_none_or(behind) {
            return self.entries.push_front(entry);
        }
        let position = self
            .entries
            .partition_point(|waiting| waiting.sequence < entry.sequence);
        self.entries.insert(position, entry);
    }

    /// The message that is next.
    pub fn front(&self) -> Option<&Entry> {
        self.entries.front()
    }

    /// All that wait, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Takes the message that is next.
    pub fn pop(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        self.body_bytes -= entry.message.body_len();
        if self.entries.is_empty() && self.entries.capacity() > KEPT_ENTRIES {
            // A queue that was long once gives its memory back.
            self.entries = VecDeque::new();
        }
        Some(entry)
    }

    /// Takes all.
    pub fn drain(&mut self) -> VecDeque<Entry> {
        self.body_bytes = 0;
        std::mem::take(&mut self.entries)
    }
}

/// An emptied queue keeps room for this many entries.
const KEPT_ENTRIES: usize = 4096;
