//! At-least-once dead-lettering: what died stays until every queue that it is routed to has it.

use ferrymq_tests::raw::{
    AMQPClass, AMQPValue, Channel, basic, exchange, long_string, queue as methods, table,
};

use crate::support::{channel, eventually, unique};

/// A quorum queue whose dead go to `exchange` at least once.
fn careful(channel: &Channel, exchange: &str, arguments: &[(&str, AMQPValue)]) -> String {
    let own = [
        ("x-queue-type", long_string("quorum")),
        ("x-dead-letter-exchange", long_string(exchange)),
        ("x-dead-letter-strategy", long_string("at-least-once")),
        ("x-overflow", long_string("reject-publish")),
    ];
    let all = own.into_iter().chain(arguments.iter().cloned());
    channel.durable_queue_with(&unique("careful"), table(all))
}

fn at_most(length: i64) -> [(&'static str, AMQPValue); 1] {
    [("x-max-length", AMQPValue::LongLongInt(length))]
}

/// A queue that refuses what is beyond one message.
fn small(channel: &Channel) -> String {
    let overflow = ("x-overflow", long_string("reject-publish"));
    let arguments = at_most(1).into_iter().chain([overflow]);
    channel.queue_with(&unique("small"), table(arguments))
}

#[track_caller]
fn reject_all(channel: &Channel, queue: &str, bodies: &[&str]) {
    channel.fill(queue, bodies);
    for body in bodies {
        let got = channel.got(queue);
        assert_eq!(got.text(), *body);
        channel.reject(got.delivery_tag, false);
    }
}

/// Waits for as many messages as there are `bodies`.
#[track_caller]
fn arrive(channel: &Channel, queue: &str, bodies: &[&str]) {
    let mut found = Vec::new();
    eventually("dead letters arrive", || {
        found.extend(channel.drain(queue));
        found.len() >= bodies.len()
    });
    assert_eq!(found, bodies);
}

#[track_caller]
fn purge(channel: &Channel, queue: &str) {
    channel.call::<methods::PurgeOk>(methods::Purge {
        queue: queue.into(),
        nowait: false,
    });
}

/// Publishes, and tells whether the message was taken.
#[track_caller]
fn is_taken(confirming: &Channel, queue: &str) -> bool {
    confirming.publish("", queue, "x");
    let event = confirming.next();
    match event.method {
        AMQPClass::Basic(basic::AMQPMethod::Ack(_)) => true,
        AMQPClass::Basic(basic::AMQPMethod::Nack(_)) => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_can_go_at_once_goes_at_once() {
    let channel = channel();
    let graves = channel.temporary_queue();
    let exchange = channel.exchange(&unique("dlx"), "fanout");
    channel.bind(&graves, &exchange, "");
    let source = careful(&channel, &exchange, &[]);
    reject_all(&channel, &source, &["a", "b", "c"]);
    assert_eq!(channel.drain(&graves), ["a", "b", "c"]);
    channel.delete_queue(&source);
}

#[test]
fn a_missing_exchange_is_waited_for() {
    let channel = channel();
    let exchange = unique("later");
    let source = careful(&channel, &exchange, &[]);
    reject_all(&channel, &source, &["a", "b"]);
    channel.expect_nothing();
    channel.exchange(&exchange, "fanout");
    // There is no route yet.
    channel.expect_nothing();
    let graves = channel.temporary_queue();
    channel.bind(&graves, &exchange, "");
    arrive(&channel, &graves, &["a", "b"]);
    assert!(channel.get(&source).is_none());
    assert!(channel.get(&graves).is_none());
    channel.delete_queue(&source);
}

#[test]
fn a_target_that_refuses_is_asked_again() {
    let channel = channel();
    let graves = small(&channel);
    let key = ("x-dead-letter-routing-key", long_string(&graves));
    let source = careful(&channel, "", &[key]);
    reject_all(&channel, &source, &["a", "b", "c"]);
    arrive(&channel, &graves, &["a", "b", "c"]);
    assert!(channel.get(&graves).is_none());
    channel.delete_queue(&source);
    channel.delete_queue(&graves);
}

#[test]
fn who_has_it_does_not_get_it_again() {
    let channel = channel();
    let exchange = channel.exchange(&unique("dlx"), "fanout");
    let (full, other) = (small(&channel), channel.temporary_queue());
    channel.bind(&full, &exchange, "");
    channel.bind(&other, &exchange, "");
    let source = careful(&channel, &exchange, &[]);
    reject_all(&channel, &source, &["a", "b", "c"]);
    arrive(&channel, &full, &["a", "b", "c"]);
    assert_eq!(channel.drain(&other), ["a", "b", "c"]);
    channel.delete_queue(&source);
    channel.delete_queue(&full);
}

#[test]
fn the_dead_count_in_the_queues_length() {
    let channel = channel();
    let source = careful(&channel, &unique("missing"), &at_most(2));
    reject_all(&channel, &source, &["a"]);
    let confirming = channel.connection().channel();
    confirming.confirm();
    assert!(is_taken(&confirming, &source));
    assert!(!is_taken(&confirming, &source));
    purge(&channel, &source);
    assert!(is_taken(&confirming, &source));
    assert!(is_taken(&confirming, &source));
    assert!(!is_taken(&confirming, &source));
    channel.delete_queue(&source);
}

#[test]
fn a_purge_takes_the_dead_too() {
    let channel = channel();
    let exchange = unique("later");
    let source = careful(&channel, &exchange, &[]);
    reject_all(&channel, &source, &["a"]);
    purge(&channel, &source);
    channel.exchange(&exchange, "fanout");
    let graves = channel.temporary_queue();
    channel.bind(&graves, &exchange, "");
    reject_all(&channel, &source, &["b"]);
    arrive(&channel, &graves, &["b"]);
    channel.delete_queue(&source);
}

#[test]
fn an_automatic_circle_is_cut_and_waits_for_another_way() {
    let channel = channel();
    let name = unique("own");
    let arguments = [
        ("x-queue-type", long_string("quorum")),
        ("x-dead-letter-exchange", long_string("")),
        ("x-dead-letter-routing-key", long_string(&name)),
        ("x-dead-letter-strategy", long_string("at-least-once")),
        ("x-overflow", long_string("reject-publish")),
        ("x-message-ttl", AMQPValue::LongLongInt(1)),
    ];
    channel.durable_queue_with(&name, table(arguments));
    channel.fill(&name, &["a"]);
    let mut empty = 0;
    eventually("it expires", || {
        empty += u32::from(channel.counts(&name).0 == 0);
        empty > 100
    });
    assert!(channel.get(&name).is_none());
    channel.delete_queue(&name);
}

#[test]
fn another_overflow_makes_it_at_most_once() {
    let channel = channel();
    let exchange = unique("later");
    let arguments = [
        ("x-queue-type", long_string("quorum")),
        ("x-dead-letter-exchange", long_string(&exchange)),
        ("x-dead-letter-strategy", long_string("at-least-once")),
    ];
    let source = channel.durable_queue_with(&unique("fallback"), table(arguments));
    reject_all(&channel, &source, &["lost"]);
    channel.expect_nothing();
    channel.call::<exchange::DeclareOk>(exchange::Declare {
        exchange: exchange.as_str().into(),
        kind: "fanout".into(),
        ..Default::default()
    });
    let graves = channel.temporary_queue();
    channel.bind(&graves, &exchange, "");
    reject_all(&channel, &source, &["found"]);
    arrive(&channel, &graves, &["found"]);
    channel.delete_queue(&source);
}
