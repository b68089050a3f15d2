//! Could queues lose their replicas? There is one node, and its queues are led by it as long as it runs.

use axum::response::Response;
use ferrymq_broker::pattern::Pattern;
use serde_json::json;

use super::{ok, ok_with};
use crate::answer::Answer;
use crate::auth::Caller;
use crate::http::path::Names;
use crate::refusal::Refusal;

/// `GET /api/health/checks/node-is-quorum-critical`
pub(crate) async fn quorum_critical(_: Caller) -> Response {
    ok_with(json!({ "reason": "single node cluster" }))
}

/// `GET /api/health/checks/quorum-queues-without-elected-leaders/all-vhosts`
pub(crate) async fn leaders(_: Caller) -> Response {
    ok()
}

/// The same of the queues whose names match a pattern.
pub(crate) async fn leaders_matching(_: Caller, Names(pattern): Names<String>) -> Answer {
    check(&pattern)?;
    Ok(ok())
}

/// `GET /api/health/checks/quorum-queues-without-elected-leaders/vhost/{vhost}`
pub(crate) async fn leaders_in(caller: Caller, Names(vhost): Names<String>) -> Answer {
    caller.vhost(&vhost)?;
    Ok(ok())
}

/// The same of the queues whose names match a pattern.
pub(crate) async fn leaders_in_matching(
    caller: Caller,
    Names((vhost, pattern)): Names<(String, String)>,
) -> Answer {
    caller.vhost(&vhost)?;
    check(&pattern)?;
    Ok(ok())
}

fn check(pattern: &str) -> Result<(), Refusal> {
    match Pattern::parse(pattern) {
        Ok(_) => Ok(()),
        Err(bad) => Err(Refusal::bad_request(bad.to_string())),
    }
}
