//! What is done again and again, and its opposite.

use amq_protocol::uri::AMQPUri;
use ferrymq_amqp::content::{NO_PROPERTIES, encode_content};
use ferrymq_amqp::method::{AMQPClass, basic, channel, queue};

use crate::perf::Error;
use crate::perf::connection::{CHANNEL, Connection, unexpected};
use crate::perf::declare::{declare_queue, delete_queue};

/// The exchange that is bound to.
const EXCHANGE: &str = "amq.direct";

/// The channel that is opened and closed.
const OTHER_CHANNEL: u16 = 2;

/// What connections publish.
const BODY: &[u8] = b"All aboard!";

/// What is made and unmade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Connection,
    Channel,
    Queue,
    Bind,
    Consumer,
}

impl Operation {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Channel => "channel",
            Self::Queue => "queue",
            Self::Bind => "bind",
            Self::Consumer => "consumer",
        }
    }
}

/// One of those who do it at the same time.
pub(crate) struct Worker {
    operation: Operation,
    uri: AMQPUri,
    /// None where connections are what is made.
    connection: Option<Connection>,
    /// A queue that is there, and the name of one that is not.
    queue: String,
    own_queue: String,
    durable: bool,
}

impl Worker {
    pub(crate) fn connect(
        operation: Operation,
        uri: AMQPUri,
        queue: String,
        own_queue: String,
        durable: bool,
    ) -> Result<Self, Error> {
        let connection = match operation {
            Operation::Connection => None,
            _ => Some(Connection::open(&uri, "perf churn")?),
        };
        Ok(Self {
            operation,
            uri,
            connection,
            queue,
            own_queue,
            durable,
        })
    }

    /// Does it once, there and back.
    pub(crate) fn perform(&mut self) -> Result<(), Error> {
        let Some(connection) = &mut self.connection else {
            return self.connect_and_publish();
        };
        match self.operation {
            Operation::Connection => Ok(()),
            Operation::Channel => open_and_close(connection),
            Operation::Queue => {
                let declare = queue::Declare {
                    queue: self.own_queue.as_str().into(),
                    durable: self.durable,
                    ..queue::Declare::default()
                };
                declare_queue(connection, declare)?;
                delete_queue(connection, &self.own_queue)
            }
            Operation::Bind => bind_and_unbind(connection, &self.queue, &self.own_queue),
            Operation::Consumer => consume_and_cancel(connection, &self.queue),
        }
    }

    pub(crate) fn close(self) -> Result<(), Error> {
        match self.connection {
            Some(connection) => connection.close().map(drop),
            None => Ok(()),
        }
    }

    fn connect_and_publish(&self) -> Result<(), Error> {
        let mut connection = Connection::open(&self.uri, "perf churn")?;
        let publish = basic::AMQPMethod::Publish(basic::Publish {
            routing_key: self.queue.as_str().into(),
            ..basic::Publish::default()
        });
        connection.send(AMQPClass::Basic(publish));
        let frame_max = connection.frame_max;
        let out = &mut connection.outbound;
        encode_content(out, CHANNEL, frame_max, NO_PROPERTIES, BODY);
        connection.close().map(drop)
    }
}

fn open_and_close(connection: &mut Connection) -> Result<(), Error> {
    connection.open_channel(OTHER_CHANNEL)?;
    let close = channel::AMQPMethod::Close(channel::Close {
        reply_code: 200,
        ..channel::Close::default()
    });
    match connection.call_on(OTHER_CHANNEL, AMQPClass::Channel(close))? {
        AMQPClass::Channel(channel::AMQPMethod::CloseOk(_)) => Ok(()),
        other => Err(unexpected("channel.close-ok", &other)),
    }
}

fn bind_and_unbind(connection: &mut Connection, queue: &str, key: &str) -> Result<(), Error> {
    let bind = queue::AMQPMethod::Bind(queue::Bind {
        queue: queue.into(),
        exchange: EXCHANGE.into(),
        routing_key: key.into(),
        ..queue::Bind::default()
    });
    match connection.call(AMQPClass::Queue(bind))? {
        AMQPClass::Queue(queue::AMQPMethod::BindOk(_)) => {}
        other => return Err(unexpected("queue.bind-ok", &other)),
    }
    let unbind = queue::AMQPMethod::Unbind(queue::Unbind {
        queue: queue.into(),
        exchange: EXCHANGE.into(),
        routing_key: key.into(),
        ..queue::Unbind::default()
    });
    match connection.call(AMQPClass::Queue(unbind))? {
        AMQPClass::Queue(queue::AMQPMethod::UnbindOk(_)) => Ok(()),
        other => Err(unexpected("queue.unbind-ok", &other)),
    }
}

fn consume_and_cancel(connection: &mut Connection, queue: &str) -> Result<(), Error> {
    let consume = basic::AMQPMethod::Consume(basic::Consume {
        queue: queue.into(),
        ..basic::Consume::default()
    });
    let consumer_tag = match connection.call(AMQPClass::Basic(consume))? {
        AMQPClass::Basic(basic::AMQPMethod::ConsumeOk(ok)) => ok.consumer_tag,
        other => return Err(unexpected("basic.consume-ok", &other)),
    };
    let cancel = basic::AMQPMethod::Cancel(basic::Cancel {
        consumer_tag,
        nowait: false,
    });
    match connection.call(AMQPClass::Basic(cancel))? {
        AMQPClass::Basic(basic::AMQPMethod::CancelOk(_)) => Ok(()),
        other => Err(unexpected("basic.cancel-ok", &other)),
    }
}
