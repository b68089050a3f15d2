//! Connections, channels, consumers.

use crate::openapi::endpoint::{Endpoint, Reply, Shared, delete, get, put};

pub(super) const ENDPOINTS: &[Endpoint] = &[
    get(
        "/api/connections",
        Reply::Paged("Connection"),
        "All connections, or the caller's own",
    ),
    get(
        "/api/connections/{name}",
        Reply::One("Connection"),
        "A connection",
    )
    .shared(Shared::Object),
    delete(
        "/api/connections/{name}",
        "Closes a connection; the header `X-Reason` is what the client reads",
    ),
    get(
        "/api/connections/username/{user}",
        Reply::Paged("Any"),
        "The connections of a user",
    ),
    delete(
        "/api/connections/username/{user}",
        "Closes the connections of a user",
    ),
    get(
        "/api/connections/{name}/channels",
        Reply::Paged("Channel"),
        "The channels of a connection",
    ),
    get(
        "/api/connections/{name}/sessions",
        Reply::List("Any"),
        "Sessions of AMQP 1.0: none",
    ),
    get(
        "/api/vhosts/{vhost}/connections",
        Reply::Paged("Connection"),
        "The connections of a virtual host",
    ),
    get(
        "/api/channels",
        Reply::Paged("Channel"),
        "All channels, or the caller's own",
    ),
    get(
        "/api/vhosts/{vhost}/channels",
        Reply::Paged("Channel"),
        "The channels of a virtual host",
    ),
    get("/api/channels/{name}", Reply::One("Channel"), "A channel").shared(Shared::Object),
    put(
        "/api/channels/{name}",
        "ChannelChange",
        "Changes the prefetch of a channel and its consumers, until the client asks for another one",
    )
    .statuses(&[204]),
    get(
        "/api/consumers",
        Reply::Paged("Consumer"),
        "All consumers, or the caller's own",
    ),
    get(
        "/api/consumers/{vhost}",
        Reply::Paged("Consumer"),
        "The consumers of a virtual host",
    ),
    get(
        "/api/consumers/{vhost}/{connection}/{channel}/{tag}",
        Reply::One("Consumer"),
        "A consumer",
    ),
];
