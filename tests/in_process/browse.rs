//! Looking at messages changes nothing.

use ferrymq_broker::browse::{Browse, Browsed, Direction, Mask, Page};
use ferrymq_broker::clock::Timestamp;
use ferrymq_tests::InProcess;
use ferrymq_tests::raw::{AMQPValue, BasicProperties, Connection, FieldTable};

use crate::support::{actor, vhost};

fn browse(broker: &InProcess, queue: &str, browse: &Browse) -> Page {
    let now = Timestamp::from_millis(10_000);
    let page = vhost(broker).browse(&actor(broker), queue, browse, now);
    page.expect("a queue that can be read")
}

fn bodies(messages: &[Browsed]) -> Vec<String> {
    let text = |message: &Browsed| String::from_utf8_lossy(&message.body).into_owned();
    messages.iter().map(text).collect()
}

/// Everything that page after page shows.
fn all(broker: &InProcess, queue: &str, wanted: &Browse) -> Vec<Browsed> {
    let mut wanted = wanted.clone();
    let mut messages = Vec::new();
    loop {
        let page = browse(broker, queue, &wanted);
        messages.extend(page.messages);
        match page.next {
            Some(next) => wanted.from = next,
            None => return messages,
        }
    }
}

#[test]
fn messages_are_seen_as_they_would_come_and_stay_as_they_are() {
    let broker = InProcess::start();
    let channel = Connection::open(broker.amqp()).channel();
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-priority".into(), AMQPValue::LongInt(5));
    channel.durable_queue_with("q", arguments);
    channel.confirm();
    for (priority, body) in [(0, "a"), (5, "b"), (0, "c"), (3, "d"), (5, "e")] {
        let properties = BasicProperties::default().with_priority(priority);
        channel.publish_with("", "q", body, &properties);
    }
    channel.confirmed(5);
    let got = channel.got("q");
    channel.nack(got.delivery_tag, true);
    assert_eq!(channel.counts("q").0, 5);
    let seen = all(
        &broker,
        "q",
        &Browse {
            limit: 2,
            ..Browse::default()
        },
    );
    assert_eq!(bodies(&seen), ["b", "e", "d", "a", "c"]);
    let flags: Vec<bool> = seen.iter().map(|message| message.redelivered).collect();
    assert_eq!(flags, [true, false, false, false, false]);
    let numbers: Vec<u64> = seen.iter().map(|message| message.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    // What a consumer gets is what it would have got.
    let first = channel.got("q");
    assert!(first.redelivered);
    let second = channel.got("q");
    assert_eq!((second.text(), second.redelivered), ("e".into(), false));
}

#[test]
fn everything_about_a_message_is_shown() {
    let broker = InProcess::start();
    let channel = Connection::open(broker.amqp()).channel();
    channel.queue_with("q", FieldTable::default());
    channel.bind("q", "amq.direct", "key");
    channel.confirm();
    let properties = BasicProperties::default()
        .with_timestamp(7)
        .with_delivery_mode(2)
        .with_content_type("text/plain".into());
    channel.publish_with("amq.direct", "key", "0123456789", &properties);
    channel.confirmed(1);
    let wanted = Browse {
        body_offset: 2,
        body_bytes: 3,
        ..Browse::default()
    };
    let page = browse(&broker, "q", &wanted);
    let [message] = &page.messages[..] else {
        panic!("{page:?}");
    };
    assert_eq!(message.body, b"234");
    assert_eq!(message.body_len, 10);
    assert_eq!(
        (&*message.exchange, &*message.routing_key),
        ("amq.direct", "key")
    );
    assert_eq!(
        message.properties().unwrap().content_type(),
        Some("text/plain")
    );
    assert_eq!(message.age.unwrap().as_secs(), 3);
    assert!(message.persistent && !message.redelivered);
}

#[test]
fn a_filter_ends_after_so_many_messages_and_goes_on() {
    let broker = InProcess::start();
    let channel = Connection::open(broker.amqp()).channel();
    channel.queue_with("q", FieldTable::default());
    channel.exchange("topic", "topic");
    channel.bind("q", "topic", "#");
    channel.confirm();
    for number in 0..100 {
        let mut headers = FieldTable::default();
        headers.insert("n".into(), AMQPValue::LongInt(number % 10));
        let properties = BasicProperties::default().with_headers(headers);
        let key = format!("a.{}.c", number % 3);
        channel.publish_with("topic", &key, &format!("body {number}"), &properties);
    }
    channel.confirmed(100);
    let nothing = Browse {
        filter: "nowhere".parse().unwrap(),
        max_scanned: 30,
        ..Browse::default()
    };
    let page = browse(&broker, "q", &nothing);
    assert_eq!((page.scanned, page.messages.len()), (30, 0));
    assert!(page.next.is_some());
    assert!(all(&broker, "q", &nothing).is_empty());
    let some = Browse {
        filter: "key:*.0.# header.n:3 body".parse().unwrap(),
        limit: 1,
        max_scanned: 7,
        ..Browse::default()
    };
    let seen = all(&broker, "q", &some);
    assert_eq!(bodies(&seen), ["body 3", "body 33", "body 63", "body 93"]);
}

#[test]
fn what_is_on_disk_only_is_seen_and_stays_there() {
    let mut broker = InProcess::start();
    let channel = Connection::open(broker.amqp()).channel();
    channel.durable_queue_with("q", FieldTable::default());
    channel.confirm();
    let persistent = BasicProperties::default().with_delivery_mode(2);
    for number in 0..700 {
        channel.publish_with("", "q", &number.to_string(), &persistent);
    }
    channel.confirmed(700);
    drop(channel);
    broker.restart();
    let paged = |broker: &InProcess| {
        let vhost = broker.broker().vhost("/").unwrap();
        vhost.snapshot().queues["q"].inspect(|queue| queue.paged())
    };
    assert_eq!(paged(&broker), 700);
    let forwards = all(&broker, "q", &Browse::default());
    check_backwards(&broker, "q", &forwards);
    let seen = all(
        &broker,
        "q",
        &Browse {
            limit: 300,
            ..Browse::default()
        },
    );
    let expected: Vec<String> = (0..700).map(|number| number.to_string()).collect();
    assert_eq!(bodies(&seen), expected);
    assert_eq!(paged(&broker), 700);
}

/// Everything from the tail on, and every message by its sequence.
fn check_backwards(broker: &InProcess, queue: &str, forwards: &[Browsed]) {
    let from_tail = Browse {
        from: Direction::Tail.start(),
        limit: 3,
        ..Browse::default()
    };
    let mut seen = all(broker, queue, &from_tail);
    seen.reverse();
    assert_eq!(bodies(&seen), bodies(forwards));
    let numbers = |messages: &[Browsed]| -> Vec<u64> {
        let numbers = messages.iter().map(|message| message.number);
        numbers.collect()
    };
    assert_eq!(numbers(&seen), numbers(forwards));
    let now = Timestamp::from_millis(10_000);
    let one = |sequence| {
        let (actor, mask) = (actor(broker), Mask::default());
        let found = vhost(broker).browse_one(&actor, queue, sequence, usize::MAX, &mask, now);
        found.expect("a queue that can be read")
    };
    for message in forwards {
        let body = one(message.sequence).map(|found| found.body);
        assert_eq!(body.as_ref(), Some(&message.body));
    }
    assert!(one(1_000_000).is_none());
}

#[test]
fn the_latest_come_first_from_the_tail() {
    let broker = InProcess::start();
    let channel = Connection::open(broker.amqp()).channel();
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-priority".into(), AMQPValue::LongInt(5));
    channel.durable_queue_with("levels", arguments);
    let mut arguments = FieldTable::default();
    arguments.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("quorum".into()),
    );
    channel.durable_queue_with("returned", arguments);
    channel.confirm();
    for number in 0..20 {
        let properties = BasicProperties::default().with_priority(number % 4);
        let body = number.to_string();
        channel.publish_with("", "levels", &body, &properties);
        channel.publish_with("", "returned", &body, &properties);
    }
    channel.confirmed(40);
    for number in 0..15 {
        let got = channel.got("returned");
        if number % 3 == 0 {
            channel.nack(got.delivery_tag, true);
        } else {
            channel.ack(got.delivery_tag);
        }
    }
    for queue in ["levels", "returned"] {
        check_backwards(&broker, queue, &all(&broker, queue, &Browse::default()));
    }
}
