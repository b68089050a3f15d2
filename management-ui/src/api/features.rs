//! `/api/feature-flags` and `/api/deprecated-features`: what clients ask before they use something.

use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::answer::{self, Answer};
use crate::auth::{Administrator, Caller};
use crate::body::JsonObject;
use crate::http::Site;
use crate::http::path::Names;
use crate::query::Query;
use crate::refusal::Refusal;

/// Compat: flags of RabbitMQ that tools look for. What stands behind them is there, so all are on, and none can be
/// switched off.
const FLAGS: [(&str, &str); 12] = [
    (
        "classic_queue_type_delivery_support",
        "Classic queues deliver as the other types do",
    ),
    (
        "detailed_queues_endpoint",
        "Queues with all details at /api/queues/detailed",
    ),
    (
        "direct_exchange_routing_v2",
        "Direct exchanges find bindings by their key",
    ),
    (
        "drop_unroutable_metric",
        "Messages dropped for want of a route are counted",
    ),
    (
        "empty_basic_get_metric",
        "Fetches from empty queues are counted",
    ),
    ("feature_flags_v2", "Feature flags can be asked for"),
    ("khepri_db", "Definitions are kept in a log"),
    (
        "maintenance_mode_status",
        "Nodes tell whether they are being drained",
    ),
    ("message_containers", "Messages of any protocol"),
    ("quorum_queue", "Queues of type quorum"),
    ("stream_queue", "Queues of type stream"),
    ("user_limits", "Users can be limited"),
];

/// Compat: what RabbitMQ is going to take away, and this broker keeps.
const DEPRECATED: [(&str, &str); 3] = [
    (GLOBAL_QOS, "A prefetch count for a whole channel"),
    (
        "management_metrics_collection",
        "Rates and samples in the HTTP API",
    ),
    (
        TRANSIENT_QUEUES,
        "Queues that are neither durable nor exclusive",
    ),
];

const GLOBAL_QOS: &str = "global_qos";
const TRANSIENT_QUEUES: &str = "transient_nonexcl_queues";

/// `GET /api/feature-flags`
pub(crate) async fn flags(_: Caller, State(site): State<Site>, query: Query) -> Answer {
    let flags = FLAGS.iter().map(|(name, about)| {
        json!({
            "name": name,
            "desc": about,
            "doc_url": "",
            "state": "enabled",
            "stability": "required",
            "require_level": "hard",
            "experiment_level": "supported",
            "provided_by": "rabbit",
            "callbacks": [],
        })
    });
    query.list(&site, flags.collect::<Vec<_>>()).await
}

/// `PUT /api/feature-flags/{name}/enable`
pub(crate) async fn enable(
    _: Administrator,
    Names(name): Names<String>,
    JsonObject(_): JsonObject,
) -> Answer {
    match FLAGS.iter().any(|(flag, _)| *flag == name) {
        true => Ok(answer::done()),
        false => Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "bad_request",
            format!("unknown feature flag '{name}'"),
        )),
    }
}

/// `GET /api/deprecated-features`
pub(crate) async fn deprecated(_: Caller, State(site): State<Site>, query: Query) -> Answer {
    query.list(&site, shown(|_| true)).await
}

/// `GET /api/deprecated-features/used`
pub(crate) async fn used(_: Caller, State(site): State<Site>, query: Query) -> Answer {
    let rows = shown(|name| match name {
        GLOBAL_QOS => site.broker.statistics().sums().channels.global_prefetch > 0,
        TRANSIENT_QUEUES => has_transient_queue(&site),
        _ => site.broker.statistics().has_rates(),
    });
    query.list(&site, rows).await
}

fn shown(is_shown: impl Fn(&str) -> bool) -> Vec<Value> {
    let features = DEPRECATED.iter().filter(|(name, _)| is_shown(name));
    let features = features.map(|(name, about)| {
        json!({
            "name": name,
            "desc": about,
            "deprecation_phase": "permitted_by_default",
            "doc_url": "",
            "provided_by": "rabbit",
            "state": "permitted",
        })
    });
    features.collect()
}

fn has_transient_queue(site: &Site) -> bool {
    site.broker.vhosts().values().any(|vhost| {
        let snapshot = vhost.snapshot();
        let mut queues = snapshot.queues.values();
        queues.any(|queue| !queue.declared.flags.durable && queue.owner.is_none())
    })
}
