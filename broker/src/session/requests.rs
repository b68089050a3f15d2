//! What somebody who is no client asks of a session: to cancel a consumer, to change a prefetch, to tell what is unacked.
//! The session answers when its task comes to it.

use std::fmt;
use std::sync::Arc;

use ferrymq_amqp::method::basic;
use ferrymq_amqp::{AMQPClass, ShortString};
use tokio::sync::oneshot;

use crate::queue::entry::Entry;
use crate::queue::shared::SharedQueue;
use crate::session::channels::Channels;

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
    /// When it was sent, in seconds since the Unix epoch.
    pub sent_at_seconds: u32,
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
        }
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
                sent_at_seconds: delivery.sent_at_seconds,
                entry: delivery.entry.clone(),
            })
        });
        theirs.take(most).collect()
    }
}
