//! What RabbitMQ does not have.

use crate::openapi::endpoint::{
    Endpoint, Parameter, Reply, Shared, Tag, delete, get, number, one_of, post, put_nothing, text,
};

const FILTER: Parameter = text(
    "filter",
    "Which messages, for example `key:orders.# header.n:>2 \"some text\"`",
);
const TRUNCATE: Parameter = number(
    "truncate",
    0,
    262_144,
    "Bytes of each payload, 4096 if nothing is said",
);
const ENCODING: Parameter = one_of(
    "encoding",
    &["auto", "base64"],
    "`auto`: text where it is UTF-8",
);
const LIMIT: Parameter = number("limit", 1, 1_000, "At most so many");
const CURSOR: Parameter = text("cursor", "Where the last answer ended");

const BROWSE: &[Parameter] = &[
    CURSOR,
    LIMIT,
    FILTER,
    TRUNCATE,
    ENCODING,
    one_of(
        "from",
        &["head", "tail"],
        "Begin with what is delivered next, or with what is delivered last",
    ),
    number("offset", 0, 1 << 40, "Bytes of each payload to leave out"),
];
const GROUPING: &[Parameter] = &[
    text(
        "prefix",
        "Only queues whose names begin with this; groups are what comes next in them",
    ),
    text(
        "separator",
        "What separates the parts of names; `.` or `/`, whichever more names have, if nothing is said",
    ),
];
const DELAYED: &[Parameter] = &[CURSOR, LIMIT, TRUNCATE, ENCODING];

pub(super) const ENDPOINTS: &[Endpoint] = &[
    get(
        "/api/queues/{vhost}/{name}/browse",
        Reply::One("Browsed"),
        "Looks at messages without taking them",
    )
    .query(BROWSE),
    get(
        "/api/queues/{vhost}/{name}/messages/{sequence}",
        Reply::One("BrowsedMessage"),
        "One message, whole if nothing else is said",
    )
    .query(&[
        number("truncate", 0, 1 << 40, "Bytes of the payload"),
        ENCODING,
    ])
    .shared(Shared::Columns),
    get(
        "/api/queues/{vhost}/{name}/messages/{sequence}/payload",
        Reply::Bytes,
        "The bytes of one message",
    ),
    get(
        "/api/queues/{vhost}/{name}/tail",
        Reply::Events,
        "Copies of messages as they are routed into a queue",
    )
    .query(&[
        number(
            "rate",
            1,
            1_000,
            "At most so many a second, 50 if nothing is said; the latest are shown",
        ),
        FILTER,
        TRUNCATE,
        ENCODING,
    ])
    .statuses(&[200, 503]),
    get(
        "/api/queues/{vhost}/{name}/unacked",
        Reply::One("Unacked"),
        "What was delivered and is not settled",
    )
    .query(&[LIMIT]),
    post(
        "/api/queues/{vhost}/{name}/unacked/requeue",
        "UnackedOfConnection",
        "Returns what a connection has not settled to its place in the queue",
    )
    .body_required()
    .statuses(&[200, 503])
    .reply(Reply::One("Requeued")),
    get(
        "/api/queues/{vhost}/{name}/delayed",
        Reply::One("Delayed"),
        "Messages of a queue that are not ready yet",
    )
    .query(DELAYED),
    delete(
        "/api/queues/{vhost}/{name}/delayed",
        "Drops the delayed messages of a queue",
    ),
    delete(
        "/api/queues/{vhost}/{name}/delayed/{sequence}",
        "Drops one delayed message of a queue",
    ),
    put_nothing(
        "/api/queues/{vhost}/{name}/pause",
        "Delivers nothing from a queue from now on",
    ),
    put_nothing("/api/queues/{vhost}/{name}/resume", "Delivers again"),
    get(
        "/api/exchanges/{vhost}/{name}/delayed",
        Reply::One("Delayed"),
        "Messages that wait at an exchange",
    )
    .query(DELAYED),
    delete(
        "/api/exchanges/{vhost}/{name}/delayed",
        "Drops the messages that wait at an exchange",
    ),
    delete(
        "/api/exchanges/{vhost}/{name}/delayed/{sequence}",
        "Drops one message that waits at an exchange",
    ),
    get(
        "/api/exchanges/{vhost}/{name}/route",
        Reply::One("Trace"),
        "Where a message would go, and why",
    )
    .query(&[
        text("routing_key", "Its routing key"),
        text("headers", "Its headers, a JSON object"),
    ]),
    post(
        "/api/exchanges/{vhost}/{name}/publish/batch",
        "Batch",
        "Publishes up to 1,000 messages, confirmed together",
    )
    .body_required()
    .statuses(&[200])
    .reply(Reply::One("BatchResult")),
    delete(
        "/api/consumers/{vhost}/{connection}/{channel}/{tag}",
        "Cancels a consumer, and tells its client",
    ),
    get(
        "/api/queue-groups",
        Reply::Paged("QueueGroup"),
        "Queues by the beginnings of their names, with sums",
    )
    .shared(Shared::PlainList)
    .query(GROUPING),
    get(
        "/api/queue-groups/{vhost}",
        Reply::Paged("QueueGroup"),
        "Those of a virtual host",
    )
    .shared(Shared::PlainList)
    .query(GROUPING),
    get(
        "/api/connection-groups",
        Reply::Paged("ConnectionGroup"),
        "Connections by what they have in common, with sums",
    )
    .shared(Shared::PlainList)
    .query(&[one_of(
        "by",
        &["user", "product", "peer_host"],
        "What they have in common; users, if nothing is said",
    )]),
    get(
        "/api/jobs",
        Reply::Paged("Job"),
        "Jobs that run, and the latest that have ended",
    )
    .shared(Shared::PlainList),
    post(
        "/api/jobs",
        "JobOrder",
        "Moves, copies, redrives or purges messages",
    )
    .body_required()
    .statuses(&[201])
    .reply(Reply::One("Job")),
    get(
        "/api/jobs/{id}",
        Reply::One("Job"),
        "How it stands with a job",
    )
    .shared(Shared::Columns),
    delete("/api/jobs/{id}", "Ends a job after what it is doing now"),
    get(
        "/api/events",
        Reply::Events,
        "What happens in the broker. `Last-Event-ID` goes on where a reader was",
    )
    .tag(Tag::Monitoring)
    .statuses(&[200, 503])
    .query(&[
        text(
            "types",
            "Only these, or what they begin with: `queue,connection.created`",
        ),
        text("vhost", "Only those of this virtual host"),
        text("last_event_id", "As the header `Last-Event-ID`"),
    ]),
    get("/api/openapi.json", Reply::One("Any"), "This description"),
];
