//! Watches a load: a line per interval, when to stop whom, what is left to come, the verdict.

use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use super::consumer::Consumer;
use super::plan::Spread;
use super::process::Process;
use super::producer::Producer;
use super::progress::Progress;
use super::report::{Column, Counts, Interval, Latencies, Printer, Summary};
use super::setup::Setup;
use super::verify::{Tallies, Verdict};
use super::{Error, clock, interrupt};

/// How often the run looks at its clock.
const TICK: Duration = Duration::from_millis(10);
/// How long messages that may be lost by right are waited for, at most.
const SHORT_DRAIN: Duration = Duration::from_secs(1);
/// How long duplicates of the last messages may take to show.
const GRACE: Duration = Duration::from_millis(50);

type Handle<'scope, T> = ScopedJoinHandle<'scope, Result<T, Error>>;

/// A run while it lasts.
pub(super) struct Watch<'a> {
    setup: &'a Setup<'a>,
    progress: &'a Progress,
    printer: &'a mut Printer,
    broker: Option<Process>,
    begun: u64,
    /// Where measuring starts: at once, or after the warm-up.
    start: Counts,
    warm: bool,
    consuming_since: u64,
    latencies: Latencies,
    /// When the last line was printed.
    before: Counts,
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        setup: &'a Setup<'a>,
        progress: &'a Progress,
        printer: &'a mut Printer,
    ) -> Self {
        let mut watch = Self {
            setup,
            progress,
            printer,
            broker: setup.args.broker.broker_pid.map(Process),
            begun: clock::now(),
            start: Counts::default(),
            warm: setup.args.warmup.is_zero(),
            consuming_since: 0,
            latencies: Latencies::none(),
            before: Counts::default(),
        };
        watch.start = watch.counts();
        watch.before = watch.start;
        watch
    }

    /// Lets everybody run, each on a thread of its own. `late` are consumers that start when everything is
    /// published.
    pub(super) fn run(
        mut self,
        producers: Vec<Producer>,
        consumers: Vec<Consumer>,
        late: impl FnOnce() -> Result<Vec<Consumer>, Error>,
    ) -> Result<Summary, Error> {
        let progress = self.progress;
        thread::scope(|scope| {
            let start = |consumer: Consumer| scope.spawn(move || consumer.run(progress));
            let mut consumers: Vec<Handle<'_, Tallies>> =
                consumers.into_iter().map(start).collect();
            let producers: Vec<Handle<'_, Vec<u64>>> = producers
                .into_iter()
                .map(|producer| scope.spawn(move || producer.run(progress)))
                .collect();
            self.publish(&producers, &consumers);
            let published = self.counts();
            let sent = join(producers).map(|sent| sent.concat());
            if consumers.is_empty() && sent.is_ok() {
                self.consuming_since = clock::now();
                consumers.extend(late()?.into_iter().map(start));
            }
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
        if clock::between(self.before.time, now.time) >= self.setup.args.reporting.interval {
            self.print(&now);
        }
        if !self.warm && self.elapsed() >= self.setup.args.warmup {
            self.warm = true;
            Latencies::take(self.progress);
            self.latencies = Latencies::none();
            self.start = self.counts();
        }
    }

    fn print(&mut self, now: &Counts) {
        let (before, latencies) = (&self.before, Latencies::take(self.progress));
        let mut columns = vec![
            Column::Rate("sent", now.sent - before.sent),
            Column::Rate("received", now.received - before.received),
        ];
        if self.setup.args.publishing.is_answered() {
            let confirmed = now.confirmed - before.confirmed;
            columns.push(Column::Rate("confirmed", confirmed));
        }
        columns.push(Column::Latency("latency", &latencies.end_to_end));
        if self.setup.args.publishing.is_answered() {
            columns.push(Column::Latency("confirm", &latencies.confirm));
        }
        self.printer.print(&Interval {
            elapsed: clock::between(self.begun, now.time),
            span: clock::between(before.time, now.time),
            columns,
        });
        self.latencies.add(&latencies);
        self.before = *now;
    }

    fn elapsed(&self) -> Duration {
        clock::between(self.begun, clock::now())
    }

    /// Until all producers are done; without any, until enough is consumed.
    fn publish(&mut self, producers: &[Handle<'_, Vec<u64>>], consumers: &[Handle<'_, Tallies>]) {
        let limit = self.setup.args.publishing_time();
        loop {
            self.tick();
            let over = limit.is_some_and(|limit| self.elapsed() >= limit)
                || interrupt::is_raised()
                || self.has_consumed_enough()
                || any_finished(consumers);
            if over {
                self.progress.stop_publishing.raise();
            }
            let done = match producers.is_empty() {
                true => over,
                false => producers.iter().all(ScopedJoinHandle::is_finished),
            };
            if done {
                return;
            }
        }
    }

    fn has_consumed_enough(&self) -> bool {
        let limit = self.setup.args.consume_limit();
        limit.is_some_and(|limit| self.progress.received.get() >= limit)
    }

    /// Until everything sent is received, or nothing comes any more.
    fn drain(&mut self, sent: &[u64], consumers: &[Handle<'_, Tallies>]) {
        if sent.is_empty() || consumers.is_empty() {
            return;
        }
        let expected = sent.iter().sum::<u64>() * self.setup.plan.copies_per_message();
        let since = clock::now();
        while self.progress.received.get() < expected
            && !self.has_consumed_enough()
            && !any_finished(consumers)
        {
            self.tick();
            let last = self.progress.last_received.get().max(since);
            if clock::between(last, clock::now()) > self.drain_timeout() {
                return;
            }
        }
        thread::sleep(GRACE);
    }

    /// How long messages may not come before they are lost.
    fn drain_timeout(&self) -> Duration {
        let args = self.setup.args;
        let timeout = args.drain_timeout;
        let refused = self.progress.nacked.get() + self.progress.returned.get() > 0;
        let unknown = self.setup.plan.spread == Spread::Unknown;
        let patience = match refused || unknown || args.may_lose() {
            true => timeout.min(SHORT_DRAIN),
            false => timeout,
        };
        patience + args.consuming.consumer_latency.unwrap_or_default()
    }

    fn summary(
        mut self,
        published: Counts,
        end: Counts,
        sent: &[u64],
        tallies: &[Tallies],
    ) -> Summary {
        self.latencies.add(&Latencies::take(self.progress));
        let (args, progress) = (self.setup.args, self.progress);
        Summary {
            verdict: self.verdict(sent, tallies),
            start: self.start,
            published,
            end,
            consuming_since: self.consuming_since,
            last_sent: progress.last_sent.get(),
            last_received: progress.last_received.get(),
            latencies: self.latencies,
            nacked: progress.nacked.get(),
            returned: progress.returned.get(),
            redelivered: progress.redelivered.get(),
            requeued: progress.requeued.get(),
            unsent: progress.unsent.get(),
            interrupted: interrupt::is_raised(),
            resident_bytes: self.broker.and_then(Process::resident_bytes),
            has_producers: !sent.is_empty(),
            has_confirms: args.publishing.is_answered(),
            has_consumers: !tallies.is_empty(),
        }
    }

    fn verdict(&self, sent: &[u64], tallies: &[Tallies]) -> Option<Verdict> {
        let (first, others) = tallies.split_first()?;
        let args = self.setup.args;
        if !args.verifies() {
            return None;
        }
        let mut all = first.clone();
        others.iter().for_each(|other| all.add(other));
        let mut verdict = match sent.is_empty() || args.consume > 0 {
            true => Verdict::of_order(&all),
            false => Verdict::of(&all, self.setup.plan, sent),
        };
        if !args.keeps_order() {
            verdict.disordered = 0;
        }
        Some(verdict)
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
