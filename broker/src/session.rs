//! AMQP without sockets: bytes in, bytes out.
//!
//! [`connection::Connection`] is the whole of it; the rest are its parts.

pub mod admission;
pub mod blocking;
pub mod channel;
pub mod channels;
pub mod confirms;
pub mod connection;
pub mod consumers;
pub mod content;
pub mod context;
pub mod deliveries;
pub mod endpoints;
pub mod flows;
pub mod handshake;
pub mod heartbeat;
pub mod methods;
pub mod outbound;
pub mod outbox;
pub mod overdue;
pub mod publishing;
pub mod requests;
mod tracing;
pub mod transaction;
pub mod unacked;

/// A connection's number, never used again while the broker runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

impl std::fmt::Display for ConnectionId {
    /// As clients see it, where RabbitMQ shows the connection's process.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<connection.{}>", self.0)
    }
}
