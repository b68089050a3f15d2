//! Binding and unbinding queues and exchanges.

use ferrymq_tests::raw::{AMQPValue, FieldTable, MethodWriter, exchange, queue, table};

use crate::support::{channel, unique};

fn bind(queue: &str, exchange: &str) -> queue::Bind {
    queue::Bind {
        queue: queue.into(),
        exchange: exchange.into(),
        ..Default::default()
    }
}

fn bind_exchange(destination: &str, source: &str) -> exchange::Bind {
    exchange::Bind {
        destination: destination.into(),
        source: source.into(),
        ..Default::default()
    }
}

#[test]
fn binding_a_missing_queue_is_refused() {
    let channel = channel();
    let name = unique("missing");
    channel.send(bind(&name, "amq.direct"));
    channel.refused(404, &format!("no queue '{name}' in vhost '/'"));
}

#[test]
fn binding_to_a_missing_exchange_is_refused() {
    let channel = channel();
    let name = unique("missing");
    let queue = channel.temporary_queue();
    channel.send(bind(&queue, &name));
    channel.refused(404, &format!("no exchange '{name}' in vhost '/'"));
}

#[test]
fn of_two_missing_exchanges_the_source_is_named() {
    let channel = channel();
    let (destination, source) = (unique("destination"), unique("source"));
    channel.send(bind_exchange(&destination, &source));
    channel.refused(404, &format!("no exchange '{source}' in vhost '/'"));
}

#[test]
fn binding_a_missing_exchange_is_refused() {
    let channel = channel();
    let name = unique("missing");
    channel.send(bind_exchange(&name, "amq.fanout"));
    channel.refused(404, &format!("no exchange '{name}' in vhost '/'"));
    channel.reopen();
    channel.send(bind_exchange("amq.fanout", &name));
    channel.refused(404, &format!("no exchange '{name}' in vhost '/'"));
}

#[test]
fn the_default_exchange_cannot_be_bound() {
    let channel = channel();
    let queue = channel.temporary_queue();
    let check = || {
        channel.refused(403, "operation not permitted on the default exchange");
        channel.reopen();
    };
    channel.send(bind(&queue, ""));
    check();
    channel.send(queue::Unbind {
        queue: queue.as_str().into(),
        ..Default::default()
    });
    check();
    channel.send(bind_exchange("", "amq.fanout"));
    check();
    channel.send(bind_exchange("amq.fanout", ""));
    check();
    channel.send(exchange::Unbind {
        destination: "amq.fanout".into(),
        ..Default::default()
    });
    check();
    channel.send(exchange::Unbind {
        source: "amq.fanout".into(),
        ..Default::default()
    });
    check();
}

#[test]
fn unbinding_what_was_never_bound_is_fine() {
    let channel = channel();
    channel.unbind(&channel.temporary_queue(), "amq.direct", "never");
    channel.unbind_exchange("amq.fanout", "amq.direct", "never");
}

#[test]
fn unbinding_what_does_not_exist_is_fine() {
    let channel = channel();
    let (queue, missing) = (channel.temporary_queue(), unique("missing"));
    channel.unbind(&queue, &missing, "key");
    channel.unbind(&missing, "amq.direct", "key");
    channel.unbind(&missing, &missing, "key");
    channel.unbind_exchange("amq.fanout", &missing, "key");
    channel.unbind_exchange(&missing, "amq.fanout", "key");
    channel.unbind_exchange(&missing, &missing, "key");
}

#[test]
fn unbind_ok_of_exchanges_has_the_number_51() {
    let channel = channel();
    let unbind = MethodWriter::new(40, 40)
        .short(0)
        .short_string("amq.fanout");
    let unbind = unbind
        .short_string("amq.direct")
        .short_string("key")
        .octet(0)
        .long(0);
    channel.connection().send_frame(&unbind.frame(channel.id()));
    let answer = channel.connection().next().expect("an answer");
    assert_eq!(answer.payload, [0, 40, 0, 51]);
}

#[test]
fn binding_twice_is_one_binding() {
    let channel = channel();
    let exchange = channel.exchange(&unique("twice"), "direct");
    let queue = channel.temporary_queue();
    channel.bind(&queue, &exchange, "key");
    channel.bind(&queue, &exchange, "key");
    channel.publish(&exchange, "key", "a");
    assert_eq!(channel.drain(&queue), ["a"]);
    channel.unbind(&queue, &exchange, "key");
    channel.publish(&exchange, "key", "b");
    assert!(channel.get(&queue).is_none());
}

#[test]
fn a_queue_bound_twice_gets_one_copy() {
    let channel = channel();
    let exchange = channel.exchange(&unique("copies"), "topic");
    let queue = channel.temporary_queue();
    channel.bind(&queue, &exchange, "a.*");
    channel.bind(&queue, &exchange, "*.b");
    channel.bind(&queue, &exchange, "#");
    channel.publish(&exchange, "a.b", "a");
    assert_eq!(channel.drain(&queue), ["a"]);
}

#[test]
fn other_arguments_make_another_binding() {
    let channel = channel();
    let exchange = channel.exchange(&unique("arguments"), "direct");
    let queue = channel.temporary_queue();
    let arguments = table([("x-mine", AMQPValue::LongInt(1))]);
    channel.bind(&queue, &exchange, "key");
    channel.bind_with(&queue, &exchange, "key", arguments.clone());
    channel.unbind(&queue, &exchange, "key");
    channel.publish(&exchange, "key", "a");
    assert_eq!(channel.drain(&queue), ["a"]);
    channel.call::<queue::UnbindOk>(queue::Unbind {
        queue: queue.as_str().into(),
        exchange: exchange.as_str().into(),
        routing_key: "key".into(),
        arguments,
    });
    channel.publish(&exchange, "key", "b");
    assert!(channel.get(&queue).is_none());
}

#[test]
fn an_exchange_may_be_bound_without_wait() {
    let channel = channel();
    let source = channel.exchange(&unique("source"), "fanout");
    let destination = channel.exchange(&unique("destination"), "fanout");
    let queue = channel.temporary_queue();
    channel.bind(&queue, &destination, "");
    channel.send(exchange::Bind {
        nowait: true,
        ..bind_exchange(&destination, &source)
    });
    channel.expect_nothing();
    channel.publish(&source, "", "a");
    assert_eq!(channel.drain(&queue), ["a"]);
    channel.send(exchange::Unbind {
        destination: destination.as_str().into(),
        source: source.as_str().into(),
        routing_key: "".into(),
        nowait: true,
        arguments: FieldTable::default(),
    });
    channel.expect_nothing();
    channel.publish(&source, "", "b");
    assert!(channel.get(&queue).is_none());
}
