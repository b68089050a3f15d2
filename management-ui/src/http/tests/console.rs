//! The console: sessions, forms, pages.

mod bindings;
mod consumers;
mod dead_letters;
mod definitions;
mod exchanges;
mod jobs;
mod live;
mod messages;
mod node;
mod overview;
mod policies;
mod queue;
mod selection;
mod users;
mod vhosts;

use std::time::Duration;

use serde_json::Value;

use super::super::fixture::{Fixture, Reply};

/// A browser that has logged in.
pub(super) struct Browser {
    pub(super) fixture: Fixture,
    cookie: String,
    csrf: String,
}

impl Browser {
    /// Of the default user, who may do everything.
    pub(super) async fn start() -> Self {
        Self::log_in(Fixture::start().await, "guest", "guest").await
    }

    /// Of a user.
    pub(super) async fn log_in(fixture: Fixture, user: &str, password: &str) -> Self {
        let reply = log_in(&fixture, user, password, "queues").await;
        assert_eq!(reply.status, 303, "{reply:?}");
        assert_eq!(reply.header("location"), Some("queues"));
        let cookie = reply.header("set-cookie").unwrap();
        for rule in ["HttpOnly", "SameSite=Strict"] {
            assert!(cookie.contains(rule), "{cookie}");
        }
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let mut browser = Self {
            fixture,
            cookie,
            csrf: String::new(),
        };
        let page = browser.open("queues").await;
        let csrf = page.text.split_once("data-csrf=\"").unwrap().1;
        browser.csrf = csrf.split('"').next().unwrap().to_owned();
        browser
    }

    /// `GET`
    pub(super) async fn open(&self, page: &str) -> Reply {
        let headers = format!("Cookie: {}\r\nAccept: text/html\r\n", self.cookie);
        let path = format!("/console/{page}");
        self.fixture.call_with(&headers, "GET", &path, "").await
    }

    /// All that changes on a page, asked for as JSON.
    pub(super) async fn live(&self, page: &str) -> Value {
        let headers = format!("Cookie: {}\r\nAccept: application/json\r\n", self.cookie);
        let path = format!("/console/live/{page}");
        let reply = self.fixture.call_with(&headers, "GET", &path, "").await;
        assert_eq!(reply.status, 200, "{page}: {reply:?}");
        reply.json
    }

    /// A page that is there.
    pub(super) async fn page(&self, page: &str) -> String {
        let reply = self.open(page).await;
        assert_eq!(reply.status, 200, "{page}: {reply:?}");
        reply.text
    }

    /// Sends a form from the page `from`.
    pub(super) async fn send(&self, form: &str, from: &str, fields: &str) -> Reply {
        let csrf = &self.csrf;
        self.post(
            form,
            &format!("csrf={csrf}&form={form}&from={from}&{fields}"),
        )
        .await
    }

    /// Takes back what `page`, the page `from`, tells of.
    pub(super) async fn undo(&self, page: &str, from: &str) -> Reply {
        let name = page.split_once("name=\"undo\" value=\"");
        let (_, name) = name.unwrap_or_else(|| panic!("no way back: {page}"));
        let name = name.split('"').next().unwrap();
        let from: String = form_urlencoded::byte_serialize(from.as_bytes()).collect();
        self.send("undo", &from, &format!("undo={name}")).await
    }

    async fn post(&self, form: &str, body: &str) -> Reply {
        let headers = format!(
            "Cookie: {}\r\nAccept: text/html\r\nContent-Type: application/x-www-form-urlencoded\r\n",
            self.cookie
        );
        let path = format!("/console/{form}");
        self.fixture.call_with(&headers, "POST", &path, body).await
    }
}

async fn log_in(fixture: &Fixture, user: &str, password: &str, to: &str) -> Reply {
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let body = format!("username={user}&password={password}&to={to}");
    fixture
        .call_with(form, "POST", "/console/login", &body)
        .await
}

#[tokio::test]
async fn pages_ask_for_a_password() {
    let fixture = Fixture::start().await;
    let html = "Accept: text/html\r\n";
    let page = fixture
        .call_with(html, "GET", "/console/queues?vhost=%2F", "")
        .await;
    assert_eq!(page.status, 303);
    assert_eq!(
        page.header("location"),
        Some("login?to=queues%3Fvhost%3D%252F")
    );
    let script = fixture
        .call_with("", "GET", "/console/live/queues", "")
        .await;
    assert_eq!(script.status, 401);
    assert_eq!(script.header("www-authenticate"), None);
    let wrong = log_in(&fixture, "guest", "x", "").await;
    assert_eq!(wrong.status, 403);
    assert!(wrong.text.contains("Wrong name or password"));
    assert_eq!(wrong.header("set-cookie"), None);
    let away = log_in(&fixture, "guest", "guest", "//evil.example").await;
    assert_eq!(away.header("location"), Some("overview"));
}

#[tokio::test]
async fn passwords_are_not_guessed() {
    let fixture = Fixture::start().await;
    for _ in 0..5 {
        assert_eq!(log_in(&fixture, "guest", "x", "").await.status, 403);
    }
    let right = log_in(&fixture, "guest", "guest", "").await;
    assert_eq!(right.status, 429);
    let user = r#"{"password":"p","tags":"management"}"#;
    fixture.check("PUT", "/api/users/other", user, 201).await;
    let other = log_in(&fixture, "other", "p", "").await;
    assert_eq!(other.status, 303, "only the name waits: {other:?}");
}

#[tokio::test]
async fn a_session_ends() {
    let browser = Browser::start().await;
    let out = browser.send("logout", "queues", "").await;
    assert_eq!(out.header("location"), Some("login"));
    assert_eq!(browser.open("queues").await.status, 303);

    let mut config = |config: &mut ferrymq_broker::Config| {
        config.http.session_timeout = Duration::ZERO;
    };
    let fixture = Fixture::start_with(&mut config).await;
    let reply = log_in(&fixture, "guest", "guest", "").await;
    let cookie = reply
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap();
    let headers = format!("Cookie: {cookie}\r\nAccept: text/html\r\n");
    let page = fixture
        .call_with(&headers, "GET", "/console/queues", "")
        .await;
    assert_eq!(page.status, 303);
}

#[tokio::test]
async fn a_session_ends_with_its_password() {
    let browser = Browser::start().await;
    let put = async |user: &str| {
        let path = "/api/users/guest";
        browser.fixture.check("PUT", path, user, 204).await;
    };
    put(r#"{"password":"guest","tags":"administrator,x"}"#).await;
    browser.page("queues").await;
    put(r#"{"password":"another","tags":"administrator,x"}"#).await;
    assert_eq!(browser.open("queues").await.status, 303);
}

#[tokio::test]
async fn forms_do_what_the_api_does() {
    let browser = Browser::start().await;
    let fields = "vhost=%2F&name=a%2Fb+%3Cb%3E&durable=true&type=quorum\
                  &arguments-key=x-max-length&arguments-type=number&arguments-value=10";
    let sent = browser.send("declare-queue", "queues", fields).await;
    assert_eq!(sent.status, 303, "{sent:?}");
    let to = sent.header("location").unwrap();
    assert_eq!(to, "queue?vhost=%2F&name=a%2Fb+%3Cb%3E");
    let page = browser.page(to).await;
    assert!(page.contains("a/b &#60;b&#62; declared"), "{page}");
    assert!(
        !browser.page(to).await.contains("declared"),
        "it is told once"
    );
    let queue = "/api/queues/%2F/a%2Fb%20%3Cb%3E";
    let queue = browser.fixture.check("GET", queue, "", 200).await;
    assert_eq!(queue.json["type"], "quorum");
    assert_eq!(queue.json["arguments"]["x-max-length"], 10);
}

#[tokio::test]
async fn a_refused_form_keeps_what_was_typed() {
    let browser = Browser::start().await;
    let fields = "vhost=%2F&name=kept&durable=true\
                  &arguments-key=x-message-ttl&arguments-type=number&arguments-value=-1";
    let sent = browser.send("declare-queue", "queues", fields).await;
    assert_eq!(sent.status, 400, "{sent:?}");
    for part in ["value=\"kept\"", "value=\"x-message-ttl\"", "x-message-ttl"] {
        assert!(sent.text.contains(part), "{part}: {}", sent.text);
    }
}

#[tokio::test]
async fn forms_of_others_are_refused() {
    let browser = Browser::start().await;
    let sent = browser
        .post("declare-queue", "csrf=x&vhost=%2F&name=q&from=queues")
        .await;
    assert_eq!(sent.status, 403);
    browser
        .fixture
        .check("GET", "/api/queues/%2F/q", "", 404)
        .await;
}

#[tokio::test]
async fn what_destroys_much_is_typed() {
    let browser = Browser::start().await;
    let fixture = &browser.fixture;
    fixture.check("PUT", "/api/queues/%2F/q", "{}", 201).await;
    let message =
        r#"{"properties":{},"routing_key":"q","payload":"x","payload_encoding":"string"}"#;
    let publish = "/api/exchanges/%2F/amq.default/publish";
    fixture.check("POST", publish, message, 200).await;
    let key = "do=delete-queue&back=queues&key=%5B%22%2F%22%2C%22q%22%5D";
    let page = browser.page(&format!("confirm?{key}")).await;
    assert!(page.contains("1 message"), "{page}");
    let refused = browser.send("confirm", "queues", key).await;
    assert_eq!(refused.status, 400);
    fixture.check("GET", "/api/queues/%2F/q", "", 200).await;
    let done = browser
        .send("confirm", "queues", &format!("{key}&typed=q"))
        .await;
    assert_eq!(
        (done.status, done.header("location")),
        (303, Some("queues"))
    );
    fixture.check("GET", "/api/queues/%2F/q", "", 404).await;
}

#[tokio::test]
async fn a_read_only_console_changes_nothing() {
    let fixture = Fixture::start_with(|config| config.http.read_only = true).await;
    let browser = Browser::log_in(fixture, "guest", "guest").await;
    assert!(!browser.page("queues").await.contains("Declare a queue"));
    let fields = "vhost=%2F&name=q";
    let refused = browser.send("declare-queue", "queues", fields).await;
    assert_eq!(refused.status, 403);
    browser
        .fixture
        .check("GET", "/api/queues/%2F/q", "", 404)
        .await;
}

#[tokio::test]
async fn a_newcomer_is_shown_the_way() {
    let browser = Browser::start().await;
    let page = browser.page("overview").await;
    for language in ["Python", "Java", "Go", "Node.js", ".NET"] {
        assert!(page.contains(&format!("<summary>{language}</summary>")));
    }
    assert!(page.contains("amqp://guest:PASSWORD@x:5672\""), "{page}");
    let vhost = r#"{"tags": ""}"#;
    browser
        .fixture
        .check("PUT", "/api/vhosts/a%20b", vhost, 201)
        .await;
    let page = browser.page("queues?vhost=a%20b").await;
    assert!(
        page.contains("amqp://guest:PASSWORD@x:5672/a%20b"),
        "{page}"
    );
    browser
        .fixture
        .check("PUT", "/api/queues/%2F/q", "{}", 201)
        .await;
    let page = browser.page("overview").await;
    assert!(!page.contains("PASSWORD"));
    for part in [
        "data-live=\"tile-publish\"",
        "data-live=\"tile-memory\"",
        "aria-label=\"Publish, the last 10 minutes\"",
        "data-chart=\"disk-latency\"",
        "href=\"definitions\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let attention = page.split_once("Needs attention").unwrap().1;
    assert!(attention.contains("Nothing:"), "{attention}");
}

#[tokio::test]
async fn all_that_match_are_those_of_the_table() {
    let browser = Browser::start().await;
    let fixture = &browser.fixture;
    fixture.check("PUT", "/api/vhosts/v", "{}", 201).await;
    for queue in ["v/a", "v/b", "%2F/a"] {
        let path = format!("/api/queues/{queue}");
        fixture.check("PUT", &path, "{}", 201).await;
    }
    let page = browser.page("queues?vhost=v&page_size=1").await;
    let form = page.split_once("action=\"confirm\"").unwrap().1;
    let form = form.split_once("</form>").unwrap().0;
    assert!(form.contains("name=\"vhost\" value=\"v\""), "{form}");

    let all = "do=delete-queue&back=queues&vhost=v&all=";
    let asked = browser.page(&format!("confirm?{all}")).await;
    assert!(asked.contains("Delete 2 queues"), "{asked}");
    let stale = browser
        .send("confirm", "queues", &format!("{all}&count=3"))
        .await;
    assert_eq!(stale.status, 400, "{stale:?}");
    let done = browser
        .send("confirm", "queues", &format!("{all}&count=2"))
        .await;
    assert_eq!(done.status, 303, "{done:?}");
    let left = fixture
        .check("GET", "/api/queues?columns=vhost", "", 200)
        .await;
    assert_eq!(left.json, serde_json::json!([{ "vhost": "/" }]));

    fixture
        .check("PUT", "/api/exchanges/v/own", "{}", 201)
        .await;
    let all = "do=delete-exchange&back=exchanges&vhost=v&all=";
    let asked = browser.page(&format!("confirm?{all}")).await;
    assert!(asked.contains("Delete exchange"), "{asked}");
}
