//! The broker, its node, its settings, and who asks.

use crate::openapi::endpoint::{
    Endpoint, Parameter, Reply, Shared, Tag, delete, flag, get, post, post_nothing, put,
    put_nothing,
};

const BREAKDOWN: &[Parameter] = &[
    flag("memory", "With how the memory is used"),
    flag("binary", "With an empty breakdown of binaries"),
];

pub(super) const ENDPOINTS: &[Endpoint] = &[
    get(
        "/api/overview",
        Reply::One("Overview"),
        "The broker at a glance",
    )
    .shared(Shared::Object),
    get("/api/nodes", Reply::Paged("Node"), "All nodes: this one").tag(Tag::Monitoring),
    get("/api/nodes/{name}", Reply::One("Node"), "A node")
        .tag(Tag::Monitoring)
        .shared(Shared::Object)
        .query(BREAKDOWN),
    get(
        "/api/nodes/{name}/memory",
        Reply::One("Any"),
        "How the node's memory is used, in bytes",
    )
    .tag(Tag::Monitoring),
    get(
        "/api/nodes/{name}/memory/relative",
        Reply::One("Any"),
        "The same in percent",
    )
    .tag(Tag::Monitoring),
    get(
        "/api/nodes/{name}/memory/ets",
        Reply::One("Any"),
        "Tables of Erlang: none",
    )
    .tag(Tag::Monitoring),
    get(
        "/api/nodes/{name}/memory/ets/relative",
        Reply::One("Any"),
        "Tables of Erlang: none",
    )
    .tag(Tag::Monitoring),
    get(
        "/api/nodes/{name}/memory/ets/{filter}",
        Reply::One("Any"),
        "Tables of Erlang: none",
    )
    .tag(Tag::Monitoring),
    get(
        "/api/nodes/{name}/memory/ets/{filter}/relative",
        Reply::One("Any"),
        "Tables of Erlang: none",
    )
    .tag(Tag::Monitoring),
    get(
        "/api/cluster-name",
        Reply::One("Name"),
        "The cluster's name",
    ),
    put("/api/cluster-name", "Name", "Names the cluster")
        .tag(Tag::Administrator)
        .body_required()
        .statuses(&[204]),
    get(
        "/api/version",
        Reply::One("Any"),
        "The version, as RabbitMQ's are numbered",
    ),
    get(
        "/api/extensions",
        Reply::One("Any"),
        "Extensions of RabbitMQ's own console",
    ),
    get(
        "/api/feature-flags",
        Reply::Paged("Any"),
        "Feature flags, all of which are on",
    )
    .shared(Shared::PlainList),
    put_nothing(
        "/api/feature-flags/{name}/enable",
        "Does nothing to one that is on",
    )
    .tag(Tag::Administrator),
    get(
        "/api/deprecated-features",
        Reply::Paged("Any"),
        "Deprecated features: none",
    )
    .shared(Shared::PlainList),
    get(
        "/api/deprecated-features/used",
        Reply::Paged("Any"),
        "Those that are used",
    )
    .shared(Shared::PlainList),
    delete("/api/reset", "Forgets statistics").tag(Tag::Administrator),
    delete("/api/reset/{node}", "Forgets statistics of a node").tag(Tag::Administrator),
    post_nothing("/api/rebalance/queues", "Does nothing on a single node").tag(Tag::Administrator),
    get("/api/whoami", Reply::One("WhoAmI"), "Who asks"),
    get("/api/auth", Reply::One("Any"), "How to log in").tag(Tag::Open),
    post(
        "/api/login",
        "Login",
        "Logs in, for pages; the body may be a form",
    )
    .tag(Tag::Open)
    .body_required()
    .statuses(&[200, 401])
    .reply(Reply::One("Any")),
    delete("/api/login", "Forgets nothing: nothing is kept").tag(Tag::Open),
    put(
        "/api/auth/hash_password",
        "Password",
        "The hash of a password",
    )
    .tag(Tag::Administrator)
    .body_required()
    .statuses(&[200])
    .reply(Reply::One("Any")),
    get(
        "/api/auth/hash_password/{password}",
        Reply::One("Any"),
        "The hash of a password",
    )
    .tag(Tag::Administrator),
    get(
        "/api/auth/attempts/{node}",
        Reply::Paged("Any"),
        "Attempts to log in, by protocol",
    )
    .tag(Tag::Monitoring)
    .shared(Shared::PlainList),
    delete("/api/auth/attempts/{node}", "Forgets them").tag(Tag::Administrator),
    get(
        "/api/auth/attempts/{node}/source",
        Reply::Paged("Any"),
        "Attempts to log in, by who and from where",
    )
    .tag(Tag::Monitoring)
    .shared(Shared::PlainList),
    delete("/api/auth/attempts/{node}/source", "Forgets them").tag(Tag::Administrator),
    get(
        "/api/config",
        Reply::Paged("Any"),
        "All settings, where each comes from, and what it may be; secrets left out",
    )
    .tag(Tag::Administrator)
    .shared(Shared::PlainList),
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
