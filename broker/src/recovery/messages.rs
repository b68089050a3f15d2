//! The messages of a recovered queue go where what was noted with them says: to their priority, or to
//! the delayed ones. None is read for that.

use std::collections::BTreeMap;

use ferrymq_store::{Attributes, RecoveredQueue, Sequence, Store};
use rangemap::RangeInclusiveSet;

use crate::clock::Timestamp;
use crate::queue::Queue;
use crate::queue::paged::Ranges;
use crate::queue::ready::Ready;
use crate::queue::settings::Settings;
use crate::queue::timeouts::{Deadlines, Recovered};
use crate::queue::waiting::Waiting;

/// What was noted with the messages of one queue.
#[derive(Default)]
struct Noted {
    /// Ready ones above priority 0, by priority,
    ready: BTreeMap<u8, Ranges>,
    /// and those that had a delay, which may be over by now:
    delayed: BTreeMap<u8, Ranges>,
    /// then they may have been delivered before.
    overdue: Ranges,
    due: Deadlines,
    expiry: Deadlines,
}

/// A queue with what the log has of it; nothing is read before somebody wants it. After an unclean
/// stop any message that was ready may have been delivered before, so all of them count as redelivered.
/// A message whose delay is over by now becomes ready, or leaves, like one whose delay ends later.
pub(super) fn refill(
    store: &Store,
    recovered: &RecoveredQueue,
    clean: bool,
    settings: Settings,
    now: Timestamp,
) -> Queue {
    let mut noted = Noted::default();
    store.attributes(recovered.id, |first, last, attributes| {
        noted.add(first, last, attributes, now);
    });
    let mut others: RangeInclusiveSet<u64> = ranges(&recovered.sequences);
    let mut other_bytes = recovered.content_bytes;
    let mut section = |ranges: &Ranges, returned: &Ranges| {
        let bytes = content_bytes(store, recovered, ranges);
        other_bytes = other_bytes.saturating_sub(bytes);
        for (first, last) in ranges {
            others.remove(first.0..=last.0);
        }
        Ready::recovered(ranges, bytes, returned)
    };
    let returned = match clean {
        true => &recovered.redelivered,
        false => &recovered.sequences,
    };
    let mut sections = |levels: &BTreeMap<u8, Ranges>, returned: &Ranges| {
        let sections = levels
            .iter()
            .map(|(level, ranges)| (*level, section(ranges, returned)));
        sections.collect::<Vec<_>>()
    };
    let mut ready = sections(&noted.ready, returned);
    let overdue = match clean {
        true => &recovered.redelivered,
        false => &noted.overdue,
    };
    let delayed = sections(&noted.delayed, overdue);
    let others = others
        .iter()
        .map(|range| (Sequence(*range.start()), Sequence(*range.end())));
    let others: Ranges = others.collect();
    ready.push((0, Ready::recovered(&others, other_bytes, returned)));
    let messages = Recovered {
        ready: Waiting::recovered(ready),
        delayed: Waiting::recovered(delayed),
        due: noted.due,
        expiry: noted.expiry,
    };
    Queue::recovered(settings, recovered.next_sequence, messages)
}

impl Noted {
    fn add(&mut self, first: Sequence, last: Sequence, attributes: Attributes, now: Timestamp) {
        let Attributes {
            level,
            due,
            expires,
        } = attributes;
        if expires > 0 {
            let expires = Timestamp::from_millis(expires);
            self.expiry.push((expires, first, last));
        }
        let due = Timestamp::from_millis(due);
        if due > Timestamp::default() {
            self.due.push((due, first, last));
            self.delayed.entry(level).or_default().push((first, last));
            if due <= now {
                self.overdue.push((first, last));
            }
        } else if level > 0 {
            self.ready.entry(level).or_default().push((first, last));
        }
    }
}

fn ranges(ranges: &Ranges) -> RangeInclusiveSet<u64> {
    let ranges = ranges.iter();
    ranges.map(|(first, last)| first.0..=last.0).collect()
}

fn content_bytes(store: &Store, recovered: &RecoveredQueue, ranges: &Ranges) -> u64 {
    let each = ranges.iter().flat_map(|(first, last)| first.0..=last.0);
    let sequences: Vec<Sequence> = each.map(Sequence).collect();
    store.content_bytes(recovered.id, &sequences)
}
