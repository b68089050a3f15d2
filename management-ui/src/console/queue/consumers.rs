//! `queue-consumers`: who gets its messages.

use askama::Template;
use serde_json::Value;

use super::{Head, channel, connection};
use crate::console::client::Problem;
use crate::console::consumers::{
    ACK_TIME, ACKED, DELIVERED, KEY, UNACKED, acks, prefetch, state, timeout,
};
use crate::console::page::{Page, Part};
use crate::console::shell::Shell;
use crate::console::table::{Bulk, Cell, Column, Kind, Sheet, Table};
use crate::console::visit::Visit;

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
        Column::usual("prefetch_count", "Prefetch", Kind::NumberOf(prefetch))
            .about("Unacked messages that it may have"),
        UNACKED,
        DELIVERED,
        ACKED,
        ACK_TIME,
        Column::usual("ack_required", "Acks", Kind::Of(acks)),
        Column::usual("consumer_timeout", "Time-out", Kind::NumberOf(timeout))
            .about("How long it may keep a message without acknowledging it"),
        Column::usual("exclusive", "Exclusive", Kind::Flag),
        Column::usual("arguments.x-priority", "Priority", Kind::NumberOf(priority)),
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
        let rows = head.queue["consumer_details"].as_array();
        let rows = rows.map_or(&[][..], Vec::as_slice);
        let user = |row: &Value| row["channel_details"]["user"].as_str().map(str::to_owned);
        let may_cancel = rows
            .iter()
            .filter_map(user)
            .all(|user| visit.may_cut(&user));
        Ok(Self {
            shell: Shell::new(visit, head.name.clone()),
            table: SHEET.of(visit, rows).actions_if(may_cancel).explained(),
            head,
        })
    }

    fn parts(&self) -> Vec<Part> {
        let mut parts = self.head.parts();
        parts.extend(self.table.parts());
        parts
    }
}

fn priority(row: &Value) -> Cell {
    let priority = row["arguments"]["x-priority"].as_i64();
    Cell::Text(priority.unwrap_or_default().to_string())
}

fn arguments(row: &Value) -> Cell {
    super::arguments(&row["arguments"])
}
