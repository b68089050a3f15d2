//! All routes of the API, in one list.

mod admin;
mod live;
mod node;

use axum::Router;
use axum::routing::{MethodRouter, delete, get, post, put};

use crate::api::{self, bindings, channels, connections, consumers, exchanges, messages, queues};
use crate::http::Site;

/// Routes, and the paths that they are for: whoever describes them must know of each.
#[derive(Default)]
pub(crate) struct Routes {
    router: Router<Site>,
    paths: Vec<&'static str>,
}

impl Routes {
    /// One more path with its methods.
    pub(crate) fn route(mut self, path: &'static str, methods: MethodRouter<Site>) -> Self {
        self.paths.push(path);
        Self {
            router: self.router.route(path, methods),
            ..self
        }
    }

    /// All paths, in the order of the lists.
    #[cfg(test)]
    pub(crate) fn paths(&self) -> &[&'static str] {
        &self.paths
    }

    /// What serves them.
    pub(crate) fn into_router(self) -> Router<Site> {
        self.router
    }
}

/// Everything below `/api`. A path is written without a slash at its end; one that comes with it is the same.
pub(crate) fn api() -> Routes {
    let routes = node::routes(admin::routes(live::routes(Routes::default())));
    queues(exchanges(clients(routes)))
        .route("/api/config", get(api::config::list))
        .route("/api/config/effective", get(api::config::effective))
        .route("/api/config/{name}", put(api::config::put))
}

/// Connections, channels, consumers.
fn clients(routes: Routes) -> Routes {
    routes
        .route("/api/connections", get(connections::list))
        .route(
            "/api/connections/{name}",
            get(connections::get).delete(connections::delete),
        )
        .route(
            "/api/connections/username/{user}",
            get(connections::list_of_user).delete(connections::delete_of_user),
        )
        .route("/api/connections/{name}/channels", get(channels::list_of))
        .route(
            "/api/connections/{name}/sessions",
            get(connections::sessions),
        )
        .route("/api/vhosts/{vhost}/connections", get(connections::list_in))
        .route("/api/vhosts/{vhost}/channels", get(channels::list_in))
        .route("/api/channels", get(channels::list))
        .route(
            "/api/channels/{name}",
            get(channels::get).put(channels::put),
        )
        .route("/api/consumers", get(consumers::list))
        .route("/api/consumers/{vhost}", get(consumers::list_in))
}

/// Exchanges and bindings.
fn exchanges(routes: Routes) -> Routes {
    routes
        .route("/api/exchanges", get(exchanges::list))
        .route("/api/exchanges/{vhost}", get(exchanges::list_in))
        .route(
            "/api/exchanges/{vhost}/{name}",
            get(exchanges::get)
                .put(exchanges::put)
                .delete(exchanges::delete),
        )
        .route(
            "/api/exchanges/{vhost}/{name}/publish",
            post(messages::publish),
        )
        .route(
            "/api/exchanges/{vhost}/{name}/bindings/source",
            get(bindings::list_from),
        )
        .route(
            "/api/exchanges/{vhost}/{name}/bindings/destination",
            get(bindings::list_to_exchange),
        )
        .route("/api/bindings", get(bindings::list))
        .route("/api/bindings/{vhost}", get(bindings::list_in))
        .route(
            "/api/bindings/{vhost}/e/{source}/q/{queue}",
            get(bindings::list_pair_to_queue).post(bindings::bind_queue),
        )
        .route(
            "/api/bindings/{vhost}/e/{source}/q/{queue}/{key}",
            get(bindings::get_to_queue).delete(bindings::unbind_queue),
        )
        .route(
            "/api/bindings/{vhost}/e/{source}/e/{exchange}",
            get(bindings::list_pair_to_exchange).post(bindings::bind_exchange),
        )
        .route(
            "/api/bindings/{vhost}/e/{source}/e/{exchange}/{key}",
            get(bindings::get_to_exchange).delete(bindings::unbind_exchange),
        )
}

/// Queues and what waits in them.
fn queues(routes: Routes) -> Routes {
    routes
        .route(
            "/api/queues/{vhost}/{name}/bindings",
            get(bindings::list_to_queue),
        )
        .route("/api/queues/{vhost}/{name}/get", post(messages::get))
        .route("/api/queues", get(queues::list))
        .route("/api/queues/detailed", get(queues::list_detailed))
        .route("/api/queues/{vhost}", get(queues::list_in))
        .route("/api/users/{name}/queues", get(queues::list_of))
        .route(
            "/api/queues/{vhost}/{name}",
            get(queues::get).put(queues::put).delete(queues::delete),
        )
        .route("/api/queues/{vhost}/{name}/contents", delete(queues::purge))
        .route("/api/queues/{vhost}/{name}/actions", post(queues::act))
        .route("/api/queues/{vhost}/{name}/pause", put(queues::pause))
        .route("/api/queues/{vhost}/{name}/resume", put(queues::resume))
        .route(
            "/api/queues/quorum/{vhost}/{name}/status",
            get(queues::quorum::status),
        )
        .route(
            "/api/queues/quorum/{vhost}/{name}/replicas/add",
            post(queues::quorum::add),
        )
        .route(
            "/api/queues/quorum/{vhost}/{name}/replicas/delete",
            delete(queues::quorum::delete),
        )
        .route(
            "/api/queues/quorum/replicas/on/{node}/grow",
            post(queues::quorum::grow),
        )
        .route(
            "/api/queues/quorum/replicas/on/{node}/shrink",
            delete(queues::quorum::shrink),
        )
}
