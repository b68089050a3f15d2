//! Declaring, purging and deleting queues; exclusive and auto-delete ones.

use ferrymq_tests::raw::{Channel, basic, exchange, queue};

use crate::support::{channel, connect, unique};

fn declare(name: &str) -> queue::Declare {
    queue::Declare {
        queue: name.into(),
        ..Default::default()
    }
}

fn passive(name: &str) -> queue::Declare {
    queue::Declare {
        passive: true,
        ..declare(name)
    }
}

#[track_caller]
fn check_missing(channel: &Channel, name: &str) {
    channel.send(passive(name));
    channel.refused(404, &format!("no queue '{name}' in vhost '/'"));
    channel.reopen();
}

#[test]
fn the_server_names_a_queue() {
    let channel = channel();
    let (one, two) = (channel.temporary_queue(), channel.temporary_queue());
    assert_ne!(one, two);
    for name in [one, two] {
        let random = name
            .strip_prefix("amq.gen-")
            .expect("the prefix of generated names");
        assert_eq!(random.len(), 22, "{name}");
        let is_url_safe = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        assert!(random.chars().all(is_url_safe), "{name}");
    }
}

#[test]
fn a_new_queue_is_empty() {
    let channel = channel();
    let declared: queue::DeclareOk = channel.call(declare(&unique("new")));
    assert_eq!((declared.message_count, declared.consumer_count), (0, 0));
}

#[test]
fn a_declare_counts_ready_messages_and_consumers() {
    let channel = channel();
    let name = channel.queue(&unique("counts"));
    channel.fill(&name, &["a", "b", "c"]);
    channel.got(&name);
    let declared: queue::DeclareOk = channel.call(declare(&name));
    assert_eq!((declared.message_count, declared.consumer_count), (2, 0));
    let other = connect().channel();
    other.qos(1, false);
    for _ in 0..2 {
        other.consume(&name);
        other.delivery();
    }
    assert_eq!(channel.counts(&name), (0, 2));
}

#[test]
fn a_passive_declare_of_a_missing_queue_is_refused() {
    check_missing(&channel(), &unique("missing"));
}

#[test]
fn a_passive_declare_needs_a_name() {
    let channel = channel();
    channel.temporary_queue();
    channel.send(passive(""));
    channel.refused(404, "no queue '' in vhost '/'");
}

#[test]
fn a_passive_declare_compares_nothing() {
    let channel = channel();
    let name = channel.queue(&unique("passive"));
    channel.call::<queue::DeclareOk>(queue::Declare {
        durable: true,
        auto_delete: true,
        ..passive(&name)
    });
}

#[test]
fn a_reserved_name_is_refused() {
    let channel = channel();
    let name = unique("amq.reserved");
    channel.send(declare(&name));
    channel.refused(
        403,
        &format!("queue name '{name}' contains reserved prefix 'amq.*'"),
    );
    channel.reopen();
    check_missing(&channel, &name);
}

#[test]
fn an_equal_declare_is_accepted() {
    let channel = channel();
    let name = unique("equal");
    for _ in 0..2 {
        channel.call::<queue::DeclareOk>(queue::Declare {
            durable: true,
            auto_delete: true,
            ..declare(&name)
        });
    }
    channel.delete_queue(&name);
}

#[track_caller]
fn check_inequivalent(change: impl Fn(&mut queue::Declare), words: &str) {
    let channel = channel();
    let name = channel.queue(&unique("inequivalent"));
    let mut again = declare(&name);
    change(&mut again);
    channel.send(again);
    channel.refused(
        406,
        &words.replace("NAME", &format!("for queue '{name}' in vhost '/'")),
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
fn an_existing_shared_queue_cannot_become_exclusive() {
    let channel = channel();
    let name = channel.queue(&unique("shared"));
    channel.send(queue::Declare {
        exclusive: true,
        ..declare(&name)
    });
    channel.refused(405, &format!("queue '{name}' in vhost '/'"));
}

#[test]
fn an_exclusive_queue_cannot_be_declared_as_shared() {
    let channel = channel();
    let name = unique("exclusive");
    channel.call::<queue::DeclareOk>(queue::Declare {
        exclusive: true,
        ..declare(&name)
    });
    channel.send(declare(&name));
    channel.refused(405, &format!("queue '{name}' in vhost '/'"));
}

#[test]
fn without_wait_there_is_no_answer() {
    let channel = channel();
    let name = unique("nowait");
    channel.send(queue::Declare {
        nowait: true,
        ..declare(&name)
    });
    channel.expect_nothing();
    channel.send(queue::Bind {
        queue: name.as_str().into(),
        exchange: "amq.direct".into(),
        routing_key: name.as_str().into(),
        nowait: true,
        ..Default::default()
    });
    channel.expect_nothing();
    channel.publish("amq.direct", &name, "a");
    assert_eq!(channel.got(&name).text(), "a");
    channel.fill(&name, &["b"]);
    assert_eq!(channel.counts(&name).0, 1);
    channel.send(queue::Purge {
        queue: name.as_str().into(),
        nowait: true,
    });
    channel.expect_nothing();
    assert_eq!(channel.counts(&name).0, 0);
    channel.send(queue::Delete {
        queue: name.as_str().into(),
        nowait: true,
        ..Default::default()
    });
    channel.expect_nothing();
    check_missing(&channel, &name);
}

#[test]
fn a_server_named_queue_without_wait_is_reached_by_the_empty_name() {
    let channel = channel();
    channel.send(queue::Declare {
        exclusive: true,
        nowait: true,
        ..Default::default()
    });
    channel.expect_nothing();
    let key = unique("key");
    channel.bind("", "amq.direct", &key);
    channel.publish("amq.direct", &key, "a");
    assert_eq!(channel.got("").text(), "a");
}

#[test]
fn transient_shared_queues_are_allowed() {
    let (one, two) = (channel(), channel());
    let name = one.queue(&unique("transient"));
    assert_eq!(two.counts(&name), (0, 0));
}

#[test]
fn names_may_be_long_and_in_any_script() {
    let channel = channel();
    let prefix = unique("очередь");
    let name = format!("{prefix}{}", "q".repeat(255 - prefix.len()));
    let declared: queue::DeclareOk = channel.call(declare(&name));
    assert_eq!(declared.queue.as_str(), name);
    channel.publish("", &name, "a");
    assert_eq!(channel.drain(&name), ["a"]);
    channel.delete_queue(&name);
}

#[test]
fn a_purge_removes_ready_messages_only() {
    let channel = channel();
    let name = channel.queue(&unique("purge"));
    channel.fill(&name, &["a", "b", "c"]);
    let held = channel.got(&name);
    let purged: queue::PurgeOk = channel.call(queue::Purge {
        queue: name.as_str().into(),
        nowait: false,
    });
    assert_eq!(purged.message_count, 2);
    channel.nack(held.delivery_tag, true);
    assert_eq!(channel.drain(&name), ["a"]);
}

#[test]
fn purging_a_missing_queue_is_refused() {
    let channel = channel();
    let name = unique("missing");
    channel.send(queue::Purge {
        queue: name.as_str().into(),
        nowait: false,
    });
    channel.refused(404, &format!("no queue '{name}' in vhost '/'"));
}

#[test]
fn a_delete_counts_ready_messages() {
    let channel = channel();
    let name = channel.queue(&unique("delete"));
    channel.fill(&name, &["a", "b", "c"]);
    channel.got(&name);
    assert_eq!(channel.delete_queue(&name), 2);
    check_missing(&channel, &name);
}

#[test]
fn deleting_a_missing_queue_is_fine() {
    assert_eq!(channel().delete_queue(&unique("missing")), 0);
}

#[test]
fn a_queue_with_consumers_is_in_use() {
    let channel = channel();
    let name = channel.queue(&unique("used"));
    let tag = channel.consume(&name);
    let delete = queue::Delete {
        queue: name.as_str().into(),
        if_unused: true,
        ..Default::default()
    };
    let other = connect().channel();
    other.send(delete.clone());
    other.refused(406, &format!("queue '{name}' in vhost '/' in use"));
    channel.cancel(&tag);
    channel.call::<queue::DeleteOk>(delete);
}

#[test]
fn a_queue_with_messages_is_not_empty() {
    let channel = channel();
    let name = channel.queue(&unique("empty"));
    channel.fill(&name, &["a"]);
    let delete = queue::Delete {
        queue: name.as_str().into(),
        if_empty: true,
        ..Default::default()
    };
    channel.send(delete.clone());
    channel.refused(406, &format!("queue '{name}' in vhost '/' not empty"));
    channel.reopen();
    channel.drain(&name);
    channel.call::<queue::DeleteOk>(delete);
}

#[test]
fn a_delete_removes_the_bindings() {
    let channel = channel();
    let exchange = channel.exchange(&unique("exchange"), "fanout");
    let name = channel.queue(&unique("bound"));
    channel.bind(&name, &exchange, "");
    channel.delete_queue(&name);
    channel.queue(&name);
    channel.publish(&exchange, "", "lost");
    assert!(channel.get(&name).is_none());
    channel.call::<exchange::DeleteOk>(exchange::Delete {
        exchange: exchange.as_str().into(),
        if_unused: true,
        nowait: false,
    });
}

#[test]
fn acking_a_message_of_a_deleted_queue_is_fine() {
    let channel = channel();
    let name = channel.queue(&unique("deleted"));
    channel.fill(&name, &["a", "b"]);
    let (one, two) = (channel.got(&name), channel.got(&name));
    channel.delete_queue(&name);
    channel.ack(one.delivery_tag);
    channel.nack(two.delivery_tag, true);
    channel.expect_nothing();
}

#[test]
fn other_channels_of_the_connection_may_use_an_exclusive_queue() {
    let connection = connect();
    let (one, two) = (connection.channel(), connection.channel());
    let name = one.temporary_queue();
    two.publish("", &name, "a");
    assert_eq!(two.drain(&name), ["a"]);
    two.delete_queue(&name);
}

#[test]
fn another_connection_may_not_use_an_exclusive_queue() {
    let owner = channel();
    let name = owner.temporary_queue();
    let stranger = channel();
    let check_locked = || {
        let words = format!("cannot obtain exclusive access to locked queue '{name}' in vhost '/'");
        stranger.refused(405, &words);
        stranger.reopen();
    };
    stranger.send(passive(&name));
    check_locked();
    stranger.send(queue::Bind {
        queue: name.as_str().into(),
        exchange: "amq.direct".into(),
        ..Default::default()
    });
    check_locked();
    stranger.send(basic::Consume {
        queue: name.as_str().into(),
        ..Default::default()
    });
    check_locked();
    stranger.send(basic::Get {
        queue: name.as_str().into(),
        no_ack: true,
    });
    check_locked();
    stranger.send(queue::Purge {
        queue: name.as_str().into(),
        nowait: false,
    });
    check_locked();
    stranger.send(queue::Delete {
        queue: name.as_str().into(),
        ..Default::default()
    });
    check_locked();
}

#[test]
fn another_connection_may_not_declare_an_exclusive_queue() {
    let owner = channel();
    let name = unique("exclusive");
    owner.call::<queue::DeclareOk>(queue::Declare {
        exclusive: true,
        ..declare(&name)
    });
    for exclusive in [false, true] {
        let stranger = channel();
        stranger.send(queue::Declare {
            exclusive,
            ..declare(&name)
        });
        let words = format!("cannot obtain exclusive access to locked queue '{name}' in vhost '/'");
        stranger.refused(405, &words);
    }
}

#[test]
fn another_connection_may_publish_to_an_exclusive_queue() {
    let owner = channel();
    let name = owner.temporary_queue();
    let stranger = crate::support::confirming_channel();
    stranger.publish("", &name, "a");
    stranger.confirmed(1);
    assert_eq!(owner.drain(&name), ["a"]);
}

#[test]
fn an_exclusive_queue_is_never_durable() {
    let channel = channel();
    let name = unique("exclusive");
    for durable in [true, false, true] {
        channel.call::<queue::DeclareOk>(queue::Declare {
            exclusive: true,
            durable,
            ..declare(&name)
        });
    }
}

fn auto_delete(channel: &Channel) -> String {
    let name = unique("auto-delete");
    channel.call::<queue::DeclareOk>(queue::Declare {
        auto_delete: true,
        ..declare(&name)
    });
    name
}

#[test]
fn an_auto_delete_queue_goes_with_its_last_consumer() {
    let channel = channel();
    let name = auto_delete(&channel);
    let (one, two) = (channel.consume(&name), channel.consume(&name));
    channel.cancel(&one);
    assert_eq!(channel.counts(&name), (0, 1));
    channel.cancel(&two);
    check_missing(&channel, &name);
}

#[test]
fn an_auto_delete_queue_goes_with_its_consumers_channel() {
    let connection = connect();
    let (channel, observer) = (connection.channel(), connection.channel());
    let name = auto_delete(&channel);
    channel.consume(&name);
    channel.close();
    check_missing(&observer, &name);
}

#[test]
fn an_auto_delete_queue_goes_with_its_consumers_connection() {
    let observer = channel();
    let name = auto_delete(&observer);
    let channel = channel();
    channel.consume(&name);
    channel.connection().close();
    check_missing(&observer, &name);
}

#[test]
fn an_auto_delete_queue_stays_until_it_had_a_consumer() {
    let observer = channel();
    let channel = channel();
    let name = auto_delete(&channel);
    channel.fill(&name, &["a"]);
    channel.got(&name);
    channel.connection().close();
    assert_eq!(observer.counts(&name), (1, 0));
}
