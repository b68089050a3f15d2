//! Definitions over HTTP.

use serde_json::json;

use crate::http::fixture::Fixture;

const DOCUMENT: &str = r#"{"vhosts":[{"name":"v"}],"queues":[{"name":"q","vhost":"v"}]}"#;
const AUTHORIZATION: &str = "Authorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_document_goes_in_and_comes_out() {
    let fixture = Fixture::start().await;
    let imported = fixture
        .check("POST", "/api/definitions", DOCUMENT, 204)
        .await;
    assert_eq!(imported.text, "");
    // Nobody gets permissions by an import.
    fixture
        .check("GET", "/api/permissions/v/guest", "", 404)
        .await;
    let out = fixture.check("GET", "/api/definitions", "", 200).await;
    assert_eq!(out.header("content-type"), Some("application/json"));
    assert_eq!(out.json["queues"][0]["name"], "q");
    fixture
        .check("POST", "/api/all-configuration", &out.text, 204)
        .await;
    let again = fixture
        .check("GET", "/api/all-configuration", "", 200)
        .await;
    assert_eq!(again.text, out.text);
    let one = fixture.check("GET", "/api/definitions/v", "", 200).await;
    assert_eq!(
        one.json["queues"],
        json!([{"name": "q", "durable": true, "auto_delete": false, "type": "classic", "arguments": {}}])
    );
    fixture
        .check("POST", "/api/definitions/%2F", &one.text, 204)
        .await;
    fixture.check("GET", "/api/queues/%2F/q", "", 200).await;
    fixture
        .check("POST", "/api/definitions", &one.text, 400)
        .await;
    fixture
        .check("POST", "/api/definitions/none", &one.text, 404)
        .await;
    fixture.check("GET", "/api/definitions/none", "", 404).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_known_is_not_sent_again() {
    let fixture = Fixture::start().await;
    let out = fixture
        .check("GET", "/api/definitions?download=rabbit.json", "", 200)
        .await;
    assert_eq!(
        out.header("content-disposition"),
        Some("attachment; filename=rabbit.json")
    );
    let tag = out.header("etag").unwrap().to_owned();
    for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
        let headers = format!("{AUTHORIZATION}If-None-Match: {known}\r\n");
        let reply = fixture
            .call_with(&headers, "GET", "/api/definitions", "")
            .await;
        assert_eq!((reply.status, reply.text.as_str()), (304, ""), "{known}");
    }
    fixture
        .check("POST", "/api/definitions", DOCUMENT, 204)
        .await;
    let headers = format!("{AUTHORIZATION}If-None-Match: {tag}\r\n");
    let reply = fixture
        .call_with(&headers, "GET", "/api/definitions", "")
        .await;
    assert_eq!(reply.status, 200);
    fixture
        .check("GET", "/api/definitions?download=a%0Db", "", 400)
        .await;
    fixture
        .check("GET", "/api/definitions?download=%22;x", "", 400)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_answers_what_would_change() {
    let fixture = Fixture::start().await;
    let plan = fixture
        .check("POST", "/api/definitions?dry_run=true", DOCUMENT, 200)
        .await
        .json;
    assert_eq!(
        plan["counts"],
        json!({"added": 2, "changed": 0, "unchanged": 0, "skipped": 0, "refused": 0})
    );
    assert_eq!(
        plan["added"][1],
        json!({"section": "queues", "index": 0, "name": "q", "vhost": "v"})
    );
    fixture.check("GET", "/api/vhosts/v", "", 404).await;
    fixture
        .check("POST", "/api/definitions?dry_run=true", "{", 400)
        .await;
    let one = fixture
        .check("POST", "/api/definitions/%2F?dry_run=true", DOCUMENT, 200)
        .await
        .json;
    assert_eq!(one["added"][0]["vhost"], "/");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_with_its_place() {
    let fixture = Fixture::start_with(|config| config.http.max_body_bytes = 1_000).await;
    let body = r#"{"queues":[{"name":"a","vhost":"/"},{"name":"b","vhost":"/","durable":1}]}"#;
    let refused = fixture
        .check("POST", "/api/definitions", body, 400)
        .await
        .json;
    assert_eq!(
        refused,
        json!({"error": "bad_request", "reason": "queues[1] 'b' in vhost '/': durable: must be a boolean"})
    );
    fixture.check("GET", "/api/queues/%2F/a", "", 404).await;
    let refused = fixture
        .check("POST", "/api/definitions", "{", 400)
        .await
        .json;
    assert!(
        refused["reason"]
            .as_str()
            .unwrap()
            .starts_with("failed_to_parse_json")
    );
    let long = format!("{{\"x\":\"{}\"}}", "y".repeat(1_000));
    let refused = fixture.check("POST", "/api/definitions", &long, 400).await;
    assert!(
        refused
            .text
            .contains("Exceeded HTTP request body size limit"),
        "{}",
        refused.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_brings_a_file() {
    let fixture = Fixture::start_with(|config| config.http.max_body_bytes = 1_000).await;
    let headers = format!("{AUTHORIZATION}Content-Type: multipart/form-data; boundary=xx\r\n");
    let form = |fields: &[(&str, &str)]| {
        let fields = fields.iter().map(|(name, value)| {
            format!("--xx\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"f\"\r\n\r\n{value}\r\n")
        });
        fields.collect::<String>() + "--xx--\r\n"
    };
    let post = async |body: String| {
        fixture
            .call_with(&headers, "POST", "/api/definitions", &body)
            .await
    };
    let done = post(form(&[("file", DOCUMENT)])).await;
    assert_eq!(done.status, 204);
    fixture.check("GET", "/api/queues/v/q", "", 200).await;
    let back = post(form(&[
        ("redirect", "../#/import-succeeded"),
        ("file", DOCUMENT),
    ]))
    .await;
    assert_eq!(
        (back.status, back.header("location")),
        (303, Some("../#/import-succeeded"))
    );
    let long = "y".repeat(1_000);
    for bad in [
        form(&[("other", DOCUMENT)]),
        form(&[("file", "{")]),
        form(&[("file", &long)]),
        form(&[("file", DOCUMENT), ("redirect", "https://evil.example")]),
        "no form".to_owned(),
    ] {
        let refused = post(bad).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
    }
}
