//! `/api/health/checks/…`: is the broker fit to work? 200 when it is; 503 when not, with a reason and what else
//! the check knows. What is about this node alone and what is about the cluster is the same here.

pub(crate) mod listeners;
pub(crate) mod queues;
pub(crate) mod service;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::auth::Caller;
use crate::http::Site;

/// `GET /api/health/checks/alarms`: 503 when there are any, and when the store failed.
pub(crate) async fn alarms(_: Caller, State(site): State<Site>) -> Response {
    let alarms = site.broker.alarms();
    let node = site.node();
    let resources = [("memory", alarms.memory), ("disk", alarms.disk)];
    let active = resources.into_iter().filter(|(_, on)| *on);
    let active = active.map(|(resource, _)| json!({ "node": node, "resource": resource }));
    let reason = match (alarms.any(), failure(&site)) {
        (true, _) => "There are alarms in effect in the cluster".to_owned(),
        (false, Some(failure)) => failure,
        (false, None) => return ok(),
    };
    failed(&reason, json!({ "alarms": active.collect::<Value>() }))
}

/// Why nothing durable is done any more, if the store has failed. Only a restart ends that.
fn failure(site: &Site) -> Option<String> {
    let failure = site.broker.store().failure()?;
    Some(format!("The store failed, a restart is needed: {failure}"))
}

/// 200 unless there is a `failure`.
fn unless(failure: Option<String>) -> Response {
    match failure {
        None => ok(),
        Some(reason) => failed(&reason, json!({})),
    }
}

/// 200: as it should be.
fn ok() -> Response {
    ok_with(json!({}))
}

/// The same with `more` to say.
fn ok_with(more: Value) -> Response {
    status(StatusCode::OK, json!({ "status": "ok" }), more)
}

/// 503: not as it should be, with `more` to say.
fn failed(reason: &str, more: Value) -> Response {
    let body = json!({ "status": "failed", "reason": reason });
    status(StatusCode::SERVICE_UNAVAILABLE, body, more)
}

fn status(status: StatusCode, mut body: Value, more: Value) -> Response {
    if let (Value::Object(body), Value::Object(mut more)) = (&mut body, more) {
        body.append(&mut more);
    }
    (status, Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_store_fails_the_checks() {
        assert_eq!(unless(None).status(), StatusCode::OK);
        let failed = unless(Some("cannot sync log/0000000001.segment".into()));
        assert_eq!(failed.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
