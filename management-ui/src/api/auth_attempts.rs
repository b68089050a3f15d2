//! `/api/auth/attempts`: how often somebody tried to log in, and how that went.

use axum::extract::State;
use ferrymq_broker::stats::{Attempts, Protocol};
use serde_json::{Value, json};

use crate::answer::{self, Answer};
use crate::api::node;
use crate::auth::{Administrator, Monitoring};
use crate::http::Site;
use crate::http::path::Names;
use crate::query::Query;

/// `GET /api/auth/attempts/{node}`: by protocol.
pub(crate) async fn get(
    _: Monitoring,
    State(site): State<Site>,
    Names(name): Names<String>,
    query: Query,
) -> Answer {
    node::check(&site, &name)?;
    let attempts = &site.broker.statistics().auth_attempts;
    let rows = Protocol::ALL
        .iter()
        .map(|protocol| row(*protocol, attempts.of(*protocol)));
    query.list(&site, rows.collect::<Vec<_>>()).await
}

/// `GET /api/auth/attempts/{node}/source`: by protocol, address and user.
pub(crate) async fn by_source(
    _: Monitoring,
    State(site): State<Site>,
    Names(name): Names<String>,
    query: Query,
) -> Answer {
    node::check(&site, &name)?;
    let sources = site.broker.statistics().auth_attempts.by_source();
    let rows = sources.into_iter().map(|(source, attempts)| {
        let mut shown = row(source.protocol, attempts);
        shown["remote_address"] = source.address.to_string().into();
        shown["username"] = source.user.into();
        shown
    });
    query.list(&site, rows.collect::<Vec<_>>()).await
}

/// `DELETE /api/auth/attempts/{node}`
pub(crate) async fn reset(
    _: Administrator,
    State(site): State<Site>,
    Names(name): Names<String>,
) -> Answer {
    node::check(&site, &name)?;
    site.broker.statistics().auth_attempts.reset();
    Ok(answer::done())
}

/// `DELETE /api/auth/attempts/{node}/source`
pub(crate) async fn reset_sources(
    _: Administrator,
    State(site): State<Site>,
    Names(name): Names<String>,
) -> Answer {
    node::check(&site, &name)?;
    site.broker.statistics().auth_attempts.reset_sources();
    Ok(answer::done())
}

fn row(protocol: Protocol, attempts: Attempts) -> Value {
    json!({
        "protocol": protocol.as_str(),
        "auth_attempts": attempts.all(),
        "auth_attempts_failed": attempts.failed,
        "auth_attempts_succeeded": attempts.succeeded,
    })
}
