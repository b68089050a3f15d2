//! Which rows a browser shows: those of the page as it was loaded, whatever a new one would have.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::console::page::Part;

/// More rows of a table are not followed; no page has more.
const MAX_ROWS: usize = 500;

/// The keys of rows, by table.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Shown(HashMap<String, HashSet<String>>);

impl Shown {
    /// What a browser says: `{"queues": [["/", "orders"], …], …}`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let tables: HashMap<String, Vec<Value>> = serde_json::from_str(text).ok()?;
        let keys = |rows: Vec<Value>| {
            let rows = rows.into_iter().take(MAX_ROWS);
            rows.map(|key| key.to_string()).collect()
        };
        let tables = tables.into_iter();
        Some(Self(
            tables.map(|(table, rows)| (table, keys(rows))).collect(),
        ))
    }

    /// The rows among the parts of a page.
    pub(super) fn in_parts(parts: &[Part]) -> Self {
        let mut shown = Self::default();
        for (table, key) in parts.iter().filter_map(row) {
            let keys = shown.0.entry(table.to_owned()).or_default();
            keys.insert(key.to_owned());
        }
        shown
    }

    /// The keys of a table's rows, if the table is shown.
    pub(crate) fn of(&self, table: &str) -> Option<&HashSet<String>> {
        self.0.get(table)
    }

    /// Is it no row, or one of these?
    pub(super) fn has_place_for(&self, part: &Part) -> bool {
        row(part).is_none_or(|(table, key)| self.has(table, key))
    }

    /// Is this row of the table shown?
    pub(crate) fn has(&self, table: &str, key: &str) -> bool {
        self.of(table).is_some_and(|keys| keys.contains(key))
    }
}

/// The table and the key of a row.
fn row(part: &Part) -> Option<(&str, &str)> {
    part.id.strip_prefix("row:")?.split_once(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(id: &str) -> Part {
        Part {
            id: id.to_owned(),
            html: String::new(),
        }
    }

    #[test]
    fn a_browser_says_what_it_shows() {
        let said = Shown::parse(r#"{"queues": [["/", "a:b"], ["/", "é"]]}"#).unwrap();
        let parts = [
            r#"row:queues:["/","a:b"]"#,
            r#"row:queues:["/","é"]"#,
            "keys:queues",
        ];
        assert_eq!(said, Shown::in_parts(&parts.map(part)));
        assert!(said.has_place_for(&part("facts")));
        assert!(said.has_place_for(&part(parts[0])));
        assert!(!said.has_place_for(&part(r#"row:queues:["/","b"]"#)));
        assert_eq!(Shown::parse("queues"), None);
    }
}
