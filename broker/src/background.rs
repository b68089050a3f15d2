//! What a running broker does beside serving its connections: a task for each concern, until it
//! stops.

use std::sync::Arc;

use crate::broker::Broker;
use crate::stats::ticker;
use crate::{paging, resources, timers, transfers};

/// Starts everything that belongs to a running broker but its listeners.
pub fn start(broker: &Arc<Broker>) {
    tokio::spawn(resources::watch(Arc::clone(broker)));
    tokio::spawn(paging::run(Arc::clone(broker)));
    tokio::spawn(timers::run(Arc::clone(broker)));
    tokio::spawn(transfers::run(Arc::clone(broker)));
    tokio::spawn(ticker::run(Arc::clone(broker)));
}
