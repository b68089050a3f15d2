//! Dead letters: why a message dies, where it goes then, and what its headers tell of it.

use ferrymq_tests::raw::{
    AMQPValue, BasicProperties, Channel, FieldTable, Got, exchange, long_string, queue as methods,
    strings, table, tx,
};

use crate::support::{channel, eventually, unique};

/// A transient queue with these arguments.
fn queue(channel: &Channel, name: &str, arguments: &[(&str, AMQPValue)]) -> String {
    channel.queue_with(&unique(name), table(arguments.iter().cloned()))
}

/// A queue whose dead go to the queue `graves`, by the default exchange.
fn mortal(channel: &Channel, graves: &str, arguments: &[(&str, AMQPValue)]) -> String {
    let to = [
        ("x-dead-letter-exchange", long_string("")),
        ("x-dead-letter-routing-key", long_string(graves)),
    ];
    queue(channel, "mortal", &[&to, arguments].concat())
}

fn count(number: i64) -> AMQPValue {
    AMQPValue::LongLongInt(number)
}

fn properties(headers: &[(&str, AMQPValue)]) -> BasicProperties {
    BasicProperties::default().with_headers(table(headers.iter().cloned()))
}

/// The next message, once it is there.
#[track_caller]
fn arrives(channel: &Channel, queue: &str) -> Got {
    let mut got = None;
    eventually("a dead letter arrives", || {
        got = channel.get(queue);
        got.is_some()
    });
    got.expect("it is there")
}

/// Fetches the first message of `queue` and rejects it.
#[track_caller]
fn reject_one(channel: &Channel, queue: &str) {
    let tag = arrives(channel, queue).delivery_tag;
    channel.reject(tag, false);
}

#[track_caller]
fn deaths(got: &Got) -> Vec<FieldTable> {
    let headers = got.content.headers();
    let Some(AMQPValue::FieldArray(deaths)) = headers.inner().get("x-death") else {
        panic!("no x-death in {headers:?}");
    };
    let entry = |value: &AMQPValue| match value {
        AMQPValue::FieldTable(entry) => entry.clone(),
        other => panic!("{other:?} in x-death"),
    };
    deaths.as_slice().iter().map(entry).collect()
}

/// Queue, reason and count of each entry of `x-death`.
#[track_caller]
fn counts(got: &Got) -> Vec<(String, String, i64)> {
    let text = |entry: &FieldTable, name: &str| match entry.inner().get(name) {
        Some(AMQPValue::LongString(text)) => text.to_string(),
        other => panic!("{other:?} as {name}"),
    };
    let number = |entry: &FieldTable| match entry.inner().get("count") {
        Some(AMQPValue::LongLongInt(number)) => *number,
        other => panic!("{other:?} as count"),
    };
    let entries = deaths(got).into_iter();
    entries
        .map(|entry| {
            (
                text(&entry, "queue"),
                text(&entry, "reason"),
                number(&entry),
            )
        })
        .collect()
}

fn entry(queue: &str, reason: &str, count: i64) -> (String, String, i64) {
    (queue.into(), reason.into(), count)
}

#[test]
fn a_rejected_message_goes_to_the_dead_letter_exchange() {
    let channel = channel();
    let exchange = channel.exchange(&unique("dlx"), "fanout");
    let graves = channel.temporary_queue();
    channel.bind(&graves, &exchange, "");
    let source = queue(
        &channel,
        "source",
        &[("x-dead-letter-exchange", long_string(&exchange))],
    );
    channel.publish("", &source, "a");
    reject_one(&channel, &source);
    let got = channel.got(&graves);
    assert_eq!(
        (got.text(), got.exchange.as_str()),
        ("a".into(), exchange.as_str())
    );
    assert_eq!(
        (got.routing_key.as_str(), got.redelivered),
        (source.as_str(), false)
    );
    assert_eq!(channel.counts(&source).0, 0);
}

#[test]
fn nack_without_requeue_dead_letters_in_the_order_of_delivery() {
    let channel = channel();
    let graves = channel.temporary_queue();
    let source = mortal(&channel, &graves, &[]);
    channel.fill(&source, &["a", "b", "c", "d"]);
    let tags = [(); 4].map(|()| channel.got(&source).delivery_tag);
    channel.nack_up_to(tags[3], false);
    assert_eq!(channel.drain(&graves), ["a", "b", "c", "d"]);
}

#[test]
fn a_requeued_or_acked_message_lives() {
    let channel = channel();
    let graves = channel.temporary_queue();
    let source = mortal(&channel, &graves, &[]);
    channel.publish("", &source, "a");
    let tag = channel.got(&source).delivery_tag;
    channel.nack(tag, true);
    let tag = channel.got(&source).delivery_tag;
    channel.ack(tag);
    assert!(channel.get(&graves).is_none());
}

#[test]
fn purged_and_deleted_messages_are_not_dead_lettered() {
    let channel = channel();
    let graves = channel.temporary_queue();
    let source = mortal(&channel, &graves, &[]);
    channel.fill(&source, &["a"]);
    channel.call::<methods::PurgeOk>(methods::Purge {
        queue: source.as_str().into(),
        nowait: false,
    });
    channel.fill(&source, &["b"]);
    channel.delete_queue(&source);
    assert!(channel.get(&graves).is_none());
}

#[test]
fn x_death_has_these_fields_of_these_types() {
    let channel = channel();
    let graves = channel.temporary_queue();
    let source = mortal(&channel, &graves, &[]);
    let exchange = channel.exchange(&unique("first"), "fanout");
    channel.bind(&source, &exchange, "");
    channel.publish(&exchange, "key", "a");
    reject_one(&channel, &source);
    let got = channel.got(&graves);
    let mut deaths = deaths(&got);
    let time = deaths[0].inner().get("time").cloned();
    let Some(AMQPValue::Timestamp(seconds)) = time else {
        panic!("{time:?} as time");
    };
    assert!(
        seconds > 1_700_000_000,
        "{seconds} are no seconds since 1970"
    );
    let expected = table([
        ("count", count(1)),
        ("reason", long_string("rejected")),
        ("queue", long_string(&source)),
        ("time", AMQPValue::Timestamp(seconds)),
        ("exchange", long_string(&exchange)),
        ("routing-keys", strings(&["key"])),
    ]);
    assert_eq!(deaths.pop(), Some(expected));
    assert_eq!(deaths, []);
    for (name, value) in [
        ("x-first-death-queue", source.as_str()),
        ("x-first-death-reason", "rejected"),
        ("x-first-death-exchange", exchange.as_str()),
        ("x-last-death-queue", source.as_str()),
        ("x-last-death-reason", "rejected"),
        ("x-last-death-exchange", exchange.as_str()),
    ] {
        let headers = got.content.headers();
        assert_eq!(
            headers.inner().get(name),
            Some(&long_string(value)),
            "{name}"
        );
    }
}

#[test]
fn deaths_are_counted_by_queue_and_reason_the_latest_first() {
    let channel = channel();
    let graves = channel.temporary_queue();
    let source = mortal(&channel, &graves, &[]);
    let second = mortal(&channel, &source, &[]);
    channel.publish("", &second, "a");
    reject_one(&channel, &second);
    reject_one(&channel, &source);
    let got = channel.got(&graves);
    let expected = [entry(&source, "rejected", 1), entry(&second, "rejected", 1)];
    assert_eq!(counts(&got), expected);
    let headers = got.content.headers();
    let first = headers.inner().get("x-first-death-queue");
    assert_eq!(first, Some(&long_string(&second)));
    let last = headers.inner().get("x-last-death-queue");
    assert_eq!(last, Some(&long_string(&source)));
}

#[test]
fn a_retry_loop_with_rejects_goes_on_for_ever() {
    let channel = channel();
    let (one, two) = (unique("one"), unique("two"));
    for (name, other) in [(&one, &two), (&two, &one)] {
        let arguments = [
            ("x-dead-letter-exchange", long_string("")),
            ("x-dead-letter-routing-key", long_string(other)),
        ];
        channel.queue_with(name, table(arguments));
    }
    channel.publish("", &one, "a");
    for _ in 0..10 {
        reject_one(&channel, &one);
        reject_one(&channel, &two);
    }
    let got = channel.got(&one);
    let expected = [entry(&two, "rejected", 10), entry(&one, "rejected", 10)];
    assert_eq!(counts(&got), expected);
    // Each entry tells of the first time.
    let routing_keys = |entry: &FieldTable| entry.inner().get("routing-keys").cloned();
    let deaths = deaths(&got);
    assert_eq!(routing_keys(&deaths[0]), Some(strings(&[&two])));
    assert_eq!(routing_keys(&deaths[1]), Some(strings(&[&one])));
}

#[test]
fn a_queue_may_be_its_own_graveyard_for_what_was_rejected() {
    let channel = channel();
    let name = unique("own");
    let arguments = [
        ("x-dead-letter-exchange", long_string("")),
        ("x-dead-letter-routing-key", long_string(&name)),
    ];
    channel.queue_with(&name, table(arguments));
    channel.publish("", &name, "a");
    for _ in 0..5 {
        reject_one(&channel, &name);
    }
    assert_eq!(counts(&channel.got(&name)), [entry(&name, "rejected", 5)]);
}

#[test]
fn an_automatic_circle_is_cut() {
    let channel = channel();
    let graves = channel.temporary_queue();
    let exchange = channel.exchange(&unique("dlx"), "fanout");
    channel.bind(&graves, &exchange, "");
    let arguments = [
        ("x-dead-letter-exchange", long_string(&exchange)),
        ("x-max-length", count(1)),
    ];
    let source = queue(&channel, "source", &arguments);
    channel.bind(&source, &exchange, "");
    channel.fill(&source, &["a", "b"]);
    // It is cut for this queue alone.
    let got = channel.got(&graves);
    assert_eq!(
        (got.text(), counts(&got)),
        ("a".into(), vec![entry(&source, "maxlen", 1)])
    );
    assert_eq!(channel.drain(&source), ["b"]);
    assert!(channel.get(&graves).is_none());
}

#[test]
fn a_circle_with_a_rejection_in_it_is_not_cut() {
    let channel = channel();
    let (full, retry) = (unique("full"), unique("retry"));
    let to = |name: &str| {
        [
            ("x-dead-letter-exchange", long_string("")),
            ("x-dead-letter-routing-key", long_string(name)),
        ]
    };
    let limited = [&to(&retry)[..], &[("x-max-length", count(1))]].concat();
    channel.queue_with(&full, table(limited));
    channel.queue_with(&retry, table(to(&full)));
    channel.fill(&full, &["a", "b"]);
    reject_one(&channel, &retry);
    // It pushes the other one out, and is there itself.
    let got = channel.got(&full);
    assert_eq!(got.text(), "a");
    assert_eq!(
        counts(&got),
        [entry(&retry, "rejected", 1), entry(&full, "maxlen", 1)]
    );
    assert_eq!(channel.got(&retry).text(), "b");
}

#[test]
fn what_has_to_make_room_is_dead_lettered() {
    let channel = channel();
    let graves = channel.temporary_queue();
    let source = mortal(&channel, &graves, &[("x-max-length", count(2))]);
    channel.fill(&source, &["a", "b", "c", "d"]);
    for body in ["a", "b"] {
        let got = channel.got(&graves);
        assert_eq!(
            (got.text(), counts(&got)),
            (body.into(), vec![entry(&source, "maxlen", 1)])
        );
    }
    assert_eq!(channel.drain(&source), ["c", "d"]);
}

#[test]
fn what_is_refused_is_dead_lettered_if_the_queue_says_so() {
    let channel = channel();
    let graves = channel.temporary_queue();
    let full = |overflow| {
        [
            ("x-max-length", count(1)),
            ("x-overflow", long_string(overflow)),
        ]
    };
    let source = mortal(&channel, &graves, &full("reject-publish-dlx"));
    channel.publish("", &source, "a");
    channel.publish("", &source, "b");
    let got = channel.got(&graves);
    assert_eq!(
        (got.text(), counts(&got)),
        ("b".into(), vec![entry(&source, "maxlen", 1)])
    );
    let source = mortal(&channel, &graves, &full("reject-publish"));
    channel.publish("", &source, "a");
    channel.publish("", &source, "b");
    assert!(channel.get(&graves).is_none());
}

#[test]
fn what_came_back_too_often_is_dead_lettered() {
    let channel = channel();
    let graves = channel.temporary_queue();
    let source = mortal(&channel, &graves, &[("x-delivery-limit", count(2))]);
    channel.publish("", &source, "a");
    for earlier in 0..3 {
        let got = channel.got(&source);
        let delivered = got
            .content
            .headers()
            .inner()
            .get("x-delivery-count")
            .cloned();
        assert_eq!(delivered, (earlier > 0).then(|| count(earlier)));
        channel.reject(got.delivery_tag, true);
    }
    let got = channel.got(&graves);
    assert_eq!(counts(&got), [entry(&source, "delivery_limit", 1)]);
    assert!(
        !got.content
            .headers()
            .inner()
            .contains_key("x-delivery-count")
    );
    assert!(channel.get(&source).is_none());
}

#[test]
fn a_missing_exchange_drops_the_message() {
    let channel = channel();
    let exchange = unique("missing");
    let source = queue(
        &channel,
        "source",
        &[("x-dead-letter-exchange", long_string(&exchange))],
    );
    channel.publish("", &source, "lost");
    reject_one(&channel, &source);
    channel.expect_nothing();
    // It is looked for when somebody dies.
    channel.exchange(&exchange, "fanout");
    let graves = channel.temporary_queue();
    channel.bind(&graves, &exchange, "");
    channel.publish("", &source, "found");
    reject_one(&channel, &source);
    assert_eq!(channel.drain(&graves), ["found"]);
    assert_eq!(channel.counts(&source).0, 0);
}

#[test]
fn an_exchange_without_a_route_drops_the_message() {
    let channel = channel();
    let source = mortal(&channel, &unique("missing"), &[]);
    channel.publish("", &source, "lost");
    reject_one(&channel, &source);
    assert_eq!(channel.counts(&source).0, 0);
}

#[test]
fn alternate_exchanges_are_asked() {
    let channel = channel();
    let other = channel.exchange(&unique("other"), "fanout");
    let graves = channel.temporary_queue();
    channel.bind(&graves, &other, "");
    let alternate = table([("alternate-exchange", long_string(&other))]);
    let exchange = channel.exchange_with(&unique("dlx"), "direct", alternate);
    let source = queue(
        &channel,
        "source",
        &[("x-dead-letter-exchange", long_string(&exchange))],
    );
    channel.publish("", &source, "a");
    reject_one(&channel, &source);
    let got = channel.got(&graves);
    assert_eq!((got.text(), got.exchange), ("a".into(), exchange));
}

#[test]
fn an_internal_exchange_takes_dead_letters() {
    let channel = channel();
    let exchange = unique("internal");
    channel.call::<exchange::DeclareOk>(exchange::Declare {
        exchange: exchange.as_str().into(),
        kind: "fanout".into(),
        internal: true,
        ..Default::default()
    });
    let graves = channel.temporary_queue();
    channel.bind(&graves, &exchange, "");
    let source = queue(
        &channel,
        "source",
        &[("x-dead-letter-exchange", long_string(&exchange))],
    );
    channel.publish("", &source, "a");
    reject_one(&channel, &source);
    assert_eq!(channel.drain(&graves), ["a"]);
}

#[test]
fn copies_route_dead_letters_too_unless_a_key_is_configured() {
    let channel = channel();
    let exchange = channel.exchange(&unique("dlx"), "direct");
    let (copy, key) = (channel.temporary_queue(), channel.temporary_queue());
    channel.bind(&copy, &exchange, "copy");
    channel.bind(&key, &exchange, "key");
    let to = ("x-dead-letter-exchange", long_string(&exchange));
    let by_own = queue(&channel, "own", std::slice::from_ref(&to));
    let by_key = ("x-dead-letter-routing-key", long_string("key"));
    let by_key = queue(&channel, "key", &[to, by_key]);
    let copied = properties(&[("CC", strings(&["copy"])), ("BCC", strings(&["key"]))]);
    for source in [&by_own, &by_key] {
        channel.publish_with("", source, source, &copied);
        reject_one(&channel, source);
    }
    let got = channel.got(&copy);
    assert_eq!(
        (got.text(), got.routing_key.as_str()),
        (by_own.clone(), by_own.as_str())
    );
    let expected = strings(&[&by_own, "copy"]);
    assert_eq!(deaths(&got)[0].inner().get("routing-keys"), Some(&expected));
    assert!(channel.get(&copy).is_none());
    let got = channel.got(&key);
    assert_eq!((got.text(), got.routing_key.as_str()), (by_key, "key"));
    let headers = got.content.headers();
    assert_eq!(headers.inner().get("CC"), Some(&strings(&["copy"])));
    assert!(!headers.inner().contains_key("BCC"));
    assert!(channel.get(&key).is_none());
}

#[test]
fn what_has_expired_is_dead_lettered() {
    let channel = channel();
    let graves = channel.temporary_queue();
    let source = mortal(&channel, &graves, &[]);
    let expires = BasicProperties::default().with_expiration("1".into());
    channel.publish_with("", &source, "a", &expires);
    let got = arrives(&channel, &graves);
    assert_eq!(counts(&got), [entry(&source, "expired", 1)]);
    let noted = deaths(&got)[0].inner().get("original-expiration").cloned();
    assert_eq!(noted, Some(long_string("1")));
    assert_eq!(got.content.decoded().expiration(), &None);
    // By the queue's own time to live nothing is noted.
    let source = mortal(&channel, &graves, &[("x-message-ttl", count(1))]);
    channel.publish("", &source, "b");
    let got = arrives(&channel, &graves);
    assert_eq!(counts(&got), [entry(&source, "expired", 1)]);
    assert!(!deaths(&got)[0].inner().contains_key("original-expiration"));
}

#[test]
fn time_alone_drives_no_message_round() {
    let channel = channel();
    let (one, two) = (unique("one"), unique("two"));
    for (name, other) in [(&one, &two), (&two, &one)] {
        let arguments = [
            ("x-dead-letter-exchange", long_string("")),
            ("x-dead-letter-routing-key", long_string(other)),
            ("x-message-ttl", count(1)),
        ];
        channel.queue_with(name, table(arguments));
    }
    channel.fill(&one, &["a"]);
    // It dies in both, and is dropped on its way back.
    let mut empty = 0;
    eventually("the message is dropped", || {
        let ready = channel.counts(&one).0 + channel.counts(&two).0;
        empty = if ready == 0 { empty + 1 } else { 0 };
        empty > 100
    });
}

#[test]
fn a_retry_queue_gives_back_what_was_rejected() {
    let channel = channel();
    let (work, retry) = (unique("work"), unique("retry"));
    let to = |name: &str| {
        [
            ("x-dead-letter-exchange", long_string("")),
            ("x-dead-letter-routing-key", long_string(name)),
        ]
    };
    channel.queue_with(&work, table(to(&retry)));
    let waiting = [&to(&work)[..], &[("x-message-ttl", count(1))]].concat();
    channel.queue_with(&retry, table(waiting));
    channel.publish("", &work, "a");
    for _ in 0..5 {
        reject_one(&channel, &work);
    }
    let got = arrives(&channel, &work);
    assert_eq!(
        counts(&got),
        [entry(&retry, "expired", 5), entry(&work, "rejected", 5)]
    );
}

#[test]
fn expiration_is_noted_and_removed() {
    let channel = channel();
    let graves = channel.temporary_queue();
    let source = mortal(&channel, &graves, &[]);
    let expires = BasicProperties::default().with_expiration("600000".into());
    channel.publish_with("", &source, "a", &expires);
    reject_one(&channel, &source);
    let got = channel.got(&graves);
    assert_eq!(got.content.decoded().expiration(), &None);
    let noted = deaths(&got)[0].inner().get("original-expiration").cloned();
    assert_eq!(noted, Some(long_string("600000")));
}

#[test]
fn everything_else_stays_as_it_was() {
    let channel = channel();
    let graves = channel.temporary_queue();
    let source = mortal(&channel, &graves, &[]);
    let headers = table([
        ("a", AMQPValue::ShortInt(-3)),
        ("x-last-death", long_string("mine")),
    ]);
    let sent = BasicProperties::default()
        .with_content_type("text/plain".into())
        .with_headers(headers.clone())
        .with_delivery_mode(1)
        .with_priority(7)
        .with_correlation_id("c".into())
        .with_reply_to("r".into())
        .with_message_id("m".into())
        .with_timestamp(12)
        .with_type("t".into())
        .with_app_id("app".into());
    channel.publish_with("", &source, "body", &sent);
    reject_one(&channel, &source);
    let got = channel.got(&graves);
    let mut expected = headers;
    for (name, value) in got.content.headers().inner() {
        if name.as_str() == "x-death" || name.as_str().contains("-death-") {
            expected.insert(name.clone(), value.clone());
        }
    }
    assert_eq!(got.content.decoded(), sent.with_headers(expected));
    assert_eq!(got.text(), "body");
}

#[test]
fn a_publishers_x_death_is_passed_on_and_then_replaced() {
    let channel = channel();
    let graves = channel.temporary_queue();
    let source = mortal(&channel, &graves, &[]);
    channel.publish("", &source, "a");
    reject_one(&channel, &source);
    let got = channel.got(&graves);
    // Published again with the headers that it came with.
    channel.publish_with("", &source, "a", &got.content.decoded());
    let again = channel.got(&source);
    assert_eq!(counts(&again), counts(&got));
    channel.reject(again.delivery_tag, false);
    assert_eq!(
        counts(&channel.got(&graves)),
        [entry(&source, "rejected", 1)]
    );
}

#[test]
fn target_queues_keep_their_limits() {
    let channel = channel();
    let last = channel.temporary_queue();
    let graves = mortal(&channel, &last, &[("x-max-length", count(1))]);
    let source = mortal(&channel, &graves, &[]);
    for body in ["a", "b"] {
        channel.publish("", &source, body);
        reject_one(&channel, &source);
    }
    assert_eq!(channel.drain(&graves), ["b"]);
    let got = channel.got(&last);
    assert_eq!(got.text(), "a");
    assert_eq!(
        counts(&got),
        [entry(&graves, "maxlen", 1), entry(&source, "rejected", 1)]
    );
}

#[test]
fn a_refusal_by_the_target_drops_the_message() {
    let channel = channel();
    let full = [
        ("x-max-length", count(1)),
        ("x-overflow", long_string("reject-publish")),
    ];
    let graves = queue(&channel, "full", &full);
    let source = mortal(&channel, &graves, &[]);
    for body in ["a", "b"] {
        channel.publish("", &source, body);
        reject_one(&channel, &source);
    }
    assert_eq!(channel.drain(&graves), ["a"]);
    assert_eq!(channel.counts(&source).0, 0);
}

#[test]
fn waiting_consumers_get_dead_letters_at_once() {
    let channel = channel();
    let graves = channel.temporary_queue();
    let source = mortal(&channel, &graves, &[]);
    let consumer = channel.connection().channel();
    consumer.consume(&graves);
    channel.publish("", &source, "a");
    reject_one(&channel, &source);
    assert_eq!(consumer.delivery().text(), "a");
}

#[test]
fn rejects_in_a_transaction_dead_letter_when_it_is_committed() {
    let channel = channel();
    let (graves, observer) = (channel.temporary_queue(), channel.connection().channel());
    let source = mortal(&channel, &graves, &[]);
    channel.fill(&source, &["a", "b"]);
    channel.call::<tx::SelectOk>(tx::Select {});
    let tags = [(); 2].map(|()| channel.got(&source).delivery_tag);
    channel.reject(tags[0], false);
    channel.call::<tx::RollbackOk>(tx::Rollback {});
    assert!(observer.get(&graves).is_none());
    channel.reject(tags[1], false);
    channel.expect_nothing();
    assert!(observer.get(&graves).is_none());
    channel.call::<tx::CommitOk>(tx::Commit {});
    assert_eq!(arrives(&observer, &graves).text(), "b");
    assert!(observer.get(&graves).is_none());
}
