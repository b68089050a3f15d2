//! What somebody who is no client asks of a session: to cancel a consumer, to change a prefetch, to tell what is unacked,
//! to give it back.
//! The session answers when its task comes to it.

use std::fmt;
use std::sync::Arc;

use ferrymq_amqp::method::basic;
use ferrymq_amqp::{AMQPClass, ShortString};
use tokio::sync::oneshot;

use crate::clock::CompactTimestamp;
use crate::queue::Return;
use crate::queue::entry::Entry;
use crate::queue::shared::SharedQueue;
use crate::session::channels::Channels;
use crate::session::consumers::Consumer;
use crate::session::transaction::Outcome;

/// A question or an order, and where the answer goes.
pub enum Request {
    /// End a consumer, and tell the client.
    Cancel {
        /// The consumer's channel,
        channel: u16,
        /// and its tag there.
        tag: String,
        /// Was there one?
        answer: oneshot::Sender<bool>,
    },
    /// Change what `basic.qos` set on a channel, also for the consumers that are there.
    SetPrefetch {
        /// The channel.
        channel: u16,
        /// Unacked deliveries at a time, for each consumer; 0: no limit.
        prefetch: u16,
        /// Was there one?
        answer: oneshot::Sender<bool>,
    },
    /// Tell what of a queue is unacked.
    Unacked {
        /// The queue.
        queue: Arc<SharedQueue>,
        /// At most so many.
        most: usize,
        /// The deliveries, channel by channel.
        answer: oneshot::Sender<Vec<HeldDelivery>>,
    },
    /// Give back what of a queue is unacked.
    Requeue {
        /// The queue.
        queue: Arc<SharedQueue>,
        /// Only these.
        which: Held,
        /// How many there were.
        answer: oneshot::Sender<usize>,
    },
}

/// Which deliveries of a connection; what is `None` may be any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// Those on this channel,
    pub channel: Option<u16>,
    /// of this consumer,
    pub consumer_tag: Option<String>,
    /// with this tag.
    pub delivery_tag: Option<u64>,
}

/// A delivery that a consumer has not settled.
#[derive(Debug, Clone)]
pub struct HeldDelivery {
    /// The channel that it was sent on,
    pub channel: u16,
    /// and its tag there.
    pub delivery_tag: u64,
    /// Its consumer; `None`: it was got by `basic.get`.
    pub consumer_tag: Option<String>,
    /// When it was sent.
    pub sent_at: CompactTimestamp,
    /// The message, at its place in its queue.
    pub entry: Entry,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancel { channel, tag, .. } => write!(f, "cancel '{tag}' on channel {channel}"),
            Self::SetPrefetch {
                channel, prefetch, ..
            } => write!(f, "prefetch {prefetch} on channel {channel}"),
            Self::Unacked { queue, .. } => write!(f, "unacked of '{}'", queue.name),
            Self::Requeue { queue, which, .. } => write!(f, "back to '{}': {which:?}", queue.name),
        }
    }
}

impl Held {
    fn is_of(&self, consumer: &Consumer) -> bool {
        let wanted = self.consumer_tag.as_deref();
        wanted.is_none_or(|tag| !consumer.tag.is_empty() && tag == consumer.tag())
    }
}

impl Channels {
    /// Does what was asked. Whoever has asked may have gone meanwhile.
    pub(crate) fn handle_request(&mut self, request: Request) {
        match request {
            Request::Cancel {
                channel,
                tag,
                answer,
            } => {
                let _ = answer.send(self.cancel_consumer(channel, &tag));
            }
            Request::SetPrefetch {
                channel,
                prefetch,
                answer,
            } => {
                let _ = answer.send(self.set_prefetch(channel, prefetch));
            }
            Request::Unacked {
                queue,
                most,
                answer,
            } => {
                let _ = answer.send(self.held(&queue, most));
            }
            Request::Requeue {
                queue,
                which,
                answer,
            } => {
                let _ = answer.send(self.requeue_held(&queue, &which));
            }
        }
    }

    /// Ends a consumer; a client that understands it is told. What it has not settled stays with it.
    fn cancel_consumer(&mut self, id: u16, tag: &str) -> bool {
        let Some(number) = self.context.consumers.find(id, tag) else {
            return false;
        };
        self.end_replies(id, number);
        self.context.end_consumer(number);
        self.drain_outbox(true);
        let context = &mut self.context;
        context.consumers.remove_if_done(number);
        context.finish_work();
        let closing = self.open.get(&id).is_none_or(|open| open.is_closing());
        if context.capabilities.consumer_cancel_notify && !closing {
            let cancel = basic::Cancel {
                consumer_tag: ShortString::from(tag),
                nowait: true,
            };
            context.send(id, AMQPClass::Basic(basic::AMQPMethod::Cancel(cancel)));
        }
        true
    }

    /// What the client has asked for with `basic.qos` counts no more. The limit that a channel's consumers share stays.
    fn set_prefetch(&mut self, id: u16, prefetch: u16) -> bool {
        let Some(channel) = self.open.get_mut(&id).filter(|open| !open.is_closing()) else {
            return false;
        };
        channel.set_prefetch(prefetch);
        let context = &mut self.context;
        for number in context.consumers.of_channel(id) {
            let Some(consumer) = context.consumers.get(number) else {
                continue;
            };
            if let Some(entry) = consumer.entry.upgrade() {
                entry.prefetch.set(prefetch.into());
            }
            if let (Some(queue), Some(slot)) = (&consumer.queue, consumer.slot) {
                queue.run(&mut context.work, |queue, effects| {
                    queue.set_prefetch(slot, prefetch, effects);
                });
            }
        }
        context.finish_work();
        true
    }

    /// Deliveries go back to their places, as if the client had sent `basic.nack` with requeue. It is not told:
    /// AMQP has no word for it. So it may settle them yet, which then does nothing.
    fn requeue_held(&mut self, queue: &Arc<SharedQueue>, which: &Held) -> usize {
        let Self { open, context, .. } = self;
        let mut count = 0;
        for channel in open.values_mut() {
            if which.channel.is_some_and(|wanted| wanted != channel.id) {
                continue;
            }
            let consumers = &context.consumers;
            let mut taken = channel.unacked.withdraw(|delivery| {
                let tag = which.delivery_tag;
                tag.is_none_or(|tag| tag == delivery.delivery_tag)
                    && consumers.get(delivery.consumer).is_some_and(|consumer| {
                        let of_queue = consumer.queue.as_ref();
                        of_queue.is_some_and(|of_queue| Arc::ptr_eq(of_queue, queue))
                            && which.is_of(consumer)
                    })
            });
            if taken.is_empty() {
                continue;
            }
            count += taken.len();
            channel.note_settled(context.now);
            channel.carry_out(context, Outcome::Requeue(Return::Nacked), &mut taken);
        }
        context.finish_work();
        count
    }

    fn held(&self, queue: &Arc<SharedQueue>, most: usize) -> Vec<HeldDelivery> {
        let consumers = &self.context.consumers;
        let all = self.open.values();
        let all = all.flat_map(|channel| {
            let unacked = channel.unacked.iter();
            unacked.map(move |delivery| (channel.id, delivery))
        });
        let theirs = all.filter_map(|(channel, delivery)| {
            let consumer = consumers.get(delivery.consumer)?;
            let of_queue = consumer.queue.as_ref();
            of_queue.filter(|of_queue| Arc::ptr_eq(of_queue, queue))?;
            Some(HeldDelivery {
                channel,
                delivery_tag: delivery.delivery_tag,
                consumer_tag: (!consumer.tag.is_empty()).then(|| consumer.tag().to_owned()),
                sent_at: delivery.sent_at,
                entry: delivery.entry.clone(),
            })
        });
        theirs.take(most).collect()
    }
}
