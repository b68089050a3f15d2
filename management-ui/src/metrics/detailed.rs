//! `/metrics/detailed`: only the families that are asked for, of the vhosts and queues that are.

use std::collections::HashSet;
use std::sync::Arc;

use ferrymq_broker::vhost::VHost;
use regex::{Regex, RegexBuilder};

use super::family::Family;
use super::parts::Parts;
use super::registry::{client_rows, exchange_rows, queue_rows};
use super::text::Text;
use super::{channels, connections, core, exchanges, flows, node, queues, vhosts};
use crate::http::Site;

pub(super) const PREFIX: &str = "rabbitmq_detailed_";

/// Bytes of a pattern for queues, written and compiled.
const MOST_PATTERN_BYTES: usize = 2_000;
const MOST_COMPILED_BYTES: usize = 1 << 20;

/// `stream_consumer_metrics`
pub(super) const OFFSET_LAG: Family = Family::gauge(
    "stream_consumer_max_offset_lag",
    "Highest lag of a stream's consumers",
);

/// What a query asks for.
#[derive(Default)]
pub(super) struct Wanted {
    families: HashSet<String>,
    /// None: all of them.
    vhosts: HashSet<String>,
    queue: Option<Regex>,
}

impl Wanted {
    /// # Errors
    /// With a reason, when there are two patterns for queues, or one that is none.
    pub(super) fn parse(query: &str) -> Result<Self, &'static str> {
        let mut wanted = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "family" => drop(wanted.families.insert(value.into_owned())),
                "vhost" => drop(wanted.vhosts.insert(value.into_owned())),
                "queue" if wanted.queue.is_some() => {
                    return Err("queue: only one pattern can be given\n");
                }
                "queue" if value.len() > MOST_PATTERN_BYTES => {
                    return Err("queue: the pattern is longer than 2000 bytes\n");
                }
                "queue" => {
                    let pattern = RegexBuilder::new(&value)
                        .size_limit(MOST_COMPILED_BYTES)
                        .build();
                    let pattern = pattern.map_err(|_| "queue: not a regular expression\n")?;
                    wanted.queue = Some(pattern);
                }
                _ => {}
            }
        }
        Ok(wanted)
    }

    fn any_of(&self, families: &[&str]) -> bool {
        families
            .iter()
            .any(|family| self.families.contains(*family))
    }

    pub(super) fn has_vhost(&self, name: &str) -> bool {
        self.vhosts.is_empty() || self.vhosts.contains(name)
    }

    pub(super) fn has_queue(&self, name: &str) -> bool {
        self.queue
            .as_ref()
            .is_none_or(|pattern| pattern.is_match(name))
    }
}

type OfNode = fn(&mut Text, &Site);
type OfVHosts = fn(&mut Text, &[Arc<VHost>]);

/// What does not belong to an object.
const NODE: [(&str, OfNode); 6] = [
    ("connection_churn_metrics", core::churn),
    ("node_coarse_metrics", node::coarse),
    ("node_metrics", node::uptime),
    ("node_persister_metrics", node::persister),
    ("auth_attempt_metrics", core::auth_attempts),
    (
        "auth_attempt_detailed_metrics",
        core::auth_attempts_by_source,
    ),
];

/// Everything that is wanted.
pub(super) fn all(parts: &mut Parts, site: &Site, wanted: &Wanted) {
    for (family, write) in NODE {
        if wanted.any_of(&[family]) {
            let of = site.clone();
            parts.short(move |text| write(text, &of));
        }
    }
    of_queues(parts, site, wanted);
    if wanted.any_of(&["exchange_metrics"]) {
        let rows = exchange_rows(&site.broker, |vhost| wanted.has_vhost(vhost));
        parts.rows(&exchanges::EACH, &rows);
    }
    of_clients(parts, site, wanted);
    of_flows(parts, site, wanted);
    of_vhosts(parts, site, wanted);
}

fn of_queues(parts: &mut Parts, site: &Site, wanted: &Wanted) {
    let (coarse, all) = (&["queue_coarse_metrics"][..], &["queue_metrics"][..]);
    // Compat: the count of consumers alone is cheaper there, but part of the whole.
    let described = [
        "queue_coarse_metrics",
        "queue_consumer_count",
        "queue_metrics",
    ];
    let others = ["queue_delivery_metrics", "channel_queue_exchange_metrics"];
    if !wanted.any_of(&described) && !wanted.any_of(&others) {
        return;
    }
    let rows = queue_rows(
        &site.broker,
        |vhost| wanted.has_vhost(vhost),
        |queue| wanted.has_queue(queue),
    );
    if wanted.any_of(coarse) {
        parts.rows(&queues::COARSE, &rows);
    }
    if wanted.any_of(&described[1..]) {
        parts.rows(&queues::CONSUMERS, &rows);
    }
    if wanted.any_of(all) {
        parts.rows(&queues::METRICS, &rows);
        let rows = Arc::clone(&rows);
        parts.short(move |text| queues::head_timestamps(text, &rows));
    }
    if wanted.any_of(&others[..1]) {
        parts.rows(&queues::DELIVERIES, &rows);
    }
    if wanted.any_of(&others[1..]) {
        let rows = flows::into_queues(&site.broker, wanted, &rows);
        parts.rows(&flows::PUBLISHED, &rows);
    }
    if wanted.any_of(&described) {
        parts.short(move |text| queues::info(text, &rows));
    }
}

fn of_clients(parts: &mut Parts, site: &Site, wanted: &Wanted) {
    let by_channel = [
        ("channel_metrics", &channels::METRICS[..]),
        ("channel_process_metrics", &channels::PROCESS),
    ];
    let by_connection = [
        ("connection_coarse_metrics", &connections::COARSE[..]),
        ("connection_metrics", &connections::METRICS),
    ];
    let names = by_channel.iter().map(|(family, _)| *family);
    let names: Vec<_> = names
        .chain(by_connection.iter().map(|(family, _)| *family))
        .collect();
    if !wanted.any_of(&names) {
        return;
    }
    let (channels, connections) = client_rows(&site.broker);
    for (family, columns) in by_channel {
        if wanted.any_of(&[family]) {
            parts.rows(columns, &channels);
        }
    }
    for (family, columns) in by_connection {
        if wanted.any_of(&[family]) {
            parts.rows(columns, &connections);
        }
    }
}

fn of_flows(parts: &mut Parts, site: &Site, wanted: &Wanted) {
    let broker = &site.broker;
    if wanted.any_of(&["channel_exchange_metrics"]) {
        parts.rows(&channels::PUBLISHING, &flows::publishing(broker, wanted));
    }
    if wanted.any_of(&["channel_queue_metrics"]) {
        parts.rows(&channels::CONSUMING, &flows::consuming(broker, wanted));
    }
    if wanted.any_of(&["queue_exchange_metrics"]) {
        let rows = flows::through_exchanges(broker, wanted);
        parts.rows(&flows::EXCHANGES, &rows);
    }
}

fn of_vhosts(parts: &mut Parts, site: &Site, wanted: &Wanted) {
    let all = site.broker.vhosts();
    let all = all.values().filter(|vhost| wanted.has_vhost(vhost.name()));
    let all: Arc<[_]> = all.cloned().collect();
    let families: [(_, OfVHosts); 3] = [
        ("vhost_status", vhosts::status),
        ("exchange_names", vhosts::names),
        ("exchange_bindings", vhosts::bindings),
    ];
    for (family, write) in families {
        if wanted.any_of(&[family]) {
            let all = Arc::clone(&all);
            parts.short(move |text| write(text, &all));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_and_vhosts_repeat_and_patterns_do_not() {
        let wanted = Wanted::parse("family=a&family=b&vhost=%2F&vhost=x&queue=%5Eq&odd=1").unwrap();
        assert!(wanted.any_of(&["b"]) && !wanted.any_of(&["c"]));
        assert!(wanted.has_vhost("/") && !wanted.has_vhost("y"));
        assert!(wanted.has_queue("q1") && !wanted.has_queue("aq"));
        let refused = |query: &str| Wanted::parse(query).is_err();
        assert!(refused("queue=a&queue=b") && refused("queue=("));
        assert!(refused(&format!("queue={}", "a".repeat(2_001))));
        assert!(!refused(&format!("queue={}", "a".repeat(2_000))));
    }
}
