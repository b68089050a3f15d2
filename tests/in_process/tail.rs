//! A listener to a queue gets copies of what is routed into it, and disturbs nobody.

use ferrymq_broker::queue::shared::tail::{Heard, Listener};
use ferrymq_tests::InProcess;
use ferrymq_tests::raw::{Channel, Connection, FieldTable};

use crate::support::vhost;

fn listener(broker: &InProcess, queue: &str) -> Listener {
    vhost(broker).snapshot().queues[queue].listen()
}

fn publish(channel: &Channel, exchange: &str, key: &str, count: usize) {
    for number in 0..count {
        channel.publish(exchange, key, &number.to_string());
    }
}

fn keys(heard: &Heard) -> Vec<String> {
    let keys = heard
        .messages
        .iter()
        .map(|routed| routed.message.routing_key());
    keys.map(|key| String::from_utf8_lossy(key).into_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_hears_what_is_routed_into_its_queue() {
    let broker = InProcess::start();
    let channel = Connection::open(broker.amqp()).channel();
    for queue in ["one", "two"] {
        channel.queue_with(queue, FieldTable::default());
        channel.bind(queue, "amq.fanout", "");
    }
    let mut one = listener(&broker, "one");
    channel.confirm();
    publish(&channel, "", "one", 1);
    publish(&channel, "", "two", 1);
    publish(&channel, "amq.fanout", "both", 1);
    channel.confirmed(3);
    let mut all = Vec::new();
    while all.len() < 2 {
        all.extend(keys(&one.next().await.unwrap()));
    }
    assert_eq!(all, ["one", "both"]);
    assert_eq!(channel.counts("one").0, 2);
    channel.delete_queue("one");
    assert!(one.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_stalls_holds_nobody_up() {
    let broker = InProcess::start();
    let channel = Connection::open(broker.amqp()).channel();
    channel.queue_with("q", FieldTable::default());
    channel.confirm();
    let mut stalled = listener(&broker, "q");
    publish(&channel, "", "q", 3_000);
    channel.confirmed(3_000);
    assert_eq!(channel.counts("q").0, 3_000);
    let heard = stalled.next().await.unwrap();
    assert_eq!((heard.messages.len(), heard.dropped), (1024, 1976));
}
