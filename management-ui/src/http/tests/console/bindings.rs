//! Bindings: made, removed, and brought back.

use super::Browser;

async fn start() -> Browser {
    let browser = Browser::start().await;
    browser.made("PUT", "/api/queues/%2F/q", "{}").await;
    browser
}

async fn bindings(browser: &Browser) -> usize {
    let path = "/api/exchanges/%2F/amq.topic/bindings/source";
    let found = browser.fixture.check("GET", path, "", 200).await;
    found.json.as_array().unwrap().len()
}

const PAGE: &str = "exchange-bindings?vhost=%2F&name=amq.topic";

#[tokio::test]
async fn a_binding_is_removed_and_brought_back() {
    let browser = start().await;
    assert!(browser.page(PAGE).await.contains("are dropped"));
    let fields = "vhost=%2F&source=amq.topic&destination_type=queue&destination=q\
                  &routing_key=a+b.%23&arguments-key=n&arguments-type=number&arguments-value=1\
                  &back=exchange-bindings%3Fvhost%3D%252F%26name%3Damq.topic";
    let sent = browser.send("bind", "bindings", fields).await;
    assert_eq!((sent.status, sent.header("location")), (303, Some(PAGE)));
    assert_eq!(bindings(&browser).await, 1);

    let page = browser.page(PAGE).await;
    let key = page
        .split_once("form=\"unbind\" name=\"key\" value=\"")
        .unwrap()
        .1;
    let key = key.split_once('"').unwrap().0.replace("&#34;", "\"");
    let key: String = form_urlencoded::byte_serialize(key.as_bytes()).collect();
    let fields = format!("key={key}&back=exchange-bindings%3Fvhost%3D%252F%26name%3Damq.topic");
    let sent = browser.send("unbind", "bindings", &fields).await;
    assert_eq!(sent.status, 303, "{sent:?}");
    assert_eq!(bindings(&browser).await, 0);

    let page = browser.page(sent.header("location").unwrap()).await;
    let sent = browser.undo(&page, PAGE).await;
    assert_eq!((sent.status, sent.header("location")), (303, Some(PAGE)));
    assert_eq!(bindings(&browser).await, 1);
    let page = browser.page(PAGE).await;
    assert!(page.contains("a b.#") && page.contains("n: 1"), "{page}");
}

#[tokio::test]
async fn all_bindings_are_listed_and_filtered() {
    let browser = start().await;
    let path = "/api/bindings/%2F/e/amq.direct/q/q";
    browser.made("POST", path, r#"{"routing_key":"k"}"#).await;
    let page = browser.page("bindings?vhost=%2F").await;
    assert!(page.contains("2 bindings"), "{page}");
    let page = browser
        .page("bindings?vhost=%2F&filter=source%3A%3D%22amq.direct%22")
        .await;
    assert!(page.contains("1–1 of 1 (of 2 bindings)"), "{page}");
    let key = "do=delete-binding&back=bindings\
               &key=%5B%22%2F%22%2C%22amq.direct%22%2C%22queue%22%2C%22q%22%2C%22k%22%5D";
    let sent = browser.send("confirm", "bindings", key).await;
    assert_eq!(sent.status, 303, "{sent:?}");
    let page = browser.page("bindings?vhost=%2F").await;
    assert!(page.contains("1 binding<"), "{page}");
    let sent = browser.undo(&page, "bindings").await;
    assert_eq!(sent.status, 303, "{sent:?}");
    let page = browser.page("bindings?vhost=%2F").await;
    assert!(page.contains("2 bindings<"), "{page}");
}

#[tokio::test]
async fn orphans_are_found() {
    let browser = start().await;
    let page = browser.page("bindings?vhost=%2F").await;
    let link = "exchanges?vhost=%2F&#38;filter=bindings_from%3A0+-%2F%5E%28amq%5C.%7C%24%29%2F";
    assert!(page.contains(link), "{page}");
    browser.made("PUT", "/api/exchanges/%2F/lonely", "{}").await;
    let page = browser.page(&link.replace("&#38;", "&")).await;
    assert!(page.contains("1–1 of 1 (of"), "{page}");
    assert!(page.contains("lonely"));
    browser.made("PUT", "/api/vhosts/empty", "{}").await;
    let page = browser.page("bindings").await;
    assert!(page.contains("without bindings</a></dt><dd class=\"number\">1</dd>"));
    let idle = "queues?vhost=%2F&filter=-message_stats.publish%3A%3E0";
    assert!(browser.page(idle).await.contains("1–1 of 1"));
    let message =
        r#"{"properties":{},"routing_key":"q","payload":"x","payload_encoding":"string"}"#;
    let publish = "/api/exchanges/%2F/amq.default/publish";
    browser.fixture.check("POST", publish, message, 200).await;
    let page = browser.page("bindings?vhost=%2F").await;
    assert!(page.contains("got nothing since the start</a></dt><dd class=\"number\">0</dd>"));
    assert!(page.contains("without bindings</a></dt><dd class=\"number\">1</dd>"));
}

#[tokio::test]
async fn exchanges_behind_exchanges_are_seen() {
    let browser = start().await;
    for name in ["a", "b", "c"] {
        let path = format!("/api/exchanges/%2F/{name}");
        browser.made("PUT", &path, "{}").await;
    }
    for (ends, key) in [
        ("a/e/b", "to-b"),
        ("b/e/c", "to-c"),
        ("c/e/a", "back"),
        ("c/q/q", "end"),
    ] {
        let path = format!("/api/bindings/%2F/e/{ends}");
        let body = format!(r#"{{"routing_key":"{key}"}}"#);
        browser.made("POST", &path, &body).await;
    }
    let page = browser.page("exchange-bindings?vhost=%2F&name=a").await;
    let down = page.split_once("id=\"down\"").unwrap().1;
    let down = down.split_once("</details>").unwrap().0;
    assert!(
        down.contains("binding to-c") && down.contains("binding end"),
        "{down}"
    );
    let up = page.split_once("id=\"up\"").unwrap().1;
    assert!(
        up.contains("binding back") && up.contains("binding to-b"),
        "{up}"
    );
    let page = browser.page(PAGE).await;
    assert!(
        !page.contains("id=\"down\"") && !page.contains("id=\"up\""),
        "{page}"
    );
}
