//! `queue-delayed`: messages that are not ready yet.

use askama::Template;
use serde_json::Value;

use super::Head;
use crate::console::client::{Call, Problem};
use crate::console::confirm::Action;
use crate::console::format;
use crate::console::page::{Page, Part};
use crate::console::shell::Shell;
use crate::console::table::{Bulk, Column, Kind, Sheet, Table};
use crate::console::visit::Visit;

/// Messages on a page.
const PAGE_SIZE: &str = "100";

/// What tells a delayed message from all others.
const KEY: &[&str] = &["vhost", "queue", "sequence"];

static SHEET: Sheet = Sheet {
    id: "queue-delayed",
    path: &["queues", "{vhost}", "{name}", "delayed"],
    nouns: ("delayed message", "delayed messages"),
    key: KEY,
    bulk: &[Bulk::new(CANCEL.name, "Cancel")],
    command: "",
    one: None,
    fixed: |_| false,
    columns: &[
        Column::usual("sequence", "Message", Kind::Number),
        Column::usual("due", "Due", Kind::Time),
        Column::usual("exchange", "Exchange", Kind::Text),
        Column::usual("routing_key", "Routing key", Kind::Text),
        Column::usual("payload_bytes", "Size", Kind::Bytes),
        Column::usual("persistent", "Persistent", Kind::Flag),
    ],
};

/// Drops a message before it is due.
pub(super) const CANCEL: Action = Action {
    name: "cancel-delayed",
    verb: "Cancel",
    done: "cancelled",
    nouns: ("delayed message", "delayed messages"),
    destroys: true,
    to_queue: None,
    list: &["queues"],
    key: KEY,
    look: None,
    undo: None,
    loss: |_| String::new(),
    call: |key| Call::delete(&["queues", key[0], key[1], "delayed", key[2]]),
};

/// Drops all of a queue.
pub(super) const CANCEL_ALL: Action = Action {
    name: "cancel-all-delayed",
    verb: "Cancel all delayed messages of",
    done: "has no delayed messages any more",
    nouns: ("queue", "queues"),
    destroys: true,
    to_queue: None,
    list: &["queues"],
    key: &["vhost", "name"],
    look: Some(|key| Call::get(&["queues", key[0], key[1]])),
    undo: None,
    loss,
    call: |key| Call::delete(&["queues", key[0], key[1], "delayed"]),
};

/// The page.
#[derive(Template)]
#[template(path = "queue/delayed.html")]
pub(in crate::console) struct Delayed {
    shell: Shell,
    head: Head,
    table: Table,
    /// The next page.
    next: Option<String>,
    /// Is this the first page?
    is_first: bool,
}

impl Page for Delayed {
    const NAME: &'static str = "queue-delayed";

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let head = Head::load(visit).await?;
        let call = head.call(&["delayed"]).with("limit", PAGE_SIZE);
        let cursor = visit.address.get("cursor");
        let call = call
            .with("truncate", "0")
            .with("cursor", cursor.unwrap_or_default());
        let mut answer = visit.call(call).await?;
        let next = answer["cursor"].as_str();
        let next = next.map(|cursor| visit.address.with("cursor", cursor).to_string());
        let rows = answer["items"].as_array_mut().map(std::mem::take);
        let mut rows = rows.unwrap_or_default();
        for row in &mut rows {
            row["vhost"] = head.vhost.as_str().into();
            row["queue"] = head.name.as_str().into();
        }
        Ok(Self {
            shell: Shell::new(visit, head.name.clone()),
            table: SHEET.of(visit, &rows).explained(),
            next,
            is_first: cursor.is_none(),
            head,
        })
    }

    fn parts(&self) -> Vec<Part> {
        let mut parts = self.head.parts();
        parts.extend(self.table.parts());
        parts
    }
}

fn loss(queue: &Value) -> String {
    match queue["messages_delayed"].as_u64().unwrap_or_default() {
        0 => String::new(),
        1 => "1 delayed message".to_owned(),
        count => format!("{} delayed messages", format::count(count)),
    }
}
