//! Who may see and do what: tags, vhosts, permissions.

use ferrymq_broker::auth::{PasswordHash, PermissionSet, User};
use serde_json::{Value, json};

use crate::http::fixture::Fixture;

/// A user `NAME:p` with these tags, and permissions in the default vhost if any are given.
fn add_user(fixture: &Fixture, name: &str, tags: &[&str], permissions: Option<[&str; 3]>) {
    let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    let users = fixture.broker.users();
    users.put_user(User::new(name, PasswordHash::sha256(b"p"), tags));
    if let Some([configure, write, read]) = permissions {
        let set = PermissionSet::parse(configure, write, read).unwrap();
        users.set_permissions(name, "/", set).unwrap();
    }
}

async fn check(fixture: &Fixture, user: &str, method: &str, path: &str, status: u16) -> Value {
    let credentials = format!("{user}:p");
    let reply = fixture.call_as(&credentials, method, path, "").await;
    assert_eq!(reply.status, status, "{user}: {method} {path}: {reply:?}");
    reply.json
}

#[tokio::test]
async fn tags_open_what_they_are_for() {
    let fixture = Fixture::start().await;
    let all = Some([".*"; 3]);
    for tag in ["management", "policymaker", "monitoring", "administrator"] {
        add_user(&fixture, tag, &[tag], all);
    }
    add_user(&fixture, "nobody", &["ship"], all);
    for (path, lowest) in [
        ("/api/overview", 0),
        ("/api/queues", 0),
        ("/api/consumers", 0),
        ("/api/nodes", 2),
        ("/api/auth/hash_password/x", 3),
        ("/api/config/effective", 3),
    ] {
        let tags = ["management", "policymaker", "monitoring", "administrator"];
        for (rank, tag) in tags.into_iter().enumerate() {
            let status = if rank >= lowest { 200 } else { 401 };
            check(&fixture, tag, "GET", path, status).await;
        }
        let refused = check(&fixture, "nobody", "GET", path, 401).await;
        let expected = json!({ "error": "not_authorised", "reason": "Not management user" });
        assert_eq!(refused, expected);
    }
    let refused = check(&fixture, "management", "GET", "/api/nodes", 401).await;
    assert_eq!(refused["reason"], "Not monitor user");
    let refused = check(&fixture, "monitoring", "DELETE", "/api/reset", 401).await;
    assert_eq!(refused["reason"], "Not administrator user");
    let who = check(&fixture, "management", "GET", "/api/whoami", 200).await;
    assert_eq!(who["tags"], json!(["management"]));
}

#[tokio::test]
async fn a_vhost_is_closed_to_those_without_permissions() {
    let fixture = Fixture::start().await;
    add_user(&fixture, "out", &["management"], None);
    add_user(&fixture, "watch", &["monitoring"], None);
    let closed = check(&fixture, "out", "GET", "/api/queues/%2F", 404).await;
    assert_eq!(
        closed,
        json!({ "error": "not_found", "reason": "Not Found" })
    );
    check(&fixture, "out", "GET", "/api/queues/none", 404).await;
    check(&fixture, "out", "PUT", "/api/queues/%2F/q", 404).await;
    check(&fixture, "watch", "GET", "/api/queues/%2F", 200).await;
    check(&fixture, "watch", "PUT", "/api/queues/%2F/q", 404).await;
    assert_eq!(
        check(&fixture, "out", "GET", "/api/exchanges", 200).await,
        json!([])
    );
    let missing = fixture.check("PUT", "/api/queues/none/q", "", 404).await;
    assert_eq!(
        missing.json,
        json!({ "error": "not_found", "reason": "vhost_not_found" })
    );
}

#[tokio::test]
async fn permissions_are_those_of_amqp() {
    let fixture = Fixture::start().await;
    add_user(
        &fixture,
        "app",
        &["management"],
        Some(["^own", "^own", "^own"]),
    );
    fixture.check("PUT", "/api/queues/%2F/other", "", 201).await;
    check(&fixture, "app", "PUT", "/api/queues/%2F/own", 201).await;
    let refused = check(&fixture, "app", "PUT", "/api/queues/%2F/new", 401).await;
    let expected = json!({ "error": "not_authorised", "reason": "Access refused." });
    assert_eq!(refused, expected);
    check(&fixture, "app", "DELETE", "/api/queues/%2F/other", 401).await;
    check(
        &fixture,
        "app",
        "DELETE",
        "/api/queues/%2F/other/contents",
        401,
    )
    .await;
    check(
        &fixture,
        "app",
        "DELETE",
        "/api/queues/%2F/own/contents",
        204,
    )
    .await;
    check(
        &fixture,
        "app",
        "POST",
        "/api/bindings/%2F/e/amq.topic/q/own",
        401,
    )
    .await;
    check(&fixture, "app", "DELETE", "/api/queues/%2F/own", 204).await;
    check(&fixture, "app", "PUT", "/api/exchanges/%2F/new", 401).await;
}

#[tokio::test]
async fn lists_can_be_about_one_vhost() {
    let fixture = Fixture::start().await;
    let metadata = ferrymq_broker::vhost::Metadata::default();
    fixture.broker.create_vhost("v", metadata, "test").unwrap();
    let about = |vhost: &'static str| {
        let fixture = &fixture;
        async move {
            let headers = format!("Authorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\nx-vhost: {vhost}\r\n");
            let reply = fixture
                .call_with(&headers, "GET", "/api/exchanges?page=1", "")
                .await;
            reply.json["total_count"].as_u64().unwrap()
        }
    };
    assert_eq!(about("v").await, 7);
    assert_eq!(about("none").await, 0);
    assert_eq!(about("").await, 7 + 8);
}
