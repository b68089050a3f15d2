//! The JSON API below `/api`: one file per resource.

pub(crate) mod exchanges;
pub(crate) mod health;
pub(crate) mod queues;
pub(crate) mod whoami;
