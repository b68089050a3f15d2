//! `connections`: who is connected.

use askama::Template;
use axum::Router;
use serde_json::Value;
use std::time::Duration;

use super::Console;
use super::address::Address;
use super::client::{Call, Problem};
use super::confirm::Action;
use super::connection_groups::{self, View};
use super::page::{self, Page, Part};
use super::shell::Shell;
use super::table::{Bulk, Cell, Column, Kind, Preset, Sheet, Table};
use super::visit::Visit;

/// All connections that the visitor may see.
pub(super) static SHEET: Sheet = Sheet {
    id: "connections",
    path: &["connections"],
    nouns: ("connection", "connections"),
    key: &["name"],
    bulk: &[Bulk::new("close-connection", "Close")],
    command: "list_connections",
    one: Some(|key| Call::get(&["connections", key[0]])),
    fixed: |_| false,
    columns: &[
        Column::usual("name", "Connection", Kind::Of(name)),
        Column::usual("user", "User", Kind::Text),
        Column::usual("vhost", "Virtual host", Kind::Text),
        Column::of(
            "state",
            "State",
            Kind::Of(state),
            &[Preset::Usual, Preset::State],
        ),
        Column::usual("client_properties.product", "Client", Kind::Of(client)),
        Column::usual("peer_host", "From", Kind::Text),
        Column::usual("channels", "Channels", Kind::Number),
        Column::of(
            "recv_oct_details.rate",
            "Received",
            Kind::ByteRate,
            &[Preset::Usual, Preset::Rates],
        ),
        Column::of(
            "send_oct_details.rate",
            "Sent",
            Kind::ByteRate,
            &[Preset::Usual, Preset::Rates],
        ),
        Column::usual("connected_at", "Connected", Kind::Time),
        Column::of("recv_oct", "Received in all", Kind::Bytes, &[Preset::Rates]),
        Column::of("send_oct", "Sent in all", Kind::Bytes, &[Preset::Rates]),
        Column::of(
            "send_pend",
            "Waiting to be sent",
            Kind::Bytes,
            &[Preset::Memory],
        )
        .about("Bytes that the client does not take"),
        Column::of("ssl", "TLS", Kind::Flag, &[Preset::State]),
        Column::of("auth_mechanism", "Mechanism", Kind::Text, &[Preset::State]),
        Column::of(
            "timeout",
            "Heartbeat",
            Kind::Of(heartbeat),
            &[Preset::State],
        ),
        Column::of(
            "channel_max",
            "Most channels",
            Kind::Number,
            &[Preset::State],
        ),
        Column::of("frame_max", "Largest frame", Kind::Bytes, &[Preset::State]),
        Column::of("protocol", "Protocol", Kind::Text, &[Preset::State]),
    ],
};

/// What can be done to connections.
pub(super) const ACTIONS: &[Action] = &[Action {
    name: "close-connection",
    verb: "Close",
    done: "closed",
    nouns: ("connection", "connections"),
    destroys: true,
    to_queue: None,
    list: &["connections"],
    key: &["name"],
    look: None,
    undo: None,
    loss: |_| String::new(),
    call: |key| Call::delete(&["connections", key[0]]).header("x-reason", "Closed in the console"),
}];

/// The page.
#[derive(Template)]
#[template(path = "connections.html")]
pub(super) struct Connections {
    shell: Shell,
    table: Table,
    views: Vec<View>,
    /// Those of others are not shown.
    own_only: bool,
}

impl Page for Connections {
    const NAME: &'static str = "connections";
    const PERIOD: Duration = Duration::from_secs(2);

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let shell = Shell::new(visit, "Connections");
        Ok(Self {
            views: connection_groups::views(&shell, None),
            shell,
            table: SHEET
                .load(visit)
                .await?
                .actions_if(visit.may_cut_what_is_listed()),
            own_only: !visit.may_monitor(),
        })
    }

    fn parts(&self) -> Vec<Part> {
        self.table.parts()
    }
}

pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    page::route::<Connections>(router)
}

/// The page about a connection.
pub(super) fn of_connection(name: &str) -> Address {
    Address::new("connection").with("name", name)
}

/// The name that the client gave comes first.
fn name(row: &Value) -> Cell {
    let name = text(row, "name");
    Cell::client(&of_connection(name), &row["user_provided_name"], name)
}

/// How a connection is.
pub(super) fn state(row: &Value) -> Cell {
    match text(row, "state") {
        "running" => Cell::state("good", "running"),
        "blocked" => Cell::State {
            kind: "bad",
            text: "blocked".to_owned(),
            about: "It publishes while an alarm is on, and is not read from until that is over"
                .to_owned(),
        },
        state => Cell::state("busy", state),
    }
}

fn client(row: &Value) -> Cell {
    let properties = &row["client_properties"];
    let words = ["product", "version"].map(|field| properties[field].as_str().unwrap_or_default());
    match words.join(" ").trim() {
        "" => Cell::Nothing,
        client => Cell::Text(client.to_owned()),
    }
}

fn heartbeat(row: &Value) -> Cell {
    match row["timeout"].as_u64() {
        Some(0) => Cell::Text("none".to_owned()),
        Some(seconds) => Cell::Text(format!("{seconds} s")),
        None => Cell::Nothing,
    }
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_default()
}
