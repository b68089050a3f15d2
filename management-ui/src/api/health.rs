//! `/api/health/checks/…`: is the broker fit to work?

use std::fmt::Display;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::auth::Caller;
use crate::http::Site;

/// 200 without alarms, 503 with, and with a store that failed.
pub(crate) async fn alarms(_: Caller, State(site): State<Site>) -> Response {
    let alarms = site.broker.alarms();
    if !alarms.any() {
        return service(site.broker.store().failure());
    }
    let node = site.broker.node_name();
    let resources = [("memory", alarms.memory), ("disk", alarms.disk)];
    let active: Vec<Value> = resources
        .into_iter()
        .filter(|(_, on)| *on)
        .map(|(resource, _)| json!({ "node": node, "resource": resource }))
        .collect();
    let body = json!({
        "status": "failed",
        "reason": "There are alarms in effect in the cluster",
        "alarms": active,
    });
    (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
}

/// `/healthz`: the process answers.
pub(crate) async fn alive() -> Response {
    service(None::<&str>)
}

/// `/readyz`: clients would be served. Alarms don't count: who consumes has to get in to end them.
pub(crate) async fn ready(State(site): State<Site>) -> Response {
    match site.broker.is_stopping() {
        true => unavailable("The broker is stopping"),
        false => service(site.broker.store().failure()),
    }
}

/// Whether clients can be served at all: 503 once the store failed, which only a restart ends.
pub(crate) async fn in_service(State(site): State<Site>) -> Response {
    service(site.broker.store().failure())
}

/// The same, for those who log in.
pub(crate) async fn node(_: Caller, State(site): State<Site>) -> Response {
    service(site.broker.store().failure())
}

fn service(failure: Option<impl Display>) -> Response {
    let Some(failure) = failure else {
        return Json(json!({ "status": "ok" })).into_response();
    };
    unavailable(&format!("The store failed, a restart is needed: {failure}"))
}

fn unavailable(reason: &str) -> Response {
    let body = json!({ "status": "failed", "reason": reason });
    (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_store_fails_the_checks() {
        let ok = service(None::<&str>);
        assert_eq!(ok.status(), StatusCode::OK);
        let failed = service(Some("cannot sync log/0000000001.segment"));
        assert_eq!(failed.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
