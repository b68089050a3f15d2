//! Transaction mode of one channel: publishes and settlements held back until commit.

use std::sync::Arc;

use crate::message::Message;
use crate::queue::Return;
use crate::session::unacked::Unacked;
use crate::vhost::Route;

/// What becomes of deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done with.
    Ack,
    /// Rejected for good.
    Reject,
    /// Back to their queues.
    Requeue(Return),
}

/// A publish that waits for commit. Its route was found when it was published.
pub struct HeldPublish {
    /// The message.
    pub message: Message,
    /// Where it goes.
    pub route: Arc<Route>,
    /// Return it when it reaches no queue.
    pub mandatory: bool,
}

/// What a channel has done since `tx.select`, the last commit or the last rollback.
#[derive(Default)]
pub struct Transaction {
    /// Messages, in order.
    pub publishes: Vec<HeldPublish>,
    /// Settled deliveries, in order.
    pub settlements: Vec<(Outcome, Vec<Unacked>)>,
}
