//! What changes on pages while they are open.

use std::collections::BTreeMap;

use form_urlencoded::byte_serialize;
use serde_json::{Value, json};

use super::super::super::fixture::Client;
use super::Browser;
use crate::console::queues;

/// The rows that a page has, by key.
fn rows(change: &Value, table: &str) -> BTreeMap<String, String> {
    let parts = change["parts"].as_object().unwrap().iter();
    let row = |(id, html): (&String, &Value)| {
        let key = id.strip_prefix("row:")?.strip_prefix(table)?;
        Some((key[1..].to_owned(), html.as_str().unwrap().to_owned()))
    };
    parts.filter_map(row).collect()
}

/// What the page says of the keys of its rows.
fn keys(change: &Value, table: &str) -> Value {
    let keys = change["parts"][format!("keys:{table}")].as_str().unwrap();
    serde_json::from_str(keys).unwrap()
}

/// As a browser says which rows it shows.
fn shown(table: &str, keys: &[Value]) -> String {
    let shown = json!({ table: keys }).to_string();
    let shown: String = byte_serialize(shown.as_bytes()).collect();
    format!("shown={shown}")
}

#[tokio::test]
async fn rows_that_left_the_page_are_looked_after() {
    let browser = Browser::start().await;
    for name in ["a", "b", "gone"] {
        let path = format!("/api/queues/%2F/{name}");
        browser.fixture.check("PUT", &path, "", 201).await;
    }
    let path = "/api/queues/%2F/gone";
    browser.fixture.check("DELETE", path, "", 204).await;
    let said = shown("queues", &["b", "gone"].map(|name| json!(["/", name])));
    let change = browser.live(&format!("queues?filter=name:=a&{said}")).await;
    let rows = rows(&change, "queues");
    assert_eq!(rows.keys().collect::<Vec<_>>(), [r#"["/","b"]"#]);
    let expected = json!({ "order": [r#"["/","a"]"#], "gone": [r#"["/","gone"]"#] });
    assert_eq!(keys(&change, "queues"), expected);
}

#[tokio::test]
async fn a_row_looks_the_same_alone() {
    let browser = Browser::start().await;
    let policy = r#"{"pattern":"^a","definition":{"max-length":5}}"#;
    for (path, body) in [
        ("queues/%2F/a%2Fb", ""),
        (
            "queues/%2F/quorum",
            r#"{"durable":true,"arguments":{"x-queue-type":"quorum"}}"#,
        ),
        ("queues/%2F/goes", r#"{"auto_delete":true}"#),
        ("exchanges/%2F/e", r#"{"type":"topic"}"#),
        ("policies/%2F/p", policy),
        ("operator-policies/%2F/o", policy),
        ("vhosts/v", ""),
        ("vhost-limits/v/max-queues", r#"{"value":3}"#),
        ("users/u", r#"{"password":"u","tags":"monitoring"}"#),
        (
            "permissions/v/u",
            r#"{"configure":"","write":"","read":""}"#,
        ),
    ] {
        let path = format!("/api/{path}");
        let reply = browser.fixture.call("PUT", &path, body).await;
        assert!(reply.status < 300, "{path}: {reply:?}");
    }
    browser.fixture.tick(1).await;
    let mut client = Client::open(&browser.fixture.broker);
    client.declare("own", true);
    client.consume("a/b", false);
    for queue in ["a/b", "a/b", "quorum"] {
        client.publish("", queue, false);
    }
    browser.fixture.tick(2).await;
    // What a column shows does not depend on which others there are.
    let columns = queues::SHEET.columns.iter();
    let queues = columns.map(|column| format!("queues?columns={}", column.field));
    let queues: Vec<_> = queues.collect();
    let queues = queues.iter().map(|page| (page.as_str(), "queues"));
    let others = [
        ("queues?", "queues"),
        ("exchanges?", "exchanges"),
        ("bindings?", "bindings"),
        ("policies?", "policies"),
        ("policies?of=operator", "operator-policies"),
        ("vhosts?columns=all", "vhosts"),
        ("users?columns=all", "users"),
    ];
    for (page, table) in others.into_iter().chain(queues) {
        let all = rows(&browser.live(page).await, table);
        assert!(!all.is_empty(), "{page}");
        let parsed = all.keys().map(|key| serde_json::from_str(key).unwrap());
        let said = shown(table, &parsed.collect::<Vec<_>>());
        let change = browser
            .live(&format!("{page}&filter=name:=no&{said}"))
            .await;
        assert_eq!(rows(&change, table), all, "{page}");
        assert_eq!(keys(&change, table), json!({ "order": [], "gone": [] }));
    }
}
