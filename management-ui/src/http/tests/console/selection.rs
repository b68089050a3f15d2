//! What is done to several queues at once.

use form_urlencoded::byte_serialize;
use serde_json::json;

use super::Browser;

/// The fields that select these queues.
fn keys(queues: &[(&str, &str)]) -> String {
    let key = |(vhost, name): &(&str, &str)| {
        let key = json!([vhost, name]).to_string();
        let key: String = byte_serialize(key.as_bytes()).collect();
        format!("key={key}")
    };
    queues.iter().map(key).collect::<Vec<_>>().join("&")
}

async fn declare(browser: &Browser, names: &[&str]) {
    for name in names {
        let path = format!("/api/queues/%2F/{name}");
        browser.fixture.check("PUT", &path, "", 201).await;
    }
}

#[tokio::test]
async fn messages_of_several_queues_are_moved() {
    let browser = Browser::start().await;
    declare(&browser, &["a", "b", "target"]).await;
    for queue in ["a", "b"] {
        let message = json!({
            "properties": {}, "routing_key": queue, "payload": "x", "payload_encoding": "string",
        });
        let message = message.to_string();
        let path = "/api/exchanges/%2F/amq.default/publish";
        let published = browser.fixture.check("POST", path, &message, 200);
        assert_eq!(published.await.json["routed"], true);
    }
    let selected = keys(&[("/", "a"), ("/", "b")]);
    let question = format!("confirm?do=move-messages&{selected}&back=queues");
    let page = browser.page(&question).await;
    assert!(page.contains("Move the messages of 2 queues"), "{page}");
    assert!(page.contains("<option value=\"target\">"), "{page}");
    let fields = format!("do=move-messages&{selected}&back=queues");
    let refused = browser.send("confirm", "queues", &fields).await;
    assert_eq!(refused.status, 400);
    let fields = format!("{fields}&to=target");
    let done = browser.send("confirm", "queues", &fields).await;
    assert_eq!(done.header("location"), Some("queues"));
    let jobs = browser
        .fixture
        .check("GET", "/api/jobs", "", 200)
        .await
        .json;
    let jobs = jobs.as_array().unwrap();
    assert_eq!(jobs.len(), 2);
    assert!(jobs.iter().all(|job| job["target"]["queue"] == "target"));
}

#[tokio::test]
async fn a_policy_is_offered_for_what_is_selected() {
    let browser = Browser::start().await;
    let selected = keys(&[("/", "a.b"), ("/", "c")]);
    let form = browser.open(&format!("policy-for?{selected}")).await;
    let to = form.header("location").unwrap().to_owned();
    assert_eq!(
        to,
        "policies?vhost=%2F&pattern=%5E%28a%5C.b%7Cc%29%24&apply-to=queues"
    );
    let page = browser.page(&to).await;
    assert!(page.contains(r"^(a\.b|c)$"), "{page}");
    let mixed = keys(&[("/", "a"), ("other", "a")]);
    let refused = browser.open(&format!("policy-for?{mixed}")).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("select queues of one"));
    let long = "x".repeat(200);
    let many = keys(&[("/", long.as_str()); 20]);
    let refused = browser.open(&format!("policy-for?{many}")).await;
    assert!(refused.text.contains("too long to read"));
}
