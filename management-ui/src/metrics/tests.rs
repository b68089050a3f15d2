//! Answers over a real socket: form, registries, queries, escaping, and the documentation. What they say after real
//! traffic is tested with clients, end to end.

use std::collections::{BTreeMap, BTreeSet};

use ferrymq_broker::clock;
use ferrymq_broker::stats::ticker;

use crate::http::fixture::{Fixture, Reply};

/// What is read without credentials.
async fn read(fixture: &Fixture, path: &str) -> Reply {
    fixture.call_with("", "GET", path, "").await
}

/// Lines that are samples: name with labels, and value.
fn samples(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(' ').expect("a name and a value"))
}

/// Every family with its type and help.
fn families(text: &str) -> BTreeMap<String, (String, String)> {
    let mut families = BTreeMap::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(rest) = line.strip_prefix("# TYPE ") else {
            continue;
        };
        let (name, kind) = rest.split_once(' ').expect("a name and a type");
        let help = lines.next().and_then(|line| line.strip_prefix("# HELP "));
        let help = help
            .and_then(|help| help.strip_prefix(name))
            .expect("its help comes next");
        let entry = (kind.to_owned(), help.trim().to_owned());
        assert_eq!(
            families.insert(name.to_owned(), entry),
            None,
            "{name} comes twice"
        );
    }
    families
}

/// No family begins twice, every sample belongs to the one before it, none comes twice.
fn check_form(text: &str) {
    families(text);
    let (mut family, mut seen) = (String::new(), BTreeSet::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            family = rest.split(' ').next().unwrap_or_default().to_owned();
        } else if !line.starts_with('#') {
            assert!(line.starts_with(&family), "{line} in {family}");
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            assert!(seen.insert(name.to_owned()), "{name} comes twice");
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
}

const PATHS: [&str; 4] = [
    "/metrics",
    "/metrics/per-object",
    "/metrics/memory-breakdown",
    "/metrics/detailed?family=queue_metrics&family=vhost_status",
];

#[tokio::test]
async fn every_answer_says_who_it_is_once() {
    let fixture = Fixture::start().await;
    let endpoints = ["aggregated", "per-object", "memory-breakdown", "detailed"];
    for (path, endpoint) in PATHS.into_iter().zip(endpoints) {
        let reply = read(&fixture, path).await;
        assert_eq!(reply.status, 200);
        let kind = reply.header("content-type").expect("a type");
        assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
        check_form(&reply.text);
        let identities =
            samples(&reply.text).filter(|(name, _)| name.starts_with("rabbitmq_identity_info{"));
        let identities: Vec<_> = identities.collect();
        assert_eq!(identities.len(), 1, "{path}");
        let (identity, one) = identities[0];
        assert!(identity.contains("rabbitmq_node=\"ferrymq@<b>\"") && one == "1");
        assert!(identity.contains(&format!("rabbitmq_endpoint=\"{endpoint}\"")));
        assert!(!identity.contains("namespace"));
    }
    let unknown = read(&fixture, "/metrics/odd").await;
    assert_eq!((unknown.status, &*unknown.text), (404, "Unknown Registry"));
}

#[tokio::test]
async fn names_are_escaped() {
    let fixture = Fixture::start().await;
    fixture
        .check("PUT", "/api/queues/%2F/a%22b%5Cc%0Ad", "{}", 201)
        .await;
    let expected = "rabbitmq_queue_messages_ready{vhost=\"/\",queue=\"a\\\"b\\\\c\\nd\"} 0";
    let reply = read(&fixture, "/metrics/per-object").await;
    check_form(&reply.text);
    assert!(
        reply.text.lines().any(|line| line == expected),
        "{}",
        reply.text
    );
}

#[tokio::test]
async fn detailed_answers_only_what_is_asked() {
    let fixture = Fixture::start().await;
    for name in ["one", "two"] {
        fixture
            .check("PUT", &format!("/api/queues/%2F/{name}"), "{}", 201)
            .await;
    }
    let nothing = read(&fixture, "/metrics/detailed?family=odd").await;
    assert_eq!(families(&nothing.text).len(), 2, "who answers, and no more");
    let path = "/metrics/detailed?family=queue_coarse_metrics&family=queue_consumer_count&queue=%5Eon&vhost=%2F";
    let text = read(&fixture, path).await.text;
    check_form(&text);
    assert!(
        text.contains("\nrabbitmq_detailed_queue_messages_ready{vhost=\"/\",queue=\"one\"} 0\n")
    );
    assert!(text.contains("\nrabbitmq_detailed_queue_consumers{vhost=\"/\",queue=\"one\"} 0\n"));
    assert!(text.contains("queue_type=\"rabbit_classic_queue\",membership=\"leader\"} 1\n"));
    assert!(!text.contains("queue=\"two\"") && !text.contains("queue_messages_bytes"));
    let elsewhere = read(&fixture, "/metrics/detailed?family=queue_metrics&vhost=x").await;
    assert!(!elsewhere.text.contains("queue=\"one\""));
    let cluster =
        "/metrics/detailed?family=vhost_status&family=exchange_names&family=exchange_bindings";
    let text = read(&fixture, cluster).await.text;
    check_form(&text);
    assert!(text.contains("\nrabbitmq_cluster_vhost_status{vhost=\"/\"} 1\n"));
    let topic = "{vhost=\"/\",exchange=\"amq.topic\",type=\"topic\"}";
    assert!(text.contains(&format!("\nrabbitmq_cluster_exchange_name{topic} 1\n")));
    assert!(text.contains(&format!("\nrabbitmq_cluster_exchange_bindings{topic} 0\n")));
    for query in ["queue=a&queue=b", "queue=("] {
        let refused = read(
            &fixture,
            &format!("/metrics/detailed?family=queue_metrics&{query}"),
        )
        .await;
        assert_eq!(refused.status, 400, "{query}");
    }
}

#[tokio::test]
async fn settings_ask_for_credentials_and_objects() {
    let fixture = Fixture::start_with(|config| {
        config.metrics_authentication = true;
        config.metrics_per_object = true;
    })
    .await;
    assert_eq!(read(&fixture, "/metrics").await.status, 401);
    fixture.check("PUT", "/api/queues/%2F/q", "{}", 201).await;
    let reply = fixture.check("GET", "/metrics", "", 200).await;
    assert!(reply.text.contains("rabbitmq_endpoint=\"per-object\""));
    assert!(
        reply
            .text
            .contains("rabbitmq_queue_messages{vhost=\"/\",queue=\"q\"}")
    );
}

#[tokio::test]
async fn answers_can_be_compressed() {
    let fixture = Fixture::start().await;
    let request =
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n";
    let answer = fixture.send_for_bytes(request).await;
    let head = String::from_utf8_lossy(&answer);
    assert!(head.contains("content-encoding: gzip"), "{head}");
}

#[tokio::test]
async fn many_objects_come_in_pieces() {
    let fixture = Fixture::start().await;
    let name = |number| format!("{}-{number}", "q".repeat(200));
    for number in 0..300 {
        let path = format!("/api/queues/%2F/{}", name(number));
        fixture.check("PUT", &path, "{}", 201).await;
    }
    let reply = read(&fixture, "/metrics/per-object").await;
    assert_eq!(reply.header("transfer-encoding"), Some("chunked"));
    check_form(&reply.text);
    for number in 0..300 {
        let labels = format!("queue=\"{}\"", name(number));
        assert!(reply.text.matches(&labels).count() > 20, "{labels}");
    }
}

#[tokio::test]
async fn counters_tell_of_logins_and_objects() {
    let fixture = Fixture::start().await;
    fixture.check("PUT", "/api/queues/%2F/q", "{}", 201).await;
    fixture
        .call_as("guest:wrong", "GET", "/api/whoami", "")
        .await;
    ticker::tick(&fixture.broker, clock::now()).await;
    let text = read(&fixture, "/metrics").await.text;
    for line in [
        "rabbitmq_queues 1",
        "rabbitmq_queues_created_total 1",
        "rabbitmq_auth_attempts_succeeded_total{protocol=\"http\"} 1",
        "rabbitmq_auth_attempts_failed_total{protocol=\"http\"} 1",
        "rabbitmq_auth_attempts_total{protocol=\"mqtt\"} 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}");
    }
}

#[tokio::test]
async fn memory_is_shared_out_whole() {
    let fixture = Fixture::start().await;
    ferrymq_broker::stats::ticker::tick(&fixture.broker, ferrymq_broker::clock::now()).await;
    let text = read(&fixture, "/metrics/memory-breakdown").await.text;
    let parts = samples(&text).filter(|(name, _)| name.starts_with("rabbitmq_memory_"));
    let sum: u64 = parts.map(|(_, value)| value.parse::<u64>().unwrap()).sum();
    let path = "/api/nodes/ferrymq@%3Cb%3E/memory";
    let memory = fixture.check("GET", path, "", 200).await.json;
    assert_eq!(memory["memory"]["total"]["rss"], sum);
}

#[tokio::test]
async fn the_documentation_lists_every_metric() {
    let fixture = Fixture::start().await;
    fixture.check("PUT", "/api/queues/%2F/q", "{}", 201).await;
    let mut all = BTreeMap::new();
    for path in [
        "/metrics",
        "/metrics/per-object",
        "/metrics/memory-breakdown",
        "/metrics/detailed?family=vhost_status&family=exchange_names&family=exchange_bindings",
    ] {
        all.extend(families(&read(&fixture, path).await.text));
    }
    let rows = all.iter();
    let rows = rows.map(|(name, (kind, help))| format!("| `{name}` | {kind} | {help} |\n"));
    let expected: String = rows.collect();
    let page = include_str!("../../../docs/metrics.md");
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let found: String = rows.map(|line| format!("{line}\n")).collect();
    assert!(found == expected, "the table should be:\n{expected}");
}
