//! `connection-groups`: who is connected how often, by user, application or host.

use std::time::Duration;

use askama::Template;
use axum::Router;
use serde_json::Value;

use super::Console;
use super::address::Address;
use super::client::Problem;
use super::filter;
use super::page::{self, Page, Part};
use super::shell::Shell;
use super::table::{self, Cell, Column, Kind, Sheet, Table};
use super::visit::Visit;

/// All groups of one kind.
pub(super) static SHEET: Sheet = Sheet {
    id: "connection-groups",
    path: &["connection-groups", "?by"],
    nouns: ("group", "groups"),
    key: &["by", "name"],
    bulk: &[],
    command: "list_connection_groups",
    one: None,
    fixed: |_| false,
    columns: &[
        Column::usual("name", "Who", Kind::Of(name)),
        Column::usual("connections", "Connections", Kind::Number),
        Column::usual("blocked", "Blocked", Kind::NumberOf(blocked)),
        Column::usual("channels", "Channels", Kind::Number),
        Column::usual("recv_oct_details.rate", "Received", Kind::ByteRate),
        Column::usual("send_oct_details.rate", "Sent", Kind::ByteRate),
    ],
};

/// The views of connections: the title, and what the API calls what they are grouped by. The first one is the list.
pub(super) const VIEWS: [(&str, Option<&str>); 4] = [
    ("List", None),
    ("By user", Some("user")),
    ("By application", Some("product")),
    ("By host", Some("peer_host")),
];

/// A way to a view.
pub(super) struct View {
    pub(super) title: &'static str,
    pub(super) to: Address,
    pub(super) here: bool,
}

/// The page.
#[derive(Template)]
#[template(path = "connection_groups.html")]
pub(super) struct ConnectionGroups {
    shell: Shell,
    table: Table,
    views: Vec<View>,
}

impl Page for ConnectionGroups {
    const NAME: &'static str = "connection-groups";
    // So often the statistics change.
    const PERIOD: Duration = Duration::from_secs(5);

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let shell = Shell::new(visit, "Connections");
        Ok(Self {
            table: SHEET.load(visit).await?,
            views: views(&shell, Some(visit.address.get("by").unwrap_or("user"))),
            shell,
        })
    }

    fn parts(&self) -> Vec<Part> {
        self.table.parts()
    }
}

/// The ways to all views, of which this one is shown.
pub(super) fn views(shell: &Shell, shown: Option<&str>) -> Vec<View> {
    let to = |by: Option<&str>| match by {
        Some(by) => Address::parse_whole(&shell.to(ConnectionGroups::NAME)).with("by", by),
        None => Address::parse_whole(&shell.to("connections")),
    };
    let view = |(title, by)| View {
        title,
        to: to(by),
        here: by == shown,
    };
    VIEWS.map(view).into()
}

/// Leads to the connections of the group.
fn name(row: &Value) -> Cell {
    let field = match row["by"].as_str().unwrap_or_default() {
        "product" => "client_properties.product",
        by => by,
    };
    let (text, filter) = match row["name"].as_str() {
        Some(name) => (name, filter::exactly(field, name)),
        None => ("does not say", filter::nothing_in(field)),
    };
    Cell::link(&Address::new("connections").with("filter", &filter), text)
}

fn blocked(row: &Value) -> Cell {
    match row["blocked"].as_u64() {
        Some(0) | None => table::number(row.get("blocked")),
        Some(count) => Cell::state("bad", super::format::count(count)),
    }
}

/// The page.
pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    page::route::<ConnectionGroups>(router)
}
