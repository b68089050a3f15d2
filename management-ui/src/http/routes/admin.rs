//! The routes of what administrators set: vhosts, users, permissions, limits, policies, parameters, definitions.

use axum::routing::{delete, get, post, put};

use super::Routes;
use crate::api::{
    definitions, limits, parameters, permissions, policies, policy_preview, topic_permissions,
    users, vhosts,
};

pub(super) fn routes(routes: Routes) -> Routes {
    definitions(policies(accounts(routes)))
}

/// Vhosts, users, permissions and limits.
fn accounts(routes: Routes) -> Routes {
    routes
        .route("/api/vhosts", get(vhosts::list))
        .route(
            "/api/vhosts/{name}",
            get(vhosts::get).put(vhosts::put).delete(vhosts::delete),
        )
        .route("/api/vhosts/{name}/permissions", get(permissions::of_vhost))
        .route(
            "/api/vhosts/{name}/topic-permissions",
            get(topic_permissions::of_vhost),
        )
        .route(
            "/api/vhosts/{name}/deletion/protection",
            post(vhosts::protect).delete(vhosts::unprotect),
        )
        .route("/api/vhosts/{name}/start/{node}", post(vhosts::start))
        .route("/api/users", get(users::list))
        .route(
            "/api/users/without-permissions",
            get(users::without_permissions),
        )
        .route("/api/users/bulk-delete", post(users::bulk_delete))
        .route(
            "/api/users/{name}",
            get(users::get).put(users::put).delete(users::delete),
        )
        .route("/api/users/{name}/permissions", get(permissions::of_user))
        .route(
            "/api/users/{name}/topic-permissions",
            get(topic_permissions::of_user),
        )
        .route("/api/permissions", get(permissions::list))
        .route(
            "/api/permissions/{vhost}/{user}",
            get(permissions::get)
                .put(permissions::put)
                .delete(permissions::delete),
        )
        .route("/api/topic-permissions", get(topic_permissions::list))
        .route(
            "/api/topic-permissions/{vhost}/{user}",
            get(topic_permissions::get)
                .put(topic_permissions::put)
                .delete(topic_permissions::delete),
        )
        .route(
            "/api/topic-permissions/{vhost}/{user}/{exchange}",
            delete(topic_permissions::delete_one),
        )
        .route("/api/vhost-limits", get(limits::of_vhosts))
        .route("/api/vhost-limits/{vhost}", get(limits::of_vhost))
        .route(
            "/api/vhost-limits/{vhost}/{name}",
            put(limits::put_vhost).delete(limits::delete_vhost),
        )
        .route("/api/user-limits", get(limits::of_users))
        .route("/api/user-limits/{user}", get(limits::of_user))
        .route(
            "/api/user-limits/{user}/{name}",
            put(limits::put_user).delete(limits::delete_user),
        )
}

/// Policies and parameters.
fn policies(routes: Routes) -> Routes {
    routes
        .route("/api/policies", get(policies::list))
        .route("/api/policies/{vhost}", get(policies::of_vhost))
        .route(
            "/api/policies/{vhost}/{name}",
            get(policies::get)
                .put(policies::put)
                .delete(policies::delete),
        )
        .route("/api/policy-keys", get(policy_preview::keys))
        .route("/api/policy-preview/{vhost}", get(policy_preview::get))
        .route(
            "/api/policy-conflicts/{vhost}",
            get(policy_preview::conflicts),
        )
        .route("/api/operator-policies", get(policies::list_operator))
        .route(
            "/api/operator-policies/{vhost}",
            get(policies::operator_of_vhost),
        )
        .route(
            "/api/operator-policies/{vhost}/{name}",
            get(policies::get_operator)
                .put(policies::put_operator)
                .delete(policies::delete_operator),
        )
        .route("/api/parameters", get(parameters::list))
        .route("/api/parameters/{component}", get(parameters::of_component))
        .route(
            "/api/parameters/{component}/{vhost}",
            get(parameters::of_vhost),
        )
        .route(
            "/api/parameters/{component}/{vhost}/{name}",
            get(parameters::get)
                .put(parameters::put)
                .delete(parameters::delete),
        )
        .route("/api/global-parameters", get(parameters::global))
        .route(
            "/api/global-parameters/{name}",
            get(parameters::get_global)
                .put(parameters::put_global)
                .delete(parameters::delete_global),
        )
}

/// Everything but messages, as a document.
fn definitions(routes: Routes) -> Routes {
    routes
        .route(
            "/api/definitions",
            get(definitions::get).post(definitions::post),
        )
        .route(
            "/api/definitions/{vhost}",
            get(definitions::get_vhost).post(definitions::post_vhost),
        )
        .route(
            "/api/all-configuration",
            get(definitions::get).post(definitions::post),
        )
}
