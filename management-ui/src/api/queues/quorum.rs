//! `/api/queues/quorum/…`: replicas of quorum queues. There is one node, so every queue has the one replica.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use ferrymq_broker::queue::Queue;
use ferrymq_broker::queue::arguments::QueueType;
use serde_json::json;

use super::{InVHost, find};
use crate::answer::{self, Answer};
use crate::api::node;
use crate::auth::Administrator;
use crate::body::Object;
use crate::http::Site;
use crate::http::path::Names;
use crate::refusal::Refusal;

/// `GET /api/queues/quorum/{vhost}/{name}/status`
pub(crate) async fn status(
    Administrator(caller): Administrator,
    State(site): State<Site>,
    Names((vhost, name)): InVHost,
) -> Answer {
    let queue = find(&*caller.vhost(&vhost)?, &name)?;
    if queue.declared.arguments.queue_type != QueueType::Quorum {
        let body = json!({ "status": "failed", "reason": "classic_queue_not_supported" });
        return Ok((StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response());
    }
    let last = queue.inspect(Queue::next_sequence).0.saturating_sub(1);
    Ok(answer::json(json!([{
        "Node Name": site.node(),
        "Raft State": "leader",
        "Membership": "voter",
        "Last Log Index": last,
        "Last Written": last,
        "Last Applied": last,
        "Commit Index": last,
        "Snapshot Index": 0,
        "Term": 1,
        "Machine Version": 1,
    }])))
}

/// `POST /api/queues/quorum/{vhost}/{name}/replicas/add` with `{"node": …}`
pub(crate) async fn add(
    Administrator(caller): Administrator,
    State(site): State<Site>,
    Names((vhost, name)): InVHost,
    body: Object,
) -> Answer {
    find(&*caller.vhost_to_change(&vhost)?, &name)?;
    body.require(&["node"])?;
    match body.text("node")? == Some(site.node()) {
        true => Ok(answer::done()),
        false => Err(Refusal::bad_request("node_not_running")),
    }
}

/// `DELETE /api/queues/quorum/{vhost}/{name}/replicas/delete`
pub(crate) async fn delete(
    Administrator(caller): Administrator,
    Names((vhost, name)): InVHost,
) -> Answer {
    find(&*caller.vhost_to_change(&vhost)?, &name)?;
    Err(Refusal::bad_request("last_node: the only replica stays"))
}

/// `POST /api/queues/quorum/replicas/on/{node}/grow`
pub(crate) async fn grow(
    _: Administrator,
    State(site): State<Site>,
    Names(name): Names<String>,
) -> Answer {
    node::check(&site, &name)?;
    Ok(answer::done())
}

/// `DELETE /api/queues/quorum/replicas/on/{node}/shrink`
pub(crate) async fn shrink(
    _: Administrator,
    State(site): State<Site>,
    Names(name): Names<String>,
) -> Answer {
    node::check(&site, &name)?;
    Err(Refusal::bad_request("last_node: the only replicas stay"))
}
