//! The numbers at the top of the overview.

use askama::Template;
use serde_json::Value;

use super::glance::Glance;
use super::sparks;
use crate::console::address::Address;
use crate::console::chart::Unit;
use crate::console::format;
use crate::console::visit::Visit;
use crate::query::field;

/// A number, and where it leads. Written into a page unescaped.
#[derive(Template)]
#[template(path = "parts/tile.html")]
pub(super) struct Tile {
    /// As its spark is called, if it has one.
    name: &'static str,
    title: &'static str,
    number: String,
    /// What it is to be held against; may be empty.
    quiet: String,
    pub(super) to: Option<String>,
    /// How it went; empty if that is not told.
    spark: String,
}

impl Tile {
    /// What its element is called.
    pub(super) fn place(&self) -> String {
        format!("tile-{}", self.name)
    }
}

/// The tiles of the broker, or of the vhost that the address names; with what was found of how they went.
pub(super) fn of(
    visit: &Visit,
    overview: &Value,
    node: &Value,
    glance: Option<&Glance>,
) -> Vec<Tile> {
    let mut tiles = of_broker(visit, overview);
    if node.is_object() {
        tiles.extend(of_node(node));
    }
    for tile in &mut tiles {
        let spark = glance.and_then(|glance| glance.sparks.get(tile.name));
        tile.spark = match spark {
            Some(spark) => spark.clone(),
            None => sparks::empty(tile.name, node.is_object()),
        };
    }
    tiles
}

fn of_broker(visit: &Visit, overview: &Value) -> Vec<Tile> {
    let number = |path: &str| {
        field(overview, path)
            .and_then(Value::as_f64)
            .unwrap_or_default()
    };
    let rate = |name, title, field: &str| Tile {
        name,
        title,
        number: format!(
            "{}/s",
            format::rate(number(&format!("message_stats.{field}_details.rate")))
        ),
        quiet: String::new(),
        to: None,
        spark: String::new(),
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
    let count = |name, title, path: &str, to: Address| Tile {
        name,
        title,
        number: format::count(number(path) as u64),
        quiet: String::new(),
        to: Some(to.to_string()),
        spark: String::new(),
    };
    // Who sees no others' is told that it is not all.
    let (connections, channels) = match visit.may_monitor() {
        true => ("Connections", "Channels"),
        false => ("Your connections", "Your channels"),
    };
    vec![
        rate("publish", "Published", "publish"),
        rate("deliver", "Delivered", "deliver_get"),
        rate("ack", "Acknowledged", "ack"),
        count(
            "ready",
            "Ready",
            "queue_totals.messages_ready",
            sorted("messages_ready"),
        ),
        count(
            "unacked",
            "Unacked",
            "queue_totals.messages_unacknowledged",
            sorted("messages_unacknowledged"),
        ),
        count("queues", "Queues", "object_totals.queues", page("queues")),
        count(
            "exchanges",
            "Exchanges",
            "object_totals.exchanges",
            page("exchanges"),
        ),
        count(
            "connections",
            connections,
            "object_totals.connections",
            page("connections"),
        ),
        count(
            "channels",
            channels,
            "object_totals.channels",
            page("channels"),
        ),
        count(
            "consumers",
            "Consumers",
            "object_totals.consumers",
            page("consumers"),
        ),
    ]
}

fn of_node(node: &Value) -> Vec<Tile> {
    let number = |name: &str| node[name].as_f64().unwrap_or_default();
    let count = |name: &str| format::count(number(name) as u64);
    let tile = |name, title, number: String, quiet: String| Tile {
        name,
        title,
        number,
        quiet,
        to: Some("node".to_owned()),
        spark: String::new(),
    };
    let cpu = node["cpu_time_details"]["rate"].as_f64();
    vec![
        tile(
            "cpu",
            "Processors",
            Unit::Processors.text(cpu.unwrap_or_default()),
            format!("of {} %", 100 * number("processors") as u64),
        ),
        tile(
            "memory",
            "Memory",
            format::bytes(number("mem_used")),
            format!("of {}", format::bytes(number("mem_limit"))),
        ),
        tile(
            "free",
            "Disk free",
            format::bytes(number("disk_free")),
            format!("limit {}", format::bytes(number("disk_free_limit"))),
        ),
        tile(
            "files",
            "File descriptors",
            count("fd_used"),
            format!("of {}", count("fd_total")),
        ),
    ]
}
