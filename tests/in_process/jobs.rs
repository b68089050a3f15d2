//! Moves, copies, redrives and purges.

use ferrymq_broker::browse::Filter;
use ferrymq_broker::dead_letter::Revival;
use ferrymq_broker::jobs::{Order, Origin, Progress, RETRY_HEADER, State, Target, Task};
use ferrymq_tests::InProcess;
use ferrymq_tests::raw::{AMQPValue, BasicProperties, Channel, Connection, FieldTable};

use crate::support::actor;

fn order(source: &str, task: Task) -> Order {
    Order {
        vhost: "/".into(),
        source: source.into(),
        task,
        filter: Filter::default(),
        limit: None,
        rate: None,
        mark_retry: false,
    }
}

fn to_queue(queue: &str) -> Target {
    Target::Queue(queue.into())
}

/// Carries out a job to its end.
async fn run(broker: &InProcess, order: Order) -> (State, Progress) {
    let jobs = broker.broker().jobs();
    let job = jobs.begin(broker.broker(), actor(broker), order);
    let job = job.expect("a job that begins");
    job.ended().await;
    assert!(jobs.list().iter().any(|other| other.id == job.id));
    job.status()
}

fn done(done: u64, failed: u64) -> (State, Progress) {
    let scanned = done + failed;
    let left = 0;
    let progress = Progress {
        scanned,
        done,
        failed,
        left,
    };
    (State::Done, progress)
}

fn confirming(broker: &InProcess) -> Channel {
    let channel = Connection::open(broker.amqp()).channel();
    channel.confirm();
    channel
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

fn table(entries: &[(&str, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert((*name).into(), value.clone());
    }
    table
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

/// Fills a queue with numbers.
fn publish(channel: &Channel, queue: &str, count: usize) {
    let persistent = BasicProperties::default().with_delivery_mode(2);
    for body in numbers(0..count) {
        channel.publish_with("", queue, &body, &persistent);
    }
    channel.confirmed(count as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_messages_move_in_their_order_and_as_they_are() {
    let broker = InProcess::start();
    let channel = confirming(&broker);
    channel.durable_queue_with("from", FieldTable::default());
    channel.durable_queue_with("to", FieldTable::default());
    publish(&channel, "from", 600);
    let moved = run(&broker, order("from", Task::Move(to_queue("to")))).await;
    assert_eq!(moved, done(600, 0));
    assert_eq!((channel.counts("from").0, channel.counts("to").0), (0, 600));
    let first = channel.got("to");
    assert_eq!((&*first.routing_key, first.redelivered), ("from", false));
    channel.ack(first.delivery_tag);
    assert_eq!(channel.drain("to"), numbers(1..600));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_disk_only_moves_for_good() {
    let mut broker = InProcess::start();
    let channel = confirming(&broker);
    channel.durable_queue_with("from", FieldTable::default());
    channel.durable_queue_with("to", FieldTable::default());
    publish(&channel, "from", 1000);
    drop(channel);
    broker.restart();
    let moved = run(&broker, order("from", Task::Move(to_queue("to")))).await;
    assert_eq!(moved, done(1000, 0));
    broker.restart();
    let channel = confirming(&broker);
    assert_eq!(channel.drain("from"), [""; 0]);
    assert_eq!(channel.drain("to"), numbers(0..1000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_leaves_everything_as_it_was() {
    let broker = InProcess::start();
    let channel = confirming(&broker);
    channel.queue("from");
    publish(&channel, "from", 5);
    // Into itself: what comes meanwhile is not copied again.
    let copied = run(&broker, order("from", Task::Copy(to_queue("from")))).await;
    assert_eq!(copied, done(5, 0));
    let first = channel.got("from");
    assert!(!first.redelivered);
    channel.ack(first.delivery_tag);
    let all = [numbers(1..5), numbers(0..5)].concat();
    assert_eq!(channel.drain("from"), all);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_matches_and_only_so_many() {
    let broker = InProcess::start();
    let channel = confirming(&broker);
    channel.queue("from");
    channel.queue("to");
    publish(&channel, "from", 100);
    let with_seven = Order {
        filter: "7".parse().unwrap(),
        limit: Some(3),
        ..order("from", Task::Move(to_queue("to")))
    };
    let (state, progress) = run(&broker, with_seven.clone()).await;
    assert_eq!((state, progress.done), (State::Done, 3));
    assert_eq!(channel.drain("to"), ["7", "17", "27"]);
    let purge = Order {
        task: Task::Purge,
        limit: None,
        ..with_seven
    };
    let (_, progress) = run(&broker, purge).await;
    assert_eq!(progress.done, 19 - 3);
    let rest: Vec<String> = numbers(0..100)
        .into_iter()
        .filter(|number| !number.contains('7'))
        .collect();
    assert_eq!(channel.drain("from"), rest);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_taken_stays_where_it_was() {
    let broker = InProcess::start();
    let channel = confirming(&broker);
    channel.durable_queue_with("from", FieldTable::default());
    let limits = [
        ("x-max-length", AMQPValue::LongInt(2)),
        ("x-overflow", text("reject-publish")),
    ];
    channel.durable_queue_with("small", table(&limits));
    publish(&channel, "from", 5);
    let moved = run(&broker, order("from", Task::Move(to_queue("small")))).await;
    assert_eq!(moved, done(2, 3));
    channel.exchange("nowhere", "direct");
    let target = Target::Exchange("nowhere".into(), Some("key".into()));
    let moved = run(&broker, order("from", Task::Move(target))).await;
    assert_eq!(moved, done(0, 3));
    let moved = run(
        &broker,
        order("from", Task::Redrive(Origin::Exchange, Revival::default())),
    )
    .await;
    assert_eq!(moved, done(0, 3));
    let first = channel.got("from");
    assert_eq!((first.text(), first.redelivered), ("2".into(), false));
    channel.ack(first.delivery_tag);
    assert_eq!(channel.drain("from"), ["3", "4"]);
    assert_eq!(channel.drain("small"), ["0", "1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_go_back_to_where_they_came_from() {
    let broker = InProcess::start();
    let channel = confirming(&broker);
    channel.exchange("orders", "topic");
    let dead = [
        ("x-dead-letter-exchange", text("")),
        ("x-dead-letter-routing-key", text("dead")),
    ];
    channel.queue_with("work", table(&dead));
    channel.queue("other");
    channel.queue("dead");
    for queue in ["work", "other"] {
        channel.bind(queue, "orders", "new.#");
    }
    let properties = BasicProperties::default().with_expiration("3600000".into());
    for body in ["a", "b"] {
        channel.publish_with("orders", "new.order", body, &properties);
    }
    channel.confirmed(2);
    channel.drain("other");
    let reject = || {
        for _ in 0..2 {
            channel.reject(channel.got("work").delivery_tag, false);
        }
        while channel.counts("dead").0 < 2 {}
    };
    reject();
    // Only to the queue in which they died.
    let how = Revival {
        restore_expiration: true,
        ..Revival::default()
    };
    let back = run(&broker, order("dead", Task::Redrive(Origin::Queue, how))).await;
    assert_eq!(back, done(2, 0));
    assert_eq!(channel.counts("other").0, 0);
    let got = channel.got("work");
    assert_eq!((&*got.exchange, &*got.routing_key), ("orders", "new.order"));
    let headers = got.content.headers();
    assert!(headers.inner().is_empty(), "{headers:?}");
    let expiration = got.content.decoded().expiration().clone();
    assert_eq!(expiration.unwrap().as_str(), "3600000");
    channel.nack(got.delivery_tag, true);
    reject();
    // To the exchange, and so to all that it reaches.
    let how = Revival {
        keep_history: true,
        ..Revival::default()
    };
    let back = run(&broker, order("dead", Task::Redrive(Origin::Exchange, how))).await;
    assert_eq!(back, done(2, 0));
    assert_eq!(channel.drain("other"), ["a", "b"]);
    let got = channel.got("work");
    let headers = got.content.headers();
    assert!(headers.inner().contains_key("x-death"), "{headers:?}");
    assert_eq!(*got.content.decoded().expiration(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_are_counted_in_a_header_and_change_nothing_else() {
    let mut broker = InProcess::start();
    let channel = confirming(&broker);
    let dead = [
        ("x-dead-letter-exchange", text("")),
        ("x-dead-letter-routing-key", text("dead")),
    ];
    channel.durable_queue_with("work", table(&dead));
    channel.durable_queue_with("dead", FieldTable::default());
    let properties = BasicProperties::default()
        .with_delivery_mode(2)
        .with_headers(table(&[("x-retry-count", AMQPValue::LongInt(3))]));
    channel.publish_with("", "work", "a", &properties);
    channel.confirmed(1);
    let redrive = || Order {
        mark_retry: true,
        ..order("dead", Task::Redrive(Origin::Queue, Revival::default()))
    };
    for retries in 1..=2 {
        channel.reject(channel.got("work").delivery_tag, false);
        while channel.counts("dead").0 < 1 {}
        assert_eq!(run(&broker, redrive()).await, done(1, 0));
        let got = channel.got("work");
        let headers = got.content.headers();
        let expected = table(&[
            ("x-retry-count", AMQPValue::LongInt(3)),
            (RETRY_HEADER, AMQPValue::LongLongInt(retries)),
        ]);
        assert_eq!((headers, got.text()), (expected, "a".into()));
        channel.nack(got.delivery_tag, true);
    }
    // To another place it goes with its history, which is still the broker's own.
    channel.durable_queue_with("other", FieldTable::default());
    channel.reject(channel.got("work").delivery_tag, false);
    while channel.counts("dead").0 < 1 {}
    let elsewhere = Order {
        mark_retry: true,
        ..order("dead", Task::Move(to_queue("other")))
    };
    assert_eq!(run(&broker, elsewhere).await, done(1, 0));
    broker.restart();
    let back = order("other", Task::Redrive(Origin::Queue, Revival::default()));
    assert_eq!(run(&broker, back).await, done(1, 0));
    let channel = confirming(&broker);
    let headers = channel.got("work").content.headers();
    let count = headers.inner().get(RETRY_HEADER).cloned();
    assert_eq!(count, Some(AMQPValue::LongLongInt(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_job_can_be_cancelled() {
    let broker = InProcess::start();
    let channel = confirming(&broker);
    channel.queue("from");
    channel.queue("to");
    publish(&channel, "from", 10);
    let slow = Order {
        rate: Some(1),
        ..order("from", Task::Move(to_queue("to")))
    };
    let jobs = broker.broker().jobs();
    let job = jobs.begin(broker.broker(), actor(&broker), slow).unwrap();
    while channel.counts("to").0 == 0 {}
    job.cancel();
    assert_eq!(job.ended().await, State::Cancelled);
    let (_, progress) = jobs.find(job.id).unwrap().status();
    assert!((1..10).contains(&progress.done), "{progress:?}");
    let (from, to) = (channel.drain("from"), channel.drain("to"));
    assert_eq!(to.len() as u64, progress.done);
    assert_eq!([to, from].concat(), numbers(0..10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_with_nowhere_to_go_is_refused() {
    let broker = InProcess::start();
    let channel = confirming(&broker);
    channel.queue("from");
    let refused = |source: &str, task: Task, words: &str| {
        let jobs = broker.broker().jobs();
        let begun = jobs.begin(broker.broker(), actor(&broker), order(source, task));
        let why = begun.unwrap_err().to_string();
        assert!(why.contains(words), "{why}");
    };
    let missing = || Task::Move(to_queue("missing"));
    refused("from", missing(), "no queue 'missing'");
    refused("missing", Task::Purge, "no queue 'missing'");
    let exchange = Target::Exchange("missing".into(), None);
    refused("from", Task::Copy(exchange), "no exchange 'missing'");
    assert!(broker.broker().jobs().list().is_empty());
}
