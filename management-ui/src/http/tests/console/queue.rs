//! The pages about a queue, and their forms.

use form_urlencoded::byte_serialize;
use serde_json::{Value, json};

use super::super::super::fixture::{Client, Fixture, Reply};
use super::Browser;

/// Names that have broken consoles before.
fn names() -> [String; 4] {
    [
        "a/b <script>alert(1)</script>",
        "🚢 & co",
        "~",
        &"q".repeat(255),
    ]
    .map(str::to_owned)
}

/// As it stands in a path, an address or a form.
fn escaped(text: &str) -> String {
    let escaped: String = byte_serialize(text.as_bytes()).collect();
    escaped.replace('+', "%20")
}

fn of(page: &str, name: &str) -> String {
    format!("{page}?vhost=%2F&name={}", escaped(name))
}

/// Declares a queue and publishes to it.
async fn fill(browser: &Browser, name: &str, declaration: Value, payloads: &[&str]) {
    let path = format!("/api/queues/%2F/{}", escaped(name));
    let declaration = declaration.to_string();
    browser.fixture.check("PUT", &path, &declaration, 201).await;
    for payload in payloads {
        let message = json!({
            "properties": {}, "routing_key": name, "payload": payload, "payload_encoding": "string",
        });
        let path = "/api/exchanges/%2F/amq.default/publish";
        let published = browser
            .fixture
            .check("POST", path, &message.to_string(), 200)
            .await;
        assert_eq!(published.json["routed"], true);
    }
}

async fn queue(browser: &Browser, name: &str) -> Value {
    let path = format!("/api/queues/%2F/{}", escaped(name));
    browser.fixture.check("GET", &path, "", 200).await.json
}

#[tokio::test]
async fn all_pages_take_all_names() {
    let browser = Browser::start().await;
    for name in names() {
        fill(&browser, &name, json!({"durable": true}), &["x"]).await;
        for page in [
            "queue",
            "queue-consumers",
            "queue-bindings",
            "queue-unacked",
            "queue-delayed",
            "queue-publish",
            "queue-settings",
        ] {
            let html = browser.page(&of(page, &name)).await;
            assert!(!html.contains("<script>alert"), "{page}: {html}");
            let tab = format!("href=\"{}\"", of(page, &name).replace("%20", "+"));
            let tab = tab.replace('&', "&#38;");
            assert!(html.contains(&tab), "{page}: {tab} in {html}");
        }
    }
    let missing = browser.open(&of("queue-settings", "none")).await;
    assert_eq!(missing.status, 404);
    assert!(missing.text.contains("There is no queue none"));
}

#[tokio::test]
async fn a_queue_is_told_of() {
    let browser = Browser::start().await;
    let arguments = json!({"x-max-length": 50, "x-dead-letter-exchange": "dlx"});
    let policy =
        r#"{"pattern":"^o","definition":{"max-length":9},"apply-to":"queues","priority":3}"#;
    let path = "/api/policies/%2F/short";
    browser.fixture.check("PUT", path, policy, 201).await;
    fill(
        &browser,
        "orders",
        json!({"arguments": arguments}),
        &["a", "b"],
    )
    .await;
    let page = browser.page(&of("queue", "orders")).await;
    for part in [
        "No consumers: 2 messages are in it.",
        "beyond 9 messages",
        "exchange?vhost=%2F&#38;name=dlx",
        "policies?vhost=%2F&#38;filter=name%3A%3D%22short%22",
        "curl -u guest",
        "ferrymq ctl -p / list_queues",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let settings = browser.page(&of("queue-settings", "orders")).await;
    assert!(settings.contains("<strong class=\"text\">9</strong> <span class=\"quiet\">policy"));
    assert!(settings.contains("pattern=%5Eorders%24"), "{settings}");
    let mut links = settings.split('"');
    let copy = links.find(|link| link.contains("orders-copy")).unwrap();
    let (copy, _) = copy.rsplit_once('#').unwrap();
    let form = browser.page(&copy.replace("&#38;", "&")).await;
    for part in [
        "value=\"orders-copy\"",
        "value=\"x-max-length\"",
        "id=\"declare-queue\" open",
    ] {
        assert!(form.contains(part), "{part}: {form}");
    }
}

#[tokio::test]
async fn a_queue_is_bound_and_unbound() {
    let browser = Browser::start().await;
    fill(&browser, "a/b", json!({}), &[]).await;
    let from = escaped(&of("queue-bindings", "a/b"));
    let bind = |source: &str| {
        format!(
            "vhost=%2F&source={source}&destination_type=queue&destination=a%2Fb&routing_key=k%20%2F\
             &arguments-key=x-match&arguments-type=string&arguments-value=any&back={from}"
        )
    };
    let bound = browser.send("bind", &from, &bind("amq.headers")).await;
    assert_eq!(bound.status, 303, "{bound:?}");
    let page = browser.page(bound.header("location").unwrap()).await;
    assert!(page.contains("x-match: any"), "{page}");
    let button = "form=\"unbind\" name=\"key\" value=\"";
    let key = page.split_once(button).unwrap().1;
    let key = key.split('"').next().unwrap().replace("&#34;", "\"");
    let fields = format!("key={}&back={from}", escaped(&key));
    let unbound = browser.send("unbind", &from, &fields).await;
    assert_eq!(unbound.status, 303, "{unbound:?}");
    let page = browser.page(unbound.header("location").unwrap()).await;
    assert!(!page.contains("x-match: any"), "{page}");
    let undone = browser.undo(&page, &of("queue-bindings", "a/b")).await;
    assert_eq!(undone.status, 303, "{undone:?}");
    let page = browser.page(undone.header("location").unwrap()).await;
    assert!(page.contains("x-match: any"), "{page}");
    let refused = browser.send("bind", &from, &bind("none")).await;
    assert_eq!(refused.status, 404);
    assert!(refused.text.contains("value=\"none\""), "{}", refused.text);
}

/// Sends the form that gets messages.
async fn fetch(browser: &Browser, page: &str, fields: &str) -> Reply {
    let (csrf, from) = (&browser.csrf, escaped(page));
    let body = format!("csrf={csrf}&form=get-messages&from={from}&{fields}");
    browser.post(page, &body).await
}

#[tokio::test]
async fn messages_are_published_and_fetched() {
    let browser = Browser::start().await;
    fill(&browser, "a/b", json!({}), &[]).await;
    let page = of("queue-publish", "a/b");
    let from = escaped(&page);
    let fields = "vhost=%2F&exchange=&routing_key=a%2Fb&payload=%7B%22a%22%3A%5B%22%3Cb%3E%22%5D%7D\
                  &payload_encoding=string&delivery_mode=2&content_type=text%2Fhtml&repeat=1200\
                  &headers-key=n&headers-type=number&headers-value=7";
    let sent = browser.send("publish", &from, fields).await;
    assert_eq!(sent.status, 303, "{sent:?}");
    let told = browser.page(sent.header("location").unwrap()).await;
    assert!(
        told.contains("1,200 messages published and routed"),
        "{told}"
    );
    assert_eq!(queue(&browser, "a/b").await["messages"], 1_200);

    let get = "ackmode=ack_requeue_false&count=2&truncate=50000&encoding=auto";
    let got = fetch(&browser, &page, get).await;
    assert_eq!(got.status, 200, "{got:?}");
    for part in ["2 fetched, 1,198 left", "header n", "JSON", "&#60;b&#62;"] {
        assert!(got.text.contains(part), "{part}: {}", got.text);
    }
    assert_eq!(queue(&browser, "a/b").await["messages"], 1_198);
    let wrong = fetch(&browser, &page, "count=x").await;
    assert_eq!(wrong.status, 400);
    assert!(
        wrong.text.contains("&#39;x&#39; is not a number"),
        "{}",
        wrong.text
    );
}

#[tokio::test]
async fn publishing_tells_who_got_it() {
    let browser = Browser::start().await;
    fill(
        &browser,
        "full",
        json!({"arguments": {"x-max-length": 1, "x-overflow": "reject-publish"}}),
        &["x"],
    )
    .await;
    let from = escaped(&of("queue-publish", "full"));
    let lost = "vhost=%2F&exchange=&routing_key=none&payload=x";
    let lost = browser.send("publish", &from, lost).await;
    let told = browser.page(lost.header("location").unwrap()).await;
    assert!(told.contains("not routed"), "{told}");
    let full = "vhost=%2F&exchange=&routing_key=full&payload=kept";
    let full = browser.send("publish", &from, full).await;
    assert_eq!(full.status, 400);
    assert!(full.text.contains("Check queue limits") && full.text.contains("kept"));
}

#[tokio::test]
async fn a_part_is_purged_and_a_used_queue_stays() {
    let browser = Browser::start().await;
    fill(&browser, "q", json!({}), &["a", "b", "c"]).await;
    let from = escaped(&of("queue", "q"));
    let all = browser.send("purge-part", &from, "vhost=%2F&name=q").await;
    assert_eq!(all.status, 400);
    let two = browser
        .send("purge-part", &from, "vhost=%2F&name=q&limit=2")
        .await;
    assert_eq!(two.header("location"), Some("jobs?vhost=%2F"), "{two:?}");
    let jobs = browser
        .fixture
        .check("GET", "/api/jobs", "", 200)
        .await
        .json;
    assert_eq!(
        (&jobs[0]["task"], &jobs[0]["limit"]),
        (&json!("purge"), &json!(2))
    );
    let none = browser
        .send("delete-queue-if", &from, "vhost=%2F&name=q")
        .await;
    assert_eq!(none.status, 400);
    let full = "vhost=%2F&name=q&if-empty=true";
    let full = browser.send("delete-queue-if", &from, full).await;
    assert_eq!(full.status, 400, "{full:?}");
    let unused = "vhost=%2F&name=q&if-unused=true";
    let unused = browser.send("delete-queue-if", &from, unused).await;
    assert_eq!(unused.header("location"), Some("queues?vhost=%2F"));
}

#[tokio::test]
async fn delayed_messages_are_cancelled() {
    let browser = Browser::start().await;
    fill(
        &browser,
        "late",
        json!({"arguments": {"x-delayed": true}}),
        &[],
    )
    .await;
    let from = escaped(&of("queue-publish", "late"));
    let fields = "vhost=%2F&exchange=&routing_key=late&payload=x&repeat=2\
                  &headers-key=x-delay&headers-type=number&headers-value=3600000";
    browser.send("publish", &from, fields).await;
    assert_eq!(queue(&browser, "late").await["messages_delayed"], 2);
    let page = browser.page(&of("queue-delayed", "late")).await;
    let key = page
        .split_once("name=\"key\" value=\"[&#34;/&#34;,&#34;late&#34;,")
        .unwrap()
        .1;
    let sequence = key.split(']').next().unwrap();
    let key = escaped(&format!("[\"/\",\"late\",{sequence}]"));
    let one = format!("do=cancel-delayed&key={key}&back=queues");
    let one = browser.send("confirm", "queues", &one).await;
    assert_eq!(one.status, 303, "{one:?}");
    assert_eq!(queue(&browser, "late").await["messages_delayed"], 1);
    let all = "do=cancel-all-delayed&key=%5B%22%2F%22%2C%22late%22%5D&back=queues&typed=late";
    let all = browser.send("confirm", "queues", all).await;
    assert_eq!(all.status, 303, "{all:?}");
    assert_eq!(queue(&browser, "late").await["messages_delayed"], 0);
}

#[tokio::test]
async fn who_may_only_look_finds_no_forms() {
    let fixture = Fixture::start_with(|config| config.http.read_only = true).await;
    let browser = Browser::log_in(fixture, "guest", "guest").await;
    fill(&browser, "q", json!({}), &[]).await;
    for page in ["queue", "queue-bindings", "queue-publish", "queue-settings"] {
        let html = browser.page(&of(page, "q")).await;
        for form in [
            "purge-queue",
            "delete-queue",
            "action=\"unbind\"",
            "Get messages",
            "action=\"publish\"",
        ] {
            assert!(!html.contains(form), "{page}: {form}");
        }
    }
}

#[tokio::test]
async fn what_is_gone_is_named() {
    let browser = Browser::start().await;
    let key = escaped(r#"["/","gone"]"#);
    let asked = browser
        .open(&format!("confirm?do=purge-queue&key={key}"))
        .await;
    assert_eq!(asked.status, 404);
    assert!(asked.text.contains("There is no queue gone any more"));
    fill(&browser, "kept", json!({"durable": true}), &[]).await;
    let message = browser.open("message?vhost=%2F&name=kept&sequence=7").await;
    assert_eq!(message.status, 404);
    let messages = r#"<a href="queue-messages?vhost=%2F&#38;name=kept">Messages</a>"#;
    assert!(message.text.contains(messages), "{}", message.text);
}

#[tokio::test]
async fn an_empty_list_is_explained_once() {
    let browser = Browser::start().await;
    fill(&browser, "idle", json!({"durable": true}), &[]).await;
    for page in ["queue-consumers", "queue-unacked", "queue-delayed"] {
        let shown = browser.open(&of(page, "idle")).await;
        assert_eq!(shown.text.matches("class=\"empty\"").count(), 1, "{page}");
    }
}

#[tokio::test]
async fn clients_are_known_by_the_names_that_they_give() {
    let browser = Browser::start().await;
    fill(&browser, "work", json!({"durable": true}), &["x"]).await;
    let mut client = Client::open_named(&browser.fixture.broker, "worker 7");
    client.consume("work", false);
    let mut nameless = Client::open_named(&browser.fixture.broker, "");
    nameless.consume("work", false);
    let pages = ["consumers", "channels", &of("queue-consumers", "work")];
    for page in pages {
        let shown = browser.page(page).await;
        assert!(shown.contains("class=\"text\">worker 7</a>"), "{page}");
        assert!(shown.contains("class=\"text\">127.0.0.1:9"), "{page}");
    }
    for list in ["consumers", "channels"] {
        let path = format!("/api/{list}?filter=client:worker");
        let found = browser.fixture.check("GET", &path, "", 200).await.json;
        assert_eq!(found.as_array().map(Vec::len), Some(1), "{list}");
    }
}
