//! `queue-consumers`: who gets its messages.

use std::collections::HashMap;

use askama::Template;
use serde_json::Value;

use super::{Head, channel, connection};
use crate::console::client::Problem;
use crate::console::consumers::{KEY, acks, prefetch, timeout};
use crate::console::page::{Page, Part};
use crate::console::shell::Shell;
use crate::console::table::{self, Bulk, Cell, Column, Kind, Sheet, Table};
use crate::console::visit::Visit;

/// Deliveries that are looked through to tell who has how many; the API's own limit.
const MAX_DELIVERIES: &str = "1000";

/// The consumers of a queue, as the API tells of them, and what they have.
static SHEET: Sheet = Sheet {
    id: "queue-consumers",
    path: &["queues", "{vhost}", "{name}"],
    nouns: ("consumer", "consumers"),
    key: KEY,
    bulk: &[Bulk::new("cancel-consumer", "Cancel")],
    command: "",
    one: None,
    fixed: |_| false,
    columns: &[
        Column::usual("consumer_tag", "Consumer", Kind::Text),
        Column::usual("activity_status", "State", Kind::Of(state)),
        Column::usual("channel_details.user", "User", Kind::Text),
        Column::usual(
            "channel_details.peer_host",
            "Connection",
            Kind::Of(connection),
        ),
        Column::usual("channel_details.number", "Channel", Kind::Of(channel)),
        Column::usual("ack_required", "Acks", Kind::Of(acks)),
        Column::usual("exclusive", "Exclusive", Kind::Flag),
        Column::usual("prefetch_count", "Prefetch", Kind::NumberOf(prefetch))
            .about("Unacked messages that it may have"),
        Column::usual("in_flight", "In flight", Kind::NumberOf(in_flight))
            .about("Messages of this queue that it has, and has not acknowledged"),
        Column::usual("arguments.x-priority", "Priority", Kind::NumberOf(priority)),
        Column::usual("consumer_timeout", "Time-out", Kind::NumberOf(timeout))
            .about("How long it may keep a message without acknowledging it"),
        Column::usual("arguments", "Arguments", Kind::Of(arguments)),
    ],
};

/// The page.
#[derive(Template)]
#[template(path = "queue/consumers.html")]
pub(in crate::console) struct Consumers {
    shell: Shell,
    head: Head,
    table: Table,
}

impl Page for Consumers {
    const NAME: &'static str = "queue-consumers";

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let head = Head::load(visit).await?;
        let held = held(visit, &head).await;
        let mut rows = head.queue["consumer_details"].clone();
        let rows = rows.as_array_mut().map(std::mem::take);
        let mut rows = rows.unwrap_or_default();
        for row in &mut rows {
            let count = |held: &Held| held.get(&of(row)).copied().unwrap_or_default();
            row["in_flight"] = held.as_ref().map(count).into();
        }
        let user = |row: &Value| row["channel_details"]["user"].as_str().map(str::to_owned);
        let may_cancel = rows
            .iter()
            .filter_map(user)
            .all(|user| visit.may_cut(&user));
        Ok(Self {
            shell: Shell::new(visit, head.name.clone()),
            table: SHEET.of(visit, &rows).actions_if(may_cancel),
            head,
        })
    }

    fn parts(&self) -> Vec<Part> {
        let mut parts = self.head.parts();
        parts.extend(self.table.parts());
        parts
    }
}

/// How many deliveries each consumer has, by channel and tag.
type Held = HashMap<(String, String), u64>;

/// Who has what is known to sessions only; `None` when they are too many to tell, or don't tell in time.
async fn held(visit: &Visit, head: &Head) -> Option<Held> {
    let mut held = Held::new();
    if head.number("messages_unacknowledged") == 0 {
        return Some(held);
    }
    let call = head.call(&["unacked"]).with("limit", MAX_DELIVERIES);
    let answer = visit.call(call).await.ok()?;
    if answer["complete"] != true {
        return None;
    }
    for delivery in answer["items"].as_array().into_iter().flatten() {
        *held.entry(of(delivery)).or_default() += 1;
    }
    Some(held)
}

/// The consumer that a row is about.
fn of(row: &Value) -> (String, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let channel = text(&row["channel_details"]["name"]);
    (channel, text(&row["consumer_tag"]))
}

fn state(row: &Value) -> Cell {
    let number = |field: &str| row[field].as_u64().unwrap_or_default();
    let limit = number("prefetch_count");
    match row["activity_status"].as_str() {
        Some("waiting") => Cell::state("quiet", "standby"),
        _ if limit > 0 && number("in_flight") >= limit => Cell::state("busy", "at its limit"),
        Some("single_active") => Cell::state("good", "the active one"),
        _ => Cell::state("good", "active"),
    }
}

fn in_flight(row: &Value) -> Cell {
    match row["in_flight"].is_null() {
        true => Cell::Text("not known".to_owned()),
        false => table::number(row.get("in_flight")),
    }
}

fn priority(row: &Value) -> Cell {
    let priority = row["arguments"]["x-priority"].as_i64();
    Cell::Text(priority.unwrap_or_default().to_string())
}

fn arguments(row: &Value) -> Cell {
    super::arguments(&row["arguments"])
}
