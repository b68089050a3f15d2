//! Loads on a broker that is about to die: publishers, consumers, changes of definitions, a thread each;
//! the ledger of what it promised them; and the survey of what is there afterwards.

mod body;
mod budget;
mod client;
mod consumer;
mod definitions;
mod ledger;
mod mix;
pub mod places;
mod publisher;
mod purge;
mod survey;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;

pub use budget::Budget;
pub use client::{Client, Incoming};
pub use consumer::Consuming;
pub use ledger::{Ledger, Owed};
pub use mix::Mix;
pub use publisher::Publishing;
pub use survey::{Afterwards, Survey, complaint};

/// How long the load may take for what a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// One connection's work.
#[derive(Clone, Debug)]
pub enum Work {
    Publish(Publishing),
    Consume(Consuming),
    ChangeDefinitions,
    /// Fills a queue with so many messages and purges it, again and again.
    Purge(u64),
}

/// What the threads of a load share.
#[derive(Debug, Default)]
struct Shared {
    ledger: Arc<Mutex<Ledger>>,
    confirms: Mutex<u64>,
    confirmed: Condvar,
}

impl Shared {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("the ledger")
    }

    fn progress(&self, confirms: u64) {
        *self.confirms.lock().expect("a counter") += confirms;
        self.confirmed.notify_all();
    }
}

/// Threads at work until the broker is gone.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts all of `work`. Numbers of publishers begin with `round`, which is another each time.
    pub fn start(
        address: SocketAddr,
        round: u64,
        seed: u64,
        ledger: &Arc<Mutex<Ledger>>,
        work: Vec<Work>,
    ) -> Self {
        let shared = Arc::new(Shared {
            ledger: Arc::clone(ledger),
            ..Default::default()
        });
        let threads = (0..).zip(work).map(|(at, work)| {
            let client = Client::open(address);
            let random = SmallRng::seed_from_u64(seed.wrapping_add(at));
            let (number, shared) = (round * 100 + at, Arc::clone(&shared));
            std::thread::spawn(move || {
                // An error means that the broker was killed, which ends the work.
                let _ = run(work, client, number, random, &shared);
            })
        });
        let threads = threads.collect();
        Self { shared, threads }
    }

    /// Waits until so many messages were confirmed and changes of definitions answered.
    pub fn wait_for(&self, enough: u64) {
        let confirms = self.shared.confirms.lock().expect("a counter");
        let waited = self
            .shared
            .confirmed
            .wait_timeout_while(confirms, PATIENCE, |confirms| *confirms < enough);
        let (confirms, timed_out) = waited.expect("a counter");
        assert!(!timed_out.timed_out(), "{} of {enough} confirms", *confirms);
    }

    /// Ends with the broker: everything was read that it still sent.
    pub fn end(self) {
        for thread in self.threads {
            thread
                .join()
                .expect("a part of the load that found nothing wrong");
        }
    }
}

fn run(
    work: Work,
    client: Client,
    number: u64,
    random: SmallRng,
    shared: &Arc<Shared>,
) -> io::Result<()> {
    match work {
        Work::Publish(publishing) => {
            let shared = Arc::clone(shared);
            publisher::Publisher::new(client, number, publishing, random, shared).run()
        }
        Work::Consume(consuming) => consumer::consume(client, consuming, random, shared),
        Work::ChangeDefinitions => {
            definitions::change(client, &format!("load.object.{number}"), random, shared)
        }
        Work::Purge(messages) => purge::run(client, number, messages, random, shared),
    }
}
