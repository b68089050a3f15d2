//! A process that is killed in the middle of a move: nothing is in neither queue, and what was confirmed is still a
//! duplicate.

use std::collections::BTreeSet;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use ferrymq_broker::browse::Filter;
use ferrymq_broker::jobs::{Order, Target, Task};
use ferrymq_tests::InProcess;
use ferrymq_tests::raw::{AMQPValue, BasicProperties, Channel, Connection, FieldTable, basic};

use crate::support::actor;

/// Tells the test below that it is the process to be killed, and where its data is.
const DIRECTORY: &str = "FERRYMQ_TEST_VICTIM";
const ROUNDS: usize = 6;
const MESSAGES: usize = 2000;

/// The process that is killed: a broker that moves messages when it is told to.
#[test]
#[ignore = "started by a_killed_move_loses_nothing"]
fn victim() {
    let Some(directory) = env::var_os(DIRECTORY) else {
        return;
    };
    let broker = InProcess::start_with(|config| config.data_dir = directory.into());
    println!("\nlistens on {}", broker.amqp());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _within = runtime.enter();
    for _ in std::io::stdin().lines() {
        let order = Order {
            vhost: "/".into(),
            source: "from".into(),
            task: Task::Move(Target::Queue("to".into())),
            filter: Filter::default(),
            limit: None,
            rate: None,
            mark_retry: false,
        };
        let jobs = broker.broker().jobs();
        jobs.begin(broker.broker(), actor(&broker), order).unwrap();
    }
}

struct Victim {
    process: Child,
    orders: ChildStdin,
    amqp: SocketAddr,
}

impl Victim {
    fn start(directory: &Path) -> Self {
        let mut process = Command::new(env::current_exe().expect("this program"))
            .args(["--exact", "killed::victim", "--ignored", "--nocapture"])
            .env(DIRECTORY, directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program starts");
        let lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let mut addresses = lines.map_while(Result::ok).filter_map(|line| {
            let address = line.strip_prefix("listens on ")?;
            Some(address.parse().expect("an address"))
        });
        Self {
            amqp: addresses.next().expect("a broker that starts"),
            orders: process.stdin.take().expect("a pipe"),
            process,
        }
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.process.kill().expect("our own process");
        self.process.wait().expect("our own process");
    }
}

fn deduplicating() -> FieldTable {
    let mut arguments = FieldTable::default();
    let wanted = AMQPValue::Boolean(true);
    arguments.insert("x-message-deduplication".into(), wanted);
    let size = AMQPValue::LongInt(100_000);
    arguments.insert("x-cache-size".into(), size);
    arguments
}

/// Publishes messages of a round, and waits until they are confirmed.
fn publish(channel: &Channel, round: usize, body: &str) {
    for number in 0..MESSAGES {
        let id = format!("{round}-{number}");
        let mut headers = FieldTable::default();
        let value = AMQPValue::LongString(id.as_str().into());
        headers.insert("x-deduplication-header".into(), value);
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_headers(headers);
        let body = if body.is_empty() { &id } else { body };
        channel.publish_with("", "from", body, &properties);
    }
    let mut confirmed = 0;
    while confirmed < MESSAGES as u64 {
        confirmed = channel.expect::<basic::Ack>().delivery_tag;
    }
}

/// The bodies of all messages in a queue; they stay in it.
fn content(amqp: SocketAddr, queue: &str) -> Vec<String> {
    let channel = Connection::open(amqp).channel();
    let (count, _) = channel.counts(queue);
    channel.consume(queue);
    channel.deliveries(count as usize)
}

#[test]
fn a_killed_move_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = BTreeSet::new();
    for round in 0..ROUNDS {
        let mut victim = Victim::start(directory.path());
        let channel = Connection::open(victim.amqp).channel();
        channel.durable_queue_with("from", deduplicating());
        channel.durable_queue_with("to", FieldTable::default());
        channel.confirm();
        publish(&channel, round, "");
        ledger.extend((0..MESSAGES).map(|number| format!("{round}-{number}")));
        let (before, _) = channel.counts("to");
        writeln!(victim.orders, "move").unwrap();
        // Killed when it has moved some, another part in each round.
        let enough = before + (round * MESSAGES / ROUNDS) as u32;
        while channel.counts("to").0 < enough {}
        drop(victim);
        let victim = Victim::start(directory.path());
        let channel = Connection::open(victim.amqp).channel();
        channel.confirm();
        publish(&channel, round, "again");
        let both = ["from", "to"].map(|queue| content(victim.amqp, queue));
        let found: BTreeSet<String> = both.concat().into_iter().collect();
        let lost: Vec<_> = ledger.difference(&found).collect();
        assert!(lost.is_empty(), "in neither: {lost:?}");
        let unknown: Vec<_> = found.difference(&ledger).collect();
        assert!(unknown.is_empty(), "taken twice: {unknown:?}");
    }
}
