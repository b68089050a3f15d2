//! Routes of the broker and its node, of health checks, and of plugins that this broker has nothing for.

use axum::routing::{delete, get, post, put};

use super::Routes;
use crate::api::health::{self, listeners, queues, service};
use crate::api::{
    about, auth_attempts, cluster_name, features, login, maintenance, nodes, overview, plugins,
    whoami,
};

/// Adds all of them.
pub(super) fn routes(routes: Routes) -> Routes {
    plugins(health(broker(routes)))
}

/// The broker and its node.
fn broker(routes: Routes) -> Routes {
    routes
        .route("/api/overview", get(overview::get))
        .route("/api/nodes", get(nodes::list))
        .route("/api/nodes/{name}", get(nodes::get))
        .route("/api/nodes/{name}/memory", get(nodes::memory))
        .route(
            "/api/nodes/{name}/memory/relative",
            get(nodes::relative_memory),
        )
        .route("/api/nodes/{name}/memory/ets", get(nodes::tables))
        .route("/api/nodes/{name}/memory/ets/relative", get(nodes::tables))
        .route("/api/nodes/{name}/memory/ets/{filter}", get(nodes::tables))
        .route(
            "/api/nodes/{name}/memory/ets/{filter}/relative",
            get(nodes::tables),
        )
        .route(
            "/api/cluster-name",
            get(cluster_name::get).put(cluster_name::put),
        )
        .route("/api/version", get(about::version))
        .route("/api/extensions", get(about::extensions))
        .route("/api/feature-flags", get(features::flags))
        .route("/api/feature-flags/{name}/enable", put(features::enable))
        .route("/api/deprecated-features", get(features::deprecated))
        .route("/api/deprecated-features/used", get(features::used))
        .route("/api/reset", delete(maintenance::reset))
        .route("/api/reset/{node}", delete(maintenance::reset_node))
        .route("/api/rebalance/queues", post(maintenance::rebalance))
        .route("/api/whoami", get(whoami::get))
        .route("/api/auth", get(login::methods))
        .route("/api/login", post(login::login).delete(login::logout))
        .route("/api/auth/hash_password", put(login::hash_body))
        .route("/api/auth/hash_password/{password}", get(login::hash))
        .route(
            "/api/auth/attempts/{node}",
            get(auth_attempts::get).delete(auth_attempts::reset),
        )
        .route(
            "/api/auth/attempts/{node}/source",
            get(auth_attempts::by_source).delete(auth_attempts::reset_sources),
        )
}

/// Whether the broker is fit to work.
fn health(routes: Routes) -> Routes {
    routes
        .route("/api/health/checks/alarms", get(health::alarms))
        .route("/api/health/checks/local-alarms", get(health::alarms))
        .route("/api/health/checks/port-listener/{port}", get(listeners::port))
        .route(
            "/api/health/checks/protocol-listener/{names}",
            get(listeners::protocol),
        )
        .route(
            "/api/health/checks/certificate-expiration/{within}/{unit}",
            get(listeners::certificates),
        )
        .route("/api/health/checks/virtual-hosts", get(service::vhosts))
        .route(
            "/api/health/checks/node-is-quorum-critical",
            get(queues::quorum_critical),
        )
        .route("/api/health/checks/is-in-service", get(service::in_service))
        .route(
            "/api/health/checks/ready-to-serve-clients",
            get(service::ready),
        )
        .route(
            "/api/health/checks/below-node-connection-limit",
            get(service::below_limit),
        )
        .route(
            "/api/health/checks/reached-target-cluster-size",
            get(service::cluster_size),
        )
        .route(
            "/api/health/checks/metadata-store/initialized",
            get(service::definitions),
        )
        .route(
            "/api/health/checks/metadata-store/initialized/with-data",
            get(service::definitions),
        )
        .route(
            "/api/health/checks/quorum-queues-without-elected-leaders/all-vhosts",
            get(queues::leaders),
        )
        .route(
            "/api/health/checks/quorum-queues-without-elected-leaders/all-vhosts/pattern/{pattern}",
            get(queues::leaders_matching),
        )
        .route(
            "/api/health/checks/quorum-queues-without-elected-leaders/vhost/{vhost}",
            get(queues::leaders_in),
        )
        .route(
            "/api/health/checks/quorum-queues-without-elected-leaders/vhost/{vhost}/pattern/{pattern}",
            get(queues::leaders_in_matching),
        )
        .route("/api/aliveness-test/{vhost}", get(service::aliveness))
        .route("/api/healthchecks/node", get(service::this_node))
        .route("/api/healthchecks/node/{node}", get(service::of_node))
}

/// Plugins of RabbitMQ that this broker has nothing for.
fn plugins(routes: Routes) -> Routes {
    routes
        .route("/api/shovels", get(plugins::links))
        .route("/api/shovels/{vhost}", get(plugins::links_in))
        .route(
            "/api/shovels/vhost/{vhost}/{name}",
            get(plugins::link).delete(plugins::link),
        )
        .route(
            "/api/shovels/vhost/{vhost}/{name}/restart",
            delete(plugins::link),
        )
        .route("/api/federation-links", get(plugins::links))
        .route("/api/federation-links/state/down", get(plugins::links))
        .route("/api/federation-links/{vhost}", get(plugins::links_in))
        .route(
            "/api/federation-links/{vhost}/state/down",
            get(plugins::links_in),
        )
        .route("/api/stream/connections", get(plugins::streams))
        .route("/api/stream/connections/{vhost}", get(plugins::streams_in))
        .route(
            "/api/stream/connections/{vhost}/{name}",
            get(plugins::stream).delete(plugins::stream),
        )
        .route(
            "/api/stream/connections/{vhost}/{name}/consumers",
            get(plugins::streams_in),
        )
        .route(
            "/api/stream/connections/{vhost}/{name}/publishers",
            get(plugins::streams_in),
        )
        .route("/api/stream/consumers", get(plugins::streams))
        .route("/api/stream/consumers/{vhost}", get(plugins::streams_in))
        .route("/api/stream/publishers", get(plugins::streams))
        .route("/api/stream/publishers/{vhost}", get(plugins::streams_in))
        .route(
            "/api/stream/publishers/{vhost}/{stream}",
            get(plugins::streams_in),
        )
        .route(
            "/api/stream/{vhost}/{stream}/tracking",
            get(plugins::stream),
        )
        .route(
            "/api/stream/super-streams/{vhost}/{name}",
            put(plugins::super_stream),
        )
}
