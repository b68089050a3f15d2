//! `consumers`: everybody who takes messages, of all queues.

use askama::Template;
use axum::Router;
use serde_json::Value;
use std::time::Duration;

use super::Console;
use super::channels;
use super::client::{Call, Problem};
use super::confirm::Action;
use super::format;
use super::page::{self, Page, Part};
use super::queues;
use super::shell::Shell;
use super::table::{Bulk, Cell, Column, Kind, Preset, Sheet, Table};
use super::visit::Visit;

/// What tells a consumer from all others.
pub(super) const KEY: &[&str] = &[
    "queue.vhost",
    "channel_details.connection_name",
    "channel_details.number",
    "consumer_tag",
];

/// What a consumer has.
pub(super) const UNACKED: Column =
    Column::usual("messages_unacknowledged", "Unacked", Kind::Number)
        .about("Messages that it has, and has not acknowledged");

/// How fast it gets messages,
pub(super) const DELIVERED: Column = Column::usual(
    "message_stats.deliver_get_details.rate",
    "Delivered",
    Kind::Rate,
);

/// and acknowledges them,
pub(super) const ACKED: Column =
    Column::usual("message_stats.ack_details.rate", "Acked", Kind::Rate)
        .about("How many messages it acknowledges; nothing where it need not");

/// and how long it has them before.
pub(super) const ACK_TIME: Column = Column::usual(
    "message_stats.ack_avg_time",
    "Ack time",
    Kind::NumberOf(ack_time),
)
.about(
    "From a message's delivery to its acknowledgement, on average, of what it acknowledged lately",
);

/// All consumers.
pub(super) static SHEET: Sheet = Sheet {
    id: "consumers",
    path: &["consumers"],
    nouns: ("consumer", "consumers"),
    key: KEY,
    bulk: &[Bulk::new("cancel-consumer", "Cancel")],
    command: "list_consumers",
    one: Some(|key| Call::get(&["consumers", key[0], key[1], key[2], key[3]])),
    fixed: |_| false,
    columns: &[
        Column::usual("consumer_tag", "Consumer", Kind::Text),
        Column::usual("queue.name", "Queue", Kind::Of(queue)),
        Column::usual("queue.vhost", "Virtual host", Kind::Text),
        Column::usual("channel_details.name", "Channel", Kind::Of(channel)),
        Column::usual("channel_details.user", "User", Kind::Text),
        Column::of(
            "channel_details.peer_host",
            "From",
            Kind::Text,
            &[Preset::State],
        ),
        Column::usual("activity_status", "State", Kind::Of(state)),
        Column::usual("ack_required", "Acks", Kind::Of(acks)),
        Column::of("exclusive", "Exclusive", Kind::Flag, &[Preset::State]),
        Column::usual("prefetch_count", "Prefetch", Kind::NumberOf(prefetch))
            .about("Unacked messages that it may have"),
        UNACKED,
        DELIVERED,
        ACKED,
        ACK_TIME,
        Column::of(
            "consumer_timeout",
            "Time-out",
            Kind::NumberOf(timeout),
            &[Preset::State],
        )
        .about("How long it may keep a message without acknowledging it"),
    ],
};

/// What can be done to consumers.
pub(super) const ACTIONS: &[Action] = &[Action {
    name: "cancel-consumer",
    verb: "Cancel",
    done: "cancelled",
    nouns: ("consumer", "consumers"),
    destroys: true,
    to_queue: None,
    list: &["consumers"],
    key: KEY,
    look: None,
    undo: None,
    loss: |_| String::new(),
    call: |key| Call::delete(&["consumers", key[0], key[1], key[2], key[3]]),
}];

/// The page.
#[derive(Template)]
#[template(path = "consumers.html")]
pub(super) struct Consumers {
    shell: Shell,
    table: Table,
}

impl Page for Consumers {
    const NAME: &'static str = "consumers";
    const PERIOD: Duration = Duration::from_secs(2);

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        Ok(Self {
            shell: Shell::new(visit, "Consumers"),
            table: SHEET
                .load(visit)
                .await?
                .actions_if(visit.may_cut_what_is_listed()),
        })
    }

    fn parts(&self) -> Vec<Part> {
        self.table.parts()
    }
}

pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    page::route::<Consumers>(router)
}

fn text<'a>(row: &'a Value, object: &str, field: &str) -> &'a str {
    row[object][field].as_str().unwrap_or_default()
}

fn queue(row: &Value) -> Cell {
    let name = text(row, "queue", "name");
    Cell::link(&queues::of_queue(text(row, "queue", "vhost"), name), name)
}

fn channel(row: &Value) -> Cell {
    let details = &row["channel_details"];
    match (details["name"].as_str(), details["number"].as_u64()) {
        (Some(name), Some(number)) => channels::link(name, number, details),
        _ => Cell::Nothing,
    }
}

pub(super) fn state(row: &Value) -> Cell {
    if row["slow"] == true {
        return Cell::State {
            kind: "bad",
            text: "slow".to_owned(),
            about: "It has as many messages as it may, and acknowledged none lately".to_owned(),
        };
    }
    match row["activity_status"].as_str() {
        Some("waiting") => Cell::state("quiet", "standby"),
        Some("single_active") => Cell::state("good", "the active one"),
        _ => Cell::state("good", "active"),
    }
}

pub(super) fn acks(row: &Value) -> Cell {
    let by_hand = row["ack_required"] == true;
    Cell::Text(if by_hand { "by hand" } else { "automatic" }.to_owned())
}

fn ack_time(row: &Value) -> Cell {
    let ms = row["message_stats"]["ack_avg_time"].as_f64();
    ms.map_or(Cell::Nothing, |ms| Cell::Text(format::time(ms / 1_000.0)))
}

pub(super) fn prefetch(row: &Value) -> Cell {
    match row["prefetch_count"].as_u64() {
        None | Some(0) => Cell::Text("no limit".to_owned()),
        Some(_) => super::table::number(row.get("prefetch_count")),
    }
}

pub(super) fn timeout(row: &Value) -> Cell {
    let span = row["consumer_timeout"].as_u64().map(Duration::from_millis);
    span.map_or(Cell::Nothing, |span| Cell::Text(format::span(span)))
}
