//! How a dead letter died: its header `x-death`, as a story.

use serde_json::Value;

use crate::console::queues;
use crate::console::table::{self, Cell};

/// The header with the history.
const HISTORY: &str = "x-death";

/// One way in which a message died, once or several times.
pub(super) struct Death {
    pub(super) reason: String,
    pub(super) queue: Cell,
    /// The first time.
    pub(super) time: Cell,
    pub(super) count: u64,
    pub(super) exchange: String,
    pub(super) routing_keys: String,
    /// The expiration that it had, in milliseconds.
    pub(super) expiration: String,
}

/// What the header tells, the latest death first.
pub(super) fn of(vhost: &str, headers: &Value) -> Vec<Death> {
    let entries = headers[HISTORY].as_array().into_iter().flatten();
    entries.map(|entry| death(vhost, entry)).collect()
}

/// Does the broker add this header to dead letters?
pub(super) fn is_death_header(name: &str) -> bool {
    name == HISTORY || name.starts_with("x-first-death-") || name.starts_with("x-last-death-")
}

fn death(vhost: &str, entry: &Value) -> Death {
    let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    let queue = text("queue");
    let keys = entry["routing-keys"].as_array().into_iter().flatten();
    let keys: Vec<_> = keys.filter_map(Value::as_str).collect();
    Death {
        reason: text("reason"),
        queue: Cell::link(&queues::of_queue(vhost, &queue), queue.as_str()),
        time: match entry["time"].as_u64() {
            Some(seconds) => table::moment(seconds.saturating_mul(1_000)),
            None => Cell::Nothing,
        },
        count: entry["count"].as_u64().unwrap_or(1),
        exchange: text("exchange"),
        routing_keys: keys.join(", "),
        expiration: text("original-expiration"),
    }
}

impl Death {
    /// What it means, for people.
    pub(super) fn about(&self) -> &'static str {
        match self.reason.as_str() {
            "rejected" => "a consumer rejected it for good",
            "expired" => "its time to live was over",
            "maxlen" => "the queue was full",
            "delivery_limit" => "it came back too often",
            _ => "",
        }
    }
}
