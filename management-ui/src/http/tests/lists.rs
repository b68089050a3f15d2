//! Lists are paged, sorted and filtered, whatever they are of.

use serde_json::json;

use crate::http::fixture::Fixture;

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
