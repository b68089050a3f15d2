//! A connection as lists and answers show it.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use ferrymq_broker::clients::{ClientConnection, Opened, State};
use ferrymq_broker::json;
use ferrymq_broker::stats::TrafficSums;
use serde_json::{Map, Value, json};

use crate::http::Site;
use crate::list::{Row, SortKey};
use crate::query::{Shown, View};
use crate::statistics::{Numbers, garbage_collection};

/// A connection that has been let into a vhost.
pub(crate) struct ConnectionRow {
    name: String,
    /// The connection.
    pub(crate) connection: Arc<ClientConnection>,
}

impl ConnectionRow {
    /// `None` before it has been let in: nobody knows whose it is.
    pub(crate) fn new(connection: Arc<ClientConnection>) -> Option<Self> {
        connection.opened()?;
        Some(Self {
            name: connection.name(),
            connection,
        })
    }

    fn opened(&self) -> &Opened {
        self.connection
            .opened()
            .expect("opened connections stay so")
    }

    /// Its user's name.
    pub(crate) fn user(&self) -> &str {
        self.opened().user.name()
    }

    /// What its client says it is.
    pub(crate) fn product(&self) -> Option<&str> {
        self.opened().product()
    }

    /// Where its client is.
    pub(crate) fn peer_host(&self) -> String {
        host(self.connection.endpoints.peer.ip())
    }

    /// Its vhost's name.
    pub(crate) fn vhost(&self) -> &str {
        &self.opened().vhost
    }

    /// `connection_details` of what belongs to it.
    pub(crate) fn details(&self) -> Value {
        let peer = self.connection.endpoints.peer;
        let mut shown = json!({
            "name": self.name,
            "peer_host": self.peer_host(),
            "peer_port": peer.port(),
        });
        if let Some(name) = self.opened().connection_name() {
            shown["user_provided_name"] = name.into();
        }
        shown
    }

    fn basics(&self, site: &Site) -> Map<String, Value> {
        let (connection, opened) = (&self.connection, self.opened());
        let (peer, local) = (connection.endpoints.peer, connection.endpoints.local);
        let shown = json!({
            "name": self.name,
            "node": site.node(),
            "type": "network",
            "protocol": "AMQP 0-9-1",
            "user": self.user(),
            "user_who_performed_action": self.user(),
            "vhost": self.vhost(),
            "state": state(connection.state()),
            "connected_at": connection.connected_at.as_millis(),
            "client_properties": json::from_table(&opened.client_properties),
            "auth_mechanism": opened.auth_mechanism,
            "host": host(local.ip()),
            "port": local.port(),
            "peer_host": self.peer_host(),
            "peer_port": peer.port(),
            "channels": connection.channel_count(),
            "channel_max": opened.channel_max,
            "frame_max": opened.frame_max,
            "timeout": opened.heartbeat.as_secs(),
            "ssl": false,
            "ssl_protocol": null,
            "ssl_key_exchange": null,
            "ssl_cipher": null,
            "ssl_hash": null,
            "peer_cert_subject": null,
            "peer_cert_issuer": null,
            "peer_cert_validity": null,
        });
        let Value::Object(mut shown) = shown else {
            unreachable!("an object was written");
        };
        if let Some(name) = opened.connection_name() {
            shown.insert("user_provided_name".into(), name.into());
        }
        shown
    }

    fn show_traffic(&self, site: &Site, view: &View, shown: &mut Map<String, Value>) {
        let traffic = TrafficSums::of(&self.connection);
        let history = &self.connection.history;
        let mut numbers = Numbers::new(site, Shown::new(view));
        numbers.add_traffic(&traffic, |fields, moments| {
            history.details(fields, moments, view.ranges.data)
        });
        shown.insert("garbage_collection".into(), garbage_collection());
        let pending = self.connection.outbox_bytes();
        for (name, value) in [
            ("recv_cnt", traffic.received_packets),
            ("send_cnt", traffic.sent_packets),
            ("send_pend", pending as u64),
        ] {
            shown.insert(name.to_owned(), value.into());
        }
        numbers.add_constant("reductions", 0);
        shown.extend(numbers.into_map());
    }
}

impl Row for ConnectionRow {
    fn name(&self) -> Cow<'_, str> {
        self.name.as_str().into()
    }

    fn render(&self, site: &Site, view: &View) -> Value {
        let mut shown = self.basics(site);
        if !view.disable_stats {
            self.show_traffic(site, view, &mut shown);
        }
        shown.into()
    }

    fn sort_key(&self, _: &Site, field: &str) -> Option<SortKey> {
        let traffic = &self.connection.traffic;
        Some(match field {
            "name" => self.name.as_str().into(),
            "user" => self.user().into(),
            "vhost" => self.vhost().into(),
            "state" => state(self.connection.state()).into(),
            "channels" => self.connection.channel_count().into(),
            "connected_at" => self.connection.connected_at.as_millis().into(),
            "recv_oct" => traffic.received_bytes.get().into(),
            "send_oct" => traffic.sent_bytes.get().into(),
            _ => return None,
        })
    }
}

/// An address as the system prints it; one of IPv4 that came by IPv6 is one of IPv4.
fn host(address: IpAddr) -> String {
    address.to_canonical().to_string()
}

fn state(state: State) -> &'static str {
    match state {
        State::Starting => "starting",
        State::Running => "running",
        State::Blocked => "blocked",
    }
}
