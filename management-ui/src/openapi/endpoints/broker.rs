//! The broker, its node, its settings, and who asks.

use crate::openapi::endpoint::{Endpoint, Reply, Tag, get, put};

pub(super) const ENDPOINTS: &[Endpoint] = &[
    get("/api/whoami", Reply::One("WhoAmI"), "Who asks"),
    get(
        "/api/config/effective",
        Reply::Text,
        "The settings in effect, secrets left out",
    )
    .tag(Tag::Administrator),
    put(
        "/api/config/{name}",
        "Setting",
        "Changes a setting while the broker runs",
    )
    .tag(Tag::Administrator)
    .body_required()
    .statuses(&[204]),
];
