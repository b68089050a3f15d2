//! Deliveries that are paused, and those that are not to be too many a second.

use ferrymq_broker::clock;
use ferrymq_broker::queue::Queue;
use ferrymq_broker::queue::shared::Work;
use ferrymq_tests::InProcess;
use ferrymq_tests::raw::{AMQPValue, BasicProperties, FieldTable};

use crate::support::{actor, channel, vhost};

fn pause(broker: &InProcess, queue: &str) {
    let mut work = Work::default();
    let paused = vhost(broker).pause_queue(&actor(broker), queue, &mut work);
    paused.expect("a queue that can be paused");
}

fn resume(broker: &InProcess, queue: &str) {
    let mut work = Work::default();
    let resumed = vhost(broker).resume_queue(&actor(broker), queue, &mut work);
    resumed.expect("a queue that can be resumed");
}

fn is_paused(broker: &InProcess, queue: &str) -> bool {
    vhost(broker).snapshot().queues[queue].inspect(Queue::is_paused)
}

#[test]
fn a_paused_queue_hands_out_nothing_and_takes_everything() {
    let broker = InProcess::start();
    let channel = channel(&broker);
    channel.queue("q");
    channel.confirm();
    let consumer = channel.consume("q");
    channel.publish("", "q", "before");
    // Confirm and delivery come in any order.
    let before = [channel.next(), channel.next()].len();
    assert_eq!(before, 2);
    pause(&broker, "q");
    assert!(is_paused(&broker, "q"));
    channel.publish("", "q", "after");
    channel.expect::<ferrymq_tests::raw::basic::Ack>();
    channel.ack(1);
    channel.expect_nothing();
    assert_eq!(channel.counts("q"), (1, 1));
    assert!(channel.get("q").is_none());
    resume(&broker, "q");
    assert_eq!(channel.deliveries(1), ["after"]);
    channel.cancel(&consumer);
}

#[test]
fn a_durable_queue_stays_paused_over_a_restart() {
    let mut broker = InProcess::start();
    let one = channel(&broker);
    for queue in ["paused", "resumed", "deleted"] {
        one.durable_queue_with(queue, FieldTable::default());
        pause(&broker, queue);
    }
    let persistent = BasicProperties::default().with_delivery_mode(2);
    one.publish_with("", "paused", "a", &persistent);
    resume(&broker, "resumed");
    one.delete_queue("deleted");
    one.durable_queue_with("deleted", FieldTable::default());
    drop(one);
    broker.restart();
    let paused = ["paused", "resumed", "deleted"].map(|queue| is_paused(&broker, queue));
    assert_eq!(paused, [true, false, false]);
    let two = channel(&broker);
    two.consume("paused");
    two.expect_nothing();
    resume(&broker, "paused");
    assert_eq!(two.deliveries(1), ["a"]);
}

#[test]
fn a_rate_holds_back_what_is_beyond_it() {
    let broker = InProcess::start();
    let channel = channel(&broker);
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-deliver-rate".into(), AMQPValue::LongInt(20));
    channel.queue_with("q", arguments);
    let bodies: Vec<String> = (0..6).map(|number| number.to_string()).collect();
    let begun = clock::now();
    channel.fill("q", &bodies.iter().map(|body| &**body).collect::<Vec<_>>());
    // A tenth of a second's worth is there at once; then basic.get finds nothing for a moment.
    for body in &bodies[..2] {
        let got = channel.got("q");
        assert_eq!(got.text(), *body);
        channel.ack(got.delivery_tag);
    }
    // A consumer gets the rest without anything else happening.
    channel.consume("q");
    assert_eq!(channel.deliveries(4), bodies[2..]);
    let took = clock::now().since(begun).as_millis();
    assert!(
        took >= 190,
        "six messages, of which four had to wait 50 ms each, took {took} ms"
    );
}
