//! What each path gives.

use std::sync::Arc;

use ferrymq_broker::Broker;
use ferrymq_broker::stats::{ChannelSums, Kind};

use super::connections::ConnectionRow;
use super::detailed::{self, Wanted};
use super::exchanges::ExchangeRow;
use super::family::Column;
use super::parts::Parts;
use super::queues::QueueRow;
use super::text::{Labels, Text};
use super::{channels, connections, core, exchanges, flows, global, memory, node, own, queues};
use crate::http::Site;

const PREFIX: &str = "rabbitmq_";

/// A set of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Registry {
    Aggregated,
    PerObject,
    Detailed,
    MemoryBreakdown,
}

impl Registry {
    pub(super) const ALL: [Self; 4] = [
        Self::Aggregated,
        Self::PerObject,
        Self::Detailed,
        Self::MemoryBreakdown,
    ];

    /// The one whose path ends with `name`.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        let mut named = Self::ALL.into_iter().skip(1);
        named.find(|registry| registry.as_str() == name)
    }

    /// The end of its path, and its name in `rabbitmq_identity_info`.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Aggregated => "aggregated",
            Self::PerObject => "per-object",
            Self::Detailed => "detailed",
            Self::MemoryBreakdown => "memory-breakdown",
        }
    }

    /// Its metrics, as `query` wants them.
    ///
    /// # Errors
    /// With a reason, when the query makes no sense.
    pub(super) fn parts(self, site: &Site, query: &str) -> Result<Parts, &'static str> {
        let prefix = match self {
            Self::Detailed => detailed::PREFIX,
            _ => PREFIX,
        };
        let mut parts = Parts::new(prefix, site.scrapes.clone(), self);
        let of = site.clone();
        parts.short(move |text| {
            text.with_prefix(PREFIX, |text| core::identity(text, &of, self.as_str()));
        });
        match self {
            Self::Aggregated => aggregated(&mut parts, site),
            Self::PerObject => per_object(&mut parts, site),
            Self::Detailed => detailed::all(&mut parts, site, &Wanted::parse(query)?),
            Self::MemoryBreakdown => {
                let of = site.clone();
                parts.short(move |text| memory::all(text, &of));
            }
        }
        Ok(parts)
    }
}

/// What both have that show objects, added up or one by one.
fn common(parts: &mut Parts, site: &Site) {
    let of = site.clone();
    parts.short(move |text| {
        core::totals(text, &of);
        core::churn(text, &of);
        node::coarse(text, &of);
        node::uptime(text, &of);
        node::persister(text, &of);
        core::auth_attempts(text, &of);
        core::alarms(text, &of);
        core::raft(text);
        core::start_time(text, &of);
        global::all(text, &of);
        own::all(text, &of);
        of.scrapes.write(text);
    });
}

/// From sums that are there: no object is looked at.
fn aggregated(parts: &mut Parts, site: &Site) {
    common(parts, site);
    let broker = Arc::clone(&site.broker);
    parts.short(move |text| {
        sums(text, &broker);
    });
}

fn sums(text: &mut Text, broker: &Broker) {
    let sums = broker.statistics().sums();
    let activity = broker.totals().activity();
    let store = broker.store().statistics();
    let queue = QueueRow {
        sums: sums.queues,
        activity,
        disk: (store.reads.count, store.writes.count),
        head_timestamp: None,
        queue_type: "",
    };
    for columns in [
        &queues::COARSE[..],
        &queues::CONSUMERS,
        &queues::METRICS,
        &queues::DELIVERIES,
    ] {
        single(text, columns, &queue);
    }
    // What reached queues counts once for each.
    single(text, &flows::PUBLISHED, &activity[Kind::Route]);
    single(text, &flows::EXCHANGES, &activity[Kind::Route]);
    single(text, &channels::METRICS, &sums.channels);
    single(text, &channels::PROCESS, &sums.channels);
    single(text, &channels::PUBLISHING, &activity);
    single(text, &channels::CONSUMING, &activity);
    single(text, &exchanges::TOGETHER, &activity);
    let connection = ConnectionRow {
        traffic: sums.traffic,
        channels: broker.usage().channels.count() as u64,
    };
    single(text, &connections::COARSE, &connection);
    single(text, &connections::METRICS, &connection);
    text.single(&detailed::OFFSET_LAG, 0);
}

fn single<R>(text: &mut Text, columns: &[Column<R>], row: &R) {
    for column in columns {
        text.single(&column.family, (column.value)(row));
    }
}

/// A series per object.
fn per_object(parts: &mut Parts, site: &Site) {
    common(parts, site);
    let of = site.clone();
    parts.short(move |text| core::auth_attempts_by_source(text, &of));
    let queues = queue_rows(&site.broker, |_| true, |_| true);
    for columns in [
        &queues::COARSE[..],
        &queues::CONSUMERS,
        &queues::METRICS,
        &queues::DELIVERIES,
    ] {
        parts.rows(columns, &queues);
    }
    let (broker, all) = (&site.broker, Wanted::default());
    parts.rows(
        &flows::PUBLISHED,
        &flows::into_queues(broker, &all, &queues),
    );
    parts.rows(&flows::EXCHANGES, &flows::through_exchanges(broker, &all));
    let rows = Arc::clone(&queues);
    parts.short(move |text| queues::head_timestamps(text, &rows));
    parts.short(move |text| queues::info(text, &queues));
    parts.rows(&exchanges::EACH, &exchange_rows(&site.broker, |_| true));
    let (channels, connections) = client_rows(&site.broker);
    parts.rows(&channels::METRICS, &channels);
    parts.rows(&channels::PROCESS, &channels);
    parts.rows(&channels::PUBLISHING, &flows::publishing(broker, &all));
    parts.rows(&channels::CONSUMING, &flows::consuming(broker, &all));
    parts.rows(&connections::COARSE, &connections);
    parts.rows(&connections::METRICS, &connections);
}

/// Rows of one kind of objects.
pub(super) type Rows<R> = Arc<Vec<(Labels, R)>>;

/// The queues of some vhosts, those whose name is wanted.
pub(super) fn queue_rows(
    broker: &Broker,
    is_vhost_wanted: impl Fn(&str) -> bool,
    is_wanted: impl Fn(&str) -> bool,
) -> Rows<QueueRow> {
    let mut rows = Vec::new();
    for vhost in broker.vhosts().values() {
        if is_vhost_wanted(vhost.name()) {
            let snapshot = Arc::clone(&vhost.snapshot());
            let queues = snapshot.queues.values();
            let wanted = queues.filter(|queue| is_wanted(queue.name.as_str()));
            rows.extend(wanted.map(QueueRow::of));
        }
    }
    Arc::new(rows)
}

/// The exchanges of some vhosts that were published to.
pub(super) fn exchange_rows(
    broker: &Broker,
    is_vhost_wanted: impl Fn(&str) -> bool,
) -> Rows<ExchangeRow> {
    let mut rows = Vec::new();
    for vhost in broker.vhosts().values() {
        if is_vhost_wanted(vhost.name()) {
            for (name, totals) in vhost.all_exchange_totals() {
                rows.push(ExchangeRow::of(vhost.name(), name.as_str(), &totals));
            }
        }
    }
    Arc::new(rows)
}

/// All channels and all connections.
pub(super) fn client_rows(broker: &Broker) -> (Rows<ChannelSums>, Rows<ConnectionRow>) {
    let (mut channels, mut connections) = (Vec::new(), Vec::new());
    for connection in broker.clients().all() {
        let own = connection.channels();
        channels.extend(
            own.iter()
                .map(|channel| channels::row(&connection, channel)),
        );
        connections.push(ConnectionRow::of(&connection));
    }
    (Arc::new(channels), Arc::new(connections))
}
