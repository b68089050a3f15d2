//! Fills a large queue and purges it, until the broker is gone.

use std::io;
use std::sync::Arc;

use rand::rngs::SmallRng;

use super::Shared;
use super::client::Client;
use super::places::{PURGED, TO_PURGED};
use super::publisher::{Publisher, Publishing};
use crate::raw::queue;

pub(super) fn run(
    client: Client,
    number: u64,
    messages: u64,
    random: SmallRng,
    shared: &Arc<Shared>,
) -> io::Result<()> {
    let publishing = Publishing {
        window: 5_000,
        bytes: vec![(1, 0..100)],
        persistent: 100,
        limit: messages,
        ..Publishing::to(TO_PURGED)
    };
    let shared = Arc::clone(shared);
    let mut publisher = Publisher::new(client, number, publishing, random, Arc::clone(&shared));
    loop {
        publisher.run()?;
        shared.ledger().purging(PURGED);
        let purge = queue::Purge {
            queue: PURGED.into(),
            nowait: false,
        };
        publisher.client.call(purge, (50, 31))?;
        // A confirm of what comes later means that the purge is on disk as well.
        publisher.publishing.limit += 1;
        publisher.run()?;
        shared.ledger().purged(PURGED);
        publisher.publishing.limit += messages;
    }
}
