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
use crate::query::{Query, Shown, View};

use sums::Scope;

/// `GET /api/overview`
pub(crate) async fn get(caller: Caller, State(site): State<Site>, query: Query) -> Response {
    query.object(overview(&caller, &site, &query.view))
}

fn overview(caller: &Caller, site: &Site, view: &View) -> Map<String, Value> {
    let mut shown = Shown::new(view);
    show_versions(site, &mut shown);
    show_facts(site, view, &mut shown);
    let scope = Scope::of(caller, site);
    shown.look_up("object_totals", || scope.object_totals());
    if view.disable_stats {
        if view.queue_totals {
            let totals = scope.queue_totals(view).into_map();
            let plain = totals.into_iter();
            let plain: Map<_, _> = plain.filter(|(_, value)| value.is_u64()).collect();
            shown.add("queue_totals", plain);
        }
    } else {
        shown.look_up("message_stats", || scope.message_stats(view).into());
        shown.look_up("churn_rates", || {
            let churn = sums::churn(site, view, Shown::within(view, "churn_rates"));
            churn.into_map().into()
        });
        shown.look_up("queue_totals", || {
            scope.queue_totals(view).into_map().into()
        });
        shown.add("statistics_db_event_queue", 0);
        shown.append(scope.traffic(view));
    }
    if caller.may_monitor() {
        let listeners = || {
            let listeners = site.listeners();
            let listeners = listeners.iter();
            listeners
                .map(|listener| shown_listener(site, listener))
                .collect()
        };
        shown.add("node", site.node());
        shown.look_up("listeners", listeners);
        shown.look_up("contexts", || contexts(site));
    }
    shown.into_map()
}

/// What runs, and what it is to be taken for.
fn show_versions(site: &Site, shown: &mut Shown<'_>) {
    let config = site.broker.config();
    let (own, compatible) = (env!("CARGO_PKG_VERSION"), config.rabbitmq_version.as_str());
    let (product, version) = match config.present_as {
        Product::FerryMq => ("FerryMQ", own),
        Product::RabbitMq => ("RabbitMQ", compatible),
    };
    for (name, value) in [
        ("product_name", product),
        ("product_version", version),
        ("management_version", compatible),
        ("rabbitmq_version", compatible),
        ("ferrymq_version", own),
        // Compat: read as text, whatever it says. There is no Erlang here.
        ("erlang_version", ""),
        ("erlang_full_version", ""),
        ("crypto_lib_version", ""),
        ("release_series_support_status", "supported"),
    ] {
        shown.add(name, value);
    }
}

/// How it is set up.
fn show_facts(site: &Site, view: &View, shown: &mut Shown<'_>) {
    let config = site.broker.config();
    shown.look_up("cluster_tags", || {
        let tags = site.broker.global_parameter("cluster_tags");
        tags.filter(Value::is_object).unwrap_or_else(|| json!({}))
    });
    shown.look_up("exchange_types", exchange_types);
    shown.look_up("sample_retention_policies", || {
        json!({
            "global": [600, 28_800, 86_400],
            "basic": [600, 28_800],
            "detailed": [600],
        })
    });
    shown.extend([
        ("cluster_name", site.broker.cluster_name().into()),
        ("node_tags", json!({})),
        (
            "default_queue_type",
            config.default_queue_type.as_str().into(),
        ),
        ("rates_mode", rates_mode(config.rates_mode).into()),
        ("disable_stats", view.disable_stats.into()),
        ("enable_queue_totals", view.queue_totals.into()),
        ("is_op_policy_updating_enabled", true.into()),
        ("require_definition_json_extension", false.into()),
    ]);
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
