//! What Prometheus reads: RabbitMQ's metrics by their names, and our own.
//!
//! ```text
//! /metrics                     sums over all objects, from what the broker adds up anyway
//! /metrics/per-object          a series per queue, exchange, channel, connection, in pieces
//! /metrics/detailed            only the families asked for, of the vhosts and queues asked for
//! /metrics/memory-breakdown    the memory by what it is for
//! ```
//!
//! [`registry`] says what each of them consists of; a file per kind of object says what is told of it, as a
//! list of [`Column`](family::Column)s: the same for one object and for the sum of all. `docs/metrics.md` lists everything.

mod channels;
mod connections;
mod core;
mod detailed;
mod exchanges;
mod family;
mod flows;
mod global;
mod memory;
mod node;
mod own;
mod parts;
mod queues;
mod registry;
mod scrapes;
mod text;
mod vhosts;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts as _, Path, RawQuery, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream;
use std::convert::Infallible;

use crate::auth::Monitoring;
use crate::http::Site;
use parts::Parts;
use registry::Registry;

pub(crate) use scrapes::Scrapes;

/// What every answer is.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything below `path`.
pub(crate) fn routes(path: &str) -> Router<Site> {
    Router::new()
        .route(path, get(default))
        .route(&format!("{path}/{{registry}}"), get(named))
}

/// `GET /metrics`
async fn default(State(site): State<Site>, request: Request) -> Response {
    let registry = match site.broker.config().metrics_per_object {
        true => Registry::PerObject,
        false => Registry::Aggregated,
    };
    answer(site, registry, request).await
}

/// `GET /metrics/{registry}`
async fn named(State(site): State<Site>, Path(name): Path<String>, request: Request) -> Response {
    match Registry::from_name(&name) {
        Some(registry) => answer(site, registry, request).await,
        None => refuse(StatusCode::NOT_FOUND, "Unknown Registry"),
    }
}

async fn answer(site: Site, registry: Registry, request: Request) -> Response {
    let (mut head, _) = request.into_parts();
    if site.broker.config().metrics_authentication
        && let Err(refusal) = Monitoring::from_request_parts(&mut head, &site).await
    {
        return refusal.into_response();
    }
    let query = RawQuery::from_request_parts(&mut head, &site).await;
    let RawQuery(query) = query.expect("it is there or not");
    let parts = match registry.parts(&site, query.as_deref().unwrap_or("")) {
        Ok(parts) => parts,
        Err(reason) => return refuse(StatusCode::BAD_REQUEST, reason),
    };
    ([(CONTENT_TYPE, TEXT)], in_pieces(parts)).into_response()
}

fn refuse(status: StatusCode, reason: &str) -> Response {
    (status, [(CONTENT_TYPE, TEXT)], reason.to_owned()).into_response()
}

/// The body, made while it is sent.
fn in_pieces(parts: Parts) -> Body {
    let pieces = parts.map(|piece| Ok::<_, Infallible>(Bytes::from(piece)));
    Body::from_stream(stream::iter(pieces))
}

#[cfg(test)]
mod tests;
