//! A queue behind its lock, and the shell around it: what comes out of the state machine goes to
//! outboxes (before the queue is unlocked, so that their order is the queue's) and to the log
//! (after, because the log's order does not matter). Messages' way to disk and back: `paging.rs`.

mod dead_letters;
mod delayed;
mod paging;
pub mod policies;
mod scan;
pub mod tail;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use ferrymq_routing::QueueName;
use ferrymq_store::{CommitPoint, Durability, QueueId, Store};
use parking_lot::{Condvar, Mutex};

use crate::clock::Timestamp;
use crate::dead_letter::DeadLetterCounts;
use crate::dedup::{self, Owner, SlotChanges};
use crate::events::QueueEvent;
use crate::paging::Paging;
use crate::policy::Applied;
use crate::queue::arguments::Declared;
use crate::queue::paged::Paged;
use crate::queue::settings::{DeadLetter, Settings};
use crate::queue::{Effects, Queue};
use crate::session::ConnectionId;
use crate::session::outbox::{Dirty, Handover, Item};
use crate::stats::{Capacity, History, MessageField};
use crate::timers::Alarm;

pub use dead_letters::DeadLetters;
pub(crate) use dead_letters::Place;
use tail::Tail;

/// A change of memory that is not worth reporting.
const UNREPORTED_BYTES: u64 = 4 * 1024;

/// Scratch space for work on queues, reused by one connection; and what that work leaves to do.
#[derive(Default)]
pub struct Work {
    effects: Effects,
    /// Outboxes to wake at the end of the batch.
    pub dirty: Dirty,
    /// Queues that are to be deleted: they were of no use any more.
    pub deletions: Vec<Arc<SharedQueue>>,
    /// Messages on their way to dead-letter exchanges.
    pub dead_letters: VecDeque<DeadLetters>,
    /// What the log is to remember of published values, behind the messages.
    pub slots: Vec<(Owner, SlotChanges)>,
}

impl Work {
    /// Gives scratch space back.
    pub fn release(&mut self) {
        self.effects = Effects::default();
    }

    /// From here on what repeats a value is dropped. Whoever says so holds the gate.
    pub(crate) fn begin_deduplication(&mut self) {
        self.effects.deduplicate = true;
    }

    /// Not any more. Tells whether there were duplicates.
    pub(crate) fn end_deduplication(&mut self) -> bool {
        self.effects.deduplicate = false;
        std::mem::take(&mut self.effects.duplicates) > 0
    }

    /// Appends what the log is to remember of published values; gives the point at which it does.
    pub(crate) fn log_slots(&mut self, store: &Store, durability: Durability) -> CommitPoint {
        let slots = self.slots.drain(..);
        let points = slots.map(|(owner, changes)| dedup::log(store, owner, &changes, durability));
        points.max().unwrap_or(CommitPoint::ALWAYS)
    }

    /// Collects what `queue` has just given up on.
    fn dead_letter(&mut self, queue: &Arc<SharedQueue>, target: Arc<DeadLetter>, held: bool) {
        let messages = &mut self.effects.dead;
        match self.dead_letters.back_mut() {
            Some(last) if last.continues(queue, &target, held) => last.messages.append(messages),
            _ => self.dead_letters.push_back(DeadLetters {
                queue: Arc::clone(queue),
                target,
                held,
                messages: std::mem::take(messages),
            }),
        }
    }

    /// Did it leave nothing to do?
    pub fn is_done(&self) -> bool {
        self.deletions.is_empty() && self.dead_letters.is_empty() && self.slots.is_empty()
    }

    /// What is done from here on is done at `now`.
    pub fn set_now(&mut self, now: Timestamp) {
        self.effects.now = now;
    }

    /// When the current work is done.
    pub fn now(&self) -> Timestamp {
        self.effects.now
    }
}

/// Where a durable queue stands in the store.
pub struct Durable {
    /// Its number in the log, never used again.
    pub id: QueueId,
    /// What a confirm of a persistent message stands for where neither arguments nor policies say.
    pub durability: Durability,
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
    applied: ArcSwapOption<Applied>,
    queue: Mutex<Queue>,
    paging: Arc<Paging>,
    /// Its number in the log for messages that a restart forgets, once some were paged out.
    volatile: OnceLock<QueueId>,
    /// What it said last that its messages hold in memory.
    reported_bytes: AtomicU64,
    is_reporting: AtomicBool,
    /// Told when messages were read back.
    loaded: Condvar,
    /// Whether it drops what repeats a value.
    deduplicates: AtomicBool,
    /// When it is to be woken.
    alarm: Alarm,
    /// What became of the messages that it gave up on.
    pub dead_letter_counts: DeadLetterCounts,
    /// How its numbers went.
    pub history: History<MessageField>,
    /// Whether its consumers could take more.
    pub capacity: Capacity,
    /// How many batches of dead letters are on their way in the background.
    transfers: AtomicUsize,
    /// Who listens to what comes.
    tail: Tail,
}

impl SharedQueue {
    /// Wraps `queue`, to which `applied` applies.
    #[expect(clippy::too_many_arguments, reason = "each is a part of the queue")]
    pub fn new(
        name: QueueName,
        vhost: Arc<str>,
        declared: Declared,
        owner: Option<ConnectionId>,
        durable: Option<Durable>,
        applied: Option<Arc<Applied>>,
        queue: Queue,
        paging: Arc<Paging>,
    ) -> Self {
        let deduplicates = queue.deduplicates();
        dead_letters::warn_of_fallback(&name, &vhost, queue.settings());
        Self {
            name,
            vhost,
            declared,
            owner,
            durable,
            applied: ArcSwapOption::new(applied),
            queue: Mutex::new(queue),
            paging,
            volatile: OnceLock::new(),
            reported_bytes: AtomicU64::new(0),
            is_reporting: AtomicBool::new(false),
            loaded: Condvar::new(),
            deduplicates: AtomicBool::new(deduplicates),
            alarm: Alarm::default(),
            dead_letter_counts: DeadLetterCounts::default(),
            history: History::default(),
            capacity: Capacity::default(),
            transfers: AtomicUsize::new(0),
            tail: Tail::default(),
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
        if effects.has_unsized() {
            self.size_unread(&mut queue, effects);
            queue.sizes_known(effects);
        }
        hand_over(&queue, effects, &mut work.dirty);
        let resident_bytes = queue.resident_bytes();
        let page_out = queue.request_page_out();
        let dead_letter = match effects.dead.is_empty() {
            true => None,
            false => DeadLetters::to(queue.settings()),
        };
        let timeout = queue.next_timeout();
        drop(queue);
        self.remove(effects);
        self.report(resident_bytes);
        if page_out {
            self.paging.request_page_out(Arc::clone(self));
        }
        if let Some(at) = timeout {
            self.paging.timers().set(self, at);
        }
        if std::mem::take(&mut effects.load) {
            self.paging.request_load(Arc::clone(self));
        }
        if std::mem::take(&mut effects.delete) {
            work.deletions.push(Arc::clone(self));
        }
        if !effects.slots.is_empty() {
            note_slots(self.durable.as_ref(), effects, &mut work.slots);
        }
        if let Some((target, held)) = dead_letter {
            work.dead_letter(self, target, held);
        }
        result
    }

    /// From now on the queue obeys `settings`. Tells whether it has messages left to drop: see
    /// [`Queue::enforce_limits_some`].
    pub fn configure(self: &Arc<Self>, settings: Settings, work: &mut Work) -> bool {
        dead_letters::warn_of_fallback(&self.name, &self.vhost, &settings);
        let (more, deduplicates) = self.run(work, |queue, effects| {
            (queue.configure(settings, effects), queue.deduplicates())
        });
        self.deduplicates.store(deduplicates, Ordering::Relaxed);
        more
    }

    /// Does it drop what repeats a value? If so, publishers pass the [gate](crate::dedup::Gate).
    #[inline]
    pub fn deduplicates(&self) -> bool {
        self.deduplicates.load(Ordering::Relaxed)
    }

    /// What is told of its coming and going.
    pub(crate) fn event(&self, by: String) -> Box<QueueEvent> {
        let Declared {
            flags, arguments, ..
        } = &self.declared;
        Box::new(QueueEvent {
            vhost: Arc::clone(&self.vhost),
            name: self.name.as_str().to_owned(),
            queue_type: arguments.queue_type.as_str(),
            durable: flags.durable,
            auto_delete: flags.auto_delete,
            exclusive: flags.exclusive,
            arguments: arguments.table().clone(),
            by,
        })
    }

    /// Looks at the queue without changing it.
    pub fn inspect<R>(&self, look: impl FnOnce(&Queue) -> R) -> R {
        look(&self.queue.lock())
    }

    /// How many of its messages a restart brings back, as far as they are written, and the bytes of their
    /// content.
    pub fn persistent(&self) -> (u64, u64) {
        let durable = self.durable.as_ref();
        durable.map_or((0, 0), |durable| self.paging.store().held(durable.id))
    }

    /// Who listens to what comes.
    #[inline]
    pub(crate) fn tail(&self) -> &Tail {
        &self.tail
    }

    /// When it is to be woken.
    pub(crate) fn alarm(&self) -> &Alarm {
        &self.alarm
    }

    /// What it said last that its messages hold in memory, in bytes.
    pub(crate) fn reported_bytes(&self) -> u64 {
        self.reported_bytes.load(Ordering::Relaxed)
    }

    /// Tells the log what is settled.
    fn remove(&self, effects: &mut Effects) {
        let store = self.paging.store();
        let durable = self.durable.as_ref().map(|durable| durable.id);
        let volatile = self.volatile.get().copied();
        for (durable, volatile) in effects.purged.drain(..).map(Paged::ranges) {
            effects.removed.extend(durable);
            effects.removed_volatile.extend(volatile);
        }
        for (id, removed) in [
            (durable, &mut effects.removed),
            (volatile, &mut effects.removed_volatile),
        ] {
            if let Some(id) = id.filter(|_| !removed.is_empty()) {
                store.remove_ranges(id, removed);
            }
            removed.clear();
        }
    }

    /// Reports what is held in memory, if that differs much from the last time.
    fn report(self: &Arc<Self>, resident_bytes: u64) {
        let before = self.reported_bytes.load(Ordering::Relaxed);
        if resident_bytes.abs_diff(before) <= UNREPORTED_BYTES + before / 8 {
            return;
        }
        if !self.is_reporting.swap(true, Ordering::Relaxed) {
            self.paging.add(self);
        }
        let before = self.reported_bytes.swap(resident_bytes, Ordering::Relaxed);
        self.paging.report(before, resident_bytes);
    }
}

impl Drop for SharedQueue {
    fn drop(&mut self) {
        self.paging.forget(*self.reported_bytes.get_mut());
        let address = std::ptr::from_ref(self).addr();
        self.paging.timers().forget(&self.alarm, address);
        if let Some(volatile) = self.volatile.get() {
            self.paging.store().forget_volatile_queue(*volatile);
        }
    }
}

/// A restart brings back the values of durable queues.
fn note_slots(
    durable: Option<&Durable>,
    effects: &mut Effects,
    slots: &mut Vec<(Owner, SlotChanges)>,
) {
    let changes = std::mem::take(&mut effects.slots);
    slots.extend(durable.map(|durable| (Owner::Queue(durable.id), changes)));
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
                entry: delivery.entry,
            })
        });
        port.outbox.push(items, dirty);
    }
}
