//! Dead letters that take longer: those that are on disk only and have to be read first, and more than
//! should hold a connection up. One after another, in the background; those of one queue in order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use ferrymq_store::Error;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::broker::Broker;
use crate::clock::{self, Timestamp};
use crate::queue::Queue;
use crate::queue::shared::{DeadLetters, SharedQueue, Work};

/// When a read failed, it is tried again after this long.
const READ_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What waits to be carried out.
#[derive(Default)]
pub struct Transfers {
    waiting: Mutex<VecDeque<DeadLetters>>,
    /// Queues whose dead letters may arrive by now.
    retries: Mutex<Vec<Arc<SharedQueue>>>,
    due: Notify,
}

impl Transfers {
    /// Leaves `letters` to be carried out.
    pub(crate) fn push(&self, letters: DeadLetters) {
        letters.queue.begin_transfer();
        self.waiting.lock().push_back(letters);
        self.due.notify_one();
    }

    /// Has `queues` try again what did not arrive.
    pub(crate) fn retry(&self, queues: Vec<Arc<SharedQueue>>) {
        self.retries.lock().extend(queues);
        self.due.notify_one();
    }

    /// Has queues send what did not arrive. Tells whether there were any.
    fn retry_due(&self, broker: &Broker, now: Timestamp) -> bool {
        let queues = std::mem::take(&mut *self.retries.lock());
        let mut work = Work::default();
        work.set_now(now);
        for queue in &queues {
            queue.run(&mut work, Queue::retry_held);
            broker.finish(queue, &mut work);
        }
        !queues.is_empty()
    }

    fn next(&self) -> Option<DeadLetters> {
        self.waiting.lock().pop_front()
    }

    fn try_again(&self, letters: DeadLetters) {
        self.waiting.lock().push_front(letters);
    }

    /// Carries out everything that waits. Tells whether there was anything.
    pub fn run_due(&self, broker: &Broker, now: Timestamp) -> bool {
        let mut any = self.retry_due(broker, now);
        while let Some(mut letters) = self.next() {
            any = true;
            if carry_out(broker, &mut letters, now).is_err() {
                self.try_again(letters);
                break;
            }
        }
        any
    }
}

/// Carries out what is left to the background, until the broker stops.
pub async fn run(broker: Arc<Broker>) {
    tokio::select! {
        () = transfer(&broker) => {}
        () = broker.stopping() => {}
    }
}

async fn transfer(broker: &Arc<Broker>) {
    let transfers = broker.paging().transfers();
    loop {
        transfers.retry_due(broker, clock::now());
        let Some(mut letters) = transfers.next() else {
            transfers.due.notified().await;
            continue;
        };
        let carrier = Arc::clone(broker);
        let carried = tokio::task::spawn_blocking(move || {
            let carried = carry_out(&carrier, &mut letters, clock::now());
            carried.map_err(|_| letters)
        });
        match carried.await {
            Ok(Ok(())) => {}
            Ok(Err(letters)) => {
                tokio::time::sleep(READ_AGAIN_AFTER).await;
                transfers.try_again(letters);
            }
            Err(why) => tracing::error!("dead-lettering failed: {why}"),
        }
    }
}

/// Carries out `letters`; those that are left when reading fails stay in them.
fn carry_out(broker: &Broker, letters: &mut DeadLetters, now: Timestamp) -> Result<(), Error> {
    let Some(vhost) = broker.vhost(&letters.queue.vhost) else {
        return Ok(());
    };
    let mut work = Work::default();
    work.set_now(now);
    while !letters.messages.is_empty() {
        let messages = letters.read_some()?;
        vhost.dead_letter(letters, messages, &mut work);
        vhost.finish(&mut work);
    }
    letters.queue.end_transfer();
    Ok(())
}
