//! Queues and exchanges: declared, shown, deleted.

use serde_json::{Value, json};

use crate::http::fixture::{Client, Fixture};

const QUEUE: &str = "/api/queues/%2F/q";
const EXCHANGE: &str = "/api/exchanges/%2F/x";

async fn publish(fixture: &Fixture, queue: &str) {
    let body = json!({
        "routing_key": queue, "properties": {}, "payload": "p", "payload_encoding": "string",
    });
    let path = "/api/exchanges/%2F/amq.default/publish";
    fixture.check("POST", path, &body.to_string(), 200).await;
}

#[tokio::test]
async fn declaring_again_must_be_equal() {
    let fixture = Fixture::start().await;
    let body = r#"{"durable":true,"arguments":{"x-message-ttl":1000},"node":"any","x":1}"#;
    fixture.check("PUT", QUEUE, body, 201).await;
    fixture.check("PUT", QUEUE, body, 204).await;
    let refused = fixture.check("PUT", QUEUE, "{}", 400).await.json;
    let reason = "inequivalent arg 'durable' for queue 'q' in vhost '/': \
                  received 'false' but current is 'true'";
    assert_eq!(refused, json!({ "error": "bad_request", "reason": reason }));
    let body = r#"{"type":"topic","durable":"true","auto_delete":false}"#;
    fixture.check("PUT", EXCHANGE, body, 201).await;
    fixture.check("PUT", EXCHANGE, body, 204).await;
    fixture
        .check("PUT", EXCHANGE, r#"{"type":"topic"}"#, 400)
        .await;
    fixture
        .check("PUT", EXCHANGE, r#"{"type":"boat"}"#, 400)
        .await;
    fixture
        .check("PUT", EXCHANGE, r#"{"durable":"troo"}"#, 400)
        .await;
    fixture.check("PUT", "/api/exchanges/%2F/y", "", 201).await;
    let long = format!("/api/queues/%2F/{}", "q".repeat(256));
    fixture.check("PUT", &long, "{}", 400).await;
    fixture
        .check("PUT", QUEUE, r#"{"arguments":{"x-message-ttl":"a"}}"#, 400)
        .await;
}

#[tokio::test]
async fn what_is_in_use_stays_if_asked() {
    let fixture = Fixture::start().await;
    fixture.check("PUT", QUEUE, "", 201).await;
    publish(&fixture, "q").await;
    let refused = fixture
        .check("DELETE", &format!("{QUEUE}?if-empty=true"), "", 400)
        .await;
    assert_eq!(refused.json["reason"], "queue 'q' in vhost '/' not empty");
    fixture
        .check("DELETE", &format!("{QUEUE}/contents"), "", 204)
        .await;
    let both = format!("{QUEUE}?if-empty=true&if-unused=true");
    fixture.check("DELETE", &both, "", 204).await;
    fixture.check("DELETE", QUEUE, "", 404).await;
    fixture.check("GET", QUEUE, "", 404).await;
    fixture.check("PUT", EXCHANGE, "", 201).await;
    fixture
        .check("POST", "/api/bindings/%2F/e/x/e/amq.fanout", "", 201)
        .await;
    fixture
        .check("DELETE", &format!("{EXCHANGE}?if-unused=true"), "", 400)
        .await;
    fixture.check("DELETE", EXCHANGE, "", 204).await;
    fixture.check("DELETE", EXCHANGE, "", 404).await;
    fixture
        .check("DELETE", "/api/exchanges/%2F/amq.direct", "", 401)
        .await;
    fixture
        .check("DELETE", "/api/exchanges/%2F/amq.default", "", 401)
        .await;
}

#[tokio::test]
async fn a_queue_has_what_clients_need() {
    let fixture = Fixture::start().await;
    let body = r#"{"durable":true,"arguments":{"x-queue-type":"quorum"}}"#;
    fixture.check("PUT", QUEUE, body, 201).await;
    fixture
        .check("PUT", "/api/queues/%2F/classic", "", 201)
        .await;
    let quorum = fixture.check("GET", QUEUE, "", 200).await.json;
    for (field, expected) in [
        ("type", json!("quorum")),
        ("arguments", json!({"x-queue-type": "quorum"})),
        ("members", json!(["ferrymq@<b>"])),
        ("policy", json!(null)),
        ("effective_policy_definition", json!({})),
        ("consumers", json!(0)),
        ("messages", json!(0)),
        ("head_message_timestamp", json!(null)),
        ("consumer_details", json!([])),
        ("incoming", json!([])),
        ("delivery_limit", json!(20)),
        ("exclusive", json!(false)),
    ] {
        assert_eq!(quorum[field], expected, "{field}");
    }
    assert_eq!(quorum.get("message_stats"), None);
    publish(&fixture, "classic").await;
    let classic = fixture
        .check("GET", "/api/queues/%2F/classic", "", 200)
        .await
        .json;
    for (field, expected) in [
        ("messages", 1),
        ("messages_ready", 1),
        ("message_bytes", 1),
        ("messages_ram", 1),
        ("storage_version", 2),
    ] {
        assert_eq!(classic[field], expected, "{field}");
    }
    assert_eq!(classic["message_stats"]["publish"], 1);
    let status = "/api/queues/quorum/%2F/classic/status";
    let refused = fixture.check("GET", status, "", 503).await.json;
    assert_eq!(refused["reason"], "classic_queue_not_supported");
    let rows = fixture
        .check("GET", "/api/queues/quorum/%2F/q/status", "", 200)
        .await
        .json;
    assert_eq!(rows[0]["Raft State"], "leader");
}

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[tokio::test]
async fn statistics_can_be_left_out() {
    let fixture = Fixture::start().await;
    fixture.check("PUT", QUEUE, "", 201).await;
    let basic = fixture
        .check("GET", "/api/queues?disable_stats=true", "", 200)
        .await
        .json;
    let expected = [
        "arguments",
        "auto_delete",
        "durable",
        "effective_policy_definition",
        "exclusive",
        "internal",
        "internal_owner",
        "name",
        "node",
        "operator_policy",
        "policy",
        "state",
        "type",
        "vhost",
    ];
    assert_eq!(keys(&basic[0]), expected);
    let path = "/api/queues?disable_stats=true&enable_queue_totals=true";
    let totals = fixture.check("GET", path, "", 200).await.json;
    assert_eq!(keys(&totals[0]).len(), expected.len() + 3);
    let list = fixture.check("GET", "/api/queues", "", 200).await.json;
    let detailed = fixture
        .check("GET", "/api/queues/detailed", "", 200)
        .await
        .json;
    assert_eq!(list[0].get("garbage_collection"), None);
    assert!(detailed[0]["garbage_collection"].is_object());
    let columns = "/api/queues?columns=garbage_collection.minor_gcs";
    let picked = fixture.check("GET", columns, "", 200).await.json;
    assert_eq!(picked, json!([{ "garbage_collection": {"minor_gcs": 0} }]));
}

#[tokio::test]
async fn lists_follow_what_is_declared() {
    let fixture = Fixture::start().await;
    for (name, messages) in [("b", 2), ("a", 1), ("c", 3)] {
        fixture
            .check("PUT", &format!("/api/queues/%2F/{name}"), "", 201)
            .await;
        for _ in 0..messages {
            publish(&fixture, name).await;
        }
    }
    let names = async |query: &str| {
        let path = format!("/api/queues?columns=name&{query}");
        let list = fixture.check("GET", &path, "", 200).await.json;
        let items = list.as_array().cloned().unwrap_or_default();
        let names = items
            .iter()
            .map(|item| item["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>().join("")
    };
    assert_eq!(names("").await, "abc");
    assert_eq!(names("sort=messages&sort_reverse=true").await, "cba");
    assert_eq!(names("sort=message_stats.publish").await, "abc");
    assert_eq!(
        names("sort=message_stats.publish_details.rate&sort_reverse=true").await,
        "cba"
    );
    assert_eq!(names("sort=consumer_details").await, "abc");
    fixture.check("DELETE", "/api/queues/%2F/b", "", 204).await;
    assert_eq!(names("").await, "ac");
    fixture.check("PUT", "/api/queues/%2F/aa", "", 201).await;
    assert_eq!(names("").await, "aaac");
}

#[tokio::test]
async fn a_queue_can_be_paused() {
    let fixture = Fixture::start().await;
    fixture.check("PUT", QUEUE, "", 201).await;
    publish(&fixture, "q").await;
    fixture
        .check("PUT", &format!("{QUEUE}/pause"), "", 204)
        .await;
    assert_eq!(
        fixture.check("GET", QUEUE, "", 200).await.json["state"],
        "paused"
    );
    let order = r#"{"count":1,"ackmode":"ack_requeue_true","encoding":"auto"}"#;
    let path = format!("{QUEUE}/get");
    assert_eq!(
        fixture.check("POST", &path, order, 200).await.json,
        json!([])
    );
    fixture
        .check("PUT", &format!("{QUEUE}/resume"), "", 204)
        .await;
    let got = fixture.check("POST", &path, order, 200).await.json;
    assert_eq!(got[0]["payload"], "p");
    let actions = format!("{QUEUE}/actions");
    let action = fixture.check("POST", &actions, r#"{"action":"sync"}"#, 400);
    assert_eq!(action.await.json["reason"], "unknown action 'sync'");
    fixture
        .check(
            "POST",
            "/api/queues/%2F/none/actions",
            r#"{"action":"sync"}"#,
            404,
        )
        .await;
}

#[tokio::test]
async fn who_declared_a_queue_is_remembered() {
    let fixture = Fixture::start().await;
    let anna = r#"{"password":"p","tags":"management"}"#;
    fixture.check("PUT", "/api/users/anna", anna, 201).await;
    let everything = r#"{"configure":".*","write":".*","read":".*"}"#;
    fixture
        .check("PUT", "/api/permissions/%2F/anna", everything, 201)
        .await;
    let declared = fixture
        .call_as("anna:p", "PUT", QUEUE, r#"{"durable":true}"#)
        .await;
    assert_eq!(declared.status, 201);
    // To declare it again changes nothing.
    fixture
        .check("PUT", QUEUE, r#"{"durable":true}"#, 204)
        .await;
    let mut client = Client::open(&fixture.broker);
    client.declare("own", true);
    fixture.check("PUT", "/api/vhosts/closed", "", 201).await;
    let elsewhere = "/api/queues/closed/elsewhere";
    fixture.check("PUT", elsewhere, "{}", 201).await;
    let imported = json!({ "queues": [{ "name": "imported", "vhost": "/", "durable": true }] });
    fixture
        .check("POST", "/api/definitions", &imported.to_string(), 204)
        .await;
    for (credentials, user, expected) in [
        ("guest:guest", "anna", json!(["q"])),
        (
            "guest:guest",
            "guest",
            json!(["imported", "own", "elsewhere"]),
        ),
        ("anna:p", "guest", json!(["imported", "own"])),
        ("guest:guest", "nobody", json!([])),
    ] {
        let path = format!("/api/users/{user}/queues");
        let answer = fixture.call_as(credentials, "GET", &path, "").await;
        assert_eq!(answer.status, 200);
        let queues = answer.json.as_array().unwrap().iter();
        let names: Value = queues.map(|queue| queue["name"].clone()).collect();
        assert_eq!(names, expected, "{user} for {credentials}");
    }
    let paged = "/api/users/guest/queues?page=1&page_size=2";
    let page = fixture.check("GET", paged, "", 200).await.json;
    assert_eq!(page["total_count"], 3);
    let exported = fixture.check("GET", "/api/definitions", "", 200).await.json;
    assert!(!exported["queues"].to_string().contains("anna"));
}
