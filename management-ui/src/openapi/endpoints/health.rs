//! Is the broker fit to work?

use crate::openapi::endpoint::{Endpoint, Reply, Tag, get};

/// 503 comes with more than a refusal.
const CHECK: &[u16] = &[200, 503];

pub(super) const ENDPOINTS: &[Endpoint] = &[
    get(
        "/api/health/checks/alarms",
        Reply::One("Health"),
        "No alarm is on",
    )
    .statuses(CHECK),
    get(
        "/api/health/checks/local-alarms",
        Reply::One("Health"),
        "No alarm is on here",
    )
    .statuses(CHECK),
    get(
        "/api/health/checks/is-in-service",
        Reply::One("Health"),
        "The broker serves clients",
    )
    .tag(Tag::Open)
    .statuses(CHECK),
    get(
        "/api/health/checks/ready-to-serve-clients",
        Reply::One("Health"),
        "The broker serves clients",
    )
    .tag(Tag::Open)
    .statuses(CHECK),
    get(
        "/api/healthchecks/node",
        Reply::One("Health"),
        "The node is well",
    )
    .statuses(CHECK),
];
