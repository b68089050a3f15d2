//! HTTP: the management listener and the metrics listener. Asks the broker's public types, never
//! reaches inside.

mod answer;
mod api;
mod auth;
mod body;
mod catalogue;
mod console;
mod definitions;
mod event_log;
mod http;
mod list;
mod listener;
mod local;
mod memory;
mod message;
mod metrics;
mod openapi;
mod query;
mod refusal;
mod sse;
mod statistics;

pub use axum::Router;
pub use definitions::{StartImportError, import_at_start};
pub use http::{ListenerInfo, Site, management_routes, metrics_routes};
pub use listener::Listener;
pub use local::LocalListener;
