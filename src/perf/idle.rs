//! What objects cost that do nothing: connections with a consumer, durable queues.

use std::thread;
use std::time::Duration;

use amq_protocol::uri::AMQPUri;
use ferrymq_amqp::ShortString;
use ferrymq_amqp::method::{AMQPClass, basic, queue};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;

use super::connection::{Connection, unexpected};
use super::process::Process;
use super::{Args, Error, clock};

/// How long the broker may settle before its memory is read.
const SETTLE: Duration = Duration::from_secs(1);
/// Declares on their way at once.
const PIPELINE: u32 = 500;
/// The exchange that idle queues are bound to.
const EXCHANGE: &str = "amq.direct";

/// Opens connections, each with a channel and a consumer on one common queue.
pub(super) fn connections(args: &Args) -> Result<bool, Error> {
    let uri: AMQPUri = args.uri.parse().map_err(Error::Uri)?;
    raise_file_limit();
    let mut control = Connection::open(&uri, "perf control")?;
    control.declare(&args.queue, args)?;
    let measure = Measure::start(args);
    let mut open = Vec::new();
    for index in 0..args.idle_connections {
        let mut connection = Connection::open(&uri, &format!("perf idle {index}"))?;
        consume(&mut connection, &args.queue)?;
        open.push(connection);
    }
    measure.print("connection", args.idle_connections);
    for connection in open {
        connection.close()?;
    }
    if !args.keep_queue {
        control.delete(&args.queue)?;
    }
    control.close()?;
    Ok(true)
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
pub(super) fn queues(args: &Args) -> Result<bool, Error> {
    let uri: AMQPUri = args.uri.parse().map_err(Error::Uri)?;
    let mut control = Connection::open(&uri, "perf control")?;
    let measure = Measure::start(args);
    pipelined(&mut control, args, |control, name| {
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
    measure.print("queue", args.idle_queues);
    if !args.keep_queue {
        pipelined(&mut control, args, |control, queue| {
            control.send(AMQPClass::Queue(queue::AMQPMethod::Delete(queue::Delete {
                queue,
                ..queue::Delete::default()
            })));
            1
        })?;
    }
    control.close()?;
    Ok(true)
}

/// Sends methods for every queue's name, some hundreds ahead of their answers. `send` says how many
/// answers there will be.
fn pipelined(
    control: &mut Connection,
    args: &Args,
    mut send: impl FnMut(&mut Connection, ShortString) -> u32,
) -> Result<(), Error> {
    for first in (0..args.idle_queues).step_by(PIPELINE as usize) {
        let last = args.idle_queues.min(first + PIPELINE);
        let mut answers = 0;
        for index in first..last {
            let name = ShortString::try_new(format!("{}-{index}", args.queue))
                .map_err(|_| Error::Arguments("the queue's name is too long"))?;
            answers += send(control, name);
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
    json: bool,
}

impl Measure {
    fn start(args: &Args) -> Self {
        let broker = args.broker_pid.map(Process);
        Self {
            broker,
            resident_bytes: broker.and_then(Process::resident_bytes),
            start: clock::now(),
            json: args.json,
        }
    }

    /// Prints what each of `count` objects took.
    fn print(&self, object: &str, count: u32) {
        let took = clock::between(self.start, clock::now());
        thread::sleep(SETTLE);
        let per_second = (f64::from(count) / took.as_secs_f64()) as u64;
        let after = self.broker.and_then(Process::resident_bytes);
        let bytes = after
            .zip(self.resident_bytes)
            .map(|(after, before)| (after as f64 - before as f64) / f64::from(count));
        if self.json {
            let summary = json!({
                "object": object,
                "count": count,
                "per_second": per_second,
                "broker_bytes_each": bytes,
                "broker_resident_bytes": after,
            });
            println!("{summary:#}");
            return;
        }
        println!("{count} times a {object}, {per_second}/s");
        if let (Some(bytes), Some(after)) = (bytes, after) {
            let resident = after as f64 / f64::from(1 << 20);
            println!("{bytes:.0} bytes of the broker's memory each, {resident:.1} MiB resident");
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
