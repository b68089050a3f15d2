//! Are clients served, and may more of them come? Most of these checks are open to all: load balancers ask them.

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::{failed, failure, ok, unless};
use crate::answer::Answer;
use crate::api::node;
use crate::auth::Caller;
use crate::http::Site;
use crate::http::path::Names;

/// `GET /healthz`: open to all. The process answers.
pub(crate) async fn alive() -> Response {
    ok()
}

/// `GET /readyz` and `GET /api/health/checks/is-in-service`: open to all. Alarms don't count: who consumes has to get
/// in to end them.
pub(crate) async fn in_service(State(site): State<Site>) -> Response {
    unless(out_of_service(&site))
}

/// `GET /api/health/checks/ready-to-serve-clients`: open to all. In service, with room for one more.
pub(crate) async fn ready(State(site): State<Site>) -> Response {
    match out_of_service(&site) {
        Some(reason) => failed(&reason, json!({})),
        None => below_limit(State(site)).await,
    }
}

/// `GET /api/health/checks/below-node-connection-limit`: open to all.
pub(crate) async fn below_limit(State(site): State<Site>) -> Response {
    let connections = site.broker.usage().connections.count();
    match site.broker.config().limits.connections.check(connections) {
        Ok(()) => ok(),
        Err(limit) => failed(
            "Node connection limit is reached",
            json!({ "connections": connections, "limit": limit.0 }),
        ),
    }
}

/// `GET /api/health/checks/reached-target-cluster-size`: open to all. One node is what there is to be.
pub(crate) async fn cluster_size() -> Response {
    ok()
}

/// `GET /api/health/checks/metadata-store/initialized`, with and without data: definitions can be read and changed.
pub(crate) async fn definitions(_: Caller, State(site): State<Site>) -> Response {
    unless(failure(&site))
}

/// `GET /api/health/checks/virtual-hosts`: with a store that failed none of them works.
pub(crate) async fn vhosts(_: Caller, State(site): State<Site>) -> Response {
    let Some(failure) = failure(&site) else {
        return ok();
    };
    let mut names: Vec<_> = site
        .broker
        .vhosts()
        .keys()
        .map(|name| name.to_string())
        .collect();
    names.sort_unstable();
    failed(&failure, json!({ "virtual-hosts": names }))
}

/// `GET /api/aliveness-test/{vhost}`. Compat: today's servers publish nothing for it.
pub(crate) async fn aliveness(
    caller: Caller,
    State(site): State<Site>,
    Names(vhost): Names<String>,
) -> Answer {
    caller.vhost(&vhost)?;
    Ok(unless(failure(&site)))
}

/// `GET /api/healthchecks/node`
pub(crate) async fn this_node(_: Caller, State(site): State<Site>) -> Response {
    unless(out_of_service(&site))
}

/// `GET /api/healthchecks/node/{node}`
pub(crate) async fn of_node(
    _: Caller,
    State(site): State<Site>,
    Names(name): Names<String>,
) -> Answer {
    node::check(&site, &name)?;
    Ok(unless(out_of_service(&site)))
}

/// Why clients are not served, if they are not.
fn out_of_service(site: &Site) -> Option<String> {
    match site.broker.is_stopping() {
        true => Some("The broker is stopping".to_owned()),
        false => failure(site),
    }
}
