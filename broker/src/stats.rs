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
//! stays in the totals when the channel has gone: they never fall. How all of it went over time: [`series`].

mod activity;
mod counter;
pub mod series;
mod tally;
mod totals;

pub use activity::{Activity, Kind};
pub use counter::{Counter, Counters};
pub use tally::Tally;
pub(crate) use totals::count_one;
pub use totals::{
    BrokerTotals, Churn, ExchangeTotals, MESSAGE_SIZES, MessageSizes, Sizes, Totals, TypeTotals,
};
