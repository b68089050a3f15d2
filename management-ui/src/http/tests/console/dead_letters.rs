//! Dead letters: where they end up, why they died, and their way back.

use ferrymq_broker::jobs::State;

use super::Browser;

/// A broker on which one message of `work` was rejected; its exchange reaches `grave` behind another exchange.
async fn with_a_dead_letter() -> Browser {
    let browser = Browser::start().await;
    let fixture = &browser.fixture;
    for exchange in ["dlx", "behind"] {
        let path = format!("/api/exchanges/%2F/{exchange}");
        fixture
            .check("PUT", &path, r#"{"type":"fanout"}"#, 201)
            .await;
    }
    browser.fill("grave", 0).await;
    let dead = r#"{"arguments":{"x-dead-letter-exchange":"dlx"}}"#;
    fixture
        .check("PUT", "/api/queues/%2F/work", dead, 201)
        .await;
    for path in ["e/dlx/e/behind", "e/behind/q/grave"] {
        let path = format!("/api/bindings/%2F/{path}");
        fixture.check("POST", &path, "{}", 201).await;
    }
    browser.publish("work", serde_json::json!({}), "1").await;
    let reject = r#"{"count":1,"ackmode":"reject_requeue_false","encoding":"auto"}"#;
    fixture
        .check("POST", "/api/queues/%2F/work/get", reject, 200)
        .await;
    browser
}

#[tokio::test]
async fn why_messages_died_is_told() {
    let browser = with_a_dead_letter().await;
    let page = browser.page("dead-letters").await;
    for part in [
        "href=\"queue?vhost=%2F&#38;name=grave\"",
        "rejected 1",
        "work 1",
        "header.x-last-death-reason",
        "1 queue<",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let message = browser
        .page("message?vhost=%2F&name=grave&sequence=1")
        .await;
    for part in [
        "<strong>rejected</strong>",
        "a consumer rejected it for good",
        "Retry…",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[tokio::test]
async fn dead_letters_go_back() {
    let browser = with_a_dead_letter().await;
    let retry = "do=retry-dead-letters&back=jobs&key=%5B%22%2F%22%2C%22grave%22%5D";
    let asked = browser.page(&format!("confirm?{retry}")).await;
    assert!(asked.contains("1 message"), "{asked}");
    let sent = browser.send("confirm", "dead-letters", retry).await;
    assert_eq!(sent.header("location"), Some("jobs"), "{sent:?}");
    assert_eq!(browser.ended(1).await, State::Done);
    assert_eq!(browser.ready("work").await, 1);
    assert_eq!(browser.ready("grave").await, 0);
    let retried = browser.page("queue-messages?vhost=%2F&name=work").await;
    assert!(retried.contains("retried 1×"), "{retried}");
    let job = browser.page("job?id=1").await;
    assert!(job.contains("x-redrive-count"), "{job}");
    let form = "start-job?task=redrive&vhost=%2F&source=grave";
    let form = browser.page(form).await;
    assert!(form.contains("name=\"mark_retry\" value=\"true\" checked"));
}

#[tokio::test]
async fn policies_send_dead_letters_too() {
    let browser = Browser::start().await;
    let empty = browser.page("dead-letters").await;
    assert!(
        empty.contains("No queue sends its dead letters anywhere"),
        "{empty}"
    );
    browser.fill("work", 0).await;
    browser.fill("grave", 0).await;
    let policy = r#"{"pattern":"^work$","apply-to":"queues","definition":
        {"dead-letter-exchange":"","dead-letter-routing-key":"grave"}}"#;
    let fixture = &browser.fixture;
    fixture
        .check("PUT", "/api/policies/%2F/dead", policy, 201)
        .await;
    let page = browser.page("dead-letters").await;
    assert!(
        page.contains("name=grave") && page.contains("name=work"),
        "{page}"
    );
}
