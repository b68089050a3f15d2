//! Things done again and again: how often per second, and how long each takes.

mod operation;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use ferrymq_amqp::FieldTable;
use ferrymq_amqp::method::queue;
use hdrhistogram::Histogram;
use serde_json::{Value, json};

pub(super) use operation::Operation;
use operation::Worker;

use super::args::Churn;
use super::connection::Connection;
use super::declare::{declare_queue, delete_queue};
use super::process::Process;
use super::progress::{Counter, Flag, Latency, histogram};
use super::report::{
    Column, Interval, Printer, Thresholds, percentiles, percentiles_in_words, rate, write_histogram,
};
use super::{Error, Outcome, clock, interrupt};

/// How often the run looks at its clock.
const TICK: Duration = Duration::from_millis(10);

/// Messages that connections publish: more are dropped.
const MAX_LENGTH: i64 = 1_000;

/// What all workers share.
#[derive(Default)]
struct Shared {
    /// How many operations have begun.
    begun: AtomicU64,
    done: Counter,
    latency: Latency,
    stop: Flag,
}

/// Does it for as long as it is told.
pub(super) fn run(operation: Operation, args: &Churn) -> Result<Outcome, Error> {
    let uris = args.broker.uris()?;
    let mut control = Connection::open(&uris[0], "perf control")?;
    let queue = queue_name(args, "common")?;
    declare_queue(&mut control, common_queue(&queue, args.durable))?;
    let workers = (0..args.concurrency.get())
        .map(|index| {
            let uri = uris[usize::from(index) % uris.len()].clone();
            let own = queue_name(args, &index.to_string())?;
            Worker::connect(operation, uri, queue.clone(), own, args.durable)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut printer = Printer::new(args.broker.json, &args.reporting);
    let summary = watch(args, workers, &mut printer);
    delete_queue(&mut control, &queue)?;
    control.close()?;
    let summary = summary?;
    if let Some(file) = &args.reporting.histogram {
        write_histogram(file, &summary.latencies)?;
    }
    let missed = summary.missed(&Thresholds::from(args));
    let words = summary.in_words(operation, &missed);
    printer.print_summary(|| summary.to_json(operation, args, &missed), &words);
    Ok(match missed.is_empty() {
        true => Outcome::Fine,
        false => Outcome::Missed,
    })
}

fn queue_name(args: &Churn, end: &str) -> Result<String, Error> {
    match args.queue.len() <= 200 {
        true => Ok(format!("{}-churn-{end}", args.queue)),
        false => Err(Error::Usage("--queue is longer than 200 bytes".to_owned())),
    }
}

fn common_queue(name: &str, durable: bool) -> queue::Declare {
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), MAX_LENGTH.into());
    queue::Declare {
        queue: name.into(),
        durable,
        arguments,
        ..queue::Declare::default()
    }
}

/// Lets all workers run, and prints a line per interval.
fn watch(args: &Churn, workers: Vec<Worker>, printer: &mut Printer) -> Result<Summary, Error> {
    let shared = Shared::default();
    let broker = args.broker.broker_pid.map(Process);
    let processor = broker.and_then(Process::processor_time);
    let start = clock::now();
    let mut all = histogram();
    thread::scope(|scope| {
        let workers: Vec<ScopedJoinHandle<'_, Result<(), Error>>> = workers
            .into_iter()
            .map(|worker| scope.spawn(|| work(worker, args.operations, &shared)))
            .collect();
        let (mut before, mut counted) = (start, 0);
        while !workers.iter().all(ScopedJoinHandle::is_finished) {
            thread::sleep(TICK);
            let now = clock::now();
            let over = clock::between(start, now) >= args.duration;
            if over || interrupt::is_raised() || workers.iter().any(ScopedJoinHandle::is_finished) {
                shared.stop.raise();
            }
            if clock::between(before, now) >= args.reporting.interval {
                let (done, latencies) = (shared.done.get(), shared.latency.take());
                printer.print(&Interval {
                    elapsed: clock::between(start, now),
                    span: clock::between(before, now),
                    columns: vec![
                        Column::Rate("operations", done - counted),
                        Column::Latency("latency", &latencies),
                    ],
                });
                all += latencies;
                (before, counted) = (now, done);
            }
        }
        let ended = clock::now();
        for worker in workers {
            worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        all += shared.latency.take();
        let used = broker.and_then(Process::processor_time);
        Ok(Summary {
            elapsed: clock::between(start, ended),
            operations: shared.done.get(),
            latencies: all,
            processor: used
                .zip(processor)
                .and_then(|(after, before)| after.checked_sub(before)),
            resident_bytes: broker.and_then(Process::resident_bytes),
        })
    })
}

/// One worker's share; `limit` is for all of them together, 0 for none.
fn work(mut worker: Worker, limit: u64, shared: &Shared) -> Result<(), Error> {
    let mut times = Vec::new();
    while !shared.stop.is_raised() {
        if limit > 0 && shared.begun.fetch_add(1, Ordering::Relaxed) >= limit {
            break;
        }
        times.push(clock::now());
        worker.perform()?;
        shared.latency.record(clock::now(), &mut times);
        shared.done.add(1);
    }
    worker.close()
}

/// The figures of a run, once it is over.
struct Summary {
    elapsed: Duration,
    operations: u64,
    latencies: Histogram<u64>,
    processor: Option<Duration>,
    resident_bytes: Option<u64>,
}

impl Summary {
    fn rate(&self) -> u64 {
        rate(self.operations, self.elapsed)
    }

    /// Nanoseconds of the broker's processor time.
    fn processor_per_operation(&self) -> Option<f64> {
        let used = self.processor?.as_nanos() as f64;
        (self.operations > 0).then(|| used / self.operations as f64)
    }

    fn missed(&self, thresholds: &Thresholds) -> Vec<String> {
        let mut missed = thresholds.miss_rate(&[("operations", self.rate())]);
        missed.extend(thresholds.miss_latency(&self.latencies, &self.latencies));
        missed
    }

    fn in_words(&self, operation: Operation, missed: &[String]) -> String {
        let name = operation.name();
        let mut lines = vec![format!(
            "{name:<10} {:>12}  {:>9}/s",
            self.operations,
            self.rate()
        )];
        lines.extend(percentiles_in_words("latency", &self.latencies));
        if let Some(nanoseconds) = self.processor_per_operation() {
            let microseconds = nanoseconds / 1e3;
            lines.push(format!("broker     {microseconds:.1} µs of processor each"));
        }
        let missed = missed.iter().map(|what| format!("missed     {what}"));
        lines.extend(missed);
        lines.join("\n")
    }

    fn to_json(&self, operation: Operation, args: &Churn, missed: &[String]) -> Value {
        json!({
            "operation": operation.name(),
            "concurrency": args.concurrency.get(),
            "elapsed_seconds": self.elapsed.as_secs_f64(),
            "interrupted": interrupt::is_raised(),
            "operations": self.operations,
            "operations_per_second": self.rate(),
            "latency_ns": percentiles(&self.latencies),
            "broker_processor_ns_per_operation": self.processor_per_operation(),
            "broker_resident_bytes": self.resident_bytes,
            "missed_thresholds": missed,
        })
    }
}
