//! What is counted: of a channel, a queue, an exchange, a vhost, the broker.
//!
//! ```text
//! channel   counters that its connection's task alone writes, and anybody reads
//! queue     plain numbers behind the queue's lock
//! exchange, vhost, broker
//!           totals, to which each connection adds what it has counted once per round of its task
//! ```
//!
//! So a message costs a few plain additions; atomic ones come once per batch. What a channel has counted
//! stays in the totals when the channel has gone: they never fall.
//!
//! What passed between which of them is counted only if asked for ([`flows`]).
//!
//! How all of it went over time is noted by one task ([`ticker`]) in the [`History`] of each object, a ring of
//! packed samples ([`series`]); what it adds up on the way are [`Sums`].

mod activity;
mod auth_attempts;
mod capacity;
mod counter;
mod fields;
pub mod flows;
mod history;
pub mod reset;
mod room;
pub mod series;
mod statistics;
mod sums;
mod tally;
pub mod ticker;
mod totals;
mod traffic;

pub use activity::{Activity, Kind};
pub use auth_attempts::{Attempts, AuthAttempts, Protocol, Source};
pub use capacity::Capacity;
pub use counter::{Counter, Counters};
pub use fields::{ChurnField, ExchangeField, MessageField, NodeField, TrafficField};
pub use history::History;
pub use statistics::Statistics;
pub use sums::{ChannelSums, QueueSums, Sums, TrafficSums};
pub use tally::Tally;
pub(crate) use totals::count_one;
pub use totals::{
    BrokerTotals, Churn, ChurnCounts, ExchangeTotals, MESSAGE_SIZES, MessageSizes, Sizes, Totals,
    TypeTotals,
};
pub use traffic::TrafficTotals;
