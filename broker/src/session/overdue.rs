//! Consumers that keep a delivery unacked for too long are cancelled; their deliveries go back.
//!
//! Compat: RabbitMQ up to 4.2 closes the channel; cancelling the consumer spares the others on it.

use std::time::Duration;

use ferrymq_amqp::method::basic;
use ferrymq_amqp::{AMQPClass, ShortString};

use crate::clock::Timestamp;
use crate::error::Error;
use crate::queue::Return;
use crate::session::channels::{Channels, Failure};
use crate::session::context::Context;
use crate::session::outbox::ConsumerNumber;
use crate::session::unacked::Unacked;
use crate::stats::Kind;

/// Checks are at least this far apart.
const SHORTEST_CHECK: Duration = Duration::from_millis(200);

impl Context {
    /// How long the consumer may keep a delivery, as things stand now: its own argument counts, else
    /// what its queue was asked for, else what the broker is configured to.
    pub fn set_timeout(&mut self, number: ConsumerNumber) {
        let Some(consumer) = self.consumers.get_mut(number) else {
            return;
        };
        let Some(queue) = consumer.queue.as_ref().filter(|_| !consumer.no_ack) else {
            return;
        };
        let queue_type = queue.declared.arguments.queue_type;
        consumer.timeout = consumer
            .own_timeout
            .or_else(|| queue.options().consumer_timeout)
            .or(self.broker.config().consumer_timeout(queue_type))
            .filter(|timeout| !timeout.is_zero());
        let timeout_ms = consumer.timeout.map_or(0, |timeout| timeout.as_millis());
        if let Some(entry) = consumer.entry.upgrade() {
            entry.timeout_ms.set(timeout_ms as u64);
        }
        self.has_timeouts |= consumer.timeout.is_some();
    }
}

/// A consumer with a delivery that is older than its time-out.
struct Overdue {
    number: ConsumerNumber,
    channel: u16,
    timeout: Duration,
    age: Duration,
}

impl Channels {
    /// The policies of a consumer's queue want another time-out.
    pub fn consumer_timeout_changed(&mut self, number: ConsumerNumber) {
        self.context.set_timeout(number);
        self.asked.timeouts_changed = true;
    }

    /// When to look for overdue deliveries next: soon, compared with the shortest time-out.
    pub fn next_consumer_check(&self, now: Timestamp) -> Option<Timestamp> {
        let timeouts = self.context.consumers.iter();
        let shortest = timeouts
            .filter_map(|(_, consumer)| consumer.timeout)
            .min()?;
        Some(now.after((shortest / 8).max(SHORTEST_CHECK)))
    }

    /// Cancels every consumer that has a delivery older than its time-out. A client that can't be
    /// told has the channel closed.
    ///
    /// # Errors
    /// As [`Channels::fail_channel`].
    pub fn cancel_overdue_consumers(&mut self, now: Timestamp) -> Result<(), Failure> {
        for late in self.overdue(now) {
            self.cancel_overdue(&late)?;
        }
        self.context.finish_work();
        Ok(())
    }

    /// The live consumers that keep something for too long, each once.
    fn overdue(&self, now: Timestamp) -> Vec<Overdue> {
        let mut overdue: Vec<Overdue> = Vec::new();
        for channel in self.open.values() {
            for delivery in channel.unacked.iter() {
                let number = delivery.consumer;
                let consumer = self.context.consumers.get(number);
                let Some(consumer) = consumer.filter(|consumer| consumer.live) else {
                    continue;
                };
                let age = delivery.sent_at.age(now);
                let timeout = consumer.timeout.filter(|timeout| age > *timeout);
                let known = || overdue.iter().any(|late| late.number == number);
                if let Some(timeout) = timeout.filter(|_| !known()) {
                    overdue.push(Overdue {
                        number,
                        channel: channel.id,
                        timeout,
                        age,
                    });
                }
            }
        }
        overdue
    }

    fn cancel_overdue(&mut self, late: &Overdue) -> Result<(), Failure> {
        let &Overdue {
            number,
            channel: id,
            timeout,
            age,
        } = late;
        let consumer = self.context.consumers.get(number);
        let Some(consumer) = consumer.filter(|consumer| consumer.live) else {
            return Ok(());
        };
        self.context.broker.count_consumer_timeout();
        let tag = consumer.tag().to_owned();
        let text = format!(
            "delivery acknowledgement on channel {id} timed out. Timeout value used: {} ms",
            timeout.as_millis(),
        );
        if !self.context.capabilities.consumer_cancel_notify {
            let failure = Failure::new(Error::PreconditionFailed(text), (0, 0));
            return self.fail_channel(id, failure);
        }
        tracing::error!(
            conn = self.context.actor.connection.map_or(0, |id| id.0),
            channel = id,
            user = self.context.actor.user.name(),
            vhost = &**self.context.vhost.name(),
            "{text}, message age: {age:.0?}. Consumer '{tag}' is cancelled"
        );
        let Some(channel) = self.open.get_mut(&id) else {
            return Ok(());
        };
        let is_theirs = |delivery: &Unacked| delivery.consumer == number;
        let late = channel.unacked.withdraw(is_theirs);
        channel.note_settled(self.context.now);
        let stalled = channel.limit.put_back(late.len() as u32);
        let count = late.len() as u64;
        channel.entry.counters.add(Kind::Settle, count);
        self.pause(number);
        self.context.requeue_together(late, Return::TimedOut);
        self.context.end_consumer(number);
        self.drain_outbox(true);
        let context = &mut self.context;
        context.consumers.remove_if_done(number);
        context.resume(stalled);
        let cancel = basic::Cancel {
            consumer_tag: ShortString::from(tag),
            nowait: true,
        };
        context.send(id, AMQPClass::Basic(basic::AMQPMethod::Cancel(cancel)));
        Ok(())
    }
}
