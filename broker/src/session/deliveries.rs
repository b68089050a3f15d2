//! From the outbox to the client: deliveries get their tags, unacked ones are kept; and what
//! happens to them when a consumer, a channel or the connection goes.

use std::sync::Arc;

use ferrymq_amqp::content::with_header;
use ferrymq_amqp::method::{self, basic};
use ferrymq_amqp::{AMQPClass, AMQPValue, ShortString};

use crate::events::Event;
use crate::queue::consumers::Slot;
use crate::queue::entry::Entry;
use crate::queue::shared::SharedQueue;
use crate::queue::{Effects, Queue, Return, Settled};
use crate::session::channel::Channel;
use crate::session::channels::Channels;
use crate::session::context::Context;
use crate::session::outbound::Outbound;
use crate::session::outbox::{ConsumerNumber, Handover, Item};
use crate::session::requests::Request;
use crate::session::unacked::Unacked;
use crate::stats::{Kind, count_one};
use crate::vhost::VHost;

/// What others asked of the connection as a whole.
#[derive(Default)]
pub struct Asked {
    /// Close, with this explanation.
    pub close: Option<Arc<str>>,
    /// The alarms have changed.
    pub alarms: Option<crate::alarms::Alarms>,
    /// Some consumer's time-out has.
    pub timeouts_changed: bool,
    /// What somebody wants to be done, or to know.
    pub requests: Vec<Request>,
}

impl Channels {
    /// Sends what waits in the outbox, as long as there is room to write; `all`: regardless. What
    /// is asked of the connection as a whole is kept in `asked`. Tells whether more may wait that
    /// had no room.
    pub fn drain_outbox(&mut self, all: bool) -> bool {
        loop {
            if !all && !self.context.outbound.has_room() {
                return true;
            }
            let mut items = std::mem::take(&mut self.context.taken);
            let stalled = self.context.outbox.take(&mut items);
            let done = items.is_empty() && stalled.is_empty();
            let traced = self.context.vhost.is_traced();
            for item in items.drain(..) {
                match item {
                    Item::Deliver(handover) => {
                        if traced {
                            self.context.trace_handover(&handover);
                        }
                        self.deliver(handover);
                    }
                    Item::Cancelled(number) => self.consumer_cancelled(number),
                    Item::TimeoutChanged(number) => self.consumer_timeout_changed(number),
                    Item::VHostDeleted(vhost) => self.vhost_deleted(&vhost),
                    Item::UserDeleted(user) => self.user_deleted(user.name()),
                    Item::Close(reason) => self.asked.close = Some(reason),
                    Item::Alarms(alarms) => self.asked.alarms = Some(alarms),
                    Item::Request(request) => self.asked.requests.push(*request),
                }
            }
            self.context.taken = items;
            self.context.resume(stalled);
            // What the resumed ones get now is for the next regular drain, not to go on for ever.
            if done || all {
                return false;
            }
        }
    }

    /// Sends one delivery; on a channel that is closing it is kept, to go back with the others.
    #[inline]
    fn deliver(&mut self, handover: Handover) {
        let Self { open, context, .. } = self;
        let Context {
            consumers,
            outbound,
            limits,
            now,
            tally,
            ..
        } = context;
        let Some(consumer) = consumers.get_mut(handover.consumer) else {
            return;
        };
        let Some(channel) = open.get_mut(&consumer.channel) else {
            return;
        };
        let (id, closing) = (channel.id, channel.is_closing());
        let sent;
        let kind = match consumer.no_ack {
            false => Kind::Deliver,
            true => Kind::DeliverNoAck,
        };
        let again = handover.entry.returns() > 0;
        let flow = consumer.flow.as_deref();
        channel.count_sent(tally, consumer.queue_type, flow, kind, again);
        if let Some(counters) = &consumer.counters {
            counters.delivered.add(1);
        }
        let (delivery_tag, entry) = if consumer.no_ack {
            sent = handover;
            (channel.unacked.skip(), &sent.entry)
        } else {
            consumer.unacked += 1;
            channel.note_sent(*now);
            let unacked = channel.unacked.push(Unacked::sent(handover, *now));
            (unacked.delivery_tag, &unacked.entry)
        };
        if closing {
            return;
        }
        outbound.append(|out| {
            let (address, redelivered) = (entry.message.address(), entry.returns() > 0);
            method::encode_deliver(out, id, &consumer.tag, delivery_tag, redelivered, address);
        });
        outbound.returned_content(id, entry, limits.frame_max);
    }

    /// Compat: RabbitMQ's code and words.
    fn vhost_deleted(&mut self, vhost: &Arc<VHost>) {
        if Arc::ptr_eq(&self.context.vhost, vhost) {
            let reason = format!("vhost '{}' is deleted", vhost.name());
            self.asked.close = Some(reason.into());
        }
    }

    /// Compat: RabbitMQ's code and words.
    fn user_deleted(&mut self, name: &str) {
        if self.context.actor.user.name() == name {
            self.asked.close = Some(format!("user '{name}' is deleted").into());
        }
    }

    /// The consumer's queue went: tell the client, if it can take that.
    fn consumer_cancelled(&mut self, number: ConsumerNumber) {
        let context = &mut self.context;
        let Some(consumer) = context.consumers.get_mut(number) else {
            return;
        };
        if !std::mem::replace(&mut consumer.live, false) {
            return;
        }
        consumer.slot = None;
        let (channel, tag) = (consumer.channel, ShortString::from(consumer.tag()));
        context.report_end(number);
        context.consumers.remove_if_done(number);
        let closing = self.open.get(&channel).is_none_or(|open| open.is_closing());
        if context.capabilities.consumer_cancel_notify && !closing {
            let cancel = basic::Cancel {
                consumer_tag: tag,
                nowait: true,
            };
            let method = basic::AMQPMethod::Cancel(cancel);
            context.send(channel, AMQPClass::Basic(method));
        }
    }

    /// Ends everything that a channel holds: its consumers are gone, its unacked deliveries are
    /// back in their queues before others are served.
    pub fn release_channel(&mut self, id: u16) {
        let consumers = self.context.consumers.of_channel(id);
        for &number in &consumers {
            self.pause(number);
        }
        self.drain_outbox(true);
        let Some(channel) = self.open.get_mut(&id) else {
            return;
        };
        let context = &mut self.context;
        if let Some((_, name)) = channel.reply_consumer.take() {
            context.broker.reply_to().remove(&name);
        }
        let unacked: Vec<Unacked> = channel.take_unacked().collect();
        context.requeue_together(unacked, Return::Lost);
        for &number in &consumers {
            context.end_consumer(number);
        }
        self.drain_outbox(true);
        let Some(channel) = self.open.get_mut(&id) else {
            return;
        };
        let late: Vec<Unacked> = channel.take_unacked().collect();
        let was_released = std::mem::replace(&mut channel.released, true);
        self.context.requeue(late.into_iter(), Return::Lost);
        for number in consumers {
            self.context.consumers.remove_if_done(number);
        }
        let context = &mut self.context;
        context.confirming.retain(|&confirming| confirming != id);
        context.finish_work();
        if !was_released {
            context.entry.remove_channel(id);
            count_one(&context.broker.totals().churn.channels_closed);
            let events = context.broker.events();
            events.emit(|| Event::ChannelClosed(context.channel_event(id)));
        }
    }

    /// Nothing more is handed to a consumer that is about to end.
    pub fn pause(&mut self, number: ConsumerNumber) {
        let context = &mut self.context;
        let Some(consumer) = context.consumers.get(number) else {
            return;
        };
        if let (Some(queue), Some(slot)) = (&consumer.queue, consumer.slot) {
            queue.run(&mut context.work, |queue, _| queue.pause(slot));
        }
    }
}

impl Channel {
    /// Takes all unacked deliveries, also those that a transaction holds.
    fn take_unacked(&mut self) -> impl Iterator<Item = Unacked> + use<> {
        if let crate::session::channel::Mode::Transaction(transaction) = &mut self.mode {
            let held = std::mem::take(&mut transaction.settlements);
            let held = held.into_iter().flat_map(|(_, deliveries)| deliveries);
            self.unacked.restore(held);
        }
        self.unacked.take_all()
    }
}

impl Context {
    /// Deliveries are done with: each queue hears of its own, in order.
    pub fn settle(&mut self, deliveries: &[Unacked]) {
        let now = self.now.compact();
        for run in deliveries.chunk_by(|a, b| a.consumer == b.consumer) {
            let number = run[0].consumer;
            let Some(consumer) = self.consumers.get_mut(number) else {
                continue;
            };
            consumer.unacked -= run.len() as u32;
            let count = run.len() as u64;
            self.tally.consuming(consumer.queue_type, Kind::Ack, count);
            if let Some(flow) = &consumer.flow {
                flow.counters.add(Kind::Ack, count);
            }
            if let Some(counters) = &consumer.counters {
                let ages = run.iter().map(|delivery| delivery.sent_at.age_ms(now));
                counters.acked.add(count);
                counters.unacked_ms.add(ages.sum());
            }
            if let Some(queue) = &consumer.queue {
                let slot = consumer.slot;
                self.settled.clear();
                self.settled.extend(run.iter().map(|delivery| Settled {
                    sequence: delivery.entry.sequence,
                    logged: delivery.entry.logged(),
                    body_bytes: delivery.entry.message.body_len() as u32,
                }));
                let settled = &self.settled;
                queue.run(&mut self.work, |queue, effects| {
                    queue.settle(slot, settled, effects);
                });
            }
            self.consumers.remove_if_done(number);
        }
    }

    /// Deliveries go back to their queues.
    pub fn requeue(&mut self, deliveries: impl Iterator<Item = Unacked>, how: Return) {
        self.give_back(deliveries, |queue, slot, entries, effects| {
            queue.requeue(slot, entries.into_iter(), how, effects);
        });
    }

    /// Deliveries are rejected for good.
    pub fn reject(&mut self, deliveries: impl Iterator<Item = Unacked>) {
        self.give_back(deliveries, |queue, slot, entries, effects| {
            queue.reject(slot, entries.into_iter(), effects);
        });
    }

    /// Each queue hears of its own, in order.
    fn give_back(
        &mut self,
        deliveries: impl Iterator<Item = Unacked>,
        give: impl Fn(&mut Queue, Option<Slot>, Vec<Entry>, &mut Effects),
    ) {
        let mut deliveries = deliveries.peekable();
        while let Some(number) = deliveries.peek().map(|delivery| delivery.consumer) {
            let run = std::iter::from_fn(|| deliveries.next_if(|next| next.consumer == number));
            let entries: Vec<Entry> = run.map(|delivery| delivery.entry).collect();
            let Some(consumer) = self.consumers.get_mut(number) else {
                continue;
            };
            consumer.unacked -= entries.len() as u32;
            if let Some(queue) = &consumer.queue {
                let slot = consumer.slot;
                queue.run(&mut self.work, |queue, effects| {
                    give(queue, slot, entries, effects);
                });
            }
            self.consumers.remove_if_done(number);
        }
    }

    /// Deliveries go back to their queues, to each all of its own before anybody is served: so they come
    /// in their order again, whoever held them.
    pub fn requeue_together(&mut self, deliveries: Vec<Unacked>, how: Return) {
        let mut queues: Vec<(Arc<SharedQueue>, Vec<Entry>)> = Vec::new();
        for delivery in deliveries {
            let number = delivery.consumer;
            let Some(consumer) = self.consumers.get_mut(number) else {
                continue;
            };
            consumer.unacked -= 1;
            if let Some(queue) = &consumer.queue {
                let entry = delivery.entry;
                let known = queues
                    .iter_mut()
                    .find(|(known, _)| Arc::ptr_eq(known, queue));
                match known {
                    Some((_, entries)) => entries.push(entry),
                    None => queues.push((Arc::clone(queue), vec![entry])),
                }
            }
            self.consumers.remove_if_done(number);
        }
        for (queue, entries) in queues {
            queue.run(&mut self.work, |queue, effects| {
                queue.requeue(None, entries.into_iter(), how, effects);
            });
        }
    }

    /// Ends a consumer, whose deliveries have gone back or stay with its channel.
    pub fn end_consumer(&mut self, number: ConsumerNumber) {
        let Some(consumer) = self.consumers.get_mut(number) else {
            return;
        };
        let was_live = std::mem::replace(&mut consumer.live, false);
        let slot = consumer.slot.take();
        if was_live {
            self.report_end(number);
        }
        let consumer = self.consumers.get(number);
        let queue = consumer.and_then(|consumer| consumer.queue.as_ref());
        let (Some(queue), Some(slot)) = (queue, slot) else {
            return;
        };
        queue.run(&mut self.work, |queue, effects| {
            queue.unsubscribe(slot, effects);
        });
    }
}

impl Outbound {
    /// The content of a message. From the second delivery on it carries how often it was handed out
    /// before, and how often it failed.
    #[inline]
    pub fn returned_content(&mut self, id: u16, entry: &Entry, frame_max: u32) {
        if entry.returns() == 0 {
            return self.content(id, &entry.message, frame_max);
        }
        let count = |count: u16| AMQPValue::LongLongInt(count.into());
        let mut properties = entry.message.properties().to_vec();
        if entry.failures() > 0 {
            properties = with_header(&properties, "x-delivery-count", &count(entry.failures()));
        }
        let counted = with_header(&properties, "x-acquired-count", &count(entry.returns()));
        self.content_with(id, &entry.message, &counted, frame_max);
    }
}
