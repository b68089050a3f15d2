//! The `x-arguments` of queues: which values are taken, and when two declares are equal.

use ferrymq_tests::raw::{AMQPValue, FieldTable, long_string, queue, table};

use crate::support::{channel, is_other_broker, unique};

fn declare(name: &str, arguments: FieldTable) -> queue::Declare {
    queue::Declare {
        queue: name.into(),
        arguments,
        ..Default::default()
    }
}

#[track_caller]
fn check_valid(argument: &str, value: AMQPValue) {
    let channel = channel();
    let name = unique("valid");
    channel.call::<queue::DeclareOk>(declare(&name, table([(argument, value)])));
    channel.delete_queue(&name);
}

#[track_caller]
fn check_invalid(argument: &str, value: AMQPValue) {
    check_table_invalid(argument, table([(argument, value)]));
}

#[track_caller]
fn check_table_invalid(argument: &str, arguments: FieldTable) {
    let channel = channel();
    let name = unique("invalid");
    channel.send(declare(&name, arguments));
    let words = if is_other_broker("3.10 words it differently") {
        format!("'{argument}'")
    } else {
        format!("invalid arg '{argument}' for queue '{name}' in vhost '/'")
    };
    channel.refused(406, &words);
}

fn long_long(value: i64) -> AMQPValue {
    AMQPValue::LongLongInt(value)
}

#[test]
fn numbers_may_have_any_integer_type() {
    check_valid("x-max-length", AMQPValue::ShortShortInt(10));
    check_valid("x-max-length", AMQPValue::ShortShortUInt(10));
    check_valid("x-max-length", AMQPValue::ShortInt(10));
    check_valid("x-max-length", AMQPValue::ShortUInt(10));
    check_valid("x-max-length", AMQPValue::LongInt(10));
    check_valid("x-max-length", AMQPValue::LongUInt(10));
    check_valid("x-max-length", AMQPValue::LongLongInt(10));
}

#[test]
fn numbers_must_be_integers() {
    for argument in [
        "x-message-ttl",
        "x-expires",
        "x-max-length",
        "x-max-length-bytes",
    ] {
        check_invalid(argument, long_string("10"));
        check_invalid(argument, AMQPValue::Double(10.0));
        check_invalid(argument, AMQPValue::Boolean(true));
    }
}

#[test]
fn message_ttl_is_0_to_10_years() {
    check_valid("x-message-ttl", long_long(0));
    check_valid("x-message-ttl", long_long(315_360_000_000));
    check_invalid("x-message-ttl", long_long(-1));
    check_invalid("x-message-ttl", long_long(315_360_000_001));
}

#[test]
fn expires_is_1_to_10_years() {
    check_valid("x-expires", long_long(315_360_000_000));
    check_invalid("x-expires", long_long(0));
    check_invalid("x-expires", long_long(-1));
    check_invalid("x-expires", long_long(315_360_000_001));
}

#[test]
fn length_limits_are_not_negative() {
    for argument in ["x-max-length", "x-max-length-bytes"] {
        check_valid(argument, long_long(0));
        check_valid(argument, long_long(i64::MAX));
        check_invalid(argument, long_long(-1));
    }
}

#[test]
fn overflow_is_one_of_three() {
    for value in ["drop-head", "reject-publish", "reject-publish-dlx"] {
        check_valid("x-overflow", long_string(value));
    }
    check_invalid("x-overflow", long_string("explode"));
    check_invalid("x-overflow", AMQPValue::LongInt(1));
}

#[test]
fn max_priority_is_0_to_255() {
    check_valid("x-max-priority", AMQPValue::ShortShortUInt(255));
    check_valid("x-max-priority", AMQPValue::LongInt(0));
    check_invalid("x-max-priority", AMQPValue::LongInt(256));
    check_invalid("x-max-priority", AMQPValue::LongInt(-1));
    check_invalid("x-max-priority", long_string("10"));
}

#[test]
fn dead_letter_names_are_strings() {
    check_valid("x-dead-letter-exchange", long_string("missing"));
    check_valid("x-dead-letter-exchange", long_string(""));
    check_invalid("x-dead-letter-exchange", AMQPValue::LongInt(1));
    let arguments = table([
        ("x-dead-letter-exchange", long_string("")),
        ("x-dead-letter-routing-key", AMQPValue::LongInt(1)),
    ]);
    check_table_invalid("x-dead-letter-routing-key", arguments);
}

#[test]
fn a_dead_letter_key_needs_its_exchange() {
    let channel = channel();
    let name = unique("dead-letter");
    channel.send(declare(
        &name,
        table([("x-dead-letter-routing-key", long_string("key"))]),
    ));
    channel.refused(406, "x-dead-letter-routing-key");
    channel.reopen();
    let both = table([
        ("x-dead-letter-exchange", long_string("")),
        ("x-dead-letter-routing-key", long_string("key")),
    ]);
    channel.queue_with(&name, both);
}

#[test]
fn single_active_consumer_is_a_boolean() {
    check_valid("x-single-active-consumer", AMQPValue::Boolean(true));
    check_valid("x-single-active-consumer", AMQPValue::Boolean(false));
    check_invalid("x-single-active-consumer", long_string("true"));
    check_invalid("x-single-active-consumer", AMQPValue::LongInt(1));
}

#[test]
fn queue_type_is_a_known_name() {
    check_valid("x-queue-type", long_string("classic"));
    check_invalid("x-queue-type", long_string("nonsense"));
    check_invalid("x-queue-type", AMQPValue::LongInt(1));
}

#[test]
fn arguments_of_streams_are_refused() {
    if is_other_broker("3.10 ignores them") {
        return;
    }
    check_invalid("x-max-age", long_string("1h"));
    check_invalid("x-stream-max-segment-size-bytes", long_long(1_000_000));
    check_invalid("x-stream-filter-size-bytes", long_long(16));
}

#[test]
fn a_generated_name_may_get_a_prefix() {
    if is_other_broker("unknown in 3.10") {
        return;
    }
    let channel = channel();
    let arguments = table([("x-name-prefix", long_string("mine."))]);
    let declare = |arguments| queue::Declare {
        exclusive: true,
        arguments,
        ..Default::default()
    };
    let declared: queue::DeclareOk = channel.call(declare(arguments));
    assert!(declared.queue.as_str().starts_with("mine."), "{declared:?}");
    channel.counts(declared.queue.as_str());
    for prefix in [long_string(&"x".repeat(65)), AMQPValue::LongInt(1)] {
        channel.send(declare(table([("x-name-prefix", prefix)])));
        channel.refused(406, "x-name-prefix");
        channel.reopen();
    }
}

#[test]
fn obsolete_arguments_are_accepted() {
    check_valid("x-queue-mode", long_string("lazy"));
    check_valid("x-queue-version", AMQPValue::LongInt(2));
    check_valid("x-queue-version", AMQPValue::LongInt(1));
}

#[test]
fn unknown_arguments_are_accepted() {
    check_valid("x-mine", long_string("anything"));
    check_valid("mine", AMQPValue::Void);
}

/// Declares with one table, then with another.
#[track_caller]
fn check_equal(first: FieldTable, second: FieldTable) {
    let channel = channel();
    let name = channel.queue_with(&unique("equal"), first);
    channel.queue_with(&name, second);
    channel.delete_queue(&name);
}

#[track_caller]
fn check_inequal(first: FieldTable, second: FieldTable, argument: &str, detail: &str) {
    let channel = channel();
    let name = channel.queue_with(&unique("inequal"), first);
    channel.send(declare(&name, second));
    let words = format!("inequivalent arg '{argument}' for queue '{name}' in vhost '/': {detail}");
    channel.refused(406, &words);
}

fn max_length(value: AMQPValue) -> FieldTable {
    table([("x-max-length", value)])
}

#[test]
fn equal_numbers_of_different_types_are_equal() {
    let ten = || max_length(AMQPValue::LongInt(10));
    check_equal(ten(), max_length(AMQPValue::LongInt(10)));
    check_equal(ten(), max_length(AMQPValue::ShortShortInt(10)));
    check_equal(ten(), max_length(AMQPValue::ShortUInt(10)));
    check_equal(ten(), max_length(AMQPValue::LongUInt(10)));
    check_equal(ten(), max_length(AMQPValue::LongLongInt(10)));
    check_equal(max_length(AMQPValue::LongLongInt(10)), ten());
}

#[test]
fn other_numbers_are_not_equal() {
    check_inequal(
        max_length(AMQPValue::LongInt(10)),
        max_length(AMQPValue::LongInt(5)),
        "x-max-length",
        "received '5' but current is '10'",
    );
}

#[test]
fn other_strings_are_not_equal() {
    let overflow = |value| table([("x-overflow", long_string(value))]);
    check_inequal(
        overflow("drop-head"),
        overflow("reject-publish"),
        "x-overflow",
        "received 'reject-publish' but current is 'drop-head'",
    );
}

#[test]
fn an_argument_that_is_no_longer_there_is_named_with_its_type() {
    let check = |value: AMQPValue, kind: &str| {
        check_inequal(
            max_length(value),
            FieldTable::default(),
            "x-max-length",
            &format!("received none but current is the value '10' of type '{kind}'"),
        );
    };
    check(AMQPValue::LongInt(10), "signedint");
    check(AMQPValue::LongLongInt(10), "long");
    check(AMQPValue::ShortInt(10), "short");
    check(AMQPValue::ShortShortInt(10), "byte");
    check(AMQPValue::ShortShortUInt(10), "unsignedbyte");
    check(AMQPValue::ShortUInt(10), "unsignedshort");
    check(AMQPValue::LongUInt(10), "unsignedint");
}

#[test]
fn an_argument_that_was_not_there_is_named_with_its_type() {
    check_inequal(
        FieldTable::default(),
        max_length(AMQPValue::LongInt(10)),
        "x-max-length",
        "received the value '10' of type 'signedint' but current is none",
    );
    check_inequal(
        FieldTable::default(),
        table([("x-overflow", long_string("drop-head"))]),
        "x-overflow",
        "received the value 'drop-head' of type 'longstr' but current is none",
    );
}

#[test]
fn every_known_argument_is_compared() {
    let without = FieldTable::default;
    for (argument, value) in [
        ("x-message-ttl", AMQPValue::LongInt(1000)),
        ("x-expires", AMQPValue::LongInt(60_000)),
        ("x-max-length", AMQPValue::LongInt(10)),
        ("x-max-length-bytes", AMQPValue::LongInt(10)),
        ("x-overflow", long_string("drop-head")),
        ("x-dead-letter-exchange", long_string("elsewhere")),
        ("x-max-priority", AMQPValue::LongInt(5)),
        ("x-single-active-consumer", AMQPValue::Boolean(true)),
    ] {
        check_inequal(
            table([(argument, value)]),
            without(),
            argument,
            "received none but",
        );
    }
}

#[test]
fn unknown_arguments_are_not_compared() {
    check_equal(table([("x-mine", long_string("a"))]), FieldTable::default());
    check_equal(
        table([("x-mine", long_string("a"))]),
        table([("x-mine", AMQPValue::Void)]),
    );
}

#[test]
fn no_queue_type_equals_classic() {
    let classic = || table([("x-queue-type", long_string("classic"))]);
    check_equal(FieldTable::default(), classic());
    check_equal(classic(), FieldTable::default());
}

#[test]
fn the_longest_delay_is_not_shorter_than_the_shortest() {
    for (max, min) in [
        ("x-retry-max-delay", "x-retry-delay"),
        ("x-delayed-retry-max", "x-delayed-retry-min"),
    ] {
        let of = |longest| {
            table([
                (max, AMQPValue::LongInt(longest)),
                (min, AMQPValue::LongInt(10)),
            ])
        };
        if !is_other_broker("not known") {
            check_table_invalid(max, of(9));
            let channel = channel();
            let name = unique("retry");
            channel.call::<queue::DeclareOk>(declare(&name, of(10)));
            channel.delete_queue(&name);
        }
    }
}
