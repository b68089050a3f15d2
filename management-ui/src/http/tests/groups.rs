//! Queues and connections in groups, with sums.

use ferrymq_broker::auth::{PasswordHash, PermissionSet};
use serde_json::{Value, json};

use super::super::fixture::Fixture;

const NAMES: [&str; 6] = [
    "busy",
    "orders.eu.new",
    "orders.eu.old",
    "orders.us.new",
    "single.one",
    "a%2Fb",
];

async fn declare(fixture: &Fixture, vhost: &str, names: &[&str]) {
    for name in names {
        let path = format!("/api/queues/{vhost}/{name}");
        fixture.check("PUT", &path, "", 201).await;
    }
}

async fn publish(fixture: &Fixture, queue: &str, count: usize) {
    let message = json!({
        "properties": {}, "routing_key": queue, "payload": "x", "payload_encoding": "string",
    });
    let path = "/api/exchanges/%2F/amq.default/publish";
    for _ in 0..count {
        fixture.check("POST", path, &message.to_string(), 200).await;
    }
}

async fn get(fixture: &Fixture, path: &str) -> Value {
    fixture.check("GET", path, "", 200).await.json
}

/// What groups are called, and how many queues and messages are in them.
fn told(groups: &Value) -> Vec<(&str, u64, u64)> {
    let groups = groups.as_array().unwrap().iter();
    let number = |group: &Value, field: &str| group[field].as_u64().unwrap();
    groups
        .map(|group| {
            let name = group["name"].as_str().unwrap();
            (
                name,
                number(group, "queues"),
                number(group, "messages_ready"),
            )
        })
        .collect()
}

#[tokio::test]
async fn queues_are_summed_up_level_by_level() {
    let fixture = Fixture::start().await;
    declare(&fixture, "%2F", &NAMES).await;
    publish(&fixture, "orders.eu.new", 2).await;
    publish(&fixture, "orders.us.new", 1).await;
    let groups = async |query: &str| get(&fixture, &format!("/api/queue-groups{query}")).await;
    let all = groups("").await;
    let expected = [
        ("a/b", 1, 0),
        ("busy", 1, 0),
        ("orders.", 3, 3),
        ("single.one", 1, 0),
    ];
    assert_eq!(told(&all), expected);
    assert_eq!(all[2]["is_queue"], false);
    assert_eq!(all[3]["is_queue"], true);
    assert_eq!(all[2]["message_stats"]["publish"], 3);
    let below = groups("/%2F?prefix=orders.").await;
    let expected = [("orders.eu.", 2, 2), ("orders.us.new", 1, 1)];
    assert_eq!(told(&below), expected);
    let lowest = groups("?prefix=orders.eu.&sort=messages_ready&sort_reverse=true").await;
    let expected = [("orders.eu.new", 1, 2), ("orders.eu.old", 1, 0)];
    assert_eq!(told(&lowest), expected);
    let by_dashes = groups("?separator=-").await;
    assert_eq!(told(&by_dashes).len(), NAMES.len());
    let page = groups("?page=1&page_size=1&filter=queues:%3E1").await;
    assert_eq!(told(&page["items"]), [("orders.", 3, 3)]);
}

#[tokio::test]
async fn groups_are_of_vhosts_that_one_sees() {
    let fixture = Fixture::start().await;
    fixture.check("PUT", "/api/vhosts/other", "", 201).await;
    declare(&fixture, "%2F", &["x.1", "x.2"]).await;
    declare(&fixture, "other", &["x.3", "x.4"]).await;
    let hash = PasswordHash::sha256(b"u");
    let tags = vec!["management".to_owned()];
    fixture.broker.put_user("u", hash, tags, "guest").unwrap();
    let none = PermissionSet::parse("", "", "").unwrap();
    fixture
        .broker
        .set_permissions("u", "other", none, "guest")
        .unwrap();
    let seen = fixture.call_as("u:u", "GET", "/api/queue-groups", "").await;
    assert_eq!(told(&seen.json), [("x.", 2, 0)]);
    assert_eq!(seen.json[0]["vhost"], "other");
    let refused = fixture
        .call_as("u:u", "GET", "/api/queue-groups/%2F", "")
        .await;
    assert_eq!(refused.status, 404);
    let all = get(&fixture, "/api/queue-groups").await;
    assert_eq!(told(&all).len(), 2, "one for each vhost");
}

#[tokio::test]
async fn connections_are_grouped_by_what_is_known() {
    let fixture = Fixture::start().await;
    let none = get(&fixture, "/api/connection-groups").await;
    assert_eq!(none, json!([]));
    let path = "/api/connection-groups?by=colour";
    let refused = fixture.call("GET", path, "").await;
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("user, product, peer_host"));
}
