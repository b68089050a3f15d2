//! Who is next: consumers with credit stand in a ring per priority; nobody scans all of them.
//!
//! ```text
//!            credit or room again: `resume`, `restore_credit`
//!   waiting ──────────────────────────────────────────▶ in the ring
//!      ▲                                                    │ `next`
//!      └──────── no credit, no room (noted as stalled) ◀────┘
//! ```

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;

use crate::clients::ClientConsumer;
use crate::message::Message;
use crate::session::outbox::{ConsumerNumber, Outbox};

/// A consumer's place in its queue's table; free to be used again once the consumer is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot(u32);

/// Where a consumer's deliveries go, and what outside of the queue may hold them back.
#[derive(Clone)]
pub struct Port {
    /// The connection's outbox.
    pub outbox: Arc<Outbox>,
    /// The consumer's number there.
    pub number: ConsumerNumber,
    /// The channel's shared prefetch limit, if one was set with `basic.qos(global)`.
    pub channel: Arc<ChannelLimit>,
}

impl Port {
    /// May `message` be handed over now? Counts it when it may; otherwise whoever holds it back
    /// has noted the consumer and will call [`Consumers::resume`].
    fn take(&self, message: &Message, no_ack: bool) -> bool {
        if !no_ack && !self.channel.take(self.number) {
            return false;
        }
        while !self.outbox.reserve(message) {
            if self.outbox.stall(self.number) {
                if !no_ack {
                    // Somebody may have been passed over while this slot was taken.
                    self.outbox.resume_soon(self.channel.put_back(1));
                }
                return false;
            }
        }
        true
    }
}

/// One prefetch limit for all consumers of a channel (`basic.qos` with `global`).
#[derive(Default)]
pub struct ChannelLimit {
    /// 0: none. Read without the lock, because most channels have none.
    limit: AtomicU32,
    shared: Mutex<InFlight>,
}

#[derive(Default)]
struct InFlight {
    deliveries: u32,
    stalled: Vec<ConsumerNumber>,
}

impl ChannelLimit {
    /// Sets the limit (0: none) on a channel that holds `unacked` deliveries; gives the consumers
    /// that may be served again.
    pub fn set(&self, limit: u16, unacked: usize) -> Vec<ConsumerNumber> {
        let mut shared = self.shared.lock();
        self.limit.store(u32::from(limit), Ordering::Relaxed);
        shared.deliveries = unacked as u32;
        std::mem::take(&mut shared.stalled)
    }

    /// Returns `deliveries` slots; gives the consumers that may be served again.
    pub fn put_back(&self, deliveries: u32) -> Vec<ConsumerNumber> {
        if self.limit.load(Ordering::Relaxed) == 0 {
            return Vec::new();
        }
        let mut shared = self.shared.lock();
        shared.deliveries = shared.deliveries.saturating_sub(deliveries);
        std::mem::take(&mut shared.stalled)
    }

    /// Takes one slot, or notes that `number` was passed over.
    fn take(&self, number: ConsumerNumber) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        if limit == 0 {
            return true;
        }
        let mut shared = self.shared.lock();
        if shared.deliveries < limit {
            shared.deliveries += 1;
            return true;
        }
        if !shared.stalled.contains(&number) {
            shared.stalled.push(number);
        }
        false
    }
}

/// What a new consumer asks for.
pub struct Subscription {
    /// Where its deliveries go.
    pub port: Port,
    /// Messages count as acked when sent.
    pub no_ack: bool,
    /// Nobody else may consume.
    pub exclusive: bool,
    /// Unacked deliveries at a time; 0: no limit.
    pub prefetch: u16,
    /// Higher is served first.
    pub priority: i32,
    /// What others see of it.
    pub entry: Option<Arc<ClientConsumer>>,
}

/// A consumer as its queue sees it.
pub struct Subscribed {
    /// The consumer.
    pub consumer: Arc<ClientConsumer>,
    /// Is it served? Of several one alone may be.
    pub is_active: bool,
    /// Deliveries that it has not acked.
    pub unacked: u32,
}

struct Consumer {
    subscription: Subscription,
    unacked: u32,
    in_ring: bool,
    /// Registration order, for single active consumers.
    order: u64,
}

impl Consumer {
    fn has_credit(&self) -> bool {
        let prefetch = u32::from(self.subscription.prefetch);
        self.subscription.no_ack || prefetch == 0 || self.unacked < prefetch
    }
}

/// The ring of one priority. Invariant: holds only consumers with credit.
struct Level {
    priority: i32,
    ring: VecDeque<Slot>,
}

/// A queue's consumers.
#[derive(Default)]
pub struct Consumers {
    table: Vec<Option<Consumer>>,
    count: usize,
    /// Highest priority first.
    levels: Vec<Level>,
    registered: u64,
    exclusive: bool,
    single_active: bool,
    active: Option<Slot>,
}

impl Consumers {
    /// No consumers yet; with `single_active` only one of them is served at a time.
    pub fn new(single_active: bool) -> Self {
        Self {
            single_active,
            ..Self::default()
        }
    }

    /// How many consumers there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Does one of them demand to be alone?
    pub fn is_exclusive(&self) -> bool {
        self.exclusive
    }

    /// Is only one of them served at a time?
    pub fn is_single_active(&self) -> bool {
        self.single_active
    }

    /// Adds a consumer, at the end of its priority's ring.
    pub fn add(&mut self, subscription: Subscription) -> Slot {
        self.exclusive |= subscription.exclusive;
        self.registered += 1;
        let consumer = Consumer {
            subscription,
            unacked: 0,
            in_ring: false,
            order: self.registered,
        };
        let has_gap = self.count < self.table.len();
        let free = has_gap.then(|| self.table.iter().position(Option::is_none));
        let index = free.flatten().unwrap_or_else(|| {
            self.table.push(None);
            self.table.len() - 1
        });
        self.table[index] = Some(consumer);
        self.count += 1;
        let slot = Slot(index as u32);
        if self.single_active && self.active.is_none() {
            self.active = Some(slot);
        }
        self.resume(slot);
        slot
    }

    /// Takes a consumer out of its ring; only `resume` puts it back.
    pub fn pause(&mut self, slot: Slot) {
        let Some(Some(consumer)) = self.table.get_mut(slot.0 as usize) else {
            return;
        };
        consumer.in_ring = false;
        let priority = consumer.subscription.priority;
        if let Some(level) = self.level(priority) {
            level.ring.retain(|&waiting| waiting != slot);
        }
    }

    /// From now on the consumer may hold `prefetch` unacked deliveries; 0: no limit.
    pub fn set_prefetch(&mut self, slot: Slot, prefetch: u16) {
        let Some(Some(consumer)) = self.table.get_mut(slot.0 as usize) else {
            return;
        };
        consumer.subscription.prefetch = prefetch;
        match consumer.has_credit() {
            true => self.resume(slot),
            false => self.pause(slot),
        }
    }

    /// Removes a consumer. With single active consumers the next one takes over: the highest
    /// priority, then the oldest.
    pub fn remove(&mut self, slot: Slot) {
        self.pause(slot);
        let Some(consumer) = self.table[slot.0 as usize].take() else {
            return;
        };
        self.count -= 1;
        self.exclusive &= !consumer.subscription.exclusive;
        self.levels.retain(|level| !level.ring.is_empty());
        while self.table.last().is_some_and(Option::is_none) {
            self.table.pop();
        }
        if self.active == Some(slot) {
            self.active = self.next_active();
            if let Some(active) = self.active {
                self.resume(active);
            }
        }
    }

    /// Where the deliveries of all of them go.
    pub fn ports(&self) -> impl Iterator<Item = &Port> {
        let consumers = self.table.iter().flatten();
        consumers.map(|consumer| &consumer.subscription.port)
    }

    /// All of them as others see them, oldest first.
    pub fn entries(&self) -> Vec<Subscribed> {
        let mut present: Vec<_> = (0..).zip(&self.table).collect();
        present.sort_by_key(|(_, consumer)| consumer.as_ref().map(|consumer| consumer.order));
        let entry = |(index, consumer): (u32, &Option<Consumer>)| {
            let consumer = consumer.as_ref()?;
            Some(Subscribed {
                consumer: consumer.subscription.entry.clone()?,
                is_active: !self.single_active || self.active == Some(Slot(index)),
                unacked: consumer.unacked,
            })
        };
        present.into_iter().filter_map(entry).collect()
    }

    /// Could any of them take a message now?
    pub fn has_room(&self) -> bool {
        self.levels.iter().any(|level| !level.ring.is_empty())
    }

    /// Removes all of them, and gives where their deliveries went.
    pub fn drain(&mut self) -> Vec<Port> {
        let table = std::mem::take(&mut self.table);
        *self = Self::new(self.single_active);
        table
            .into_iter()
            .flatten()
            .map(|consumer| consumer.subscription.port)
            .collect()
    }

    /// The consumer that gets `message`: round robin within the highest priority that can take
    /// one. Its credit is counted; one that is held back leaves the ring until `resume`.
    pub fn next(&mut self, message: &Message) -> Option<Slot> {
        for level in &mut self.levels {
            while let Some(slot) = level.ring.pop_front() {
                let consumer = self.table[slot.0 as usize]
                    .as_mut()
                    .expect("a removed consumer leaves the ring");
                let no_ack = consumer.subscription.no_ack;
                if !consumer.subscription.port.take(message, no_ack) {
                    consumer.in_ring = false;
                    continue;
                }
                if !no_ack {
                    consumer.unacked += 1;
                }
                consumer.in_ring = consumer.has_credit();
                if consumer.in_ring {
                    level.ring.push_back(slot);
                }
                return Some(slot);
            }
        }
        None
    }

    /// Where the consumer's deliveries go, and whether they count as acked when sent.
    pub fn port(&self, slot: Slot) -> (&Port, bool) {
        let consumer = self.table[slot.0 as usize]
            .as_ref()
            .expect("only asked of a consumer that was just served");
        (&consumer.subscription.port, consumer.subscription.no_ack)
    }

    /// Takes `deliveries` off the consumer's unacked count, and lets it be served again.
    pub fn restore_credit(&mut self, slot: Slot, deliveries: u32) {
        if let Some(Some(consumer)) = self.table.get_mut(slot.0 as usize) {
            consumer.unacked = consumer.unacked.saturating_sub(deliveries);
        }
        self.resume(slot);
    }

    /// Puts the consumer back into its ring, if it has credit and may be served.
    pub fn resume(&mut self, slot: Slot) {
        if self.single_active && self.active != Some(slot) {
            return;
        }
        let Some(Some(consumer)) = self.table.get_mut(slot.0 as usize) else {
            return;
        };
        if consumer.in_ring || !consumer.has_credit() {
            return;
        }
        consumer.in_ring = true;
        let priority = consumer.subscription.priority;
        match self.level(priority) {
            Some(level) => level.ring.push_back(slot),
            None => self.add_level(priority, slot),
        }
    }

    fn level(&mut self, priority: i32) -> Option<&mut Level> {
        self.levels
            .iter_mut()
            .find(|level| level.priority == priority)
    }

    fn add_level(&mut self, priority: i32, first: Slot) {
        let position = self
            .levels
            .partition_point(|level| level.priority > priority);
        let ring = VecDeque::from([first]);
        self.levels.insert(position, Level { priority, ring });
    }

    fn next_active(&self) -> Option<Slot> {
        let consumers = self.table.iter().enumerate();
        consumers
            .filter_map(|(index, consumer)| Some((index, consumer.as_ref()?)))
            .min_by_key(|(_, consumer)| {
                let priority = consumer.subscription.priority;
                (std::cmp::Reverse(priority), consumer.order)
            })
            .map(|(index, _)| Slot(index as u32))
    }
}
