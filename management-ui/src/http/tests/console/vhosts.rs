//! Virtual hosts, and how much there may be in them.

use super::{Browser, Fixture};

#[tokio::test]
async fn a_virtual_host_is_added_changed_and_deleted() {
    let browser = Browser::start().await;
    let fixture = &browser.fixture;
    let fields = "name=a%2Fb&description=Shop&tags=eu,+prod&default_queue_type=quorum";
    let sent = browser.send("add-vhost", "vhosts", fields).await;
    assert_eq!(
        sent.header("location"),
        Some("vhost?name=a%2Fb"),
        "{sent:?}"
    );
    let again = browser.send("add-vhost", "vhosts", fields).await;
    assert_eq!(again.status, 400);
    assert!(again.text.contains("There is a virtual host a/b already"));
    let list = browser.page("vhosts").await;
    for part in ["vhost?name=a%2Fb", "Shop", "quorum", "guest"] {
        assert!(list.contains(part), "{part}: {list}");
    }
    let fields = "name=a%2Fb&description=Store&tags=&default_queue_type=quorum&type_before=quorum";
    let sent = browser
        .send("change-vhost", "vhost%3Fname=a%2Fb", fields)
        .await;
    assert_eq!(sent.status, 303, "{sent:?}");
    let vhost = fixture
        .check("GET", "/api/vhosts/a%2Fb", "", 200)
        .await
        .json;
    assert_eq!(vhost["description"], "Store");
    assert_eq!(vhost["default_queue_type"], "quorum");
    fixture.check("PUT", "/api/queues/a%2Fb/q", "{}", 201).await;
    let key = "do=delete-vhost&back=vhosts&key=%5B%22a%2Fb%22%5D";
    let page = browser.page(&format!("confirm?{key}")).await;
    assert!(page.contains("1 queue"), "{page}");
    let done = browser
        .send("confirm", "vhosts", &format!("{key}&typed=a%2Fb"))
        .await;
    assert_eq!(done.status, 303);
    fixture.check("GET", "/api/vhosts/a%2Fb", "", 404).await;
}

#[tokio::test]
async fn a_virtual_host_is_traced_and_protected() {
    let browser = Browser::start().await;
    let key = "back=vhost%3Fname%3D%252F&key=%5B%22%2F%22%5D";
    for (action, button) in [
        ("trace-vhost", "Stop tracing"),
        ("untrace-vhost", "trace-vhost"),
        ("protect-vhost", "End protection"),
    ] {
        let sent = browser
            .send("confirm", "vhosts", &format!("do={action}&{key}"))
            .await;
        assert_eq!(sent.status, 303, "{action}: {sent:?}");
        let page = browser.page("vhost?name=%2F").await;
        assert!(page.contains(button), "{action}: {page}");
    }
    let page = browser.page("vhost?name=%2F").await;
    assert!(!page.contains("delete-vhost"), "it is protected");
}

#[tokio::test]
async fn limits_are_set_and_cleared() {
    let browser = Browser::start().await;
    let fields = "back=limits&vhost=%2F&limit=max-queues&value=7";
    let sent = browser.send("set-vhost-limit", "limits", fields).await;
    assert_eq!(sent.header("location"), Some("limits"), "{sent:?}");
    let fields = "back=limits&user=guest&limit=max-channels&value=many";
    let refused = browser.send("set-user-limit", "limits", fields).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("A limit is a whole number"));
    let page = browser.page("limits").await;
    assert!(
        page.contains("max-queues") && page.contains(">7<"),
        "{page}"
    );
    let key = "do=clear-vhost-limit&back=limits&key=%5B%22%2F%22,%22max-queues%22%5D";
    let sent = browser.send("confirm", "limits", key).await;
    assert_eq!(sent.status, 303, "{sent:?}");
    let limits = browser.fixture.check("GET", "/api/vhost-limits", "", 200);
    assert_eq!(limits.await.json, serde_json::json!([]));
}

#[tokio::test]
async fn only_administrators_see_forms() {
    let fixture = Fixture::start().await;
    let user = r#"{"password":"m","tags":"monitoring"}"#;
    fixture.check("PUT", "/api/users/m", user, 201).await;
    let browser = Browser::log_in(fixture, "m", "m").await;
    for page in ["vhosts", "vhost?name=%2F", "limits"] {
        let text = browser.page(page).await;
        for part in [
            "delete-vhost",
            "name=\"key\"",
            "set-vhost-limit",
            "set-permission",
        ] {
            assert!(!text.contains(part), "{page}: {part}: {text}");
        }
    }
    let sent = browser.send("add-vhost", "vhosts", "name=v").await;
    assert_eq!(sent.status, 403);
    assert_eq!(browser.open("users").await.status, 403);
}

#[tokio::test]
async fn a_virtual_host_is_cloned() {
    let browser = Browser::start().await;
    let fixture = &browser.fixture;
    let vhost = r#"{"description":"Shop","tags":"eu","default_queue_type":"quorum","protected_from_deletion":true}"#;
    for (path, body) in [
        ("vhosts/shop", vhost),
        ("exchanges/shop/e", r#"{"type":"topic"}"#),
        ("queues/shop/q", r#"{"arguments":{"x-max-length":3}}"#),
        (
            "policies/shop/p",
            r#"{"pattern":"q","definition":{"max-length":2}}"#,
        ),
        (
            "operator-policies/shop/o",
            r#"{"pattern":"q","definition":{"max-length":1}}"#,
        ),
        (
            "topic-permissions/shop/guest",
            r#"{"exchange":"e","write":"^{vhost}","read":".*"}"#,
        ),
    ] {
        browser.made("PUT", &format!("/api/{path}"), body).await;
    }
    let limits = "/api/vhost-limits/shop/max-queues";
    fixture.check("PUT", limits, r#"{"value":9}"#, 204).await;
    let bind = "/api/bindings/shop/e/e/q/q";
    browser.made("POST", bind, r#"{"routing_key":"a.*"}"#).await;

    let fields = "name=shop&new-name=twin&permissions=true";
    let sent = browser
        .send("clone-vhost", "vhost%3Fname=shop", fields)
        .await;
    assert_eq!(sent.header("location"), Some("vhost?name=twin"), "{sent:?}");
    let get = async |path: &str| fixture.check("GET", path, "", 200).await.json;
    let (mut model, mut twin) = (
        get("/api/definitions/shop").await,
        get("/api/definitions/twin").await,
    );
    for document in [&mut model, &mut twin] {
        let document = document.as_object_mut().unwrap();
        document.remove("original_vhost_name");
        let metadata = document["metadata"].as_object_mut().unwrap();
        metadata.remove("protected_from_deletion");
    }
    assert_eq!(twin, model);
    for kind in ["permissions", "topic-permissions"] {
        let given = get(&format!("/api/vhosts/twin/{kind}")).await;
        assert_eq!(given[0]["user"], "guest", "{kind}");
    }
    assert!(
        browser
            .page("vhost?name=twin")
            .await
            .contains("delete-vhost")
    );

    let again = browser
        .send("clone-vhost", "vhost%3Fname=shop", fields)
        .await;
    assert_eq!(again.status, 400);
    let fields = "name=shop&new-name=alone";
    browser
        .send("clone-vhost", "vhost%3Fname=shop", fields)
        .await;
    let given = get("/api/vhosts/alone/permissions").await;
    assert_eq!(given, serde_json::json!([]));
}
