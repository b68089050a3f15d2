//! A work list that takes each thing once.

use std::collections::HashSet;

use smallvec::SmallVec;

/// How many entries are compared one by one; more are looked up by hash.
const SCANNED: usize = 16;

/// References in the order they were added, each address once. Allocates only beyond a few entries.
pub(crate) struct Distinct<'a, T> {
    entries: SmallVec<[&'a T; SCANNED]>,
    /// The addresses of all entries, once there are more than [`SCANNED`].
    addresses: HashSet<*const T, foldhash::fast::RandomState>,
}

impl<'a, T> Distinct<'a, T> {
    pub(crate) fn new() -> Self {
        Self {
            entries: SmallVec::new(),
            addresses: HashSet::default(),
        }
    }

    /// Appends `entry`, unless it is there; whether it was not.
    pub(crate) fn add(&mut self, entry: &'a T) -> bool {
        let is_new = if self.entries.len() < SCANNED {
            !self.entries.iter().any(|known| std::ptr::eq(*known, entry))
        } else {
            if self.addresses.is_empty() {
                self.addresses
                    .extend(self.entries.iter().map(|known| *known as *const T));
            }
            self.addresses.insert(entry)
        };
        if is_new {
            self.entries.push(entry);
        }
        is_new
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get(&self, index: usize) -> Option<&'a T> {
        self.entries.get(index).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &'a T> {
        self.entries.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_first_of_each_in_order() {
        let things: Vec<usize> = (0..100).collect();
        let mut distinct = Distinct::new();
        for thing in &things {
            assert!(distinct.add(thing));
            assert!(things[..=*thing].iter().all(|known| !distinct.add(known)));
        }
        assert!(distinct.iter().copied().eq(0..100));
    }
}
