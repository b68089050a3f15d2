//! What a policy would change, as a table.

use serde_json::Value;

use super::{Of, conflicts, said};
use crate::console::address::Address;
use crate::console::table::{Badge, Cell, Column, Kind, Sheet, Table};
use crate::console::visit::Visit;
use crate::console::{format, queues};

/// What a policy would change.
pub(super) struct Preview {
    /// In one sentence.
    pub(super) summary: String,
    pub(super) table: Table,
    /// Rows that the table leaves out.
    pub(super) left_out: u64,
    /// Other policies that would be in its way, in sentences.
    pub(super) conflicts: Vec<String>,
}

static SHEET: Sheet = Sheet {
    id: "preview",
    path: &[],
    nouns: ("queue or exchange", "queues or exchanges"),
    key: &["vhost", "type", "name"],
    bulk: &[],
    command: "",
    one: None,
    fixed: |_| false,
    columns: &[
        Column::usual("name", "Name", Kind::Of(name)),
        Column::usual("type", "Type", Kind::Text),
        Column::usual("before", "Policy now", Kind::Of(before)),
        Column::usual("after", "Policy then", Kind::Of(after)),
        Column::usual("changes", "What changes", Kind::Of(changes)),
    ],
};

impl Preview {
    /// Of the API's answer.
    pub(super) fn new(visit: &Visit, of: &Of, found: &Value) -> Self {
        let mut rows = found["items"].as_array().cloned().unwrap_or_default();
        let vhost = visit.vhost().unwrap_or_default();
        for row in &mut rows {
            row["vhost"] = vhost.into();
        }
        let number = |name: &str| found[name].as_u64().unwrap_or_default();
        let (matched, changed) = (number("matched"), number("changed"));
        let shown = rows.iter().filter(|row| row["matches"] == true).count() as u64;
        Self {
            summary: format!(
                "Matches {} of the queues and exchanges that are there; for {} something changes.",
                format::count(matched),
                format::count(changed),
            ),
            conflicts: conflicts::told(of, &found["conflicts"]),
            left_out: matched.saturating_sub(shown),
            table: SHEET.of(visit, &rows),
        }
    }
}

fn name(row: &Value) -> Cell {
    let text = |field: &str| row[field].as_str().unwrap_or_default();
    let (vhost, name) = (text("vhost"), text("name"));
    match (text("type"), name) {
        ("exchange", "") => Cell::Text("(default)".to_owned()),
        ("exchange", _) => {
            let exchange = Address::new("exchange").with("vhost", vhost);
            Cell::link(&exchange.with("name", name), name)
        }
        _ => Cell::link(&queues::of_queue(vhost, name), name),
    }
}

fn before(row: &Value) -> Cell {
    policy(&row["before"])
}

fn after(row: &Value) -> Cell {
    policy(&row["after"])
}

fn policy(in_force: &Value) -> Cell {
    match in_force["policy"].as_str() {
        Some(name) => Cell::Text(name.to_owned()),
        None => Cell::Text("none".to_owned()),
    }
}

/// Key by key, what is different.
fn changes(row: &Value) -> Cell {
    let (before, after) = (&row["before"]["definition"], &row["after"]["definition"]);
    let keys = |definition: &Value| {
        let keys = definition.as_object().into_iter().flatten();
        keys.map(|(key, _)| key.clone()).collect::<Vec<_>>()
    };
    let mut all = keys(before);
    all.extend(keys(after));
    all.sort_unstable();
    all.dedup();
    let different = all
        .iter()
        .filter(|key| before[key.as_str()] != after[key.as_str()]);
    let badges: Vec<_> = different
        .map(|key| change(key, &before[key.as_str()], &after[key.as_str()]))
        .collect();
    match badges.is_empty() {
        true => Cell::Nothing,
        false => Cell::Badges(badges),
    }
}

fn change(key: &str, before: &Value, after: &Value) -> Badge {
    match (before.is_null(), after.is_null()) {
        (true, _) => Badge::new(format!("+ {}", said(key, after)), "It is new"),
        (_, true) => Badge::new(format!("− {}", said(key, before)), "It is gone"),
        _ => Badge::new(
            format!("{} → {}", said(key, before), bare(after)),
            "It changes",
        ),
    }
}

fn bare(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
