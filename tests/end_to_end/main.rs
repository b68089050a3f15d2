//! The broker as a Rust application meets it: the real program, and lapin as its client.
//!
//! One module per feature. Every test starts a broker of its own; with `FERRYMQ_TEST_AMQP=host:port`
//! they talk to a running one instead (any AMQP 0-9-1 broker), except those that stop it.

mod acknowledgement;
mod backlog;
mod connections;
mod consuming;
mod dead_letters;
mod durability;
mod exchanges;
mod full_disk;
mod messages;
mod metrics;
mod perf;
mod publishing;
mod queues;
mod reply_to;
mod restart;
mod routing;
mod store_tools;
mod support;
mod transactions;
