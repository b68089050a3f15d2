//! Declaring and deleting exchanges.

use ferrymq_tests::raw::{
    AMQPValue, BasicProperties, Channel, FieldTable, basic, exchange, long_string, table,
};

use crate::support::{channel, is_other_broker, unique};

fn declare(name: &str, kind: &str) -> exchange::Declare {
    exchange::Declare {
        exchange: name.into(),
        kind: kind.into(),
        ..Default::default()
    }
}

fn passive(name: &str) -> exchange::Declare {
    exchange::Declare {
        passive: true,
        ..declare(name, "")
    }
}

#[track_caller]
fn check_exists(channel: &Channel, name: &str) {
    channel.call::<exchange::DeclareOk>(passive(name));
}

#[track_caller]
fn check_missing(channel: &Channel, name: &str) {
    channel.send(passive(name));
    channel.refused(404, &format!("no exchange '{name}' in vhost '/'"));
    channel.reopen();
}

#[track_caller]
fn check_refused(method: exchange::Declare, code: u16, words: &str) {
    let channel = channel();
    channel.send(method);
    channel.refused(code, words);
}

#[test]
fn the_standard_exchanges_exist() {
    let channel = channel();
    for name in [
        "amq.direct",
        "amq.fanout",
        "amq.topic",
        "amq.headers",
        "amq.match",
    ] {
        check_exists(&channel, name);
    }
    check_exists(&channel, "amq.rabbitmq.trace");
}

#[test]
fn a_standard_exchange_may_be_declared_as_it_is() {
    let channel = channel();
    for (name, kind) in [
        ("amq.direct", "direct"),
        ("amq.fanout", "fanout"),
        ("amq.topic", "topic"),
        ("amq.headers", "headers"),
        ("amq.match", "headers"),
    ] {
        channel.call::<exchange::DeclareOk>(exchange::Declare {
            durable: true,
            ..declare(name, kind)
        });
    }
}

#[test]
fn a_standard_exchange_cannot_be_declared_differently() {
    check_refused(
        declare("amq.direct", "direct"),
        406,
        "inequivalent arg 'durable' for exchange 'amq.direct' in vhost '/': \
         received 'false' but current is 'true'",
    );
}

#[test]
fn the_default_exchange_cannot_be_declared() {
    check_refused(
        declare("", "direct"),
        403,
        "operation not permitted on the default exchange",
    );
    check_refused(
        passive(""),
        403,
        "operation not permitted on the default exchange",
    );
}

#[test]
fn a_reserved_name_is_refused() {
    let name = unique("amq.reserved");
    check_refused(
        declare(&name, "direct"),
        403,
        &format!("exchange name '{name}' contains reserved prefix 'amq.*'"),
    );
}

#[test]
fn an_unknown_type_is_refused() {
    if is_other_broker("503") {
        return;
    }
    let name = unique("type");
    check_refused(
        declare(&name, "nonsense"),
        406,
        "unknown exchange type 'nonsense'",
    );
    check_refused(declare(&name, ""), 406, "unknown exchange type ''");
    check_refused(
        declare(&name, "Direct"),
        406,
        "unknown exchange type 'Direct'",
    );
}

#[test]
fn a_passive_declare_finds_what_exists() {
    let channel = channel();
    let name = unique("passive");
    check_missing(&channel, &name);
    channel.exchange(&name, "fanout");
    check_exists(&channel, &name);
}

#[test]
fn a_passive_declare_compares_nothing() {
    let channel = channel();
    let name = channel.exchange(&unique("passive"), "fanout");
    channel.call::<exchange::DeclareOk>(exchange::Declare {
        passive: true,
        durable: true,
        internal: true,
        ..declare(&name, "direct")
    });
}

#[test]
fn an_equal_declare_is_accepted() {
    let channel = channel();
    let name = unique("equal");
    let arguments = table([("alternate-exchange", long_string("elsewhere"))]);
    for _ in 0..2 {
        channel.call::<exchange::DeclareOk>(exchange::Declare {
            durable: true,
            auto_delete: true,
            internal: true,
            arguments: arguments.clone(),
            ..declare(&name, "topic")
        });
    }
    channel.delete_exchange(&name);
}

#[track_caller]
fn check_inequivalent(change: impl Fn(&mut exchange::Declare), words: &str) {
    let channel = channel();
    let name = channel.exchange(&unique("inequivalent"), "direct");
    let mut again = declare(&name, "direct");
    change(&mut again);
    channel.send(again);
    channel.refused(
        406,
        &words.replace("NAME", &format!("for exchange '{name}' in vhost '/'")),
    );
}

#[test]
fn another_type_is_refused() {
    check_inequivalent(
        |again| again.kind = "fanout".into(),
        "inequivalent arg 'type' NAME: received 'fanout' but current is 'direct'",
    );
}

#[test]
fn another_durability_is_refused() {
    check_inequivalent(
        |again| again.durable = true,
        "inequivalent arg 'durable' NAME: received 'true' but current is 'false'",
    );
}

#[test]
fn another_auto_delete_is_refused() {
    check_inequivalent(
        |again| again.auto_delete = true,
        "inequivalent arg 'auto_delete' NAME: received 'true' but current is 'false'",
    );
}

#[test]
fn another_internal_is_refused() {
    check_inequivalent(
        |again| again.internal = true,
        "inequivalent arg 'internal' NAME: received 'true' but current is 'false'",
    );
}

#[test]
fn another_alternate_exchange_is_refused() {
    check_inequivalent(
        |again| again.arguments = table([("alternate-exchange", long_string("elsewhere"))]),
        "inequivalent arg 'alternate-exchange' NAME",
    );
}

#[test]
fn other_arguments_are_not_compared() {
    let channel = channel();
    let name = unique("arguments");
    channel.exchange_with(&name, "direct", table([("x-mine", long_string("a"))]));
    channel.exchange_with(&name, "direct", table([("x-mine", AMQPValue::LongInt(1))]));
    channel.exchange_with(&name, "direct", FieldTable::default());
}

#[test]
fn an_alternate_exchange_must_be_named_by_a_string() {
    let arguments = table([("alternate-exchange", AMQPValue::LongInt(1))]);
    check_refused(
        exchange::Declare {
            arguments,
            ..declare(&unique("alternate"), "direct")
        },
        406,
        "'alternate-exchange'",
    );
}

#[test]
fn without_wait_there_is_no_answer() {
    let channel = channel();
    let name = unique("nowait");
    channel.send(exchange::Declare {
        nowait: true,
        ..declare(&name, "direct")
    });
    channel.expect_nothing();
    check_exists(&channel, &name);
    channel.send(exchange::Delete {
        exchange: name.as_str().into(),
        nowait: true,
        ..Default::default()
    });
    channel.expect_nothing();
    check_missing(&channel, &name);
}

#[test]
fn without_wait_an_error_is_an_error() {
    check_refused(
        exchange::Declare {
            nowait: true,
            ..declare("amq.direct", "topic")
        },
        406,
        "inequivalent arg 'type' for exchange 'amq.direct'",
    );
}

#[test]
fn a_delete_removes_the_exchange() {
    let channel = channel();
    let name = channel.exchange(&unique("delete"), "direct");
    channel.delete_exchange(&name);
    check_missing(&channel, &name);
}

#[test]
fn deleting_a_missing_exchange_is_fine() {
    channel().delete_exchange(&unique("missing"));
}

#[test]
fn the_default_exchange_cannot_be_deleted() {
    let channel = channel();
    channel.send(exchange::Delete::default());
    channel.refused(403, "operation not permitted on the default exchange");
}

#[test]
fn a_standard_exchange_cannot_be_deleted() {
    let channel = channel();
    channel.send(exchange::Delete {
        exchange: "amq.direct".into(),
        ..Default::default()
    });
    let words = if is_other_broker("3.10 says less") {
        "amq."
    } else {
        "deletion of system exchange 'amq.direct' in vhost '/' not allowed"
    };
    channel.refused(403, words);
}

fn delete_if_unused(name: &str) -> exchange::Delete {
    exchange::Delete {
        exchange: name.into(),
        if_unused: true,
        nowait: false,
    }
}

#[test]
fn an_exchange_that_is_a_source_is_in_use() {
    let channel = channel();
    let name = channel.exchange(&unique("used"), "direct");
    channel.bind(&channel.temporary_queue(), &name, "key");
    channel.send(delete_if_unused(&name));
    channel.refused(406, &format!("exchange '{name}' in vhost '/' in use"));
}

#[test]
fn an_exchange_that_is_only_a_destination_is_not_in_use() {
    let channel = channel();
    let name = channel.exchange(&unique("destination"), "fanout");
    channel.bind_exchange(&name, "amq.fanout", "");
    channel.call::<exchange::DeleteOk>(delete_if_unused(&name));
    check_missing(&channel, &name);
}

#[test]
fn a_delete_removes_the_bindings() {
    let channel = channel();
    let name = channel.exchange(&unique("bindings"), "fanout");
    let queue = channel.temporary_queue();
    channel.bind(&queue, &name, "");
    channel.delete_exchange(&name);
    channel.exchange(&name, "fanout");
    channel.publish(&name, "", "lost");
    assert!(channel.get(&queue).is_none());
}

fn auto_delete(channel: &Channel, name: &str) -> String {
    let name = unique(name);
    channel.call::<exchange::DeclareOk>(exchange::Declare {
        auto_delete: true,
        ..declare(&name, "fanout")
    });
    name
}

#[test]
fn an_auto_delete_exchange_stays_until_it_was_used() {
    let channel = channel();
    let name = auto_delete(&channel, "unused");
    check_exists(&channel, &name);
    channel.unbind(&channel.temporary_queue(), &name, "");
    check_exists(&channel, &name);
}

#[test]
fn an_auto_delete_exchange_goes_with_its_last_binding() {
    let channel = channel();
    let name = auto_delete(&channel, "unbound");
    let (one, two) = (channel.temporary_queue(), channel.temporary_queue());
    channel.bind(&one, &name, "");
    channel.bind(&two, &name, "");
    channel.unbind(&one, &name, "");
    check_exists(&channel, &name);
    channel.unbind(&two, &name, "");
    check_missing(&channel, &name);
}

#[test]
fn an_auto_delete_exchange_goes_with_its_last_queue() {
    let channel = channel();
    let name = auto_delete(&channel, "queue");
    let queue = channel.temporary_queue();
    channel.bind(&queue, &name, "");
    channel.delete_queue(&queue);
    check_missing(&channel, &name);
}

#[test]
fn an_auto_delete_exchange_goes_with_its_last_destination_exchange() {
    let channel = channel();
    let source = auto_delete(&channel, "source");
    let destination = channel.exchange(&unique("destination"), "fanout");
    channel.bind_exchange(&destination, &source, "");
    channel.delete_exchange(&destination);
    check_missing(&channel, &source);
}

#[test]
fn auto_delete_exchanges_go_one_after_the_other() {
    let channel = channel();
    let (first, second) = (
        auto_delete(&channel, "first"),
        auto_delete(&channel, "second"),
    );
    let queue = channel.temporary_queue();
    channel.bind_exchange(&second, &first, "");
    channel.bind(&queue, &second, "");
    channel.delete_queue(&queue);
    check_missing(&channel, &second);
    check_missing(&channel, &first);
}

#[test]
fn being_a_destination_does_not_keep_an_auto_delete_exchange() {
    let channel = channel();
    let name = auto_delete(&channel, "destination");
    let queue = channel.temporary_queue();
    channel.bind_exchange(&name, "amq.fanout", &name);
    channel.bind(&queue, &name, "");
    channel.unbind(&queue, &name, "");
    check_missing(&channel, &name);
}

#[test]
fn an_internal_exchange_takes_no_publishes() {
    let channel = channel();
    let name = unique("internal");
    channel.call::<exchange::DeclareOk>(exchange::Declare {
        internal: true,
        ..declare(&name, "fanout")
    });
    channel.publish(&name, "", "refused");
    channel.refused(
        403,
        &format!("cannot publish to internal exchange '{name}' in vhost '/'"),
    );
    channel.reopen();
    let mandatory = basic::Publish {
        exchange: "amq.rabbitmq.trace".into(),
        mandatory: true,
        ..Default::default()
    };
    channel.send_message(mandatory, &BasicProperties::default(), b"");
    channel.refused(
        403,
        "cannot publish to internal exchange 'amq.rabbitmq.trace'",
    );
}

#[test]
fn an_internal_exchange_receives_through_bindings() {
    let channel = channel();
    let name = unique("internal");
    channel.call::<exchange::DeclareOk>(exchange::Declare {
        internal: true,
        ..declare(&name, "fanout")
    });
    let source = channel.exchange(&unique("source"), "fanout");
    let queue = channel.temporary_queue();
    channel.bind_exchange(&name, &source, "");
    channel.bind(&queue, &name, "");
    channel.publish(&source, "", "a");
    assert_eq!(channel.drain(&queue), ["a"]);
}

#[test]
fn names_may_be_long_and_in_any_script() {
    let channel = channel();
    let prefix = unique("名前");
    let name = format!("{prefix}{}", "n".repeat(255 - prefix.len()));
    channel.exchange(&name, "direct");
    check_exists(&channel, &name);
    channel.delete_exchange(&name);
}
