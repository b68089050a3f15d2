//! What everybody who takes part in a load must know.

use amq_protocol::uri::AMQPUri;

use super::plan::Plan;
use super::{Error, Load};

/// The load, its queues, and where the broker is.
pub(super) struct Setup<'a> {
    pub(super) args: &'a Load,
    pub(super) plan: &'a Plan,
    uris: Vec<AMQPUri>,
}

impl<'a> Setup<'a> {
    pub(super) fn new(args: &'a Load, plan: &'a Plan) -> Result<Self, Error> {
        Ok(Self {
            args,
            plan,
            uris: args.broker.uris()?,
        })
    }

    /// Where the connection number `index` of its kind goes.
    pub(super) fn uri(&self, index: usize) -> &AMQPUri {
        &self.uris[index % self.uris.len()]
    }
}
