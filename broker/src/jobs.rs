//! Work on the messages of a queue that takes its time: move, copy, redrive, purge.
//!
//! A job looks at the messages that waited when it began, batch by batch. What it moves is first appended to
//! its target, then removed from the source, in this order in the log too: it is in both for a moment, never
//! in neither. What the target does not take stays where it was. Jobs end with the broker; what they have done
//! until then holds.

mod batch;
mod mark;
mod run;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::actor::Actor;
use crate::broker::Broker;
use crate::browse::Filter;
use crate::clock::{self, Timestamp};
use crate::dead_letter::Revival;
use crate::error::Error;
use crate::queue::Queue;
use crate::queue::shared::SharedQueue;

pub use mark::RETRY_HEADER;

/// So many jobs that have ended are remembered.
const REMEMBERED_JOBS: usize = 100;
/// So many may run at the same time.
const MAX_RUNNING: usize = 64;

/// What a job does with each message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// It goes from the queue to a target.
    Move(Target),
    /// The target gets a copy.
    Copy(Target),
    /// A dead letter goes back to where it came from; what is none stays.
    Redrive(Origin, Revival),
    /// It is dropped.
    Purge,
}

/// Where messages go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Into this queue, unchanged: exchange and routing key stay what they were.
    Queue(String),
    /// Published to this exchange; `None`: with their own routing keys.
    Exchange(String, Option<String>),
}

/// Where a dead letter came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Origin {
    /// The exchange and routing keys that it had been published with, so all queues that these reach.
    #[default]
    Exchange,
    /// The queue in which it died, and no other.
    Queue,
}

/// What a job is asked to do.
#[derive(Debug, Clone)]
pub struct Order {
    /// The virtual host.
    pub vhost: String,
    /// The queue whose messages they are.
    pub source: String,
    /// What becomes of them.
    pub task: Task,
    /// Only these.
    pub filter: Filter,
    /// At most so many.
    pub limit: Option<u64>,
    /// At most so many a second.
    pub rate: Option<u32>,
    /// What is moved, copied or redriven says so in [`RETRY_HEADER`].
    pub mark_retry: bool,
}

/// How it stands with a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// At work.
    Running,
    /// All done.
    Done,
    /// Somebody has ended it, or the broker stops.
    Cancelled,
    /// It could not go on.
    Failed(String),
}

/// What a job has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Messages that it looked at.
    pub scanned: u64,
    /// Those that it moved, copied or dropped.
    pub done: u64,
    /// Those that their target did not take, or that have no origin. They are where they were.
    pub failed: u64,
    /// Those that it has not looked at yet.
    pub left: u64,
}

/// A job.
#[derive(Debug)]
pub struct Job {
    /// Its number.
    pub id: u64,
    /// What it was asked to do.
    pub order: Order,
    /// Who has asked.
    pub by: Arc<str>,
    /// When it began.
    pub started_at: Timestamp,
    status: Mutex<(State, Progress)>,
    ended_at: OnceLock<Timestamp>,
    cancelled: AtomicBool,
    changed: Notify,
}

impl Job {
    /// How it stands.
    pub fn status(&self) -> (State, Progress) {
        self.status.lock().clone()
    }

    /// When it ended; `None`: it runs.
    pub fn ended_at(&self) -> Option<Timestamp> {
        self.ended_at.get().copied()
    }

    /// Ends it after what it is doing now.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    /// Completes when it has ended.
    pub async fn ended(&self) -> State {
        loop {
            let changed = self.changed.notified();
            let (state, _) = self.status();
            if state != State::Running {
                return state;
            }
            changed.await;
        }
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    fn note(&self, progress: Progress) {
        self.status.lock().1 = progress;
    }

    fn end(&self, state: State) {
        self.ended_at.get_or_init(clock::now);
        self.status.lock().0 = state;
        self.changed.notify_waiters();
    }
}

/// All jobs that run, and the latest that have ended.
#[derive(Default)]
pub struct Jobs {
    jobs: Mutex<BTreeMap<u64, Arc<Job>>>,
    next_id: AtomicU64,
}

impl Jobs {
    /// Begins a job on behalf of `actor`.
    ///
    /// # Errors
    /// 403 without `read` on the queue, and on a fixed target without `write`; 404 when either is missing; 405 when
    /// the source is exclusive; 406 when too many jobs run, and for a filter by what is masked.
    pub fn begin(
        &self,
        broker: &Arc<Broker>,
        actor: Actor,
        order: Order,
    ) -> Result<Arc<Job>, Error> {
        let source = check(broker, &actor, &order)?;
        let mut jobs = self.jobs.lock();
        let running = jobs.values().filter(|job| job.status().0 == State::Running);
        if running.count() >= MAX_RUNNING {
            let text = format!("{MAX_RUNNING} jobs run already");
            return Err(Error::PreconditionFailed(text));
        }
        forget_oldest(&mut jobs);
        let id = self.next_id.fetch_add(1, Ordering::Relaxed) + 1;
        let left = source.inspect(Queue::counts).ready as u64;
        let progress = Progress {
            left,
            ..Progress::default()
        };
        let job = Arc::new(Job {
            id,
            order,
            by: actor.user.name().into(),
            started_at: clock::now(),
            status: Mutex::new((State::Running, progress)),
            ended_at: OnceLock::new(),
            cancelled: AtomicBool::new(false),
            changed: Notify::new(),
        });
        jobs.insert(id, Arc::clone(&job));
        run::start(broker, actor, source, &job);
        Ok(job)
    }

    /// All of them, the oldest first.
    pub fn list(&self) -> Vec<Arc<Job>> {
        self.jobs.lock().values().cloned().collect()
    }

    /// The one with this number.
    pub fn find(&self, id: u64) -> Option<Arc<Job>> {
        self.jobs.lock().get(&id).cloned()
    }
}

/// May `actor` order this, and is everything there?
fn check(broker: &Broker, actor: &Actor, order: &Order) -> Result<Arc<SharedQueue>, Error> {
    let vhost = broker.vhost(&order.vhost);
    let missing = || Error::NotAllowed(format!("vhost '{}' not found", order.vhost));
    let vhost = vhost.ok_or_else(missing)?;
    let source = vhost.readable_queue(actor, &order.source)?;
    let masked = broker.config().http.masked_fields.check(&order.filter);
    masked.map_err(|why| Error::PreconditionFailed(why.to_string()))?;
    match &order.task {
        Task::Move(target) | Task::Copy(target) => match target {
            Target::Queue(name) => {
                vhost.writable_queue(actor, name)?;
            }
            Target::Exchange(name, key) => {
                let key = key.as_deref().unwrap_or_default();
                vhost.route(actor, name, &[key], None)?;
            }
        },
        // What it may publish to is seen message by message.
        Task::Redrive(..) | Task::Purge => {}
    }
    Ok(source)
}

fn forget_oldest(jobs: &mut BTreeMap<u64, Arc<Job>>) {
    let ended = jobs.values().filter(|job| job.status().0 != State::Running);
    let ended: Vec<u64> = ended.map(|job| job.id).collect();
    let beyond = (ended.len() + 1).saturating_sub(REMEMBERED_JOBS);
    for id in &ended[..beyond] {
        jobs.remove(id);
    }
}
