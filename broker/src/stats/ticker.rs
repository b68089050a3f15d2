//! One task reads all counters at every tick and keeps what became of them: histories of objects, and sums.
//!
//! It locks one queue at a time, and only to copy some numbers. After a number of objects it lets
//! others run. What never did anything costs a look; what has stopped costs a comparison per field.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::fields::{ChurnField, ExchangeField, MessageField, NodeField, TrafficField};
use super::flows::{Flow, RoutedTotals};
use super::room::{BUDGET_BYTES, Object, Room};
use super::series::{Field, Moments, Reach};
use super::sums::{ChannelSums, QueueSums, Sums, TrafficSums};
use super::{Activity, ExchangeTotals, History, Statistics};
use crate::broker::Broker;
use crate::clients::ClientConnection;
use crate::clock::{self, Timestamp};
use crate::queue::shared::SharedQueue;
use crate::resources::ProcessReading;
use crate::vhost::VHost;

/// Objects that are looked at before others may run.
const OBJECTS_AT_ONCE: usize = 256;

/// Ticks until the broker stops.
pub async fn run(broker: Arc<Broker>) {
    tokio::select! {
        () = tick_forever(&broker) => {}
        () = broker.stopping() => {}
    }
}

async fn tick_forever(broker: &Broker) {
    let grid = broker.statistics().moments().grid;
    loop {
        let now = clock::now();
        tick(broker, now).await;
        sleep(grid.time(grid.tick(now).after()).since(clock::now())).await;
    }
}

/// Looks at everything, unless that was done since the last tick before `now`.
pub async fn tick(broker: &Broker, now: Timestamp) {
    let statistics = broker.statistics();
    let Some((moments, is_minute)) = statistics.next_moments(now) else {
        return;
    };
    let mut pass = Pass {
        broker,
        statistics,
        moments,
        sums: Sums::default(),
        room: is_minute.then(Room::default),
        looked_at: 0,
    };
    pass.vhosts().await;
    pass.connections().await;
    pass.node();
    let Pass { mut sums, room, .. } = pass;
    sums.history_bytes = match room {
        Some(room) => room.share_out(moments, BUDGET_BYTES) as u64,
        None => statistics.sums().history_bytes,
    };
    let process = ProcessReading::read(&broker.config());
    record_process(broker, moments, &process);
    statistics.publish(moments.newest, sums, process);
}

/// One look at everything.
struct Pass<'a> {
    broker: &'a Broker,
    statistics: &'a Statistics,
    moments: Moments,
    sums: Sums,
    /// Once a minute the memory of histories is shared out anew.
    room: Option<Room>,
    looked_at: usize,
}

impl Pass<'_> {
    async fn vhosts(&mut self) {
        for vhost in self.broker.vhosts().values() {
            let mut sums = QueueSums::default();
            let snapshot = Arc::clone(&vhost.snapshot());
            for queue in snapshot.queues.values() {
                sums += self.queue(queue);
                self.look().await;
            }
            for (_, exchange) in vhost.all_exchange_totals() {
                self.exchange(exchange);
                self.look().await;
            }
            vhost.routed().prune(vhost);
            for (_, routed) in vhost.routed().flows.all() {
                self.routed(&routed);
                self.look().await;
            }
            self.vhost(vhost, sums);
        }
        let (activity, held) = (self.broker.totals().activity(), self.sums.queues);
        let store = self.broker.store().statistics();
        let dead_lettered = self.broker.totals().dead_letters.sent();
        let of_broker = [
            (MessageField::DiskReads, store.reads.count),
            (MessageField::DiskWrites, store.writes.count),
            (MessageField::DeadLettered, dead_lettered),
        ];
        if self.statistics.has_rates() {
            let values = messages(activity, &held).chain(of_broker);
            let messages = &self.statistics.messages;
            messages.record(self.moments, Reach::Coarse, values);
        }
    }

    fn queue(&mut self, queue: &Arc<SharedQueue>) -> QueueSums {
        let persistent = queue.persistent();
        let (activity, can_deliver, mut sums) = queue.inspect(|queue| {
            let sums = QueueSums::of(queue, persistent, 0.0);
            (*queue.activity(), queue.is_ready_to_deliver(), sums)
        });
        sums.capacity = queue.capacity.sample(sums.consumers > 0, can_deliver);
        if self.statistics.has_rates() {
            let values = messages(activity, &sums);
            queue.history.record(self.moments, Reach::Middle, values);
        }
        self.rank(|| Object::Queue(Arc::clone(queue)));
        sums
    }

    fn exchange(&mut self, exchange: Arc<ExchangeTotals>) {
        if self.statistics.has_rates() {
            let values = [
                (ExchangeField::In, exchange.published()),
                (ExchangeField::Out, exchange.routed()),
                (ExchangeField::Unroutable, exchange.unroutable()),
            ];
            exchange.history.record(self.moments, Reach::Middle, values);
        }
        self.rank(|| Object::Exchange(exchange));
    }

    fn routed(&mut self, routed: &RoutedTotals) {
        let values = [(ExchangeField::Out, routed.published())];
        self.fine(&routed.history, values.into_iter());
    }

    fn flow(&mut self, flow: &Flow) {
        self.fine(&flow.history, happened(flow.counters.read()));
    }

    /// Takes note of what keeps the fine tier only.
    fn fine<F: Field + Send>(
        &mut self,
        history: &History<F>,
        values: impl Iterator<Item = (F, u64)>,
    ) {
        let moments = self.moments;
        history.record(moments, Reach::Fine, values);
        if let Some(room) = &mut self.room {
            room.add_fine(moments, history);
        }
    }

    fn vhost(&mut self, vhost: &VHost, sums: QueueSums) {
        self.sums.queues += sums;
        if self.statistics.has_rates() {
            let values = messages(vhost.totals().read(), &sums);
            vhost.history.record(self.moments, Reach::Coarse, values);
        }
        vhost.set_queue_sums(sums);
    }

    async fn connections(&mut self) {
        // Invariant: what has gone is read before what is there, and a connection is counted as gone after it
        // is not there any more. So none counts twice; one may be missed, and is found the next time.
        let vhosts = self.broker.vhosts();
        let mut sum = self.statistics.traffic.gone();
        let gone = vhosts.values();
        let gone = gone.map(|vhost| (Arc::clone(vhost.name()), vhost.traffic().gone()));
        let mut in_vhosts: HashMap<Arc<str>, TrafficSums> = gone.collect();
        for connection in self.broker.clients().all() {
            let traffic = self.connection(&connection);
            sum += traffic;
            let vhost = connection.opened().map(|opened| &opened.vhost);
            if let Some(sum) = vhost.and_then(|vhost| in_vhosts.get_mut(vhost)) {
                *sum += traffic;
            }
            let vhost = vhost.and_then(|vhost| vhosts.get(vhost));
            for channel in connection.channels() {
                self.sums.channels += ChannelSums::of(&channel);
                if self.statistics.has_rates() {
                    let activity = channel.counters.read();
                    let values = happened(activity);
                    channel.history.record(self.moments, Reach::Middle, values);
                    for consumer in channel.consumers() {
                        self.fine(&consumer.history, consumer.sample());
                        self.look().await;
                    }
                }
                for flow in channel.flows.iter().flat_map(|flows| flows.all()) {
                    self.flow(&flow);
                    self.look().await;
                }
                if let (Some(flows), Some(vhost)) = (&channel.flows, vhost) {
                    flows.prune(vhost);
                }
                self.rank(|| Object::Channel(channel));
                self.look().await;
            }
            self.look().await;
        }
        self.sums.traffic = self.statistics.traffic.find(sum);
        let history = &self.statistics.traffic_history;
        self.record_traffic(history, Reach::Coarse, self.sums.traffic);
        for vhost in vhosts.values() {
            let sum = vhost.traffic().find(in_vhosts[vhost.name()]);
            self.record_traffic(&vhost.traffic_history, Reach::Coarse, sum);
        }
    }

    fn connection(&mut self, connection: &Arc<ClientConnection>) -> TrafficSums {
        let traffic = TrafficSums::of(connection);
        self.sums.outbox_bytes += connection.outbox_bytes() as u64;
        self.record_traffic(&connection.history, Reach::Middle, traffic);
        self.rank(|| Object::Connection(Arc::clone(connection)));
        traffic
    }

    fn record_traffic(&self, history: &History<TrafficField>, reach: Reach, sum: TrafficSums) {
        if self.statistics.has_rates() {
            let values = [
                (TrafficField::Received, sum.received_bytes),
                (TrafficField::Sent, sum.sent_bytes),
            ];
            history.record(self.moments, reach, values);
        }
    }

    fn node(&self) {
        if self.statistics.has_rates() {
            let churn = self.broker.totals().churn.read();
            let values = [
                (ChurnField::ConnectionsCreated, churn.connections_created),
                (ChurnField::ConnectionsClosed, churn.connections_closed),
                (ChurnField::ChannelsCreated, churn.channels_created),
                (ChurnField::ChannelsClosed, churn.channels_closed),
                (ChurnField::QueuesDeclared, churn.queues_declared),
                (ChurnField::QueuesCreated, churn.queues_created),
                (ChurnField::QueuesDeleted, churn.queues_deleted),
            ];
            let history = &self.statistics.churn;
            history.record(self.moments, Reach::Coarse, values);
        }
    }

    fn rank(&mut self, object: impl FnOnce() -> Object) {
        if let Some(room) = &mut self.room {
            room.add(self.moments, object());
        }
    }

    async fn look(&mut self) {
        self.looked_at += 1;
        if self.looked_at.is_multiple_of(OBJECTS_AT_ONCE) {
            tokio::task::yield_now().await;
        }
    }
}

fn happened(activity: Activity) -> impl Iterator<Item = (MessageField, u64)> {
    let kinds = MessageField::SAMPLED.into_iter();
    kinds.map(move |kind| (MessageField::Happened(kind), activity[kind]))
}

fn messages(activity: Activity, sums: &QueueSums) -> impl Iterator<Item = (MessageField, u64)> {
    let held = [
        (MessageField::Ready, sums.ready),
        (MessageField::Unacked, sums.unacked),
    ];
    happened(activity).chain(held)
}

fn record_process(broker: &Broker, moments: Moments, process: &ProcessReading) {
    let statistics = broker.statistics();
    if !statistics.has_rates() {
        return;
    }
    let store = broker.store().statistics();
    let microseconds = |time: Duration| time.as_micros() as u64;
    let cpu_ms = process.cpu_time.as_millis() as u64;
    let values = [
        (NodeField::MemoryUsed, process.memory_bytes),
        (NodeField::DiskFree, process.disk_free_bytes),
        (NodeField::OpenFiles, process.open_files),
        (NodeField::Sockets, broker.connection_count() as u64),
        (NodeField::Threads, process.threads),
        (NodeField::ContextSwitches, process.context_switches),
        (NodeField::CpuMilliseconds, cpu_ms),
        (NodeField::Reads, store.reads.count),
        (NodeField::ReadBytes, store.reads.bytes),
        (NodeField::ReadMicroseconds, microseconds(store.reads.time)),
        (NodeField::Writes, store.writes.count),
        (NodeField::WriteBytes, store.writes.bytes),
        (
            NodeField::WriteMicroseconds,
            microseconds(store.writes.time),
        ),
        (NodeField::Syncs, store.syncs.count),
        (NodeField::SyncMicroseconds, microseconds(store.syncs.time)),
    ];
    statistics.node.record(moments, Reach::Coarse, values);
}
