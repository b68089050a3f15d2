//! `confirm.select`.

use ferrymq_amqp::AMQPClass;
use ferrymq_amqp::method::confirm;

use crate::error::Error;
use crate::session::channel::{Channel, Mode};
use crate::session::context::Context;

impl Channel {
    /// `confirm.select`: the next publish has sequence number 1. Again: nothing changes.
    pub(in crate::session) fn confirm_select(
        &mut self,
        context: &mut Context,
        select: &confirm::Select,
    ) -> Result<(), Error> {
        match self.mode {
            Mode::Plain => {
                self.mode = Mode::Confirm(Box::default());
                self.entry.set_confirming();
            }
            Mode::Confirm(_) => {}
            Mode::Transaction(_) => {
                let text = "cannot switch from tx to confirm mode";
                return Err(Error::PreconditionFailed(text.into()));
            }
        }
        let ok = confirm::AMQPMethod::SelectOk(confirm::SelectOk {});
        context.reply(self.id, select.nowait, AMQPClass::Confirm(ok));
        Ok(())
    }
}
