//! What all channels of an opened connection share.

use std::collections::VecDeque;
use std::sync::Arc;

use ferrymq_amqp::AMQPClass;
use ferrymq_store::CommitPoint;

use crate::actor::Actor;
use crate::broker::Broker;
use crate::clients::ClientConnection;
use crate::clock::Timestamp;
use crate::events::{self, ConsumerEvent, Event};
use crate::queue::Settled;
use crate::queue::shared::{SharedQueue, Work};
use crate::session::ConnectionId;
use crate::session::admission::Admission;
use crate::session::consumers::ConsumerTable;
use crate::session::endpoints::Endpoints;
use crate::session::outbound::Outbound;
use crate::session::outbox::{ConsumerNumber, Item, Outbox};
use crate::session::publishing::Publishing;
use crate::session::unacked::Unacked;
use crate::stats::Tally;
use crate::vhost::VHost;

/// What the client said in `start-ok` that it can take.
#[derive(Debug, Clone, Copy, Default)]
pub struct Capabilities {
    /// A failed login is told with `connection.close`.
    pub authentication_failure_close: bool,
    /// `connection.blocked` and `unblocked`.
    pub connection_blocked: bool,
    /// `basic.cancel` when a consumer's queue goes.
    pub consumer_cancel_notify: bool,
}

/// What was tuned, and what is configured.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Channels at a time.
    pub channel_max: u16,
    /// Bytes of a frame, overhead included.
    pub frame_max: u32,
    /// Bytes of a message's body.
    pub max_message_bytes: u64,
}

/// The part of a connection that its channels work on.
pub struct Context {
    /// The broker.
    pub broker: Arc<Broker>,
    /// The opened vhost.
    pub vhost: Arc<VHost>,
    /// The logged-in user, and this connection.
    pub actor: Actor,
    /// Where it runs.
    pub endpoints: Endpoints,
    /// What others see of it.
    pub entry: Arc<ClientConnection>,
    /// What it has counted that is not in the totals yet.
    pub tally: Tally,
    /// It counts, and so do its channels.
    pub admission: Admission,
    /// What was agreed on.
    pub limits: Limits,
    /// What the client can take.
    pub capabilities: Capabilities,
    /// Bytes for the client.
    pub outbound: Outbound,
    /// Deliveries for the client.
    pub outbox: Arc<Outbox>,
    /// Consumers on all channels.
    pub consumers: ConsumerTable,
    /// Scratch space for work on queues.
    pub work: Work,
    /// Publishes that have not reached their queues yet, and cached routes.
    pub publishing: Publishing,
    /// The queues that go with this connection.
    pub exclusive_queues: ExclusiveQueues,
    /// Channels whose confirms wait for the log.
    pub confirming: Vec<u16>,
    /// The commit that will wake this connection next, if it is still to come.
    awaiting: CommitPoint,
    /// Some consumer has a time-out.
    pub has_timeouts: bool,
    /// Something needed the log, which can't be written any more.
    pub store_failed: bool,
    /// A buffer that the next message is assembled in.
    pub spare: Vec<u8>,
    /// Taken out of the outbox, kept for its capacity.
    pub taken: VecDeque<Item>,
    /// Scratch space for settlements: deliveries, and what their queue hears of them.
    pub settling: Vec<Unacked>,
    /// See [`Context::settling`].
    pub settled: Vec<Settled>,
    /// When the current batch of work began.
    pub now: Timestamp,
}

/// The exclusive queues of a connection. Some may be gone already: they are forgotten now and
/// then, when the list has grown.
#[derive(Default)]
pub struct ExclusiveQueues {
    queues: Vec<Arc<SharedQueue>>,
    look_again_at: usize,
}

impl ExclusiveQueues {
    /// Adds a queue, once.
    pub fn add(&mut self, queue: Arc<SharedQueue>) {
        if self.queues.len() >= self.look_again_at {
            self.queues
                .retain(|queue| !queue.inspect(|queue| queue.is_deleted()));
            self.look_again_at = 2 * self.queues.len() + 16;
        }
        if !self.queues.iter().any(|known| Arc::ptr_eq(known, &queue)) {
            self.queues.push(queue);
        }
    }

    /// Takes them all.
    pub fn take(&mut self) -> Vec<Arc<SharedQueue>> {
        std::mem::take(&mut self.queues)
    }
}

impl Context {
    /// What the channels of a connection share that has just been opened.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a part of the connection"
    )]
    pub fn new(
        broker: Arc<Broker>,
        vhost: Arc<VHost>,
        actor: Actor,
        admission: Admission,
        limits: Limits,
        capabilities: Capabilities,
        outbound: Outbound,
        entry: Arc<ClientConnection>,
        now: Timestamp,
    ) -> Self {
        Self {
            broker,
            vhost,
            actor,
            admission,
            endpoints: entry.endpoints,
            limits,
            capabilities,
            outbound,
            outbox: Arc::clone(entry.outbox()),
            entry,
            now,
            tally: Tally::default(),
            consumers: ConsumerTable::default(),
            work: Work::default(),
            publishing: Publishing::default(),
            exclusive_queues: ExclusiveQueues::default(),
            confirming: Vec::new(),
            awaiting: CommitPoint::ALWAYS,
            has_timeouts: false,
            store_failed: false,
            spare: Vec::new(),
            taken: VecDeque::new(),
            settling: Vec::new(),
            settled: Vec::new(),
        }
    }

    /// A batch of work begins.
    pub fn set_now(&mut self, now: Timestamp) {
        self.now = now;
        self.work.set_now(now);
    }

    /// What was counted goes to the totals.
    #[inline]
    pub fn flush_tally(&mut self) {
        self.tally.flush(self.broker.totals(), self.vhost.totals());
    }

    /// What is told of one of its channels.
    pub fn channel_event(&self, number: u16) -> events::Channel {
        events::Channel {
            connection: self.actor.connection.unwrap_or(ConnectionId(0)),
            endpoints: self.endpoints,
            number,
            user: self.actor.user.name().to_owned(),
            vhost: Arc::clone(self.vhost.name()),
        }
    }

    /// Tells that a consumer is gone, for whatever reason.
    pub fn report_end(&self, number: ConsumerNumber) {
        let Some(consumer) = self.consumers.get(number) else {
            return;
        };
        // Direct reply-to is nobody else's business.
        let Some(queue) = &consumer.queue else {
            return;
        };
        self.broker.events().emit(|| {
            Event::ConsumerDeleted(Box::new(ConsumerEvent {
                channel: self.channel_event(consumer.channel),
                tag: consumer.tag().to_owned(),
                queue: queue.name.as_str().to_owned(),
                mode: None,
            }))
        });
    }

    /// Gives scratch space back.
    pub fn release_idle(&mut self) {
        self.spare = Vec::new();
        self.taken = VecDeque::new();
        self.settling = Vec::new();
        self.settled = Vec::new();
        self.work.release();
        self.publishing.release();
    }

    /// Sends `method`.
    pub fn send(&mut self, channel: u16, method: AMQPClass) {
        self.outbound.method(channel, method);
    }

    /// Sends the reply to a request, unless it asked for none.
    pub fn reply(&mut self, channel: u16, nowait: bool, method: AMQPClass) {
        if !nowait {
            self.outbound.method(channel, method);
        }
    }

    /// Sends the reply to a request once `point` is on disk; nothing overtakes it.
    pub fn reply_at(&mut self, point: CommitPoint, channel: u16, nowait: bool, method: AMQPClass) {
        self.store_failed |= point == CommitPoint::NEVER;
        if point > self.broker.store().committed() && !nowait {
            self.outbound.gate(point);
        }
        self.reply(channel, nowait, method);
    }

    /// Has this connection woken when `point` is on disk, or before.
    pub fn wake_at(&mut self, point: CommitPoint) {
        let store = self.broker.store();
        let woken_anyway = self.awaiting > store.committed() && self.awaiting <= point;
        if !woken_anyway {
            store.wake_when_committed(point, self.outbox.wake());
            self.awaiting = point;
        }
    }

    /// Does what work on queues left to do: dead letters, and queues that nobody needs any more.
    pub fn finish_work(&mut self) {
        if self.work.is_done() {
            return;
        }
        self.vhost.finish(&mut self.work);
    }

    /// Lets consumers be served again that had been held back.
    pub fn resume(&mut self, stalled: Vec<ConsumerNumber>) {
        for number in stalled {
            let Some(consumer) = self.consumers.get(number) else {
                continue;
            };
            if let (Some(queue), Some(slot)) = (&consumer.queue, consumer.slot) {
                queue.run(&mut self.work, |queue, effects| queue.resume(slot, effects));
            }
        }
    }
}
