//! Definitions in the checkpoint's table, and their snapshot in the log.
//!
//! Keys and values may be of any length, the table's may not: a definition is found by a hash of its
//! key, and cut into chunks.
//!
//! ```text
//! chunks   count u16, key length u32, key, value; cut every 3,000 bytes
//! ```

use sha2::{Digest, Sha256};

use crate::log::Position;
use crate::record::{self, SnapshotHead};
use crate::table::{self, Batch, QUEUES, Table, field};
use crate::{Change, Error};

const DEFINITIONS: &[u8] = b"d";
const CHUNK_BYTES: usize = 3000;
const HASH_BYTES: usize = 16;
/// How much of a snapshot goes into one record.
const SNAPSHOT_RECORD_BYTES: usize = 256 * 1024;

/// Adds a definition, or its removal, to a batch for `table`.
pub(crate) fn put(
    batch: &mut Batch,
    table: &dyn Table,
    key: &[u8],
    value: Option<&[u8]>,
) -> Result<(), Error> {
    let mut chunks = 0;
    if let Some(value) = value {
        let bytes = encode(key, value);
        for chunk in bytes.chunks(CHUNK_BYTES) {
            batch.put(chunk_key(key, chunks), chunk.to_vec());
            chunks += 1;
        }
    }
    let before = table.get(&chunk_key(key, 0))?;
    let before = before.map_or(Ok(0), |first| field(&first, 0).map(u16::from_le_bytes))?;
    for chunk in chunks..before {
        batch.remove(chunk_key(key, chunk));
    }
    Ok(())
}

/// Visits all definitions of a table, in no order.
pub(crate) fn scan(
    table: &dyn Table,
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut bytes = Vec::new();
    let mut missing = 0;
    table.scan(DEFINITIONS, &mut |_, chunk| {
        if missing == 0 {
            bytes.clear();
            missing = u16::from_le_bytes(field(chunk, 0)?);
        }
        bytes.extend_from_slice(chunk);
        missing = missing.saturating_sub(1);
        if missing > 0 {
            return Ok(());
        }
        let length = u32::from_le_bytes(field(&bytes, 2)?) as usize;
        let definition = bytes[6..].split_at_checked(length);
        let (key, value) =
            definition.ok_or_else(|| Error::Index("a definition is cut".to_owned()))?;
        visit(key, value)
    })
}

/// Encodes everything that a table defines as snapshot records, and hands each to `append`.
///
/// `base` is the position of the table's checkpoint.
pub(crate) fn snapshot(
    table: &dyn Table,
    base: Position,
    next_queue_id: u64,
    mut append: impl FnMut(&[u8]),
) -> Result<(), Error> {
    let mut head = SnapshotHead {
        base: base.to_u64(),
        part: 0,
        last: false,
        next_queue_id,
    };
    let mut out = Vec::new();
    let mut start = head.begin(&mut out);
    let mut next_part = |out: &mut Vec<u8>| {
        if out.len() >= SNAPSHOT_RECORD_BYTES {
            record::end(out, start, 0);
            append(out);
            out.clear();
            head.part += 1;
            start = head.begin(out);
        }
    };
    table.scan(QUEUES, &mut |key, value| {
        record::put_snapshot_queue(
            &mut out,
            table::key_queue(key)?,
            table::value_sequence(value)?,
        );
        next_part(&mut out);
        Ok(())
    })?;
    scan(table, |key, value| {
        record::put_change(&mut out, &Change::Put { key, value });
        next_part(&mut out);
        Ok(())
    })?;
    record::end(&mut out, start, 0);
    SnapshotHead::mark_last(&mut out);
    append(&out);
    Ok(())
}

fn encode(key: &[u8], value: &[u8]) -> Vec<u8> {
    let length = 6 + key.len() + value.len();
    let chunks = u16::try_from(length.div_ceil(CHUNK_BYTES));
    let chunks = chunks.expect("a definition is shorter than 180 MiB");
    let key_length = u32::try_from(key.len()).expect("checked when it was logged");
    let mut bytes = Vec::with_capacity(length);
    bytes.extend_from_slice(&chunks.to_le_bytes());
    bytes.extend_from_slice(&key_length.to_le_bytes());
    bytes.extend_from_slice(key);
    bytes.extend_from_slice(value);
    bytes
}

fn chunk_key(key: &[u8], chunk: u16) -> Vec<u8> {
    let hash = Sha256::digest(key);
    let mut out = DEFINITIONS.to_vec();
    out.extend_from_slice(&hash[..HASH_BYTES]);
    out.extend_from_slice(&chunk.to_be_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::SimulatedDisk;
    use crate::record::{ChangeView, HEAD_BYTES};
    use crate::table::SimulatedTable;

    fn change(table: &mut SimulatedTable, key: &[u8], value: Option<&[u8]>) {
        let mut batch = Batch::default();
        put(&mut batch, table, key, value).unwrap();
        table.apply(batch).unwrap();
    }

    fn definitions(table: &SimulatedTable) -> Vec<(usize, usize)> {
        let mut lengths = Vec::new();
        scan(table, |key, value| {
            assert!(key.iter().chain(value).all(|byte| *byte == key[0]));
            lengths.push((key.len(), value.len()));
            Ok(())
        })
        .unwrap();
        lengths.sort_unstable();
        lengths
    }

    #[test]
    fn definitions_of_any_length_grow_shrink_and_vanish() {
        let mut table = SimulatedTable(SimulatedDisk::new());
        change(&mut table, &[1; 10], Some(&[1; 10_000]));
        change(&mut table, &[2; 9000], Some(&[]));
        change(&mut table, &[3; 1], Some(&[3; 2993]));
        assert_eq!(definitions(&table), [(1, 2993), (10, 10_000), (9000, 0)]);
        change(&mut table, &[1; 10], Some(&[1; 5]));
        change(&mut table, &[2; 9000], None);
        assert_eq!(definitions(&table), [(1, 2993), (10, 5)]);
        let mut keys = 0;
        table
            .scan(b"", &mut |_, _| {
                keys += 1;
                Ok(())
            })
            .unwrap();
        assert_eq!(keys, 2);
    }

    #[test]
    fn a_snapshot_has_everything_in_parts() {
        let mut table = SimulatedTable(SimulatedDisk::new());
        for key in 0..20 {
            change(&mut table, &[key; 3], Some(&[key; 50_000]));
        }
        let mut heads = Vec::new();
        let mut keys = 0;
        let base = Position {
            segment: 7,
            offset: 9,
        };
        snapshot(&table, base, 5, |record| {
            assert_eq!(record::record_bytes(record), record.len());
            let (head, entries) = SnapshotHead::parse(&record[HEAD_BYTES..]).unwrap();
            assert_eq!((head.base, head.next_queue_id), (base.to_u64(), 5));
            heads.push((head.part, head.last));
            keys += record::changes(entries)
                .filter(|entry| matches!(entry, ChangeView::Definition(Change::Put { .. })))
                .count();
        })
        .unwrap();
        assert_eq!(keys, 20);
        assert_eq!(heads, [(0, false), (1, false), (2, false), (3, true)]);
    }
}
