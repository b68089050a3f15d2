//! Definitions out, and in after what they would change was shown.

use super::{Browser, Fixture, Reply};

const BOUNDARY: &str = "xyz";

impl Browser {
    /// Sends a form in parts.
    async fn upload(&self, csrf: &str, fields: &[(&str, &str)]) -> Reply {
        let part = |(name, value): &(&str, &str)| {
            format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            )
        };
        let secret = part(&("csrf", csrf));
        let fields: String = fields.iter().map(part).collect();
        let body = format!("{secret}{fields}--{BOUNDARY}--\r\n");
        let headers = format!(
            "Cookie: {}\r\nAccept: text/html\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n",
            self.cookie
        );
        let path = "/console/import-definitions";
        self.fixture.call_with(&headers, "POST", path, &body).await
    }
}

const DOCUMENT: &str =
    r#"{"queues":[{"name":"q<","vhost":"/","durable":true,"auto_delete":false,"arguments":{}}]}"#;

fn shown(page: &str) -> &str {
    let digest = page.split_once("name=\"shown\" value=\"").unwrap().1;
    digest.split('"').next().unwrap()
}

#[tokio::test]
async fn what_was_shown_is_imported() {
    let browser = Browser::start().await;
    let csrf = browser.csrf.as_str();
    let fixture = &browser.fixture;
    let page = browser.upload(csrf, &[("file", DOCUMENT)]).await;
    assert_eq!(page.status, 200, "{page:?}");
    assert!(
        page.text.contains("1 added") && page.text.contains("q&#60;"),
        "{page:?}"
    );
    fixture.check("GET", "/api/queues/%2F/q%3C", "", 404).await;
    let digest = shown(&page.text);
    let done = browser
        .upload(csrf, &[("text", DOCUMENT), ("shown", digest)])
        .await;
    assert_eq!(done.header("location"), Some("definitions"), "{done:?}");
    fixture.check("GET", "/api/queues/%2F/q%3C", "", 200).await;
    assert!(browser.page("definitions").await.contains("were imported"));
    let late = browser
        .upload(csrf, &[("text", DOCUMENT), ("shown", digest)])
        .await;
    assert!(late.text.contains("Something has changed"), "{late:?}");
    assert!(late.text.contains("1 unchanged"), "{late:?}");
}

#[tokio::test]
async fn what_is_refused_is_not_offered() {
    let browser = Browser::start().await;
    let csrf = browser.csrf.as_str();
    let document = r#"{"queues":[{"name":"q","vhost":"none","durable":true,"arguments":{}}]}"#;
    let page = browser.upload(csrf, &[("text", document)]).await;
    assert!(page.text.contains("1 refused"), "{page:?}");
    assert!(
        page.text.contains("vhost &#39;none&#39; does not exist"),
        "{page:?}"
    );
    assert!(!page.text.contains(">Import</button>"));
    let page = browser.upload(csrf, &[("text", "{<")]).await;
    assert_eq!(page.status, 400);
    assert!(page.text.contains("This is no JSON") && page.text.contains("{&#60;"));
}

#[tokio::test]
async fn the_form_of_another_session_is_refused() {
    let browser = Browser::start().await;
    let refused = browser.upload("x", &[("text", DOCUMENT)]).await;
    assert_eq!(refused.status, 403);
}

#[tokio::test]
async fn definitions_are_downloaded() {
    let browser = Browser::start().await;
    let file = browser.open("export-definitions").await;
    assert_eq!(file.status, 200);
    let name = file.header("content-disposition").unwrap();
    assert_eq!(name, "attachment; filename=definitions-ferrymq@_b_.json");
    assert_eq!(file.json["users"][0]["name"], "guest");
    let file = browser.open("export-definitions?vhost=%2F").await;
    assert!(file.json["users"].is_null(), "{file:?}");
}

#[tokio::test]
async fn only_administrators_import_and_export() {
    let fixture = Fixture::start().await;
    let user = r#"{"password":"m","tags":"monitoring"}"#;
    fixture.check("PUT", "/api/users/m", user, 201).await;
    let browser = Browser::log_in(fixture, "m", "m").await;
    let page = browser.page("definitions").await;
    assert!(!page.contains("<form class=\"card\""), "{page}");
    let csrf = browser.csrf.as_str();
    let refused = browser.upload(csrf, &[("text", DOCUMENT)]).await;
    assert_eq!(refused.status, 403);
    assert_eq!(browser.open("export-definitions").await.status, 403);
}
