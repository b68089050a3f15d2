//! A connection as others see it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ferrymq_amqp::{FieldTable, table};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::ClientChannel;
use crate::auth::User;
use crate::clock::Timestamp;
use crate::queue::shared::SharedQueue;
use crate::session::ConnectionId;
use crate::session::endpoints::Endpoints;
use crate::session::outbox::{Dirty, Item, Outbox};
use crate::session::requests::{Held, HeldDelivery, Request};
use crate::stats::flows::FlowRoom;
use crate::stats::{Counter, History, TrafficField};

/// An AMQP connection.
pub struct ClientConnection {
    /// Its number.
    pub id: ConnectionId,
    /// Where it runs.
    pub endpoints: Endpoints,
    /// When it came.
    pub connected_at: Timestamp,
    /// What went over its socket.
    pub traffic: Traffic,
    /// How that went.
    pub history: History<TrafficField>,
    outbox: Arc<Outbox>,
    opened: OnceLock<Opened>,
    channels: Mutex<BTreeMap<u16, Arc<ClientChannel>>>,
    is_blocked: AtomicBool,
}

/// What is known once a connection has been let into a vhost.
pub struct Opened {
    /// Who logged in.
    pub user: Arc<User>,
    /// The vhost.
    pub vhost: Arc<str>,
    /// How its user was recognised.
    pub auth_mechanism: String,
    /// Between heartbeats; zero: none.
    pub heartbeat: Duration,
    /// Bytes of a frame, at most.
    pub frame_max: u32,
    /// Channels at a time.
    pub channel_max: u16,
    /// What the client told of itself.
    pub client_properties: FieldTable,
}

impl Opened {
    /// The name that the client has given itself.
    pub fn connection_name(&self) -> Option<&str> {
        table::string(&self.client_properties, "connection_name")
    }

    /// The application or library that the client says it is.
    pub fn product(&self) -> Option<&str> {
        table::string(&self.client_properties, "product")
    }
}

/// What went over a socket.
#[derive(Debug, Default)]
pub struct Traffic {
    /// Bytes that came.
    pub received_bytes: Counter,
    /// Reads that gave any.
    pub received_packets: Counter,
    /// Bytes that went.
    pub sent_bytes: Counter,
    /// Writes that took any.
    pub sent_packets: Counter,
}

/// What a connection is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It has not been let in yet.
    Starting,
    /// At work.
    Running,
    /// It has published during an alarm, and has to wait.
    Blocked,
}

impl ClientConnection {
    pub(crate) fn new(
        id: ConnectionId,
        endpoints: Endpoints,
        outbox: Arc<Outbox>,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            endpoints,
            connected_at: now,
            traffic: Traffic::default(),
            history: History::default(),
            outbox,
            opened: OnceLock::new(),
            channels: Mutex::default(),
            is_blocked: AtomicBool::new(false),
        }
    }

    /// `127.0.0.1:57214 -> 127.0.0.1:5672`, by which it is addressed.
    pub fn name(&self) -> String {
        self.endpoints.to_string()
    }

    /// Nothing before it has been let into a vhost.
    pub fn opened(&self) -> Option<&Opened> {
        self.opened.get()
    }

    /// What it is at.
    pub fn state(&self) -> State {
        match self.opened.get() {
            None => State::Starting,
            Some(_) if self.is_blocked.load(Ordering::Relaxed) => State::Blocked,
            Some(_) => State::Running,
        }
    }

    /// Its open channels, by number.
    pub fn channels(&self) -> Vec<Arc<ClientChannel>> {
        self.channels.lock().values().cloned().collect()
    }

    /// The channel with this number, if it is open.
    pub fn channel(&self, number: u16) -> Option<Arc<ClientChannel>> {
        self.channels.lock().get(&number).cloned()
    }

    /// How many channels are open.
    pub fn channel_count(&self) -> usize {
        self.channels.lock().len()
    }

    /// Deliveries that wait to be taken by its task, in bytes.
    pub fn outbox_bytes(&self) -> usize {
        self.outbox.waiting_bytes()
    }

    /// Has it closed with 320 and this explanation.
    pub fn close(&self, reason: &str) {
        let mut dirty = Dirty::default();
        let close = std::iter::once(Item::Close(reason.into()));
        self.outbox.push(close, &mut dirty);
    }

    /// Has it end a consumer and tell the client; tells whether there was one. Completes when its task has done so.
    pub async fn cancel_consumer(&self, channel: u16, tag: &str) -> bool {
        let (answer, answered) = oneshot::channel();
        self.ask(Request::Cancel {
            channel,
            tag: tag.to_owned(),
            answer,
        });
        answered.await.unwrap_or(false)
    }

    /// Has it change the prefetch of a channel and its consumers; tells whether there was one. Completes when its task has
    /// done so.
    pub async fn set_prefetch(&self, channel: u16, prefetch: u16) -> bool {
        let (answer, answered) = oneshot::channel();
        self.ask(Request::SetPrefetch {
            channel,
            prefetch,
            answer,
        });
        answered.await.unwrap_or(false)
    }

    /// What of `queue` was sent to it and is not settled, at most so many. Completes when its task has answered.
    pub async fn unacked(&self, queue: &Arc<SharedQueue>, most: usize) -> Vec<HeldDelivery> {
        let (answer, answered) = oneshot::channel();
        self.ask(Request::Unacked {
            queue: Arc::clone(queue),
            most,
            answer,
        });
        answered.await.unwrap_or_default()
    }

    /// Gives back to `queue` what of it was sent to it and is not settled; tells how many that were. Completes when its
    /// task has done so.
    pub async fn requeue_unacked(&self, queue: &Arc<SharedQueue>, which: Held) -> usize {
        let (answer, answered) = oneshot::channel();
        self.ask(Request::Requeue {
            queue: Arc::clone(queue),
            which,
            answer,
        });
        answered.await.unwrap_or_default()
    }

    fn ask(&self, request: Request) {
        let mut dirty = Dirty::default();
        let item = Item::Request(Box::new(request));
        self.outbox.push(std::iter::once(item), &mut dirty);
    }

    pub(crate) fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    pub(crate) fn set_opened(&self, opened: Opened) {
        // Only its session does this, and once.
        let _ = self.opened.set(opened);
    }

    pub(crate) fn set_blocked(&self, is_blocked: bool) {
        self.is_blocked.store(is_blocked, Ordering::Relaxed);
    }

    /// `room`: for what passes between the channel and exchanges and queues, if that is counted.
    pub(crate) fn add_channel(
        self: &Arc<Self>,
        number: u16,
        room: Option<&Arc<FlowRoom>>,
    ) -> Arc<ClientChannel> {
        let channel = Arc::new(ClientChannel::new(number, self, room));
        self.channels.lock().insert(number, Arc::clone(&channel));
        channel
    }

    pub(crate) fn remove_channel(&self, number: u16) {
        self.channels.lock().remove(&number);
    }
}
