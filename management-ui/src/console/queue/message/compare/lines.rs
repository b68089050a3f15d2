//! Two texts line by line, side by side.

use std::time::Duration;

use similar::{Algorithm, DiffOp, TextDiff};

/// Lines around a difference that are shown with it.
const CONTEXT_LINES: usize = 3;
/// More lines are not shown.
const MAX_LINES: usize = 2_000;
/// The best fit is not looked for any longer.
const MAX_TIME: Duration = Duration::from_millis(200);

/// What is shown of two texts.
pub(super) struct Lines {
    pub(super) rows: Vec<Line>,
    /// Are they the same?
    pub(super) are_equal: bool,
    /// Were there too many?
    pub(super) is_cut: bool,
}

/// A line of both, of one, or what is left out.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    /// The same in both.
    Same(String),
    /// What the one has and the other has not, side by side.
    Differs([Option<String>; 2]),
    /// So many lines that are the same.
    Skipped(u64),
}

impl Lines {
    pub(super) fn new(old: &str, new: &str) -> Self {
        let (left, right): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
        let diff = TextDiff::configure()
            .algorithm(Algorithm::Myers)
            .timeout(MAX_TIME)
            .diff_slices(&left, &right);
        let mut rows = Vec::new();
        let mut next = 0;
        for group in diff.grouped_ops(CONTEXT_LINES) {
            let first = group.first().map_or(next, |op| op.old_range().start);
            skip(&mut rows, first - next);
            for op in &group {
                add(&mut rows, op, &left, &right);
                next = op.old_range().end;
            }
        }
        skip(&mut rows, left.len() - next);
        let is_cut = rows.len() > MAX_LINES;
        rows.truncate(MAX_LINES);
        Self {
            are_equal: old == new,
            rows,
            is_cut,
        }
    }
}

fn skip(rows: &mut Vec<Line>, count: usize) {
    if count > 0 {
        rows.push(Line::Skipped(count as u64));
    }
}

fn add(rows: &mut Vec<Line>, op: &DiffOp, left: &[&str], right: &[&str]) {
    let (old, new) = (op.old_range(), op.new_range());
    if let DiffOp::Equal { .. } = op {
        let same = left[old].iter().map(|line| Line::Same((*line).to_owned()));
        return rows.extend(same);
    }
    let owned = |line: Option<&&str>| line.map(|line| (*line).to_owned());
    for index in 0..old.len().max(new.len()) {
        let old = owned(left[old.clone()].get(index));
        let new = owned(right[new.clone()].get(index));
        rows.push(Line::Differs([old, new]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(old: &str, new: &str, expected: &[Line]) {
        let lines = Lines::new(old, new);
        assert_eq!(lines.rows, expected);
        assert_eq!(lines.are_equal, old == new);
    }

    fn same(text: &str) -> Line {
        Line::Same(text.to_owned())
    }

    #[test]
    fn what_differs_stands_side_by_side() {
        let differs = |old: Option<&str>, new: Option<&str>| {
            Line::Differs([old.map(str::to_owned), new.map(str::to_owned)])
        };
        check("a\nb", "a\nc", &[same("a"), differs(Some("b"), Some("c"))]);
        check("a", "a\nb", &[same("a"), differs(None, Some("b"))]);
        check("a\nb", "b", &[differs(Some("a"), None), same("b")]);
        check("a\nb", "a\nb", &[Line::Skipped(2)]);
        check("", "", &[]);
        let long = ["1\n2\n3\n4\n5\n6", "1\n2\n3\n4\n5\nx"];
        let expected = [
            Line::Skipped(2),
            same("3"),
            same("4"),
            same("5"),
            differs(Some("6"), Some("x")),
        ];
        check(long[0], long[1], &expected);
    }

    #[test]
    fn long_texts_are_cut() {
        let text = |word: &str| format!("{word}\n").repeat(3 * MAX_LINES);
        let lines = Lines::new(&text("a"), &text("b"));
        assert!(lines.is_cut);
        assert_eq!(lines.rows.len(), MAX_LINES);
    }
}
