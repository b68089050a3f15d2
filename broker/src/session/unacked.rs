//! Deliveries of one channel that wait for an ack, by delivery tag.

use std::collections::VecDeque;

use rangemap::RangeInclusiveSet;

use crate::clock::{CompactTimestamp, Timestamp};
use crate::queue::entry::Entry;
use crate::session::outbox::{ConsumerNumber, Handover};

/// A delivery that its consumer has not settled.
#[derive(Debug)]
pub struct Unacked {
    /// Its tag on this channel; given by [`UnackedList::push`].
    pub delivery_tag: u64,
    /// Whose delivery it is.
    pub consumer: ConsumerNumber,
    /// When it was sent.
    pub sent_at: CompactTimestamp,
    /// The message, at its place in its queue.
    pub entry: Entry,
}

impl Unacked {
    /// What `handover` becomes when it is sent.
    pub fn sent(handover: Handover, now: Timestamp) -> Self {
        Self {
            delivery_tag: 0,
            consumer: handover.consumer,
            sent_at: now.compact(),
            entry: handover.entry,
        }
    }
}

/// Unacked deliveries, oldest first. One that is settled out of order leaves a gap; gaps are
/// closed when they come to the front, or when they outnumber what is left.
#[derive(Debug)]
pub struct UnackedList {
    next_tag: u64,
    /// Invariant: ascending by tag; the first is no gap.
    places: VecDeque<Place>,
    count: usize,
    /// Tags of deliveries that were taken back from the client, which does not know it and may settle them yet.
    withdrawn: RangeInclusiveSet<u64>,
}

#[derive(Debug)]
enum Place {
    Held(Unacked),
    /// The delivery with this tag is settled.
    Gap(u64),
}

/// So many gaps are never worth closing.
const TOLERATED_GAPS: usize = 64;
/// So many runs of withdrawn tags are remembered, the latest ones.
const MAX_WITHDRAWN_RUNS: usize = 4096;

impl Default for UnackedList {
    fn default() -> Self {
        Self {
            next_tag: 1,
            places: VecDeque::new(),
            count: 0,
            withdrawn: RangeInclusiveSet::new(),
        }
    }
}

impl Place {
    fn tag(&self) -> u64 {
        match self {
            Self::Held(delivery) => delivery.delivery_tag,
            Self::Gap(tag) => *tag,
        }
    }

    fn held(self) -> Option<Unacked> {
        match self {
            Self::Held(delivery) => Some(delivery),
            Self::Gap(_) => None,
        }
    }

    /// Leaves a gap.
    fn settle(&mut self) -> Option<Unacked> {
        let tag = self.tag();
        std::mem::replace(self, Self::Gap(tag)).held()
    }
}

impl UnackedList {
    /// How many deliveries are unacked.
    pub fn count(&self) -> usize {
        self.count
    }

    /// All unacked deliveries, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Unacked> {
        self.places.iter().filter_map(|place| match place {
            Place::Held(delivery) => Some(delivery),
            Place::Gap(_) => None,
        })
    }

    /// When the oldest was sent; `None`: there is none.
    #[inline]
    pub fn oldest_sent_at(&self) -> Option<CompactTimestamp> {
        match self.places.front()? {
            Place::Held(delivery) => Some(delivery.sent_at),
            Place::Gap(_) => None,
        }
    }

    /// The tag for a delivery that needs no ack.
    pub fn skip(&mut self) -> u64 {
        self.next_tag += 1;
        self.next_tag - 1
    }

    /// Keeps a delivery until it is settled, and gives it its tag.
    #[inline]
    pub fn push(&mut self, mut delivery: Unacked) -> &Unacked {
        delivery.delivery_tag = self.skip();
        self.count += 1;
        self.places.push_back(Place::Held(delivery));
        match self.places.back() {
            Some(Place::Held(delivery)) => delivery,
            _ => unreachable!("it was just put there"),
        }
    }

    /// Takes the delivery with this tag, or with `multiple` all up to it (0: all), oldest first,
    /// onto `taken`.
    ///
    /// A tag that was [withdrawn](UnackedList::withdraw) stands for nothing: only what is before it is taken.
    /// False: the tag is not unacked here.
    pub fn take(&mut self, delivery_tag: u64, multiple: bool, taken: &mut Vec<Unacked>) -> bool {
        if multiple && delivery_tag == 0 {
            taken.extend(self.take_all());
            return true;
        }
        let found = self.places.binary_search_by_key(&delivery_tag, Place::tag);
        let held = found.ok();
        let held = held.filter(|&index| matches!(self.places[index], Place::Held(_)));
        if held.is_none() && !self.withdrawn.contains(&delivery_tag) {
            return false;
        }
        let before = taken.len();
        match (multiple, held) {
            (true, _) => {
                let up_to = found.map_or_else(|index| index, |index| index + 1);
                taken.extend(self.places.drain(..up_to).filter_map(Place::held));
            }
            (false, Some(index)) => taken.extend(self.places[index].settle()),
            (false, None) => {}
        }
        self.count -= taken.len() - before;
        self.close_gaps();
        true
    }

    /// Takes all, oldest first.
    pub fn take_all(&mut self) -> impl Iterator<Item = Unacked> + use<> {
        self.count = 0;
        std::mem::take(&mut self.places)
            .into_iter()
            .filter_map(Place::held)
    }

    /// Takes deliveries back, oldest first, for a reason that is not the client's: when it settles them later, nothing
    /// happens.
    pub fn withdraw(&mut self, wanted: impl Fn(&Unacked) -> bool) -> Vec<Unacked> {
        let theirs =
            |place: &&mut Place| matches!(place, Place::Held(delivery) if wanted(delivery));
        let taken: Vec<Unacked> = self
            .places
            .iter_mut()
            .filter(theirs)
            .filter_map(Place::settle)
            .collect();
        self.count -= taken.len();
        self.close_gaps();
        for delivery in &taken {
            let tag = delivery.delivery_tag;
            self.withdrawn.insert(tag..=tag);
        }
        while self.withdrawn.len() > MAX_WITHDRAWN_RUNS {
            let Some(oldest) = self.withdrawn.first().cloned() else {
                break;
            };
            self.withdrawn.remove(oldest);
        }
        taken
    }

    /// Puts deliveries back that a rolled back transaction had taken.
    pub fn restore(&mut self, deliveries: impl Iterator<Item = Unacked>) {
        let before = self.places.len();
        self.places.extend(deliveries.map(Place::Held));
        self.count += self.places.len() - before;
        // A tag may still stand as a gap beside its delivery.
        self.places.retain(|place| matches!(place, Place::Held(_)));
        self.places
            .make_contiguous()
            .sort_unstable_by_key(Place::tag);
    }

    fn close_gaps(&mut self) {
        while let Some(Place::Gap(_)) = self.places.front() {
            self.places.pop_front();
        }
        if self.places.len() > 2 * self.count + TOLERATED_GAPS {
            self.places.retain(|place| matches!(place, Place::Held(_)));
        }
        if self.places.is_empty() && self.places.capacity() > TOLERATED_GAPS {
            self.places = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;
    use crate::queue::Sequence;

    fn at(ms: u64) -> CompactTimestamp {
        Timestamp::from_millis(ms).compact()
    }

    fn delivery(consumer: u32) -> Unacked {
        Unacked {
            delivery_tag: 0,
            sent_at: at(0),
            consumer: ConsumerNumber(consumer),
            entry: Entry {
                sequence: Sequence(u64::from(consumer)),
                ..Entry::unqueued(Message::small(b"\0\0\0\0", 2, 2, false))
            },
        }
    }

    fn taken(list: &mut UnackedList, tag: u64, multiple: bool) -> Option<Vec<u32>> {
        let mut taken = Vec::new();
        list.take(tag, multiple, &mut taken)
            .then(|| taken.iter().map(|delivery| delivery.consumer.0).collect())
    }

    fn list(deliveries: u32) -> UnackedList {
        let mut list = UnackedList::default();
        for number in 1..=deliveries {
            assert_eq!(list.push(delivery(number)).delivery_tag, u64::from(number));
        }
        list
    }

    #[test]
    fn the_oldest_is_the_first_that_is_left() {
        let mut list = UnackedList::default();
        assert_eq!(list.oldest_sent_at(), None);
        for ms in [10, 20, 30] {
            list.push(Unacked {
                sent_at: at(ms),
                ..delivery(1)
            });
        }
        taken(&mut list, 2, false);
        assert_eq!(list.oldest_sent_at(), Some(at(10)));
        taken(&mut list, 1, false);
        assert_eq!(list.oldest_sent_at(), Some(at(30)));
        taken(&mut list, 0, true);
        assert_eq!(list.oldest_sent_at(), None);
    }

    #[test]
    fn one_by_one_in_any_order() {
        let mut list = list(3);
        assert_eq!(taken(&mut list, 2, false), Some(vec![2]));
        assert_eq!(taken(&mut list, 2, false), None, "acked twice");
        assert_eq!(taken(&mut list, 1, false), Some(vec![1]));
        assert_eq!(taken(&mut list, 3, false), Some(vec![3]));
        assert_eq!(list.push(delivery(4)).delivery_tag, 4);
        assert_eq!(list.count(), 1);
    }

    #[test]
    fn multiple_covers_all_before_and_skips_gaps() {
        let mut list = list(5);
        assert_eq!(taken(&mut list, 2, false), Some(vec![2]));
        assert_eq!(taken(&mut list, 4, true), Some(vec![1, 3, 4]));
        assert_eq!(taken(&mut list, 4, true), None, "already acked");
        assert_eq!(taken(&mut list, 0, true), Some(vec![5]));
        assert_eq!(taken(&mut list, 0, true), Some(vec![]));
        assert_eq!(taken(&mut list, 0, false), None);
        assert_eq!(taken(&mut list, 6, false), None, "never given");
    }

    #[test]
    fn no_ack_deliveries_use_up_tags() {
        let mut list = UnackedList::default();
        assert_eq!(list.skip(), 1);
        assert_eq!(list.push(delivery(2)).delivery_tag, 2);
        assert_eq!(list.skip(), 3);
        assert_eq!(list.push(delivery(4)).delivery_tag, 4);
        assert_eq!(taken(&mut list, 3, false), None);
        assert_eq!(taken(&mut list, 2, false), Some(vec![2]));
        assert_eq!(taken(&mut list, 4, true), Some(vec![4]));
    }

    #[test]
    fn a_rollback_puts_deliveries_back_in_their_places() {
        let mut list = list(4);
        let mut held = Vec::new();
        assert!(list.take(2, false, &mut held));
        assert!(list.take(1, false, &mut held));
        list.restore(held.into_iter());
        assert_eq!(taken(&mut list, 3, true), Some(vec![1, 2, 3]));
        assert_eq!(list.count(), 1);
    }

    #[test]
    fn a_consumer_takes_its_own_away() {
        let mut list = list(3);
        let theirs = list.withdraw(|delivery| delivery.consumer == ConsumerNumber(2));
        assert_eq!(theirs.len(), 1);
        assert_eq!(taken(&mut list, 3, true), Some(vec![1, 3]));
    }

    #[test]
    fn what_was_withdrawn_may_be_settled_for_nothing() {
        let mut list = list(6);
        let withdrawn = list.withdraw(|delivery| [2, 3, 5].contains(&delivery.delivery_tag));
        assert_eq!((withdrawn.len(), list.count()), (3, 3));
        assert_eq!(taken(&mut list, 2, false), Some(vec![]));
        assert_eq!(taken(&mut list, 2, false), Some(vec![]), "again");
        assert_eq!(
            taken(&mut list, 3, true),
            Some(vec![1]),
            "and what is before"
        );
        assert_eq!(taken(&mut list, 1, false), None, "acked twice");
        assert_eq!(taken(&mut list, 5, true), Some(vec![4]));
        assert_eq!(taken(&mut list, 6, true), Some(vec![6]), "over the hole");
        assert_eq!(taken(&mut list, 7, false), None, "never given");
        assert_eq!(
            taken(&mut list, 5, false),
            Some(vec![]),
            "when all are gone"
        );
    }

    #[test]
    fn so_many_withdrawn_tags_are_remembered() {
        let mut list = list(4 * MAX_WITHDRAWN_RUNS as u32);
        list.withdraw(|delivery| delivery.delivery_tag % 2 == 0);
        assert_eq!(list.withdrawn.len(), MAX_WITHDRAWN_RUNS);
        assert_eq!(taken(&mut list, 2, false), None, "forgotten");
        let latest = 4 * MAX_WITHDRAWN_RUNS as u64;
        assert_eq!(taken(&mut list, latest, false), Some(vec![]));
    }

    #[test]
    fn one_old_delivery_does_not_keep_the_settled_ones_after_it() {
        let mut list = list(1);
        for number in 2..10_000 {
            let tag = list.push(delivery(number)).delivery_tag;
            assert_eq!(taken(&mut list, tag, false), Some(vec![number]));
        }
        assert!(list.places.len() <= 2 + TOLERATED_GAPS);
        assert_eq!(taken(&mut list, 1, false), Some(vec![1]));
    }
}
