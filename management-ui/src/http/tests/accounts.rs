//! Vhosts, users, permissions and limits.

use ferrymq_broker::clock;
use ferrymq_broker::limits::Limit;
use ferrymq_broker::stats::ticker;
use serde_json::{Value, json};

use crate::http::fixture::Fixture;

const ALL: &str = r#"{"configure":".*","write":".*","read":".*"}"#;

impl Fixture {
    /// A user `name` with the password `p` and these tags.
    async fn user(&self, name: &str, tags: &str) {
        let body = json!({ "tags": tags, "password": "p" }).to_string();
        let path = format!("/api/users/{name}");
        self.check("PUT", &path, &body, 201).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_come_change_and_go() {
    let fixture = Fixture::start().await;
    let path = "/api/users/app%2Fone";
    fixture.check("GET", path, "", 404).await;
    let body =
        r#"{"tags":"monitoring, policymaker","password":"secret","limits":{"max-channels":5}}"#;
    fixture.check("PUT", path, body, 201).await;
    fixture.check("PUT", path, body, 204).await;
    let user = fixture.check("GET", path, "", 200).await.json;
    assert_eq!(user["name"], "app/one");
    assert_eq!(user["tags"], json!(["monitoring", "policymaker"]));
    assert_eq!(user["limits"], json!({"max-channels": 5}));
    assert_eq!(user["hashing_algorithm"], "argon2id");
    let hash = fixture.broker.users().user("app/one").unwrap();
    assert!(hash.password().verify(b"secret"));
    // A hash is taken as it is; without a password nobody logs in with one.
    let hash = "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR";
    let body = json!({"tags": ["monitoring"], "password_hash": hash}).to_string();
    fixture.check("PUT", path, &body, 204).await;
    let user = fixture.check("GET", path, "", 200).await.json;
    assert_eq!(user["password_hash"], hash);
    assert_eq!(user["limits"], json!({"max-channels": 5}));
    fixture.check("PUT", path, r#"{"tags":""}"#, 204).await;
    let user = fixture.check("GET", path, "", 200).await.json;
    assert_eq!(
        (&user["password_hash"], &user["tags"]),
        (&json!(""), &json!([]))
    );
    fixture.check("DELETE", path, "", 204).await;
    fixture.check("DELETE", path, "", 404).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_users_are_refused() {
    let fixture = Fixture::start().await;
    let too_many = json!({ "tags": vec!["t"; 33] }).to_string();
    for (body, reason) in [
        ("{}", "missing field `tags`"),
        (
            r#"{"tags":5}"#,
            "tags: must be a list of strings, or a string",
        ),
        (r#"{"tags":[],"password":5}"#, "password: invalid type"),
        (r#"{"tags":[],"password_hash":"!"}"#, "password_hash: "),
        (r#"{"tags":[],"limits":{"max-cats":1}}"#, "max-cats"),
        (
            r#"{"tags":[],"permissions":{"x":{"configure":"","write":"","read":""}}}"#,
            "vhost 'x' does not exist",
        ),
        (&too_many, "33 tags"),
        ("[]", "not_json"),
    ] {
        let refused = fixture.check("PUT", "/api/users/app", body, 400).await.json;
        assert_eq!(refused["error"], "bad_request");
        let found = refused["reason"].as_str().unwrap();
        assert!(found.contains(reason), "{found}");
    }
    fixture.check("GET", "/api/users/app", "", 404).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_listed_and_deleted_together() {
    let fixture = Fixture::start().await;
    let permissions =
        json!({"tags": "", "permissions": {"/": {"configure": "", "write": "", "read": "^a"}}});
    fixture
        .check("PUT", "/api/users/a", &permissions.to_string(), 201)
        .await;
    for name in ["b", "c"] {
        fixture.user(name, "").await;
    }
    let names = |list: Value| {
        let list = list.as_array().unwrap().iter();
        list.map(|user| user["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let all = fixture.check("GET", "/api/users", "", 200).await.json;
    assert_eq!(names(all), ["a", "b", "c", "guest"]);
    let page = fixture
        .check("GET", "/api/users?page=1&page_size=1&name=B", "", 200)
        .await
        .json;
    assert_eq!(names(page["items"].clone()), ["b"]);
    let poor = fixture
        .check("GET", "/api/users/without-permissions", "", 200)
        .await
        .json;
    assert_eq!(names(poor), ["b", "c"]);
    let of_a = fixture
        .check("GET", "/api/users/a/permissions", "", 200)
        .await
        .json;
    assert_eq!(
        of_a,
        json!([{"user": "a", "vhost": "/", "configure": "", "write": "", "read": "^a"}])
    );
    fixture
        .check("GET", "/api/users/nobody/permissions", "", 404)
        .await;
    fixture
        .check(
            "POST",
            "/api/users/bulk-delete",
            r#"{"users":["a","c","nobody"]}"#,
            204,
        )
        .await;
    let left = fixture.check("GET", "/api/users", "", 200).await.json;
    assert_eq!(names(left), ["b", "guest"]);
    for bad in ["{}", r#"{"users":"b"}"#, r#"{"users":[1]}"#] {
        fixture
            .check("POST", "/api/users/bulk-delete", bad, 400)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn vhosts_come_change_and_go() {
    let fixture = Fixture::start().await;
    let path = "/api/vhosts/a%2Fb";
    fixture.check("PUT", path, "", 201).await;
    let body = r#"{"description":"d","tags":"x,y","defaultqueuetype":"quorum","tracing":true}"#;
    fixture.check("PUT", path, body, 204).await;
    fixture.check("PUT", path, "{}", 204).await;
    let vhost = fixture.check("GET", path, "", 200).await.json;
    assert_eq!(vhost["name"], "a/b");
    assert_eq!(vhost["tags"], json!(["x", "y"]));
    assert_eq!(vhost["default_queue_type"], "quorum");
    assert_eq!(
        vhost["metadata"],
        json!({"description": "d", "tags": ["x", "y"], "default_queue_type": "quorum"})
    );
    assert_eq!(vhost["tracing"], true);
    assert_eq!(vhost["cluster_state"], json!({"ferrymq@<b>": "running"}));
    let refused = fixture
        .check("PUT", path, r#"{"default_queue_type":"fast"}"#, 400)
        .await;
    assert!(
        refused.text.contains("default_queue_type"),
        "{}",
        refused.text
    );
    // Who made it may do everything in it.
    let given = fixture
        .check("GET", "/api/permissions/a%2Fb/guest", "", 200)
        .await
        .json;
    assert_eq!(given["configure"], ".*");
    let list = fixture
        .check("GET", "/api/vhosts?columns=name", "", 200)
        .await
        .json;
    assert_eq!(list, json!([{"name": "/"}, {"name": "a/b"}]));
    let page = fixture
        .check("GET", "/api/vhosts?page=1&page_size=1", "", 200)
        .await
        .json;
    assert_eq!(
        (&page["total_count"], &page["item_count"]),
        (&json!(2), &json!(1))
    );
    let protection = format!("{path}/deletion/protection");
    fixture.check("POST", &protection, "", 204).await;
    let refused = fixture.check("DELETE", path, "", 412).await.json;
    assert_eq!(refused["error"], "precondition_failed");
    fixture.check("DELETE", &protection, "", 204).await;
    fixture.check("DELETE", path, "", 204).await;
    fixture.check("DELETE", path, "", 404).await;
    fixture.check("GET", path, "", 404).await;
    fixture
        .check("POST", "/api/vhosts/%2F/start/ferrymq@%3Cb%3E", "", 204)
        .await;
    fixture
        .check("POST", "/api/vhosts/%2F/start/other", "", 400)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn permissions_are_given_and_taken() {
    let fixture = Fixture::start().await;
    fixture.user("app", "").await;
    let path = "/api/permissions/%2F/app";
    fixture.check("GET", path, "", 404).await;
    fixture.check("DELETE", path, "", 404).await;
    fixture.check("PUT", path, ALL, 201).await;
    fixture.check("PUT", path, ALL, 204).await;
    let given = fixture.check("GET", path, "", 200).await.json;
    let expected =
        json!({"user": "app", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"});
    assert_eq!(given, expected);
    let list = fixture
        .check("GET", "/api/vhosts/%2F/permissions", "", 200)
        .await
        .json;
    assert_eq!(list[0], expected);
    assert_eq!(
        fixture.check("GET", "/api/permissions", "", 200).await.json,
        list
    );
    for (path, body, reason) in [
        (path, r#"{"configure":""}"#, "key_missing: write, read"),
        (
            path,
            r#"{"configure":"(","write":"","read":""}"#,
            "invalid regular expression '('",
        ),
        (path, r#"{"configure":5,"write":"","read":""}"#, "configure"),
        ("/api/permissions/none/app", ALL, "vhost_or_user_not_found"),
        ("/api/permissions/%2F/none", ALL, "vhost_or_user_not_found"),
    ] {
        let refused = fixture.check("PUT", path, body, 400).await;
        assert!(refused.text.contains(reason), "{}", refused.text);
    }
    fixture.check("DELETE", path, "", 204).await;
    fixture.check("GET", path, "", 404).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topic_permissions_are_given_and_taken() {
    let fixture = Fixture::start().await;
    fixture.user("app", "").await;
    let path = "/api/topic-permissions/%2F/app";
    assert_eq!(fixture.check("GET", path, "", 200).await.json, json!([]));
    let body =
        |exchange: &str| json!({"exchange": exchange, "write": "^a", "read": ".*"}).to_string();
    fixture.check("PUT", path, &body("amq.topic"), 201).await;
    fixture.check("PUT", path, &body("amq.topic"), 204).await;
    fixture.check("PUT", path, &body("other"), 201).await;
    fixture.check("PUT", path, &body("third"), 201).await;
    let given = fixture.check("GET", path, "", 200).await.json;
    let first =
        json!({"user": "app", "vhost": "/", "exchange": "amq.topic", "write": "^a", "read": ".*"});
    assert_eq!((&given[0], given.as_array().unwrap().len()), (&first, 3));
    for list in [
        "/api/topic-permissions",
        "/api/vhosts/%2F/topic-permissions",
        "/api/users/app/topic-permissions",
    ] {
        assert_eq!(
            fixture.check("GET", list, "", 200).await.json,
            given,
            "{list}"
        );
    }
    fixture
        .check("DELETE", &format!("{path}/other"), "", 204)
        .await;
    fixture
        .check("DELETE", &format!("{path}/other"), "", 404)
        .await;
    fixture.check("DELETE", path, "", 204).await;
    fixture.check("DELETE", path, "", 404).await;
    fixture
        .check("GET", "/api/topic-permissions/%2F/none", "", 404)
        .await;
    fixture
        .check("PUT", path, r#"{"write":"","read":""}"#, 400)
        .await;
    fixture
        .check(
            "PUT",
            path,
            r#"{"exchange":"x","write":"(","read":""}"#,
            400,
        )
        .await;
    fixture
        .check("PUT", "/api/topic-permissions/x/app", &body("x"), 400)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_set_and_cleared() {
    let fixture = Fixture::start().await;
    for (list, other, owner, place) in [
        ("/api/vhost-limits", "max-queues", "vhost", "%2F"),
        ("/api/user-limits", "max-channels", "user", "guest"),
    ] {
        let one = format!("{list}/{place}");
        assert_eq!(fixture.check("GET", list, "", 200).await.json, json!([]));
        fixture
            .check("PUT", &format!("{one}/{other}"), r#"{"value":5}"#, 204)
            .await;
        fixture
            .check(
                "PUT",
                &format!("{one}/max-connections"),
                r#"{"value":-1}"#,
                204,
            )
            .await;
        let set = fixture.check("GET", &one, "", 200).await.json;
        let name = place.replace("%2F", "/");
        assert_eq!(
            set,
            json!([{owner: name, "value": {"max-connections": -1, other: 5}}])
        );
        assert_eq!(fixture.check("GET", list, "", 200).await.json, set);
        for bad in [r#"{"value":"5"}"#, "{}", r#"{"value":1.5}"#] {
            fixture
                .check("PUT", &format!("{one}/{other}"), bad, 400)
                .await;
        }
        fixture
            .check("PUT", &format!("{one}/max-cats"), r#"{"value":5}"#, 400)
            .await;
        fixture
            .check("DELETE", &format!("{one}/max-cats"), "", 400)
            .await;
        fixture
            .check(
                "PUT",
                &format!("{list}/none/{other}"),
                r#"{"value":5}"#,
                404,
            )
            .await;
        fixture.check("GET", &format!("{list}/none"), "", 404).await;
        for limit in [other, "max-connections"] {
            fixture
                .check("DELETE", &format!("{one}/{limit}"), "", 204)
                .await;
        }
        assert_eq!(fixture.check("GET", &one, "", 200).await.json, json!([]));
    }
    let form = "Authorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    let path = "/api/vhost-limits/%2F/max-queues";
    let refused = fixture.call_with(form, "PUT", path, r#"{"value":5}"#).await;
    assert_eq!(refused.status, 415);
    assert_eq!(
        fixture.broker.vhost("/").unwrap().limits().max_queues,
        Limit(None)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn vhosts_tell_of_their_messages() {
    let fixture = Fixture::start().await;
    fixture.check("PUT", "/api/queues/%2F/q", "", 201).await;
    let vhost = fixture.check("GET", "/api/vhosts/%2F", "", 200).await.json;
    assert_eq!(vhost["messages"], json!(0));
    assert_eq!(vhost["messages_details"]["rate"], json!(0.0));
    assert!(vhost.get("message_stats").is_none());
    let message =
        r#"{"routing_key":"q","properties":{},"payload":"m","payload_encoding":"string"}"#;
    let publish = "/api/exchanges/%2F/amq.default/publish";
    fixture.check("POST", publish, message, 200).await;
    ticker::tick(&fixture.broker, clock::now()).await;
    let vhost = fixture.check("GET", "/api/vhosts/%2F", "", 200).await.json;
    assert_eq!(
        (&vhost["messages"], &vhost["messages_ready"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(vhost["message_stats"]["publish"], json!(1));
    let path = "/api/vhosts/%2F?disable_stats=true";
    let vhost = fixture.check("GET", path, "", 200).await.json;
    assert!(vhost.get("messages").is_none());
}

/// security.md 1: who may see and do what.
#[tokio::test(flavor = "multi_thread")]
async fn tags_open_what_they_open() {
    let fixture = Fixture::start().await;
    fixture.check("PUT", "/api/vhosts/other", "", 201).await;
    for tag in ["management", "policymaker", "monitoring", "administrator"] {
        fixture.user(tag, tag).await;
        fixture
            .check("PUT", &format!("/api/permissions/%2F/{tag}"), ALL, 201)
            .await;
    }
    let policy = r#"{"pattern":"^p","definition":{"max-length":5}}"#;
    let limit = r#"{"value":1}"#;
    let parameter = r#"{"value":{}}"#;
    // Statuses of management, policymaker, monitoring, administrator; twice the same request.
    for (method, path, body, expected) in [
        ("GET", "/api/users", "", [401, 401, 401, 200]),
        (
            "PUT",
            "/api/users/new",
            r#"{"tags":""}"#,
            [401, 401, 401, 201],
        ),
        ("GET", "/api/vhosts", "", [200, 200, 200, 200]),
        ("GET", "/api/vhosts/other", "", [404, 404, 200, 200]),
        ("PUT", "/api/vhosts/new", "", [401, 401, 401, 201]),
        ("GET", "/api/permissions", "", [401, 401, 401, 200]),
        ("GET", "/api/topic-permissions", "", [401, 401, 401, 200]),
        ("GET", "/api/vhost-limits/%2F", "", [200, 200, 200, 200]),
        ("GET", "/api/vhost-limits/other", "", [404, 404, 200, 200]),
        (
            "PUT",
            "/api/vhost-limits/%2F/max-queues",
            limit,
            [401, 401, 401, 204],
        ),
        ("GET", "/api/user-limits/guest", "", [401, 401, 200, 200]),
        (
            "GET",
            "/api/user-limits/management",
            "",
            [200, 401, 200, 200],
        ),
        ("GET", "/api/policies", "", [200, 200, 200, 200]),
        ("GET", "/api/policies/other", "", [404, 404, 200, 200]),
        ("PUT", "/api/policies/%2F/p", policy, [401, 201, 401, 204]),
        ("PUT", "/api/policies/other/p", policy, [401, 404, 401, 201]),
        ("GET", "/api/policies/%2F/p", "", [401, 200, 401, 200]),
        ("GET", "/api/operator-policies", "", [200, 200, 200, 200]),
        (
            "PUT",
            "/api/operator-policies/%2F/p",
            policy,
            [401, 401, 401, 201],
        ),
        (
            "GET",
            "/api/operator-policies/%2F/p",
            "",
            [401, 401, 401, 200],
        ),
        ("GET", "/api/parameters", "", [401, 200, 401, 200]),
        (
            "PUT",
            "/api/parameters/shovel/%2F/s",
            parameter,
            [401, 201, 401, 204],
        ),
        (
            "PUT",
            "/api/parameters/vhost-limits/%2F/limits",
            parameter,
            [401, 401, 401, 204],
        ),
        (
            "DELETE",
            "/api/parameters/operator_policy/%2F/p",
            "",
            [401, 401, 401, 204],
        ),
        ("GET", "/api/global-parameters", "", [401, 200, 401, 200]),
        ("GET", "/api/definitions", "", [401, 401, 401, 200]),
        ("POST", "/api/definitions", "{}", [401, 401, 401, 204]),
    ] {
        for (tag, expected) in ["management", "policymaker", "monitoring", "administrator"]
            .iter()
            .zip(expected)
        {
            let reply = fixture
                .call_as(&format!("{tag}:p"), method, path, body)
                .await;
            assert_eq!(
                reply.status, expected,
                "{tag} {method} {path}: {}",
                reply.text
            );
        }
    }
    let seen = fixture
        .call_as("management:p", "GET", "/api/vhosts?columns=name", "")
        .await;
    assert_eq!(seen.json, json!([{"name": "/"}]));
    let seen = fixture
        .call_as("monitoring:p", "GET", "/api/policies?columns=vhost", "")
        .await;
    assert_eq!(seen.json, json!([{"vhost": "/"}, {"vhost": "other"}]));
}
