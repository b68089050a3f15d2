//! The first page: the broker runs. Open to everybody, so it tells nothing that a port scan would
//! not.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use crate::http::Site;

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    node: &'a str,
    version: &'a str,
    amqp_port: u16,
}

/// `GET /`
pub(crate) async fn page(State(site): State<Site>) -> Response {
    let home = Home {
        node: site.broker.node_name(),
        version: env!("CARGO_PKG_VERSION"),
        amqp_port: site.amqp.port(),
    };
    match home.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            tracing::error!("the first page: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
