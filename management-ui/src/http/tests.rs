//! The routes over real sockets, with a broker on an empty directory.

mod access;
mod accounts;
mod bindings;
mod charts;
mod console;
mod definitions;
mod frame;
mod groups;
mod health;
mod lists;
mod live;
mod messages;
mod node;
mod overview;
mod policies;
mod queues;
mod rates;

use ferrymq_broker::alarms::Alarms;
use ferrymq_broker::auth::{PasswordHash, User};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::fixture::{Fixture, PATIENCE, body, status};
use crate::console::assets::address;

const ALARMS: &str = "/api/health/checks/alarms";

#[tokio::test]
async fn the_first_page_is_open_and_escapes() {
    let fixture = Fixture::start().await;
    let first = fixture.check("GET", "/", "", 303).await;
    assert_eq!(first.header("location"), Some("/console/overview"));
    let page = fixture.get("/console/login?to=%3Cb%3E", None).await;
    assert_eq!(status(&page), "200");
    assert!(page.contains("content-security-policy"));
    assert!(!body(&page).contains("<b>"), "{page}");
    let style = address("console.css");
    assert!(body(&page).contains(&style));
    let style = fixture.get(&format!("/{style}"), None).await;
    assert_eq!(status(&style), "200");
    assert!(style.contains("text/css"));
}

#[tokio::test]
async fn assets_are_kept_and_compressed_once() {
    let fixture = Fixture::start().await;
    let ask = async |path: &str| {
        let request = format!(
            "HEAD /{path} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
        );
        fixture.send(request.as_bytes()).await
    };
    let style = ask(&address("console.css")).await;
    assert_eq!(status(&style), "200");
    assert_eq!(style.matches("content-encoding: gzip").count(), 1);
    assert!(style.contains("cache-control: public, max-age=31536000, immutable"));
    let other = ask("static/0123456789ab/console.css").await;
    assert_eq!(status(&other), "404");
    assert!(other.contains("cache-control: no-cache"));
}

#[tokio::test]
async fn health_asks_who_is_there() {
    let fixture = Fixture::start().await;
    let nobody = fixture.get(ALARMS, None).await;
    assert_eq!(status(&nobody), "401");
    assert!(nobody.contains("www-authenticate: Basic realm="));
    assert_eq!(body(&nobody), "");
    let wrong = fixture.get(ALARMS, Some("guest:x")).await;
    assert_eq!(status(&wrong), "401");
    let refusal = r#"{"error":"not_authorized","reason":"Not_Authorized"}"#;
    assert_eq!(body(&wrong), refusal);
    let unknown = fixture.get(ALARMS, Some("nobody:x")).await;
    assert_eq!(body(&unknown), refusal);
    let guest = fixture.get(ALARMS, Some("guest:guest")).await;
    assert_eq!(status(&guest), "200");
    assert_eq!(body(&guest), r#"{"status":"ok"}"#);
    let checks = "/api/health/checks";
    for open in ["is-in-service", "ready-to-serve-clients"] {
        let answer = fixture.get(&format!("{checks}/{open}"), None).await;
        assert_eq!(body(&answer), r#"{"status":"ok"}"#);
    }
    let node = "/api/healthchecks/node";
    assert_eq!(status(&fixture.get(node, None).await), "401");
    assert_eq!(status(&fixture.get(node, Some("guest:guest")).await), "200");
}

#[tokio::test]
async fn a_tag_is_needed() {
    let fixture = Fixture::start().await;
    let hash = PasswordHash::sha256(b"p");
    let user = |tags| User::new("app", hash.clone(), tags);
    fixture.broker.users().put_user(user(vec![]));
    let refused = fixture.get(ALARMS, Some("app:p")).await;
    assert_eq!(status(&refused), "401");
    assert!(body(&refused).contains("Not management user"));
    let tags = vec!["management".to_owned()];
    fixture.broker.users().put_user(user(tags));
    assert_eq!(status(&fixture.get(ALARMS, Some("app:p")).await), "200");
}

#[tokio::test]
async fn alarms_are_told() {
    let fixture = Fixture::start().await;
    fixture.broker.set_alarms(Alarms {
        memory: true,
        disk: false,
    });
    let answer = fixture.get(ALARMS, Some("guest:guest")).await;
    assert_eq!(status(&answer), "503");
    assert!(body(&answer).contains(r#""resource":"memory""#));
    assert!(!body(&answer).contains("disk"));
    let metrics = fixture.get("/metrics", None).await;
    assert!(body(&metrics).contains("\nrabbitmq_alarms_memory_used_watermark 1\n"));
    assert!(body(&metrics).contains("\nrabbitmq_alarms_free_disk_space_watermark 0\n"));
    for name in ["store_failed", "store_disk_full", "checkpoint_failed"] {
        assert!(body(&metrics).contains(&format!("\nferrymq_{name} 0\n")));
    }
}

#[tokio::test]
async fn other_paths_and_methods_are_refused() {
    let fixture = Fixture::start().await;
    let missing = fixture.get("/api/ships", Some("guest:guest")).await;
    assert_eq!(status(&missing), "404");
    let expected = r#"{"error":"Object Not Found","reason":"Not Found"}"#;
    assert_eq!(body(&missing), expected);
    let post = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let refused = fixture.send(post).await;
    assert_eq!(status(&refused), "405");
    assert!(refused.contains("allow: GET"));
}

#[tokio::test]
async fn heads_are_bounded() {
    let fixture = Fixture::start().await;
    let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(1_000));
    for request in [long, many] {
        let answer = fixture.send(request.as_bytes()).await;
        assert!(matches!(status(&answer), "431" | ""), "{answer}");
    }
    assert_eq!(status(&fixture.send(b"\x16\x03\x01\r\n\r\n").await), "400");
}

#[tokio::test]
async fn a_stopping_broker_takes_idle_connections_along() {
    let fixture = Fixture::start().await;
    let mut idle = TcpStream::connect(fixture.address).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 303");
    fixture.broker.shutdown().await.unwrap();
    let mut rest = Vec::new();
    let read = idle.read_to_end(&mut rest);
    tokio::time::timeout(PATIENCE, read).await.unwrap().unwrap();
    assert!(TcpStream::connect(fixture.address).await.is_err());
}
