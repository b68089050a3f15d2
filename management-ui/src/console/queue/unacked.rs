//! `queue-unacked`: messages that consumers have, and who.

use std::time::Duration;

use askama::Template;
use serde_json::Value;

use super::{Head, channel, connection};
use crate::console::client::Problem;
use crate::console::format;
use crate::console::page::{Page, Part};
use crate::console::shell::Shell;
use crate::console::table::{Cell, Column, Kind, Sheet, Table};
use crate::console::visit::Visit;

/// Deliveries that are shown; the API's own limit.
const MAX_SHOWN: &str = "1000";

static SHEET: Sheet = Sheet {
    id: "queue-unacked",
    path: &["queues", "{vhost}", "{name}", "unacked"],
    nouns: ("delivery", "deliveries"),
    key: &["sequence"],
    bulk: &[],
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
        let answer = visit.call(call).await?;
        let rows = answer["items"].as_array().map_or(&[][..], Vec::as_slice);
        Ok(Self {
            shell: Shell::new(visit, head.name.clone()),
            table: SHEET.of(visit, rows),
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
