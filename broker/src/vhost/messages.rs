//! Messages that come and go without a channel, one by one: published and fetched by administrators.

use std::sync::Arc;

use bytes::Bytes;
use ferrymq_amqp::Properties;
use ferrymq_store::CommitPoint;

use super::{Pending, Route, VHost};
use crate::actor::Actor;
use crate::error::Error;
use crate::firehose::{TRACE_EXCHANGE, Tap};
use crate::message::{BodyPieces, Message, SMALL_BODY_BYTES};
use crate::own_message;
use crate::queue::Return;
use crate::queue::entry::Entry;
use crate::queue::shared::{SharedQueue, Work};
use crate::session::publishing;
use crate::stats::flows::Identity;
use crate::stats::{Kind, Tally};

/// Bytes of bodies that are fetched together, about.
const FETCHED_BYTES: u64 = 128 << 20;

/// What stands in the firehose's copies for the connection, of which there is none; its channel is 0.
const TRACED_AS: &str = "HTTP API";

/// A message to be published.
pub struct Outgoing<'a> {
    /// The exchange; empty: the default one.
    pub exchange: &'a str,
    /// The routing key, at most 255 bytes.
    pub routing_key: &'a str,
    /// Properties as on the wire.
    pub properties: &'a [u8],
    /// The body.
    pub body: Vec<u8>,
}

/// What became of a published message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Did it reach a queue?
    pub routed: bool,
    /// Did a queue refuse it, because it is full?
    pub refused: bool,
    /// When it is as safe as a confirm promises.
    pub point: CommitPoint,
}

/// What becomes of fetched messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// They stay: they were looked at, and count as redelivered.
    Requeue,
    /// The same, as rejected ones.
    RejectAndRequeue,
    /// They are done with.
    Remove,
    /// They are given up: dead letters, if the queue has somewhere to send them.
    Reject,
}

/// A fetched message.
pub struct Fetched {
    /// The message.
    pub message: Message,
    /// Was it handed out before?
    pub redelivered: bool,
    /// How many waited behind it.
    pub left: usize,
}

impl VHost {
    /// Publishes a message as a client would do on a channel with confirms, mandatory.
    ///
    /// # Errors
    /// As `basic.publish`: 403 without `write`, 404 without the exchange, 406 for properties that can't be.
    pub fn publish_one(
        &self,
        actor: &Actor,
        outgoing: Outgoing<'_>,
        work: &mut Work,
    ) -> Result<Published, Error> {
        let Outgoing {
            exchange,
            routing_key,
            properties,
            body,
        } = outgoing;
        Properties::parse(properties).map_err(|why| Error::Frame(why.to_string()))?;
        let message = match body.len() as u64 {
            0..=SMALL_BODY_BYTES => {
                let body = BodyPieces::Small(&body);
                own_message::compose(exchange, routing_key, properties, body)
            }
            _ => {
                let chunks = [Bytes::from(body)];
                let body = BodyPieces::Large(&chunks);
                own_message::compose(exchange, routing_key, properties, body)
            }
        };
        let looked = publishing::look(self, actor, None, message)?;
        let (route, body_bytes) = (&looked.route, looked.message.body_len());
        if self.is_traced() {
            let message = &looked.message;
            self.trace_one(actor, work, |tap| tap.published(message, route.queues()));
        }
        let mut pending = Pending::default();
        pending.messages.push(looked.message);
        let point = self.accept(route, &mut pending, work);
        let refused = !pending.refused.is_empty();
        self.count_published(route, body_bytes, refused);
        Ok(Published {
            routed: !route.is_unroutable(),
            refused,
            point,
        })
    }

    fn count_published(&self, route: &Route, body_bytes: u64, refused: bool) {
        let mut tally = Tally::default();
        let reached = route.reached() as u64;
        tally.size(body_bytes);
        tally.publishing(Kind::Publish, 1);
        tally.publishing(Kind::PublishToConfirm, 1);
        tally.publishing(Kind::Route, reached);
        let outcome = if refused { Kind::Nack } else { Kind::Confirm };
        tally.publishing(outcome, 1);
        if route.is_unroutable() {
            tally.publishing(Kind::ReturnUnroutable, 1);
        }
        tally.exchange(route, 1);
        self.count_routed(route);
        tally.flush(&self.broker_totals, &self.totals);
    }

    /// Counts a message by exchange and queue, if that is done.
    fn count_routed(&self, route: &Route) {
        let (Some(room), Some(exchange)) = (&self.broker_totals.flows, route.totals()) else {
            return;
        };
        for queue in route.bound_queues() {
            let ends = (Identity::of(exchange), Identity::of(queue));
            self.routed.find(room, ends).add(1);
        }
    }

    /// Takes up to `count` messages from a queue, and does to them what `fate` says once all are there: none comes
    /// twice. Blocks while it reads from disk. What is fetched at once is limited by its bytes, too.
    ///
    /// # Errors
    /// 403 without `read`, 404 when missing, 405 when exclusive to another connection; 541 when the disk fails,
    /// and then all messages stay in the queue.
    pub fn fetch(
        &self,
        actor: &Actor,
        queue: &str,
        count: usize,
        fate: Fate,
        work: &mut Work,
    ) -> Result<Vec<Fetched>, Error> {
        let queue = self.readable_queue(actor, queue)?;
        let removes = fate == Fate::Remove;
        let mut taken = Vec::new();
        let mut bytes = 0;
        while taken.len() < count && bytes < FETCHED_BYTES {
            match queue.get(removes, work) {
                Ok(Some((entry, left))) => {
                    bytes += entry.message.body_len();
                    taken.push((entry, left));
                }
                Ok(None) => break,
                // What was removed already must be shown.
                Err(_) if removes && !taken.is_empty() => break,
                Err(why) => {
                    let entries = taken.into_iter().map(|(entry, _)| entry);
                    give_back(&queue, entries, Return::Nacked, work);
                    return Err(Error::Store(why.to_string()));
                }
            }
        }
        self.count_fetched(&queue, &taken, removes);
        if self.is_traced() {
            for (entry, _) in &taken {
                let redelivered = entry.returns() > 0;
                self.trace_one(actor, work, |tap| {
                    tap.delivered(&entry.message, queue.name.as_str(), redelivered)
                });
            }
        }
        let fetched = taken.iter().map(|(entry, left)| Fetched {
            message: entry.message.clone(),
            redelivered: entry.returns() > 0,
            left: *left,
        });
        let fetched = fetched.collect();
        let entries = taken.into_iter().map(|(entry, _)| entry);
        match fate {
            Fate::Requeue => give_back(&queue, entries, Return::Nacked, work),
            Fate::RejectAndRequeue => give_back(&queue, entries, Return::Rejected, work),
            Fate::Reject => queue.run(work, |queue, effects| {
                queue.reject(None, entries, effects);
            }),
            Fate::Remove => {}
        }
        Ok(fetched)
    }

    /// Tells the firehose of a message.
    #[cold]
    fn trace_one(
        &self,
        actor: &Actor,
        work: &Work,
        copy: impl FnOnce(&Tap<'_>) -> Option<Message>,
    ) {
        let tap = Tap {
            node: &self.node_name,
            vhost: &self.name,
            connection: TRACED_AS.to_owned(),
            channel: 0,
            user: actor.user.name(),
        };
        if let Some(copy) = copy(&tap) {
            self.publish_own(TRACE_EXCHANGE, copy, work.now());
        }
    }

    fn count_fetched(&self, queue: &SharedQueue, taken: &[(Entry, usize)], removes: bool) {
        let queue_type = queue.declared.arguments.queue_type;
        let count = taken.len() as u64;
        let again = taken.iter().filter(|(entry, _)| entry.returns() > 0);
        let (to_ack, done) = if removes { (0, count) } else { (count, 0) };
        let mut tally = Tally::default();
        for (kind, count) in [
            (Kind::GetEmpty, u64::from(taken.is_empty())),
            (Kind::Get, to_ack),
            (Kind::GetNoAck, done),
            (Kind::Redeliver, again.count() as u64),
            (Kind::Settle, to_ack),
        ] {
            tally.consuming(queue_type, kind, count);
        }
        tally.flush(&self.broker_totals, &self.totals);
    }
}

fn give_back(
    queue: &Arc<SharedQueue>,
    entries: impl ExactSizeIterator<Item = Entry>,
    how: Return,
    work: &mut Work,
) {
    queue.run(work, |queue, effects| {
        queue.requeue(None, entries, how, effects);
    });
}
