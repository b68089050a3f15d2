//! `/api/cluster-name`: the name that all nodes share, the global parameter `cluster_name`.

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use crate::answer::{self, Answer};
use crate::auth::{Administrator, Caller};
use crate::body::Object;
use crate::http::Site;
use crate::refusal::Refusal;

/// `GET /api/cluster-name`
pub(crate) async fn get(_: Caller, State(site): State<Site>) -> Response {
    answer::json(json!({ "name": site.broker.cluster_name() }))
}

/// `PUT /api/cluster-name`
pub(crate) async fn put(_: Administrator, State(site): State<Site>, body: Object) -> Answer {
    body.require(&["name"])?;
    let name = body.text("name")?.unwrap_or_default();
    if name.is_empty() {
        return Err(Refusal::bad_request("name must not be empty"));
    }
    let broker = &site.broker;
    let point = broker.set_global_parameter("cluster_name", name.into());
    site.committed(point).await?;
    Ok(answer::done())
}
