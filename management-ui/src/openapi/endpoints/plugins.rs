//! Plugins of RabbitMQ that this broker has nothing for: tools ask all the same.

use crate::openapi::endpoint::{Endpoint, Reply, Tag, delete, get, put_nothing};

pub(super) const ENDPOINTS: &[Endpoint] = &[
    get("/api/shovels", Reply::Paged("Any"), "Shovels: none").tag(Tag::Monitoring),
    get("/api/shovels/{vhost}", Reply::Paged("Any"), "Shovels: none").tag(Tag::Monitoring),
    get(
        "/api/shovels/vhost/{vhost}/{name}",
        Reply::One("Any"),
        "There is no such shovel",
    )
    .tag(Tag::Monitoring),
    delete(
        "/api/shovels/vhost/{vhost}/{name}",
        "There is no such shovel",
    )
    .tag(Tag::Monitoring),
    delete(
        "/api/shovels/vhost/{vhost}/{name}/restart",
        "There is no such shovel",
    )
    .tag(Tag::Monitoring),
    get(
        "/api/federation-links",
        Reply::Paged("Any"),
        "Links of federation: none",
    )
    .tag(Tag::Monitoring),
    get(
        "/api/federation-links/state/down",
        Reply::Paged("Any"),
        "Links that are down: none",
    )
    .tag(Tag::Monitoring),
    get(
        "/api/federation-links/{vhost}",
        Reply::Paged("Any"),
        "Links of federation: none",
    )
    .tag(Tag::Monitoring),
    get(
        "/api/federation-links/{vhost}/state/down",
        Reply::Paged("Any"),
        "Links that are down: none",
    )
    .tag(Tag::Monitoring),
    get(
        "/api/stream/connections",
        Reply::Paged("Any"),
        "Connections of the stream protocol: none",
    ),
    get(
        "/api/stream/connections/{vhost}",
        Reply::Paged("Any"),
        "The same in a virtual host",
    ),
    get(
        "/api/stream/connections/{vhost}/{name}",
        Reply::One("Any"),
        "There is no such connection",
    ),
    delete(
        "/api/stream/connections/{vhost}/{name}",
        "There is no such connection",
    ),
    get(
        "/api/stream/connections/{vhost}/{name}/consumers",
        Reply::Paged("Any"),
        "Its consumers: none",
    ),
    get(
        "/api/stream/connections/{vhost}/{name}/publishers",
        Reply::Paged("Any"),
        "Its publishers: none",
    ),
    get(
        "/api/stream/consumers",
        Reply::Paged("Any"),
        "Consumers of the stream protocol: none",
    ),
    get(
        "/api/stream/consumers/{vhost}",
        Reply::Paged("Any"),
        "The same in a virtual host",
    ),
    get(
        "/api/stream/publishers",
        Reply::Paged("Any"),
        "Publishers of the stream protocol: none",
    ),
    get(
        "/api/stream/publishers/{vhost}",
        Reply::Paged("Any"),
        "The same in a virtual host",
    ),
    get(
        "/api/stream/publishers/{vhost}/{stream}",
        Reply::Paged("Any"),
        "The same of a stream",
    ),
    get(
        "/api/stream/{vhost}/{stream}/tracking",
        Reply::One("Any"),
        "There is no such stream",
    ),
    put_nothing(
        "/api/stream/super-streams/{vhost}/{name}",
        "There are no streams",
    ),
];
