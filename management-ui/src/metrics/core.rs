//! Who answers, how much there is, what came and went, who logged in, what is wrong.

use std::sync::OnceLock;

use ferrymq_broker::clock;
use ferrymq_broker::stats::Protocol;

use super::family::Family;
use super::text::{Labels, Text};
use crate::http::Site;

/// What stands for Erlang's version, which clients only show.
const ERLANG_VERSION: &str = "27.3";
const CLIENT_VERSION: &str = "5.1.1";

/// One sample that dashboards join everything else with: there must be exactly one per answer.
pub(super) fn identity(text: &mut Text, site: &Site, endpoint: &str) {
    const IDENTITY: Family =
        Family::untyped("identity_info", "RabbitMQ node & cluster identity info");
    const BUILD: Family = Family::untyped("build_info", "RabbitMQ & Erlang/OTP version info");
    let (cluster, version) = (site.cluster_name(), &site.broker.config().rabbitmq_version);
    let labels = Labels::of(&[
        ("rabbitmq_node", site.node()),
        ("rabbitmq_cluster", &cluster),
        ("rabbitmq_cluster_permanent_id", cluster_id(site)),
        ("rabbitmq_endpoint", endpoint),
    ]);
    text.family(&IDENTITY);
    text.sample(IDENTITY.name, labels.as_str(), 1);
    let labels = Labels::of(&[
        ("rabbitmq_version", version),
        ("prometheus_plugin_version", version),
        ("prometheus_client_version", CLIENT_VERSION),
        ("erlang_version", ERLANG_VERSION),
        ("product_name", "FerryMQ"),
        ("product_version", env!("CARGO_PKG_VERSION")),
    ]);
    text.family(&BUILD);
    text.sample(BUILD.name, labels.as_str(), 1);
}

/// The same as long as the node's name and data stay where they are.
fn cluster_id(site: &Site) -> &'static str {
    static ID: OnceLock<String> = OnceLock::new();
    ID.get_or_init(|| {
        let place = format!(
            "{} {}",
            site.node(),
            site.broker.config().data_dir.display()
        );
        // FNV-1a, because the standard library's hash may change with its version.
        let hash = place
            .bytes()
            .fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3)
            });
        format!("rabbitmq-cluster-id-{hash:016x}")
    })
}

/// How much there is.
pub(super) fn totals(text: &mut Text, site: &Site) {
    let usage = site.broker.usage();
    let queues = site
        .broker
        .vhosts()
        .values()
        .map(|vhost| vhost.snapshot().queues.len())
        .sum::<usize>();
    for (name, help, value) in [
        (
            "connections",
            "Connections currently open",
            site.broker.connection_count(),
        ),
        (
            "channels",
            "Channels currently open",
            usage.channels.count(),
        ),
        (
            "consumers",
            "Consumers currently connected",
            usage.consumers.count(),
        ),
        ("queues", "Queues available", queues),
    ] {
        text.single(&Family::gauge(name, help), value as u64);
    }
}

/// What came and went.
pub(super) fn churn(text: &mut Text, site: &Site) {
    let churn = site.broker.totals().churn.read();
    for (name, help, value) in [
        (
            "connections_opened_total",
            "Total number of connections opened",
            churn.connections_created,
        ),
        (
            "connections_closed_total",
            "Total number of connections closed or terminated",
            churn.connections_closed,
        ),
        (
            "channels_opened_total",
            "Total number of channels opened",
            churn.channels_created,
        ),
        (
            "channels_closed_total",
            "Total number of channels closed",
            churn.channels_closed,
        ),
        (
            "queues_declared_total",
            "Total number of queues declared",
            churn.queues_declared,
        ),
        (
            "queues_created_total",
            "Total number of queues created",
            churn.queues_created,
        ),
        (
            "queues_deleted_total",
            "Total number of queues deleted",
            churn.queues_deleted,
        ),
    ] {
        text.single(&Family::counter(name, help), value);
    }
}

const ATTEMPTS: [Family; 3] = [
    Family::counter(
        "auth_attempts_total",
        "Total number of authentication attempts",
    ),
    Family::counter(
        "auth_attempts_succeeded_total",
        "Total number of successful authentication attempts",
    ),
    Family::counter(
        "auth_attempts_failed_total",
        "Total number of failed authentication attempts",
    ),
];

/// Protocols that this broker does not speak never had an attempt.
const OTHER_PROTOCOLS: [&str; 2] = ["amqp10", "mqtt"];

/// Who logged in, by protocol.
pub(super) fn auth_attempts(text: &mut Text, site: &Site) {
    let attempts = &site.broker.statistics().auth_attempts;
    for (place, family) in ATTEMPTS.iter().enumerate() {
        text.family(family);
        for protocol in Protocol::ALL {
            let of = attempts.of(protocol);
            let labels = Labels::of(&[("protocol", protocol.as_str())]);
            text.sample(
                family.name,
                labels.as_str(),
                [of.all(), of.succeeded, of.failed][place],
            );
        }
        for protocol in OTHER_PROTOCOLS {
            let labels = Labels::of(&[("protocol", protocol)]);
            text.sample(family.name, labels.as_str(), 0);
        }
    }
}

const DETAILED_ATTEMPTS: [Family; 3] = [
    Family::counter(
        "auth_attempts_detailed_total",
        "Total number of authentication attempts with source info",
    ),
    Family::counter(
        "auth_attempts_detailed_succeeded_total",
        "Total number of successful authentication attempts with source info",
    ),
    Family::counter(
        "auth_attempts_detailed_failed_total",
        "Total number of failed authentication attempts with source info",
    ),
];

/// The same by address and user.
pub(super) fn auth_attempts_by_source(text: &mut Text, site: &Site) {
    let sources = site.broker.statistics().auth_attempts.by_source();
    if sources.is_empty() {
        return;
    }
    for (place, family) in DETAILED_ATTEMPTS.iter().enumerate() {
        text.family(family);
        for (source, of) in &sources {
            let labels = Labels::of(&[
                ("remote_address", &source.address.to_string()),
                ("username", &source.user),
                ("protocol", source.protocol.as_str()),
            ]);
            text.sample(
                family.name,
                labels.as_str(),
                [of.all(), of.succeeded, of.failed][place],
            );
        }
    }
}

/// Alarms, and what there would be in a cluster.
pub(super) fn alarms(text: &mut Text, site: &Site) {
    let alarms = site.broker.alarms();
    let process = site.broker.statistics().process();
    let few_files = process.open_files >= process.max_files;
    for (name, help, is_on) in [
        (
            "alarms_file_descriptor_limit",
            "is 1 if file descriptor limit alarm is in effect",
            few_files,
        ),
        (
            "alarms_free_disk_space_watermark",
            "is 1 if free disk space watermark alarm is in effect",
            alarms.disk,
        ),
        (
            "alarms_memory_used_watermark",
            "is 1 if VM memory watermark alarm is in effect",
            alarms.memory,
        ),
    ] {
        text.single(&Family::untyped(name, help), is_on);
    }
    const PEERS: Family = Family::gauge(
        "unreachable_cluster_peers_count",
        "Number of peers in the cluster the current node cannot reach",
    );
    text.single(&PEERS, 0);
}

/// There is no Raft log beside the one log, so nothing of it ever happened.
pub(super) fn raft(text: &mut Text) {
    for (name, help) in [
        ("raft_wal_files", "Number of write-ahead log files created"),
        (
            "raft_bytes_written",
            "Number of bytes written to the write-ahead logs",
        ),
        ("raft_mem_tables", "Number of in-memory tables handled"),
        ("raft_entries", "Number of entries written"),
        ("raft_segments", "Number of segments written"),
        (
            "raft_max_num_segments",
            "Maximum number of segments per queue",
        ),
        (
            "raft_max_commit_latency_seconds",
            "Maximum time taken for a log entry to be committed",
        ),
    ] {
        text.single(&Family::gauge(name, help), 0);
    }
}

/// Since when the process runs.
pub(super) fn start_time(text: &mut Text, site: &Site) {
    const START: Family = Family::gauge(
        "process_start_time_seconds",
        "Start time of the process since unix epoch in seconds",
    );
    let started = site.broker.statistics().started_at;
    text.single(&START, started.as_millis() as f64 / 1_000.0);
}

/// Seconds since the start.
pub(super) fn uptime_seconds(site: &Site) -> u64 {
    clock::now()
        .since(site.broker.statistics().started_at)
        .as_secs()
}
