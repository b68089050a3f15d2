//! All channels of an opened connection: opening, closing, and whose frame it is.

use std::collections::HashMap;

use bytes::Bytes;
use ferrymq_amqp::method::{self, Method, basic, channel};
use ferrymq_amqp::{AMQPClass, Frame, FrameKind, ShortString, reply_code};
use ferrymq_store::CommitPoint;

use crate::error::Error;
use crate::events::Event;
use crate::session::channel::{Channel, Mode};
use crate::session::context::Context;
use crate::session::deliveries::Asked;
use crate::session::publishing::BASIC_PUBLISH;
use crate::stats::{Kind, count_one};

/// A refusal, and the method that it answers.
#[derive(Debug)]
pub struct Failure {
    /// Why.
    pub error: Error,
    /// Class and method, 0 when none.
    pub method: (u16, u16),
}

impl Failure {
    /// `error` in answer to class and method.
    pub fn new(error: Error, method: (u16, u16)) -> Self {
        Self { error, method }
    }
}

/// The channels, and what they share.
pub struct Channels {
    /// By number; also those whose `channel.close-ok` is still to come.
    pub open: HashMap<u16, Box<Channel>, foldhash::fast::RandomState>,
    /// What they share.
    pub context: Context,
    /// What came out of the outbox for the connection as a whole, whoever drained it.
    pub asked: Asked,
}

impl Channels {
    /// No channel yet.
    pub fn new(context: Context) -> Self {
        Self {
            open: HashMap::default(),
            context,
            asked: Asked::default(),
        }
    }

    /// Gives memory back that an idle connection does not need.
    pub fn release_idle(&mut self) {
        self.context.release_idle();
    }

    /// Handles a frame of a channel.
    ///
    /// # Errors
    /// Whatever is wrong with it. An error that only closes the channel has been dealt with.
    #[inline]
    pub fn handle_frame(&mut self, frame: Frame<'_>) -> Result<(), Failure> {
        let id = frame.channel;
        self.flush_others(id);
        let Some(channel) = self
            .open
            .get_mut(&id)
            .filter(|channel| !channel.is_closing())
        else {
            return self.handle_unopened(frame);
        };
        let context = &mut self.context;
        let result = match frame.kind {
            FrameKind::Method => match channel.publish_again(context, frame.payload) {
                Ok(true) => Ok(()),
                Ok(false) => self.handle_method(id, frame.payload),
                Err(error) => Err(publish_failure(error)),
            },
            FrameKind::Header => channel
                .handle_header(context, frame.payload)
                .map_err(publish_failure),
            FrameKind::Body => channel
                .handle_body(context, frame.payload)
                .map_err(publish_failure),
            FrameKind::Heartbeat => Err(Failure::new(
                Error::UnexpectedFrame(format!("heartbeat on channel {id}")),
                (0, 0),
            )),
        };
        result.or_else(|failure| self.fail_channel(id, failure))
    }

    /// Handles a method frame of an open channel.
    fn handle_method(&mut self, id: u16, payload: &[u8]) -> Result<(), Failure> {
        let refused = |error| Failure::new(error, numbers(payload));
        let Some(channel) = self.open.get_mut(&id) else {
            return Err(not_open(numbers(payload)));
        };
        channel.content.expect_method().map_err(refused)?;
        match decode(payload)? {
            Method::Other(AMQPClass::Channel(method)) => self.handle_channel_method(id, method),
            Method::Other(AMQPClass::Basic(basic::AMQPMethod::Cancel(cancel))) => {
                self.flush_all();
                self.basic_cancel(id, cancel);
                Ok(())
            }
            method => channel
                .handle_method(&mut self.context, method, payload)
                .map_err(refused),
        }
    }

    /// Handles a large body frame, whose payload is a slice of the read buffer.
    ///
    /// # Errors
    /// As [`Channels::handle_frame`].
    pub fn handle_shared_body(&mut self, id: u16, payload: Bytes) -> Result<(), Failure> {
        self.flush_others(id);
        let Some(channel) = self.open.get_mut(&id) else {
            return Err(not_open((0, 0)));
        };
        if channel.is_closing() {
            return Ok(());
        }
        channel
            .handle_shared_body(&mut self.context, payload)
            .or_else(|error| self.fail_channel(id, publish_failure(error)))
    }

    /// Ends a batch of input: publishes reach their queues, and confirms that are due go out.
    pub fn finish_batch(&mut self) {
        self.flush_all();
        self.send_confirms();
        self.context.finish_work();
    }

    /// Sends the confirms that are due; gives the point that the others wait for.
    pub fn send_confirms(&mut self) {
        let Self { open, context, .. } = self;
        let committed = context.broker.store().committed();
        let mut confirming = std::mem::take(&mut context.confirming);
        let mut awaited: Option<CommitPoint> = None;
        confirming.retain(|id| {
            let Some(Channel {
                mode: Mode::Confirm(confirms),
                entry,
                flows,
                ..
            }) = open.get_mut(id).map(|channel| &mut **channel)
            else {
                return false;
            };
            while let Some(confirmed) = confirms.advance(committed) {
                let (tag, multiple) = (confirmed.delivery_tag, confirmed.multiple);
                let kind = match confirmed.refused {
                    false => Kind::Confirm,
                    true => Kind::Nack,
                };
                entry.counters.add(kind, confirmed.count);
                context.tally.publishing(kind, confirmed.count);
                if let Some(flows) = flows {
                    flows.confirmed(kind, confirmed.count);
                }
                context.outbound.append(|out| match confirmed.refused {
                    false => method::encode_ack(out, *id, tag, multiple),
                    true => method::encode_nack(out, *id, tag, multiple),
                });
            }
            let next = confirms.awaited();
            awaited = awaited.into_iter().chain(next).min();
            next.is_some()
        });
        context.confirming = confirming;
        if let Some(point) = awaited {
            context.wake_at(point);
        }
    }

    /// Ends everything, because the connection does: unacked deliveries go back, exclusive queues
    /// are deleted.
    pub fn end(&mut self) {
        self.flush_all();
        let mut ids: Vec<u16> = self.open.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            self.release_channel(id);
            self.open.remove(&id);
        }
        let context = &mut self.context;
        for queue in context.exclusive_queues.take() {
            context.vhost.remove_queue(&queue, &mut context.work);
        }
        context.work.dirty.wake();
    }

    /// Closes a channel for `failure`.
    ///
    /// # Errors
    /// Gives one back that concerns the whole connection.
    pub fn fail_channel(&mut self, id: u16, failure: Failure) -> Result<(), Failure> {
        let code = failure.error.reply_code();
        if code.closes_connection() {
            return Err(failure);
        }
        tracing::error!(
            conn = self.context.actor.connection.map_or(0, |id| id.0),
            channel = id,
            user = self.context.actor.user.name(),
            vhost = &**self.context.vhost.name(),
            code = code.code(),
            "Channel error on connection {} ({}, vhost: '{}', user: '{}'), channel {id}: \
             operation {} caused a channel exception {}: {}",
            self.context.actor.connection.map_or(0, |id| id.0),
            self.context.endpoints,
            self.context.vhost.name(),
            self.context.actor.user.name(),
            method::name(failure.method.0, failure.method.1).unwrap_or("none"),
            code.name().to_ascii_lowercase(),
            failure.error,
        );
        if let Some(channel) = self.open.get_mut(&id) {
            channel.flush(&mut self.context);
            channel.close_begins();
        }
        self.send_confirms();
        self.release_channel(id);
        let text = reply_code::reply_text(code, &failure.error);
        let close = channel::Close {
            reply_code: code.code(),
            reply_text: ShortString::from(text),
            class_id: failure.method.0,
            method_id: failure.method.1,
        };
        let close = channel::AMQPMethod::Close(close);
        self.context.send(id, AMQPClass::Channel(close));
        Ok(())
    }

    /// A frame for a channel that is not open: it may open one, or come late for a closing one.
    fn handle_unopened(&mut self, frame: Frame<'_>) -> Result<(), Failure> {
        let closing = self.open.contains_key(&frame.channel);
        let method = match frame.kind {
            FrameKind::Method => decode(frame.payload)?,
            _ if closing => return Ok(()),
            _ => return Err(not_open((0, 0))),
        };
        match method {
            Method::Other(AMQPClass::Channel(method)) => {
                self.handle_channel_method(frame.channel, method)
            }
            _ if closing => Ok(()),
            _ => Err(not_open(numbers(frame.payload))),
        }
    }

    fn handle_channel_method(
        &mut self,
        id: u16,
        method: channel::AMQPMethod,
    ) -> Result<(), Failure> {
        use channel::AMQPMethod as Channel;
        self.flush_all();
        let closing = self.open.get(&id).map(|channel| channel.is_closing());
        match (method, closing) {
            (Channel::Open(_), None) => self.open_channel(id),
            (Channel::Open(_), Some(false)) => Err(Failure::new(
                Error::Channel("second 'channel.open' seen".into()),
                (20, 10),
            )),
            (Channel::Close(_), Some(_)) => {
                self.close_channel(id);
                Ok(())
            }
            (Channel::CloseOk(_), Some(true)) => {
                self.open.remove(&id);
                Ok(())
            }
            (_, Some(true)) => Ok(()),
            (Channel::Flow(flow), Some(false)) => self.flow(id, flow.active),
            (Channel::FlowOk(_), Some(false)) => Ok(()),
            (Channel::CloseOk(_) | Channel::OpenOk(_), Some(false)) => Err(Failure::new(
                Error::CommandInvalid("unexpected method on an open channel".into()),
                (20, 41),
            )),
            // Both sides closed at once, and ours was answered last.
            (Channel::CloseOk(_), None) => Ok(()),
            (_, None) => Err(not_open((20, 40))),
        }
    }

    fn open_channel(&mut self, id: u16) -> Result<(), Failure> {
        let max = self.context.limits.channel_max;
        if self.open.len() >= usize::from(max) {
            let text = format!(
                "number of channels opened ({}) has reached the negotiated channel_max ({max})",
                self.open.len(),
            );
            return Err(Failure::new(Error::NotAllowed(text), (20, 10)));
        }
        let context = &self.context;
        let tickets = context
            .admission
            .open_channel(&context.broker, &context.vhost);
        let tickets = tickets.map_err(|error| Failure::new(error, (20, 10)))?;
        let room = context.broker.totals().flows.as_ref();
        let entry = context.entry.add_channel(id, room);
        let channel = Box::new(Channel::new(id, tickets, entry));
        self.open.insert(id, channel);
        count_one(&context.broker.totals().churn.channels_created);
        let events = context.broker.events();
        events.emit(|| Event::ChannelCreated(context.channel_event(id)));
        let ok = channel::AMQPMethod::OpenOk(channel::OpenOk {});
        self.context.send(id, AMQPClass::Channel(ok));
        Ok(())
    }

    /// The client closes a channel, perhaps at the same time as we do.
    fn close_channel(&mut self, id: u16) {
        if let Some(channel) = self.open.get_mut(&id) {
            channel.close_begins();
        }
        self.release_channel(id);
        self.open.remove(&id);
        let ok = channel::AMQPMethod::CloseOk(channel::CloseOk {});
        self.context.send(id, AMQPClass::Channel(ok));
    }

    fn flow(&mut self, id: u16, active: bool) -> Result<(), Failure> {
        if !active {
            let text = "channel.flow(active=false) is not supported".into();
            return Err(Failure::new(Error::NotImplemented(text), (20, 20)));
        }
        let ok = channel::AMQPMethod::FlowOk(channel::FlowOk { active });
        self.context.send(id, AMQPClass::Channel(ok));
        Ok(())
    }

    /// A run of publishes ends when another channel has its turn.
    #[inline]
    fn flush_others(&mut self, id: u16) {
        let publishing = &self.context.publishing;
        if !publishing.is_empty() && publishing.channel != id {
            self.flush_all();
        }
    }

    fn flush_all(&mut self) {
        if self.context.publishing.is_empty() {
            return;
        }
        if let Some(channel) = self.open.get_mut(&self.context.publishing.channel) {
            channel.flush(&mut self.context);
        }
    }
}

#[inline]
fn decode(payload: &[u8]) -> Result<Method<'_>, Failure> {
    method::decode(payload).map_err(|why| {
        let error = match why {
            method::MethodError::Unknown { .. } => Error::CommandInvalid(why.to_string()),
            _ => Error::Frame(why.to_string()),
        };
        Failure::new(error, numbers(payload))
    })
}

/// Class and method at the front of a method frame's payload.
pub fn numbers(payload: &[u8]) -> (u16, u16) {
    match payload {
        [c0, c1, m0, m1, ..] => (
            u16::from_be_bytes([*c0, *c1]),
            u16::from_be_bytes([*m0, *m1]),
        ),
        _ => (0, 0),
    }
}

fn publish_failure(error: Error) -> Failure {
    Failure::new(error, BASIC_PUBLISH)
}

fn not_open(method: (u16, u16)) -> Failure {
    Failure::new(Error::Channel("expected 'channel.open'".into()), method)
}
