//! `basic.consume` and `basic.cancel`, also for direct reply-to.

use std::sync::{Arc, Weak};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ferrymq_amqp::method::basic;
use ferrymq_amqp::{AMQPClass, ShortString};

use crate::clients::{ClientConsumer, ConsumerCounters};
use crate::error::Error;
use crate::events::{ConsumerEvent, ConsumerMode, Event};
use crate::limits::{Limit, Reached};
use crate::names::Resource;
use crate::queue::arguments::QueueType;
use crate::queue::consumer_arguments::ConsumerArguments;
use crate::queue::consumers::{Port, Subscription};
use crate::queue::shared::SharedQueue;
use crate::reply_to::{self, Requester};
use crate::session::channel::Channel;
use crate::session::channels::Channels;
use crate::session::consumers::Consumer;
use crate::session::context::Context;
use crate::session::outbox::ConsumerNumber;
use crate::stats::{Counter, History};

impl Channels {
    /// `basic.cancel`. What was handed over before it goes out before the reply.
    pub(in crate::session) fn basic_cancel(&mut self, id: u16, cancel: basic::Cancel) {
        let tag = cancel.consumer_tag.as_str();
        if let Some(number) = self.context.consumers.find(id, tag) {
            self.end_replies(id, number);
            self.context.end_consumer(number);
            self.drain_outbox(true);
            self.context.consumers.remove_if_done(number);
            self.context.finish_work();
        }
        let ok = basic::CancelOk {
            consumer_tag: cancel.consumer_tag,
        };
        let ok = basic::AMQPMethod::CancelOk(ok);
        self.context.reply(id, cancel.nowait, AMQPClass::Basic(ok));
    }

    /// If `number` is the consumer of direct reply-to, answers go nowhere from now on.
    pub(in crate::session) fn end_replies(&mut self, id: u16, number: ConsumerNumber) {
        let Some(channel) = self.open.get_mut(&id) else {
            return;
        };
        let ended = channel
            .reply_consumer
            .take_if(|(consumer, _)| *consumer == number);
        if let Some((_, name)) = ended {
            self.context.broker.reply_to().remove(&name);
        }
    }
}

impl Channel {
    /// `basic.consume`. The reply goes out before the first delivery, which waits in the outbox.
    pub(in crate::session) fn basic_consume(
        &mut self,
        context: &mut Context,
        consume: basic::Consume,
    ) -> Result<(), Error> {
        let name = self.queue_name(consume.queue.as_str())?;
        let tag = match consume.consumer_tag.as_str() {
            "" => generated_tag(),
            tag => tag.to_owned(),
        };
        if name == reply_to::PSEUDO_QUEUE {
            return self.consume_replies(context, &consume, &tag);
        }
        let queue = context.vhost.readable_queue(&context.actor, &name)?;
        self.refuse_used_tag(context, &tag)?;
        self.check_consumer_limit(context)?;
        let queue_type = queue.declared.arguments.queue_type;
        let arguments = ConsumerArguments::parse(&consume.arguments, queue_type)
            .map_err(|why| why.on(Resource::queue(&name, context.vhost.name())))?;
        let counters = Arc::new(ConsumerCounters::default());
        let entry = Arc::new(ClientConsumer {
            tag: tag.clone(),
            vhost: Arc::clone(&queue.vhost),
            queue: queue.name.clone(),
            ack_required: !consume.no_ack,
            exclusive: consume.exclusive,
            prefetch: Counter::new(self.prefetch.into()),
            arguments: consume.arguments.clone(),
            timeout_ms: Counter::default(),
            history: History::default(),
            counters: Arc::clone(&counters),
            channel: Arc::downgrade(&self.entry),
            _counts: [context.broker.usage(), context.vhost.usage()]
                .map(|usage| usage.consumers.take_any()),
        });
        let number = context.consumers.add(Consumer {
            channel: self.id,
            tag: on_wire(&tag),
            queue: Some(Arc::clone(&queue)),
            slot: None,
            queue_type,
            entry: Arc::downgrade(&entry),
            counters: Some(counters),
            flow: self.entry.flow_from(&queue),
            no_ack: consume.no_ack,
            unacked: 0,
            own_timeout: arguments.consumer_timeout,
            timeout: None,
            live: true,
        });
        let subscription = Subscription {
            port: self.port(context, number),
            no_ack: consume.no_ack,
            exclusive: consume.exclusive,
            prefetch: self.prefetch,
            priority: arguments.priority,
            entry: Some(Arc::clone(&entry)),
        };
        self.subscribe(context, number, &queue, subscription)?;
        self.entry.add_consumer(&entry);
        drop(entry);
        // Not before: from here on the queue tells of changes.
        context.set_timeout(number);
        self.consume_ok(context, &tag, consume.nowait);
        self.report_consumer(context, &queue, tag, consume);
        Ok(())
    }

    fn report_consumer(
        &self,
        context: &Context,
        queue: &SharedQueue,
        tag: String,
        consume: basic::Consume,
    ) {
        context.broker.events().emit(|| {
            Event::ConsumerCreated(Box::new(ConsumerEvent {
                channel: context.channel_event(self.id),
                tag,
                queue: queue.name.as_str().to_owned(),
                mode: Some(ConsumerMode {
                    exclusive: consume.exclusive,
                    ack_required: !consume.no_ack,
                    prefetch_count: self.prefetch,
                    arguments: consume.arguments,
                }),
            }))
        });
    }

    fn subscribe(
        &mut self,
        context: &mut Context,
        number: ConsumerNumber,
        queue: &Arc<SharedQueue>,
        subscription: Subscription,
    ) -> Result<(), Error> {
        let subscribed = queue.run(&mut context.work, |queue, effects| {
            if queue.is_deleted() {
                return None;
            }
            Some(queue.subscribe(subscription, effects))
        });
        let resource = || Resource::queue(queue.name.as_str(), &queue.vhost);
        let slot = match subscribed {
            Some(Ok(slot)) => Ok(slot),
            Some(Err(_)) => Err(Error::ExclusiveUse(resource())),
            None => Err(Error::NotFound(resource())),
        };
        let consumer = context
            .consumers
            .get_mut(number)
            .expect("the consumer was just added");
        match slot {
            Ok(slot) => {
                consumer.slot = Some(slot);
                Ok(())
            }
            Err(error) => {
                consumer.live = false;
                context.consumers.remove_if_done(number);
                Err(error)
            }
        }
    }

    /// Spec: none; direct reply-to is RabbitMQ's.
    fn consume_replies(
        &mut self,
        context: &mut Context,
        consume: &basic::Consume,
        tag: &str,
    ) -> Result<(), Error> {
        let refused = |text: &str| Err(Error::PreconditionFailed(text.into()));
        if !consume.no_ack {
            return refused("reply consumer cannot acknowledge");
        }
        if self.reply_consumer.is_some() {
            return refused("reply consumer already set");
        }
        self.refuse_used_tag(context, tag)?;
        let number = context.consumers.add(Consumer {
            channel: self.id,
            tag: on_wire(tag),
            queue: None,
            slot: None,
            queue_type: QueueType::Classic,
            entry: Weak::new(),
            counters: None,
            flow: None,
            no_ack: true,
            unacked: 0,
            own_timeout: None,
            timeout: None,
            live: true,
        });
        let name = context.broker.reply_to().register(Requester {
            outbox: Arc::clone(&context.outbox),
            number,
        });
        self.reply_consumer = Some((number, name));
        self.consume_ok(context, tag, consume.nowait);
        Ok(())
    }

    fn check_consumer_limit(&self, context: &Context) -> Result<(), Error> {
        let limit = context.broker.config().limits.consumers_per_channel;
        if limit == Limit::default() {
            return Ok(());
        }
        let count = context.consumers.count_live(self.id);
        limit.check(count).map_err(|Reached(most)| {
            Error::NotAllowed(format!("reached maximum ({most}) of consumers per channel"))
        })
    }

    fn consume_ok(&self, context: &mut Context, tag: &str, nowait: bool) {
        let ok = basic::ConsumeOk {
            consumer_tag: ShortString::from(tag),
        };
        let ok = basic::AMQPMethod::ConsumeOk(ok);
        context.reply(self.id, nowait, AMQPClass::Basic(ok));
    }

    fn refuse_used_tag(&self, context: &Context, tag: &str) -> Result<(), Error> {
        match context.consumers.find(self.id, tag) {
            Some(_) => Err(Error::ConsumerTagInUse(tag.to_owned())),
            None => Ok(()),
        }
    }

    fn port(&self, context: &Context, number: ConsumerNumber) -> Port {
        Port {
            outbox: Arc::clone(&context.outbox),
            number,
            channel: Arc::clone(&self.limit),
        }
    }
}

/// `amq.ctag-` and 22 random characters.
fn generated_tag() -> String {
    let random: [u8; 16] = rand::random();
    format!("amq.ctag-{}", URL_SAFE_NO_PAD.encode(random))
}

/// `tag` as a short string; it came as one, or is ours.
fn on_wire(tag: &str) -> Box<[u8]> {
    let mut bytes = Vec::with_capacity(1 + tag.len());
    bytes.push(tag.len() as u8);
    bytes.extend_from_slice(tag.as_bytes());
    bytes.into_boxed_slice()
}
