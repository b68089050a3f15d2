//! A publisher with confirms, at work until the broker is gone.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use rand::Rng;
use rand::rngs::SmallRng;

use super::client::{Client, Incoming};
use super::ledger::Id;
use super::places::Route;
use super::{Shared, body};

/// What a publisher does.
#[derive(Clone, Debug)]
pub struct Publishing {
    /// Where to, and how often compared to the others.
    pub routes: Vec<(u32, Route)>,
    /// How many messages it sends ahead of their confirms.
    pub window: usize,
    /// How long bodies are, and how often compared to the others.
    pub bytes: Vec<(u32, Range<usize>)>,
    /// Of each hundred messages.
    pub persistent: u32,
    /// How many messages, all in all.
    pub limit: u64,
}

impl Publishing {
    /// Small messages, with a large one now and then.
    pub fn to(route: Route) -> Self {
        Self {
            routes: vec![(1, route)],
            window: 300,
            bytes: vec![(950, 0..800), (49, 3_000..20_000), (1, 100_000..400_000)],
            persistent: 90,
            limit: u64::MAX,
        }
    }
}

pub(super) struct Publisher {
    pub(super) client: Client,
    pub(super) number: u64,
    pub(super) publishing: Publishing,
    pub(super) random: SmallRng,
    pub(super) shared: Arc<Shared>,
    waiting: VecDeque<(u64, &'static [&'static str])>,
    sent: u64,
    confirmed: u64,
}

impl Publisher {
    pub(super) fn new(
        client: Client,
        number: u64,
        publishing: Publishing,
        random: SmallRng,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            client,
            number,
            publishing,
            random,
            shared,
            waiting: VecDeque::new(),
            sent: 0,
            confirmed: 0,
        }
    }

    /// Publishes until everything is confirmed or the broker is gone.
    pub(super) fn run(&mut self) -> io::Result<()> {
        self.client.confirm()?;
        while self.confirmed < self.publishing.limit {
            while self.waiting.len() < self.publishing.window && self.sent < self.publishing.limit {
                self.publish();
            }
            self.client.flush()?;
            self.take_confirms()?;
        }
        Ok(())
    }

    fn publish(&mut self) {
        let route = *choose(&mut self.random, &self.publishing.routes);
        let length = choose(&mut self.random, &self.publishing.bytes).clone();
        let length = self.random.random_range(length);
        let persistent = self.random.random_ratio(self.publishing.persistent, 100);
        let id = Id {
            publisher: self.number,
            sequence: self.sent,
        };
        self.sent += 1;
        self.shared.ledger().sent(route.queues, id, persistent);
        self.waiting.push_back((id.sequence, route.queues));
        let (exchange, key) = (route.exchange, route.routing_key);
        self.client
            .publish(exchange, key, persistent, &body::encode(id, length));
    }

    /// Waits for confirms and enters them into the ledger.
    fn take_confirms(&mut self) -> io::Result<()> {
        let mut count = 0;
        loop {
            // Confirms of one channel come in the order of the messages.
            let tag = match self.client.receive()? {
                Incoming::Confirm {
                    tag,
                    multiple: true,
                } => tag,
                Incoming::Confirm { tag, .. } if tag == self.confirmed + 1 => tag,
                other => panic!("{other:?} instead of a confirm after {}", self.confirmed),
            };
            let mut ledger = self.shared.ledger();
            while self.confirmed < tag {
                let (sequence, queues) = self.waiting.pop_front().expect("a message to confirm");
                let publisher = self.number;
                ledger.confirmed(
                    queues,
                    Id {
                        publisher,
                        sequence,
                    },
                );
                self.confirmed += 1;
                count += 1;
            }
            if !self.client.has_received() {
                break;
            }
        }
        self.shared.progress(count);
        Ok(())
    }
}

/// One of several, by their weights.
fn choose<'a, T>(random: &mut SmallRng, weighted: &'a [(u32, T)]) -> &'a T {
    let total = weighted.iter().map(|(weight, _)| weight).sum();
    let mut at = random.random_range(0..total);
    let chosen = weighted.iter().find(|(weight, _)| {
        let here = at < *weight;
        at = at.saturating_sub(*weight);
        here
    });
    &chosen.expect("a weight that is not zero").1
}
