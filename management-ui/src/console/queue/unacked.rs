//! `queue-unacked`: messages that consumers have, and who.

use std::time::Duration;

use askama::Template;
use serde_json::{Value, json};

use super::{Head, channel, connection};
use crate::console::client::{Call, Problem};
use crate::console::confirm::Action;
use crate::console::format;
use crate::console::page::{Page, Part};
use crate::console::shell::Shell;
use crate::console::table::{Bulk, Cell, Column, Kind, Sheet, Table};
use crate::console::visit::Visit;

/// Deliveries that are shown; the API's own limit.
const MAX_SHOWN: &str = "1000";

/// What tells a delivery from all others.
const KEY: &[&str] = &[
    "vhost",
    "queue",
    "channel_details.connection_name",
    "channel_details.number",
    "delivery_tag",
];

static SHEET: Sheet = Sheet {
    id: "queue-unacked",
    path: &["queues", "{vhost}", "{name}", "unacked"],
    nouns: ("delivery", "deliveries"),
    key: KEY,
    bulk: &[Bulk::new(REQUEUE.name, "Return to queue")],
    command: "",
    one: None,
    fixed: |_| false,
    columns: &[
        Column::usual("sequence", "Message", Kind::Number)
            .about("Its number in the queue: the oldest has the smallest"),
        Column::usual("age", "Unacked for", Kind::NumberOf(age)),
        Column::usual("consumer_tag", "Consumer", Kind::Of(consumer)),
        Column::usual("channel_details.user", "User", Kind::Text),
        Column::usual(
            "channel_details.peer_host",
            "Connection",
            Kind::Of(connection),
        ),
        Column::usual("channel_details.number", "Channel", Kind::Of(channel)),
        Column::usual("delivery_tag", "Delivery tag", Kind::Number),
        Column::usual("exchange", "Exchange", Kind::Text),
        Column::usual("routing_key", "Routing key", Kind::Text),
        Column::usual("payload_bytes", "Size", Kind::Bytes),
        Column::usual("persistent", "Persistent", Kind::Flag),
        Column::usual("delivery_count", "Returns", Kind::Number)
            .about("How often it has come back already"),
    ],
};

/// Takes a message back from its consumer.
pub(super) const REQUEUE: Action = Action {
    name: "requeue-unacked",
    verb: "Return to queue",
    done: "returned to the queue",
    nouns: ("delivery", "deliveries"),
    destroys: false,
    list: &["queues"],
    key: KEY,
    look: None,
    to_queue: None,
    undo: None,
    loss: |_| "its consumer is not told, and may be at work on it".to_owned(),
    call: |key| {
        let number = |text: &str| text.parse::<u64>().unwrap_or_default();
        Call::post(&["queues", key[0], key[1], "unacked", "requeue"]).body(json!({
            "connection": key[2],
            "channel": number(key[3]),
            "delivery_tag": number(key[4]),
        }))
    },
};

/// The page.
#[derive(Template)]
#[template(path = "queue/unacked.html", blocks = ["note"])]
pub(in crate::console) struct Unacked {
    shell: Shell,
    head: Head,
    table: Table,
    total: u64,
    /// Are all of them shown?
    complete: bool,
}

impl Page for Unacked {
    const NAME: &'static str = "queue-unacked";

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let head = Head::load(visit).await?;
        let call = head.call(&["unacked"]).with("limit", MAX_SHOWN);
        let mut answer = visit.call(call).await?;
        let rows = answer["items"].as_array_mut().map(std::mem::take);
        let mut rows = rows.unwrap_or_default();
        for row in &mut rows {
            row["vhost"] = head.vhost.as_str().into();
            row["queue"] = head.name.as_str().into();
        }
        let user = |row: &Value| row["channel_details"]["user"].as_str().map(str::to_owned);
        let may_return = rows
            .iter()
            .filter_map(user)
            .all(|user| visit.may_cut(&user));
        Ok(Self {
            shell: Shell::new(visit, head.name.clone()),
            table: SHEET.of(visit, &rows).actions_if(may_return).explained(),
            total: answer["total"].as_u64().unwrap_or_default(),
            complete: answer["complete"] == true,
            head,
        })
    }

    fn parts(&self) -> Vec<Part> {
        let mut parts = self.head.parts();
        parts.push(Part::new("note", &self.as_note()));
        parts.extend(self.table.parts());
        parts
    }
}

fn age(row: &Value) -> Cell {
    let age = row["age"].as_u64().map(Duration::from_millis);
    age.map_or(Cell::Nothing, |age| Cell::Text(format::span(age)))
}

fn consumer(row: &Value) -> Cell {
    match row["consumer_tag"].as_str() {
        None | Some("") => Cell::Text("fetched by get".to_owned()),
        Some(tag) => Cell::Text(tag.to_owned()),
    }
}
