//! Bindings and their keys.

use serde_json::{Value, json};

use crate::http::fixture::Fixture;

const PAIR: &str = "/api/bindings/%2F/e/amq.headers/q/q";

async fn with_queue() -> Fixture {
    let fixture = Fixture::start().await;
    fixture
        .check("PUT", "/api/queues/%2F/q", r#"{"durable":true}"#, 201)
        .await;
    fixture
}

/// A name as some clients encode it: every byte that is not alphanumeric.
fn encode(text: &str) -> String {
    let encode = |byte: u8| match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[tokio::test]
async fn a_key_leads_back_to_its_binding() {
    let fixture = with_queue().await;
    for routing_key in ["", "k", "a b", "~", "a~b", "a+b", "é/ü", "null"] {
        for arguments in [json!({}), json!({"x": 1}), json!({"x": 1, "y": "2"})] {
            let body = json!({ "routing_key": routing_key, "arguments": arguments }).to_string();
            let bound = fixture.check("POST", PAIR, &body, 201).await;
            fixture.check("POST", PAIR, &body, 201).await;
            let listed = fixture.check("GET", PAIR, "", 200).await.json;
            assert_eq!(listed.as_array().unwrap().len(), 1, "{body}");
            let key = listed[0]["properties_key"].as_str().unwrap();
            assert_eq!(listed[0]["arguments"], arguments);
            let path = format!("{PAIR}/{}", encode(key));
            let found = fixture.check("GET", &path, "", 200).await.json;
            assert_eq!(found, listed[0]);
            let location = bound.header("location").unwrap();
            let located = format!("/api/bindings/%2F/e/amq.headers/q/{location}");
            assert_eq!(fixture.check("GET", &located, "", 200).await.json, found);
            fixture.check("DELETE", &path, "", 204).await;
            fixture.check("DELETE", &path, "", 404).await;
        }
    }
}

#[tokio::test]
async fn every_queue_is_bound_by_its_name() {
    let fixture = with_queue().await;
    let own = json!([{
        "source": "", "vhost": "/", "destination": "q", "destination_type": "queue",
        "routing_key": "q", "arguments": {}, "properties_key": "q",
    }]);
    for path in [
        "/api/bindings",
        "/api/bindings/%2F",
        "/api/bindings/%2F?filter=Q",
        "/api/bindings/%2F/e/amq.default/q/q",
        "/api/queues/%2F/q/bindings",
        "/api/exchanges/%2F/amq.default/bindings/source",
    ] {
        assert_eq!(
            fixture.check("GET", path, "", 200).await.json,
            own,
            "{path}"
        );
    }
    let single = "/api/bindings/%2F/e/amq.default/q/q/q";
    assert_eq!(fixture.check("GET", single, "", 200).await.json, own[0]);
    fixture.check("DELETE", single, "", 401).await;
}

#[tokio::test]
async fn exchanges_are_bound_too() {
    let fixture = with_queue().await;
    let pair = "/api/bindings/%2F/e/amq.topic/e/amq.fanout";
    fixture.check("POST", pair, "", 201).await;
    for path in [
        pair,
        "/api/exchanges/%2F/amq.topic/bindings/source",
        "/api/exchanges/%2F/amq.fanout/bindings/destination",
    ] {
        let found = fixture.check("GET", path, "", 200).await.json;
        assert_eq!(found[0]["destination_type"], "exchange", "{path}");
        assert_eq!(found[0]["properties_key"], "~");
    }
    fixture.check("DELETE", &format!("{pair}/~"), "", 204).await;
    assert_eq!(fixture.check("GET", pair, "", 200).await.json, json!([]));
}

#[tokio::test]
async fn what_is_missing_is_told() {
    let fixture = with_queue().await;
    let none = fixture
        .check("GET", "/api/bindings/%2F/e/no/q/no", "", 200)
        .await;
    assert_eq!(none.json, Value::Array(vec![]));
    fixture.check("GET", "/api/bindings/none", "", 404).await;
    fixture
        .check("GET", "/api/queues/%2F/none/bindings", "", 404)
        .await;
    fixture
        .check("GET", "/api/exchanges/%2F/none/bindings/source", "", 404)
        .await;
    fixture
        .check("POST", "/api/bindings/%2F/e/none/q/q", "", 404)
        .await;
    fixture
        .check("POST", "/api/bindings/%2F/e/amq.topic/q/none", "", 404)
        .await;
    fixture
        .check("POST", "/api/bindings/none/e/amq.topic/q/q", "", 404)
        .await;
    let large = json!({ "arguments": {"x": "x".repeat(6_000)} }).to_string();
    fixture.check("POST", PAIR, &large, 400).await;
    let refused = fixture
        .check("POST", PAIR, r#"{"arguments":{"x":null}}"#, 400)
        .await;
    assert_eq!(refused.json["reason"], "arguments: 'x' is null");
}
