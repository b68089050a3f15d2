//! A million persistent messages that are delayed, and a million with times to live of their own: how fast
//! they come in, what they hold in memory, how fast they are due, and how long another queue's publisher
//! waits for a confirm meanwhile.
//!
//! `cargo bench -p ferrymq-tests --bench deadlines`; the number of messages may follow after `--`.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ferrymq_amqp::content::with_header;
use ferrymq_amqp::{AMQPValue, FieldTable};
use ferrymq_broker::actor::Actor;
use ferrymq_broker::clock;
use ferrymq_broker::message::Message;
use ferrymq_broker::queue::Counts;
use ferrymq_broker::queue::arguments::Flags;
use ferrymq_broker::queue::shared::Work;
use ferrymq_broker::vhost::{Pending, QueueDeclare, VHost};
use ferrymq_tests::InProcess;
use ferrymq_tests::raw::{Connection, basic};

const MESSAGES: u64 = 1_000_000;
/// Published at a time.
const BATCH: u64 = 500;
const BODY: [u8; 100] = [b'x'; 100];
/// When the first messages are due, from the start on,
const LEAD_MS: u64 = 30_000;
/// and within how long the last.
const SPREAD_MS: u64 = 1_000;

fn main() {
    let messages = std::env::args().find_map(|argument| argument.parse().ok());
    let messages = messages.unwrap_or(MESSAGES);
    let broker = InProcess::start();
    Connection::open(broker.amqp()).channel().queue("busy");
    let alone = with_publisher(&broker, || thread::sleep(Duration::from_secs(1)));
    println!("nothing else: longest confirm {alone:.1?}");
    for delayed in [true, false] {
        let name = if delayed { "delayed" } else { "expiring" };
        let bench = Bench::new(&broker, name, delayed);
        let due = Instant::now() + Duration::from_millis(LEAD_MS);
        let start = Instant::now();
        bench.fill(messages, start);
        let rate = messages as f64 / start.elapsed().as_secs_f64();
        let resident = resident_bytes() >> 20;
        println!("{name}: {rate:.0} published a second, {resident} MB");
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let start = Instant::now();
        let longest = with_publisher(&broker, || bench.wait());
        let rate = messages as f64 / start.elapsed().as_secs_f64();
        println!("{name}: {rate:.0} due a second, longest confirm elsewhere {longest:.1?}");
    }
}

struct Bench {
    vhost: Arc<VHost>,
    actor: Actor,
    name: &'static str,
    delayed: bool,
}

impl Bench {
    fn new(broker: &InProcess, name: &'static str, delayed: bool) -> Self {
        let broker = broker.broker();
        let user = broker.users().user("guest").expect("the default user");
        let bench = Self {
            vhost: broker.vhost("/").expect("the default vhost"),
            actor: Actor {
                user,
                connection: None,
            },
            name,
            delayed,
        };
        let mut arguments = FieldTable::default();
        arguments.insert("x-delayed".into(), AMQPValue::Boolean(delayed));
        let declare = QueueDeclare {
            name: name.into(),
            flags: Flags {
                durable: true,
                ..Flags::default()
            },
            arguments,
        };
        let declared = bench
            .vhost
            .declare_queue(&bench.actor, declare, &mut work());
        declared.expect("a queue");
        bench
    }

    /// Messages that are due after the lead, spread over a while.
    fn fill(&self, messages: u64, start: Instant) {
        let route = self.vhost.route(&self.actor, "", &[self.name], None);
        let route = route.expect("a queue");
        let mut pending = Pending::default();
        let mut work = work();
        for number in 0..messages {
            let left_ms = LEAD_MS.saturating_sub(start.elapsed().as_millis() as u64);
            let span_ms = left_ms + number * 7_919 % SPREAD_MS;
            pending.messages.push(self.message(span_ms));
            if number % BATCH == BATCH - 1 || number + 1 == messages {
                work.set_now(clock::now());
                self.vhost.publish(&route, &mut pending, &mut work);
                self.vhost.finish(&mut work);
            }
        }
    }

    fn message(&self, span_ms: u64) -> Message {
        let address = [
            b"\0",
            [self.name.len() as u8].as_slice(),
            self.name.as_bytes(),
        ]
        .concat();
        let properties = match self.delayed {
            true => {
                let span = AMQPValue::LongLongInt(span_ms as i64);
                with_header(&[0, 0], "x-delay", &span)
            }
            false => {
                let text = span_ms.to_string();
                [&[1, 0, text.len() as u8], text.as_bytes()].concat()
            }
        };
        let bytes = [&address, &properties, BODY.as_slice()].concat();
        Message::small(&bytes, address.len(), properties.len(), true)
    }

    /// Waits until nothing is left to be due.
    fn wait(&self) {
        while self.left() > 0 {
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn left(&self) -> usize {
        let snapshot = self.vhost.snapshot();
        let counts: Counts = snapshot.queues[self.name].inspect(|queue| queue.counts());
        match self.delayed {
            true => counts.delayed,
            false => counts.ready,
        }
    }
}

fn work() -> Work {
    let mut work = Work::default();
    work.set_now(clock::now());
    work
}

/// Does `work` while a client publishes one message after another; gives the longest time that one of
/// them waited for its confirm.
fn with_publisher(broker: &InProcess, work: impl FnOnce()) -> Duration {
    let (done, ready) = (AtomicBool::new(false), Barrier::new(2));
    thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            let channel = Connection::open(broker.amqp()).channel();
            channel.confirm();
            ready.wait();
            let mut longest = Duration::ZERO;
            while !done.load(Ordering::Relaxed) {
                let start = Instant::now();
                channel.publish("", "busy", "a message");
                channel.expect::<basic::Ack>();
                longest = longest.max(start.elapsed());
            }
            longest
        });
        ready.wait();
        work();
        done.store(true, Ordering::Relaxed);
        publisher.join().expect("a publisher that does not fail")
    })
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}
