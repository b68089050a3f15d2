//! Publishing and fetching over HTTP.

use serde_json::{Value, json};

use crate::http::fixture::{Fixture, Reply};

const PUBLISH: &str = "/api/exchanges/%2F/amq.default/publish";

async fn queue(fixture: &Fixture, name: &str, arguments: Value) {
    let body = json!({ "arguments": arguments }).to_string();
    let path = format!("/api/queues/%2F/{name}");
    fixture.check("PUT", &path, &body, 201).await;
}

async fn publish(fixture: &Fixture, queue: &str, payload: &str, status: u16) -> Reply {
    let body = json!({
        "routing_key": queue, "properties": {}, "payload": payload, "payload_encoding": "string",
    });
    fixture
        .check("POST", PUBLISH, &body.to_string(), status)
        .await
}

async fn get(fixture: &Fixture, queue: &str, more: Value) -> Value {
    let mut body = json!({ "count": 10, "encoding": "auto" });
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let path = format!("/api/queues/%2F/{queue}/get");
    fixture
        .check("POST", &path, &body.to_string(), 200)
        .await
        .json
}

fn payloads(got: &Value) -> Vec<&str> {
    let items = got.as_array().unwrap().iter();
    items
        .map(|item| item["payload"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_message_comes_back_as_it_went() {
    let fixture = Fixture::start().await;
    queue(&fixture, "q", json!({})).await;
    let body = json!({
        "routing_key": "q", "payload": "/w==", "payload_encoding": "base64",
        "properties": {"delivery_mode": 2, "headers": {"a": [1, true]}, "timestamp": 1_700_000_000},
    });
    let sent = fixture.check("POST", PUBLISH, &body.to_string(), 200).await;
    assert_eq!(sent.json, json!({ "routed": true }));
    let got = get(&fixture, "q", json!({"ackmode": "ack_requeue_false"})).await;
    let expected = json!([{
        "payload_bytes": 1, "redelivered": false, "exchange": "", "routing_key": "q",
        "message_count": 0, "properties": body["properties"], "payload": "/w==",
        "payload_encoding": "base64",
    }]);
    assert_eq!(got, expected);
    assert_eq!(
        get(&fixture, "q", json!({"ackmode": "ack_requeue_false"})).await,
        json!([])
    );
}

#[tokio::test]
async fn every_mode_does_what_it_says() {
    let fixture = Fixture::start().await;
    queue(&fixture, "dead", json!({})).await;
    let dead = json!({"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"});
    queue(&fixture, "q", dead).await;
    for payload in ["1", "2", "3"] {
        publish(&fixture, "q", payload, 200).await;
    }
    for mode in ["ack_requeue_true", "reject_requeue_true"] {
        let got = get(&fixture, "q", json!({ "ackmode": mode })).await;
        assert_eq!(payloads(&got), ["1", "2", "3"], "{mode}");
        assert_eq!(
            (&got[0]["message_count"], &got[2]["message_count"]),
            (&json!(2), &json!(0))
        );
    }
    let got = get(&fixture, "q", json!({"requeue": "true", "count": "1"})).await;
    assert_eq!(
        (payloads(&got), &got[0]["redelivered"]),
        (vec!["1"], &json!(true))
    );
    let got = get(
        &fixture,
        "q",
        json!({"ackmode": "reject_requeue_false", "count": 1}),
    )
    .await;
    assert_eq!(payloads(&got), ["1"]);
    let got = get(&fixture, "q", json!({"requeue": false, "count": 1})).await;
    assert_eq!(payloads(&got), ["2"]);
    let dead = get(&fixture, "dead", json!({"ackmode": "ack_requeue_true"})).await;
    assert_eq!(payloads(&dead), ["1"]);
    let left = fixture.check("GET", "/api/queues/%2F/q", "", 200).await;
    assert_eq!(left.json["messages"], 1);
}

#[tokio::test]
async fn payloads_can_be_cut() {
    let fixture = Fixture::start().await;
    queue(&fixture, "q", json!({})).await;
    publish(&fixture, "q", &"é".repeat(5_000), 200).await;
    let mut more = json!({"ackmode": "ack_requeue_true", "truncate": 4});
    let got = get(&fixture, "q", more.clone()).await;
    assert_eq!(
        (&got[0]["payload"], &got[0]["payload_bytes"]),
        (&json!("éé"), &json!(10_000))
    );
    more["truncate"] = json!("3");
    assert_eq!(
        get(&fixture, "q", more).await[0]["payload_encoding"],
        "base64"
    );
}

#[tokio::test]
async fn what_cannot_be_published_is_refused() {
    let fixture = Fixture::start().await;
    let full = json!({"x-max-length": 0, "x-overflow": "reject-publish"});
    queue(&fixture, "full", full).await;
    assert_eq!(
        publish(&fixture, "nowhere", "", 200).await.json,
        json!({ "routed": false })
    );
    let refused = publish(&fixture, "full", "", 400).await;
    let expected = "rejected Unable to publish message. Check queue limits.";
    assert_eq!(refused.json["reason"], expected);
    let good = json!({
        "routing_key": "q", "properties": {}, "payload": "", "payload_encoding": "string",
    });
    for (key, value) in [
        ("payload", json!(5)),
        ("payload", json!(null)),
        ("payload_encoding", json!("hex")),
        ("properties", json!({"priority": "1"})),
        ("properties", json!({"expiration": "soon"})),
        ("routing_key", json!("k".repeat(256))),
    ] {
        let mut bad = good.clone();
        bad[key] = value;
        fixture.check("POST", PUBLISH, &bad.to_string(), 400).await;
    }
    let missing = "/api/exchanges/%2F/none/publish";
    let refused = fixture.check("POST", missing, &good.to_string(), 404).await;
    assert_eq!(refused.json["reason"], "exchange_not_found");
    let order = r#"{"count":1,"ackmode":"ack_requeue_true","encoding":"auto"}"#;
    let refused = fixture
        .check("POST", "/api/queues/%2F/none/get", order, 404)
        .await;
    assert_eq!(refused.json["reason"], "queue_not_found");
    for bad in [
        r#"{"count":-1,"ackmode":"ack_requeue_true","encoding":"auto"}"#,
        r#"{"count":1,"ackmode":"ack","encoding":"auto"}"#,
        r#"{"count":1,"encoding":"auto"}"#,
        r#"{"count":1,"ackmode":"ack_requeue_true"}"#,
        r#"{"ackmode":"ack_requeue_true","encoding":"auto"}"#,
    ] {
        fixture
            .check("POST", "/api/queues/%2F/full/get", bad, 400)
            .await;
    }
}
