//! What all routes have in common: paths, methods, bodies, headers.

use serde_json::json;

use crate::http::fixture::Fixture;

#[tokio::test]
async fn names_are_decoded_after_the_path_is_split() {
    let fixture = Fixture::start().await;
    let names = [
        "a%2Fb", "a%25b", "a+b", "a%20b", "%2e%2e", "a%0Ab", "%C3%A9", "a%7Eb",
    ];
    for name in names {
        let path = format!("/api/queues/%2F/{name}");
        fixture.check("PUT", &path, "{}", 201).await;
        fixture.check("PUT", &path, "", 204).await;
        let queue = fixture.check("GET", &path, "", 200).await;
        assert_eq!(queue.json["vhost"], "/", "{name}");
    }
    let all = fixture
        .check("GET", "/api/queues?columns=name", "", 200)
        .await;
    let sorted = ["..", "a\nb", "a b", "a%b", "a+b", "a/b", "a~b", "é"];
    let expected: Vec<_> = sorted.iter().map(|name| json!({ "name": name })).collect();
    assert_eq!(all.json, json!(expected));
    for bad in ["%", "%2", "%zz", "%ff"] {
        let path = format!("/api/queues/%2F/{bad}");
        fixture.check("GET", &path, "", 400).await;
    }
}

#[tokio::test]
async fn a_slash_at_the_end_changes_nothing() {
    let fixture = Fixture::start().await;
    fixture.check("GET", "/api/queues/", "", 200).await;
    fixture
        .check("GET", "/api/queues/%2f/?page=1", "", 200)
        .await;
    fixture.check("GET", "/api//queues", "", 404).await;
    fixture.check("GET", "/api", "", 404).await;
}

#[tokio::test]
async fn a_prefix_stands_in_front_of_everything() {
    let fixture = Fixture::start_with(|config| config.http.path_prefix = "/mq".into()).await;
    fixture.check("GET", "/mq/api/queues?page=1", "", 200).await;
    let first = fixture.check("GET", "/mq", "", 303).await;
    assert_eq!(first.header("location"), Some("/mq/console/overview"));
    for outside in ["/api/queues", "/mqx/api/queues", "/"] {
        fixture.check("GET", outside, "", 404).await;
    }
}

#[tokio::test]
async fn methods_are_told() {
    let fixture = Fixture::start().await;
    let refused = fixture.check("POST", "/api/queues", "{}", 405).await;
    assert_eq!(refused.header("allow"), Some("GET, HEAD, OPTIONS"));
    assert_eq!(
        (refused.text.as_str(), refused.header("content-length")),
        ("", Some("0"))
    );
    let head = fixture.check("HEAD", "/api/queues", "", 200).await;
    assert_eq!(head.text, "");
    let options = fixture
        .call_with("", "OPTIONS", "/api/queues/a/b", "")
        .await;
    assert_eq!(options.status, 200);
    assert_eq!(
        options.header("allow"),
        Some("GET, HEAD, PUT, DELETE, OPTIONS")
    );
}

#[tokio::test]
async fn headers_are_those_of_rabbitmq() {
    let fixture = Fixture::start().await;
    let answer = fixture.check("GET", "/api/whoami", "", 200).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    assert_eq!(
        answer.header("vary"),
        Some("accept, accept-encoding, origin")
    );
    assert_eq!(answer.header("access-control-allow-origin"), None);
    let created = fixture.check("PUT", "/api/queues/%2F/q", "{}", 201).await;
    assert_eq!(created.header("content-length"), Some("0"));
}

#[tokio::test]
async fn long_answers_are_compressed_for_those_who_want_it() {
    let fixture = Fixture::start().await;
    let wants = "Authorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\nAccept-Encoding: gzip\r\n\
                 Content-Length: 0\r\nConnection: close\r\n";
    let request = format!("GET /api/exchanges HTTP/1.1\r\nHost: x\r\n{wants}\r\n");
    let answer = fixture.send_for_bytes(request.as_bytes()).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.contains("content-encoding: gzip"), "{answer}");
}

#[tokio::test]
async fn other_sites_are_named_in_the_configuration() {
    let site = "https://example.org";
    let fixture = Fixture::start_with(|config| config.http.cors.allow_origins = vec![site.into()]);
    let fixture = fixture.await;
    let asks = format!("Origin: {site}\r\nAccess-Control-Request-Headers: authorization\r\n");
    let answer = fixture.call_with(&asks, "OPTIONS", "/api/queues", "").await;
    for (header, expected) in [
        ("access-control-allow-origin", site),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-methods", "GET, HEAD, OPTIONS"),
        ("access-control-allow-headers", "authorization"),
        ("access-control-max-age", "1800"),
    ] {
        assert_eq!(answer.header(header), Some(expected), "{header}");
    }
    let other = fixture
        .call_with("Origin: https://x\r\n", "GET", "/api/queues", "")
        .await;
    assert_eq!(
        (other.status, other.header("access-control-allow-origin")),
        (401, None)
    );
}

#[tokio::test]
async fn bodies_are_objects() {
    let fixture = Fixture::start_with(|config| config.http.max_body_bytes = 100).await;
    let path = "/api/queues/%2F/q";
    for bad in [
        "\"{}\"",
        "[]",
        "{",
        r#"{"durable":"troo"}"#,
        r#"{"arguments":{"a":null}}"#,
    ] {
        fixture.check("PUT", path, bad, 400).await;
    }
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(100));
    let refused = fixture.check("PUT", path, &large, 400).await;
    let reason = refused.json["reason"].as_str().unwrap();
    assert!(reason.starts_with("Exceeded HTTP request body size limit"));
    fixture
        .check("PUT", path, r#"{"durable":"true","x":1}"#, 201)
        .await;
    let queue = fixture.check("GET", path, "", 200).await;
    assert_eq!(queue.json["durable"], true);
}
