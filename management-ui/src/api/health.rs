//! `/api/health/checks/…`: is the broker fit to work?

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::auth::Manager;
use crate::http::Site;

/// 200 without alarms, 503 with.
pub(crate) async fn alarms(_: Manager, State(site): State<Site>) -> Response {
    let alarms = site.broker.alarms();
    if !alarms.any() {
        return Json(json!({ "status": "ok" })).into_response();
    }
    let node = &site.broker.config().node_name;
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
