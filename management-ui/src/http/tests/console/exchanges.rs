//! Pages about exchanges, and where messages would go from there.

use super::Browser;

const FANOUT: &str = r#"{"type":"fanout","arguments":{"alternate-exchange":"amq.fanout"}}"#;

impl Browser {
    /// Declares an exchange or a queue, or binds.
    pub(super) async fn made(&self, method: &str, path: &str, body: &str) {
        self.fixture.check(method, path, body, 201).await;
    }
}

#[tokio::test]
async fn an_exchange_is_declared_and_deleted() {
    let browser = Browser::start().await;
    let page = browser.page("exchanges?vhost=%2F").await;
    for part in ["(AMQP default)", "amq.topic", "x-consistent-hash: To one"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let fields = "vhost=%2F&name=a%2Fb&type=topic&durable=true\
                  &arguments-key=alternate-exchange&arguments-type=string&arguments-value=amq.fanout";
    let sent = browser.send("declare-exchange", "exchanges", fields).await;
    let to = sent.header("location").unwrap();
    assert_eq!(to, "exchange?vhost=%2F&name=a%2Fb");
    let page = browser.page(to).await;
    let alternate =
        "go to the alternate exchange <a href=\"exchange?vhost=%2F&#38;name=amq.fanout\"";
    for part in ["Exchange a/b declared", "alternate-exchange", alternate] {
        assert!(page.contains(part), "{part}: {page}");
    }
    browser.made("PUT", "/api/queues/%2F/q", "{}").await;
    let binding = r#"{"routing_key":"k"}"#;
    browser
        .made("POST", "/api/bindings/%2F/e/a%2Fb/q/q", binding)
        .await;
    let key = "do=delete-exchange&back=exchanges&key=%5B%22%2F%22%2C%22a%2Fb%22%5D";
    let page = browser.page(&format!("confirm?{key}")).await;
    assert!(page.contains("1 binding"), "{page}");
    let typed = format!("{key}&typed=a%2Fb");
    assert_eq!(
        browser.send("confirm", "exchanges", &typed).await.status,
        303
    );
    assert_eq!(browser.open(to).await.status, 404);
}

#[tokio::test]
async fn the_default_exchange_has_a_page() {
    let browser = Browser::start().await;
    browser.made("PUT", "/api/queues/%2F/q", "{}").await;
    for to in ["exchange?vhost=%2F", "exchange?vhost=%2F&name=amq.default"] {
        let page = browser.page(to).await;
        assert!(page.contains("<h1>(AMQP default)</h1>"), "{page}");
        assert!(!page.contains("delete-exchange"));
    }
    let page = browser.page("exchange-bindings?vhost=%2F").await;
    assert!(page.contains("That can't be changed"), "{page}");
    assert!(!page.contains("<button form=\"unbind\""), "{page}");
    let page = browser.page("exchange-route?vhost=%2F&routing_key=q").await;
    assert!(page.contains("1 queue gets it"), "{page}");
}

#[tokio::test]
async fn the_way_of_a_message_is_shown() {
    let browser = Browser::start().await;
    for queue in ["q1", "q2"] {
        browser
            .made("PUT", &format!("/api/queues/%2F/{queue}"), "{}")
            .await;
    }
    browser.made("PUT", "/api/exchanges/%2F/f", FANOUT).await;
    browser
        .made(
            "POST",
            "/api/bindings/%2F/e/amq.topic/e/f",
            r##"{"routing_key":"a.#"}"##,
        )
        .await;
    browser
        .made("POST", "/api/bindings/%2F/e/amq.fanout/q/q1", "{}")
        .await;
    let route = async |query: &str| {
        let page = format!("exchange-route?vhost=%2F&name=amq.topic{query}");
        browser.page(&page).await
    };
    assert!(!route("").await.contains("Outcome"));
    assert!(route("&routing_key=").await.contains("No queue gets it"));
    let page = route("&routing_key=a.b").await;
    for part in ["1 queue gets it", "binding a.#", "alternate exchange", "q1"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let publish = "exchange-publish?vhost=%2F&name=amq.topic&routing_key=a.b&form=publish";
    assert!(page.contains(&publish.replace('&', "&#38;")), "{page}");
    let page = browser.page(publish).await;
    assert!(
        page.contains("name=\"routing_key\" value=\"a.b\""),
        "{page}"
    );
    let typed = "&routing_key=a&headers-key=x&headers-type=number&headers-value=y";
    assert!(route(typed).await.contains("is not a number"));
}

#[tokio::test]
async fn headers_are_routed_by() {
    let browser = Browser::start().await;
    browser.made("PUT", "/api/queues/%2F/q", "{}").await;
    let binding = r#"{"arguments":{"x-match":"all","size":3}}"#;
    browser
        .made("POST", "/api/bindings/%2F/e/amq.headers/q/q", binding)
        .await;
    let page = "exchange-route?vhost=%2F&name=amq.headers&routing_key=\
                &headers-key=size&headers-type=number&headers-value=3";
    let page = browser.page(page).await;
    assert!(page.contains("1 queue gets it"), "{page}");
    assert!(page.contains("value=\"size\""), "what was typed is kept");
}

#[tokio::test]
async fn what_every_vhost_has_can_not_be_selected() {
    let browser = Browser::start().await;
    let exchange = "/api/exchanges/%2F/own";
    browser.fixture.check("PUT", exchange, "{}", 201).await;
    let page = browser.page("exchanges").await;
    let row = |name: &str| {
        let row = format!("<tr data-key=\"[&#34;/&#34;,&#34;{name}&#34;]\">");
        let row = page.split_once(&row).unwrap().1;
        row.split_once("</td>").unwrap().0.to_owned()
    };
    assert_eq!(row("amq.topic"), "<td class=\"tick\">");
    assert!(row("own").contains("<input type=\"checkbox\""));
}
