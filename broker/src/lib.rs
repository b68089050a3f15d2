//! The broker's state and the shell around it: vhosts, queues, sessions, the AMQP listener.

pub mod actor;
pub mod alarms;
pub mod auth;
pub mod background;
pub mod broker;
pub mod browse;
pub mod clock;
pub mod config;
pub mod dead_letter;
pub mod dedup;
pub mod definitions;
pub mod error;
pub mod events;
mod firehose;
pub mod jobs;
pub mod json;
pub mod limits;
pub mod message;
pub mod names;
pub mod net;
mod own_message;
pub mod paging;
pub mod parameters;
pub mod pattern;
pub mod policy;
pub mod queue;
mod recovery;
pub mod reply_to;
pub mod resources;
pub mod session;
pub mod timers;
pub mod transfers;
pub mod vhost;

pub use broker::{Broker, StartError};
pub use config::Config;
pub use ferrymq_store::Statistics as StoreStatistics;
