//! What is known about a vhost beside its contents.

use serde::{Deserialize, Serialize};

use crate::queue::arguments::QueueType;

/// What people said about a vhost.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// What it is for.
    pub description: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// The type of queues whose declaration names none; `None`: the broker's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_queue_type: Option<QueueType>,
    /// Is every message copied to `amq.rabbitmq.trace`?
    pub tracing: bool,
    /// Is it kept from being deleted?
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub protected_from_deletion: bool,
}
