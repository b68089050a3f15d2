//! What a broker says to publishes: confirms, commits, and messages that come back.

use ferrymq_amqp::method::{self, AMQPClass, Method, basic, confirm, tx};

use super::connection::{Connection, check_close, unexpected};
use super::lane::Lane;
use super::{Error, Load};

/// Asks for them, as far as the load wants to know.
pub(super) fn select_answers(
    connection: &mut Connection,
    channel: u16,
    args: &Load,
) -> Result<(), Error> {
    if args.publishing.producer_tx > 0 {
        return connection.select_transactions(channel);
    }
    if args.publishing.confirm == 0 {
        return Ok(());
    }
    let select = confirm::AMQPMethod::Select(confirm::Select::default());
    match connection.call_on(channel, AMQPClass::Confirm(select))? {
        AMQPClass::Confirm(confirm::AMQPMethod::SelectOk(_)) => Ok(()),
        other => Err(unexpected("confirm.select-ok", &other)),
    }
}

/// What the broker said in one batch.
#[derive(Default)]
pub(super) struct Said {
    pub(super) confirmed: u64,
    pub(super) nacked: u64,
    pub(super) returned: u64,
    /// When the messages were sent that are settled and timed.
    pub(super) times: Vec<u64>,
}

impl Said {
    /// Takes a method; `lane` is the one of its channel.
    pub(super) fn handle_method(
        &mut self,
        payload: &[u8],
        lane: Option<&mut Lane>,
    ) -> Result<(), Error> {
        match (method::decode(payload)?, lane) {
            (
                Method::Ack {
                    delivery_tag,
                    multiple,
                },
                Some(lane),
            ) => self.confirmed += settle(lane, delivery_tag, multiple, &mut self.times)?,
            (
                Method::Nack {
                    delivery_tag,
                    multiple,
                    ..
                },
                Some(lane),
            ) => self.nacked += settle(lane, delivery_tag, multiple, &mut self.times)?,
            (Method::Other(AMQPClass::Tx(tx::AMQPMethod::CommitOk(_))), Some(lane)) => {
                self.confirmed += lane.committed(&mut self.times);
            }
            (Method::Other(AMQPClass::Basic(basic::AMQPMethod::Return(_))), _) => {
                self.returned += 1;
            }
            (Method::Other(class), _) => drop(check_close(class)?),
            _ => {}
        }
        Ok(())
    }
}

fn settle(lane: &mut Lane, tag: u64, multiple: bool, times: &mut Vec<u64>) -> Result<u64, Error> {
    lane.settle(tag, multiple, times)
        .map_err(|_| Error::Unexpected {
            expected: "a confirm of something unconfirmed",
            received: format!("one of {tag}"),
        })
}
