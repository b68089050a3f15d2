//! Queues, exchanges, bindings and single messages.

use ferrymq_tests::harness::Broker;
use serde_json::json;

use crate::runner::{ctl, ctl_over_http};

#[test]
fn a_message_goes_its_way() {
    let broker = Broker::start();
    let ctl = || ctl(&broker);
    ctl().ok("declare_queue orders --argument x-max-length=10");
    ctl().ok("declare_exchange shop --type topic");
    ctl().ok("bind shop orders -k order.#");
    let published =
        ctl().ok("publish shop order.new hello --property delivery_mode=2 --header a=1");
    assert_eq!(published, "Message published\n");
    let found = ctl().json("get orders");
    assert_eq!(found[0]["payload"], "hello");
    assert_eq!(found[0]["routing_key"], "order.new");
    assert_eq!(
        found[0]["properties"],
        json!({"delivery_mode": 2, "headers": {"a": 1}})
    );
    let taken = ctl().json("get orders --ackmode ack_requeue_false --count 5");
    assert_eq!(taken.as_array().map(Vec::len), Some(1));
    assert_eq!(taken[0]["redelivered"], true);
    let none = ctl().json("get orders");
    assert_eq!(none, json!([]));
    let lost = ctl().fails("publish shop other hello", 65);
    assert!(lost.contains("not routed"), "{lost}");
}

#[test]
fn what_comes_on_the_standard_input_is_a_body() {
    let broker = Broker::start();
    ctl(&broker).ok("declare_queue q");
    let published = ctl(&broker)
        .input("two\nlines")
        .ok("publish amq.default q -");
    assert_eq!(published, "Message published\n");
    let found = ctl(&broker).json("get q");
    assert_eq!(found[0]["payload"], "two\nlines");
}

#[test]
fn queues_are_listed_as_rabbitmqctl_does() {
    let broker = Broker::start();
    let ctl = || ctl(&broker);
    assert_eq!(ctl().ok("list_queues -q"), "");
    ctl().ok("declare_queue b --type quorum");
    ctl().ok("declare_queue a --durable false --argument x-max-length=3");
    ctl().ok("publish amq.default a hello");
    assert_eq!(
        ctl().ok("list_queues name messages_ready durable type"),
        "Timeout: 60.0 seconds ...\nListing queues for vhost / ...\nname\tmessages_ready\tdurable\ttype\n\
         a\t1\tfalse\tclassic\nb\t0\ttrue\tquorum\n"
    );
    assert_eq!(
        ctl().ok("list_queues -s name,durable"),
        "a\tfalse\nb\ttrue\n"
    );
    let arguments = ctl().ok("list_queues -s name arguments");
    assert!(arguments.contains("{\"x-max-length\",3}"), "{arguments}");
    assert_eq!(ctl().ok("list_queues -s --offline"), "");
    assert_eq!(
        ctl().json("list_queues name --local"),
        json!([{"name": "a"}, {"name": "b"}])
    );
    assert_eq!(ctl().ok("list_unresponsive_queues -q"), "");
}

#[test]
fn queues_go() {
    let broker = Broker::start();
    let ctl = || ctl(&broker);
    ctl().ok("declare_queue q");
    for text in ["one", "two"] {
        ctl().ok(&format!("publish amq.default q {text}"));
    }
    let full = ctl().fails("delete_queue q --if-empty", 65);
    assert!(full.contains("not empty"), "{full}");
    let deleted = "Queue was successfully deleted with 2 ready messages\n";
    assert_eq!(ctl().ok("delete_queue q --if-unused -q"), deleted);
    let gone = "Error:\nthere is no queue 'q' in virtual host '/'\n";
    for command in ["delete_queue q", "purge_queue q", "get q", "pause_queue q"] {
        assert_eq!(ctl().fails(command, 65), gone);
    }
    ctl().ok("declare_queue q");
    ctl().ok("publish amq.default q hello");
    assert_eq!(
        ctl().ok("purge_queue q"),
        "Purging queue 'q' in vhost '/' ...\n"
    );
    assert_eq!(ctl().json("list_queues messages"), json!([{"messages": 0}]));
}

#[test]
fn a_paused_queue_gives_nothing() {
    let broker = Broker::start();
    let ctl = || ctl(&broker);
    ctl().ok("declare_queue q");
    ctl().ok("publish amq.default q hello");
    ctl().ok("pause_queue q");
    assert_eq!(ctl().json("get q"), json!([]));
    ctl().ok("resume_queue q");
    assert_eq!(ctl().json("get q")[0]["payload"], "hello");
}

#[test]
fn bindings_come_and_go() {
    let broker = Broker::start();
    let ctl = || ctl_over_http(&broker, "guest:guest");
    ctl().ok("declare_queue q");
    ctl().ok("bind amq.headers q --argument x-match=any --argument n=1");
    ctl().ok("bind amq.topic q -k a.b");
    ctl().ok("bind amq.topic amq.fanout --to exchange -k x");
    let listed = ctl().ok("list_bindings -s");
    let mut lines: Vec<_> = listed.split_inclusive('\n').collect();
    lines.sort_unstable();
    assert_eq!(
        lines.concat(),
        "\texchange\tq\tqueue\tq\t[]\n\
         amq.headers\texchange\tq\tqueue\t\t[{\"n\",1},{\"x-match\",\"any\"}]\n\
         amq.topic\texchange\tamq.fanout\texchange\tx\t[]\n\
         amq.topic\texchange\tq\tqueue\ta.b\t[]\n"
    );
    ctl().ok("unbind amq.headers q --argument n=1 --argument x-match=any");
    ctl().ok("unbind amq.topic q -k a.b");
    ctl().ok("unbind amq.topic amq.fanout --to exchange -k x");
    let left = ctl().ok("list_bindings -s source_name routing_key");
    assert_eq!(left, "\tq\n");
    let missing = ctl().fails("unbind amq.topic q -k a.b", 65);
    assert!(
        missing.contains("there is no binding of queue 'q'"),
        "{missing}"
    );
    let nobody = ctl().fails("bind nowhere q", 65);
    assert!(
        nobody.contains("exchange 'nowhere' or queue 'q'"),
        "{nobody}"
    );
}

#[test]
fn exchanges_come_and_go() {
    let broker = Broker::start();
    let ctl = || ctl(&broker);
    ctl().ok("declare_exchange logs --type fanout --durable false --internal");
    let listed = ctl().ok("list_exchanges -s name type durable internal");
    assert!(listed.contains("\nlogs\tfanout\tfalse\ttrue\n"), "{listed}");
    assert!(listed.starts_with("\tdirect\ttrue\tfalse\n"), "{listed}");
    let other = ctl().fails(
        "declare_exchange logs --type direct --durable false --internal",
        65,
    );
    assert!(other.contains("inequivalent arg 'type'"), "{other}");
    let unknown = ctl().fails("declare_exchange x --type ship", 65);
    assert!(unknown.contains("ship"), "{unknown}");
    ctl().ok("bind logs amq.fanout --to exchange");
    ctl().fails("delete_exchange logs --if-unused", 65);
    ctl().ok("delete_exchange logs");
    let gone = "Error:\nthere is no exchange 'logs' in virtual host '/'\n";
    assert_eq!(ctl().fails("delete_exchange logs", 65), gone);
}

#[test]
fn names_may_hold_anything() {
    let broker = Broker::start();
    for name in ["a/b", "..", "a b\tc", "é%+~?#", "-x"] {
        let declared = ctl(&broker).run(&["declare_queue", "--", name]);
        assert_eq!(declared.code, 0, "{declared:?}");
        let deleted = ctl(&broker).run(&["delete_queue", "--", name]);
        assert_eq!(deleted.code, 0, "{deleted:?}");
    }
    assert_eq!(ctl(&broker).json("list_queues"), json!([]));
}
