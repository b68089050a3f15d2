//! Frees segments that a few live messages pin: these are copied to the end of the log.
//!
//! A copy is a record of its own kind, which moves a message that is still live and never revives one. So
//! a settlement wins against it in whatever order they are written. The old segment goes like any
//! other: once a checkpoint has the new places. What lives in a segment is not known by segment; its
//! records are read, and the index is asked about each.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use crate::log::{Location, Position};
use crate::record::Publish;
use crate::segment::{self, Found, SEGMENT_HEAD_BYTES, Scanner};
use crate::shared::Shared;
use crate::{Error, Options, QueueId, Sequence};

/// How far compaction has come.
#[derive(Debug, Default)]
pub(crate) struct Compaction {
    /// Where the next record is to be looked at.
    next: Option<Position>,
    /// Copied, and not removed yet. One with a damaged message stays.
    done: BTreeSet<u32>,
}

impl Compaction {
    /// Goes on for a bounded while, if there is too much that is dead and pinned. Publishers come first.
    pub(crate) fn run(&mut self, shared: &Shared) {
        let mut left_bytes = shared.options.compaction_round_bytes;
        while left_bytes > 0 && !must_wait(shared) {
            let next = self.next.take().or_else(|| self.choose(shared));
            let Some(next) = next else {
                return;
            };
            match copy_some(shared, next, &mut left_bytes) {
                Ok(Some(next)) => self.next = Some(next),
                Ok(None) => drop(self.done.insert(next.segment)),
                Err(error) => {
                    tracing::error!(%error, "a segment cannot be compacted");
                    self.done.insert(next.segment);
                }
            }
        }
    }

    /// The segment with the least live share, if there are more dead bytes than live ones, and than a
    /// few segments have.
    fn choose(&mut self, shared: &Shared) -> Option<Position> {
        let Options {
            segment_bytes,
            compaction_dead_segments,
            ..
        } = shared.options;
        let tolerated_bytes = segment_bytes * compaction_dead_segments;
        let state = shared.state.lock();
        self.done
            .retain(|number| state.segments.contains_key(number));
        let (mut live_bytes, mut dead_bytes) = (0, 0);
        let mut best: Option<(u64, u64, u32)> = None;
        let ended = state.index.live_bytes();
        for (number, live) in ended.filter(|(number, _)| *number < state.applied.segment) {
            let length = state.segments.get(&number).copied().unwrap_or(0);
            let live = live.min(length);
            live_bytes += live;
            if self.done.contains(&number) {
                continue;
            }
            dead_bytes += length - live;
            let is_less = best.is_none_or(|(best_live, best_length, _)| {
                u128::from(live) * u128::from(best_length)
                    < u128::from(best_live) * u128::from(length)
            });
            if is_less && 2 * live <= length {
                best = Some((live, length, number));
            }
        }
        let (_, _, number) = best.filter(|_| dead_bytes > live_bytes.max(tolerated_bytes))?;
        Some(Position {
            segment: number,
            offset: SEGMENT_HEAD_BYTES as u32,
        })
    }
}

/// Whether there is no room for copies now.
fn must_wait(shared: &Shared) -> bool {
    let congested = shared.options.congested_bytes;
    shared.is_disk_full()
        || shared.failure.get().is_some()
        || shared.pending_bytes.load(Ordering::Relaxed) >= congested
}

/// Copies what is live from `next` on. Returns where to go on, or `None` at the segment's end.
fn copy_some(
    shared: &Shared,
    next: Position,
    left_bytes: &mut u64,
) -> Result<Option<Position>, Error> {
    let path = segment::path(next.segment);
    let file = shared.reader.disk().open(&path);
    let file = file.map_err(Error::io("open", &path))?;
    let read = || Error::io("read", segment::path(next.segment));
    let scanner = Scanner::new(file, next.segment, next.offset.into());
    let mut scanner = scanner.map_err(read())?;
    loop {
        match scanner.next().map_err(read())? {
            Found::Record {
                offset,
                kind,
                length,
                payload,
            } => {
                *left_bytes = left_bytes.saturating_sub(length.into());
                let location = Location {
                    segment: next.segment,
                    offset,
                    length,
                };
                if kind.is_message() {
                    copy(shared, location, payload);
                }
            }
            Found::End => return Ok(None),
            Found::Bad => {
                let offset = u32::try_from(scanner.offset()).unwrap_or(u32::MAX);
                let location = Location {
                    segment: next.segment,
                    offset,
                    length: 0,
                };
                shared.damaged(location, "a record is damaged and will not be copied");
                if !scanner.skip_bad().map_err(read())? {
                    return Ok(None);
                }
            }
        }
        if *left_bytes == 0 || must_wait(shared) {
            let offset = u32::try_from(scanner.offset()).expect("segments are shorter than 4 GiB");
            return Ok(Some(Position { offset, ..next }));
        }
    }
}

/// Appends a copy of a message for those of its queues in which it is live and lies here.
fn copy(shared: &Shared, location: Location, payload: &[u8]) {
    let Some(publish) = Publish::parse(payload) else {
        return;
    };
    let state = shared.state.lock();
    let lies_here = |(queue, sequence): &(QueueId, Sequence)| {
        state.index.get(*queue, *sequence) == Some(location)
    };
    let live = publish.attributed();
    let live = live.filter(|(target, _)| lies_here(target));
    let (targets, attributes): (Vec<_>, Vec<_>) = live.unzip();
    drop(state);
    if !targets.is_empty() {
        let Publish {
            content_bytes,
            message,
            ..
        } = publish;
        shared.append_copy(content_bytes, &targets, &attributes, message);
    }
}
