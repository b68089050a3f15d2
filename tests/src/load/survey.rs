//! After the crash: everything that is there, against the ledger.

use std::net::SocketAddr;
use std::ops::AddAssign;
use std::sync::Mutex;

use super::body;
use super::client::{Client, Incoming};
use super::definitions;
use super::ledger::{Found, Ledger, Owed};
use super::places::{QUEUES, RELAXED, SENTINEL};
use crate::raw::{Connection, channels, queue};

/// How many broken promises are told of at most.
const TOLD: usize = 20;

/// What becomes of the messages that were found in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Afterwards {
    /// They stay, and have to survive the next crash too.
    Leave,
    Take,
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Survey {
    /// Messages that were found, and those which the ledger had promises about.
    pub found: usize,
    pub promised: usize,
    /// Exchanges, queues and bindings.
    pub objects: usize,
}

impl Survey {
    /// Reads every queue of a broker that was just started again, and compares.
    ///
    /// # Errors
    /// The promises that were not kept. Whatever else is wrong panics.
    pub fn take(
        address: SocketAddr,
        ledger: &Mutex<Ledger>,
        relaxed: Owed,
        mut afterwards: impl FnMut(&str, usize) -> Afterwards,
    ) -> Result<Self, String> {
        let mut ledger = ledger.lock().expect("the ledger");
        let mut survey = Self {
            promised: ledger.promised(),
            ..Self::default()
        };
        let connection = Connection::open(address);
        survey.objects = definitions::check(&connection, &mut ledger)?;
        for queue in QUEUES {
            let mut client = Client::open(address);
            let found = read(&mut client, queue);
            survey.found += found.len();
            let owed = match queue {
                RELAXED => relaxed,
                _ => Owed::Confirmed,
            };
            let broken = ledger.check(queue, &found, owed);
            if !broken.is_empty() {
                let told = broken.iter().take(TOLD);
                let told: String = told.map(|broken| format!("\n  {broken}")).collect();
                return Err(format!("{queue}: {} broken promises{told}", broken.len()));
            }
            if afterwards(queue, found.len()) == Afterwards::Take {
                settle(&mut client);
                ledger.settled(queue, found.iter().map(|found| found.id));
            }
            close(client);
        }
        connection.close();
        Ok(survey)
    }
}

impl AddAssign for Survey {
    fn add_assign(&mut self, other: Self) {
        self.found += other.found;
        self.promised += other.promised;
        self.objects += other.objects;
    }
}

/// The first thing in a broker's log that it should not have had to say: damage, a failure, a panic. What
/// it says about a connection is the client's business.
pub fn complaint(log: &str) -> Option<&str> {
    let complains = |line: &&str| line.contains("[error] <0>") || line.contains("panicked");
    log.lines().find(complains)
}

/// All messages of the queue, in order, unacked.
fn read(client: &mut Client, queue: &str) -> Vec<Found> {
    let announced = ready(client, queue);
    client.consume(queue, 0).expect("a consumer");
    let mut found = Vec::with_capacity(announced);
    while found.len() < announced {
        match client.receive().expect("a delivery") {
            Incoming::Delivery {
                redelivered, body, ..
            } => found.push(Found {
                id: body::decode(&body),
                redelivered,
            }),
            other => panic!("{other:?} instead of a delivery from {queue}"),
        }
    }
    // Were there more than announced, one would come before the answer.
    assert_eq!(ready(client, queue), 0, "ready messages in {queue}");
    found
}

fn ready(client: &mut Client, queue: &str) -> usize {
    let declare = queue::Declare {
        queue: queue.into(),
        passive: true,
        ..Default::default()
    };
    let arguments = client.call(declare, (50, 11));
    let arguments = arguments.expect("a queue that survived");
    let count = arguments[1 + usize::from(arguments[0])..].first_chunk();
    u32::from_be_bytes(*count.expect("a number of messages")) as usize
}

/// Acks everything that was read; returns when a later message was confirmed.
fn settle(client: &mut Client) {
    client.ack(0, true);
    client.confirm().expect("confirms");
    client.publish("", SENTINEL, true, b"");
    client.flush().expect("a broker that listens");
    let confirm = client.receive().expect("a confirm");
    assert!(
        matches!(confirm, Incoming::Confirm { tag: 1, .. }),
        "{confirm:?}"
    );
    let purge = queue::Purge {
        queue: SENTINEL.into(),
        nowait: false,
    };
    client.call(purge, (50, 31)).expect("a purge");
}

/// What was not acked is back in its queue afterwards.
fn close(mut client: Client) {
    let close = channels::Close {
        reply_code: 200,
        reply_text: "read".into(),
        class_id: 0,
        method_id: 0,
    };
    client.call(close, (20, 41)).expect("an orderly end");
}
