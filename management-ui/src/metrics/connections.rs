//! What is told of connections, one by one or added up.

use ferrymq_broker::clients::ClientConnection;
use ferrymq_broker::stats::TrafficSums;

use super::family::{Column, counter, gauge};
use super::text::Labels;

/// One connection, or all of them.
pub(super) struct ConnectionRow {
    pub(super) traffic: TrafficSums,
    pub(super) channels: u64,
}

impl ConnectionRow {
    /// What there is to tell of one connection, and its labels. Compat: its token is called `channel`.
    pub(super) fn of(connection: &ClientConnection) -> (Labels, Self) {
        let row = Self {
            traffic: TrafficSums::of(connection),
            channels: connection.channel_count() as u64,
        };
        (Labels::of(&[("channel", &token(connection, 0))]), row)
    }
}

/// What stands for a process id: a word that nothing else has.
pub(super) fn token(connection: &ClientConnection, channel: u16) -> String {
    format!("<0.{}.{channel}>", connection.id.0)
}

/// `connection_coarse_metrics`
pub(super) const COARSE: [Column<ConnectionRow>; 3] = [
    counter(
        "connection_incoming_bytes_total",
        "Total number of bytes received on a connection",
        |row| row.traffic.received_bytes.into(),
    ),
    counter(
        "connection_outgoing_bytes_total",
        "Total number of bytes sent on a connection",
        |row| row.traffic.sent_bytes.into(),
    ),
    counter(
        "connection_process_reductions_total",
        "Total number of connection process reductions",
        |_| 0.into(),
    ),
];

/// `connection_metrics`
pub(super) const METRICS: [Column<ConnectionRow>; 4] = [
    counter(
        "connection_incoming_packets_total",
        "Total number of packets received on a connection",
        |row| row.traffic.received_packets.into(),
    ),
    counter(
        "connection_outgoing_packets_total",
        "Total number of packets sent on a connection",
        |row| row.traffic.sent_packets.into(),
    ),
    gauge(
        "connection_pending_packets",
        "Number of packets waiting to be sent on a connection",
        |_| 0.into(),
    ),
    gauge("connection_channels", "Channels on a connection", |row| {
        row.channels.into()
    }),
];
