//! The bindings at one end of an exchange or a queue, as a part of its page.

use askama::Template;
use serde_json::Value;

use super::{KEY, arguments, destination, source, text};
use crate::console::client::{Call, Problem};
use crate::console::table::Cell;
use crate::console::visit::Visit;

/// Bindings that a page about something else shows; all of them are on the page `bindings`.
const MAX_SHOWN: usize = 100;

/// An end of bindings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::console) enum End {
    /// The exchange that messages come from.
    Source,
    /// Where they go.
    Destination,
}

/// Some bindings. Shown by being written into a page, unescaped; beside it stands [`super::unbind_form`].
#[derive(Template)]
#[template(path = "parts/bindings.html")]
pub(in crate::console) struct Bindings {
    /// Where the other end is, which is told; this end is what the page is about.
    other: End,
    rows: Vec<Row>,
    total: u64,
    may_unbind: bool,
}

struct Row {
    /// What removes it; `None`: nothing does.
    key: Option<String>,
    source: Cell,
    routing_key: String,
    arguments: Cell,
    destination: Cell,
    destination_type: String,
}

impl Bindings {
    /// Those in a list of the API, told by their `other` end; `may_unbind` puts a button beside each.
    ///
    /// # Errors
    /// What the API refuses.
    pub(in crate::console) async fn load(
        visit: &Visit,
        list: Call,
        other: End,
        may_unbind: bool,
    ) -> Result<Self, Problem> {
        let page = list.with("page", "1");
        let found = visit
            .call(page.with("page_size", &MAX_SHOWN.to_string()))
            .await?;
        let rows = found["items"].as_array().into_iter().flatten();
        Ok(Self {
            other,
            rows: rows.map(Row::of).collect(),
            total: found["total_count"].as_u64().unwrap_or_default(),
            may_unbind,
        })
    }

    fn is_from(&self) -> bool {
        self.other == End::Source
    }

    /// How many there are.
    pub(in crate::console) fn total(&self) -> u64 {
        self.total
    }

    /// Are there none?
    pub(in crate::console) fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Are there more than are shown?
    pub(in crate::console) fn has_more(&self) -> bool {
        self.total > self.rows.len() as u64
    }
}

impl Row {
    fn of(row: &Value) -> Self {
        let is_made = !text(row, "source").is_empty();
        let key = || {
            KEY.iter()
                .map(|field| row[*field].clone())
                .collect::<Value>()
        };
        Self {
            key: is_made.then(|| key().to_string()),
            source: source(row),
            routing_key: text(row, "routing_key").to_owned(),
            arguments: arguments(row),
            destination: destination(row),
            destination_type: text(row, "destination_type").to_owned(),
        }
    }
}
