//! Policies: a form that knows what they may say, and what they would change.

use serde_json::json;

use super::{Browser, Fixture};

#[tokio::test]
async fn a_policy_is_set_changed_and_deleted() {
    let browser = Browser::start().await;
    let fixture = &browser.fixture;
    fixture.check("PUT", "/api/queues/%2F/a.q", "{}", 201).await;
    let fields = "vhost=%2F&name=p&pattern=^a&apply-to=queues&priority=&set-max-length=10\
                  &set-overflow=reject-publish&set-dead-letter-exchange=%22%22";
    let sent = browser.send("put-policy", "policies", fields).await;
    assert_eq!(
        sent.header("location"),
        Some("policies?vhost=%2F"),
        "{sent:?}"
    );
    let policy = fixture
        .check("GET", "/api/policies/%2F/p", "", 200)
        .await
        .json;
    let expected = json!({
        "max-length": 10,
        "overflow": "reject-publish",
        "dead-letter-exchange": "",
    });
    assert_eq!(policy["definition"], expected);
    let page = browser.page("policies?vhost=%2F&edit=p").await;
    for part in [
        "name=\"set-max-length\"",
        "value=\"10\"",
        "value=\"^a\"",
        "Change p",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let key = "do=delete-policy&back=policies&key=%5B%22%2F%22,%22p%22%5D";
    let page = browser.page(&format!("confirm?{key}")).await;
    assert!(page.contains("1 queue goes without it"), "{page}");
    let done = browser
        .send("confirm", "policies", &format!("{key}&typed=p"))
        .await;
    assert_eq!(done.status, 303);
    fixture.check("GET", "/api/policies/%2F/p", "", 404).await;
}

#[tokio::test]
async fn a_refused_policy_keeps_what_was_typed() {
    let browser = Browser::start().await;
    for (fields, reason) in [
        ("name=p&pattern=(&set-max-length=1", "regular expression"),
        ("name=p&pattern=a", "can&#39;t be empty"),
        ("name=&pattern=a&set-max-length=1", "A policy needs a name"),
        ("name=p&pattern=a&set-max-length=-1", "maximum length"),
        ("name=p&pattern=a&set-max-length=x", "is not a whole number"),
    ] {
        let fields = format!("vhost=%2F&{fields}&set-message-ttl=777");
        let fields = match reason.contains("empty") {
            true => fields.replace("777", ""),
            false => fields,
        };
        let sent = browser.send("put-policy", "policies", &fields).await;
        assert_eq!(sent.status, 400, "{fields}: {sent:?}");
        assert!(sent.text.contains(reason), "{reason}: {}", sent.text);
        assert!(sent.text.contains("777") || reason.contains("empty"));
    }
}

#[tokio::test]
async fn what_would_change_is_shown() {
    let browser = Browser::start().await;
    let fixture = &browser.fixture;
    for queue in ["a.q", "b.q"] {
        fixture
            .check("PUT", &format!("/api/queues/%2F/{queue}"), "{}", 201)
            .await;
    }
    let low = r#"{"pattern":"q$","definition":{"max-length":5},"apply-to":"queues"}"#;
    fixture
        .check("PUT", "/api/policies/%2F/low", low, 201)
        .await;
    let draft = "policies?vhost=%2F&pattern=^a&apply-to=queues&priority=1&set-max-length=9";
    let page = browser.page(draft).await;
    assert!(page.contains("Matches 1 of"), "{page}");
    assert!(page.contains("max-length: 5 → 9"), "{page}");
    let preview = "/api/policy-preview/%2F?pattern=q&name=low&apply-to=queues";
    let preview = fixture.check("GET", preview, "", 200).await.json;
    assert_eq!(
        (&preview["matched"], &preview["changed"]),
        (&json!(2), &json!(2))
    );
    let bad = "/api/policy-preview/%2F?pattern=(";
    fixture.check("GET", bad, "", 400).await;
}

#[tokio::test]
async fn operator_policies_know_fewer_keys() {
    let browser = Browser::start().await;
    let page = browser.page("policies?of=operator").await;
    assert!(page.contains("set-max-length\""));
    assert!(!page.contains("set-dead-letter-exchange"), "{page}");
    let fields = "of=operator&vhost=%2F&name=o&pattern=.*&apply-to=queues&set-max-length=3";
    let sent = browser
        .send("put-policy", "policies%3Fof=operator", fields)
        .await;
    assert_eq!(
        sent.header("location"),
        Some("policies?vhost=%2F&of=operator")
    );
    browser
        .fixture
        .check("GET", "/api/operator-policies/%2F/o", "", 200)
        .await;
}

#[tokio::test]
async fn others_only_read() {
    let fixture = Fixture::start().await;
    let user = r#"{"password":"m","tags":"management","permissions":{"/":{"configure":"","write":"","read":""}}}"#;
    fixture.check("PUT", "/api/users/m", user, 201).await;
    let policy = r#"{"pattern":"q","definition":{"max-length":5}}"#;
    fixture
        .check("PUT", "/api/policies/%2F/low", policy, 201)
        .await;
    let browser = Browser::log_in(fixture, "m", "m").await;
    let page = browser.page("policies").await;
    assert!(page.contains("max-length: 5"));
    for part in ["name=\"key\"", "put-policy", "edit=low"] {
        assert!(!page.contains(part), "{part}: {page}");
    }
    let fields = "vhost=%2F&name=p&pattern=a&set-max-length=1";
    assert_eq!(
        browser.send("put-policy", "policies", fields).await.status,
        403
    );
}

#[tokio::test]
async fn conflicts_are_told() {
    let browser = Browser::start().await;
    for (path, body) in [
        ("queues/%2F/a.1", "{}"),
        ("queues/%2F/a.2", "{}"),
        (
            "policies/%2F/p",
            r#"{"pattern":"^a","definition":{"max-length":9}}"#,
        ),
        (
            "policies/%2F/z",
            r#"{"pattern":"1$","definition":{"max-length":5}}"#,
        ),
    ] {
        browser.made("PUT", &format!("/api/{path}"), body).await;
    }
    let conflict = "The policies p and z have the same priority, and both match a.1: p counts";
    let list = browser.page("policies?vhost=%2F").await;
    assert!(list.contains(conflict), "{list}");
    assert!(browser.page("policies").await.contains(conflict));
    let preview =
        "policies?vhost=%2F&form=put-policy&name=y&pattern=2&apply-to=all&set-max-length=1";
    let preview = browser.page(preview).await;
    let said = "The policies p and y have the same priority, and both match a.2: p counts";
    assert!(preview.contains(said), "{preview}");

    let operator = r#"{"pattern":"^a","definition":{"max-length":3,"expires":9999}}"#;
    browser
        .made("PUT", "/api/operator-policies/%2F/o", operator)
        .await;
    let list = browser.page("policies?vhost=%2F&of=operator").await;
    let said = "The operator policy o overrides max-length of p for a.1 and 1 more.";
    assert!(
        list.contains(said) && !list.contains("expires of"),
        "{list}"
    );
    let path = "/api/policy-conflicts/%2F?operator=true";
    let found = browser.fixture.check("GET", path, "", 200).await.json;
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    assert_eq!(found["examined"], found["total"]);
}

#[tokio::test]
async fn policies_change_places() {
    let browser = Browser::start().await;
    for name in ["a", "b"] {
        let policy = r#"{"pattern":"x","priority":2,"definition":{"max-length":9}}"#;
        let path = format!("/api/policies/%2F/{name}");
        browser.made("PUT", &path, policy).await;
    }
    let page = browser.page("policies?vhost=%2F").await;
    let button = "form=\"move-policy\" name=\"earlier\" value=\"[&#34;/&#34;,&#34;b&#34;]\"";
    assert!(page.contains(button), "{page}");
    let key = "earlier=%5B%22%2F%22,%22b%22%5D";
    let sent = browser
        .send("move-policy", "policies%3Fvhost=%2F", key)
        .await;
    assert_eq!(
        sent.header("location"),
        Some("policies?vhost=%2F"),
        "{sent:?}"
    );
    let list = browser.fixture.check("GET", "/api/policies", "", 200).await;
    let list = list.json;
    assert_eq!(
        (&list[0]["name"], &list[0]["priority"]),
        (&json!("b"), &json!(3))
    );
    assert_eq!(
        (&list[1]["name"], &list[1]["priority"]),
        (&json!("a"), &json!(2))
    );
    assert_eq!(list[0]["definition"], json!({"max-length": 9}));
    let again = browser
        .send("move-policy", "policies%3Fvhost=%2F", key)
        .await;
    assert_eq!(again.status, 400);
    assert!(again.text.contains("b is the first already"), "{again:?}");
}

#[tokio::test]
async fn policies_lead_to_what_they_apply_to() {
    let browser = Browser::start().await;
    let policy = r#"{"pattern":"^q","definition":{"max-length":9}}"#;
    browser.made("PUT", "/api/queues/%2F/q", "{}").await;
    for kind in ["policies", "operator-policies"] {
        browser
            .made("PUT", &format!("/api/{kind}/%2F/p"), policy)
            .await;
    }
    for (page, link) in [
        (
            "policies",
            "queues?vhost=%2F&#38;filter=policy%3A%3D%22p%22",
        ),
        (
            "policies",
            "exchanges?vhost=%2F&#38;filter=policy%3A%3D%22p%22",
        ),
        (
            "policies?of=operator",
            "queues?vhost=%2F&#38;filter=operator_policy%3A%3D%22p%22",
        ),
        ("queues", "policies?vhost=%2F&#38;filter=name%3A%3D%22p%22"),
        (
            "queue?vhost=%2F&name=q",
            "policies?vhost=%2F&#38;filter=name%3A%3D%22p%22&#38;of=operator",
        ),
    ] {
        let text = browser.page(page).await;
        assert!(text.contains(link), "{link}: {text}");
        let found = browser.page(&link.replace("&#38;", "&")).await;
        let none = link.starts_with("exchanges");
        assert_eq!(found.contains("None of"), none, "{link}: {found}");
    }
}
