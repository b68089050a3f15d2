//! Default, direct and fanout exchanges; exchanges bound to exchanges; CC and BCC.

use ferrymq_tests::raw::{
    AMQPValue, BasicProperties, FieldTable, exchange, long_string, strings, table,
};

use crate::support::{channel, unique};

fn headers<const N: usize>(entries: [(&str, AMQPValue); N]) -> BasicProperties {
    BasicProperties::default().with_headers(table(entries))
}

#[test]
fn the_default_exchange_routes_by_queue_name() {
    let channel = channel();
    let (one, two) = (channel.temporary_queue(), channel.temporary_queue());
    channel.publish("", &one, "one");
    channel.publish("", &two, "two");
    let got = channel.got(&one);
    assert_eq!(
        (got.exchange.as_str(), got.routing_key, got.content.text()),
        ("", one, "one".into())
    );
    assert_eq!(channel.drain(&two), ["two"]);
}

#[test]
fn direct_routes_by_the_whole_key() {
    let channel = channel();
    let exchange = channel.exchange(&unique("direct"), "direct");
    let (one, two) = (channel.temporary_queue(), channel.temporary_queue());
    channel.bind(&one, &exchange, "a");
    channel.bind(&two, &exchange, "a");
    channel.bind(&two, &exchange, "");
    for key in ["a", "A", "a.b", "*", "#", ""] {
        channel.publish(&exchange, key, key);
    }
    assert_eq!(channel.drain(&one), ["a"]);
    assert_eq!(channel.drain(&two), ["a", ""]);
}

#[test]
fn fanout_ignores_the_key() {
    let channel = channel();
    let exchange = channel.exchange(&unique("fanout"), "fanout");
    let queues: Vec<String> = (0..3).map(|_| channel.temporary_queue()).collect();
    for queue in &queues {
        channel.bind(queue, &exchange, "some key");
    }
    channel.publish(&exchange, "another key", "a");
    for queue in &queues {
        let got = channel.got(queue);
        assert_eq!(
            (got.exchange, got.routing_key),
            (exchange.clone(), "another key".into())
        );
    }
}

#[test]
fn exchanges_pass_messages_on_by_key() {
    let channel = channel();
    let source = channel.exchange(&unique("source"), "topic");
    let destination = channel.exchange(&unique("destination"), "direct");
    let queue = channel.temporary_queue();
    channel.bind_exchange(&destination, &source, "a.#");
    channel.bind(&queue, &destination, "a.b");
    for key in ["a.b", "a.c", "b"] {
        channel.publish(&source, key, key);
    }
    let got = channel.got(&queue);
    assert_eq!((got.exchange, got.routing_key.as_str()), (source, "a.b"));
    assert_eq!(got.message_count, 0);
}

#[test]
fn a_queue_reached_over_several_exchanges_gets_one_copy() {
    let channel = channel();
    let top = channel.exchange(&unique("top"), "fanout");
    let queue = channel.temporary_queue();
    channel.bind(&queue, &top, "");
    for name in ["left", "right"] {
        let middle = channel.exchange(&unique(name), "fanout");
        channel.bind_exchange(&middle, &top, "");
        channel.bind(&queue, &middle, "");
    }
    channel.publish(&top, "", "a");
    assert_eq!(channel.drain(&queue), ["a"]);
}

#[test]
fn cycles_of_exchanges_end() {
    let channel = channel();
    let names: Vec<String> = (0..3)
        .map(|_| channel.exchange(&unique("cycle"), "fanout"))
        .collect();
    let queue = channel.temporary_queue();
    for (index, name) in names.iter().enumerate() {
        channel.bind_exchange(&names[(index + 1) % 3], name, "");
        channel.bind(&queue, name, "");
    }
    channel.bind_exchange(&names[0], &names[0], "");
    channel.publish(&names[0], "", "a");
    assert_eq!(channel.drain(&queue), ["a"]);
}

#[test]
fn a_deleted_exchange_passes_nothing_on() {
    let channel = channel();
    let source = channel.exchange(&unique("source"), "fanout");
    let destination = channel.exchange(&unique("destination"), "fanout");
    let queue = channel.temporary_queue();
    channel.bind_exchange(&destination, &source, "");
    channel.bind(&queue, &destination, "");
    channel.delete_exchange(&destination);
    channel.exchange(&destination, "fanout");
    channel.bind(&queue, &destination, "");
    channel.publish(&source, "", "lost");
    assert!(channel.get(&queue).is_none());
}

#[test]
fn a_route_that_was_used_follows_the_bindings() {
    let channel = channel();
    let exchange = channel.exchange(&unique("changing"), "direct");
    let (one, two) = (channel.temporary_queue(), channel.temporary_queue());
    channel.publish(&exchange, "key", "to nobody");
    channel.bind(&one, &exchange, "key");
    channel.publish(&exchange, "key", "to one");
    channel.bind(&two, &exchange, "key");
    channel.publish(&exchange, "key", "to both");
    channel.unbind(&one, &exchange, "key");
    channel.publish(&exchange, "key", "to two");
    channel.delete_queue(&two);
    channel.publish(&exchange, "key", "to nobody again");
    assert_eq!(channel.drain(&one), ["to one", "to both"]);
    channel.exchange(&exchange, "direct");
    channel.delete_exchange(&exchange);
    channel.publish(&exchange, "key", "refused");
    channel.refused(404, "no exchange");
}

#[test]
fn cc_adds_routing_keys() {
    let channel = channel();
    let queues: Vec<String> = (0..3).map(|_| channel.temporary_queue()).collect();
    let properties = headers([("CC", strings(&[&queues[1], &queues[2]]))]);
    channel.publish_with("", &queues[0], "a", &properties);
    for queue in &queues {
        let got = channel.got(queue);
        assert_eq!(got.routing_key, queues[0], "the first key");
        assert_eq!(got.content.decoded(), properties, "CC stays");
    }
}

#[test]
fn bcc_adds_routing_keys_and_is_removed() {
    let channel = channel();
    let queues: Vec<String> = (0..3).map(|_| channel.temporary_queue()).collect();
    let properties = headers([
        ("BCC", strings(&[&queues[1]])),
        ("CC", strings(&[&queues[2]])),
        ("other", long_string("stays")),
    ]);
    channel.publish_with("", &queues[0], "a", &properties);
    let expected = table([
        ("CC", strings(&[&queues[2]])),
        ("other", long_string("stays")),
    ]);
    for queue in &queues {
        let got = channel.got(queue);
        assert_eq!(
            (got.routing_key, got.content.headers()),
            (queues[0].clone(), expected.clone())
        );
    }
}

#[test]
fn bcc_is_removed_even_when_it_was_all() {
    let channel = channel();
    let queue = channel.temporary_queue();
    let properties = headers([("BCC", strings(&[]))]);
    channel.publish_with("", &queue, "a", &properties);
    assert_eq!(channel.got(&queue).content.headers(), FieldTable::default());
}

#[test]
fn cc_works_with_every_kind_of_key() {
    let channel = channel();
    let queue = channel.temporary_queue();
    for (kind, pattern) in [("direct", "copy.key"), ("topic", "copy.*")] {
        let exchange = channel.exchange(&unique(kind), kind);
        channel.bind(&queue, &exchange, pattern);
        let properties = headers([("CC", strings(&["copy.key"]))]);
        channel.publish_with(&exchange, "key", kind, &properties);
        assert_eq!(channel.drain(&queue), [kind]);
    }
}

#[test]
fn equal_keys_make_one_copy() {
    let channel = channel();
    let queue = channel.temporary_queue();
    let properties = headers([
        ("CC", strings(&[&queue, &queue])),
        ("BCC", strings(&[&queue])),
    ]);
    channel.publish_with("", &queue, "a", &properties);
    assert_eq!(channel.drain(&queue), ["a"]);
}

#[test]
fn elements_of_cc_that_are_no_strings_are_ignored() {
    let channel = channel();
    let (one, two) = (channel.temporary_queue(), channel.temporary_queue());
    let elements = vec![AMQPValue::LongInt(1), long_string(&two), AMQPValue::Void];
    let properties = headers([("CC", AMQPValue::FieldArray(elements.into()))]);
    channel.publish_with("", &one, "a", &properties);
    assert_eq!(channel.drain(&two), ["a"]);
}

#[test]
fn cc_and_bcc_must_be_arrays() {
    for header in ["CC", "BCC"] {
        let channel = channel();
        let queue = channel.temporary_queue();
        channel.publish_with("", &queue, "a", &headers([(header, long_string(&queue))]));
        channel.refused(406, header);
    }
}

#[test]
fn cc_with_another_case_is_an_ordinary_header() {
    let channel = channel();
    let (one, two) = (channel.temporary_queue(), channel.temporary_queue());
    let properties = headers([("cc", strings(&[&two])), ("bcc", strings(&[&two]))]);
    channel.publish_with("", &one, "a", &properties);
    assert_eq!(channel.got(&one).content.decoded(), properties);
    assert!(channel.get(&two).is_none());
}

#[test]
fn a_used_source_stays_deletable() {
    let channel = channel();
    let source = channel.exchange(&unique("source"), "fanout");
    channel.bind_exchange("amq.fanout", &source, &source);
    channel.call::<exchange::DeleteOk>(exchange::Delete {
        exchange: source.as_str().into(),
        ..Default::default()
    });
}
