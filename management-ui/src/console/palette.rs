//! What the palette finds: objects whose names contain what was typed. Pages are found by the browser itself.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::address::Address;
use super::client::Call;
use super::exchanges;
use super::queues;
use super::visit::Visit;

/// Objects of each kind that are shown.
const SHOWN: &str = "6";

/// A kind of object that can be gone to.
struct Kind {
    name: &'static str,
    list: &'static str,
    to: fn(&Value) -> Address,
    /// Where the object is, or what it belongs to.
    quiet: &'static str,
    /// For administrators only.
    administrators: bool,
}

const KINDS: &[Kind] = &[
    kind("queue", "queues", "vhost", |row| {
        queues::of_queue(text(row, "vhost"), text(row, "name"))
    }),
    kind("exchange", "exchanges", "vhost", |row| {
        exchanges::of_exchange(text(row, "vhost"), text(row, "name"))
    }),
    kind("connection", "connections", "user", |row| {
        Address::new("connection").with("name", text(row, "name"))
    }),
    kind("virtual host", "vhosts", "description", |row| {
        Address::new("vhost").with("name", text(row, "name"))
    }),
    kind("policy", "policies", "vhost", |row| {
        Address::new("policies")
            .with("vhost", text(row, "vhost"))
            .with("filter", text(row, "name"))
    }),
    Kind {
        administrators: true,
        ..kind("user", "users", "tags", |row| {
            Address::new("user").with("name", text(row, "name"))
        })
    },
];

const fn kind(
    name: &'static str,
    list: &'static str,
    quiet: &'static str,
    to: fn(&Value) -> Address,
) -> Kind {
    Kind {
        name,
        list,
        to,
        quiet,
        administrators: false,
    }
}

/// `GET /console/find?text=…`: a list of `{"kind", "name", "quiet", "to"}`.
pub(super) async fn find(visit: Visit) -> Response {
    let wanted = visit.address.get("text").unwrap_or_default();
    let mut found = Vec::new();
    for kind in KINDS {
        if !kind.administrators || visit.is_administrator() {
            found.extend(kind.find(&visit, wanted).await);
        }
    }
    Json(found).into_response()
}

impl Kind {
    async fn find(&self, visit: &Visit, wanted: &str) -> Vec<Value> {
        let call = Call::get(&[self.list])
            .with("page", "1")
            .with("page_size", SHOWN)
            .with("name", wanted)
            .with("disable_stats", "true");
        // What the visitor may not see is not found.
        let found = visit.call(call).await.unwrap_or_default();
        let rows = found["items"].as_array().into_iter().flatten();
        rows.map(|row| {
            json!({
                "kind": self.name,
                "name": text(row, "name"),
                "quiet": row[self.quiet],
                "to": (self.to)(row).to_string(),
            })
        })
        .collect()
    }
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_default()
}
