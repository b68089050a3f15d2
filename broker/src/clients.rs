//! Who is connected, as others see it: connections, their channels, their consumers.
//!
//! A session writes what it does into its entry here, without a lock; whoever asks reads it, and never
//! has to wait for a session or to wake one. Entries end with what they describe.

mod channel;
mod connection;
mod consumer;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::session::ConnectionId;
use crate::session::outbox::{Dirty, Item};

pub use channel::ClientChannel;
pub use connection::{ClientConnection, Opened, State, Traffic};
pub use consumer::{ClientConsumer, ConsumerCounters};

/// All connections.
#[derive(Default)]
pub struct Clients {
    connections: Mutex<HashMap<ConnectionId, Arc<ClientConnection>>>,
    /// Told when the last connection has gone.
    all_gone: Notify,
}

impl Clients {
    /// How many connections there are, opened or not yet.
    pub fn count(&self) -> usize {
        self.connections.lock().len()
    }

    /// All connections, opened or not yet, in no order.
    pub fn all(&self) -> Vec<Arc<ClientConnection>> {
        self.connections.lock().values().cloned().collect()
    }

    /// The connection with this number.
    pub fn get(&self, id: ConnectionId) -> Option<Arc<ClientConnection>> {
        self.connections.lock().get(&id).cloned()
    }

    /// The connection with this name: `127.0.0.1:57214 -> 127.0.0.1:5672`.
    pub fn find(&self, name: &str) -> Option<Arc<ClientConnection>> {
        let connections = self.connections.lock();
        let mut all = connections.values();
        all.find(|connection| connection.name() == name).cloned()
    }

    pub(crate) fn add(&self, connection: Arc<ClientConnection>) {
        self.connections.lock().insert(connection.id, connection);
    }

    pub(crate) fn remove(&self, id: ConnectionId) {
        let mut connections = self.connections.lock();
        connections.remove(&id);
        if connections.is_empty() {
            self.all_gone.notify_one();
        }
    }

    /// Asks the same of every connection.
    pub(crate) fn tell_all(&self, item: impl Fn() -> Item) {
        let connections = self.connections.lock();
        let mut dirty = Dirty::default();
        for connection in connections.values() {
            connection
                .outbox()
                .push(std::iter::once(item()), &mut dirty);
        }
    }

    /// Completes when there is no connection any more.
    pub(crate) async fn all_gone(&self) {
        while self.count() > 0 {
            self.all_gone.notified().await;
        }
    }
}
