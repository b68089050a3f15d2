//! The node: status, health, who is connected, waiting and stopping.

use ferrymq_tests::harness::{Broker, Options, program};
use futures_lite::StreamExt;
use lapin::{Connection, ConnectionProperties};

use crate::runner::{Ctl, ctl, ctl_over_http};

#[test]
fn the_status_has_all_sections() {
    let broker = Broker::start();
    let text = ctl(&broker).ok("status");
    for section in [
        "Runtime",
        "Plugins",
        "Data directory",
        "Config files",
        "Log file(s)",
        "Alarms",
        "Tags",
        "Memory",
        "File Descriptors",
        "Free Disk Space",
        "Totals",
        "Listeners",
    ] {
        assert!(
            text.contains(&format!("\n{section}\n\n")),
            "{section}: {text}"
        );
    }
    let amqp = format!("port: {}, protocol: amqp,", broker.amqp().port());
    assert!(text.contains(&amqp), "{text}");
    let status = ctl(&broker).json("status");
    assert_eq!(status["pid"], broker.pid());
    assert_eq!(status["totals"]["virtual_host_count"], 1);
    let cluster = ctl(&broker).json("cluster_status");
    assert_eq!(cluster["running_nodes"][0], status["node_name"]);
    let text = ctl(&broker).ok("cluster_status -q");
    assert!(text.starts_with("Basics\n\nCluster name: "), "{text}");
    ctl(&broker).ok("set_cluster_name harbour");
    assert_eq!(
        ctl(&broker).json("cluster_status")["cluster_name"],
        "harbour"
    );
}

#[test]
fn parts_of_the_status_have_commands() {
    let broker = Broker::start();
    let ctl = || ctl_over_http(&broker, "guest:guest");
    assert!(ctl().ok("listeners -q").contains("protocol: http,"));
    assert!(ctl().ok("alarms -q").contains("reported no alarms"));
    assert!(ctl().ok("memory_breakdown -q --unit mb").contains(" mb ("));
    assert!(!ctl().ok("log_location").is_empty());
    assert!(ctl().json("report")["overview"].is_object());
    let version = ctl().json("server_version");
    assert_eq!(version["product_name"], "FerryMQ");
    assert!(
        ctl()
            .ok("list_feature_flags -s")
            .contains("quorum_queue\tenabled\n")
    );
    ctl().ok("enable_feature_flag all");
    assert!(
        ctl()
            .ok("list_plugins -s -m")
            .contains("rabbitmq_management\n")
    );
    ctl().ok("is_enabled rabbitmq_management");
    ctl().fails("is_enabled rabbitmq_ship", 69);
    ctl().ok("list_deprecated_features");
}

#[test]
fn checks_fail_with_69() {
    let low = "[memory]\nhigh_watermark = \"1KiB\"\n";
    let broker = Options::default().configuration(low).start();
    let ctl = || ctl(&broker);
    broker.wait_for_log("memory resource limit alarm set");
    let failed = ctl().fails("check_local_alarms", 69);
    assert!(failed.contains("memory"), "{failed}");
    let failed = ctl().run(&["health", "-s"]);
    assert_eq!(failed.code, 69);
    assert!(failed.out.contains("is-in-service\tok\t\n"), "{failed:?}");
    assert!(failed.out.contains("local-alarms\tfailed\t"), "{failed:?}");
    for well in [
        "check_running",
        "is_booting",
        "check_virtual_hosts",
        "check_port_connectivity",
        "check_protocol_listener amqp",
        "check_if_node_is_quorum_critical",
        "check_certificate_expiration --within 2 --unit weeks",
    ] {
        ctl().ok(well);
    }
    ctl().ok(&format!("check_port_listener {}", broker.amqp().port()));
    ctl().fails("check_port_listener 1", 69);
    ctl().fails("check_protocol_listener mqtt", 69);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_listed_and_closed() {
    let broker = Broker::start();
    let uri = format!("amqp://guest:guest@{}/%2f", broker.amqp());
    let connection = Connection::connect(&uri, ConnectionProperties::default()).await;
    let connection = connection.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let ctl = || ctl(&broker);
    ctl().ok("declare_queue q");
    let mut consumer = channel
        .basic_consume(
            "q".into(),
            "me".into(),
            Default::default(),
            Default::default(),
        )
        .await
        .unwrap();
    assert_eq!(
        ctl().ok("list_connections -s user peer_host vhost"),
        "guest\t127.0.0.1\t/\n"
    );
    assert_eq!(
        ctl().ok("list_channels -s user consumer_count number"),
        "guest\t1\t1\n"
    );
    assert_eq!(
        ctl().ok("list_consumers -s queue_name consumer_tag active"),
        "q\tme\ttrue\n"
    );
    ctl().ok("publish amq.default q hello");
    let unacked = ctl().json("list_unacked q consumer_tag routing_key");
    assert_eq!(unacked[0]["consumer_tag"], "me");
    let name = ctl().ok("list_connections -s pid");
    let requeue = |more: &[&str]| {
        let start = ["requeue_unacked", "-q", "q", name.trim()];
        ctl().run(&[&start, more].concat())
    };
    let wrong = requeue(&["--channel", "1", "--delivery-tag", "99"]);
    assert_eq!(wrong.code, 65, "{wrong:?}");
    let returned = requeue(&["--channel", "1", "--consumer-tag", "me"]);
    assert_eq!(
        (returned.code, &*returned.out),
        (0, "1 messages returned\n")
    );
    // The client has it twice now, and may settle both.
    for redelivered in [false, true] {
        let delivery = consumer.next().await.unwrap().unwrap();
        assert_eq!(delivery.redelivered, redelivered);
        delivery.ack(Default::default()).await.unwrap();
    }
    let passive = lapin::options::QueueDeclareOptions {
        passive: true,
        ..Default::default()
    };
    let queue = channel.queue_declare("q".into(), passive, Default::default());
    assert_eq!(queue.await.unwrap().message_count(), 0);
    let closed = ctl().run(&["close_connection", name.trim(), "maintenance"]);
    assert_eq!(closed.code, 0, "{closed:?}");
    broker.wait_for_log("maintenance");
    assert_eq!(
        ctl().ok("close_all_connections -q now"),
        "Closed 0 connections\n"
    );
    ctl().fails("close_connection nobody", 65);
    ctl().ok("close_all_user_connections guest now");
    drop((consumer, connection));
}

#[test]
fn the_busiest_are_shown() {
    let broker = Broker::start();
    let ctl = || ctl(&broker);
    ctl().ok("declare_queue q");
    let seen = ctl().ok("top --once");
    assert!(seen.contains("publish/s"), "{seen}");
    assert!(
        seen.lines().any(|line| line.trim_start().starts_with("q ")),
        "{seen}"
    );
    assert!(ctl().ok("top --once --connections").contains("channels"));
    assert!(ctl().fails("top", 64).contains("--once"));
}

#[test]
fn a_start_is_waited_for_and_a_stop_too() {
    let broker = Broker::start();
    ctl(&broker).ok("await_startup");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pid");
    std::fs::write(&file, broker.pid().to_string()).unwrap();
    ctl(&broker).ok(&format!("wait {}", file.display()));
    ctl(&broker).ok(&format!("wait --pid {}", broker.pid()));
    ctl(&broker).fails("wait --pid 999999999", 65);
    ctl_over_http(&broker, "guest:guest").fails("stop", 69);
    let nowhere = ["ctl", "--uri", "http://127.0.0.1:1", "--timeout", "0.2"];
    let nowhere = Ctl::new(program()).arguments(&nowhere);
    nowhere.fails("await_startup", 69);
    ctl(&broker).ok("stop");
    assert!(broker.log().contains("SIGTERM received"));
    ctl(&broker).fails("ping", 69);
}
