//! `x-durability`: what a confirm stands for, as far as a client sees it.

use ferrymq_tests::raw::{
    AMQPValue, BasicProperties, Channel, FieldTable, long_string, queue, table,
};

use crate::support::{channel, confirming_channel, unique};

fn durability(value: &str) -> FieldTable {
    table([("x-durability", long_string(value))])
}

fn declare(name: &str, arguments: FieldTable) -> queue::Declare {
    queue::Declare {
        queue: name.into(),
        durable: true,
        arguments,
        ..Default::default()
    }
}

#[track_caller]
fn durable_queue(channel: &Channel, arguments: FieldTable) -> String {
    let name = unique("durability");
    channel.call::<queue::DeclareOk>(declare(&name, arguments));
    name
}

#[test]
fn a_queue_is_redeclared_as_it_was() {
    let channel = channel();
    for arguments in [durability("relaxed"), durability("strict")] {
        let name = durable_queue(&channel, arguments.clone());
        channel.call::<queue::DeclareOk>(declare(&name, arguments));
        channel.delete_queue(&name);
    }
}

#[test]
fn another_durability_than_before_is_refused() {
    for (before, after) in [
        (durability("relaxed"), durability("strict")),
        (durability("relaxed"), FieldTable::default()),
        (FieldTable::default(), durability("strict")),
    ] {
        let channel = channel();
        let name = durable_queue(&channel, before);
        channel.send(declare(&name, after));
        let words = format!("inequivalent arg 'x-durability' for queue '{name}' in vhost '/'");
        channel.refused(406, &words);
        channel.reopen();
        channel.delete_queue(&name);
    }
}

#[test]
fn any_other_value_is_refused() {
    for value in [
        long_string("lax"),
        long_string(""),
        AMQPValue::LongInt(1),
        AMQPValue::Boolean(true),
    ] {
        let channel = channel();
        let name = unique("durability");
        channel.send(declare(&name, table([("x-durability", value)])));
        channel.refused(
            406,
            &format!("invalid arg 'x-durability' for queue '{name}'"),
        );
    }
}

#[test]
fn every_mixture_is_confirmed_in_order() {
    let channel = confirming_channel();
    let relaxed = durable_queue(&channel, durability("relaxed"));
    let strict = durable_queue(&channel, durability("strict"));
    let exchange = channel.exchange(&unique("durability"), "fanout");
    channel.bind(&relaxed, &exchange, "");
    channel.bind(&strict, &exchange, "");
    let persistent = BasicProperties::default().with_delivery_mode(2);
    for number in 0..300 {
        match number % 3 {
            0 => channel.publish_with("", &relaxed, "relaxed", &persistent),
            1 => channel.publish_with("", &strict, "strict", &persistent),
            _ => channel.publish_with(&exchange, "", "both", &persistent),
        }
    }
    channel.confirmed(300);
    channel.expect_nothing();
    for queue in [relaxed, strict] {
        assert_eq!(channel.delete_queue(&queue), 200);
    }
}
