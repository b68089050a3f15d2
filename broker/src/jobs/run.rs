//! A job at work: batch after batch, as fast as it was asked to be and the log can take.

use std::sync::Arc;
use std::time::Duration;

use ferrymq_store::CommitPoint;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use super::batch::{Batches, Next};
use super::{Job, State};
use crate::actor::Actor;
use crate::broker::Broker;
use crate::queue::shared::SharedQueue;

/// So many messages are carried out together, if nothing holds the job back.
const BATCH_MESSAGES: u32 = 256;
/// A throttled job does something so often.
const BATCHES_PER_SECOND: u32 = 20;
/// While the disk is full, it is looked at again after this long.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Sets `job` to work on `source`.
pub(super) fn start(broker: &Arc<Broker>, actor: Actor, source: Arc<SharedQueue>, job: &Arc<Job>) {
    let (broker, job) = (Arc::clone(broker), Arc::clone(job));
    let batches = Batches::new(&broker, actor, source, &job);
    tokio::spawn(async move {
        let ended = tokio::select! {
            state = work(&broker, &job, batches) => state,
            () = broker.stopping() => State::Cancelled,
        };
        tracing::info!(job = job.id, progress = ?job.status().1, "a job has ended: {ended:?}");
        job.end(ended);
    });
}

async fn work(broker: &Arc<Broker>, job: &Arc<Job>, mut batches: Batches) -> State {
    let begun = Instant::now();
    let size = job.order.rate.map_or(BATCH_MESSAGES, |rate| {
        (rate / BATCHES_PER_SECOND).clamp(1, BATCH_MESSAGES)
    });
    loop {
        if job.is_cancelled() {
            return State::Cancelled;
        }
        // On a thread where reading may block. A batch that has begun is carried out whatever happens.
        let carried = tokio::task::spawn_blocking(move || {
            let next = batches.carry_out(size as usize);
            (batches, next)
        });
        let Ok((returned, next)) = carried.await else {
            return State::Failed("a batch was not carried out".to_owned());
        };
        batches = returned;
        job.note(batches.progress());
        match next {
            Next::More => {}
            Next::End => return State::Done,
            Next::Failed(why) => return State::Failed(why),
        }
        if let Some(rate) = job.order.rate {
            let used = batches.progress().done as f64 / f64::from(rate.max(1));
            until(job, sleep_until(begun + Duration::from_secs_f64(used))).await;
        }
        wait_for_log(broker, job).await;
    }
}

/// Waits while the log is congested or its disk full: publishers come first.
async fn wait_for_log(broker: &Broker, job: &Job) {
    let store = broker.store();
    while store.is_disk_full() && !job.is_cancelled() {
        until(job, sleep(LOOK_AGAIN_AFTER)).await;
    }
    if store.is_congested() {
        let written = Arc::new(Notify::new());
        let next = CommitPoint(store.committed().0 + 1);
        store.wake_when_committed(next, &written);
        until(job, written.notified()).await;
    }
}

/// Waits for something, but not when the job is cancelled.
async fn until(job: &Job, something: impl Future<Output = ()>) {
    let cancelled = job.changed.notified();
    if job.is_cancelled() {
        return;
    }
    tokio::select! {
        () = something => {}
        () = cancelled => {}
    }
}
