//! Looking at what waits, without changing anything.

use std::ops::Bound;

use super::{Ready, Rest};
use crate::queue::Sequence;
use crate::queue::scan::Seen;

impl Ready {
    /// The next `max` messages behind `after`, in order.
    pub fn scan(&self, after: Sequence, max: usize) -> impl Iterator<Item = Seen> {
        let head = self.head.after(after).cloned().map(Seen::Entry);
        let rest = self.rest.iter().flat_map(move |rest| rest.scan(after));
        head.chain(rest).take(max)
    }
}

impl Rest {
    fn scan(&self, after: Sequence) -> impl Iterator<Item = Seen> {
        let behind = (Bound::Excluded(after), Bound::Unbounded);
        let mut strays = self.strays.range(behind).map(|(_, entry)| entry).peekable();
        let mut paged = self.paged.after(after).peekable();
        let middle = std::iter::from_fn(move || {
            let stray = strays.next_if(|stray| {
                let next = paged.peek();
                next.is_none_or(|(sequence, _)| stray.sequence < *sequence)
            });
            if let Some(stray) = stray {
                return Some(Seen::Entry(stray.clone()));
            }
            let (sequence, _) = paged.next()?;
            let place = self.place(sequence);
            Some(Seen::OnDisk(place))
        });
        middle.chain(self.tail.after(after).cloned().map(Seen::Entry))
    }
}
