//! The ordered table that the log is checkpointed into: sled, or a simulated twin.
//!
//! Keys begin with a letter that says what they are, so that one table holds everything:
//!
//! ```text
//! m                                       the checkpoint itself, see `checkpoint.rs`
//! d  hash 16 bytes, chunk u16             a definition, see `definitions.rs`
//! q  queue u64                            next sequence u64: above all that the queue has used
//! b  queue u64, block u64                 live messages, see `index/block.rs`
//! a  queue u64, block u64                 their attributes, see `index/attributes.rs`
//! e  queue u64, first sequence u64        last sequence u64: settled before their publish was seen
//! ```
//!
//! Keys are big-endian so that they sort, values little-endian. A value stays below 4 KiB: larger
//! ones would go to files of their own, which sled never syncs.

mod simulated;
mod sled_table;

use std::fmt::Debug;

use crate::{Error, QueueId, Sequence};

#[cfg(test)]
pub(crate) use simulated::SimulatedTable;
pub(crate) use simulated::{Contents, Interruption, SimulatedTables};
pub(crate) use sled_table::{DIRECTORY as SLED_DIRECTORY, SledTables, move_aside};

/// No value may be longer.
pub(crate) const MAX_VALUE_BYTES: usize = 4096;

/// An ordered table of small values.
pub(crate) trait Table: Debug + Send {
    /// Applies all changes of a batch, or none.
    fn apply(&mut self, batch: Batch) -> Result<(), Error>;
    /// Makes everything that was applied durable.
    fn sync(&mut self) -> Result<(), Error>;
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error>;
    /// Visits the keys that begin with `prefix`, ascending, until `visit` fails.
    fn scan(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), Error>;
}

/// Where tables come from.
pub(crate) trait Tables: Debug + Send {
    /// Opens the table, or creates it.
    fn open(&self) -> Result<Box<dyn Table>, Error>;
    /// Moves a table that cannot be used aside. It is closed.
    fn move_aside(&self) -> Result<(), Error>;
}

/// Takes a key and its value.
pub(crate) type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<(), Error> + 'a;

/// Changes which are applied together.
#[derive(Debug, Default, Clone)]
pub(crate) struct Batch {
    /// Keys and their new values; `None` removes.
    pub(crate) changes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    bytes: usize,
}

impl Batch {
    /// A batch is applied once it has so many changes,
    const MAX_CHANGES: usize = 256;
    /// or so many bytes.
    const MAX_BYTES: usize = 128 * 1024;

    pub(crate) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        assert!(value.len() < MAX_VALUE_BYTES, "values are small");
        self.bytes += key.len() + value.len();
        self.changes.push((key, Some(value)));
    }

    pub(crate) fn remove(&mut self, key: Vec<u8>) {
        self.bytes += key.len();
        self.changes.push((key, None));
    }

    /// Of all keys and values.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether it is time to apply it and begin another.
    pub(crate) fn is_full(&self) -> bool {
        self.changes.len() >= Self::MAX_CHANGES || self.bytes >= Self::MAX_BYTES
    }

    /// Applies the batch if it is full, and empties it.
    pub(crate) fn apply_full(&mut self, table: &mut dyn Table) -> Result<(), Error> {
        if self.is_full() {
            table.apply(std::mem::take(self))?;
        }
        Ok(())
    }
}

/// The key of the checkpoint itself.
pub(crate) const CHECKPOINT_KEY: &[u8] = b"m";
/// What the keys of queues begin with.
pub(crate) const QUEUES: &[u8] = b"q";
/// What the keys of blocks begin with.
pub(crate) const BLOCKS: &[u8] = b"b";
/// What the keys of blocks' attributes begin with.
pub(crate) const ATTRIBUTES: &[u8] = b"a";
/// What the keys of early settled sequences begin with.
pub(crate) const EARLY: &[u8] = b"e";

/// A letter and a queue.
pub(crate) fn queue_key(letter: &[u8], queue: QueueId) -> Vec<u8> {
    let mut key = letter.to_vec();
    key.extend_from_slice(&queue.0.to_be_bytes());
    key
}

/// A letter, a queue and a number.
pub(crate) fn numbered_key(letter: &[u8], queue: QueueId, number: u64) -> Vec<u8> {
    let mut key = queue_key(letter, queue);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// The queue in a key.
pub(crate) fn key_queue(key: &[u8]) -> Result<QueueId, Error> {
    Ok(QueueId(u64::from_be_bytes(field(key, 1)?)))
}

/// The number in a key.
pub(crate) fn key_number(key: &[u8]) -> Result<u64, Error> {
    Ok(u64::from_be_bytes(field(key, 9)?))
}

/// A value that is a sequence.
pub(crate) fn value_sequence(value: &[u8]) -> Result<Sequence, Error> {
    Ok(Sequence(u64::from_le_bytes(field(value, 0)?)))
}

/// The bytes at `at`.
pub(crate) fn field<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Error> {
    let field = bytes.get(at..).and_then(|rest| rest.first_chunk());
    field
        .copied()
        .ok_or_else(|| Error::Index("a key or value is too short".to_owned()))
}
