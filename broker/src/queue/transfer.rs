//! Messages that are taken out of the queue to go elsewhere.
//!
//! Until they have arrived they count as on their way, and the log keeps them here.

use super::entry::{Entry, Marks, Taken};
use super::paged::Returned;
use super::{Effects, Queue};

impl Queue {
    /// Takes those of `entries` out that still wait; the others have gone another way. For each one
    /// [`Queue::forwarded`] or [`Queue::restore`] must follow.
    pub fn take_out(&mut self, entries: Vec<Entry>, effects: &mut Effects) -> Vec<Entry> {
        let take = |entry: Entry| self.take_one(entry, effects);
        let taken: Vec<Entry> = entries.into_iter().filter_map(take).collect();
        self.dead_lettering += taken.len();
        // What stood in front may have been on disk only, and consumers waited for it.
        self.serve(effects);
        taken
    }

    fn take_one(&mut self, seen: Entry, effects: &mut Effects) -> Option<Entry> {
        match self.waiting.take(seen.sequence)? {
            Taken::Entry(entry) => Some(entry),
            Taken::OnDisk(place) => {
                effects.unread.push(place);
                let marks = Marks::new(place.logged).with_level(place.section.level());
                Some(Entry {
                    marks: marks.with_returned(Returned::of(&seen)),
                    ..seen
                })
            }
        }
    }

    /// Messages that were taken out come back as if nothing had happened.
    pub fn restore(&mut self, entries: Vec<Entry>, effects: &mut Effects) {
        if self.deleted {
            return;
        }
        self.forwarded(entries.len());
        for entry in entries {
            self.wait_again(entry, effects);
        }
        self.serve(effects);
        self.enforce_limits(effects);
    }
}
