//! Alternate exchanges: where a message goes that nobody wanted.

use ferrymq_tests::raw::{Channel, FieldTable, Returned, basic, long_string, table};

use crate::support::{channel, unique};

fn alternate(name: &str) -> FieldTable {
    table([("alternate-exchange", long_string(name))])
}

/// A direct exchange whose unroutable messages go to `name`.
fn exchange_to(channel: &Channel, name: &str) -> String {
    channel.exchange_with(&unique("first"), "direct", alternate(name))
}

#[test]
fn what_is_not_routed_goes_to_the_alternate_exchange() {
    let channel = channel();
    let other = channel.exchange(&unique("other"), "fanout");
    let exchange = exchange_to(&channel, &other);
    let (wanted, rest) = (channel.temporary_queue(), channel.temporary_queue());
    channel.bind(&wanted, &exchange, "key");
    channel.bind(&rest, &other, "");
    channel.publish(&exchange, "key", "wanted");
    channel.publish(&exchange, "unknown", "rest");
    assert_eq!(channel.drain(&wanted), ["wanted"]);
    let got = channel.got(&rest);
    assert_eq!(
        (got.exchange.as_str(), got.routing_key.as_str()),
        (exchange.as_str(), "unknown")
    );
    assert_eq!(got.message_count, 0);
}

#[test]
fn the_alternate_exchange_routes_by_its_own_rules() {
    let channel = channel();
    let other = channel.exchange(&unique("other"), "topic");
    let exchange = exchange_to(&channel, &other);
    let queue = channel.temporary_queue();
    channel.bind(&queue, &other, "a.*");
    channel.publish(&exchange, "a.b", "taken");
    channel.publish(&exchange, "b.a", "dropped");
    assert_eq!(channel.drain(&queue), ["taken"]);
}

#[test]
fn chains_are_followed() {
    let channel = channel();
    let last = channel.exchange(&unique("last"), "fanout");
    let second = channel.exchange_with(&unique("second"), "direct", alternate(&last));
    let first = exchange_to(&channel, &second);
    let queue = channel.temporary_queue();
    channel.bind(&queue, &last, "");
    channel.publish(&first, "key", "a");
    assert_eq!(channel.drain(&queue), ["a"]);
}

#[test]
fn loops_end() {
    let channel = channel();
    let (one, two) = (unique("one"), unique("two"));
    channel.exchange_with(&one, "direct", alternate(&two));
    channel.exchange_with(&two, "direct", alternate(&one));
    channel.publish_mandatory(&one, "key", "returned");
    let returned: Returned = channel.expect();
    assert_eq!(
        (returned.exchange, returned.content.text()),
        (one, "returned".into())
    );
}

#[test]
fn an_exchange_may_be_its_own_alternate() {
    let channel = channel();
    let name = unique("own");
    channel.exchange_with(&name, "direct", alternate(&name));
    channel.publish_mandatory(&name, "key", "returned");
    channel.expect::<Returned>();
}

#[test]
fn a_missing_alternate_exchange_is_ignored() {
    let channel = channel();
    let exchange = exchange_to(&channel, &unique("missing"));
    channel.publish_mandatory(&exchange, "key", "returned");
    channel.expect::<Returned>();
}

#[test]
fn an_alternate_exchange_may_come_later() {
    let channel = channel();
    let other = unique("later");
    let exchange = exchange_to(&channel, &other);
    channel.publish(&exchange, "key", "lost");
    channel.exchange(&other, "fanout");
    let queue = channel.temporary_queue();
    channel.bind(&queue, &other, "");
    channel.publish(&exchange, "key", "found");
    channel.delete_exchange(&other);
    channel.publish(&exchange, "key", "lost again");
    assert_eq!(channel.drain(&queue), ["found"]);
}

#[test]
fn a_message_that_arrived_this_way_is_not_returned() {
    let channel = channel();
    let other = channel.exchange(&unique("other"), "fanout");
    let exchange = exchange_to(&channel, &other);
    let queue = channel.temporary_queue();
    channel.bind(&queue, &other, "");
    channel.confirm();
    channel.publish_mandatory(&exchange, "key", "a");
    let ack: basic::Ack = channel.expect();
    assert_eq!(ack.delivery_tag, 1);
    assert_eq!(channel.drain(&queue), ["a"]);
}

#[test]
fn a_bound_exchange_without_queues_is_a_destination() {
    let channel = channel();
    let other = channel.exchange(&unique("other"), "fanout");
    let rest = channel.temporary_queue();
    channel.bind(&rest, &other, "");
    let empty = channel.exchange(&unique("empty"), "fanout");
    let exchange = channel.exchange_with(&unique("first"), "fanout", alternate(&other));
    channel.bind_exchange(&empty, &exchange, "");
    channel.publish(&exchange, "key", "lost in the bound exchange");
    assert!(channel.get(&rest).is_none());
}

#[test]
fn an_alternate_exchange_is_asked_along_bound_exchanges() {
    let channel = channel();
    let other = channel.exchange(&unique("other"), "fanout");
    let rest = channel.temporary_queue();
    channel.bind(&rest, &other, "");
    let source = channel.exchange(&unique("source"), "fanout");
    let middle = exchange_to(&channel, &other);
    channel.bind_exchange(&middle, &source, "");
    channel.publish(&source, "key", "a");
    assert_eq!(channel.drain(&rest), ["a"]);
}
