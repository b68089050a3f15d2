//! The broker: vhosts, users, connections; start and stop.

mod accounts;
mod bulk;
mod settings;
mod vhosts;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use ferrymq_store::{CommitPoint, Durability, Opening, QueueId, Recovered, Sequence, Store};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::alarms::Alarms;
use crate::auth::Users;
use crate::clients::{ClientConnection, Clients};
use crate::clock::{self, Timestamp};
use crate::config::Config;
use crate::events::{self, Event, Events};
use crate::jobs::Jobs;
use crate::limits::{Declarations, Usage};
use crate::paging::Paging;
use crate::parameters::Parameters;
use crate::queue::shared::{SharedQueue, Work};
use crate::recovery;
use crate::reply_to::ReplyTo;
use crate::resources;
use crate::session::ConnectionId;
use crate::session::connection::Connection;
use crate::session::endpoints::Endpoints;
use crate::session::outbox::{Item, Outbox};
use crate::stats::{BrokerTotals, Statistics, TrafficSums, count_one};
use crate::timers::Timers;
use crate::vhost::{Shared, VHost};

/// How long connections get to be closed in an orderly way when the broker stops.
const CLOSING_TIME: Duration = Duration::from_secs(5);

use settings::Origins;

pub use accounts::{AccountError, check_user};
pub use bulk::{Accounts, Batch, BatchError, GivenPermission, GivenTopicPermission};
pub use vhosts::VHostError;

/// Why the broker did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory can't be used.
    #[error(transparent)]
    Store(#[from] ferrymq_store::Error),
    /// The store holds something that can't be understood.
    #[error("{0}")]
    Definitions(String),
}

fn log_opening(opening: &Opening) {
    let Opening {
        clean,
        checkpoint,
        records,
        bytes,
        ..
    } = opening;
    let ms = opening.time.as_millis();
    if opening.is_new() {
        tracing::info!("store created in {ms} ms");
        return;
    }
    let after = if *clean { "a clean stop" } else { "a crash" };
    let from = match checkpoint {
        Some(place) => format!("behind byte {} of segment {}", place.offset, place.segment),
        None => "of the whole log, which had no checkpoint".to_owned(),
    };
    tracing::info!(
        "store opened after {after} in {ms} ms: {records} records ({bytes} bytes) read {from}"
    );
}

/// All vhosts, by name.
pub type VHosts = HashMap<Arc<str>, Arc<VHost>>;

/// A running broker.
pub struct Broker {
    node_name: Arc<str>,
    /// Live settings change; the others are those of the start.
    config: watch::Sender<Arc<Config>>,
    origins: Mutex<Origins>,
    paging: Arc<Paging>,
    users: Arc<Users>,
    events: Arc<Events>,
    reply_to: Arc<ReplyTo>,
    vhosts: ArcSwap<VHosts>,
    /// Held while definitions of the whole broker change: the log's order is theirs.
    pub(crate) parameters: Mutex<Parameters<String>>,
    clients: Clients,
    statistics: Statistics,
    next_connection: AtomicU64,
    alarms: Mutex<Alarms>,
    consumer_timeouts: AtomicU64,
    usage: Usage,
    /// By the users' names.
    users_usage: Mutex<HashMap<String, Arc<Usage>>>,
    /// What a new vhost needs.
    shared: Shared,
    stopping: watch::Sender<bool>,
    jobs: Jobs,
}

impl Broker {
    /// Opens the data directory and recovers what it holds; an empty one gets the default vhost
    /// and user.
    ///
    /// # Errors
    /// When the directory is in use, can't be read, or holds what this version does not know.
    pub fn open(config: Config) -> Result<Arc<Self>, StartError> {
        if config.durability == Durability::Relaxed {
            tracing::warn!(
                "store.durability is relaxed: confirms don't wait for stable storage, save for queues with x-durability=strict"
            );
        }
        let (store, recovered) = Store::open(&config.data_dir, config.store_options())?;
        log_opening(store.opening());
        Self::with_store(config, store, recovered, clock::now())
    }

    /// Recovers from a store that has just been opened, at `now`.
    ///
    /// # Errors
    /// When it holds what this version does not know, or can't be read.
    pub fn with_store(
        config: Config,
        store: Store,
        recovered: Recovered,
        now: Timestamp,
    ) -> Result<Arc<Self>, StartError> {
        let users = Arc::new(Users::new(config.loopback_users.clone()));
        let reply_to = Arc::new(ReplyTo::default());
        let budget_bytes = config
            .queue_memory
            .bytes(resources::total_memory_bytes(&config));
        let paging = Arc::new(Paging::new(store, budget_bytes));
        let events = Arc::new(Events::default());
        let node_name: Arc<str> = config.node_name.as_str().into();
        let shared = Shared {
            node_name: Arc::clone(&node_name),
            paging: Arc::clone(&paging),
            defaults: config.queue_defaults(),
            users: Arc::clone(&users),
            events: Arc::clone(&events),
            reply_to: Arc::clone(&reply_to),
            declared: Arc::new(Declarations::new(config.limits)),
            totals: Arc::new(BrokerTotals::new(config.rates_mode)),
        };
        let found = recovery::recover(&config, &shared, recovered, now)?;
        if let Some(vhost) = found.vhosts.get(config.default_vhost.as_str()) {
            events.attach(vhost);
        }
        begin(&found.vhosts, now);
        Ok(Arc::new(Self {
            node_name,
            statistics: Statistics::new(&config, now),
            config: watch::Sender::new(Arc::new(config)),
            origins: Mutex::default(),
            paging,
            users,
            events,
            reply_to,
            vhosts: ArcSwap::from_pointee(found.vhosts),
            parameters: Mutex::new(found.parameters),
            clients: Clients::default(),
            next_connection: AtomicU64::new(1),
            alarms: Mutex::default(),
            consumer_timeouts: AtomicU64::new(0),
            usage: Usage::default(),
            users_usage: Mutex::default(),
            shared,
            stopping: watch::Sender::new(false),
            jobs: Jobs::default(),
        }))
    }

    /// The log and what is checkpointed from it.
    pub fn store(&self) -> &Store {
        self.paging.store()
    }

    /// Moves, copies, redrives and purges.
    pub fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// What leaves memory and comes back.
    pub fn paging(&self) -> &Arc<Paging> {
        &self.paging
    }

    /// How everything that is counted went over time.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// What wakes queues when something in them is due.
    pub fn timers(&self) -> &Timers {
        self.paging.timers()
    }

    /// Users and permissions.
    pub fn users(&self) -> &Arc<Users> {
        &self.users
    }

    /// What happens, for whoever listens.
    pub fn events(&self) -> &Arc<Events> {
        &self.events
    }

    /// Who waits for answers by direct reply-to.
    pub fn reply_to(&self) -> &ReplyTo {
        &self.reply_to
    }

    /// The vhost `name`.
    pub fn vhost(&self, name: &str) -> Option<Arc<VHost>> {
        self.vhosts.load().get(name).cloned()
    }

    /// Carries out what work on `queue` has left to do.
    pub(crate) fn finish(&self, queue: &SharedQueue, work: &mut Work) {
        if let Some(vhost) = self.vhost(&queue.vhost) {
            vhost.finish(work);
        }
    }

    /// How many AMQP connections there are.
    pub fn connection_count(&self) -> usize {
        self.clients.count()
    }

    /// Who is connected.
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// What has happened since the start.
    pub fn totals(&self) -> &BrokerTotals {
        &self.shared.totals
    }

    /// What is open.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// What is declared.
    pub fn declared(&self) -> &Declarations {
        &self.shared.declared
    }

    /// What `user` has open.
    pub fn usage_of(&self, user: &str) -> Arc<Usage> {
        let mut usage = self.users_usage.lock();
        match usage.get(user) {
            Some(usage) => Arc::clone(usage),
            None => Arc::clone(usage.entry(user.to_owned()).or_default()),
        }
    }

    /// How many consumers were cancelled because they kept a delivery for too long.
    pub fn consumer_timeouts(&self) -> u64 {
        self.consumer_timeouts.load(Ordering::Relaxed)
    }

    pub(crate) fn count_consumer_timeout(&self) {
        self.consumer_timeouts.fetch_add(1, Ordering::Relaxed);
    }

    /// Which alarms are on.
    pub fn alarms(&self) -> Alarms {
        *self.alarms.lock()
    }

    /// Switches alarms, and tells every connection.
    pub fn set_alarms(&self, alarms: Alarms) {
        let before = std::mem::replace(&mut *self.alarms.lock(), alarms);
        if before == alarms {
            return;
        }
        alarms.log_change(before, &self.node_name);
        self.report_alarms(before, alarms);
        self.clients.tell_all(|| Item::Alarms(alarms));
    }

    /// Completes when the broker is to stop.
    pub async fn stopping(&self) {
        let mut stopping = self.stopping.subscribe();
        // The sender lives in `self`: waiting can't fail.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }

    /// Is the broker to stop?
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Stops: closes connections with 320, writes everything down.
    ///
    /// # Errors
    /// When the store can't be closed in an orderly way.
    pub async fn shutdown(&self) -> Result<(), ferrymq_store::Error> {
        self.begin_shutdown();
        let _ = tokio::time::timeout(CLOSING_TIME, self.clients.all_gone()).await;
        self.finish_shutdown()
    }

    /// Asks every connection to close with 320.
    pub fn begin_shutdown(&self) {
        self.stopping.send_replace(true);
        let reason: Arc<str> = "broker forced connection closure with reason 'shutdown'".into();
        self.clients.tell_all(|| Item::Close(Arc::clone(&reason)));
    }

    /// Writes everything down, whoever is still connected.
    ///
    /// # Errors
    /// When the store can't be closed in an orderly way.
    pub fn finish_shutdown(&self) -> Result<(), ferrymq_store::Error> {
        self.store().close(&self.returned())
    }

    /// A connection that others can reach from now on; `wake` is its task's.
    pub fn connect(
        self: &Arc<Self>,
        endpoints: Endpoints,
        wake: Arc<Notify>,
        now: Timestamp,
    ) -> Connection {
        let id = ConnectionId(self.next_connection.fetch_add(1, Ordering::Relaxed));
        let outbox = Arc::new(Outbox::new(wake));
        let entry = Arc::new(ClientConnection::new(id, endpoints, outbox, now));
        self.clients.add(Arc::clone(&entry));
        count_one(&self.totals().churn.connections_created);
        Connection::new(Arc::clone(self), entry)
    }

    /// The connection's socket is gone: it releases everything, and nobody reaches it any more.
    pub fn disconnect(&self, connection: &mut Connection, now: Timestamp) {
        connection.end(now);
        connection.finish_round();
        self.clients.remove(connection.id);
        let traffic = TrafficSums::of(connection.entry());
        self.statistics.traffic.add_gone(traffic);
        let opened = connection.entry().opened();
        if let Some(vhost) = opened.and_then(|opened| self.vhost(&opened.vhost)) {
            vhost.traffic().add_gone(traffic);
        }
        count_one(&self.totals().churn.connections_closed);
    }

    /// Waits until everything up to `point` is as durable as it is to be. `false`: it never will be, the
    /// store has failed.
    pub async fn committed(&self, point: CommitPoint) -> bool {
        let reached = Arc::new(Notify::new());
        while self.store().committed() < point {
            if self.store().failure().is_some() || point == CommitPoint::NEVER {
                return false;
            }
            self.store().wake_when_committed(point, &reached);
            reached.notified().await;
        }
        true
    }

    /// Wakes `waiter` when the log has written some of what waits to be written.
    pub fn wake_when_less_congested(&self, waiter: &Arc<Notify>) {
        if self.store().is_congested() {
            let next = CommitPoint(self.store().committed().0 + 1);
            self.store().wake_when_committed(next, waiter);
        }
    }

    fn report_alarms(&self, before: Alarms, now: Alarms) {
        let node = self.node_name();
        for (source, before, now) in [
            ("memory", before.memory, now.memory),
            ("disk", before.disk, now.disk),
        ] {
            let alarm = || events::Alarm {
                source,
                node: node.to_owned(),
            };
            match (before, now) {
                (false, true) => self.events.emit(|| Event::AlarmSet(alarm())),
                (true, false) => self.events.emit(|| Event::AlarmCleared(alarm())),
                _ => {}
            }
        }
    }

    /// What was handed out and came back, for the store to remember.
    fn returned(&self) -> Vec<(QueueId, Vec<(Sequence, Sequence)>)> {
        let mut returned = Vec::new();
        for vhost in self.vhosts.load().values() {
            for queue in vhost.snapshot().all_queues() {
                if let Some(durable) = &queue.durable {
                    let ranges = queue.inspect(|queue| queue.returned());
                    if !ranges.is_empty() {
                        returned.push((durable.id, ranges));
                    }
                }
            }
        }
        returned
    }
}

/// Recovered queues have something to wait for, too, and that of being unused begins anew. What a crash has
/// brought back may be more than their limits allow.
fn begin(vhosts: &VHosts, now: Timestamp) {
    let mut work = Work::default();
    work.set_now(now);
    for vhost in vhosts.values() {
        for queue in vhost.snapshot().all_queues() {
            queue.run(&mut work, |queue, effects| {
                queue.renew(effects.now);
                queue.enforce_limits_some(usize::MAX, effects);
            });
        }
        vhost.finish(&mut work);
    }
}
