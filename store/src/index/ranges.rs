//! A set of numbers, kept as ranges.

use std::collections::BTreeMap;

/// Numbers, as ranges that do not touch one another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ranges {
    /// First to last, both included.
    ranges: BTreeMap<u64, u64>,
}

impl Ranges {
    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The ranges, ascending, both ends included.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.ranges.iter().map(|(first, last)| (*first, *last))
    }

    /// Adds all numbers from `first` to `last`.
    pub(crate) fn insert(&mut self, mut first: u64, mut last: u64) {
        let touching = self.ranges.range(..=last.saturating_add(1)).rev();
        let touching = touching.take_while(|(_, end)| end.saturating_add(1) >= first);
        let touching: Vec<_> = touching.map(|(start, end)| (*start, *end)).collect();
        for (start, end) in touching {
            self.ranges.remove(&start);
            first = first.min(start);
            last = last.max(end);
        }
        self.ranges.insert(first, last);
    }

    /// Takes a number out; false if it was not there.
    pub(crate) fn remove(&mut self, number: u64) -> bool {
        let found = self.ranges.range(..=number).next_back();
        let Some((first, last)) = found.map(|(first, last)| (*first, *last)) else {
            return false;
        };
        if last < number {
            return false;
        }
        self.ranges.remove(&first);
        if first < number {
            self.ranges.insert(first, number - 1);
        }
        if number < last {
            self.ranges.insert(number + 1, last);
        }
        true
    }

    pub(crate) fn clear(&mut self) {
        self.ranges.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn equals_a_set(steps in prop::collection::vec((any::<bool>(), 0..60_u64, 0..9_u64), 0..80)) {
            let mut ranges = Ranges::default();
            let mut set = BTreeSet::new();
            for (insert, first, more) in steps {
                if insert {
                    ranges.insert(first, first + more);
                    set.extend(first..=first + more);
                } else {
                    prop_assert_eq!(ranges.remove(first), set.remove(&first));
                }
            }
            let numbers: Vec<u64> = ranges.iter().flat_map(|(first, last)| first..=last).collect();
            prop_assert_eq!(numbers, set.into_iter().collect::<Vec<_>>());
            let touching = ranges.iter().zip(ranges.iter().skip(1)).any(|(a, b)| a.1 + 1 >= b.0);
            prop_assert!(!touching);
        }
    }
}
