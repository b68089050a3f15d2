//! The exchange type `x-local-random`: one classic queue by chance.

use ferrymq_tests::raw::{Channel, exchange, long_string, queue, table};

use crate::support::{channel, unique};

const MESSAGES: usize = 600;

#[track_caller]
fn check_bind_refused(channel: &Channel, exchange: &str, queue: &str, key: &str, words: &str) {
    channel.send(queue::Bind {
        queue: queue.into(),
        exchange: exchange.into(),
        routing_key: key.into(),
        ..Default::default()
    });
    channel.refused(406, words);
    channel.reopen();
}

#[test]
fn each_message_goes_to_one_queue() {
    let channel = channel();
    let exchange = channel.exchange(&unique("local"), "x-local-random");
    let queues = [(); 3].map(|()| channel.temporary_queue());
    for queue in &queues {
        channel.bind(queue, &exchange, "");
    }
    for number in 0..MESSAGES {
        channel.publish(&exchange, "any key", &number.to_string());
    }
    let counts = queues.each_ref().map(|queue| channel.drain(queue).len());
    assert_eq!(counts.iter().sum::<usize>(), MESSAGES);
    for count in counts {
        assert!((100..300).contains(&count), "{counts:?}");
    }
}

#[test]
fn a_binding_key_is_refused() {
    let channel = channel();
    let exchange = channel.exchange(&unique("local"), "x-local-random");
    let queue = channel.temporary_queue();
    let words = "Non empty binding 'key' key not permitted";
    check_bind_refused(&channel, &exchange, &queue, "key", words);
}

#[test]
fn only_classic_queues_are_bound() {
    let channel = channel();
    let exchange = channel.exchange(&unique("local"), "x-local-random");
    let name = unique("quorum");
    channel.call::<queue::DeclareOk>(queue::Declare {
        queue: name.as_str().into(),
        durable: true,
        arguments: table([("x-queue-type", long_string("quorum"))]),
        ..Default::default()
    });
    let words = "Queue type rabbit_quorum_queue not valid for this exchange type";
    check_bind_refused(&channel, &exchange, &name, "", words);
    channel.delete_queue(&name);
}

#[test]
fn exchanges_are_not_bound() {
    let channel = channel();
    let source = channel.exchange(&unique("local"), "x-local-random");
    let destination = channel.exchange(&unique("fanout"), "fanout");
    channel.send(exchange::Bind {
        destination: destination.into(),
        source: source.into(),
        ..Default::default()
    });
    channel.refused(406, "Destination not found");
}
