//! Where a connection runs, which is also its name.

use std::fmt;
use std::net::SocketAddr;

/// The two ends of a connection's socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoints {
    /// The client's.
    pub peer: SocketAddr,
    /// The listener's.
    pub local: SocketAddr,
}

impl fmt::Display for Endpoints {
    /// The connection's name: `127.0.0.1:57214 -> 127.0.0.1:5672`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.peer, self.local)
    }
}
