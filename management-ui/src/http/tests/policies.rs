//! Policies, parameters and global parameters.

use serde_json::json;

use crate::http::fixture::Fixture;

const POLICY: &str =
    r#"{"pattern":"^a","definition":{"max-length":5},"priority":7,"apply-to":"queues"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn policies_come_change_and_go() {
    let fixture = Fixture::start().await;
    for (list, kind) in [
        ("/api/policies", "policy"),
        ("/api/operator-policies", "operator_policy"),
    ] {
        let path = format!("{list}/%2F/p%2F1");
        fixture.check("GET", &path, "", 404).await;
        fixture.check("PUT", &path, POLICY, 201).await;
        fixture.check("PUT", &path, POLICY, 204).await;
        let policy = fixture.check("GET", &path, "", 200).await.json;
        let expected = json!({"vhost": "/", "name": "p/1", "pattern": "^a", "apply-to": "queues", "priority": 7,
            "definition": {"max-length": 5}});
        assert_eq!(policy, expected);
        let first = r#"{"pattern":"","definition":{"expires":5},"priority":9}"#;
        fixture
            .check("PUT", &format!("{list}/%2F/first"), first, 201)
            .await;
        let all = fixture.check("GET", list, "", 200).await.json;
        assert_eq!((&all[0]["name"], &all[1]), (&json!("first"), &expected));
        assert_eq!(all[0]["apply-to"], "all");
        assert_eq!(
            fixture
                .check("GET", &format!("{list}/%2F"), "", 200)
                .await
                .json,
            all
        );
        fixture.check("PUT", "/api/queues/%2F/a", "", 201).await;
        let queue = fixture
            .check("GET", "/api/queues/%2F/a", "", 200)
            .await
            .json;
        assert_eq!(queue[kind], "first");
        fixture.check("DELETE", "/api/queues/%2F/a", "", 204).await;
        for name in ["p%2F1", "first"] {
            fixture
                .check("DELETE", &format!("{list}/%2F/{name}"), "", 204)
                .await;
        }
        fixture.check("DELETE", &path, "", 404).await;
        fixture.check("GET", &format!("{list}/none"), "", 404).await;
        let missing = fixture
            .check("PUT", &format!("{list}/none/p"), POLICY, 404)
            .await
            .json;
        assert_eq!(
            missing,
            json!({"error": "not_found", "reason": "vhost_not_found"})
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_policies_are_refused() {
    let fixture = Fixture::start().await;
    for (body, reason) in [
        (r#"{"pattern":"^a"}"#, "key_missing: definition"),
        (r#"{"definition":{"max-length":5}}"#, "key_missing: pattern"),
        (
            r#"{"pattern":"^a","definition":{}}"#,
            "definition can't be empty",
        ),
        (
            r#"{"pattern":"(","definition":{"max-length":5}}"#,
            "invalid regular expression '('",
        ),
        (
            r#"{"pattern":"","definition":{"max-cats":5}}"#,
            "max-cats are not recognised policy settings",
        ),
        (
            r#"{"pattern":"","definition":{"max-length":"5"}}"#,
            "is not a valid maximum length",
        ),
        (
            r#"{"pattern":"","definition":{"max-length":5},"apply-to":"cats"}"#,
            "apply-to 'cats' unrecognised",
        ),
        (
            r#"{"pattern":"","definition":{"max-length":5},"priority":"high"}"#,
            "priority",
        ),
        (r#"{"pattern":"","definition":5}"#, "definition"),
    ] {
        for list in ["policies", "operator-policies"] {
            let path = format!("/api/{list}/%2F/p");
            let refused = fixture.check("PUT", &path, body, 400).await.json;
            let found = refused["reason"].as_str().unwrap();
            assert!(found.contains(reason), "{found}");
        }
    }
    let unlimited = r#"{"pattern":"","definition":{"dead-letter-exchange":"x"}}"#;
    fixture
        .check("PUT", "/api/policies/%2F/p", unlimited, 201)
        .await;
    fixture
        .check("PUT", "/api/operator-policies/%2F/p", unlimited, 400)
        .await;
    let form = "Authorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\nContent-Type: text/plain\r\n";
    let refused = fixture
        .call_with(form, "PUT", "/api/operator-policies/%2F/p", POLICY)
        .await;
    assert_eq!(refused.status, 415);
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_come_change_and_go() {
    let fixture = Fixture::start().await;
    let path = "/api/parameters/federation-upstream-set/%2F/s";
    fixture
        .check("PUT", path, r#"{"value":[{"upstream":"u"}]}"#, 201)
        .await;
    fixture
        .check(
            "PUT",
            path,
            r#"{"value":[{"upstream":"u"}],"name":"s"}"#,
            204,
        )
        .await;
    let expected = json!({"vhost": "/", "component": "federation-upstream-set", "name": "s", "value": [{"upstream": "u"}]});
    assert_eq!(fixture.check("GET", path, "", 200).await.json, expected);
    for list in [
        "/api/parameters",
        "/api/parameters/federation-upstream-set",
        "/api/parameters/federation-upstream-set/%2F",
    ] {
        assert_eq!(
            fixture.check("GET", list, "", 200).await.json,
            json!([expected]),
            "{list}"
        );
    }
    assert_eq!(
        fixture
            .check("GET", "/api/parameters/shovel", "", 200)
            .await
            .json,
        json!([])
    );
    fixture.check("DELETE", path, "", 204).await;
    fixture.check("DELETE", path, "", 404).await;
    fixture.check("GET", path, "", 404).await;
    let unknown = fixture
        .check("PUT", "/api/parameters/cats/%2F/s", r#"{"value":1}"#, 400)
        .await;
    assert!(
        unknown.text.contains("component cats not found"),
        "{}",
        unknown.text
    );
    fixture.check("PUT", path, "{}", 400).await;
    fixture
        .check(
            "PUT",
            "/api/parameters/policy/%2F/s",
            r#"{"value":{}}"#,
            400,
        )
        .await;
    fixture
        .check(
            "PUT",
            "/api/parameters/vhost-limits/%2F/x",
            r#"{"value":{}}"#,
            400,
        )
        .await;
    fixture
        .check(
            "PUT",
            "/api/parameters/shovel/none/s",
            r#"{"value":{}}"#,
            404,
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn global_parameters_come_change_and_go() {
    let fixture = Fixture::start().await;
    fixture.broker.set_global_parameter("internal_x", json!(1));
    let path = "/api/global-parameters/a%20b";
    fixture.check("PUT", path, r#"{"value":"x"}"#, 201).await;
    fixture
        .check("PUT", path, r#"{"value":{"y":1}}"#, 204)
        .await;
    let expected = json!({"name": "a b", "value": {"y": 1}});
    assert_eq!(fixture.check("GET", path, "", 200).await.json, expected);
    assert_eq!(
        fixture
            .check("GET", "/api/global-parameters", "", 200)
            .await
            .json,
        json!([expected])
    );
    fixture.check("PUT", path, "{}", 400).await;
    fixture.check("DELETE", path, "", 204).await;
    fixture.check("DELETE", path, "", 404).await;
    let own = "/api/global-parameters/internal_x";
    fixture.check("GET", own, "", 404).await;
    fixture.check("DELETE", own, "", 404).await;
    fixture.check("PUT", own, r#"{"value":1}"#, 400).await;
}
