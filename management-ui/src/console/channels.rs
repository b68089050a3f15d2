//! `channels`: all channels, of all connections that the visitor may see.

use askama::Template;
use axum::Router;
use serde_json::Value;
use std::time::Duration;

use super::Console;
use super::address::Address;
use super::client::{Call, Problem};
use super::page::{self, Page, Part};
use super::shell::Shell;
use super::table::{Badge, Cell, Column, Kind, Preset, Sheet, Table};
use super::visit::Visit;

/// All channels.
pub(super) static SHEET: Sheet = Sheet {
    id: "channels",
    path: &["channels"],
    nouns: ("channel", "channels"),
    key: &["name"],
    bulk: &[],
    command: "list_channels",
    one: Some(|key| Call::get(&["channels", key[0]])),
    fixed: |_| false,
    columns: &[
        Column::usual("name", "Channel", Kind::Of(name)),
        Column::usual("user", "User", Kind::Text),
        Column::usual("vhost", "Virtual host", Kind::Text),
        Column::usual("confirm", "Mode", Kind::Of(mode)),
        Column::of("state", "State", Kind::Text, &[Preset::State]),
        Column::usual("consumer_count", "Consumers", Kind::Number),
        Column::usual("prefetch_count", "Prefetch", Kind::NumberOf(prefetch))
            .about("Unacked messages that each consumer may have; no limit where there is none"),
        Column::usual(
            "messages_unacknowledged",
            "Unacked",
            Kind::NumberOf(unacked),
        ),
        Column::usual("messages_unconfirmed", "Unconfirmed", Kind::Number)
            .about("Published, and not confirmed yet"),
        rate("message_stats.publish_details.rate", "Published", true),
        rate("message_stats.confirm_details.rate", "Confirmed", false),
        rate(
            "message_stats.return_unroutable_details.rate",
            "Returned",
            false,
        ),
        rate(
            "message_stats.drop_unroutable_details.rate",
            "Dropped",
            false,
        ),
        rate("message_stats.deliver_get_details.rate", "Delivered", true),
        rate("message_stats.redeliver_details.rate", "Redelivered", false),
        rate("message_stats.ack_details.rate", "Acked", true),
        Column::of(
            "oldest_unacked_age",
            "Oldest unacked",
            Kind::NumberOf(oldest_unacked),
            &[Preset::State],
        )
        .about("For how long the oldest delivery is not acknowledged"),
        Column::of(
            "messages_uncommitted",
            "Uncommitted",
            Kind::Number,
            &[Preset::State],
        ),
        Column::of(
            "acks_uncommitted",
            "Uncommitted acks",
            Kind::Number,
            &[Preset::State],
        ),
    ],
};

const fn rate(field: &'static str, title: &'static str, usual: bool) -> Column {
    match usual {
        true => Column::of(field, title, Kind::Rate, &[Preset::Usual, Preset::Rates]),
        false => Column::of(field, title, Kind::Rate, &[Preset::Rates]),
    }
}

/// The page.
#[derive(Template)]
#[template(path = "channels.html")]
pub(super) struct Channels {
    shell: Shell,
    table: Table,
}

impl Page for Channels {
    const NAME: &'static str = "channels";
    const PERIOD: Duration = Duration::from_secs(2);

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        Ok(Self {
            shell: Shell::new(visit, "Channels"),
            table: SHEET.load(visit).await?,
        })
    }

    fn parts(&self) -> Vec<Part> {
        self.table.parts()
    }
}

pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    page::route::<Channels>(router)
}

/// The page about a channel.
pub(super) fn of_channel(name: &str) -> Address {
    Address::new("channel").with("name", name)
}

fn name(row: &Value) -> Cell {
    let name = row["name"].as_str().unwrap_or_default();
    link(name, number(row, "number"), &row["connection_details"])
}

/// A channel by its connection, as people know that, and its number there.
pub(super) fn link(name: &str, number: u64, connection: &Value) -> Cell {
    let to = of_channel(name);
    let (Some(host), Some(port)) = (
        connection["peer_host"].as_str(),
        connection["peer_port"].as_u64(),
    ) else {
        return Cell::link(&to, name);
    };
    let peer = format!("{host}:{port} ({number})");
    Cell::client(&to, &connection["user_provided_name"], peer)
}

/// How a channel publishes.
pub(super) fn mode(row: &Value) -> Cell {
    let mut badges = Vec::new();
    if row["confirm"] == true {
        badges.push(Badge::new("confirms", "What it publishes is confirmed"));
    }
    if row["transactional"] == true {
        badges.push(Badge::new(
            "transactions",
            "It publishes and acknowledges in transactions",
        ));
    }
    match badges.is_empty() {
        true => Cell::Text("plain".to_owned()),
        false => Cell::Badges(badges),
    }
}

fn number(row: &Value, field: &str) -> u64 {
    row[field].as_u64().unwrap_or_default()
}

/// Who has a limit for the whole channel is told of that, too.
pub(super) fn prefetch(row: &Value) -> Cell {
    match (
        number(row, "prefetch_count"),
        number(row, "global_prefetch_count"),
    ) {
        (0, 0) => Cell::Text("no limit".to_owned()),
        (0, all) => Cell::Text(format!("{all} in all")),
        (each, 0) => Cell::Text(each.to_string()),
        (each, all) => Cell::Text(format!("{each}, {all} in all")),
    }
}

/// A channel whose consumers have all that they may have, and got and acknowledged nothing in the last interval, is slow.
fn unacked(row: &Value) -> Cell {
    let unacked = number(row, "messages_unacknowledged");
    let limit = number(row, "prefetch_count") * number(row, "consumer_count").max(1);
    let is_still = ["deliver_details", "ack_details"]
        .iter()
        .all(|moves| row["message_stats"][moves]["rate"] == 0.0);
    match limit > 0 && unacked >= limit && is_still {
        true => Cell::State {
            kind: "busy",
            text: format!("{} · slow", super::format::count(unacked)),
            about: "Its consumers have all that they may have, and acknowledged nothing lately"
                .to_owned(),
        },
        false => super::table::number(Some(&unacked.into())),
    }
}

fn oldest_unacked(row: &Value) -> Cell {
    match Duration::from_millis(number(row, "oldest_unacked_age")) {
        age if age.as_secs() == 0 => Cell::Nothing,
        age => Cell::Text(super::format::span(age)),
    }
}
