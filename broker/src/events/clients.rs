//! Events' fields that concern clients: connections, channels, consumers, logins.

use std::sync::Arc;
use std::time::Duration;

use ferrymq_amqp::FieldTable;

use super::fields::Fields;
use crate::session::ConnectionId;
use crate::session::endpoints::Endpoints;

/// A connection that was opened.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Its number.
    pub id: ConnectionId,
    /// Where it runs.
    pub endpoints: Endpoints,
    /// Who logged in.
    pub user: String,
    /// The vhost that it opened.
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
    /// When, in milliseconds since the epoch.
    pub connected_at: u64,
    /// This node's name.
    pub node: String,
}

/// A channel of a connection.
#[derive(Debug, Clone)]
pub struct Channel {
    /// The connection.
    pub connection: ConnectionId,
    /// Where the connection runs.
    pub endpoints: Endpoints,
    /// The channel's number.
    pub number: u16,
    /// Whose connection it is.
    pub user: String,
    /// Where.
    pub vhost: Arc<str>,
}

/// A consumer that came or went.
#[derive(Debug)]
pub struct ConsumerEvent {
    /// Its channel.
    pub channel: Channel,
    /// Its tag on the channel.
    pub tag: String,
    /// Its queue.
    pub queue: String,
    /// How it consumes; nothing for one that went.
    pub mode: Option<ConsumerMode>,
}

/// How a consumer consumes.
#[derive(Debug)]
pub struct ConsumerMode {
    /// Nobody else may.
    pub exclusive: bool,
    /// Deliveries must be acked.
    pub ack_required: bool,
    /// Unacked deliveries at a time; 0: no limit.
    pub prefetch_count: u16,
    /// What it was declared with.
    pub arguments: FieldTable,
}

/// An attempt to log in.
#[derive(Debug)]
pub struct Login {
    /// The name that was given.
    pub name: String,
    /// Where the connection runs.
    pub endpoints: Endpoints,
    /// How the user is to be recognised.
    pub auth_mechanism: String,
    /// Why it failed.
    pub error: Option<String>,
}

impl Connection {
    pub(super) fn opened(&self, fields: &mut Fields) {
        self.closed(fields);
        self.endpoints.write(fields);
        fields
            .text("type", "network")
            .text("auth_mechanism", &self.auth_mechanism)
            .text("vhost", &self.vhost)
            .number("timeout", self.heartbeat.as_secs() as i64)
            .number("frame_max", self.frame_max.into())
            .number("channel_max", self.channel_max.into())
            .number("connected_at", self.connected_at as i64)
            .text("user", &self.user)
            .by(&self.user);
    }

    pub(super) fn closed(&self, fields: &mut Fields) {
        fields
            .text("name", &self.endpoints.to_string())
            .text("pid", &self.id.to_string())
            .text("node", &self.node)
            .table("client_properties", &self.client_properties);
    }
}

impl Channel {
    fn pid(&self) -> String {
        format!("<channel.{}.{}>", self.connection.0, self.number)
    }

    pub(super) fn opened(&self, fields: &mut Fields) {
        self.closed(fields);
        fields
            .text("name", &format!("{} ({})", self.endpoints, self.number))
            .text("connection", &self.connection.to_string())
            .number("number", self.number.into())
            .text("user", &self.user)
            .text("vhost", &self.vhost);
    }

    pub(super) fn closed(&self, fields: &mut Fields) {
        fields.text("pid", &self.pid()).by(&self.user);
    }
}

impl ConsumerEvent {
    pub(super) fn write(&self, fields: &mut Fields) {
        fields
            .text("consumer_tag", &self.tag)
            .text("channel", &self.channel.pid())
            .text("queue", &self.queue)
            .text("vhost", &self.channel.vhost)
            .by(&self.channel.user);
        if let Some(mode) = &self.mode {
            fields
                .flag("exclusive", mode.exclusive)
                .flag("ack_required", mode.ack_required)
                .number("prefetch_count", mode.prefetch_count.into())
                .table("arguments", &mode.arguments);
        }
    }
}

impl Login {
    pub(super) fn write(&self, fields: &mut Fields) {
        self.endpoints.write(fields);
        fields
            .text("name", &self.name)
            .text("connection_type", "network")
            .text("connection_name", &self.endpoints.to_string())
            .text("auth_mechanism", &self.auth_mechanism);
        if let Some(error) = &self.error {
            fields.text("error", error);
        }
    }
}

impl Endpoints {
    pub(super) fn write(&self, fields: &mut Fields) {
        fields
            .text("host", &self.local.ip().to_string())
            .number("port", self.local.port().into())
            .text("peer_host", &self.peer.ip().to_string())
            .number("peer_port", self.peer.port().into())
            .text("protocol", "AMQP 0-9-1")
            .flag("ssl", false);
    }
}
