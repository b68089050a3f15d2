//! Users, virtual hosts, permissions, limits.

use crate::openapi::endpoint::{
    Endpoint, Reply, Shared, Tag, delete, get, post, post_nothing, put,
};

pub(super) const ENDPOINTS: &[Endpoint] = &[
    get(
        "/api/vhosts",
        Reply::Paged("VHost"),
        "The virtual hosts that the caller sees",
    ),
    get("/api/vhosts/{name}", Reply::One("VHost"), "A virtual host").shared(Shared::Object),
    put(
        "/api/vhosts/{name}",
        "VHostDeclaration",
        "Creates a virtual host, or changes what is known of it",
    )
    .tag(Tag::Administrator),
    delete(
        "/api/vhosts/{name}",
        "Deletes a virtual host with all that is in it",
    )
    .tag(Tag::Administrator)
    .statuses(&[204, 412]),
    get(
        "/api/vhosts/{name}/permissions",
        Reply::Paged("Permission"),
        "Who may do what in a virtual host",
    )
    .tag(Tag::Administrator)
    .shared(Shared::PlainList),
    get(
        "/api/vhosts/{name}/topic-permissions",
        Reply::Paged("TopicPermission"),
        "The same for topics",
    )
    .tag(Tag::Administrator)
    .shared(Shared::PlainList),
    post_nothing(
        "/api/vhosts/{name}/deletion/protection",
        "Protects a virtual host from being deleted",
    )
    .tag(Tag::Administrator),
    delete(
        "/api/vhosts/{name}/deletion/protection",
        "Ends that protection",
    )
    .tag(Tag::Administrator),
    post_nothing(
        "/api/vhosts/{name}/start/{node}",
        "Does nothing: virtual hosts run",
    )
    .tag(Tag::Administrator),
    get("/api/users", Reply::Paged("User"), "All users").tag(Tag::Administrator),
    get(
        "/api/users/without-permissions",
        Reply::Paged("User"),
        "Users that no virtual host is open to",
    )
    .tag(Tag::Administrator),
    post("/api/users/bulk-delete", "Users", "Deletes several users")
        .tag(Tag::Administrator)
        .body_required(),
    get("/api/users/{name}", Reply::One("User"), "A user")
        .tag(Tag::Administrator)
        .shared(Shared::Columns),
    put(
        "/api/users/{name}",
        "UserDeclaration",
        "Creates a user, or changes its password and tags",
    )
    .tag(Tag::Administrator)
    .body_required(),
    delete(
        "/api/users/{name}",
        "Deletes a user, and closes its connections",
    )
    .tag(Tag::Administrator),
    get(
        "/api/users/{name}/permissions",
        Reply::Paged("Permission"),
        "What a user may do where",
    )
    .tag(Tag::Administrator)
    .shared(Shared::PlainList),
    get(
        "/api/users/{name}/topic-permissions",
        Reply::Paged("TopicPermission"),
        "The same for topics",
    )
    .tag(Tag::Administrator)
    .shared(Shared::PlainList),
    get(
        "/api/permissions",
        Reply::Paged("Permission"),
        "Who may do what where",
    )
    .tag(Tag::Administrator)
    .shared(Shared::PlainList),
    get(
        "/api/permissions/{vhost}/{user}",
        Reply::One("Permission"),
        "What a user may do in a virtual host",
    )
    .tag(Tag::Administrator)
    .shared(Shared::Columns),
    put(
        "/api/permissions/{vhost}/{user}",
        "PermissionDeclaration",
        "Says what a user may do in a virtual host",
    )
    .tag(Tag::Administrator)
    .body_required(),
    delete(
        "/api/permissions/{vhost}/{user}",
        "Closes a virtual host to a user",
    )
    .tag(Tag::Administrator),
    get(
        "/api/topic-permissions",
        Reply::Paged("TopicPermission"),
        "Who may use which topics",
    )
    .tag(Tag::Administrator)
    .shared(Shared::PlainList),
    get(
        "/api/topic-permissions/{vhost}/{user}",
        Reply::Paged("TopicPermission"),
        "Which topics a user may use",
    )
    .tag(Tag::Administrator)
    .shared(Shared::PlainList),
    put(
        "/api/topic-permissions/{vhost}/{user}",
        "TopicPermissionDeclaration",
        "Says which topics of an exchange a user may use",
    )
    .tag(Tag::Administrator)
    .body_required(),
    delete(
        "/api/topic-permissions/{vhost}/{user}",
        "Forgets all of a user's",
    )
    .tag(Tag::Administrator),
    delete(
        "/api/topic-permissions/{vhost}/{user}/{exchange}",
        "Forgets those of an exchange",
    )
    .tag(Tag::Administrator),
    get(
        "/api/vhost-limits",
        Reply::Paged("VHostLimits"),
        "The limits of virtual hosts",
    )
    .shared(Shared::PlainList),
    get(
        "/api/vhost-limits/{vhost}",
        Reply::Paged("VHostLimits"),
        "The limits of one",
    )
    .shared(Shared::PlainList),
    put(
        "/api/vhost-limits/{vhost}/{name}",
        "Limit",
        "Sets `max-connections` or `max-queues`; a negative value is none",
    )
    .tag(Tag::Administrator)
    .body_required()
    .statuses(&[204, 415]),
    delete("/api/vhost-limits/{vhost}/{name}", "Ends a limit").tag(Tag::Administrator),
    get(
        "/api/user-limits",
        Reply::Paged("UserLimits"),
        "The limits of users",
    )
    .tag(Tag::Monitoring)
    .shared(Shared::PlainList),
    get(
        "/api/user-limits/{user}",
        Reply::Paged("UserLimits"),
        "The limits of one",
    )
    .shared(Shared::PlainList),
    put(
        "/api/user-limits/{user}/{name}",
        "Limit",
        "Sets `max-connections` or `max-channels`; a negative value is none",
    )
    .tag(Tag::Administrator)
    .body_required()
    .statuses(&[204, 415]),
    delete("/api/user-limits/{user}/{name}", "Ends a limit").tag(Tag::Administrator),
];
