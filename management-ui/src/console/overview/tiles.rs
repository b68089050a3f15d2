//! The numbers at the top of the overview.

use serde_json::Value;

use crate::console::address::Address;
use crate::console::format;
use crate::console::visit::Visit;
use crate::query::field;

/// A number, and where it leads.
pub(super) struct Tile {
    pub(super) title: &'static str,
    pub(super) number: String,
    /// What it is to be held against; may be empty.
    pub(super) quiet: String,
    pub(super) to: Option<String>,
}

/// The tiles of the broker, or of the vhost that the address names.
pub(super) fn of(visit: &Visit, overview: &Value, node: &Value) -> Vec<Tile> {
    let number = |path: &str| {
        field(overview, path)
            .and_then(Value::as_f64)
            .unwrap_or_default()
    };
    let rate = |title, name: &str| Tile {
        title,
        number: format!(
            "{}/s",
            format::rate(number(&format!("message_stats.{name}_details.rate")))
        ),
        quiet: String::new(),
        to: None,
    };
    let page = |page: &str| {
        let address = Address::new(page);
        match visit.vhost() {
            Some(vhost) => address.with("vhost", vhost),
            None => address,
        }
    };
    let sorted = |sort: &str| {
        page("queues")
            .with("sort", sort)
            .with("sort_reverse", "true")
    };
    let count = |title, path: &str, to: Address| Tile {
        title,
        number: format::count(number(path) as u64),
        quiet: String::new(),
        to: Some(to.to_string()),
    };
    let mut tiles = vec![
        rate("Published", "publish"),
        rate("Delivered", "deliver_get"),
        rate("Acknowledged", "ack"),
        count(
            "Ready",
            "queue_totals.messages_ready",
            sorted("messages_ready"),
        ),
        count(
            "Unacked",
            "queue_totals.messages_unacknowledged",
            sorted("messages_unacknowledged"),
        ),
        count("Queues", "object_totals.queues", page("queues")),
        count("Exchanges", "object_totals.exchanges", page("exchanges")),
        count(
            "Connections",
            "object_totals.connections",
            page("connections"),
        ),
        count("Channels", "object_totals.channels", page("channels")),
        count("Consumers", "object_totals.consumers", page("consumers")),
    ];
    if node.is_object() {
        tiles.extend(of_node(node));
    }
    tiles
}

fn of_node(node: &Value) -> Vec<Tile> {
    let number = |name: &str| node[name].as_f64().unwrap_or_default();
    let tile = |title, number: String, quiet: String| Tile {
        title,
        number,
        quiet,
        to: Some("node".to_owned()),
    };
    vec![
        tile(
            "Memory",
            format::bytes(number("mem_used")),
            format!("of {}", format::bytes(number("mem_limit"))),
        ),
        tile(
            "Disk free",
            format::bytes(number("disk_free")),
            format!("at least {}", format::bytes(number("disk_free_limit"))),
        ),
        tile(
            "File descriptors",
            format::count(number("fd_used") as u64),
            format!("of {}", format::count(number("fd_total") as u64)),
        ),
    ]
}
