//! Exchanges, queues, bindings; messages as RabbitMQ publishes and gets them.

use crate::openapi::endpoint::{
    Endpoint, Reply, Shared, Tag, delete, flag, get, post, post_nothing, put,
};

const TOTALS: &[crate::openapi::endpoint::Parameter] = &[flag(
    "enable_queue_totals",
    "With `disable_stats`: numbers of messages all the same",
)];

pub(super) const ENDPOINTS: &[Endpoint] = &[
    get("/api/exchanges", Reply::Paged("Exchange"), "All exchanges"),
    get(
        "/api/exchanges/{vhost}",
        Reply::Paged("Exchange"),
        "The exchanges of a virtual host",
    ),
    get(
        "/api/exchanges/{vhost}/{name}",
        Reply::One("Exchange"),
        "An exchange",
    )
    .shared(Shared::Object),
    put(
        "/api/exchanges/{vhost}/{name}",
        "ExchangeDeclaration",
        "Declares an exchange",
    ),
    delete("/api/exchanges/{vhost}/{name}", "Deletes an exchange")
        .query(&[flag("if-unused", "Only if nothing is bound to it")]),
    get(
        "/api/exchanges/{vhost}/{name}/bindings/source",
        Reply::Paged("Binding"),
        "Bindings from an exchange",
    )
    .shared(Shared::PlainList),
    get(
        "/api/exchanges/{vhost}/{name}/bindings/destination",
        Reply::Paged("Binding"),
        "Bindings to an exchange",
    )
    .shared(Shared::PlainList),
    post(
        "/api/exchanges/{vhost}/{name}/publish",
        "OutgoingMessage",
        "Publishes a message, and waits until it is safe",
    )
    .body_required()
    .statuses(&[200])
    .reply(Reply::One("Published")),
    get("/api/queues", Reply::Paged("Queue"), "All queues").query(TOTALS),
    get(
        "/api/queues/detailed",
        Reply::Paged("Queue"),
        "All queues with every field",
    )
    .query(TOTALS),
    get(
        "/api/queues/{vhost}",
        Reply::Paged("Queue"),
        "The queues of a virtual host",
    )
    .query(TOTALS),
    get(
        "/api/users/{name}/queues",
        Reply::Paged("Queue"),
        "The queues that a user declared",
    )
    .query(TOTALS),
    get("/api/queues/{vhost}/{name}", Reply::One("Queue"), "A queue").shared(Shared::Object),
    put(
        "/api/queues/{vhost}/{name}",
        "QueueDeclaration",
        "Declares a queue",
    ),
    delete("/api/queues/{vhost}/{name}", "Deletes a queue").query(&[
        flag("if-empty", "Only if no messages wait in it"),
        flag("if-unused", "Only if it has no consumers"),
    ]),
    get(
        "/api/queues/{vhost}/{name}/bindings",
        Reply::Paged("Binding"),
        "Bindings to a queue, that of the default exchange too",
    )
    .shared(Shared::PlainList),
    delete(
        "/api/queues/{vhost}/{name}/contents",
        "Drops the messages that wait in a queue",
    ),
    post(
        "/api/queues/{vhost}/{name}/get",
        "GetOrder",
        "Takes messages from a queue, and puts them back if asked to",
    )
    .body_required()
    .statuses(&[200])
    .reply(Reply::List("GotMessage")),
    post(
        "/api/queues/{vhost}/{name}/actions",
        "QueueAction",
        "Knows no action any more: always refused",
    )
    .body_required()
    .tag(Tag::Administrator)
    .statuses(&[400]),
    get("/api/bindings", Reply::Paged("Binding"), "All bindings").shared(Shared::PlainList),
    get(
        "/api/bindings/{vhost}",
        Reply::Paged("Binding"),
        "The bindings of a virtual host",
    )
    .shared(Shared::PlainList),
    get(
        "/api/bindings/{vhost}/e/{source}/q/{queue}",
        Reply::Paged("Binding"),
        "Bindings between an exchange and a queue",
    )
    .shared(Shared::PlainList),
    post(
        "/api/bindings/{vhost}/e/{source}/q/{queue}",
        "BindingOrder",
        "Binds a queue; `location` says where the binding is",
    )
    .statuses(&[201]),
    get(
        "/api/bindings/{vhost}/e/{source}/q/{queue}/{key}",
        Reply::One("Binding"),
        "A binding of a queue",
    )
    .shared(Shared::Columns),
    delete(
        "/api/bindings/{vhost}/e/{source}/q/{queue}/{key}",
        "Unbinds a queue",
    ),
    get(
        "/api/bindings/{vhost}/e/{source}/e/{exchange}",
        Reply::Paged("Binding"),
        "Bindings between two exchanges",
    )
    .shared(Shared::PlainList),
    post(
        "/api/bindings/{vhost}/e/{source}/e/{exchange}",
        "BindingOrder",
        "Binds an exchange to another",
    )
    .statuses(&[201]),
    get(
        "/api/bindings/{vhost}/e/{source}/e/{exchange}/{key}",
        Reply::One("Binding"),
        "A binding of an exchange",
    )
    .shared(Shared::Columns),
    delete(
        "/api/bindings/{vhost}/e/{source}/e/{exchange}/{key}",
        "Unbinds an exchange",
    ),
    get(
        "/api/queues/quorum/{vhost}/{name}/status",
        Reply::List("Any"),
        "The replicas of a quorum queue: this node",
    )
    .tag(Tag::Administrator)
    .statuses(&[200, 503]),
    post(
        "/api/queues/quorum/{vhost}/{name}/replicas/add",
        "Any",
        "Refused but for this node: there is no other",
    )
    .tag(Tag::Administrator),
    delete(
        "/api/queues/quorum/{vhost}/{name}/replicas/delete",
        "Refused: the only replica stays",
    )
    .tag(Tag::Administrator),
    post_nothing(
        "/api/queues/quorum/replicas/on/{node}/grow",
        "Does nothing: there is one node",
    )
    .tag(Tag::Administrator),
    delete(
        "/api/queues/quorum/replicas/on/{node}/shrink",
        "Refused: the only replica stays",
    )
    .tag(Tag::Administrator),
];
