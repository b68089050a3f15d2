//! What passed between whom. Counted with `statistics.rates_mode = "detailed"` only: otherwise none of this exists.
//!
//! ```text
//! channel, exchange           published, confirmed, returned, dropped  ┐ of the channel, written by its
//! channel, queue              fetched, delivered, redelivered, acked   │ connection's task alone
//! channel, exchange, queue    published                                ┘
//! exchange, queue             published: of the vhost, by all channels, those that are gone, too
//! ```
//!
//! A flow begins when something first passes, or a consumer comes, and ends with the first of its ends; the ticker
//! looks whether they are still there. All flows together are limited: what there is no room for is counted without being told apart.

mod channel;
mod identity;
mod room;
mod routed;
mod table;

pub use channel::{ChannelFlows, Flow};
pub use identity::Identity;
pub use room::FlowRoom;
pub use routed::{RoutedFlows, RoutedTotals};
pub use table::FlowTable;

use super::ExchangeTotals;
use crate::queue::shared::SharedQueue;

/// An exchange and a queue that it led to.
pub type RoutedEnds = (Identity<ExchangeTotals>, Identity<SharedQueue>);
