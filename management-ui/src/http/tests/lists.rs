//! Lists are paged, sorted and filtered, whatever they are of.

use serde_json::{Map, Value, json};

use crate::http::fixture::{Client, Fixture};
use crate::query::field;

/// Lists that every broker has, with something in them and a word that finds it.
const LISTS: [(&str, &str); 12] = [
    ("/api/queues", "orders"),
    ("/api/exchanges", "amq.topic"),
    ("/api/bindings", "orders%20orders"),
    ("/api/queues/%2F/orders/bindings", "orders"),
    ("/api/policies", "limit"),
    ("/api/parameters", "max"),
    ("/api/permissions", "guest"),
    ("/api/vhost-limits", "/"),
    ("/api/users", "guest"),
    ("/api/vhosts", "/"),
    ("/api/nodes", "ferrymq"),
    ("/api/feature-flags", "quorum"),
];

async fn start() -> Fixture {
    let fixture = Fixture::start().await;
    let policy = json!({ "pattern": "^orders", "definition": { "max-length": 5 } });
    let orders = json!({ "durable": true, "arguments": { "x-queue-type": "quorum" } });
    for (path, body) in [
        ("/api/policies/%2F/limit", policy.clone()),
        ("/api/queues/%2F/orders", orders),
        ("/api/queues/%2F/other", json!({ "durable": true })),
        ("/api/vhost-limits/%2F/max-queues", json!({ "value": 9 })),
    ] {
        let reply = fixture.call("PUT", path, &body.to_string()).await;
        assert!(reply.status < 300, "{path}: {reply:?}");
    }
    let parameter = json!({ "value": policy }).to_string();
    let path = "/api/parameters/operator_policy/%2F/max";
    fixture.check("PUT", path, &parameter, 201).await;
    fixture
}

#[tokio::test]
async fn every_list_has_pages_and_filters() {
    let fixture = start().await;
    for (path, word) in LISTS {
        let all = fixture.check("GET", path, "", 200).await.json;
        let length = all.as_array().unwrap().len();
        assert!(length > 0, "{path}");
        let paged = format!("{path}?page=1&page_size=1");
        let page = fixture.check("GET", &paged, "", 200).await.json;
        assert_eq!(page["total_count"], length, "{path}");
        assert_eq!(page["item_count"], 1, "{path}");
        let filtered = format!("{path}?filter={word}");
        let found = fixture.check("GET", &filtered, "", 200).await.json;
        assert_ne!(found, json!([]), "{path}");
        let nothing = format!("{path}?filter=-{word}%20{word}");
        let found = fixture.check("GET", &nothing, "", 200).await.json;
        assert_eq!(found, json!([]), "{path}");
        let refused = format!("{path}?filter=x:%3Ey");
        let refused = fixture.check("GET", &refused, "", 400).await.json;
        let reason = refused["reason"].as_str().unwrap();
        assert!(reason.contains("'x:>y'"), "{path}: {reason}");
    }
}

#[tokio::test]
async fn queues_are_found_by_what_they_hold() {
    let fixture = start().await;
    for (filter, expected) in [
        ("type:quorum", "orders"),
        ("policy:limit", "orders"),
        ("policy:", "other"),
        ("operator_policy:* arguments.x-queue-type:quorum", "orders"),
        ("ready:0 rate-in:%3C1 -orders", "other"),
        ("effective_policy_definition:max-length", "orders"),
        ("effective_policy_definition.max-length:%3E0", "orders"),
        ("effective_policy_definition.max-length:", "other"),
        ("state:running consumers:0 vhost:=/ other", "other"),
        ("memory:%3E0 memory:%3C1M /^ord/", "orders"),
    ] {
        let filter = filter.replace(' ', "%20");
        let path = format!("/api/queues?columns=name&disable_stats=true&filter={filter}");
        let found = fixture.check("GET", &path, "", 200).await.json;
        assert_eq!(found, json!([{ "name": expected }]), "{filter}");
    }
}

#[tokio::test]
async fn every_field_can_be_asked_for_alone() {
    let fixture = Fixture::start().await;
    let queue = r#"{"durable":true,"arguments":{"x-queue-type":"quorum"}}"#;
    fixture.check("PUT", "/api/queues/%2F/q", queue, 201).await;
    fixture.tick(1).await;
    let mut client = Client::open(&fixture.broker);
    client.publish("amq.direct", "nowhere", false);
    client.publish("", "q", false);
    client.consume("q", false);
    fixture.tick(2).await;
    let node = format!("/api/nodes/{}", fixture.site.node());
    let node = node.replace('<', "%3C").replace('>', "%3E");
    let channel = fixture.check("GET", "/api/channels", "", 200).await.json;
    let channel = channel[0]["name"].as_str().unwrap().replace(' ', "%20");
    for path in [
        &node,
        "/api/overview",
        "/api/queues/%2F/q",
        "/api/vhosts/%2F",
        "/api/exchanges/%2F/amq.direct",
        &format!("/api/channels/{}", channel.replace('>', "%3E")),
    ] {
        let all = fixture.check("GET", path, "", 200).await.json;
        let stats = all["message_stats"].as_object().into_iter().flatten();
        let stats = stats.map(|(name, value)| (format!("message_stats.{name}"), value));
        let fields = all.as_object().unwrap().iter();
        let fields = fields.map(|(name, value)| (name.clone(), value));
        for (name, value) in fields.chain(stats) {
            let alone = format!("{path}?columns={name}");
            let alone = fixture.check("GET", &alone, "", 200).await.json;
            assert_eq!(alone.as_object().map(Map::len), Some(1), "{path}: {name}");
            let alone = field(&alone, &name).unwrap();
            assert_eq!(kind(alone), kind(value), "{path}: {name}");
        }
    }
    let path = "/api/queues/%2F/q?columns=consumer_details.message_stats";
    let queue = fixture.check("GET", path, "", 200).await.json;
    let stats = &queue["consumer_details"][0]["message_stats"];
    assert_eq!(stats["deliver"], 1, "{queue}");
}

/// What a value is, and which fields it has.
fn kind(value: &Value) -> String {
    match value {
        Value::Object(fields) => format!("{:?}", fields.keys().collect::<Vec<_>>()),
        Value::Array(values) => format!("{} values", values.len()),
        Value::Number(number) => format!("a number, whole: {}", number.is_u64()),
        value => value.to_string(),
    }
}

#[tokio::test]
async fn a_field_that_is_not_shown_filters_nodes() {
    let fixture = Fixture::start().await;
    for (filter, count) in [("mem_used:%3E0", 1), ("mem_used:%3C1", 0)] {
        let path = format!("/api/nodes?columns=name&sort=mem_used&filter={filter}");
        let nodes = fixture.check("GET", &path, "", 200).await.json;
        assert_eq!(nodes.as_array().map(Vec::len), Some(count), "{filter}");
    }
}
