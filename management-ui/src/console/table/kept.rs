//! Rows that a browser still shows although a new page would have others: they are looked up one by one.

use std::collections::HashSet;

use axum::http::StatusCode;
use serde_json::Value;

use super::{Row, Sheet, Table};
use crate::console::client::Problem;
use crate::console::visit::Visit;

/// What became of rows that are shown and not on the page any more.
#[derive(Default)]
pub(super) struct Kept {
    /// Those that are still there.
    pub(super) rows: Vec<Row>,
    /// The keys of those that are not.
    pub(super) gone: Vec<String>,
}

impl Sheet {
    /// What became of the rows that have left the page; nothing where rows can't be asked for alone.
    ///
    /// # Errors
    /// What the API refuses, but for what is not there, or not for the visitor.
    pub(super) async fn keep(&'static self, visit: &Visit, table: &Table) -> Result<Kept, Problem> {
        let mut kept = Kept::default();
        let Some(one) = self.one else {
            return Ok(kept);
        };
        let mut rows = Vec::new();
        for key in table.missing(visit) {
            let fields = fields(&key);
            let fields: Vec<_> = fields.iter().map(String::as_str).collect();
            if fields.len() != self.key.len() {
                continue;
            }
            match visit.call(one(&fields)).await {
                Ok(row) => rows.push(row),
                Err(problem) if is_gone(&problem) => kept.gone.push(key),
                Err(problem) => return Err(problem),
            }
        }
        kept.rows = self.rows(visit, table, &rows);
        Ok(kept)
    }
}

impl Table {
    /// The keys of rows that the browser shows and the table does not have.
    pub(super) fn missing(&self, visit: &Visit) -> Vec<String> {
        let Some(shown) = visit.shown.as_ref().and_then(|shown| shown.of(self.id)) else {
            return Vec::new();
        };
        let here: HashSet<_> = self.rows.iter().map(|row| &row.key).collect();
        let missing = shown.iter().filter(|key| !here.contains(key));
        missing.cloned().collect()
    }
}

/// What a key is made of.
fn fields(key: &str) -> Vec<String> {
    let fields: Vec<Value> = serde_json::from_str(key).unwrap_or_default();
    let text = |field: Value| match field {
        Value::String(text) => text,
        field => field.to_string(),
    };
    fields.into_iter().map(text).collect()
}

fn is_gone(problem: &Problem) -> bool {
    matches!(
        problem.status,
        StatusCode::NOT_FOUND | StatusCode::FORBIDDEN
    )
}
