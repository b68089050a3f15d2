//! The JSON API below `/api`: one file per resource.

pub(crate) mod batch;
pub(crate) mod bindings;
pub(crate) mod browse;
pub(crate) mod config;
pub(crate) mod definitions;
pub(crate) mod delayed;
pub(crate) mod events;
pub(crate) mod exchanges;
pub(crate) mod health;
pub(crate) mod jobs;
pub(crate) mod limits;
pub(crate) mod messages;
pub(crate) mod parameters;
pub(crate) mod permissions;
pub(crate) mod policies;
pub(crate) mod properties;
pub(crate) mod queues;
pub(crate) mod route;
pub(crate) mod tail;
pub(crate) mod topic_permissions;
pub(crate) mod unacked;
pub(crate) mod users;
pub(crate) mod vhosts;
pub(crate) mod whoami;
