//! What is true of this node, and told in several places: what it can do, and where it serves HTTP.

use ferrymq_broker::auth::sasl::MECHANISMS;
use ferrymq_broker::routing::ExchangeKind;
use serde_json::{Value, json};

use crate::http::Site;
use crate::refusal::Refusal;

/// Compat: tools look for RabbitMQ's plugins by their names; these are the ones whose work is done here.
const PLUGINS: [(&str, &str); 9] = [
    (
        "rabbitmq_consistent_hash_exchange",
        "Exchange x-consistent-hash",
    ),
    (
        "rabbitmq_delayed_message_exchange",
        "Exchange x-delayed-message",
    ),
    ("rabbitmq_event_exchange", "Events on amq.rabbitmq.event"),
    ("rabbitmq_management", "HTTP API and console"),
    ("rabbitmq_management_agent", "Statistics for the HTTP API"),
    ("rabbitmq_message_deduplication", "Deduplication on publish"),
    ("rabbitmq_prometheus", "Metrics for Prometheus"),
    ("rabbitmq_random_exchange", "Exchange x-random"),
    (
        "rabbitmq_recent_history_exchange",
        "Exchange x-recent-history",
    ),
];

/// Refuses the name of a node that is not this one.
///
/// # Errors
/// 404 then.
pub(super) fn check(site: &Site, name: &str) -> Result<(), Refusal> {
    match name == site.node() {
        true => Ok(()),
        false => Err(Refusal::not_found()),
    }
}

/// The names of the plugins that this broker stands for.
pub(super) fn plugins() -> Value {
    PLUGINS.iter().map(|(name, _)| *name).collect()
}

/// Compat: clients find the version to expect the behaviour of in the row of `rabbit`.
pub(super) fn applications(site: &Site) -> Value {
    let config = site.broker.config();
    let compatible = config.rabbitmq_version.as_str();
    let own = [
        ("ferrymq", "FerryMQ", env!("CARGO_PKG_VERSION")),
        ("rabbit", "RabbitMQ, as far as clients can tell", compatible),
    ];
    let plugins = PLUGINS.iter();
    let plugins = plugins.map(|(name, about)| (*name, *about, compatible));
    own.into_iter()
        .chain(plugins)
        .map(|(name, about, version)| {
            json!({ "name": name, "description": about, "version": version })
        })
        .collect()
}

/// All types of exchanges.
pub(super) fn exchange_types() -> Value {
    let kinds = ExchangeKind::ALL.into_iter();
    kinds
        .map(|kind| json!({ "name": kind.as_str(), "description": about(kind), "enabled": true }))
        .collect()
}

fn about(kind: ExchangeKind) -> &'static str {
    match kind {
        ExchangeKind::Direct => "To bindings whose key equals the routing key",
        ExchangeKind::Fanout => "To all bindings",
        ExchangeKind::Topic => "To bindings whose pattern matches the routing key",
        ExchangeKind::Headers => "To bindings whose arguments match the headers",
        ExchangeKind::ConsistentHash => "To one binding by consistent hashing",
        ExchangeKind::ModulusHash => "To one binding by a hash modulo their number",
        ExchangeKind::Random => "To a random binding",
        ExchangeKind::LocalRandom => "To a random queue of this node",
        ExchangeKind::RecentHistory => "To all bindings; new ones get the latest messages",
        ExchangeKind::Delayed => "As another type, after a delay",
    }
}

/// How users of AMQP can log in, and how they could.
pub(super) fn auth_mechanisms(site: &Site) -> Value {
    let offered = &site.broker.config().mechanisms;
    let mechanisms = MECHANISMS.iter().map(|name| {
        json!({
            "name": name,
            "description": format!("SASL {name} authentication mechanism"),
            "enabled": offered.iter().any(|offered| offered == name),
        })
    });
    mechanisms.collect()
}

/// Where HTTP is served. Compat: ports are strings here.
pub(super) fn contexts(site: &Site) -> Value {
    let listeners = site.listeners();
    let contexts = listeners.iter().filter_map(|listener| {
        let (description, path) = match listener.protocol {
            "http" | "https" => ("RabbitMQ Management", "/"),
            "http/prometheus" | "https/prometheus" => ("RabbitMQ Prometheus", "/metrics"),
            _ => return None,
        };
        Some(json!({
            "node": site.node(),
            "description": description,
            "path": path,
            "ip": listener.address.ip().to_string(),
            "port": listener.address.port().to_string(),
            "ssl_opts": [],
        }))
    });
    contexts.collect()
}
