//! `queue-groups`: queues by the beginnings of their names, one level at a time.

use std::time::Duration;

use askama::Template;
use axum::Router;
use serde_json::Value;

use super::Console;
use super::address::Address;
use super::client::Problem;
use super::filter;
use super::page::{self, Page, Part};
use super::queues;
use super::shell::Shell;
use super::table::{Cell, Column, Kind, Preset, Sheet, Table};
use super::visit::Visit;

/// The groups below a prefix, and the queues that belong to none.
pub(super) static SHEET: Sheet = Sheet {
    id: "queue-groups",
    path: &["queue-groups", "?prefix"],
    nouns: ("group", "groups"),
    key: &["vhost", "name"],
    bulk: &[],
    command: "list_queue_groups",
    one: None,
    fixed: |_| false,
    columns: &[
        Column::usual("name", "Name", Kind::Of(name)),
        Column::usual("vhost", "Virtual host", Kind::Text),
        Column::usual("queues", "Queues", Kind::Number),
        Column::usual("consumers", "Consumers", Kind::Number),
        Column::usual("messages_ready", "Ready", Kind::Number),
        Column::usual("messages_unacknowledged", "Unacked", Kind::Number),
        Column::usual("messages", "Total", Kind::Number),
        Column::of("message_bytes", "Bytes", Kind::Bytes, &[Preset::Memory]),
        Column::usual("message_stats.publish_details.rate", "In", Kind::Rate),
        Column::usual("message_stats.deliver_get_details.rate", "Out", Kind::Rate),
        Column::usual("message_stats.ack_details.rate", "Acks", Kind::Rate),
    ],
};

/// The page.
#[derive(Template)]
#[template(path = "queue_groups.html")]
pub(super) struct QueueGroups {
    shell: Shell,
    table: Table,
    /// How the names begin; empty: anyhow.
    prefix: String,
}

impl Page for QueueGroups {
    const NAME: &'static str = "queue-groups";
    // So often the statistics change.
    const PERIOD: Duration = Duration::from_secs(5);

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        Ok(Self {
            shell: Shell::new(visit, "Queues"),
            table: SHEET.load(visit).await?,
            prefix: visit.address.get("prefix").unwrap_or_default().to_owned(),
        })
    }

    fn parts(&self) -> Vec<Part> {
        self.table.parts()
    }
}

impl QueueGroups {
    /// The groups that this one is in, from the outermost on.
    fn trail(&self) -> Vec<(&str, Address)> {
        let mut ways = Vec::new();
        let mut end = 0;
        for part in self.prefix.split_inclusive(['.', '/']) {
            end += part.len();
            ways.push((part, self.below(&self.prefix[..end])));
        }
        ways
    }

    fn below(&self, prefix: &str) -> Address {
        let everything = Address::parse_whole(&self.shell.to(Self::NAME));
        match prefix {
            "" => everything,
            prefix => everything.with("prefix", prefix),
        }
    }

    /// The same queues as a list.
    fn as_list(&self) -> Address {
        let list = Address::parse_whole(&self.shell.to("queues"));
        match self.prefix.as_str() {
            "" => list,
            prefix => list.with("filter", &filter::beginning(prefix)),
        }
    }
}

fn name(row: &Value) -> Cell {
    let text = |field: &str| row[field].as_str().unwrap_or_default();
    let (vhost, name) = (text("vhost"), text("name"));
    match row["is_queue"] == true {
        true => Cell::link(&queues::of_queue(vhost, name), name),
        false => Cell::Link {
            to: Address::new(QueueGroups::NAME)
                .with("vhost", vhost)
                .with("prefix", name)
                .to_string(),
            text: name.to_owned(),
            quiet: "…".to_owned(),
        },
    }
}

/// The page.
pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    page::route::<QueueGroups>(router)
}
