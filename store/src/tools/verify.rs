//! Is a store whole? Every record's checksum, every entry of the index, and the definitions.

use std::collections::HashMap;

use crate::log::{Location, Position};
use crate::record::{Kind, Publish};
use crate::replay::Rebuild;
use crate::segment;
use crate::state::State;
use crate::walk::{self, Walked};
use crate::{Attributes, Error, QueueId, Sequence, log, recovery};

use super::{Damage, Definition, Found, Offline};

/// Index entries without a message that are named one by one.
const NAMED_MAX: usize = 1000;

/// What there is, and what is wrong with it.
#[derive(Debug, Default)]
pub struct Verified {
    /// Whether the last stop was clean.
    pub clean: bool,
    /// Segments of the log.
    pub segments: usize,
    /// Records with a good checksum.
    pub records: Records,
    /// Bytes of publish records whose message is live in some queue.
    pub live_bytes: u64,
    /// Bytes of all other records.
    pub dead_bytes: u64,
    /// Bytes at the end of the log that a crash left unfinished, which is no damage.
    pub unfinished_bytes: u64,
    /// Durable queues.
    pub queues: usize,
    /// Live messages; one counts for each queue.
    pub live_messages: u64,
    /// All definitions that a start would find, in no order.
    pub definitions: Vec<Definition>,
    /// In the order of the log; what is outside of it comes last.
    pub damages: Vec<Damage>,
}

/// How many records there are of each kind.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Records {
    /// Messages.
    pub publish: u64,
    /// Settled messages.
    pub remove: u64,
    /// Changes of definitions.
    pub change: u64,
    /// Parts of snapshots of all definitions.
    pub snapshot: u64,
    /// Groups of records that were written together.
    pub group: u64,
}

/// What a walk through the whole log gathers.
struct Survey<'a> {
    found: &'a Found,
    verified: Verified,
    /// Entries of the index whose message was seen.
    seen: HashMap<QueueId, u64>,
    definitions: Rebuild,
}

impl Offline {
    /// Reads everything, and compares what says the same twice. Changes nothing.
    pub fn verify(&self) -> Result<Verified, Error> {
        let found = self.look()?;
        let mut survey = Survey {
            found: &found,
            verified: Verified::default(),
            seen: HashMap::new(),
            definitions: Rebuild::default(),
        };
        let walked = walk::walk(
            &*self.disk,
            None,
            found.durable,
            &mut |at, kind, payload| {
                survey.record(at, kind, payload);
            },
        )?;
        let Survey {
            mut verified,
            seen,
            definitions,
            ..
        } = survey;
        verified.segments = walk::segments(&*self.disk)?.len();
        verified.unfinished_bytes = walked.torn_bytes;
        verified
            .damages
            .extend(walked.damages.iter().map(Damage::from));
        self.check_index(&found, &seen, &mut verified.damages)?;
        check_definitions(&found, &walked, definitions, &mut verified.damages);
        verified.clean = found.is_clean();
        verified.queues = found.state.index.queues().count();
        verified.live_messages = found.state.index.live_messages();
        verified.damages.extend(found.damages);
        verified.definitions = found.definitions.into_iter().collect();
        Ok(verified)
    }

    /// Names the entries whose message was not seen, queue by queue.
    fn check_index(
        &self,
        found: &Found,
        seen: &HashMap<QueueId, u64>,
        damages: &mut Vec<Damage>,
    ) -> Result<(), Error> {
        let index = &found.state.index;
        let mut queues: Vec<QueueId> = index.queues().collect();
        queues.sort_unstable();
        let reader = log::LogReader::new(std::sync::Arc::clone(&self.disk));
        for queue in queues {
            let ranges = index.live(queue).map(|live| live.sequences);
            let ranges = ranges.unwrap_or_default();
            let live: u64 = ranges
                .iter()
                .map(|(first, last)| last.0 - first.0 + 1)
                .sum();
            if seen.get(&queue).copied().unwrap_or_default() == live {
                continue;
            }
            let sequences = ranges.iter().flat_map(|(first, last)| first.0..=last.0);
            for sequence in sequences.map(Sequence) {
                let Some(location) = index.get(queue, sequence) else {
                    continue;
                };
                if is_there(&reader, (queue, sequence), location)? {
                    continue;
                }
                damages.push(Damage {
                    file: segment::path(location.segment),
                    offset: Some(location.offset.into()),
                    what: format!(
                        "the index has message {} of queue {} here, which is not",
                        sequence.0, queue.0
                    ),
                });
                if damages.len() >= NAMED_MAX {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

impl Survey<'_> {
    fn record(&mut self, at: Location, kind: Kind, payload: &[u8]) {
        let records = &mut self.verified.records;
        let length = u64::from(at.length);
        let mut live = false;
        let count = match kind {
            Kind::Publish | Kind::Copy => {
                live = self.publish(at, payload);
                &mut self.verified.records.publish
            }
            Kind::Remove => &mut records.remove,
            Kind::Change | Kind::Following => {
                let Location {
                    segment, offset, ..
                } = at;
                self.definitions
                    .change(Position { segment, offset }, payload);
                &mut records.change
            }
            Kind::Snapshot => {
                self.definitions.snapshot(payload);
                &mut records.snapshot
            }
            Kind::Group => &mut records.group,
        };
        *count += 1;
        if live {
            self.verified.live_bytes += length;
        } else {
            self.verified.dead_bytes += length;
        }
    }

    fn publish(&mut self, at: Location, payload: &[u8]) -> bool {
        let publish = Publish::parse(payload);
        let mut live = false;
        for (target, attributes) in publish.iter().flat_map(Publish::attributed) {
            if self.found.is_live(target, at) {
                *self.seen.entry(target.0).or_default() += 1;
                live = true;
                self.check_attributes(target, attributes, at);
            }
        }
        live
    }

    /// The index has to know of a live message what its record says.
    fn check_attributes(
        &mut self,
        (queue, sequence): (QueueId, Sequence),
        attributes: Attributes,
        at: Location,
    ) {
        let damages = &mut self.verified.damages;
        let known = self.found.state.index.attributes(queue, sequence);
        if known != attributes && damages.len() < NAMED_MAX {
            damages.push(Damage {
                file: segment::path(at.segment),
                offset: Some(at.offset.into()),
                what: format!(
                    "the index has other attributes for message {} of queue {}",
                    sequence.0, queue.0
                ),
            });
        }
    }
}

/// Whether a message can be read where the index has it.
fn is_there(
    reader: &log::LogReader,
    target: (QueueId, Sequence),
    location: Location,
) -> Result<bool, Error> {
    let Location {
        segment,
        offset,
        length,
    } = location;
    let record = match reader.read(segment, offset, length as usize) {
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Ok(false);
        }
        record => record?,
    };
    let payload = log::verified_publish(segment, &record);
    let publish = payload.as_deref().and_then(Publish::parse);
    Ok(publish.is_some_and(|publish| publish.targets().any(|own| own == target)))
}

/// The log alone has to give the same definitions as the index and the log's tail.
fn check_definitions(found: &Found, walked: &Walked, rebuild: Rebuild, damages: &mut Vec<Damage>) {
    if !walked.damages.is_empty() || !found.damages.is_empty() {
        return;
    }
    let mut state = State::default();
    state.index.begin_replay();
    rebuild.finish(&mut state);
    let alone = recovery::definitions(&state, None);
    let known = &found.definitions;
    let differ = alone
        .iter()
        .filter(|(key, value)| known.get(*key) != Some(*value));
    let missing = known.keys().filter(|key| !alone.contains_key(*key));
    let count = differ.count() + missing.count();
    if count > 0 {
        let what = format!("{count} definitions differ from what the index has");
        damages.push(Damage::of(segment::DIRECTORY, what));
    }
}
