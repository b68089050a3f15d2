//! Which rows of a list are wanted, and in which order: found out where they lie, before any of them is taken.

use std::cmp::Ordering;
use std::ops::Range;

use super::rows::Rows;
use super::{Row, SortKey};

/// The rows that are wanted.
pub(super) struct Selection<R> {
    pub(super) rows: Rows<R>,
    pub(super) wanted: Wanted,
}

/// Which they are.
pub(super) enum Wanted {
    /// All, as they lie.
    All,
    /// Those with these numbers, which ascend.
    Some(Vec<usize>),
    /// Those with these numbers, in the order of their keys, then of their numbers. They are sorted only as far as it
    /// matters.
    Sorted(Vec<(SortKey, usize)>),
}

impl<R: Row> Selection<R> {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match &self.wanted {
            Wanted::All => self.rows.len(),
            Wanted::Some(numbers) => numbers.len(),
            Wanted::Sorted(keyed) => keyed.len(),
        }
    }

    /// Those at these places of their order.
    pub(super) fn take(self, places: Range<usize>) -> Vec<R> {
        match self.wanted {
            Wanted::All => self.rows.slice(places),
            Wanted::Some(numbers) => self.rows.pick(&numbers[places]),
            Wanted::Sorted(mut keyed) => in_order(self.rows, sorted(&mut keyed, places)),
        }
    }
}

/// The rows with these numbers.
fn in_order<R>(rows: Rows<R>, keyed: &[(SortKey, usize)]) -> Vec<R> {
    let numbers = keyed.iter().map(|(_, number)| *number);
    let mut placed: Vec<_> = numbers.enumerate().collect();
    placed.sort_unstable_by_key(|(_, number)| *number);
    let numbers: Vec<_> = placed.iter().map(|(_, number)| *number).collect();
    let places = placed.into_iter().map(|(place, _)| place);
    let mut rows: Vec<_> = places.zip(rows.pick(&numbers)).collect();
    rows.sort_unstable_by_key(|(place, _)| *place);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// What would be at these places if `all` were sorted.
fn sorted(all: &mut [(SortKey, usize)], places: Range<usize>) -> &[(SortKey, usize)] {
    if places.is_empty() {
        return &[];
    }
    if places.end < all.len() {
        all.select_nth_unstable_by(places.end, compare);
    }
    let all = &mut all[..places.end];
    if places.start > 0 {
        all.select_nth_unstable_by(places.start, compare);
    }
    let wanted = &mut all[places.start..];
    wanted.sort_unstable_by(compare);
    wanted
}

fn compare(a: &(SortKey, usize), b: &(SortKey, usize)) -> Ordering {
    a.0.cmp(&b.0).then(a.1.cmp(&b.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_order_is_found_without_the_rest() {
        // Many are the same.
        let keys = (0..200_u64).map(|number| (SortKey::from(number * 7_919 % 13), number as usize));
        let all: Vec<_> = keys.collect();
        let mut expected = all.clone();
        expected.sort_by(compare);
        for places in [0..0, 0..200, 0..10, 95..120, 150..200, 199..200] {
            let found = sorted(&mut all.clone(), places.clone()).to_vec();
            assert_eq!(found, expected[places]);
        }
    }
}
