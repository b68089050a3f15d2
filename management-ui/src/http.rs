//! All routes, in one list.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ferrymq_broker::Broker;
use ferrymq_broker::clock::{self, Timestamp};

use crate::{api, console, metrics};

/// What pages and answers are about.
#[derive(Clone)]
pub struct Site {
    pub(crate) broker: Arc<Broker>,
    /// Where AMQP clients connect.
    pub(crate) amqp: SocketAddr,
    pub(crate) started: Timestamp,
}

impl Site {
    /// `broker`, which listens at `amqp` from now on.
    pub fn new(broker: Arc<Broker>, amqp: SocketAddr) -> Self {
        Self {
            broker,
            amqp,
            started: clock::now(),
        }
    }
}

/// Everything on the management port.
pub fn management_routes(site: Site) -> Router {
    Router::new()
        .route("/", get(console::home::page))
        .route("/static/ferrymq.css", get(console::style))
        .route("/api/health/checks/alarms", get(api::health::alarms))
        .route("/api/health/checks/local-alarms", get(api::health::alarms))
        .route(
            "/api/health/checks/is-in-service",
            get(api::health::in_service),
        )
        .route(
            "/api/health/checks/ready-to-serve-clients",
            get(api::health::in_service),
        )
        .route("/api/healthchecks/node", get(api::health::node))
        .route("/metrics", get(metrics::text))
        .fallback(not_found)
        .layer(map_response(harden))
        .with_state(site)
}

/// Everything on the metrics port.
pub fn metrics_routes(site: Site) -> Router {
    Router::new()
        .route("/metrics", get(metrics::text))
        .fallback(not_found)
        .layer(map_response(harden))
        .with_state(site)
}

async fn not_found() -> Response {
    api::error(StatusCode::NOT_FOUND, "Object Not Found", "Not Found").into_response()
}

/// What a browser may do with an answer: show it, with our own style, and nothing else.
async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let rules = [
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'",
        ),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "same-origin"),
    ];
    for (name, value) in rules {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests;
