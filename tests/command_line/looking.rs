//! Browsing, tailing, jobs, delayed messages, events.

use std::thread;

use ferrymq_tests::harness::Broker;
use serde_json::{Value, json};

use crate::runner::{ctl, ctl_over_http};

fn publish(broker: &Broker, queue: &str, texts: &[&str]) {
    for text in texts {
        ctl(broker).ok(&format!("publish amq.default {queue} {text}"));
    }
}

/// The values of one field, in order.
fn each<'a>(list: &'a Value, field: &str) -> Vec<&'a Value> {
    let items = list.as_array().into_iter().flatten();
    items.map(|item| &item[field]).collect()
}

#[test]
fn browsing_takes_nothing() {
    let broker = Broker::start();
    let ctl = || ctl(&broker);
    ctl().ok("declare_queue q");
    publish(&broker, "q", &["one", "two", "three"]);
    let all = ctl().json("browse q");
    assert_eq!(each(&all, "payload"), ["one", "two", "three"]);
    let columns = ctl().ok("browse q -s routing_key,payload --count 2");
    assert_eq!(columns, "q\tone\nq\ttwo\n");
    let last = ctl().json("browse q --from tail --count 1");
    assert_eq!(each(&last, "payload"), ["three"]);
    let some = ctl().run(&["browse", "q", "-s", "payload", "--filter", "size:>3"]);
    assert_eq!(some.out, "three\n");
    let second = ctl().json("peek q 2");
    assert_eq!(second["payload"], "two");
    ctl().fails("peek q 4", 69);
    ctl().fails("peek q 0", 69);
    let wrong = ctl().fails("browse q --filter size:>many", 65);
    assert!(wrong.contains("size"), "{wrong}");
    ctl().fails("browse nothing", 65);
    let first = ctl().json("get q");
    assert_eq!(first[0]["redelivered"], false);
}

#[test]
fn messages_are_moved_copied_and_purged() {
    let broker = Broker::start();
    let ctl = || ctl(&broker);
    for queue in ["a", "b", "c"] {
        ctl().ok(&format!("declare_queue {queue}"));
    }
    publish(&broker, "a", &["one", "two", "three"]);
    assert_eq!(
        ctl().ok("copy_messages a --to-queue b -q"),
        "3 messages copied\n"
    );
    let moved = ctl().json("move_messages a --to-queue c --limit 1");
    assert_eq!(moved["state"], "done");
    assert_eq!(moved["progress"]["done"], 1);
    let purged = ctl().ok("purge_queue b -q --filter two");
    assert_eq!(purged, "1 messages purged\n");
    let counts = ctl().ok("list_queues -s name messages");
    assert_eq!(counts, "a\t2\nb\t2\nc\t1\n");
    let jobs = ctl().json("list_jobs task state done");
    assert_eq!(jobs.as_array().map(Vec::len), Some(3));
    assert!(each(&jobs, "state").iter().all(|state| *state == "done"));
    let lost = ctl().fails("move_messages a --to-exchange amq.topic -k nowhere", 65);
    assert!(lost.contains("2 messages stay in 'a'"), "{lost}");
    ctl().fails("move_messages nothing --to-queue a", 65);
    ctl().fails("move_messages a", 64);
    ctl().fails("cancel_job 99", 65);
}

#[test]
fn dead_letters_are_redriven() {
    let broker = Broker::start();
    let ctl = || ctl(&broker);
    ctl().ok("declare_queue dead");
    ctl().ok("declare_queue q --argument x-dead-letter-exchange=\"\" \
         --argument x-dead-letter-routing-key=dead");
    publish(&broker, "q", &["hello"]);
    ctl().ok("get q --ackmode reject_requeue_false");
    assert_eq!(ctl().ok("list_queues -s name messages"), "dead\t1\nq\t0\n");
    assert_eq!(ctl().ok("redrive dead -q"), "1 messages redriven\n");
    assert_eq!(ctl().ok("list_queues -s name messages"), "dead\t0\nq\t1\n");
    let counted = || ctl().ok("browse q -s properties --filter header.x-redrive-count:1");
    assert!(counted().contains("x-redrive-count"));
    ctl().ok("get q --ackmode reject_requeue_false");
    ctl().ok("redrive dead -q --no-mark");
    assert!(
        counted().contains("x-redrive-count"),
        "it was not counted again"
    );
}

#[test]
fn a_job_can_be_left_alone_and_cancelled() {
    let broker = Broker::start();
    let ctl = || ctl(&broker);
    for queue in ["a", "b"] {
        ctl().ok(&format!("declare_queue {queue}"));
    }
    publish(&broker, "a", &["1", "2", "3", "4"]);
    let id = ctl().ok("move_messages a --to-queue b --rate 1 --background -q");
    ctl().ok(&format!("cancel_job {}", id.trim()));
    let left = ctl().json("list_queues name messages");
    assert_ne!(each(&left, "messages"), [&json!(0), &json!(4)]);
}

#[test]
fn delayed_messages_are_listed_and_cancelled() {
    let broker = Broker::start();
    let ctl = || ctl(&broker);
    ctl().ok("declare_queue q --argument x-delayed=true");
    for text in ["one", "two"] {
        let line = format!("publish amq.default q {text} --header x-delay=3600000");
        ctl().ok(&line);
    }
    let waiting = ctl().json("list_delayed q");
    assert_eq!(each(&waiting, "payload"), ["one", "two"]);
    let sequence = &waiting[0]["sequence"];
    ctl().ok(&format!("cancel_delayed q {sequence}"));
    ctl().fails(&format!("cancel_delayed q {sequence}"), 65);
    assert_eq!(each(&ctl().json("list_delayed q"), "payload"), ["two"]);
    ctl().fails("cancel_delayed q", 64);
    ctl().ok("cancel_delayed q --all");
    assert_eq!(ctl().json("list_delayed q"), json!([]));
    let none = ctl().json("list_delayed amq.topic --exchange");
    assert_eq!(none, json!([]));
    ctl().fails("list_delayed nothing", 65);
}

#[test]
fn routes_are_explained() {
    let broker = Broker::start();
    let ctl = || ctl(&broker);
    ctl().ok("declare_queue q");
    ctl().ok("bind amq.topic q -k a.#");
    let found = ctl().json("route amq.topic a.b");
    assert_eq!(
        (&found["routed"], &found["queues"]),
        (&json!(true), &json!(["q"]))
    );
    let text = ctl().ok("route amq.topic b -q");
    assert_eq!(text, "queues: []\n");
}

#[test]
fn copies_of_what_passes_are_shown() {
    let broker = Broker::start();
    ctl(&broker).ok("declare_queue q");
    thread::scope(|scope| {
        let tailing = scope.spawn(|| ctl(&broker).json("tail q --count 1"));
        // Nobody tells when the tail has begun to listen.
        while !tailing.is_finished() {
            publish(&broker, "q", &["hello"]);
        }
        let heard = tailing.join().unwrap();
        assert_eq!(heard["payload"], "hello");
    });
    ctl(&broker).fails("tail nothing", 65);
}

#[test]
fn events_are_followed() {
    let broker = Broker::start();
    thread::scope(|scope| {
        let following = scope.spawn(|| {
            let ctl = ctl_over_http(&broker, "guest:guest");
            ctl.json("events --types queue --count 1")
        });
        let mut number = 0;
        // Nobody tells when the first event is listened for.
        while !following.is_finished() {
            ctl(&broker).ok(&format!("declare_queue q{number}"));
            number += 1;
        }
        let event = following.join().unwrap();
        assert_eq!(event["event"], "queue.created");
        assert_eq!(event["fields"]["user_who_performed_action"], "local:root");
    });
}
