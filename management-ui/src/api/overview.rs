//! `/api/overview`: the broker at a glance. Made of sums that are kept anyway: it walks over no queues, however
//! many there are.

pub(super) mod sums;

use axum::extract::State;
use axum::response::Response;
use ferrymq_broker::config::{Product, RatesMode};
use serde_json::{Map, Value, json};

use crate::api::node::{contexts, exchange_types};
use crate::auth::Caller;
use crate::http::{ListenerInfo, Site};
use crate::query::{Query, View};

use sums::Scope;

/// `GET /api/overview`
pub(crate) async fn get(caller: Caller, State(site): State<Site>, query: Query) -> Response {
    query.object(overview(&caller, &site, &query.view))
}

fn overview(caller: &Caller, site: &Site, view: &View) -> Map<String, Value> {
    let mut shown = versions(site);
    shown.extend(facts(site, view));
    let scope = Scope::of(caller, site);
    shown.insert("object_totals".into(), scope.object_totals());
    if view.disable_stats {
        if view.queue_totals {
            let totals = scope.queue_totals(view).into_map();
            let plain = totals.into_iter();
            let plain: Map<_, _> = plain.filter(|(_, value)| value.is_u64()).collect();
            shown.insert("queue_totals".into(), plain.into());
        }
    } else {
        shown.extend([
            ("message_stats".into(), scope.message_stats(view).into()),
            (
                "churn_rates".into(),
                sums::churn(site, view).into_map().into(),
            ),
            (
                "queue_totals".into(),
                scope.queue_totals(view).into_map().into(),
            ),
            ("statistics_db_event_queue".into(), 0.into()),
        ]);
        shown.extend(scope.traffic(view));
    }
    if caller.may_monitor() {
        let listeners = site.listeners();
        let listeners = listeners
            .iter()
            .map(|listener| shown_listener(site, listener));
        shown.extend([
            ("node".into(), site.node().into()),
            ("listeners".into(), listeners.collect()),
            ("contexts".into(), contexts(site)),
        ]);
    }
    shown
}

/// What runs, and what it is to be taken for.
fn versions(site: &Site) -> Map<String, Value> {
    let config = site.broker.config();
    let own = env!("CARGO_PKG_VERSION");
    let (product, version) = match config.present_as {
        Product::FerryMq => ("FerryMQ", own),
        Product::RabbitMq => ("RabbitMQ", config.rabbitmq_version.as_str()),
    };
    object(json!({
        "product_name": product,
        "product_version": version,
        "management_version": config.rabbitmq_version,
        "rabbitmq_version": config.rabbitmq_version,
        "ferrymq_version": own,
        // Compat: read as text, whatever it says. There is no Erlang here.
        "erlang_version": "",
        "erlang_full_version": "",
        "crypto_lib_version": "",
        "release_series_support_status": "supported",
    }))
}

/// How it is set up.
fn facts(site: &Site, view: &View) -> Map<String, Value> {
    let config = site.broker.config();
    let tags = site.broker.global_parameter("cluster_tags");
    object(json!({
        "cluster_name": site.broker.cluster_name(),
        "cluster_tags": tags.filter(Value::is_object).unwrap_or_else(|| json!({})),
        "node_tags": {},
        "default_queue_type": config.default_queue_type.as_str(),
        "rates_mode": rates_mode(config.rates_mode),
        "sample_retention_policies": {
            "global": [600, 28_800, 86_400],
            "basic": [600, 28_800],
            "detailed": [600],
        },
        "exchange_types": exchange_types(),
        "disable_stats": view.disable_stats,
        "enable_queue_totals": view.queue_totals,
        "is_op_policy_updating_enabled": true,
        "require_definition_json_extension": false,
    }))
}

/// As clients know it.
pub(super) fn rates_mode(mode: RatesMode) -> &'static str {
    match mode {
        RatesMode::Detailed => "detailed",
        RatesMode::Basic => "basic",
        RatesMode::None => "none",
    }
}

fn shown_listener(site: &Site, listener: &ListenerInfo) -> Value {
    json!({
        "node": site.node(),
        "protocol": listener.protocol,
        "ip_address": listener.address.ip().to_string(),
        "port": listener.address.port(),
        "socket_opts": {},
        "tls": listener.tls,
    })
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(entries) => entries,
        _ => unreachable!("an object was written down"),
    }
}
