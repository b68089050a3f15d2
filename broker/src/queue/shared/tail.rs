//! Listeners to a queue: each gets copies of the messages that are routed into it, as far as it keeps up.
//!
//! While nobody listens, a run of messages costs one relaxed load. With listeners, publishers put references into
//! bounded buffers and never wait: what is too much drops the oldest, and is counted.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::SharedQueue;
use crate::clock::Timestamp;
use crate::message::Message;

/// Messages that a listener may fall behind,
const MAX_BEHIND_MESSAGES: usize = 1024;
/// and bytes of them.
const MAX_BEHIND_BYTES: u64 = 4 << 20;

/// Who listens to a queue.
#[derive(Default)]
pub(crate) struct Tail {
    /// How many listen.
    count: AtomicUsize,
    listeners: Mutex<Listeners>,
}

#[derive(Default)]
struct Listeners {
    buffers: Vec<Arc<Buffer>>,
    /// The queue is gone.
    ended: bool,
}

#[derive(Default)]
struct Buffer {
    behind: Mutex<Behind>,
    /// Told when there is something after there was nothing.
    filled: Notify,
}

/// What a listener has not taken yet.
#[derive(Default)]
struct Behind {
    messages: VecDeque<Routed>,
    bytes: u64,
    dropped: u64,
    ended: bool,
}

/// A message on its way into a queue.
#[derive(Debug, Clone)]
pub struct Routed {
    /// The message.
    pub message: Message,
    /// When it came.
    pub at: Timestamp,
}

/// What a listener has heard since it asked last.
#[derive(Debug, Default)]
pub struct Heard {
    /// The messages, oldest first.
    pub messages: VecDeque<Routed>,
    /// How many before them were dropped, because the listener was slow.
    pub dropped: u64,
}

/// One listener to a queue, until it is dropped.
pub struct Listener {
    queue: Arc<SharedQueue>,
    buffer: Arc<Buffer>,
}

impl Tail {
    /// Does anybody listen?
    #[inline]
    pub(crate) fn has_listeners(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// Tells listeners of a run of messages that came at `now`.
    #[cold]
    pub(crate) fn tell(&self, messages: &[Message], now: Timestamp) {
        for buffer in &self.listeners.lock().buffers {
            buffer.push(messages, now);
        }
    }

    /// The queue is gone.
    pub(crate) fn end(&self) {
        let mut listeners = self.listeners.lock();
        listeners.ended = true;
        for buffer in &listeners.buffers {
            buffer.end();
        }
    }

    fn add(&self) -> Arc<Buffer> {
        let buffer = Arc::new(Buffer::default());
        let mut listeners = self.listeners.lock();
        if listeners.ended {
            buffer.end();
        }
        listeners.buffers.push(Arc::clone(&buffer));
        self.count.store(listeners.buffers.len(), Ordering::Relaxed);
        buffer
    }

    fn remove(&self, buffer: &Arc<Buffer>) {
        let mut listeners = self.listeners.lock();
        listeners
            .buffers
            .retain(|other| !Arc::ptr_eq(other, buffer));
        self.count.store(listeners.buffers.len(), Ordering::Relaxed);
    }
}

impl Buffer {
    fn push(&self, messages: &[Message], now: Timestamp) {
        let mut behind = self.behind.lock();
        let was_empty = behind.is_empty();
        // Of a long run only the end can stay.
        let beyond = messages.len().saturating_sub(MAX_BEHIND_MESSAGES);
        behind.dropped += beyond as u64;
        for message in &messages[beyond..] {
            behind.push(Routed {
                message: message.clone(),
                at: now,
            });
        }
        drop(behind);
        if was_empty {
            self.filled.notify_one();
        }
    }

    fn end(&self) {
        self.behind.lock().ended = true;
        self.filled.notify_one();
    }
}

impl Behind {
    fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.dropped == 0
    }

    fn push(&mut self, routed: Routed) {
        self.bytes += routed.message.memory_bytes();
        self.messages.push_back(routed);
        while self.messages.len() > MAX_BEHIND_MESSAGES
            || (self.bytes > MAX_BEHIND_BYTES && self.messages.len() > 1)
        {
            if let Some(oldest) = self.messages.pop_front() {
                self.bytes -= oldest.message.memory_bytes();
                self.dropped += 1;
            }
        }
    }
}

impl SharedQueue {
    /// Listens to the messages that are routed into the queue from now on.
    pub fn listen(self: &Arc<Self>) -> Listener {
        Listener {
            queue: Arc::clone(self),
            buffer: self.tail.add(),
        }
    }
}

impl Listener {
    /// Waits for messages; `None` when the queue is gone.
    pub async fn next(&mut self) -> Option<Heard> {
        loop {
            if let Some(heard) = self.try_next() {
                return Some(heard);
            }
            if self.buffer.behind.lock().ended {
                return None;
            }
            self.buffer.filled.notified().await;
        }
    }

    /// What it has heard, if anything.
    pub fn try_next(&mut self) -> Option<Heard> {
        let mut behind = self.buffer.behind.lock();
        if behind.is_empty() {
            return None;
        }
        behind.bytes = 0;
        Some(Heard {
            messages: std::mem::take(&mut behind.messages),
            dropped: std::mem::take(&mut behind.dropped),
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.queue.tail.remove(&self.buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &[u8]) -> Message {
        Message::small(&[b"\0\0\0\0", body].concat(), 2, 2, false)
    }

    fn large(bytes: usize) -> Message {
        Message::large(b"\0\0\0\0", 2, false, vec![vec![0; bytes].into()])
    }

    /// What is left of messages that nobody took: (how many, how many were dropped).
    fn check(runs: &[Vec<Message>], left: usize, dropped: u64) {
        let tail = Tail::default();
        let buffer = tail.add();
        for run in runs {
            tail.tell(run, Timestamp::from_millis(1));
        }
        let behind = buffer.behind.lock();
        assert_eq!((behind.messages.len(), behind.dropped), (left, dropped));
    }

    #[test]
    fn the_oldest_are_dropped_and_counted() {
        let some = |count| vec![message(b"x"); count];
        check(&[some(3)], 3, 0);
        check(&[some(1000), some(1000)], 1024, 976);
        check(&[some(5000)], 1024, 3976);
        let megabytes = |count| vec![large(1 << 20); count];
        check(&[megabytes(3)], 3, 0);
        check(&[megabytes(10)], 3, 7);
        check(&[vec![large(20 << 20); 2]], 1, 1);
    }

    #[test]
    fn only_listeners_count() {
        let tail = Tail::default();
        assert!(!tail.has_listeners());
        let buffers = [tail.add(), tail.add()];
        tail.remove(&buffers[0]);
        assert!(tail.has_listeners());
        tail.remove(&buffers[1]);
        assert!(!tail.has_listeners());
    }
}
