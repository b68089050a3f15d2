//! Endpoints that RabbitMQ does not have.

use axum::routing::{delete, get, post};

use super::Routes;
use crate::api::{
    batch, browse, connection_groups, consumers, delayed, events, jobs, queue_groups, route, tail,
    unacked,
};
use crate::openapi;

/// Adds them.
pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .route("/api/queues/{vhost}/{name}/browse", get(browse::list))
        .route(
            "/api/queues/{vhost}/{name}/messages/{sequence}",
            get(browse::one),
        )
        .route(
            "/api/queues/{vhost}/{name}/messages/{sequence}/payload",
            get(browse::payload),
        )
        .route(
            "/api/queues/{vhost}/{name}/delayed",
            get(delayed::of_queue).delete(delayed::cancel_all_of_queue),
        )
        .route(
            "/api/queues/{vhost}/{name}/delayed/{sequence}",
            delete(delayed::cancel_of_queue),
        )
        .route("/api/queues/{vhost}/{name}/unacked", get(unacked::list))
        .route(
            "/api/queues/{vhost}/{name}/unacked/requeue",
            post(unacked::requeue),
        )
        .route("/api/queues/{vhost}/{name}/tail", get(tail::stream))
        .route(
            "/api/exchanges/{vhost}/{name}/delayed",
            get(delayed::of_exchange).delete(delayed::cancel_all_of_exchange),
        )
        .route(
            "/api/exchanges/{vhost}/{name}/delayed/{sequence}",
            delete(delayed::cancel_of_exchange),
        )
        .route("/api/exchanges/{vhost}/{name}/route", get(route::trace))
        .route(
            "/api/exchanges/{vhost}/{name}/publish/batch",
            post(batch::publish),
        )
        .route(
            "/api/consumers/{vhost}/{connection}/{channel}/{tag}",
            get(consumers::get).delete(unacked::cancel_consumer),
        )
        .route("/api/queue-groups", get(queue_groups::list))
        .route("/api/queue-groups/{vhost}", get(queue_groups::list_in))
        .route("/api/connection-groups", get(connection_groups::list))
        .route("/api/jobs", get(jobs::list).post(jobs::begin))
        .route("/api/jobs/{id}", get(jobs::get).delete(jobs::cancel))
        .route("/api/events", get(events::stream))
        .route("/api/openapi.json", get(openapi::document))
}
