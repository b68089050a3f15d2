//! `jobs`: what moves, copies, redrives and purges messages, and has done so; and the pages about one.

mod job;
mod order;

use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::routing::post;
use ferrymq_broker::clock;
use serde_json::Value;

use super::Console;
use super::address::Address;
use super::client::{Call, Problem};
use super::confirm::Action;
use super::page::{self, Page, Part};
use super::shell::Shell;
use super::table::{Bulk, Cell, Column, Kind, Preset, Sheet, Table};
use super::visit::Visit;
use super::{format, queues};
pub(super) use order::proposed;

/// All jobs.
pub(super) static SHEET: Sheet = Sheet {
    id: "jobs",
    path: &["jobs"],
    nouns: ("job", "jobs"),
    key: &["id"],
    bulk: &[Bulk::new("stop-job", "Stop")],
    command: "list_jobs",
    one: Some(|key| Call::get(&["jobs", key[0]])),
    fixed: |_| false,
    columns: &[
        Column::usual("id", "Job", Kind::Of(number)),
        Column::usual("vhost", "Virtual host", Kind::Text),
        Column::usual("task", "Task", Kind::Of(|row| Cell::Text(task(row)))),
        Column::usual("source", "From", Kind::Of(source)),
        Column::usual("target", "To", Kind::Of(target)),
        Column::usual("filter", "Filter", Kind::Text),
        Column::usual("state", "State", Kind::Of(state)),
        Column::usual("progress.scanned", "Progress", Kind::Of(progress))
            .about("Messages that were looked at, of those that waited when it began"),
        Column::usual("progress.done", "Done", Kind::Number),
        Column::usual("progress.failed", "Failed", Kind::Number)
            .about("Messages that are where they were, because nothing took them"),
        Column::of("progress.left", "Left", Kind::Number, &[Preset::State]),
        Column::of(
            "rate_done",
            "Rate",
            Kind::NumberOf(rate),
            &[Preset::Usual, Preset::Rates],
        )
        .about("Messages a second, on average"),
        Column::of("rate", "At most", Kind::Rate, &[Preset::Rates]),
        Column::usual("user", "By", Kind::Text),
        Column::usual("started_at", "Started", Kind::Time),
        Column::of("ended_at", "Ended", Kind::Time, &[Preset::State]),
    ],
};

/// What can be done to jobs.
pub(super) const ACTIONS: &[Action] = &[Action {
    name: "stop-job",
    verb: "Stop",
    done: "stopped",
    nouns: ("job", "jobs"),
    destroys: false,
    to_queue: None,
    list: &["jobs"],
    key: &["id"],
    look: Some(|key| Call::get(&["jobs", key[0]])),
    undo: None,
    loss: |job| {
        let left = job["progress"]["left"].as_u64().unwrap_or_default();
        format!("{} not looked at yet", counted(left))
    },
    call: |key| Call::delete(&["jobs", key[0]]),
}];

/// The page.
#[derive(Template)]
#[template(path = "jobs.html")]
pub(super) struct Jobs {
    shell: Shell,
    table: Table,
    /// May the visitor start any?
    may_start: bool,
}

impl Page for Jobs {
    const NAME: &'static str = "jobs";
    const PERIOD: Duration = Duration::from_secs(1);

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let mut list = Call::get(SHEET.path);
        // The latest is what one looks for.
        if visit.address.get("sort").is_none() {
            list = list.with("sort", "id").with("sort_reverse", "true");
        }
        Ok(Self {
            shell: Shell::new(visit, "Jobs"),
            table: SHEET.load_from(visit, list).await?,
            may_start: !visit.is_read_only(),
        })
    }

    fn parts(&self) -> Vec<Part> {
        self.table.parts()
    }
}

/// The pages, and what their forms do.
pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    let router = page::route::<job::JobPage>(page::route::<Jobs>(router));
    page::still::<order::OrderPage>(router).route("/console/start-job", post(order::start))
}

/// The page about a job.
fn of_job(id: u64) -> Address {
    Address::new("job").with("id", &id.to_string())
}

/// `1 message`, `12,430 messages`
pub(super) fn counted(messages: u64) -> String {
    match messages {
        1 => "1 message".to_owned(),
        messages => format!("{} messages", format::count(messages)),
    }
}

fn number(row: &Value) -> Cell {
    let id = row["id"].as_u64().unwrap_or_default();
    Cell::link(&of_job(id), id.to_string())
}

/// What it does, in a word.
fn task(row: &Value) -> String {
    match row["task"].as_str().unwrap_or_default() {
        "move" => "Move",
        "copy" => "Copy",
        "redrive" => "Retry",
        _ => "Delete",
    }
    .to_owned()
}

fn source(row: &Value) -> Cell {
    queue(row, row["source"].as_str().unwrap_or_default())
}

fn queue(row: &Value, name: &str) -> Cell {
    let vhost = row["vhost"].as_str().unwrap_or_default();
    Cell::link(&queues::of_queue(vhost, name), name)
}

/// Where messages go.
fn target(row: &Value) -> Cell {
    let target = &row["target"];
    match (target["queue"].as_str(), target["exchange"].as_str()) {
        (Some(name), _) => queue(row, name),
        (None, Some(name)) => {
            let vhost = row["vhost"].as_str().unwrap_or_default();
            let to = Address::new("exchange")
                .with("vhost", vhost)
                .with("name", name);
            let key = target["routing_key"].as_str();
            Cell::Link {
                to: to.to_string(),
                text: match name {
                    "" => "(default)".to_owned(),
                    name => name.to_owned(),
                },
                quiet: key.map(|key| format!("with {key}")).unwrap_or_default(),
            }
        }
        (None, None) => match row["origin"].as_str() {
            Some("queue") => Cell::Text("the queue in which each died".to_owned()),
            Some(_) => Cell::Text("where each came from".to_owned()),
            None => Cell::Nothing,
        },
    }
}

/// How it stands, with the reason if it failed.
fn state(row: &Value) -> Cell {
    let text = row["state"].as_str().unwrap_or_default();
    Cell::State {
        kind: match text {
            "running" => "busy",
            "done" => "good",
            "failed" => "bad",
            _ => "quiet",
        },
        text: match text {
            "cancelled" => "stopped".to_owned(),
            text => text.to_owned(),
        },
        about: row["reason"].as_str().unwrap_or_default().to_owned(),
    }
}

fn progress(row: &Value) -> Cell {
    let number = |field: &str| row["progress"][field].as_u64().unwrap_or_default();
    let (scanned, left) = (number("scanned"), number("left"));
    let all = scanned + left;
    Cell::Progress {
        // One with a limit ends before it has looked at everything.
        share: match row["state"] == "done" || all == 0 {
            true => 1.0,
            false => scanned as f64 / all as f64,
        },
        text: format!("{} of {}", format::count(scanned), format::count(all)),
    }
}

/// Messages a second, on average.
fn rate(row: &Value) -> Cell {
    let started = row["started_at"].as_u64().unwrap_or_default();
    let now = || clock::now().as_millis();
    let ended = row["ended_at"].as_u64().unwrap_or_else(now);
    let done = row["progress"]["done"].as_u64().unwrap_or_default();
    match ended.saturating_sub(started) {
        0 => Cell::Nothing,
        millis => {
            let rate = done as f64 * 1000.0 / millis as f64;
            Cell::Text(format!("{}/s", format::rate(rate)))
        }
    }
}
