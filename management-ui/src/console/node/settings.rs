//! `node-settings`: the configuration that counts, where it comes from, and what can be changed at once.

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::post;
use ferrymq_broker::config::LogLevel;
use serde_json::{Value, json};
use std::time::Duration;

use super::Head;
use crate::console::Console;
use crate::console::address::Address;
use crate::console::client::{Call, Problem};
use crate::console::form::Submission;
use crate::console::page::{self, Page, Part};
use crate::console::shell::Shell;
use crate::console::table::{Badge, Cell, Column, Kind, Preset, Sheet, Table};
use crate::console::visit::Visit;

/// How much is logged; the setting takes these.
const LEVELS: [&str; 6] = ["trace", "debug", "info", "warning", "error", "none"];
/// The setting that says it.
const LEVEL: &str = "log.level";
/// The one that says it of parts of the broker: `["connection=debug", "queue=warning"]`.
const LEVELS_OF_PARTS: &str = "log.levels";

/// All settings.
pub(in crate::console) static SHEET: Sheet = Sheet {
    id: "settings",
    path: &["config"],
    nouns: ("setting", "settings"),
    key: &["name"],
    bulk: &[],
    command: "",
    one: None,
    fixed: |_| false,
    columns: &[
        Column::usual("name", "Setting", Kind::Of(name)),
        Column::usual("value", "Value", Kind::Of(value)),
        Column::usual("origin", "Comes from", Kind::Of(origin)),
        Column::usual("live", "Changes", Kind::Of(live))
            .about("Whether it can change while the broker runs"),
        Column::usual("about", "What it is for", Kind::Of(about)),
        Column::of("default", "Default", Kind::Text, &[Preset::State]),
        Column::of("allowed", "May be", Kind::Text, &[Preset::State]),
        Column::of("variable", "Variable", Kind::Text, &[Preset::State]),
    ],
};

/// The page.
#[derive(Template)]
#[template(path = "node/settings.html")]
pub(in crate::console) struct Settings {
    shell: Shell,
    head: Head,
    table: Table,
    /// Those that can be changed at once: name, value.
    live: Vec<(String, String)>,
    /// What can be logged more or less than the rest, and how much it is; empty: as the rest.
    categories: Vec<(&'static str, String)>,
    level: String,
    may_change: bool,
}

impl Page for Settings {
    const NAME: &'static str = "node-settings";
    const PERIOD: Duration = Duration::from_secs(2);

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let head = Head::load(visit).await?;
        let list = Call::get(&["config"]).with("columns", "name,value,live");
        let all = visit.call(list).await?;
        let live = all.as_array().into_iter().flatten();
        let live = live.filter(|setting| setting["live"] == true);
        let live: Vec<_> = live
            .map(|setting| (text(setting, "name").to_owned(), plain(setting)))
            .collect();
        let find = |wanted: &str| {
            let found = live.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let levels = parts(&find(LEVELS_OF_PARTS));
        let category = |name: &'static str| {
            let level = levels.iter().find(|(category, _)| category == name);
            (
                name,
                level.map(|(_, level)| level.clone()).unwrap_or_default(),
            )
        };
        Ok(Self {
            shell: Shell::new(visit, "Node"),
            head,
            table: SHEET.load(visit).await?,
            categories: LogLevel::categories().map(category).collect(),
            level: find(LEVEL),
            live,
            may_change: visit.may_administer(),
        })
    }

    fn parts(&self) -> Vec<Part> {
        self.table.parts()
    }
}

/// The page, and what its forms do.
pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    page::route::<Settings>(router)
        .route("/console/change-setting", post(change))
        .route("/console/set-log-level", post(set_log_level))
}

/// `POST /console/change-setting`
async fn change(submission: Submission) -> Response {
    let form = &submission.form;
    let (name, value) = (form.text("name").to_owned(), form.text("value").to_owned());
    let call = match name.is_empty() {
        true => Err(Problem::bad_request("Choose a setting")),
        false => Ok(Call::put(&["config", &name]).body(json!({ "value": value }))),
    };
    let done = format!("{name} is {value} until the next start");
    let to = Address::new(Settings::NAME);
    submission.carry_out(call, done, to).await
}

/// `POST /console/set-log-level`: of everything, or of a category.
async fn set_log_level(submission: Submission) -> Response {
    let form = &submission.form;
    let (category, level) = (form.text("category"), form.text("level"));
    let call = match category {
        "" if level.is_empty() => Err(Problem::bad_request("Choose a level")),
        "" => Ok(Call::put(&["config", LEVEL]).body(json!({ "value": level }))),
        category => with_level(&submission, category, level).await,
    };
    let of = if category.is_empty() {
        "everything"
    } else {
        category
    };
    let done = match level {
        "" => format!("{of} is logged as the rest"),
        level => format!("{of} is logged from {level} on, until the next start"),
    };
    let to = Address::new(Settings::NAME);
    submission.carry_out(call, done, to).await
}

/// The setting of all categories, in which this one has another level; empty: none of its own.
async fn with_level(submission: &Submission, category: &str, level: &str) -> Result<Call, Problem> {
    let all = submission.visit.get(&["config"]).await?;
    let mut all = all.as_array().into_iter().flatten();
    let current = all.find(|row| row["name"] == LEVELS_OF_PARTS);
    let mut levels = parts(&current.map(plain).unwrap_or_default());
    levels.retain(|(name, _)| name != category);
    if !level.is_empty() {
        levels.push((category.to_owned(), level.to_owned()));
    }
    let texts = levels.iter().map(|(name, level)| format!("{name}={level}"));
    let value = match levels.is_empty() {
        true => "none".to_owned(),
        false => texts.collect::<Vec<_>>().join(","),
    };
    Ok(Call::put(&["config", LEVELS_OF_PARTS]).body(json!({ "value": value })))
}

/// Category and level of each entry of a list.
fn parts(levels: &str) -> Vec<(String, String)> {
    let entries: Vec<String> = serde_json::from_str(levels).unwrap_or_default();
    let entries = entries.iter().filter_map(|entry| entry.split_once('='));
    entries
        .map(|(name, level)| (name.trim().to_owned(), level.trim().to_owned()))
        .collect()
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_default()
}

/// A value as it is typed, without the quotes of a text.
fn plain(row: &Value) -> String {
    let shown = text(row, "value");
    let inner = shown
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    inner.unwrap_or(shown).to_owned()
}

/// What can be changed leads to the form that does.
fn name(row: &Value) -> Cell {
    let name = text(row, "name");
    if row["live"] != true {
        return Cell::Text(name.to_owned());
    }
    let form = Address::new(Settings::NAME)
        .with("form", "change-setting")
        .with("name", name)
        .with("value", &plain(row));
    Cell::Link {
        to: format!("{form}#change-setting"),
        text: name.to_owned(),
        quiet: String::new(),
    }
}

fn value(row: &Value) -> Cell {
    Cell::Text(text(row, "value").to_owned())
}

fn origin(row: &Value) -> Cell {
    match row["origin"].as_str() {
        Some(origin) => Cell::Text(origin.to_owned()),
        None => Cell::Badges(vec![Badge::new("default", "Nobody has set it")]),
    }
}

fn live(row: &Value) -> Cell {
    match row["live"] == true {
        true => Cell::state("good", "at once"),
        false => Cell::state("quiet", "at the next start"),
    }
}

/// What a setting is for, without the marks that it has in the documentation.
fn about(row: &Value) -> Cell {
    let about = row["about"].as_str().unwrap_or_default();
    Cell::Text(about.replace('`', ""))
}
