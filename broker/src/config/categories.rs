//! Parts of the broker whose log lines can have a level of their own.

use super::LogLevel;

/// Categories under RabbitMQ's names, and modules whose lines belong to them: of several that fit, the
/// longest name counts.
const CATEGORIES: &[(&str, &[&str])] = &[
    (
        "connection",
        &["ferrymq_broker::net", "ferrymq_broker::session"],
    ),
    (
        "channel",
        &[
            "ferrymq_broker::session::channel",
            "ferrymq_broker::session::methods",
            "ferrymq_broker::session::overdue",
        ],
    ),
    (
        "queue",
        &[
            "ferrymq_broker::queue",
            "ferrymq_broker::vhost",
            "ferrymq_broker::paging",
            "ferrymq_broker::transfers",
            "ferrymq_broker::jobs",
        ],
    ),
    ("user", &["ferrymq_broker::auth", "ferrymq_broker::events"]),
    ("store", &["ferrymq_store"]),
    ("http", &["ferrymq_management_ui"]),
];

/// What the modules of our crates begin with.
const OWN: &str = "ferrymq";

impl LogLevel {
    /// Is there a category called `name`? A module of ours is one, too.
    pub fn has_category(name: &str) -> bool {
        name.starts_with(OWN) || CATEGORIES.iter().any(|(known, _)| *known == name)
    }

    /// The names of all categories but modules.
    pub fn categories() -> impl Iterator<Item = &'static str> {
        CATEGORIES.iter().map(|(name, _)| *name)
    }

    /// What the names of the modules of a category begin with.
    pub fn modules(category: &str) -> Vec<&str> {
        match CATEGORIES.iter().find(|(known, _)| *known == category) {
            Some((_, modules)) => modules.to_vec(),
            None => vec![category],
        }
    }
}
