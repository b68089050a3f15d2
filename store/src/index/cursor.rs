//! Finding many sequences of a queue: ascending ones in one walk over its blocks.

use std::collections::BTreeMap;

use super::block::{BLOCK_SEQUENCES, Block, BlockRuns};
use super::packed::Run;
use super::queue::slot;
use crate::log::Location;

/// Stands in the blocks of one queue.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    blocks: &'a BTreeMap<u64, Block>,
    /// The block and slot asked for last.
    at: Option<(u64, u8)>,
    /// The first run that does not end before there, and those behind it.
    run: Option<Run>,
    runs: BlockRuns<'a>,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(blocks: &'a BTreeMap<u64, Block>) -> Self {
        Self {
            blocks,
            at: None,
            run: None,
            runs: BlockRuns::default(),
        }
    }

    /// Where a message lies. Cheap if it comes soon behind the one asked for before.
    pub(crate) fn locate(&mut self, sequence: u64) -> Option<Location> {
        self.run_with(sequence)?.locate(slot(sequence))
    }

    /// How many bytes of a message count as its content. Cheap as [`Cursor::locate`].
    pub(crate) fn content_bytes(&mut self, sequence: u64) -> Option<u32> {
        let run = self.run_with(sequence)?;
        run.locate(slot(sequence))?;
        Some(run.first.content_bytes)
    }

    /// The run in whose bounds a message lies, if any does.
    fn run_with(&mut self, sequence: u64) -> Option<Run> {
        let (number, slot) = (sequence / BLOCK_SEQUENCES, slot(sequence));
        let onward = self
            .at
            .is_some_and(|(block, before)| block == number && before <= slot);
        self.at = Some((number, slot));
        if !onward {
            let block = self.blocks.get(&number);
            self.runs = block.map(Block::runs).unwrap_or_default();
            self.run = self.runs.next();
        }
        while self.run.is_some_and(|run| run.end() <= slot) {
            self.run = self.runs.next();
        }
        self.run
    }
}
