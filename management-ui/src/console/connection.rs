//! `connection`: a client, its channels, what it says of itself and what it can do.

use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use serde_json::Value;

use super::Console;
use super::address::Address;
use super::channels;
use super::charts::Charts;
use super::client::{Call, Problem};
use super::connections;
use super::copy_as::CopyAs;
use super::page::{self, Page, Part, Sample};
use super::shell::Shell;
use super::table::{Cell, Table};
use super::visit::Visit;

/// So many channels that nobody uses look as if they were forgotten.
const MANY_UNUSED: usize = 10;

/// The page.
#[derive(Template)]
#[template(path = "connection.html", blocks = ["facts", "channels_count", "leak"])]
pub(super) struct Connection {
    shell: Shell,
    name: String,
    /// What the client calls itself.
    given: Option<String>,
    connection: Value,
    state: Cell,
    copy_as: CopyAs,
    charts: Charts,
    channels: Table,
    /// Channels on which nothing has happened and nobody consumes.
    unused: usize,
    may_close: bool,
    may_see_user: bool,
}

impl Page for Connection {
    const NAME: &'static str = "connection";

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let name = visit.required("name")?;
        let call = Call::get(&["connections", name]);
        let connection = visit
            .call(Charts::asked(visit, call.clone()))
            .await
            .map_err(|problem| match problem.status {
                StatusCode::NOT_FOUND => Problem::not_found(format!(
                    "There is no connection {name}: it may have been closed"
                )),
                _ => problem,
            })?;
        let found = visit.get(&["connections", name, "channels"]).await?;
        let rows = found.as_array().map_or(&[][..], Vec::as_slice);
        let text = |field: &str| connection[field].as_str().unwrap_or_default();
        let given = connection["user_provided_name"].as_str();
        Ok(Self {
            shell: Shell::new(visit, given.unwrap_or(name)),
            name: name.to_owned(),
            given: given.map(str::to_owned),
            copy_as: CopyAs::new(visit, &call, None, &["list_connections"]),
            state: connections::state(&connection),
            charts: Charts::new(visit, "connection", &[("name", name)], &connection),
            channels: channels::SHEET.of(visit, rows),
            unused: rows.iter().filter(|row| is_unused(row)).count(),
            may_close: visit.may_cut(text("user")),
            may_see_user: visit.is_administrator(),
            connection,
        })
    }

    fn parts(&self) -> Vec<Part> {
        let mut parts = self.channels.parts();
        parts.push(Part::new("facts", &self.as_facts()));
        parts.push(Part::new("channels-count", &self.as_channels_count()));
        parts.push(Part::new("leak", &self.as_leak()));
        parts
    }

    fn samples(&self) -> Vec<Sample> {
        self.charts.samples()
    }
}

impl Connection {
    /// Does its client seem to open channels and forget them?
    fn leaks(&self) -> bool {
        self.unused >= MANY_UNUSED
    }

    /// What the actions know it by.
    fn key(&self) -> String {
        Value::from(vec![self.name.as_str()]).to_string()
    }

    fn to_user(&self) -> String {
        Address::new("user")
            .with("name", self.text("user"))
            .to_string()
    }

    fn text(&self, field: &str) -> &str {
        self.connection[field].as_str().unwrap_or_default()
    }

    fn number(&self, field: &str) -> u64 {
        self.connection[field].as_u64().unwrap_or_default()
    }

    /// What the client says of itself, but for what it can do.
    fn properties(&self) -> Vec<(String, String)> {
        let properties = self.connection["client_properties"].as_object();
        let properties = properties.into_iter().flatten();
        properties
            .filter(|(name, _)| *name != "capabilities")
            .map(|(name, value)| (name.clone(), plain(value)))
            .collect()
    }

    /// What it can do.
    fn capabilities(&self) -> Vec<String> {
        let capabilities = self.connection["client_properties"]["capabilities"].as_object();
        let capabilities = capabilities.into_iter().flatten();
        capabilities
            .filter(|(_, can)| **can == true)
            .map(|(name, _)| name.replace('_', " "))
            .collect()
    }
}

/// Has the channel done nothing yet, without anybody who waits on it?
fn is_unused(channel: &Value) -> bool {
    channel["message_stats"].is_null() && channel["consumer_count"] == 0
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    page::route::<Connection>(router)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_channel_is_unused_before_anything_happens() {
        assert!(is_unused(&json!({ "consumer_count": 0 })));
        assert!(!is_unused(&json!({ "consumer_count": 1 })));
        let used = json!({ "consumer_count": 0, "message_stats": { "publish": 1 } });
        assert!(!is_unused(&used));
    }
}
