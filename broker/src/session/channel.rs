//! One channel: its state, and which of its methods does what.

use std::sync::Arc;

use bytes::Bytes;
use ferrymq_amqp::AMQPClass;
use ferrymq_amqp::method::{self, Method, basic, confirm, exchange, queue, tx};
use ferrymq_routing::QueueName;

use crate::clients::ClientChannel;
use crate::error::Error;
use crate::limits::Ticket;
use crate::queue::Return;
use crate::queue::consumers::ChannelLimit;
use crate::session::confirms::Confirms;
use crate::session::content::Content;
use crate::session::context::Context;
use crate::session::flows::PublisherFlows;
use crate::session::outbox::ConsumerNumber;
use crate::session::transaction::{Outcome, Transaction};
use crate::session::unacked::UnackedList;

/// What `confirm.select` or `tx.select` made of a channel.
#[derive(Default)]
pub enum Mode {
    /// Neither.
    #[default]
    Plain,
    /// Publishes are answered.
    Confirm(Box<Confirms>),
    /// Publishes and settlements wait for commit.
    Transaction(Box<Transaction>),
}

/// An open channel.
pub struct Channel {
    /// Its number on the connection.
    pub id: u16,
    /// The message that is coming in.
    pub content: Content,
    /// Confirm or transaction mode.
    pub mode: Mode,
    /// Deliveries that wait for an ack.
    pub unacked: UnackedList,
    /// What `basic.qos` set for consumers to come; 0: no limit.
    pub prefetch: u16,
    /// What `basic.qos` set for the whole channel.
    pub limit: Arc<ChannelLimit>,
    /// What an empty queue name means.
    pub last_queue: Option<QueueName>,
    /// The consumer of direct reply-to, and the name that answers are sent to.
    pub reply_consumer: Option<(ConsumerNumber, Box<str>)>,
    /// `channel.close` is on its way, one way or the other: nothing is handled any more.
    closing: bool,
    /// What it held was given back.
    pub released: bool,
    /// What others see of it.
    pub entry: Arc<ClientChannel>,
    /// What it publishes, by exchange and queue; none unless that is counted.
    pub flows: Option<Box<PublisherFlows>>,
    /// It counts as a publisher, once it has published something.
    pub publisher: Option<Ticket>,
    /// It counts, as its user's, the broker's and its vhost's.
    _tickets: [Ticket; 3],
}

impl Channel {
    /// A channel just opened, which `tickets` count.
    pub fn new(id: u16, tickets: [Ticket; 3], entry: Arc<ClientChannel>) -> Self {
        let flows = entry.flows.as_ref();
        let flows = flows.map(|flows| Box::new(PublisherFlows::new(flows)));
        Self {
            id,
            entry,
            flows,
            publisher: None,
            _tickets: tickets,
            content: Content::default(),
            mode: Mode::Plain,
            unacked: UnackedList::default(),
            prefetch: 0,
            limit: Arc::default(),
            last_queue: None,
            reply_consumer: None,
            closing: false,
            released: false,
        }
    }

    /// Does it only wait for its close to be answered?
    #[inline]
    pub fn is_closing(&self) -> bool {
        self.closing
    }

    /// From now on whatever comes for it is ignored.
    pub fn close_begins(&mut self) {
        self.closing = true;
        self.content = Content::default();
    }

    /// Handles a method on the open channel, but for `channel.*` and
    /// `basic.cancel`, which its connection handles.
    ///
    /// # Errors
    /// Whatever the method refuses.
    #[inline]
    pub fn handle_method(
        &mut self,
        context: &mut Context,
        method: Method<'_>,
        payload: &[u8],
    ) -> Result<(), Error> {
        match method {
            Method::Publish(publish) => return self.basic_publish(context, &publish),
            Method::Ack {
                delivery_tag,
                multiple,
            } => {
                self.flush(context);
                return self.settle(context, delivery_tag, multiple, Outcome::Ack);
            }
            _ => self.flush(context),
        }
        match method {
            Method::Nack {
                delivery_tag,
                multiple,
                requeue,
            } => self.settle(
                context,
                delivery_tag,
                multiple,
                outcome(requeue, Return::Nacked),
            ),
            Method::Reject {
                delivery_tag,
                requeue,
            } => self.settle(
                context,
                delivery_tag,
                false,
                outcome(requeue, Return::Rejected),
            ),
            Method::Other(class) => self.handle_class(context, class, payload),
            Method::Publish(_) | Method::Ack { .. } => Ok(()),
        }
    }

    /// Handles a content header.
    ///
    /// # Errors
    /// Out of turn, malformed, too large; or whatever the publish refuses.
    #[inline]
    pub fn handle_header(&mut self, context: &mut Context, payload: &[u8]) -> Result<(), Error> {
        let max = context.limits.max_message_bytes;
        if self.content.header(payload, max)? {
            return self.publish(context);
        }
        Ok(())
    }

    /// Handles a piece of a body.
    ///
    /// # Errors
    /// Out of turn, too long; or whatever the publish refuses.
    #[inline]
    pub fn handle_body(&mut self, context: &mut Context, payload: &[u8]) -> Result<(), Error> {
        if self.content.body(payload)? {
            return self.publish(context);
        }
        Ok(())
    }

    /// Handles a large piece of a body, as a slice of the read buffer.
    ///
    /// # Errors
    /// As [`Channel::handle_body`].
    pub fn handle_shared_body(
        &mut self,
        context: &mut Context,
        payload: Bytes,
    ) -> Result<(), Error> {
        if self.content.shared_body(payload)? {
            return self.publish(context);
        }
        Ok(())
    }

    /// The name that an empty queue name stands for.
    ///
    /// # Errors
    /// 404 when this channel has declared none.
    pub fn queue_name(&self, name: &str) -> Result<String, Error> {
        if !name.is_empty() {
            return Ok(stripped(name));
        }
        match &self.last_queue {
            Some(last) => Ok(last.as_str().to_owned()),
            None => Err(Error::NoPreviousQueue),
        }
    }

    fn handle_class(
        &mut self,
        context: &mut Context,
        class: AMQPClass,
        payload: &[u8],
    ) -> Result<(), Error> {
        // Whoever asks sees what was settled before.
        context.finish_work();
        match class {
            AMQPClass::Basic(method) => self.handle_basic(context, method, payload),
            AMQPClass::Queue(method) => self.handle_queue(context, method),
            AMQPClass::Exchange(method) => self.handle_exchange(context, method),
            AMQPClass::Confirm(confirm::AMQPMethod::Select(select)) => {
                self.confirm_select(context, &select)
            }
            AMQPClass::Tx(tx::AMQPMethod::Select(_)) => self.tx_select(context),
            AMQPClass::Tx(tx::AMQPMethod::Commit(_)) => self.tx_commit(context),
            AMQPClass::Tx(tx::AMQPMethod::Rollback(_)) => self.tx_rollback(context),
            AMQPClass::Access(method::access::AMQPMethod::Request(_)) => {
                let ok = method::access::AMQPMethod::RequestOk(method::access::RequestOk {});
                context.send(self.id, AMQPClass::Access(ok));
                Ok(())
            }
            other => Err(out_of_place(&other)),
        }
    }

    fn handle_basic(
        &mut self,
        context: &mut Context,
        method: basic::AMQPMethod,
        payload: &[u8],
    ) -> Result<(), Error> {
        use basic::AMQPMethod as Basic;
        match method {
            Basic::Qos(qos) => self.basic_qos(context, &qos, payload),
            Basic::Consume(consume) => self.basic_consume(context, consume),
            Basic::Get(get) => self.basic_get(context, &get),
            Basic::Recover(recover) => self.basic_recover(context, recover.requeue, true),
            Basic::RecoverAsync(recover) => self.basic_recover(context, recover.requeue, false),
            // An answer to our own `basic.cancel`: not needed, tolerated.
            Basic::CancelOk(_) => Ok(()),
            other => Err(out_of_place(&AMQPClass::Basic(other))),
        }
    }

    fn handle_queue(
        &mut self,
        context: &mut Context,
        method: queue::AMQPMethod,
    ) -> Result<(), Error> {
        use queue::AMQPMethod as Queue;
        match method {
            Queue::Declare(declare) => self.queue_declare(context, declare),
            Queue::Bind(bind) => self.queue_bind(context, bind),
            Queue::Unbind(unbind) => self.queue_unbind(context, unbind),
            Queue::Purge(purge) => self.queue_purge(context, &purge),
            Queue::Delete(delete) => self.queue_delete(context, &delete),
            other => Err(out_of_place(&AMQPClass::Queue(other))),
        }
    }

    fn handle_exchange(
        &mut self,
        context: &mut Context,
        method: exchange::AMQPMethod,
    ) -> Result<(), Error> {
        use exchange::AMQPMethod as Exchange;
        match method {
            Exchange::Declare(declare) => self.exchange_declare(context, declare),
            Exchange::Delete(delete) => self.exchange_delete(context, &delete),
            Exchange::Bind(bind) => self.exchange_bind(context, bind),
            Exchange::Unbind(unbind) => self.exchange_unbind(context, unbind),
            other => Err(out_of_place(&AMQPClass::Exchange(other))),
        }
    }
}

/// A method that only the server sends, or that has no business on a channel.
fn out_of_place(class: &AMQPClass) -> Error {
    let name = method::name(class.get_amqp_class_id(), class.get_amqp_method_id());
    Error::CommandInvalid(format!(
        "unexpected method {}",
        name.unwrap_or("of a connection")
    ))
}

fn outcome(requeue: bool, how: Return) -> Outcome {
    match requeue {
        true => Outcome::Requeue(how),
        false => Outcome::Reject,
    }
}

/// A name as RabbitMQ keeps it: without CR and LF.
pub fn stripped(name: &str) -> String {
    name.replace(['\r', '\n'], "")
}
