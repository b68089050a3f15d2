//! Watches a run: a line per second, when to stop whom, what is left to come, the verdict.

use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use super::consumer::Consumer;
use super::plan::Plan;
use super::process::Process;
use super::producer::Producer;
use super::progress::{Progress, histogram};
use super::report::{Counts, Latencies, Summary, print_interval};
use super::verify::{Tallies, Verdict};
use super::{Args, Error, clock};

/// How often the run looks at its clock.
const TICK: Duration = Duration::from_millis(10);
/// How often a line is printed.
const INTERVAL: Duration = Duration::from_secs(1);
/// Messages that do not come for so long are lost.
const DRAIN: Duration = Duration::from_secs(10);
/// How long duplicates of the last messages may take to show.
const GRACE: Duration = Duration::from_millis(50);

type Handle<'scope, T> = ScopedJoinHandle<'scope, Result<T, Error>>;

/// A run while it lasts.
pub(super) struct Watch<'a> {
    args: &'a Args,
    plan: &'a Plan,
    progress: &'a Progress,
    broker: Option<Process>,
    begun: u64,
    /// Where measuring starts: at once, or after the warm-up.
    start: Counts,
    warm: bool,
    latencies: Latencies,
    /// When the last line was printed.
    before: Counts,
}

impl<'a> Watch<'a> {
    pub(super) fn new(args: &'a Args, plan: &'a Plan, progress: &'a Progress) -> Self {
        let mut watch = Self {
            args,
            plan,
            progress,
            broker: args.broker_pid.map(Process),
            begun: clock::now(),
            start: Counts::default(),
            warm: args.warmup == 0,
            latencies: no_latencies(),
            before: Counts::default(),
        };
        watch.start = watch.counts();
        watch.before = watch.start;
        watch
    }

    /// Lets everybody run, each on a thread of its own.
    pub(super) fn run(
        mut self,
        producers: Vec<Producer>,
        consumers: Vec<Consumer>,
    ) -> Result<Summary, Error> {
        let progress = self.progress;
        thread::scope(|scope| {
            let consumers: Vec<Handle<'_, Tallies>> = consumers
                .into_iter()
                .map(|consumer| scope.spawn(move || consumer.run(progress)))
                .collect();
            let producers: Vec<Handle<'_, u64>> = producers
                .into_iter()
                .map(|producer| scope.spawn(move || producer.run(progress)))
                .collect();
            self.publish(&producers, &consumers);
            let published = self.counts();
            let sent = join(producers);
            if let Ok(sent) = &sent {
                self.drain(sent, &consumers);
            }
            let end = self.counts();
            progress.stop_consuming.raise();
            let tallies = join(consumers)?;
            Ok(self.summary(published, end, &sent?, &tallies))
        })
    }

    /// The counters, and what the broker used so far.
    fn counts(&self) -> Counts {
        Counts {
            processor: self.broker.and_then(Process::processor_time),
            ..Counts::now(self.progress)
        }
    }

    /// Waits a moment, and prints or starts measuring when it is time.
    fn tick(&mut self) {
        thread::sleep(TICK);
        let now = Counts::now(self.progress);
        if clock::between(self.before.time, now.time) >= INTERVAL {
            let latencies = Latencies::take(self.progress);
            print_interval(self.args, self.begun, &self.before, &now, &latencies);
            self.latencies.add(&latencies);
            self.before = now;
        }
        if !self.warm && self.elapsed() >= Duration::from_secs(self.args.warmup) {
            self.warm = true;
            Latencies::take(self.progress);
            self.latencies = no_latencies();
            self.start = self.counts();
        }
    }

    fn elapsed(&self) -> Duration {
        clock::between(self.begun, clock::now())
    }

    /// Until all producers are done; without any, until enough is consumed.
    fn publish(&mut self, producers: &[Handle<'_, u64>], consumers: &[Handle<'_, Tallies>]) {
        let limit = self.args.publishing_seconds().map(Duration::from_secs);
        loop {
            self.tick();
            let over = limit.is_some_and(|limit| self.elapsed() >= limit);
            if over || any_finished(consumers) {
                self.progress.stop_publishing.raise();
            }
            let consumed =
                self.args.messages > 0 && self.progress.received.get() >= self.args.messages;
            let done = match producers.is_empty() {
                true => over || consumed || any_finished(consumers),
                false => producers.iter().all(ScopedJoinHandle::is_finished),
            };
            if done {
                return;
            }
        }
    }

    /// Until everything sent is received, or nothing comes any more.
    fn drain(&mut self, sent: &[u64], consumers: &[Handle<'_, Tallies>]) {
        if sent.is_empty() || consumers.is_empty() {
            return;
        }
        let expected = sent.iter().sum::<u64>() * self.plan.copies_per_message();
        let since = clock::now();
        while self.progress.received.get() < expected && !any_finished(consumers) {
            self.tick();
            let last = self.progress.last_received.get().max(since);
            if clock::between(last, clock::now()) > DRAIN {
                return;
            }
        }
        thread::sleep(GRACE);
    }

    fn summary(
        mut self,
        published: Counts,
        end: Counts,
        sent: &[u64],
        tallies: &[Tallies],
    ) -> Summary {
        self.latencies.add(&Latencies::take(self.progress));
        Summary {
            verdict: self.verdict(sent, tallies),
            start: self.start,
            published,
            end,
            last_sent: self.progress.last_sent.get(),
            last_received: self.progress.last_received.get(),
            latencies: self.latencies,
            nacked: self.progress.nacked.get(),
            redelivered: self.progress.redelivered.get(),
            resident_bytes: self.broker.and_then(Process::resident_bytes),
        }
    }

    fn verdict(&self, sent: &[u64], tallies: &[Tallies]) -> Option<Verdict> {
        let (first, others) = tallies.split_first()?;
        if !self.args.verifies() {
            return None;
        }
        let mut all = first.clone();
        others.iter().for_each(|other| all.add(other));
        Some(match sent.is_empty() {
            true => Verdict::of_order(&all),
            false => Verdict::of(&all, self.plan, sent),
        })
    }
}

fn no_latencies() -> Latencies {
    Latencies {
        end_to_end: histogram(),
        confirm: histogram(),
    }
}

/// Whether one has stopped that nobody told to.
fn any_finished<T>(handles: &[Handle<'_, T>]) -> bool {
    handles.iter().any(ScopedJoinHandle::is_finished)
}

fn join<T>(handles: Vec<Handle<'_, T>>) -> Result<Vec<T>, Error> {
    handles
        .into_iter()
        .map(|handle| {
            handle
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
        .collect()
}
