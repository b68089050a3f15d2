//! A queue behind its lock, and the shell around it: what comes out of the state machine goes to
//! outboxes (before the queue is unlocked, so that their order is the queue's) and to the log
//! (after, because the log's order does not matter).

use std::sync::Arc;

use ferrymq_routing::QueueName;
use ferrymq_store::{CommitPoint, QueueId, Store};
use parking_lot::Mutex;

use crate::queue::arguments::Declared;
use crate::queue::{Effects, Queue};
use crate::session::ConnectionId;
use crate::session::outbox::{Dirty, Handover, Item};

/// Scratch space for work on queues, reused by one connection; and what that work leaves to do.
#[derive(Default)]
pub struct Work {
    effects: Effects,
    /// Outboxes to wake at the end of the batch.
    pub dirty: Dirty,
    /// Auto-delete queues whose last consumer went.
    pub deletions: Vec<Arc<SharedQueue>>,
}

impl Work {
    /// Gives scratch space back.
    pub fn release(&mut self) {
        self.effects = Effects::default();
    }
}

/// Where a durable queue stands in the store.
pub struct Durable {
    /// Its number in the log, never used again.
    pub id: QueueId,
    /// When its declaration is on disk.
    pub declared_at: CommitPoint,
    /// The log.
    pub store: Store,
}

/// A queue that connections share.
pub struct SharedQueue {
    /// Its name.
    pub name: QueueName,
    /// Its virtual host.
    pub vhost: Arc<str>,
    /// The properties that it was declared with.
    pub declared: Declared,
    /// The only connection that may use it.
    pub owner: Option<ConnectionId>,
    /// Set when it outlives a restart.
    pub durable: Option<Durable>,
    queue: Mutex<Queue>,
}

impl SharedQueue {
    /// Wraps `queue`.
    pub fn new(
        name: QueueName,
        vhost: Arc<str>,
        declared: Declared,
        owner: Option<ConnectionId>,
        durable: Option<Durable>,
        queue: Queue,
    ) -> Self {
        Self {
            name,
            vhost,
            declared,
            owner,
            durable,
            queue: Mutex::new(queue),
        }
    }

    /// Runs `command` on the locked queue and carries out its effects.
    pub fn run<R>(
        self: &Arc<Self>,
        work: &mut Work,
        command: impl FnOnce(&mut Queue, &mut Effects) -> R,
    ) -> R {
        let effects = &mut work.effects;
        let mut queue = self.queue.lock();
        let result = command(&mut queue, effects);
        hand_over(&queue, effects, &mut work.dirty);
        drop(queue);
        if let Some(durable) = &self.durable
            && !effects.removed.is_empty()
        {
            durable.store.remove(durable.id, &effects.removed);
        }
        effects.removed.clear();
        if std::mem::take(&mut effects.delete) {
            work.deletions.push(Arc::clone(self));
        }
        result
    }

    /// Looks at the queue without changing it.
    pub fn inspect<R>(&self, look: impl FnOnce(&Queue) -> R) -> R {
        look(&self.queue.lock())
    }
}

/// Pushes deliveries to their outboxes, each run for the same consumer at once.
fn hand_over(queue: &Queue, effects: &mut Effects, dirty: &mut Dirty) {
    let mut deliveries = effects.deliveries.drain(..).peekable();
    while let Some(&first) = deliveries.peek().map(|delivery| &delivery.slot) {
        let port = queue.port(first);
        let run = std::iter::from_fn(|| deliveries.next_if(|delivery| delivery.slot == first));
        let items = run.map(|delivery| {
            Item::Deliver(Handover {
                consumer: port.number,
                returns: delivery.entry.returns,
                sequence: delivery.entry.sequence,
                message: delivery.entry.message,
            })
        });
        port.outbox.push(items, dirty);
    }
}
