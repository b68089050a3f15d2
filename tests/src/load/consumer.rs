//! A consumer that acks, now and then puts something back, until the broker is gone.

use std::io;
use std::sync::Arc;

use rand::Rng;
use rand::rngs::SmallRng;

use super::client::{Client, Incoming};
use super::{Shared, body};

/// What a consumer does.
#[derive(Clone, Copy, Debug)]
pub struct Consuming {
    pub queue: &'static str,
    pub prefetch: u16,
    /// Acks so many messages at a time.
    pub together: usize,
    /// Of each hundred messages, these go back to the queue, when acks are single.
    pub requeued: u32,
}

impl Consuming {
    /// Single acks, and something goes back now and then.
    pub fn from(queue: &'static str) -> Self {
        Self {
            queue,
            prefetch: 50,
            together: 1,
            requeued: 5,
        }
    }

    /// As fast as it can.
    pub fn fast(queue: &'static str) -> Self {
        Self {
            queue,
            prefetch: 2_000,
            together: 500,
            requeued: 0,
        }
    }
}

pub(super) fn consume(
    mut client: Client,
    consuming: Consuming,
    mut random: SmallRng,
    shared: &Arc<Shared>,
) -> io::Result<()> {
    let queue = consuming.queue;
    client.consume(queue, consuming.prefetch)?;
    let mut read = Vec::new();
    loop {
        let Incoming::Delivery { tag, body, .. } = client.receive()? else {
            panic!("a delivery from {queue} was expected");
        };
        let id = body::decode(&body);
        shared.ledger().delivered(queue, id);
        read.push(id);
        if consuming.together == 1 && random.random_ratio(consuming.requeued, 100) {
            client.requeue(tag);
            read.clear();
        } else if read.len() >= consuming.together {
            let mut ledger = shared.ledger();
            read.drain(..).for_each(|id| ledger.acked(queue, id));
            drop(ledger);
            client.ack(tag, true);
        }
        if !client.has_received() {
            client.flush()?;
        }
    }
}
