//! What runs, and where its tools are: `/api/version`, `/api/extensions`, `/cli/rabbitmqadmin`.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::answer;
use crate::auth::Caller;
use crate::http::Site;

/// Where to get the program that RabbitMQ serves here.
const RABBITMQADMIN: &str = "\
rabbitmqadmin is a program of its own now: https://github.com/rabbitmq/rabbitmqadmin-ng
It works with this broker. So does the older one of RabbitMQ 3.x, a script in Python.
`ferrymq ctl` comes with the broker, and has rabbitmqctl's commands.
";

/// `GET /api/version`: the version of RabbitMQ to expect the behaviour of.
pub(crate) async fn version(_: Caller, State(site): State<Site>) -> Response {
    answer::json(site.broker.config().rabbitmq_version.as_str())
}

/// `GET /api/extensions`. Compat: what RabbitMQ's own pages load.
pub(crate) async fn extensions(_: Caller) -> Response {
    answer::json(json!([{ "javascript": "dispatcher.js" }]))
}

/// `GET /cli/rabbitmqadmin`
pub(crate) async fn rabbitmqadmin() -> Response {
    let kind = (CONTENT_TYPE, "text/plain; charset=utf-8");
    ([kind], RABBITMQADMIN).into_response()
}
