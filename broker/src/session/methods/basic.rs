//! `basic.qos`, `get`, `ack`, `nack`, `reject` and `recover`.

use std::sync::Weak;

use ferrymq_amqp::AMQPClass;
use ferrymq_amqp::method::{self, basic};

use crate::clock::{CompactTimestamp, Timestamp};
use crate::error::Error;
use crate::queue::Return;
use crate::queue::arguments::QueueType;
use crate::queue::entry::Entry;
use crate::reply_to;
use crate::session::channel::{Channel, Mode};
use crate::session::consumers::Consumer;
use crate::session::context::Context;
use crate::session::outbox::Handover;
use crate::session::transaction::Outcome;
use crate::session::unacked::Unacked;
use crate::stats::flows::Flow;
use crate::stats::{Kind, Tally};

impl Channel {
    /// `basic.qos`. Compat: without `global` it is for each consumer to come, with it for all
    /// consumers of the channel together; the two are independent, in any order.
    pub(in crate::session) fn basic_qos(
        &mut self,
        context: &mut Context,
        qos: &basic::Qos,
        payload: &[u8],
    ) -> Result<(), Error> {
        let size = method::qos_prefetch_size(payload);
        if size != 0 {
            return Err(Error::NotImplemented(format!("prefetch_size!=0 ({size})")));
        }
        if qos.global {
            let stalled = self.limit.set(qos.prefetch_count, self.unacked.count());
            self.entry.global_prefetch.set(qos.prefetch_count.into());
            context.resume(stalled);
        } else {
            self.set_prefetch(qos.prefetch_count);
        }
        let ok = basic::AMQPMethod::QosOk(basic::QosOk {});
        context.send(self.id, AMQPClass::Basic(ok));
        Ok(())
    }

    /// Consumers to come may hold so many unacked deliveries each; 0: no limit.
    pub(in crate::session) fn set_prefetch(&mut self, prefetch: u16) {
        self.prefetch = prefetch;
        self.entry.prefetch.set(prefetch.into());
    }

    /// `basic.get`.
    pub(in crate::session) fn basic_get(
        &mut self,
        context: &mut Context,
        get: &basic::Get,
    ) -> Result<(), Error> {
        let name = self.queue_name(get.queue.as_str())?;
        if reply_to::is_reply_name(&name) {
            let text = "basic.get is not supported by direct reply-to".into();
            return Err(Error::NotImplemented(text));
        }
        let queue = context.vhost.readable_queue(&context.actor, &name)?;
        let queue_type = queue.declared.arguments.queue_type;
        let flow = self.entry.flow_from(&queue);
        let Some((entry, left)) = queue
            .get(get.no_ack, &mut context.work)
            .map_err(|why| Error::Store(why.to_string()))?
        else {
            self.entry.counters.add(Kind::GetEmpty, 1);
            context.tally.consuming(queue_type, Kind::GetEmpty, 1);
            if let Some(flow) = flow {
                flow.counters.add(Kind::GetEmpty, 1);
            }
            let empty = basic::AMQPMethod::GetEmpty(basic::GetEmpty {});
            context.send(self.id, AMQPClass::Basic(empty));
            return Ok(());
        };
        if context.vhost.is_traced() {
            context.trace_delivered(self.id, &entry.message, &name, entry.returns() > 0);
        }
        let kind = match get.no_ack {
            false => Kind::Get,
            true => Kind::GetNoAck,
        };
        let again = entry.returns() > 0;
        self.count_sent(&mut context.tally, queue_type, flow.as_deref(), kind, again);
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        if get.no_ack {
            let delivery_tag = self.unacked.skip();
            send_got(context, self.id, delivery_tag, &entry, left);
            return Ok(());
        }
        // A consumer of one delivery, which is not live: it goes when that is settled.
        let consumer = context.consumers.add(Consumer {
            channel: self.id,
            tag: Box::default(),
            queue: Some(queue),
            slot: None,
            queue_type,
            entry: Weak::new(),
            counters: None,
            flow,
            no_ack: false,
            unacked: 1,
            own_timeout: None,
            timeout: None,
            live: false,
        });
        let handover = Handover { consumer, entry };
        self.note_sent(context.now);
        let unacked = self.unacked.push(Unacked::sent(handover, context.now));
        send_got(context, self.id, unacked.delivery_tag, &unacked.entry, left);
        Ok(())
    }

    /// `basic.ack`, `nack` and `reject`.
    pub(in crate::session) fn settle(
        &mut self,
        context: &mut Context,
        delivery_tag: u64,
        multiple: bool,
        outcome: Outcome,
    ) -> Result<(), Error> {
        let mut taken = std::mem::take(&mut context.settling);
        if !self.unacked.take(delivery_tag, multiple, &mut taken) {
            return Err(Error::UnknownDeliveryTag(delivery_tag));
        }
        self.note_settled(context.now);
        if let Mode::Transaction(transaction) = &mut self.mode {
            self.entry.uncommitted_acks.add(taken.len() as u64);
            transaction.settlements.push((outcome, taken));
            return Ok(());
        }
        self.carry_out(context, outcome, &mut taken);
        context.settling = taken;
        Ok(())
    }

    /// Deliveries leave the channel.
    pub(in crate::session) fn carry_out(
        &mut self,
        context: &mut Context,
        outcome: Outcome,
        deliveries: &mut Vec<Unacked>,
    ) {
        let stalled = self.limit.put_back(deliveries.len() as u32);
        let count = deliveries.len() as u64;
        self.entry.counters.add(Kind::Settle, count);
        if outcome == Outcome::Ack {
            self.entry.counters.add(Kind::Ack, count);
        }
        match outcome {
            Outcome::Ack => context.settle(deliveries),
            Outcome::Reject => context.reject(deliveries.drain(..)),
            Outcome::Requeue(how) => context.requeue(deliveries.drain(..), how),
        }
        deliveries.clear();
        context.resume(stalled);
    }

    /// Others are to know since when its oldest delivery is unacked: one is sent at `now`.
    #[inline]
    pub(in crate::session) fn note_sent(&self, now: Timestamp) {
        if self.unacked.count() == 0 {
            self.entry.oldest_unacked_at.set(now.as_millis());
        }
    }

    /// Some were settled, or came back.
    #[inline]
    pub(in crate::session) fn note_settled(&self, now: Timestamp) {
        let oldest = self.unacked.oldest_sent_at();
        let sent_at = |oldest: CompactTimestamp| now.as_millis() - oldest.age_ms(now.compact());
        self.entry.oldest_unacked_at.set(oldest.map_or(0, sent_at));
    }

    /// Counts a message that is sent on this channel; `flow`: where what comes from its queue is.
    #[inline]
    pub(in crate::session) fn count_sent(
        &self,
        tally: &mut Tally,
        queue_type: QueueType,
        flow: Option<&Flow>,
        kind: Kind,
        again: bool,
    ) {
        let counters = &self.entry.counters;
        counters.add(kind, 1);
        tally.consuming(queue_type, kind, 1);
        if again {
            counters.add(Kind::Redeliver, 1);
            tally.consuming(queue_type, Kind::Redeliver, 1);
        }
        if let Some(flow) = flow {
            flow.count_sent(kind, again);
        }
    }

    /// `basic.recover` and `recover-async`.
    pub(in crate::session) fn basic_recover(
        &mut self,
        context: &mut Context,
        requeue: bool,
        reply: bool,
    ) -> Result<(), Error> {
        if !requeue {
            return Err(Error::NotImplemented("requeue=false".into()));
        }
        let mut all: Vec<Unacked> = self.unacked.take_all().collect();
        self.note_settled(context.now);
        self.carry_out(context, Outcome::Requeue(Return::Nacked), &mut all);
        let ok = basic::AMQPMethod::RecoverOk(basic::RecoverOk {});
        context.reply(self.id, !reply, AMQPClass::Basic(ok));
        Ok(())
    }
}

/// Answers `basic.get` with a message, behind which `left` wait.
fn send_got(context: &mut Context, id: u16, delivery_tag: u64, entry: &Entry, left: u32) {
    context.outbound.append(|out| {
        let (address, redelivered) = (entry.message.address(), entry.returns() > 0);
        method::encode_get_ok(out, id, delivery_tag, redelivered, address, left);
    });
    let frame_max = context.limits.frame_max;
    context.outbound.returned_content(id, entry, frame_max);
}
