//! What AMQP clients do, as the numbers of other objects show it.

use std::time::Duration;

use ferrymq_broker::config::RatesMode;
use serde_json::{Value, json};

use crate::http::fixture::{Client, Fixture};

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn a_vhost_remembers_what_its_connections_moved() {
    let fixture = Fixture::start().await;
    let path = "/api/vhosts/%2F?columns=recv_oct,recv_oct_details,send_oct";
    let received = |shown: &Value| shown["recv_oct"].as_u64().unwrap();
    fixture.tick(1).await;
    let client = Client::open(&fixture.broker);
    fixture.tick(2).await;
    let shown = fixture.check("GET", path, "", 200).await.json;
    let before = received(&shown);
    assert!(before > 100, "{shown}");
    assert_eq!(shown["send_oct"], 0, "nobody wrote to a socket");
    assert!(shown["recv_oct_details"]["rate"].as_f64().unwrap() > 0.0);
    client.end();
    fixture.tick(3).await;
    let shown = fixture.check("GET", path, "", 200).await.json;
    assert_eq!(received(&shown), before, "{shown}");
    assert_eq!(shown["recv_oct_details"]["rate"], 0.0);

    let mut client = Client::open(&fixture.broker);
    client.declare("q", false);
    fixture.tick(4).await;
    let path = format!("{path}&data_rates_age=60&data_rates_incr=5");
    let shown = fixture.check("GET", &path, "", 200).await.json;
    assert!(received(&shown) > 2 * before, "{shown}");
    assert!(shown["recv_oct_details"]["samples"].is_array());
    fixture.check("PUT", "/api/vhosts/other", "", 201).await;
    fixture.tick(5).await;
    let other = fixture.check("GET", "/api/vhosts/other", "", 200).await;
    assert_eq!(other.json["recv_oct"], 0);
    assert_eq!(other.json["recv_oct_details"], json!({ "rate": 0.0 }));
}

/// A broker that counts what passes between whom.
async fn detailed() -> Fixture {
    let fixture = Fixture::start_with(|config| config.rates_mode = RatesMode::Detailed).await;
    for (exchange, queue) in [("x", "q"), ("x", "r"), ("y", "q")] {
        let exchanges = "/api/exchanges/%2F";
        let fanout = r#"{"type":"fanout"}"#;
        let path = format!("{exchanges}/{exchange}");
        fixture.call("PUT", &path, fanout).await;
        let path = format!("/api/queues/%2F/{queue}");
        fixture.call("PUT", &path, "{}").await;
        let path = format!("/api/bindings/%2F/e/{exchange}/q/{queue}");
        fixture.check("POST", &path, "{}", 201).await;
    }
    fixture.tick(1).await;
    fixture
}

/// A client that publishes to both exchanges, and consumes some of it.
fn busy(fixture: &Fixture) -> Client {
    let mut client = Client::open(&fixture.broker);
    client.confirm();
    for exchange in ["x", "y", "x"] {
        client.publish(exchange, "", true);
    }
    client.publish("", "nowhere", false);
    client.publish("", "nowhere", true);
    client.get("r");
    client.get("r");
    client.ack(2);
    client.get("r");
    client.consume("q", true);
    client
}

/// `[name, counts…]` of each flow in the list `list` of the object at `path`: `end` has the name.
async fn flows(fixture: &Fixture, path: &str, list: &str, end: &str, counts: &[&str]) -> Value {
    let shown = fixture.check("GET", path, "", 200).await.json;
    let flows = shown[list].as_array().unwrap().iter();
    let row = |flow: &Value| -> Value {
        let stats = &flow["stats"];
        let counts = counts.iter().map(|count| {
            let rate = &stats[format!("{count}_details")]["rate"];
            assert!(rate.is_f64(), "{count} in {shown}");
            stats[count].clone()
        });
        std::iter::once(flow[end]["name"].clone())
            .chain(counts)
            .collect()
    };
    flows.map(row).collect()
}

#[tokio::test]
async fn what_passes_between_whom_is_told_by_both_ends() {
    let fixture = detailed().await;
    let client = busy(&fixture);
    fixture.tick(2).await;
    let channel = client.channel();
    let encoded = channel.replace(' ', "%20").replace('>', "%3E");
    let channel_path = format!("/api/channels/{encoded}");
    let published = ["publish", "confirm", "return_unroutable", "drop_unroutable"];
    let expected = json!([["", 2, 2, 1, 1], ["x", 2, 2, 0, 0], ["y", 1, 1, 0, 0]]);
    let found = flows(&fixture, &channel_path, "publishes", "exchange", &published).await;
    assert_eq!(found, expected);
    let consumed = ["get", "get_empty", "deliver_no_ack", "ack", "deliver_get"];
    let expected = json!([["q", 0, 0, 3, 0, 3], ["r", 2, 1, 0, 2, 2]]);
    let found = flows(&fixture, &channel_path, "deliveries", "queue", &consumed).await;
    assert_eq!(found, expected);

    let x = "/api/exchanges/%2F/x";
    let found = flows(&fixture, x, "incoming", "channel_details", &published).await;
    assert_eq!(found, json!([[channel, 2, 2, 0, 0]]));
    let found = flows(&fixture, x, "outgoing", "queue", &["publish"]).await;
    assert_eq!(found, json!([["q", 2], ["r", 2]]));
    let default = "/api/exchanges/%2F/amq.default?columns=message_stats";
    let shown = fixture.check("GET", default, "", 200).await.json;
    assert_eq!(shown["message_stats"]["publish_in"], 2);
    assert_eq!(shown["message_stats"]["unroutable"], 2, "{shown}");
    let q = "/api/queues/%2F/q";
    let found = flows(&fixture, q, "incoming", "exchange", &["publish"]).await;
    assert_eq!(found, json!([["x", 2], ["y", 1]]));
    let found = flows(&fixture, q, "deliveries", "channel_details", &consumed).await;
    assert_eq!(found, json!([[channel, 0, 0, 3, 0, 3]]));

    let shown = fixture.check("GET", q, "", 200).await.json;
    let delivery = &shown["deliveries"][0];
    assert_eq!(delivery["channel_details"]["number"], 1);
    assert!(
        delivery["stats"]["deliver_get_details"]["rate"]
            .as_f64()
            .unwrap()
            > 0.0
    );
    let ranges = "msg_rates_age=60&msg_rates_incr=5";
    let shown = fixture
        .check("GET", &format!("{q}?{ranges}"), "", 200)
        .await;
    let stats = &shown.json["incoming"][0]["stats"];
    assert_eq!(stats["publish_details"]["samples"][0]["sample"], 2);

    client.end();
    let found = flows(&fixture, x, "incoming", "channel_details", &published).await;
    assert_eq!(found, json!([]), "the channel is gone");
    let message = r#"{"properties":{},"routing_key":"","payload":"","payload_encoding":"string"}"#;
    fixture
        .check("POST", &format!("{x}/publish"), message, 200)
        .await;
    let found = flows(&fixture, x, "outgoing", "queue", &["publish"]).await;
    assert_eq!(
        found,
        json!([["q", 3], ["r", 3]]),
        "what it published stays"
    );
}

#[tokio::test]
async fn a_flow_ends_with_its_ends_and_not_with_their_names() {
    let fixture = detailed().await;
    let mut client = busy(&fixture);
    let (x, q) = ("/api/exchanges/%2F/x", "/api/queues/%2F/q");
    fixture.check("DELETE", q, "", 204).await;
    fixture.check("PUT", q, "{}", 201).await;
    let found = flows(&fixture, q, "incoming", "exchange", &["publish"]).await;
    assert_eq!(found, json!([]), "another queue of that name");
    let flows_there_are = || {
        let room = fixture.broker.totals().flows.as_ref();
        room.unwrap().flows()
    };
    // Of the channel: 3 exchanges, 2 queues, 3 routes; of the vhost: 3 routes.
    assert_eq!(flows_there_are(), 11);
    client.publish("x", "", false);
    fixture.tick(2).await;
    assert_eq!(flows_there_are(), 6);
    let found = flows(&fixture, x, "outgoing", "queue", &["publish"]).await;
    assert_eq!(found, json!([["r", 3]]));
    client.end();
    assert_eq!(flows_there_are(), 1, "from x to r, whoever published");
}

#[tokio::test]
async fn otherwise_nothing_of_it_is_kept() {
    let fixture = Fixture::start().await;
    fixture.check("PUT", "/api/queues/%2F/q", "{}", 201).await;
    let mut client = Client::open(&fixture.broker);
    client.publish("", "q", false);
    client.consume("q", true);
    fixture.tick(1).await;
    let shown = fixture
        .check("GET", "/api/queues/%2F/q", "", 200)
        .await
        .json;
    assert_eq!(shown["message_stats"]["deliver_no_ack"], 1);
    assert_eq!(
        (&shown["incoming"], &shown["deliveries"]),
        (&json!([]), &json!([]))
    );
    assert!(fixture.broker.totals().flows.is_none());
}

#[tokio::test]
async fn metrics_are_split_where_flows_are_counted() {
    let fixture = detailed().await;
    let client = busy(&fixture);
    let families = [
        "channel_exchange_metrics",
        "channel_queue_metrics",
        "channel_queue_exchange_metrics",
        "queue_exchange_metrics",
    ];
    let families = families.map(|family| format!("family={family}&")).concat();
    let detailed = format!("/metrics/detailed?{families}");
    for (path, prefix) in [
        (detailed.as_str(), "rabbitmq_detailed_"),
        ("/metrics/per-object", "rabbitmq_"),
    ] {
        let text = fixture.check("GET", path, "", 200).await.text;
        for sample in [
            "channel_messages_published_total{channel=\"<0.1.1>\",vhost=\"/\",exchange=\"x\"} 2",
            "channel_messages_confirmed_total{channel=\"<0.1.1>\",vhost=\"/\",exchange=\"y\"} 1",
            "channel_messages_delivered_total{channel=\"<0.1.1>\",vhost=\"/\",queue=\"q\"} 3",
            "queue_messages_published_total{channel=\"<0.1.1>\",queue_vhost=\"/\",queue=\"q\",\
             exchange_vhost=\"/\",exchange=\"x\"} 2",
            "queue_exchange_messages_published_total{vhost=\"/\",exchange=\"x\",queue=\"r\"} 2",
        ] {
            let line = format!("{prefix}{sample}");
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }
    let narrow = format!("{detailed}queue=%5Eq");
    let text = fixture.check("GET", &narrow, "", 200).await.text;
    assert!(text.contains("queue=\"q\"") && !text.contains("queue=\"r\""));
    let elsewhere = format!("{detailed}vhost=other");
    let text = fixture.check("GET", &elsewhere, "", 200).await.text;
    assert!(!text.contains("vhost=\"/\""), "{text}");
    let text = fixture.check("GET", "/metrics", "", 200).await.text;
    assert!(text.contains("\nferrymq_flows 11\n"), "{text}");
    assert!(text.contains("\nferrymq_flows_refused_total 0\n"));
    client.end();
}

#[tokio::test]
async fn a_channel_tells_since_when_its_oldest_delivery_is_unacked() {
    let fixture = Fixture::start().await;
    let mut client = Client::open(&fixture.broker);
    client.declare("q", false);
    client.publish("", "q", false);
    client.publish("", "q", false);
    let oldest = || {
        let connections = fixture.broker.clients().all();
        let channel = connections[0].channel(1).unwrap();
        channel.oldest_unacked_at.get()
    };
    assert_eq!(oldest(), 0);
    client.get("q");
    client.get("q");
    assert!(oldest() > 0);
    client.ack(1);
    assert!(oldest() > 0, "the second one is still there");
    client.ack(2);
    assert_eq!(oldest(), 0);
    let path = "/api/channels?columns=oldest_unacked_age";
    let channels = fixture.check("GET", path, "", 200).await.json;
    assert_eq!(channels, json!([{ "oldest_unacked_age": 0 }]));
}

/// A broker whose ticks are far apart, so that none comes unasked.
async fn hourly() -> Fixture {
    Fixture::start_with(|config| config.statistics_interval = HOUR).await
}

#[tokio::test]
async fn a_consumer_tells_how_fast_it_acks() {
    let fixture = hourly().await;
    let mut client = Client::open(&fixture.broker);
    client.declare("q", false);
    client.declare("r", false);
    client.qos(3);
    client.consume("q", false);
    client.consume("r", true);
    let by_queue = "/api/consumers?sort=queue.name&columns=queue.name,slow,message_stats";
    let consumers = async || fixture.check("GET", by_queue, "", 200).await.json;
    let stats = async |at: usize| consumers().await[at]["message_stats"].clone();
    assert_eq!(stats(0).await, Value::Null, "nothing has happened");
    fixture.tick(1).await;
    for _ in 0..3 {
        client.publish("", "q", false);
        client.publish("", "r", false);
    }
    client.wait(Duration::from_secs(2));
    client.ack(3);
    let only_counted = stats(0).await;
    assert_eq!(only_counted["ack"], 2);
    assert_eq!(only_counted["ack_details"], json!({ "rate": 0.0 }));
    assert_eq!(only_counted["ack_avg_time"], Value::Null);
    fixture.tick(2).await;
    let acking = stats(0).await;
    let rate = |stats: &Value, of: &str| stats[format!("{of}_details")]["rate"].clone();
    assert_eq!((&acking["deliver"], &acking["ack"]), (&json!(3), &json!(2)));
    assert_eq!(rate(&acking, "ack"), 2.0 / 3_600.0);
    assert_eq!(rate(&acking, "deliver"), 3.0 / 3_600.0);
    let mean = acking["ack_avg_time"].as_f64().unwrap();
    assert!((1_990.0..3_000.0).contains(&mean), "{mean}");
    let no_ack = stats(1).await;
    assert_eq!(rate(&no_ack, "deliver_no_ack"), 3.0 / 3_600.0);
    assert_eq!(rate(&no_ack, "deliver_get"), 3.0 / 3_600.0);
    for absent in ["ack", "ack_avg_time", "deliver"] {
        assert_eq!(no_ack[absent], Value::Null, "{absent}");
    }

    let channel = client.channel().replace(' ', "%20").replace('>', "%3E");
    for (path, list) in [
        ("/api/queues/%2F/q".to_owned(), "consumer_details"),
        (format!("/api/channels/{channel}"), "consumer_details"),
    ] {
        let shown = fixture.check("GET", &path, "", 200).await.json;
        assert_eq!(shown[list][0]["message_stats"], acking, "{path}");
    }
    let found = async |query: &str| {
        let path = format!("/api/consumers?page=1&columns=queue.name&{query}");
        let page = fixture.check("GET", &path, "", 200).await.json;
        let items = page["items"].as_array().unwrap().iter();
        let names = items.map(|item| item["queue"]["name"].as_str().unwrap().to_owned());
        names.collect::<String>()
    };
    for (query, expected) in [
        ("filter=ack:%3E0.0005", "q"),
        ("filter=ack:%3E0.0006", ""),
        ("filter=message_stats.ack_avg_time:%3E1.9k", "q"),
        ("filter=message_stats.ack_avg_time:%3E3k", ""),
        (
            "filter=deliver:%3E0.0005%20-message_stats.ack_avg_time:*",
            "r",
        ),
        ("sort=message_stats.ack_details.rate", "rq"),
        (
            "sort=message_stats.ack_details.rate&sort_reverse=true",
            "qr",
        ),
        ("sort=message_stats.ack_avg_time", "rq"),
        ("sort=message_stats.ack_avg_time&sort_reverse=true", "qr"),
    ] {
        assert_eq!(found(query).await, expected, "{query}");
    }
    let plain = format!("{by_queue}&disable_stats=true");
    let plain = fixture.check("GET", &plain, "", 200).await.json;
    assert_eq!(plain[0]["message_stats"], Value::Null);

    fixture.tick(3).await;
    let idle = stats(0).await;
    assert_eq!(idle["ack"], 2);
    assert_eq!(rate(&idle, "ack"), 0.0);
    assert_eq!(idle["ack_avg_time"], Value::Null, "nothing was acked");
}

#[tokio::test]
async fn who_keeps_all_that_it_may_for_an_interval_is_slow() {
    let fixture = hourly().await;
    let mut client = Client::open(&fixture.broker);
    client.declare("q", false);
    client.qos(2);
    client.consume("q", false);
    let is_slow = async || {
        let path = "/api/consumers?columns=slow";
        let listed = fixture.check("GET", path, "", 200).await.json;
        let filtered = format!("{path}&page=1&filter=slow:true");
        let filtered = fixture.check("GET", &filtered, "", 200).await.json;
        assert_eq!(filtered["item_count"] == 1, listed[0]["slow"] == true);
        listed[0]["slow"] == true
    };
    fixture.tick(1).await;
    for _ in 0..5 {
        client.publish("", "q", false);
    }
    assert!(!is_slow().await, "it has just got them");
    fixture.tick(2).await;
    assert!(!is_slow().await, "it got them in the last interval");
    fixture.tick(3).await;
    assert!(is_slow().await);
    client.ack(1);
    assert!(!is_slow().await, "it acks again");
    fixture.tick(4).await;
    assert!(!is_slow().await, "it acked in the last interval");
    fixture.tick(5).await;
    assert!(is_slow().await);
    for delivery_tag in 2..=5 {
        client.ack(delivery_tag);
    }
    fixture.tick(7).await;
    assert!(!is_slow().await, "it has nothing");
    client.publish("", "q", false);
    client.publish("", "q", false);
    assert!(
        !is_slow().await,
        "nothing happened in the last interval, but it has only just got them"
    );
}
