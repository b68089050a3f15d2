//! Deliveries waiting for a connection, and all else that others want it to do.
//!
//! Publishers push, the connection's own task takes. Pushing only fills a buffer; the waking
//! comes once per batch, through [`Dirty`].

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::alarms::Alarms;
use crate::auth::User;
use crate::message::Message;
use crate::queue::entry::Entry;
use crate::session::requests::Request;
use crate::vhost::VHost;

/// Waiting deliveries above this many bytes stop the credit of the connection's consumers.
const HIGH_WATER_BYTES: usize = 512 * 1024;

/// What a delivery weighs beside its body, in bytes: frames on the wire, memory in the outbox.
const DELIVERY_OVERHEAD_BYTES: usize = 96;

/// A consumer's number within its connection, across all channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConsumerNumber(pub u32);

/// One sending of a message to one consumer, before it has a delivery tag.
#[derive(Debug)]
pub struct Handover {
    /// The consumer that it is for.
    pub consumer: ConsumerNumber,
    /// The message, at its place in the queue.
    pub entry: Entry,
}

/// What others ask of a connection.
#[derive(Debug)]
pub enum Item {
    /// Deliver this.
    Deliver(Handover),
    /// The consumer's queue is gone, or its right to read.
    Cancelled(ConsumerNumber),
    /// The time-out of the consumer's queue is another now.
    TimeoutChanged(ConsumerNumber),
    /// This vhost is gone; who is in it has to close.
    VHostDeleted(Arc<VHost>),
    /// This user is gone; its connections have to close.
    UserDeleted(Arc<User>),
    /// Close with 320 and this explanation.
    Close(Arc<str>),
    /// The alarms are now these.
    Alarms(Alarms),
    /// Do this, or tell that.
    Request(Box<Request>),
}

/// The inbox of a connection's task, shared with every queue that it consumes from.
pub struct Outbox {
    waiting: Mutex<Waiting>,
    waiting_bytes: AtomicUsize,
    wake: Arc<Notify>,
}

#[derive(Default)]
struct Waiting {
    items: VecDeque<Item>,
    /// Consumers that a queue passed over because there was no room.
    stalled: Vec<ConsumerNumber>,
    /// Somebody has promised to wake the task.
    signalled: bool,
}

impl Outbox {
    /// An empty outbox whose owner is woken through `wake`.
    pub fn new(wake: Arc<Notify>) -> Self {
        Self {
            waiting: Mutex::default(),
            waiting_bytes: AtomicUsize::new(0),
            wake,
        }
    }

    /// What wakes the connection's task.
    pub fn wake(&self) -> &Arc<Notify> {
        &self.wake
    }

    /// Deliveries that wait, in bytes.
    pub fn waiting_bytes(&self) -> usize {
        self.waiting_bytes.load(Ordering::Relaxed)
    }

    /// Counts `message` in, if there is room for any.
    pub fn reserve(&self, message: &Message) -> bool {
        if self.waiting_bytes.load(Ordering::Relaxed) >= HIGH_WATER_BYTES {
            return false;
        }
        self.waiting_bytes
            .fetch_add(weight(message), Ordering::Relaxed);
        true
    }

    /// Notes that a queue passed `consumer` over, unless there is room by now.
    ///
    /// A noted consumer comes out of [`Outbox::take`] once there is room.
    pub fn stall(&self, consumer: ConsumerNumber) -> bool {
        let mut waiting = self.waiting.lock();
        if self.waiting_bytes.load(Ordering::Relaxed) < HIGH_WATER_BYTES {
            return false;
        }
        if !waiting.stalled.contains(&consumer) {
            waiting.stalled.push(consumer);
        }
        true
    }

    /// Has the connection's task resume these consumers.
    pub fn resume_soon(&self, consumers: Vec<ConsumerNumber>) {
        if !consumers.is_empty() {
            self.waiting.lock().stalled.extend(consumers);
            self.wake.notify_one();
        }
    }

    /// Puts `items` behind what waits. Deliveries must have been reserved.
    pub fn push(self: &Arc<Self>, items: impl Iterator<Item = Item>, dirty: &mut Dirty) {
        let mut waiting = self.waiting.lock();
        waiting.items.extend(items);
        if !mem::replace(&mut waiting.signalled, true) {
            dirty.outboxes.push(Arc::clone(self));
        }
    }

    /// Moves everything that waits into `items` (which must be empty), and gives the consumers
    /// that had been passed over and may now be served again.
    pub fn take(&self, items: &mut VecDeque<Item>) -> Vec<ConsumerNumber> {
        debug_assert!(items.is_empty());
        let mut waiting = self.waiting.lock();
        waiting.signalled = false;
        mem::swap(&mut waiting.items, items);
        let bytes: usize = items
            .iter()
            .map(|item| match item {
                Item::Deliver(handover) => weight(&handover.entry.message),
                _ => 0,
            })
            .sum();
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        mem::take(&mut waiting.stalled)
    }
}

fn weight(message: &Message) -> usize {
    message.body_len() as usize + DELIVERY_OVERHEAD_BYTES
}

/// Outboxes that got something during a batch of work, to be woken at its end.
#[derive(Default)]
pub struct Dirty {
    outboxes: Vec<Arc<Outbox>>,
}

impl Dirty {
    /// Wakes every connection that got something; tells whether there was any.
    pub fn wake(&mut self) -> bool {
        let any = !self.outboxes.is_empty();
        for outbox in self.outboxes.drain(..) {
            outbox.wake.notify_one();
        }
        any
    }
}

impl Drop for Dirty {
    fn drop(&mut self) {
        self.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(body: &[u8]) -> Item {
        let mut bytes = b"\0\0\0\0".to_vec();
        bytes.extend_from_slice(body);
        Item::Deliver(Handover {
            consumer: ConsumerNumber(1),
            entry: Entry::unqueued(Message::small(&bytes, 2, 2, false)),
        })
    }

    fn outbox() -> Arc<Outbox> {
        Arc::new(Outbox::new(Arc::new(Notify::new())))
    }

    #[test]
    fn a_batch_wakes_once() {
        let outbox = outbox();
        let mut dirty = Dirty::default();
        outbox.push([delivery(b"a")].into_iter(), &mut dirty);
        outbox.push([delivery(b"b")].into_iter(), &mut dirty);
        assert_eq!(dirty.outboxes.len(), 1);
        assert!(dirty.wake());
        assert!(!dirty.wake());
    }

    #[test]
    fn a_full_outbox_refuses_and_remembers_who_was_passed_over() {
        let outbox = outbox();
        let Item::Deliver(handover) = delivery(&[0; 4000]) else {
            unreachable!()
        };
        let mut reserved = 0;
        while outbox.reserve(&handover.entry.message) {
            reserved += 1;
        }
        assert!(outbox.stall(ConsumerNumber(1)));
        let mut dirty = Dirty::default();
        outbox.push((0..reserved).map(|_| delivery(&[0; 4000])), &mut dirty);
        let mut items = VecDeque::new();
        assert_eq!(outbox.take(&mut items), vec![ConsumerNumber(1)]);
        assert_eq!(items.len(), reserved);
        assert!(outbox.reserve(&handover.entry.message));
        assert!(!outbox.stall(ConsumerNumber(1)), "there is room by now");
    }
}
