//! Messages that are gone, but still count for their segments.
//!
//! A huge queue is deleted or purged under the lock that every commit needs. So its blocks only move here,
//! and the next checkpoint, which is the first to care, works them off a few at a time.

use std::collections::btree_map::IntoValues;

use super::block::Block;
use super::segments::Segments;

/// How many blocks are worked off at once.
const BLOCKS_PER_STEP: usize = 512;

/// Blocks of which nothing is left but their share of segments.
#[derive(Debug, Default)]
pub(crate) struct Condemned {
    /// All blocks of deleted queues.
    pub(crate) queues: Vec<IntoValues<u64, Block>>,
    pub(crate) blocks: Vec<Block>,
}

impl Condemned {
    /// Lets go of what some of the blocks hold; false if there are none any more.
    pub(crate) fn release_some(&mut self, segments: &mut Segments) -> bool {
        for _ in 0..BLOCKS_PER_STEP {
            let Some(block) = self.next() else {
                self.blocks.shrink_to(BLOCKS_PER_STEP);
                return false;
            };
            block.runs().for_each(|run| segments.release(&run));
        }
        true
    }

    fn next(&mut self) -> Option<Block> {
        while let Some(queue) = self.queues.last_mut() {
            if let Some(block) = queue.next() {
                return Some(block);
            }
            self.queues.pop();
        }
        self.blocks.pop()
    }
}
