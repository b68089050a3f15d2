//! The queues that loads use, and the ways into them.

use std::net::SocketAddr;

use crate::raw::{Connection, exchange, long_string, queue, table};

pub const SINGLE: &str = "load.single";
pub const COPIES: [&str; 3] = ["load.one", "load.two", "load.three"];
/// Messages that pass through quickly, and a few among them that stay.
pub const FLOW: &str = "load.flow";
pub const KEPT: &str = "load.kept";
pub const BACKLOG: &str = "load.backlog";
pub const PURGED: &str = "load.purged";
pub const RELAXED: &str = "load.relaxed";
/// Where a confirm proves that everything before it in the log is durable.
pub const SENTINEL: &str = "load.sentinel";
/// Not durable.
pub const VOLATILE: &str = "load.volatile";

/// The durable queues whose messages are in the ledger.
pub const QUEUES: [&str; 9] = [
    SINGLE, COPIES[0], COPIES[1], COPIES[2], FLOW, KEPT, BACKLOG, PURGED, RELAXED,
];

/// Where a publisher sends to, and the queues that this reaches.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    pub exchange: &'static str,
    pub routing_key: &'static str,
    pub queues: &'static [&'static str],
}

const FANOUT: &str = "load.all";

pub const TO_SINGLE: Route = to(SINGLE, &[SINGLE]);
pub const TO_FLOW: Route = to(FLOW, &[FLOW]);
pub const TO_KEPT: Route = to(KEPT, &[KEPT]);
pub const TO_BACKLOG: Route = to(BACKLOG, &[BACKLOG]);
pub const TO_PURGED: Route = to(PURGED, &[PURGED]);
pub const TO_RELAXED: Route = to(RELAXED, &[RELAXED]);
pub const TO_VOLATILE: Route = to(VOLATILE, &[]);
pub const TO_COPIES: Route = Route {
    exchange: FANOUT,
    routing_key: "",
    queues: &COPIES,
};

const fn to(routing_key: &'static str, queues: &'static [&'static str]) -> Route {
    Route {
        exchange: "",
        routing_key,
        queues,
    }
}

/// Declares all of them; they may exist.
pub fn declare(address: SocketAddr) {
    let connection = Connection::open(address);
    let channel = connection.channel();
    let fanout = exchange::Declare {
        exchange: FANOUT.into(),
        kind: "fanout".into(),
        durable: true,
        ..Default::default()
    };
    channel.call::<exchange::DeclareOk>(fanout);
    for name in QUEUES.into_iter().chain([SENTINEL, VOLATILE]) {
        let mut declare = queue::Declare {
            queue: name.into(),
            durable: name != VOLATILE,
            ..Default::default()
        };
        if name == RELAXED {
            declare.arguments = table([("x-durability", long_string("relaxed"))]);
        }
        channel.call::<queue::DeclareOk>(declare);
    }
    for name in COPIES {
        channel.bind(name, FANOUT, "");
    }
    connection.close();
}
