//! Sums over all queues, connections and channels there are: what the last tick found.

use std::ops::AddAssign;

use crate::clients::{ClientChannel, ClientConnection};
use crate::queue::{Counts, Queue};

/// Of queues.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct QueueSums {
    /// How many there are.
    pub queues: u64,
    /// Messages that wait,
    pub ready: u64,
    /// and the bytes of their bodies.
    pub ready_bytes: u64,
    /// Messages handed over and not settled,
    pub unacked: u64,
    /// and the bytes of their bodies.
    pub unacked_bytes: u64,
    /// Messages that are on disk only.
    pub paged: u64,
    /// Messages that a restart brings back.
    pub persistent: u64,
    /// and the bytes of their content.
    pub persistent_bytes: u64,
    /// What messages hold in memory, in bytes.
    pub memory_bytes: u64,
    /// Consumers.
    pub consumers: u64,
    /// The sum of all consumer capacities.
    pub capacity: f64,
    /// Messages dropped since the start of their queue because they repeated a value.
    pub duplicates: u64,
}

impl QueueSums {
    /// Those of one queue, whose consumers have this capacity.
    pub fn of(queue: &Queue, (persistent, persistent_bytes): (u64, u64), capacity: f64) -> Self {
        let Counts {
            ready,
            ready_bytes,
            unacked,
            unacked_bytes,
            consumers,
            duplicates,
            ..
        } = queue.counts();
        Self {
            queues: 1,
            ready: ready as u64,
            ready_bytes,
            unacked: unacked as u64,
            unacked_bytes,
            paged: queue.paged() as u64,
            persistent,
            persistent_bytes,
            memory_bytes: queue.resident_bytes(),
            consumers: consumers as u64,
            capacity,
            duplicates,
        }
    }

    /// Messages that it holds.
    pub fn messages(&self) -> u64 {
        self.ready + self.unacked
    }
}

impl AddAssign for QueueSums {
    fn add_assign(&mut self, other: Self) {
        self.queues += other.queues;
        self.ready += other.ready;
        self.ready_bytes += other.ready_bytes;
        self.unacked += other.unacked;
        self.unacked_bytes += other.unacked_bytes;
        self.paged += other.paged;
        self.persistent += other.persistent;
        self.persistent_bytes += other.persistent_bytes;
        self.memory_bytes += other.memory_bytes;
        self.consumers += other.consumers;
        self.capacity += other.capacity;
        self.duplicates += other.duplicates;
    }
}

/// Of channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChannelSums {
    /// Consumers.
    pub consumers: u64,
    /// Deliveries that are not settled.
    pub unacked: u64,
    /// Publishes that are not confirmed.
    pub unconfirmed: u64,
    /// Publishes that wait for `tx.commit`.
    pub uncommitted_messages: u64,
    /// Settlements that do.
    pub uncommitted_acks: u64,
    /// What `basic.qos` set for consumers.
    pub prefetch: u64,
    /// What it set for whole channels.
    pub global_prefetch: u64,
}

impl ChannelSums {
    /// Those of one channel.
    pub fn of(channel: &ClientChannel) -> Self {
        let activity = channel.counters.read();
        Self {
            consumers: channel.consumer_count() as u64,
            unacked: activity.unacked(),
            unconfirmed: activity.unconfirmed(),
            uncommitted_messages: channel.uncommitted_messages.get(),
            uncommitted_acks: channel.uncommitted_acks.get(),
            prefetch: channel.prefetch.get(),
            global_prefetch: channel.global_prefetch.get(),
        }
    }
}

impl AddAssign for ChannelSums {
    fn add_assign(&mut self, other: Self) {
        self.consumers += other.consumers;
        self.unacked += other.unacked;
        self.unconfirmed += other.unconfirmed;
        self.uncommitted_messages += other.uncommitted_messages;
        self.uncommitted_acks += other.uncommitted_acks;
        self.prefetch += other.prefetch;
        self.global_prefetch += other.global_prefetch;
    }
}

/// What went over sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TrafficSums {
    /// Bytes that came.
    pub received_bytes: u64,
    /// Reads that gave any.
    pub received_packets: u64,
    /// Bytes that went.
    pub sent_bytes: u64,
    /// Writes that took any.
    pub sent_packets: u64,
}

impl TrafficSums {
    /// That of one connection.
    pub fn of(connection: &ClientConnection) -> Self {
        let traffic = &connection.traffic;
        Self {
            received_bytes: traffic.received_bytes.get(),
            received_packets: traffic.received_packets.get(),
            sent_bytes: traffic.sent_bytes.get(),
            sent_packets: traffic.sent_packets.get(),
        }
    }

    /// The larger of each.
    pub(super) fn max(self, other: Self) -> Self {
        Self {
            received_bytes: self.received_bytes.max(other.received_bytes),
            received_packets: self.received_packets.max(other.received_packets),
            sent_bytes: self.sent_bytes.max(other.sent_bytes),
            sent_packets: self.sent_packets.max(other.sent_packets),
        }
    }
}

impl AddAssign for TrafficSums {
    fn add_assign(&mut self, other: Self) {
        self.received_bytes += other.received_bytes;
        self.received_packets += other.received_packets;
        self.sent_bytes += other.sent_bytes;
        self.sent_packets += other.sent_packets;
    }
}

/// All of them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sums {
    /// Of all queues.
    pub queues: QueueSums,
    /// Of all channels.
    pub channels: ChannelSums,
    /// Of all connections since the start, those that are gone too. Never falls.
    pub traffic: TrafficSums,
    /// Deliveries that wait for their connection's task, in bytes.
    pub outbox_bytes: u64,
    /// Memory that the histories take, as of the last minute, in bytes.
    pub history_bytes: u64,
}
