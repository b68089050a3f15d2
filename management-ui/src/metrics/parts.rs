//! An answer in parts, each made when the one before has been sent: however many objects there are, only their
//! numbers are held, never the whole text.

use std::collections::VecDeque;
use std::sync::Arc;

use ferrymq_broker::clock::{self, Timestamp};

use super::family::Column;
use super::registry::Registry;
use super::scrapes::Scrapes;
use super::text::{Labels, Text};

/// A piece is sent when it is about this long.
const PIECE_BYTES: usize = 64 * 1024;
/// Rows that are written between two looks at the length.
const ROWS_AT_ONCE: usize = 256;

/// Writes some of itself; tells whether there is more.
type Part = Box<dyn FnMut(&mut Text) -> bool + Send>;

/// What an answer consists of.
pub(super) struct Parts {
    text: Text,
    parts: VecDeque<Part>,
    scrapes: Arc<Scrapes>,
    registry: Registry,
    began: Timestamp,
    bytes: usize,
}

impl Parts {
    /// Nothing yet; names begin with `prefix`. What all of it cost will be told to `scrapes`.
    pub(super) fn new(prefix: &'static str, scrapes: Arc<Scrapes>, registry: Registry) -> Self {
        Self {
            text: Text::new(prefix),
            parts: VecDeque::new(),
            scrapes,
            registry,
            began: clock::now(),
            bytes: 0,
        }
    }

    /// Goes on with something short.
    pub(super) fn short(&mut self, write: impl FnOnce(&mut Text) + Send + 'static) {
        let mut write = Some(write);
        self.parts.push_back(Box::new(move |text| {
            if let Some(write) = write.take() {
                write(text);
            }
            false
        }));
    }

    /// Goes on with a family for each column, each with a sample per row.
    pub(super) fn rows<R: Send + Sync + 'static>(
        &mut self,
        columns: &[Column<R>],
        rows: &Arc<Vec<(Labels, R)>>,
    ) {
        for column in columns {
            let (column, rows) = (*column, Arc::clone(rows));
            let mut next = 0;
            self.parts.push_back(Box::new(move |text| {
                if next == 0 && !rows.is_empty() {
                    text.family(&column.family);
                }
                for (labels, row) in rows[next..].iter().take(ROWS_AT_ONCE) {
                    text.sample(column.family.name, labels.as_str(), (column.value)(row));
                }
                next = rows.len().min(next + ROWS_AT_ONCE);
                next < rows.len()
            }));
        }
    }
}

impl Iterator for Parts {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        while self.text.len() < PIECE_BYTES {
            let Some(part) = self.parts.front_mut() else {
                break;
            };
            if !part(&mut self.text) {
                self.parts.pop_front();
            }
        }
        let piece = self.text.take();
        self.bytes += piece.len();
        (!piece.is_empty()).then_some(piece)
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        let took = clock::now().since(self.began);
        self.scrapes.add(self.registry, took, self.bytes);
    }
}
