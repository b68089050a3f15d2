//! The site: what answers are about, and how a request passes to its handler.
//!
//! A request's path is prepared ([`path`]), its route found ([`routes`]), the handler's arguments are taken
//! from it: who asks (`auth`), names in the path, the query string (`query`), the body (`body`). The answer is
//! JSON, or a refusal (`refusal`); headers are added on the way out ([`headers`]).

mod headers;
pub(crate) mod path;
pub(crate) mod routes;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn_with_state, map_request_with_state, map_response};
use axum::routing::get;
use ferrymq_broker::Broker;
use ferrymq_broker::clock::{self, Timestamp};
use ferrymq_broker::queue::shared::Work;
use ferrymq_broker::vhost::VHost;
use parking_lot::Mutex;
use tower_http::compression::CompressionLayer;

use crate::answer;
use crate::api::{about, health};
use crate::console::{self, Console};
use crate::event_log::EventLog;
use crate::metrics;
use crate::metrics::Scrapes;
use crate::refusal::Refusal;
use crate::sse::Streams;

/// What pages and answers are about.
#[derive(Clone)]
pub struct Site {
    pub(crate) broker: Arc<Broker>,
    /// Where AMQP clients connect.
    pub(crate) amqp: SocketAddr,
    pub(crate) started: Timestamp,
    /// Room for server-sent events.
    pub(crate) streams: Arc<Streams>,
    pub(crate) event_log: Arc<EventLog>,
    listeners: Arc<Mutex<Vec<ListenerInfo>>>,
    pub(crate) scrapes: Arc<Scrapes>,
}

/// Where somebody can connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerInfo {
    /// `amqp`, `http`, `http/prometheus`, … as RabbitMQ calls them.
    pub protocol: &'static str,
    /// Where.
    pub address: SocketAddr,
    /// With TLS?
    pub tls: bool,
}

impl Site {
    /// `broker`, which listens at `amqp` from now on.
    pub fn new(broker: Arc<Broker>, amqp: SocketAddr) -> Self {
        let site = Self {
            broker,
            amqp,
            started: clock::now(),
            streams: Arc::default(),
            event_log: Arc::default(),
            listeners: Arc::default(),
            scrapes: Arc::default(),
        };
        site.add_listener("amqp", amqp, false);
        site
    }

    /// From now on answers tell of one more listener.
    pub fn add_listener(&self, protocol: &'static str, address: SocketAddr, tls: bool) {
        self.listeners.lock().push(ListenerInfo {
            protocol,
            address,
            tls,
        });
    }

    /// Where somebody can connect.
    pub(crate) fn listeners(&self) -> Vec<ListenerInfo> {
        self.listeners.lock().clone()
    }

    /// Does something to queues of `vhost`, and carries out what follows from it.
    pub(crate) fn work_in<T>(&self, vhost: &VHost, act: impl FnOnce(&mut Work) -> T) -> T {
        let mut work = Work::default();
        work.set_now(clock::now());
        let done = act(&mut work);
        vhost.finish(&mut work);
        work.dirty.wake();
        done
    }

    /// Does something that may take its time, or read from disk, where that disturbs nobody.
    ///
    /// # Errors
    /// 500 when it fails in a way that it should not.
    pub(crate) async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|why| {
            tracing::error!("a request was not carried out: {why}");
            Refusal::internal()
        })
    }

    /// Who did what nobody asked for.
    pub(crate) fn internal_user(&self) -> &'static str {
        ferrymq_broker::events::INTERNAL_USER
    }

    /// The cluster's name: as it was set, or this node's.
    pub(crate) fn cluster_name(&self) -> String {
        match self.broker.global_parameter("cluster_name") {
            Some(serde_json::Value::String(name)) => name,
            _ => self.node().to_owned(),
        }
    }

    /// This node's name.
    pub(crate) fn node(&self) -> &str {
        self.broker.node_name()
    }
}

/// Everything on the management port.
pub fn management_routes(site: Site) -> Router {
    // One router of the API for both: a clone is a reference as long as nothing is added to it.
    let api = with_site(routes::api().into_router(), &site);
    let console = Console::new(site.clone(), api.clone());
    let routes = Router::new()
        .route("/static/{hash}/{*path}", get(console::assets::get))
        .route("/healthz", get(health::service::alive))
        .route("/readyz", get(health::service::in_service))
        .route("/cli/rabbitmqadmin", get(about::rabbitmqadmin))
        .merge(metrics::routes("/metrics"))
        .merge(console::routes(&console))
        .fallback_service(api);
    finish(routes.with_state(site.clone()), site)
}

/// Everything on the metrics port.
pub fn metrics_routes(site: Site) -> Router {
    let routes = metrics::routes(&site.broker.config().metrics_path);
    finish(with_site(routes, &site), site)
}

/// Routes about a site; what is not among them is not found.
fn with_site(routes: Router<Site>, site: &Site) -> Router {
    routes.fallback(not_found).with_state(site.clone())
}

/// What all requests and answers pass, the first layer last. Around the whole router, so that a path is changed before its
/// route is found.
fn finish(routes: Router, site: Site) -> Router {
    Router::new()
        .fallback_service(routes)
        .layer(map_response(answer::write))
        .layer(map_request_with_state(site.clone(), path::prepare))
        .layer(from_fn_with_state(site, headers::share))
        .layer(CompressionLayer::new())
        .layer(map_response(headers::add))
}

async fn not_found() -> Refusal {
    Refusal::not_found()
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
