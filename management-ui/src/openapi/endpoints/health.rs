//! Is the broker fit to work?

use crate::openapi::endpoint::{Endpoint, Reply, Tag, get};

/// 503 comes with more than a refusal.
const CHECK: &[u16] = &[200, 503];

const fn check(path: &'static str, about: &'static str) -> Endpoint {
    get(path, Reply::One("Health"), about).statuses(CHECK)
}

pub(super) const ENDPOINTS: &[Endpoint] = &[
    check("/api/health/checks/alarms", "No alarm is on"),
    check("/api/health/checks/local-alarms", "No alarm is on here"),
    check(
        "/api/health/checks/port-listener/{port}",
        "Somebody listens on this port",
    ),
    check(
        "/api/health/checks/protocol-listener/{names}",
        "Somebody listens for these protocols",
    ),
    check(
        "/api/health/checks/certificate-expiration/{within}/{unit}",
        "No certificate expires within so many days, weeks, months or years",
    ),
    check("/api/health/checks/virtual-hosts", "All virtual hosts run"),
    check(
        "/api/health/checks/node-is-quorum-critical",
        "The node may stop",
    ),
    check(
        "/api/health/checks/is-in-service",
        "The broker serves clients",
    )
    .tag(Tag::Open),
    check(
        "/api/health/checks/ready-to-serve-clients",
        "The broker serves clients",
    )
    .tag(Tag::Open),
    check(
        "/api/health/checks/below-node-connection-limit",
        "There is room for connections",
    )
    .tag(Tag::Open),
    check(
        "/api/health/checks/reached-target-cluster-size",
        "All nodes are there",
    )
    .tag(Tag::Open),
    check(
        "/api/health/checks/metadata-store/initialized",
        "Definitions are known",
    ),
    check(
        "/api/health/checks/metadata-store/initialized/with-data",
        "Definitions are known",
    ),
    check(
        "/api/health/checks/quorum-queues-without-elected-leaders/all-vhosts",
        "All quorum queues have leaders",
    ),
    check(
        "/api/health/checks/quorum-queues-without-elected-leaders/all-vhosts/pattern/{pattern}",
        "Those with such names have",
    ),
    check(
        "/api/health/checks/quorum-queues-without-elected-leaders/vhost/{vhost}",
        "Those in a virtual host have",
    ),
    check(
        "/api/health/checks/quorum-queues-without-elected-leaders/vhost/{vhost}/pattern/{pattern}",
        "Those with such names in it have",
    ),
    check("/api/aliveness-test/{vhost}", "The virtual host is there"),
    check("/api/healthchecks/node", "The node is well"),
    check("/api/healthchecks/node/{node}", "The same, by its name"),
];
