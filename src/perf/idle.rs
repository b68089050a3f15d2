//! What objects cost that do nothing: connections with a consumer, durable queues.

use std::thread;
use std::time::Duration;

use ferrymq_amqp::ShortString;
use ferrymq_amqp::method::{AMQPClass, basic, queue};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;

use super::args::Count;
use super::connection::{Connection, unexpected};
use super::declare::{declare_queue, delete_queue};
use super::process::Process;
use super::report::{Thresholds, rate};
use super::{Error, Outcome, clock, interrupt};

/// How long the broker may settle before its memory is read.
const SETTLE: Duration = Duration::from_secs(1);
/// How often a run at rest looks whether to end.
const TICK: Duration = Duration::from_millis(10);
/// Declares on their way at once.
const PIPELINE: u32 = 500;
/// The exchange that idle queues are bound to.
const EXCHANGE: &str = "amq.direct";

/// Opens connections, each with a channel and a consumer on one common queue.
pub(super) fn connections(args: &Count) -> Result<Outcome, Error> {
    let uris = args.broker.uris()?;
    raise_file_limit();
    let mut control = Connection::open(&uris[0], "perf control")?;
    declare_queue(
        &mut control,
        queue::Declare {
            queue: name(&args.queue)?,
            ..queue::Declare::default()
        },
    )?;
    let measure = Measure::start(args);
    let mut open = Vec::new();
    for (index, uri) in (0..args.count.get()).zip(uris.iter().cycle()) {
        if interrupt::is_raised() {
            break;
        }
        let mut connection = Connection::open(uri, &format!("perf idle {index}"))?;
        consume(&mut connection, &args.queue)?;
        open.push(connection);
    }
    let outcome = measure.print(args, "connection", open.len() as u32);
    rest(args);
    for connection in open {
        connection.close()?;
    }
    if !args.keep_queue {
        delete_queue(&mut control, &args.queue)?;
    }
    control.close()?;
    Ok(outcome)
}

/// Leaves everything as it is for as long as it is told.
fn rest(args: &Count) {
    let start = clock::now();
    while clock::between(start, clock::now()) < args.rest && !interrupt::is_raised() {
        thread::sleep(TICK);
    }
}

fn name(name: &str) -> Result<ShortString, Error> {
    ShortString::try_new(name)
        .map_err(|_| Error::Usage("--queue makes a name of more than 255 bytes".to_owned()))
}

fn consume(connection: &mut Connection, queue: &str) -> Result<(), Error> {
    let consume = basic::AMQPMethod::Consume(basic::Consume {
        queue: queue.into(),
        ..basic::Consume::default()
    });
    match connection.call(AMQPClass::Basic(consume))? {
        AMQPClass::Basic(basic::AMQPMethod::ConsumeOk(_)) => Ok(()),
        other => Err(unexpected("basic.consume-ok", &other)),
    }
}

/// Declares durable queues and binds each to an exchange.
pub(super) fn queues(args: &Count) -> Result<Outcome, Error> {
    let uris = args.broker.uris()?;
    let mut control = Connection::open(&uris[0], "perf control")?;
    let measure = Measure::start(args);
    let count = args.count.get();
    pipelined(&mut control, args, count, |control, name| {
        control.send(AMQPClass::Queue(queue::AMQPMethod::Declare(
            queue::Declare {
                queue: name.clone(),
                durable: true,
                ..queue::Declare::default()
            },
        )));
        control.send(AMQPClass::Queue(queue::AMQPMethod::Bind(queue::Bind {
            queue: name.clone(),
            exchange: EXCHANGE.into(),
            routing_key: name,
            ..queue::Bind::default()
        })));
        2
    })?;
    let outcome = measure.print(args, "queue", count);
    rest(args);
    if !args.keep_queue {
        pipelined(&mut control, args, count, |control, queue| {
            control.send(AMQPClass::Queue(queue::AMQPMethod::Delete(queue::Delete {
                queue,
                ..queue::Delete::default()
            })));
            1
        })?;
    }
    control.close()?;
    Ok(outcome)
}

/// Sends methods for so many queues' names, some hundreds ahead of their answers. `send` says how many
/// answers there will be.
fn pipelined(
    control: &mut Connection,
    args: &Count,
    count: u32,
    mut send: impl FnMut(&mut Connection, ShortString) -> u32,
) -> Result<(), Error> {
    for first in (0..count).step_by(PIPELINE as usize) {
        let last = count.min(first + PIPELINE);
        let mut answers = 0;
        for index in first..last {
            answers += send(control, name(&format!("{}-{index}", args.queue))?);
        }
        for _ in 0..answers {
            control.answer()?;
        }
    }
    Ok(())
}

/// Time and the broker's memory, since when objects are made.
struct Measure {
    broker: Option<Process>,
    resident_bytes: Option<u64>,
    start: u64,
}

impl Measure {
    fn start(args: &Count) -> Self {
        let broker = args.broker.broker_pid.map(Process);
        Self {
            broker,
            resident_bytes: broker.and_then(Process::resident_bytes),
            start: clock::now(),
        }
    }

    /// Prints what each of `count` objects took.
    fn print(&self, args: &Count, object: &str, count: u32) -> Outcome {
        let took = clock::between(self.start, clock::now());
        thread::sleep(SETTLE);
        let per_second = rate(count.into(), took);
        let after = self.broker.and_then(Process::resident_bytes);
        let bytes = after
            .zip(self.resident_bytes)
            .map(|(after, before)| (after as f64 - before as f64) / f64::from(count));
        let missed = Thresholds::from(args).miss_rate(&[(object, per_second)]);
        if args.broker.json {
            let summary = json!({
                "object": object,
                "count": count,
                "elapsed_seconds": took.as_secs_f64(),
                "interrupted": interrupt::is_raised(),
                "per_second": per_second,
                "broker_bytes_each": bytes,
                "broker_resident_bytes": after,
                "missed_thresholds": missed,
            });
            println!("{summary:#}");
        } else {
            println!("{count} times a {object}, {per_second}/s");
            if let (Some(bytes), Some(after)) = (bytes, after) {
                let resident = after as f64 / f64::from(1 << 20);
                println!(
                    "{bytes:.0} bytes of the broker's memory each, {resident:.1} MiB resident"
                );
            }
            missed.iter().for_each(|what| println!("missed {what}"));
        }
        match missed.is_empty() {
            true => Outcome::Fine,
            false => Outcome::Missed,
        }
    }
}

/// Allows as many open files as the system lets this process have.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // With the lower limit fewer connections fit, and opening one more says so.
    setrlimit(Resource::Nofile, raised).ok();
}
