//! What the overview adds up: everything for those who may see everything, for others their own connections, and
//! what is in the vhosts that they have access to.

use std::sync::Arc;

use ferrymq_broker::stats::series::{Details, Moments};
use ferrymq_broker::stats::{Activity, ChurnField, History, MessageField, QueueSums, TrafficSums};
use ferrymq_broker::vhost::VHost;
use serde_json::{Map, Value, json};

use crate::auth::Caller;
use crate::http::Site;
use crate::query::{Shown, View};
use crate::statistics::{Numbers, OF_CHANNELS, message_stats};

/// What is added up.
pub(super) struct Scope<'a> {
    site: &'a Site,
    caller: &'a Caller,
    /// `None`: all.
    vhosts: Option<Vec<Arc<VHost>>>,
}

impl<'a> Scope<'a> {
    /// What `caller` may see, and asks about.
    pub(super) fn of(caller: &'a Caller, site: &'a Site) -> Self {
        let all = caller.may_monitor() && caller.asks_about_all();
        Self {
            site,
            caller,
            vhosts: (!all).then(|| caller.vhosts()),
        }
    }

    /// How many objects there are now.
    pub(super) fn object_totals(&self) -> Value {
        let broker = &self.site.broker;
        let Some(vhosts) = &self.vhosts else {
            let (usage, declared) = (broker.usage(), broker.declared());
            return json!({
                "connections": broker.connection_count(),
                "channels": usage.channels.count(),
                "consumers": usage.consumers.count(),
                "queues": declared.queues(),
                "exchanges": declared.exchanges(),
            });
        };
        let (connections, channels) = self.open(vhosts);
        let snapshots = || vhosts.iter().map(|vhost| vhost.snapshot());
        let queues = snapshots().map(|snapshot| snapshot.queues.len());
        let exchanges = snapshots().map(|snapshot| snapshot.topology.exchange_count());
        json!({
            "connections": connections,
            "channels": channels,
            "consumers": self.queue_sums().consumers,
            "queues": queues.sum::<usize>(),
            "exchanges": exchanges.sum::<usize>(),
        })
    }

    /// Connections and channels: everybody's in `vhosts`, or the caller's own.
    fn open(&self, vhosts: &[Arc<VHost>]) -> (usize, usize) {
        if !self.caller.may_monitor() {
            let usage = self.site.broker.usage_of(self.caller.user.name());
            return (usage.connections.count(), usage.channels.count());
        }
        let usage = || vhosts.iter().map(|vhost| vhost.usage());
        let connections = usage().map(|usage| usage.connections.count());
        let channels = usage().map(|usage| usage.channels.count());
        (connections.sum(), channels.sum())
    }

    /// What went over sockets.
    pub(super) fn traffic(&self, view: &'a View) -> Map<String, Value> {
        let range = view.ranges.data;
        let statistics = self.site.broker.statistics();
        let mut numbers = Numbers::new(self.site, Shown::new(view));
        match &self.vhosts {
            None => {
                let history = &statistics.traffic_history;
                numbers.add_traffic(&statistics.sums().traffic, |fields, moments| {
                    history.details(fields, moments, range)
                });
            }
            Some(vhosts) => {
                let mut sum = TrafficSums::default();
                for vhost in vhosts {
                    sum += vhost.traffic().get();
                }
                numbers.add_traffic(&sum, |fields, moments| {
                    let all = vhosts.iter().map(|vhost| &vhost.traffic_history);
                    sum_of(all.map(|history| history.details(fields, moments, range)))
                });
            }
        }
        numbers.into_map()
    }

    /// How many messages queues held at the last tick.
    pub(super) fn queue_totals(&self, view: &'a View) -> Numbers<'a> {
        let sums = self.queue_sums();
        let mut numbers = Numbers::new(self.site, Shown::within(view, "queue_totals"));
        for (name, number, fields) in [
            ("messages", sums.messages(), &MessageField::HELD[..]),
            ("messages_ready", sums.ready, &[MessageField::Ready]),
            (
                "messages_unacknowledged",
                sums.unacked,
                &[MessageField::Unacked],
            ),
        ] {
            numbers.add(name, number, |moments| {
                self.sum_up(|history| history.details(fields, moments, view.ranges.lengths))
            });
        }
        numbers
    }

    /// What has happened to messages; nothing at all before the first of them.
    pub(super) fn message_stats(&self, view: &'a View) -> Map<String, Value> {
        let range = view.ranges.messages;
        let went = |fields: &[MessageField], moments: Moments| {
            self.sum_up(|history| history.details(fields, moments, range))
        };
        let numbers = Numbers::new(self.site, Shown::within(view, "message_stats"));
        let Some(mut numbers) = message_stats(numbers, &self.activity(), OF_CHANNELS, went) else {
            return Map::new();
        };
        let store = self.site.broker.store().statistics();
        let dead_lettered = self.site.broker.totals().dead_letters.sent();
        let messages = &self.site.broker.statistics().messages;
        for (name, number, field) in [
            ("disk_reads", store.reads.count, MessageField::DiskReads),
            ("disk_writes", store.writes.count, MessageField::DiskWrites),
            ("dead_lettered", dead_lettered, MessageField::DeadLettered),
        ] {
            numbers.add(name, number, |moments| {
                messages.details(&[field], moments, range)
            });
        }
        numbers.into_map()
    }

    fn activity(&self) -> Activity {
        let Some(vhosts) = &self.vhosts else {
            return self.site.broker.totals().activity();
        };
        let mut sum = Activity::default();
        for vhost in vhosts {
            sum += vhost.totals().read();
        }
        sum
    }

    fn queue_sums(&self) -> QueueSums {
        let Some(vhosts) = &self.vhosts else {
            return self.site.broker.statistics().sums().queues;
        };
        let mut sum = QueueSums::default();
        for vhost in vhosts {
            sum += vhost.queue_sums();
        }
        sum
    }

    fn sum_up(&self, details: impl Fn(&History<MessageField>) -> Details) -> Details {
        let Some(vhosts) = &self.vhosts else {
            return details(&self.site.broker.statistics().messages);
        };
        sum_of(vhosts.iter().map(|vhost| details(&vhost.history)))
    }
}

fn sum_of(all: impl Iterator<Item = Details>) -> Details {
    let sum = all.reduce(|mut sum, other| {
        sum += other;
        sum
    });
    sum.unwrap_or_default()
}

/// What came and went in the whole broker.
pub(in crate::api) fn churn<'a>(site: &'a Site, view: &View, shown: Shown<'a>) -> Numbers<'a> {
    let counts = site.broker.totals().churn.read();
    let churn = &site.broker.statistics().churn;
    let mut numbers = Numbers::new(site, shown);
    for (name, count, field) in [
        (
            "connection_created",
            counts.connections_created,
            ChurnField::ConnectionsCreated,
        ),
        (
            "connection_closed",
            counts.connections_closed,
            ChurnField::ConnectionsClosed,
        ),
        (
            "channel_created",
            counts.channels_created,
            ChurnField::ChannelsCreated,
        ),
        (
            "channel_closed",
            counts.channels_closed,
            ChurnField::ChannelsClosed,
        ),
        (
            "queue_declared",
            counts.queues_declared,
            ChurnField::QueuesDeclared,
        ),
        (
            "queue_created",
            counts.queues_created,
            ChurnField::QueuesCreated,
        ),
        (
            "queue_deleted",
            counts.queues_deleted,
            ChurnField::QueuesDeleted,
        ),
    ] {
        numbers.add(name, count, |moments| {
            churn.details(&[field], moments, view.ranges.lengths)
        });
    }
    numbers
}
