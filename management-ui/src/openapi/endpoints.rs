//! All endpoints, in one table, a part per area.

mod accounts;
mod broker;
mod clients;
mod health;
mod live;
mod plugins;
mod policies;
mod topology;

use super::endpoint::Endpoint;

/// Everything below `/api`.
pub(super) fn all() -> impl Iterator<Item = &'static Endpoint> {
    let parts = [
        broker::ENDPOINTS,
        clients::ENDPOINTS,
        topology::ENDPOINTS,
        live::ENDPOINTS,
        accounts::ENDPOINTS,
        policies::ENDPOINTS,
        health::ENDPOINTS,
        plugins::ENDPOINTS,
    ];
    parts.into_iter().flatten()
}
