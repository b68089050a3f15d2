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
use crate::session::outbox::ConsumerNumber;

/// Checks are at least this far apart.
const SHORTEST_CHECK: Duration = Duration::from_millis(200);

impl Channels {
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
        let mut overdue: Vec<(ConsumerNumber, u16, Duration)> = Vec::new();
        for channel in self.open.values() {
            for delivery in channel.unacked.iter() {
                let Some(consumer) = self.context.consumers.get(delivery.consumer) else {
                    continue;
                };
                let age = u64::from(now.as_seconds().saturating_sub(delivery.sent_at_seconds));
                let late = consumer
                    .timeout
                    .filter(|timeout| Duration::from_secs(age) > *timeout);
                let known = overdue
                    .last()
                    .is_some_and(|last| last.0 == delivery.consumer);
                if let (Some(timeout), false, true) = (late, known, consumer.live) {
                    overdue.push((delivery.consumer, channel.id, timeout));
                }
            }
        }
        overdue.dedup_by_key(|late| late.0);
        for (number, channel, timeout) in overdue {
            self.cancel_overdue(number, channel, timeout)?;
        }
        self.context.finish_work();
        Ok(())
    }

    fn cancel_overdue(
        &mut self,
        number: ConsumerNumber,
        id: u16,
        timeout: Duration,
    ) -> Result<(), Failure> {
        let Some(consumer) = self
            .context
            .consumers
            .get(number)
            .filter(|found| found.live)
        else {
            return Ok(());
        };
        let tag = consumer.tag().to_owned();
        let text = format!(
            "delivery acknowledgement on channel {id} timed out. Timeout value used: {} ms",
            timeout.as_millis(),
        );
        if !self.context.capabilities.consumer_cancel_notify {
            let failure = Failure::new(Error::PreconditionFailed(text), (0, 0));
            return self.fail_channel(id, failure);
        }
        tracing::error!(channel = id, "{text}. Consumer '{tag}' is cancelled");
        let Some(channel) = self.open.get_mut(&id) else {
            return Ok(());
        };
        let late = channel.unacked.take_of(number);
        let stalled = channel.limit.put_back(late.len() as u32);
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
