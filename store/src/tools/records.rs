//! Every record of the log, with what it means.

use std::ops::ControlFlow;

use crate::log::Location;
use crate::record::{self, ChangeView, Kind, Publish, SnapshotHead};
use crate::segment;
use crate::{Attributes, Change, Error, QueueId, Sequence, walk};

use super::{Damage, Definition, Found, Offline};

/// A record with a good checksum.
#[derive(Debug)]
pub struct Record<'a> {
    /// The segment's file, relative to the data directory.
    pub file: String,
    /// Where it begins.
    pub offset: u32,
    /// The whole record's length.
    pub length: u32,
    /// What it says.
    pub content: Content<'a>,
}

/// What a record says.
#[derive(Debug)]
pub enum Content<'a> {
    /// A message was published.
    Publish {
        /// Where it was routed to.
        targets: Vec<Target>,
        /// The message's bytes, all of them.
        message: &'a [u8],
    },
    /// Messages were settled: ranges, both ends included.
    Remove(Vec<(QueueId, Sequence, Sequence)>),
    /// Definitions changed together.
    Change(Vec<Change<'a>>),
    /// A part of all definitions, as they were at some time.
    Snapshot {
        /// Counted from 0.
        part: u32,
        /// Whether it is the last.
        last: bool,
        /// How many definitions and queues this part has.
        entries: usize,
    },
    /// Records begin here that were written together.
    Group {
        /// Counted from each start on.
        number: u64,
        /// Everything before this offset of the segment was on stable storage by then.
        whole_before: u32,
    },
    /// Nothing that can be understood.
    Unknown,
}

/// A queue that a message was routed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The queue.
    pub queue: QueueId,
    /// The message's place in it.
    pub sequence: Sequence,
    /// What was noted for it.
    pub attributes: Attributes,
    /// Whether it is still there.
    pub live: bool,
}

impl Offline {
    /// All definitions that a start would find, in no order.
    pub fn definitions(&self) -> Result<Vec<Definition>, Error> {
        Ok(self.look()?.definitions.into_iter().collect())
    }

    /// Visits every record of the log, until `visit` has enough. Returns what is damaged so far.
    pub fn records(
        &self,
        mut visit: impl FnMut(&Record<'_>) -> ControlFlow<()>,
    ) -> Result<Vec<Damage>, Error> {
        let found = self.look()?;
        let mut flow = ControlFlow::Continue(());
        let walked = walk::walk(
            &*self.disk,
            None,
            found.durable,
            &mut |at, kind, payload| {
                if flow.is_continue() {
                    flow = visit(&decode(&found, at, kind, payload));
                }
            },
        )?;
        Ok(walked.damages.iter().map(Damage::from).collect())
    }
}

fn decode<'a>(found: &Found, at: Location, kind: Kind, payload: &'a [u8]) -> Record<'a> {
    let content = match kind {
        Kind::Publish | Kind::Copy => publish(found, at, payload),
        Kind::Remove => Content::Remove(
            record::removals(payload)
                .map(|removal| (removal.queue, removal.first, removal.last))
                .collect(),
        ),
        Kind::Change | Kind::Following => {
            Content::Change(record::changes(payload).filter_map(definition).collect())
        }
        Kind::Snapshot => {
            SnapshotHead::parse(payload).map_or(Content::Unknown, |(head, entries)| {
                Content::Snapshot {
                    part: head.part,
                    last: head.last,
                    entries: record::changes(entries).count(),
                }
            })
        }
        Kind::Group => Content::Group {
            number: record::group_number(payload),
            whole_before: record::group_whole_before(payload),
        },
    };
    Record {
        file: segment::path(at.segment),
        offset: at.offset,
        length: at.length,
        content,
    }
}

fn publish<'a>(found: &Found, at: Location, payload: &'a [u8]) -> Content<'a> {
    let Some(publish) = Publish::parse(payload) else {
        return Content::Unknown;
    };
    let target = |((queue, sequence), attributes)| Target {
        queue,
        sequence,
        attributes,
        live: found.is_live((queue, sequence), at),
    };
    Content::Publish {
        targets: publish.attributed().map(target).collect(),
        message: publish.message,
    }
}

fn definition(change: ChangeView<'_>) -> Option<Change<'_>> {
    match change {
        ChangeView::Definition(change) => Some(change),
        ChangeView::Queue { .. } => None,
    }
}
