//! What a list is made of: parts, such as the queues of a vhost, whose rows are looked at where they lie. Only
//! those that are shown are taken.

use std::ops::Range;

use super::Row;

/// What a list is made of, in the usual order.
pub(crate) struct Rows<R>(Vec<Box<dyn Part<R>>>);

/// Whether a row of this name is wanted; `None`: whatever it is called.
pub(crate) type Names<'a> = Option<&'a dyn Fn(&str) -> bool>;

/// Some rows, in their order.
pub(crate) trait Part<R>: Send {
    /// How many there are.
    fn len(&self) -> usize;

    /// Looks at each whose name is wanted, and at its number.
    fn each(&self, names: Names<'_>, look: &mut dyn FnMut(usize, &R));

    /// Those with these numbers.
    fn slice(self: Box<Self>, numbers: Range<usize>) -> Vec<R>;

    /// Those with these numbers, which ascend.
    fn pick(self: Box<Self>, numbers: &[usize]) -> Vec<R>;
}

impl<R: Row> Part<R> for Vec<R> {
    fn len(&self) -> usize {
        self.len()
    }

    fn each(&self, names: Names<'_>, look: &mut dyn FnMut(usize, &R)) {
        for (number, row) in self.iter().enumerate() {
            if names.is_none_or(|wanted| wanted(&row.name())) {
                look(number, row);
            }
        }
    }

    fn slice(self: Box<Self>, numbers: Range<usize>) -> Vec<R> {
        slice(self.into_iter(), numbers)
    }

    fn pick(self: Box<Self>, numbers: &[usize]) -> Vec<R> {
        pick(self.into_iter(), numbers)
    }
}

impl<R: Row> From<Vec<R>> for Rows<R> {
    fn from(rows: Vec<R>) -> Self {
        Self(vec![Box::new(rows)])
    }
}

impl<R, P: Part<R> + 'static> FromIterator<P> for Rows<R> {
    fn from_iter<T: IntoIterator<Item = P>>(parts: T) -> Self {
        let parts = parts.into_iter();
        Self(
            parts
                .map(|part| Box::new(part) as Box<dyn Part<R>>)
                .collect(),
        )
    }
}

impl<R> Rows<R> {
    /// All rows.
    pub(crate) fn all(self) -> Vec<R> {
        let all = 0..self.len();
        self.slice(all)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|part| part.len()).sum()
    }

    /// Looks at each whose name is wanted, and at its number.
    pub(super) fn each(&self, names: Names<'_>, mut look: impl FnMut(usize, &R)) {
        let mut before = 0;
        for part in &self.0 {
            part.each(names, &mut |number, row| look(before + number, row));
            before += part.len();
        }
    }

    /// Those with these numbers.
    pub(super) fn slice(self, numbers: Range<usize>) -> Vec<R> {
        let mut rows = Vec::with_capacity(numbers.len());
        let mut before = 0;
        for part in self.0 {
            let length = part.len();
            let within = |number: usize| number.saturating_sub(before).min(length);
            let wanted = within(numbers.start)..within(numbers.end);
            if !wanted.is_empty() {
                rows.extend(part.slice(wanted));
            }
            before += length;
        }
        rows
    }

    /// Those with these numbers, which ascend.
    pub(super) fn pick(self, mut numbers: &[usize]) -> Vec<R> {
        let mut rows = Vec::with_capacity(numbers.len());
        let mut before = 0;
        for part in self.0 {
            let end = before + part.len();
            let count = numbers.partition_point(|number| *number < end);
            let (wanted, others) = numbers.split_at(count);
            if !wanted.is_empty() {
                let wanted: Vec<_> = wanted.iter().map(|number| number - before).collect();
                rows.extend(part.pick(&wanted));
            }
            (before, numbers) = (end, others);
        }
        rows
    }
}

/// Those of `all` with these numbers, searched from the end that is nearer.
pub(crate) fn slice<T>(
    all: impl DoubleEndedIterator<Item = T> + ExactSizeIterator,
    numbers: Range<usize>,
) -> Vec<T> {
    let (count, after) = (numbers.len(), all.len() - numbers.end);
    if numbers.start <= after {
        return all.skip(numbers.start).take(count).collect();
    }
    let mut rows: Vec<_> = all.rev().skip(after).take(count).collect();
    rows.reverse();
    rows
}

/// Those of `all` with these numbers, which ascend.
pub(crate) fn pick<T>(mut all: impl Iterator<Item = T>, numbers: &[usize]) -> Vec<T> {
    let mut next = 0;
    let picked = numbers.iter().filter_map(|number| {
        let skipped = number - next;
        next = number + 1;
        all.nth(skipped)
    });
    picked.collect()
}
