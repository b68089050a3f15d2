//! Pages about the node.

use super::super::super::fixture::Fixture;
use super::Browser;

#[tokio::test]
async fn the_node_tells_what_it_is_and_uses() {
    let browser = Browser::start().await;
    let page = browser.page("node").await;
    for part in [
        "<h1>ferrymq@&#60;b&#62;</h1>",
        "Messages in queues",
        "x-consistent-hash",
        "rabbitmq_management",
        "data-chart=\"node-memory\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let page = browser.page("node-health").await;
    assert!(page.contains("curl -fsS http://x/api/health/checks/is-in-service"));
    assert!(page.contains("ok"), "{page}");
}

#[tokio::test]
async fn syncs_are_shown_as_bars() {
    let browser = Browser::start().await;
    browser
        .made("PUT", "/api/queues/%2F/q", "{\"durable\":true}")
        .await;
    let page = browser.page("node-disk").await;
    assert!(page.contains("in the mean; half at most"), "{page}");
    assert!(page.contains("<th scope=\"row\">up to "), "{page}");
    assert!(page.contains("data-chart=\"disk-latency\""), "{page}");
    let start = page.split_once("The last start").unwrap().1;
    assert!(start.contains("<dt>It was</dt><dd>new</dd>"), "{start}");
}

#[tokio::test]
async fn settings_are_shown_and_changed() {
    let browser = Browser::start().await;
    let page = browser.page("node-settings?filter=log.level").await;
    let link = "node-settings?form=change-setting&#38;name=log.level&#38;value=info#change-setting";
    assert!(page.contains(link), "{page}");
    let page = browser.page("node-settings?filter=default_pass").await;
    assert!(page.contains("***"), "{page}");
    let fields = "name=log.level&value=debug";
    let sent = browser
        .send("change-setting", "node-settings", fields)
        .await;
    assert_eq!(sent.status, 303, "{sent:?}");
    let page = browser.page("node-settings?filter=log.level").await;
    assert!(
        page.contains("changed over HTTP, until the next start"),
        "{page}"
    );
    let fields = "name=log.level&value=loud";
    let sent = browser
        .send("change-setting", "node-settings", fields)
        .await;
    assert_eq!(sent.status, 400);
    assert!(sent.text.contains("value=\"loud\""), "{sent:?}");
}

#[tokio::test]
async fn parts_are_logged_more_than_the_rest() {
    let browser = Browser::start().await;
    let set = async |fields: &str| {
        browser
            .send("set-log-level", "node-settings", fields)
            .await
            .status
    };
    let levels = || browser.fixture.broker.config().log_levels.clone();
    assert_eq!(set("category=connection&level=debug").await, 303);
    assert_eq!(set("category=queue&level=warning").await, 303);
    assert_eq!(levels().len(), 2);
    let page = browser.page("node-settings").await;
    assert!(
        page.contains("<option value=\"connection\">connection: debug</option>"),
        "{page}"
    );
    assert_eq!(set("category=connection&level=").await, 303);
    assert_eq!(levels().keys().collect::<Vec<_>>(), ["queue"]);
    assert_eq!(set("category=queue&level=").await, 303);
    assert!(levels().is_empty());
    assert_eq!(set("category=&level=error").await, 303);
    assert_eq!(set("category=&level=").await, 400);
    assert_eq!(set("category=nothing&level=info").await, 400);
}

#[tokio::test]
async fn settings_are_for_administrators() {
    let fixture = Fixture::start().await;
    let user = r#"{"password":"eve","tags":"monitoring"}"#;
    fixture.check("PUT", "/api/users/eve", user, 201).await;
    let browser = Browser::log_in(fixture, "eve", "eve").await;
    assert!(!browser.page("node").await.contains("node-settings"));
    assert_eq!(browser.open("node-settings").await.status, 403);
}
