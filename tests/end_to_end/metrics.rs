//! What Prometheus reads after clients were at work: what dashboard 10991 shows, and that sums never fall.

use std::collections::BTreeMap;

use ferrymq_tests::harness::Options;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicNackOptions, BasicPublishOptions,
    QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::{BasicProperties, Channel};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::*;

/// Whatever dashboard 10991 asks for, by name or by name and labels, in its current form and its older ones.
const DASHBOARD: [&str; 46] = [
    "rabbitmq_build_info",
    "rabbitmq_channel_get_total",
    "rabbitmq_channel_messages_delivered_ack_total",
    "rabbitmq_channel_messages_delivered_total",
    "rabbitmq_channel_messages_published_total",
    "rabbitmq_channels",
    "rabbitmq_channels_closed_total",
    "rabbitmq_channels_opened_total",
    "rabbitmq_connections",
    "rabbitmq_connections_closed_total",
    "rabbitmq_connections_opened_total",
    "rabbitmq_disk_space_available_bytes",
    "rabbitmq_disk_space_available_limit_bytes",
    "rabbitmq_erlang_uptime_seconds",
    "rabbitmq_global_consumers",
    "rabbitmq_global_messages_acknowledged_total",
    "rabbitmq_global_messages_confirmed_total",
    "rabbitmq_global_messages_delivered_consume_auto_ack_total",
    "rabbitmq_global_messages_delivered_consume_manual_ack_total",
    "rabbitmq_global_messages_delivered_get_auto_ack_total",
    "rabbitmq_global_messages_delivered_get_manual_ack_total",
    "rabbitmq_global_messages_delivered_total",
    "rabbitmq_global_messages_get_empty_total",
    "rabbitmq_global_messages_received_confirm_total",
    "rabbitmq_global_messages_received_total",
    "rabbitmq_global_messages_redelivered_total",
    "rabbitmq_global_messages_routed_total",
    "rabbitmq_global_messages_unroutable_dropped_total",
    "rabbitmq_global_messages_unroutable_returned_total",
    "rabbitmq_global_publishers",
    "rabbitmq_identity_info",
    "rabbitmq_message_size_bytes_bucket",
    "rabbitmq_message_size_bytes_count",
    "rabbitmq_message_size_bytes_sum",
    "rabbitmq_process_max_fds",
    "rabbitmq_process_open_fds",
    "rabbitmq_process_open_tcp_sockets",
    "rabbitmq_process_resident_memory_bytes",
    "rabbitmq_queue_messages_published_total",
    "rabbitmq_queue_messages_ready",
    "rabbitmq_queue_messages_unacked",
    "rabbitmq_queues",
    "rabbitmq_queues_created_total",
    "rabbitmq_queues_declared_total",
    "rabbitmq_queues_deleted_total",
    "rabbitmq_resident_memory_limit_bytes",
];

/// Samples by name and labels.
type Samples = BTreeMap<String, f64>;

async fn read(server: &mut Server, path: &str) -> Samples {
    let address = server.process().metrics();
    let mut stream = within(TcpStream::connect(address)).await.expect("connect");
    // The older version, in which an answer does not come in pieces.
    let request = format!("GET {path} HTTP/1.0\r\n\r\n");
    within(stream.write_all(request.as_bytes()))
        .await
        .expect("ask");
    let mut answer = String::new();
    within(stream.read_to_string(&mut answer))
        .await
        .expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.0 200"), "{head}");
    let lines = body.lines().filter(|line| !line.starts_with('#'));
    let samples = lines.map(|line| {
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        (name.to_owned(), value.parse().expect("a number"))
    });
    samples.collect()
}

/// The sum of a metric over all labels; `None` without a sample.
fn sum(samples: &Samples, name: &str) -> Option<f64> {
    let of = samples.iter().filter(|(sample, _)| {
        let rest = sample.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
    });
    of.map(|(_, value)| *value).reduce(|sum, value| sum + value)
}

/// A broker that looks at its counters every second.
fn server() -> Server {
    let options = Options::default();
    Server::start_with(options.environment("FERRYMQ_STATISTICS_INTERVAL", "1s"))
}

async fn get(channel: &Channel, queue: &str, no_ack: bool) -> bool {
    let options = BasicGetOptions { no_ack };
    let got = within(channel.basic_get(queue.into(), options)).await;
    got.expect("an answer").is_some()
}

/// Something of everything: every panel has something to show.
async fn work(channel: &Channel, queue: &str) {
    for size in [10, 200, 2_000] {
        publish(channel, "", queue, &vec![b'x'; size]).await;
    }
    for mandatory in [false, true] {
        let options = BasicPublishOptions {
            mandatory,
            ..Default::default()
        };
        let properties = BasicProperties::default();
        let sent = channel.basic_publish("".into(), "nowhere".into(), options, b"x", properties);
        within(async { sent.await?.await }).await.expect("publish");
    }
    let mut consumer = consume(channel, queue).await;
    let first = next(&mut consumer).await;
    let requeue = BasicNackOptions {
        requeue: true,
        ..Default::default()
    };
    within(first.nack(requeue)).await.expect("nack");
    for _ in 0..3 {
        let delivery = next(&mut consumer).await;
        within(delivery.ack(BasicAckOptions::default()))
            .await
            .expect("ack");
    }
    let tag = consumer.tag();
    within(channel.basic_cancel(tag, Default::default()))
        .await
        .expect("cancel");
    for _ in 0..3 {
        publish(channel, "", queue, b"again").await;
    }
    let no_ack = BasicConsumeOptions {
        no_ack: true,
        ..Default::default()
    };
    let mut automatic = consume_with(channel, queue, "automatic", no_ack)
        .await
        .expect("consume");
    for _ in 0..3 {
        next(&mut automatic).await;
    }
    within(channel.basic_cancel("automatic".into(), Default::default()))
        .await
        .expect("cancel");
    assert!(!get(channel, queue, true).await);
    for no_ack in [true, false] {
        publish(channel, "", queue, b"to get").await;
        assert!(get(channel, queue, no_ack).await);
    }
    publish(channel, "", queue, b"stays").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_panel_of_the_dashboard_has_data() {
    let mut server = server();
    let (connection, admin) = server.channel().await;
    let queue = unique("metrics");
    durable_queue(&admin, &queue).await;
    let gone = unique("gone");
    durable_queue(&admin, &gone).await;
    delete_queue(&admin, &gone, QueueDeleteOptions::default())
        .await
        .expect("delete");
    let closing = server.connect().await;
    let _closing_too = open(&closing).await;
    within(closing.close(200, "".into())).await.expect("close");
    let channel = open_confirming(&connection).await;
    work(&channel, &queue).await;
    let mut idle = consume(&admin, &temporary_queue(&admin).await).await;

    let expected = [
        ("rabbitmq_connections", 1.0),
        ("rabbitmq_connections_opened_total", 2.0),
        ("rabbitmq_connections_closed_total", 1.0),
        ("rabbitmq_channels", 2.0),
        ("rabbitmq_channels_opened_total", 3.0),
        ("rabbitmq_channels_closed_total", 1.0),
        ("rabbitmq_queues", 2.0),
        ("rabbitmq_queues_declared_total", 3.0),
        ("rabbitmq_queues_created_total", 3.0),
        ("rabbitmq_queues_deleted_total", 1.0),
        ("rabbitmq_queue_messages_ready", 1.0),
        ("rabbitmq_queue_messages_unacked", 1.0),
        ("rabbitmq_global_publishers", 1.0),
        ("rabbitmq_global_consumers", 1.0),
        ("rabbitmq_global_messages_received_total", 11.0),
        ("rabbitmq_global_messages_received_confirm_total", 11.0),
        ("rabbitmq_global_messages_confirmed_total", 11.0),
        ("rabbitmq_global_messages_routed_total", 9.0),
        ("rabbitmq_global_messages_unroutable_dropped_total", 1.0),
        ("rabbitmq_global_messages_unroutable_returned_total", 1.0),
        (
            "rabbitmq_global_messages_delivered_consume_manual_ack_total",
            4.0,
        ),
        (
            "rabbitmq_global_messages_delivered_consume_auto_ack_total",
            3.0,
        ),
        ("rabbitmq_global_messages_delivered_get_auto_ack_total", 1.0),
        (
            "rabbitmq_global_messages_delivered_get_manual_ack_total",
            1.0,
        ),
        ("rabbitmq_global_messages_delivered_total", 9.0),
        ("rabbitmq_global_messages_get_empty_total", 1.0),
        ("rabbitmq_global_messages_redelivered_total", 1.0),
        ("rabbitmq_global_messages_acknowledged_total", 3.0),
        ("rabbitmq_message_size_bytes_count", 11.0),
        (
            "rabbitmq_message_size_bytes_bucket{protocol=\"amqp091\",le=\"100.0\"}",
            9.0,
        ),
        (
            "rabbitmq_message_size_bytes_bucket{protocol=\"amqp091\",le=\"1e+06\"}",
            11.0,
        ),
        (
            "rabbitmq_message_size_bytes_bucket{protocol=\"amqp091\",le=\"+Inf\"}",
            11.0,
        ),
        ("rabbitmq_channel_messages_published_total", 11.0),
        ("rabbitmq_queue_messages_published_total", 9.0),
        ("rabbitmq_process_open_tcp_sockets", 1.0),
    ];
    let mut samples = Samples::new();
    eventually("the numbers of a tick", async || {
        samples = read(&mut server, "/metrics").await;
        let is_there = |(name, value): &(&str, f64)| {
            samples.get(*name).copied().or_else(|| sum(&samples, name)) == Some(*value)
        };
        expected.iter().all(is_there)
    })
    .await;
    for name in DASHBOARD {
        let value = sum(&samples, name).unwrap_or_else(|| panic!("no {name}"));
        let may_be_zero = name == "rabbitmq_erlang_uptime_seconds";
        assert!(value > 0.0 || may_be_zero, "{name} is {value}");
    }
    let of = |name: &str| sum(&samples, name).expect("checked above");
    assert!(of("rabbitmq_process_open_fds") < of("rabbitmq_process_max_fds"));
    let limit = of("rabbitmq_resident_memory_limit_bytes");
    assert!(of("rabbitmq_process_resident_memory_bytes") < limit);
    let types = samples
        .keys()
        .filter(|name| name.starts_with("rabbitmq_global_messages_delivered_total{"));
    assert_eq!(types.count(), 3, "a sample per queue type, from the start");
    within(admin.basic_cancel(idle.tag(), Default::default()))
        .await
        .expect("cancel");
    assert!(
        within(futures_lite::StreamExt::next(&mut idle))
            .await
            .is_none()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_do_not_fall_with_what_they_are_of() {
    let mut server = server();
    let (_connection, admin) = server.channel().await;
    let queue = unique("metrics");
    durable_queue(&admin, &queue).await;
    let (connection, _) = server.channel().await;
    let channel = open_confirming(&connection).await;
    work(&channel, &queue).await;
    let mut before = Samples::new();
    eventually("a tick with both connections", async || {
        before = read(&mut server, "/metrics").await;
        sum(&before, "rabbitmq_queue_messages_unacked") == Some(1.0)
            && sum(&before, "rabbitmq_connection_incoming_bytes_total") > Some(2_000.0)
    })
    .await;

    within(channel.close(200, "".into())).await.expect("close");
    within(connection.close(200, "".into()))
        .await
        .expect("close");
    delete_queue(&admin, &queue, QueueDeleteOptions::default())
        .await
        .expect("delete");
    let mut after = Samples::new();
    eventually("a tick without them", async || {
        after = read(&mut server, "/metrics").await;
        sum(&after, "rabbitmq_connections_closed_total") == Some(1.0)
            && sum(&after, "rabbitmq_queue_messages_unacked") == Some(0.0)
            && sum(&after, "rabbitmq_queue_messages") == Some(0.0)
    })
    .await;
    let is_counter = |name: &str| {
        let name = name.split('{').next().unwrap_or(name);
        ["_total", "_bucket", "_count", "_sum"]
            .iter()
            .any(|end| name.ends_with(end))
    };
    for (name, value) in before.iter().filter(|(name, _)| is_counter(name)) {
        let now = after.get(name).copied();
        assert!(now >= Some(*value), "{name} was {value} and is {now:?}");
    }
    assert_eq!(sum(&after, "rabbitmq_global_publishers"), Some(0.0));
    assert_eq!(
        sum(&after, "rabbitmq_channel_messages_published_total"),
        Some(11.0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_names_are_escaped() {
    let mut server = server();
    let (_connection, channel) = server.channel().await;
    let options = QueueDeclareOptions::durable();
    declare(&channel, "a\"b\\c\nd", options)
        .await
        .expect("declare");
    // Compat: over AMQP the end of a line does not get into a name.
    let labels = "{vhost=\"/\",queue=\"a\\\"b\\\\cd\"}";
    for (path, prefix) in [
        ("/metrics/per-object", "rabbitmq_"),
        (
            "/metrics/detailed?family=queue_coarse_metrics",
            "rabbitmq_detailed_",
        ),
    ] {
        let samples = read(&mut server, path).await;
        let name = format!("{prefix}queue_messages_ready{labels}");
        assert_eq!(samples.get(&name), Some(&0.0), "{samples:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_disk_is_timed() {
    let mut server = server();
    let (connection, channel) = server.channel().await;
    let queue = unique("metrics");
    durable_queue(&channel, &queue).await;
    let channel = open_confirming(&connection).await;
    let properties = BasicProperties::default().with_delivery_mode(2);
    publish_with(&channel, "", &queue, b"durable", properties).await;
    let samples = read(&mut server, "/metrics").await;
    let of = |name: &str| sum(&samples, name).unwrap_or_else(|| panic!("no {name}"));
    assert!(of("ferrymq_fsync_seconds_count") > 0.0 && of("ferrymq_fsync_seconds_sum") > 0.0);
    assert_eq!(
        samples["ferrymq_fsync_seconds_bucket{le=\"+Inf\"}"],
        of("ferrymq_fsync_seconds_count")
    );
    assert_eq!(
        of("rabbitmq_io_sync_ops_total"),
        of("ferrymq_fsync_seconds_count")
    );
    assert!(of("rabbitmq_io_write_bytes_total") > 7.0 && of("ferrymq_log_live_bytes") > 7.0);
    assert!(of("ferrymq_log_bytes") >= of("ferrymq_log_live_bytes") + of("ferrymq_log_dead_bytes"));
}
