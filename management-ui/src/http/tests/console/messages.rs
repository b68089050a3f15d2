//! Messages that wait, that come in, and each by itself.

use ferrymq_broker::browse::Mask;
use serde_json::json;

use super::super::super::fixture::{Fixture, Reader};
use super::Browser;

const PAGE: &str = "queue-messages?vhost=%2F&name=q";

#[tokio::test]
async fn looking_takes_nothing() {
    let browser = Browser::start().await;
    browser.fill("q", 30).await;
    let page = browser.page(&format!("{PAGE}&limit=25")).await;
    assert!(
        page.contains("25 messages looked at, 25 shown; 30 wait"),
        "{page}"
    );
    let next = page.split_once("rel=\"next\"").unwrap().0;
    let next = next.rsplit_once("href=\"").unwrap().1.split('"').next();
    let next = next.unwrap().replace("&#38;", "&");
    let rest = browser.page(&next).await;
    assert!(rest.contains("5 messages looked at, 5 shown"), "{rest}");
    assert!(rest.contains(">30</td>"), "{rest}");
    let back = browser.page(&format!("{PAGE}&from=tail&limit=25")).await;
    let first = back
        .split_once("class=\"number\" data-title=\"#\">")
        .unwrap()
        .1;
    assert!(first.starts_with("30<"), "{back}");
    let message = "/api/queues/%2F/q/messages/1";
    let message = browser.fixture.check("GET", message, "", 200).await.json;
    assert_eq!(message["redelivered"], false);
}

#[tokio::test]
async fn a_filter_is_checked_where_it_stands() {
    let browser = Browser::start().await;
    browser.fill("q", 30).await;
    let found = browser.page(&format!("{PAGE}&filter=%2F%5E3%2F")).await;
    assert!(found.contains("30 messages looked at, 2 shown"), "{found}");
    let none = browser.page(&format!("{PAGE}&filter=nothing")).await;
    assert!(none.contains("None of the 30 messages that were looked at matches"));
    let wrong = browser.page(&format!("{PAGE}&filter=%2F(%2F")).await;
    for part in [
        "aria-invalid",
        "must be a regular expression",
        "value=\"/(/\"",
    ] {
        assert!(wrong.contains(part), "{part}: {wrong}");
    }
}

#[tokio::test]
async fn a_message_tells_everything() {
    let browser = Browser::start().await;
    browser.fill("q", 0).await;
    let properties = json!({ "content_type": "application/json", "headers": { "<i>": "<b>" } });
    let payload = r#"{"customer":{"name":"<script>"},"lines":[1,2]}"#;
    browser.publish("q", properties, payload).await;
    let page = browser.page("message?vhost=%2F&name=q&sequence=1").await;
    for part in [
        "application/json",
        "&#60;script&#62;",
        "customer",
        "[2]",
        "&#60;b&#62;",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(
        !page.contains("<script>") && !page.contains("<b>"),
        "{page}"
    );
    let hex = browser
        .page("message?vhost=%2F&name=q&sequence=1&view=hex")
        .await;
    assert!(hex.contains("00000000  7b 22 63"), "{hex}");
    let gone = browser.open("message?vhost=%2F&name=q&sequence=7").await;
    assert_eq!(gone.status, 404);
    assert!(gone.text.contains("no longer waits"));
    let file = browser
        .open("message-payload?vhost=%2F&name=q&sequence=1")
        .await;
    assert_eq!(file.text, payload);
    let kept = "attachment; filename=message-1";
    assert_eq!(file.header("content-disposition"), Some(kept));
}

#[tokio::test]
async fn two_messages_are_compared() {
    let browser = Browser::start().await;
    browser.fill("q", 0).await;
    for (kind, payload) in [
        ("a", r#"{"id":1,"same":"<b>"}"#),
        ("b", r#"{"id":2,"same":"<b>"}"#),
    ] {
        let properties = json!({ "type": kind, "headers": { "n": 7 } });
        browser.publish("q", properties, payload).await;
    }
    let page = browser
        .page("message-compare?vhost=%2F&name=q&key=1&key=2")
        .await;
    for part in [
        "<tr class=\"differs\"><th scope=\"row\">type",
        "<tr><th scope=\"row\">n</th>",
        "<mark>  &#34;id&#34;: 1,</mark>",
        "<mark>  &#34;id&#34;: 2,</mark>",
        "<td>  &#34;same&#34;: &#34;&#60;b&#62;&#34;</td>",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let one = browser.open("message-compare?vhost=%2F&name=q&key=1").await;
    assert_eq!(one.status, 400);
    assert!(one.text.contains("select two"), "{one:?}");
}

#[tokio::test]
async fn what_is_masked_is_told_and_not_edited() {
    let fixture = Fixture::start_with(|config| {
        let paths = ["$.password".to_owned()];
        config.http.masked_fields = Mask::parse(&paths).unwrap();
    })
    .await;
    let browser = Browser::log_in(fixture, "guest", "guest").await;
    browser.fill("q", 0).await;
    browser
        .publish("q", json!({}), r#"{"password":"secret"}"#)
        .await;
    let page = browser.page("message?vhost=%2F&name=q&sequence=1").await;
    for part in [
        "Some of its fields are masked",
        "•••",
        "so it can't be edited",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    for page in [
        "message?vhost=%2F&name=q&sequence=1",
        "message-payload?vhost=%2F&name=q&sequence=1",
        "messages-json?vhost=%2F&source=q&key=1",
        PAGE,
    ] {
        assert!(!browser.page(page).await.contains("secret"), "{page}");
    }
    let asked = format!("{PAGE}&filter=json.$.password:secret");
    let refused = browser.page(&asked).await;
    assert!(
        refused.contains("is masked by http.masked_fields"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_message_is_published_again_edited() {
    let browser = Browser::start().await;
    browser.fill("q", 1).await;
    let from = "message?vhost=%252F%26name=q%26sequence=1";
    let page = browser.page("message?vhost=%2F&name=q&sequence=1").await;
    for part in [
        "name=\"exchange\"",
        "name=\"routing_key\" value=\"q\"",
        ">\n1</textarea>",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let again = |priority: &str| {
        format!("vhost=%2F&exchange=&routing_key=q&payload=edited&priority={priority}")
    };
    let refused = browser.send("publish", from, &again("high")).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("is not a number") && refused.text.contains("edited</textarea>"));
    let sent = browser.send("publish", from, &again("4")).await;
    assert_eq!(sent.status, 303, "{sent:?}");
    let second = "/api/queues/%2F/q/messages/2";
    let second = browser.fixture.check("GET", second, "", 200).await.json;
    assert_eq!(second["payload"], "edited");
    assert_eq!(second["properties"]["priority"], 4);
}

#[tokio::test]
async fn messages_are_kept_as_a_file() {
    let browser = Browser::start().await;
    browser.fill("q", 3).await;
    let file = browser
        .open("messages-json?vhost=%2F&source=q&key=1&key=3")
        .await;
    let items = file.json["items"].as_array().unwrap();
    let payloads: Vec<_> = items.iter().map(|item| &item["payload"]).collect();
    assert_eq!(payloads, ["1", "3"]);
    assert!(
        file.header("content-disposition")
            .unwrap()
            .contains("messages.json")
    );
    let all = browser.open("messages-json?vhost=%2F&source=q").await;
    assert_eq!(all.json["matched"], 3);
}

#[tokio::test]
async fn copies_come_as_they_are_routed() {
    let browser = Browser::start().await;
    browser.fill("q", 0).await;
    let page = browser
        .page("queue-tail?vhost=%2F&name=q&filter=key:q")
        .await;
    let stream = "tail-stream?vhost=%2F&#38;name=q&#38;filter=key%3Aq";
    assert!(page.contains(&format!("data-tail=\"{stream}\"")), "{page}");
    assert!(page.contains("<noscript>"), "{page}");
    let wrong = browser
        .page("queue-tail?vhost=%2F&name=q&filter=age:%3Cx")
        .await;
    assert!(
        wrong.contains("aria-invalid") && !wrong.contains("data-tail"),
        "{wrong}"
    );
    let cookie = format!("Cookie: {}\r\n", browser.cookie);
    let path = format!("/console/{}", stream.replace("&#38;", "&"));
    let mut reader = Reader::open(&browser.fixture, &path, &cookie).await;
    browser.publish("q", json!({}), "copied").await;
    let event = reader.next().await.unwrap();
    assert_eq!(event.data["payload"], "copied");
}

#[tokio::test]
async fn who_may_not_look_is_told_why() {
    let fixture = Fixture::start_with(|config| config.http.message_browser = false).await;
    let browser = Browser::log_in(fixture, "guest", "guest").await;
    browser.fill("q", 1).await;
    for page in [PAGE, "queue-tail?vhost=%2F&name=q"] {
        assert!(
            browser
                .page(page)
                .await
                .contains("http.message_browser is off")
        );
    }
    let fixture = Fixture::start().await;
    let user = r#"{"password":"w","tags":"management"}"#;
    fixture.check("PUT", "/api/users/w", user, 201).await;
    let rights = r#"{"configure":".*","write":".*","read":""}"#;
    fixture
        .check("PUT", "/api/permissions/%2F/w", rights, 201)
        .await;
    let browser = Browser::log_in(fixture, "w", "w").await;
    browser.fill("q", 1).await;
    assert!(
        browser
            .page(PAGE)
            .await
            .contains("permission to read this queue")
    );
    let one = browser.open("message?vhost=%2F&name=q&sequence=1").await;
    assert_eq!(one.status, 403);
    let barred = browser
        .open("start-job?task=purge&vhost=%2F&source=q")
        .await;
    assert_eq!(barred.status, 403);
    assert!(barred.text.contains("you need the permission to read"));
    assert!(!barred.text.contains("name=\"typed\""), "{barred:?}");
}
