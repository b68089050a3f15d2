//! The JSON API below `/api`: one file per resource.

pub(crate) mod bindings;
pub(crate) mod config;
pub(crate) mod exchanges;
pub(crate) mod health;
pub(crate) mod messages;
pub(crate) mod properties;
pub(crate) mod queues;
pub(crate) mod whoami;
