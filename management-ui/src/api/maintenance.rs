//! What administrators order: `/api/reset`, `/api/rebalance/queues`.

use axum::extract::State;
use axum::response::Response;
use ferrymq_broker::stats::reset;

use crate::answer::{self, Answer};
use crate::api::node;
use crate::auth::Administrator;
use crate::http::Site;
use crate::http::path::Names;

/// `DELETE /api/reset`: forgets rates and samples. Messages and definitions are not touched.
pub(crate) async fn reset(_: Administrator, State(site): State<Site>) -> Response {
    reset::run(&site.broker).await;
    answer::done()
}

/// `DELETE /api/reset/{node}`
pub(crate) async fn reset_node(
    caller: Administrator,
    State(site): State<Site>,
    Names(name): Names<String>,
) -> Answer {
    node::check(&site, &name)?;
    Ok(reset(caller, State(site)).await)
}

/// `POST /api/rebalance/queues`: all queues are on this node, so nothing is to be moved.
pub(crate) async fn rebalance(_: Administrator) -> Response {
    answer::done()
}
