//! What importing a document would change, as the API's dry run tells it.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::console::format;
use crate::console::table::{Badge, Cell, Column, Kind, Sheet, Table};
use crate::console::visit::Visit;

/// Objects that are shown of each kind of outcome; of more only the number.
const MAX_SHOWN: usize = 500;

/// What would become of the objects in a document.
pub(super) struct Diff {
    /// `3 added, 1 changed, 20 unchanged`
    pub(super) summary: String,
    /// All that would not stay as it is.
    pub(super) table: Table,
    /// Objects that the table leaves out.
    pub(super) left_out: u64,
    /// What tells it from any other.
    pub(super) digest: String,
    pub(super) is_refused: bool,
    pub(super) is_empty: bool,
    /// It differs from what was shown before.
    pub(super) is_late: bool,
}

static SHEET: Sheet = Sheet {
    id: "diff",
    path: &[],
    nouns: ("object", "objects"),
    key: &["section", "index"],
    bulk: &[],
    command: "",
    one: None,
    fixed: |_| false,
    columns: &[
        Column::usual("outcome", "Outcome", Kind::Of(outcome)),
        Column::usual("section", "Kind", Kind::Text),
        Column::usual("name", "Name", Kind::Text),
        Column::usual("vhost", "Virtual host", Kind::Text),
        Column::usual("changes", "What changes", Kind::Of(changes)),
    ],
};

/// What can become of an object, what that is called, and how it looks: what stands in the way first.
const OUTCOMES: [(&str, &str); 4] = [
    ("refused", "bad"),
    ("added", "good"),
    ("changed", "busy"),
    ("skipped", "quiet"),
];

impl Diff {
    /// Of the answer of a dry run.
    pub(super) fn new(visit: &Visit, plan: &Value) -> Self {
        let mut rows = Vec::new();
        let mut left_out = 0;
        for (outcome, _) in OUTCOMES {
            let found = plan[outcome].as_array().map_or(&[][..], Vec::as_slice);
            left_out += found.len().saturating_sub(MAX_SHOWN) as u64;
            rows.extend(found.iter().take(MAX_SHOWN).map(|row| {
                let mut row = row.clone();
                row["outcome"] = outcome.into();
                row
            }));
        }
        let counts = &plan["counts"];
        let count = |outcome: &str| counts[outcome].as_u64().unwrap_or_default();
        Self {
            summary: summary(counts),
            table: SHEET.of(visit, &rows),
            left_out,
            digest: digest(plan),
            is_refused: plan["can_be_imported"] != true,
            is_empty: count("added") == 0 && count("changed") == 0,
            is_late: false,
        }
    }

    /// The same, when something else was shown before.
    pub(super) fn late(self) -> Self {
        Self {
            is_late: true,
            ..self
        }
    }

    /// Can it be done, and is there anything to do?
    pub(super) fn can_be_applied(&self) -> bool {
        !self.is_refused && !self.is_empty
    }
}

fn summary(counts: &Value) -> String {
    let names = ["added", "changed", "unchanged", "skipped", "refused"];
    let counts = names.map(|name| (name, counts[name].as_u64().unwrap_or_default()));
    let told = counts.into_iter().filter(|(_, count)| *count > 0);
    let told = told.map(|(name, count)| format!("{} {name}", format::count(count)));
    match told.collect::<Vec<_>>().join(", ") {
        told if told.is_empty() => "The document holds nothing".to_owned(),
        told => told,
    }
}

/// New hashes of a password that is not hashed yet differ each time, so passwords don't count.
fn digest(plan: &Value) -> String {
    let mut plan = plan.clone();
    for row in plan["changed"].as_array_mut().into_iter().flatten() {
        for side in ["before", "after"] {
            if let Some(side) = row[side].as_object_mut() {
                side.remove("password_hash");
            }
        }
    }
    let digest = Sha256::digest(plan.to_string());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn outcome(row: &Value) -> Cell {
    let name = row["outcome"].as_str().unwrap_or_default();
    let found = OUTCOMES.iter().find(|(outcome, _)| *outcome == name);
    found.map_or(Cell::Nothing, |(name, kind)| Cell::state(kind, *name))
}

/// Why it is left out or refused, or field by field what is different.
fn changes(row: &Value) -> Cell {
    if let Some(reason) = row["reason"].as_str() {
        return Cell::Text(reason.to_owned());
    }
    let (before, after) = (&row["before"], &row["after"]);
    let fields = after.as_object().into_iter().flatten();
    let gone = before.as_object().into_iter().flatten();
    let gone = gone.filter(|(field, _)| after[field.as_str()].is_null());
    let mut badges = Vec::new();
    for field in fields.chain(gone).map(|(field, _)| field.as_str()) {
        if before[field] != after[field] {
            badges.push(change(field, &before[field], &after[field]));
        }
    }
    match badges.is_empty() {
        true => Cell::Nothing,
        false => Cell::Badges(badges),
    }
}

/// Hashes tell nobody anything.
fn change(field: &str, before: &Value, after: &Value) -> Badge {
    let about = json!({ "before": before, "after": after });
    match field {
        "password_hash" | "hashing_algorithm" => Badge::new(field, "It is another one"),
        _ => Badge::new(format!("{field}: {before} → {after}"), about.to_string()),
    }
}
