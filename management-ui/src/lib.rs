//! HTTP: the management listener and the metrics listener. Asks the broker's public types, never
//! reaches inside.

mod api;
mod auth;
mod console;
mod http;
mod listener;
mod local;
mod metrics;

pub use axum::Router;
pub use http::{Site, management_routes, metrics_routes};
pub use listener::Listener;
pub use local::LocalListener;
