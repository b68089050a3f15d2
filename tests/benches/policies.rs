//! A policy set on 100,000 queues and cleared again, while somebody publishes: how long it takes, and
//! how long a publish waits for its confirm meanwhile.
//!
//! `cargo bench -p ferrymq-tests --bench policies`; the number of queues may follow after `--`.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ferrymq_broker::clock;
use ferrymq_broker::policy::{ApplyTo, PolicyKind, PolicyRequest};
use ferrymq_broker::vhost::VHost;
use ferrymq_tests::InProcess;
use ferrymq_tests::raw::{Connection, basic, queue};
use serde_json::json;

const QUEUES: usize = 100_000;

fn main() {
    let queues = std::env::args().find_map(|argument| argument.parse().ok());
    let queues = queues.unwrap_or(QUEUES);
    let broker = InProcess::start();
    declare(&broker, queues);
    let vhost = broker.broker().vhost("/").expect("the default vhost");
    println!("{queues} queues, {} MB", resident_bytes() >> 20);
    let alone = with_publisher(&broker, || thread::sleep(Duration::from_secs(1)));
    println!("nothing else: longest confirm {:.1?}", alone.longest);
    for round in 1..=3 {
        let set = with_publisher(&broker, || set(&vhost));
        println!(
            "{round}: set in {:.1?}, longest confirm {:.1?}",
            set.took, set.longest
        );
        let resident = resident_bytes() >> 20;
        let cleared = with_publisher(&broker, || clear(&vhost));
        let (took, longest) = (cleared.took, cleared.longest);
        println!("{round}: cleared in {took:.1?}, longest confirm {longest:.1?}, {resident} MB");
    }
}

fn declare(broker: &InProcess, queues: usize) {
    let channel = Connection::open(broker.amqp()).channel();
    for number in 0..queues {
        channel.send(queue::Declare {
            queue: format!("q-{number}").as_str().into(),
            nowait: true,
            ..Default::default()
        });
    }
    channel.queue("busy");
}

fn set(vhost: &VHost) {
    let definition = json!({"max-length": 1_000, "message-ttl": 60_000});
    let request = PolicyRequest {
        pattern: "^(q|busy)".into(),
        apply_to: ApplyTo::Queues,
        priority: 0,
        definition: definition.as_object().cloned().unwrap_or_default(),
    };
    let set = vhost.set_policy(PolicyKind::User, "all", request, "guest", clock::now());
    set.expect("a policy that can apply");
}

fn clear(vhost: &VHost) {
    let cleared = vhost.clear_policy(PolicyKind::User, "all", "guest", clock::now());
    cleared.expect("the policy is there");
}

struct Measured {
    took: Duration,
    /// From a publish to its confirm.
    longest: Duration,
}

/// Does `work` while a client publishes one message after another.
fn with_publisher(broker: &InProcess, work: impl FnOnce()) -> Measured {
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
        let start = Instant::now();
        work();
        let took = start.elapsed();
        done.store(true, Ordering::Relaxed);
        let longest = publisher.join().expect("a publisher that does not fail");
        Measured { took, longest }
    })
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}
