//! Users, and what they may do.

use serde_json::json;

use super::{Browser, log_in};

#[tokio::test]
async fn a_user_for_one_prefix_is_added_in_one_go() {
    let browser = Browser::start().await;
    let fields = "name=app&password-is=typed&password=s&again=s&vhost=%2F&prefix=orders.";
    let sent = browser.send("add-user", "users", fields).await;
    assert_eq!(sent.header("location"), Some("user?name=app"), "{sent:?}");
    let given = browser
        .fixture
        .check("GET", "/api/permissions/%2F/app", "", 200);
    let given = given.await.json;
    for kind in ["configure", "write", "read"] {
        assert_eq!(given[kind], "^orders\\..*");
    }
    let ask = async |name: &str| {
        let question = format!("user?name=app&in=%2F&may=write&kind=queue&resource={name}");
        browser.page(&question).await
    };
    assert!(ask("orders.eu").await.contains("Yes:"));
    let refused = ask("invoices").await;
    assert!(
        refused.contains("write access to queue &#39;invoices&#39;"),
        "{refused}"
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_new_user_is_told() {
    let browser = Browser::start().await;
    for (fields, reason) in [
        ("name=&password-is=none", "A user needs a name"),
        (
            "name=guest&password-is=none",
            "There is a user guest already",
        ),
        ("name=a&password-is=typed", "Type a password"),
        (
            "name=a&password-is=typed&password=x&again=y",
            "The two passwords differ",
        ),
        (
            "name=a&password-is=none&prefix=x",
            "Choose the virtual host",
        ),
    ] {
        let sent = browser.send("add-user", "users", fields).await;
        assert_eq!(sent.status, 400, "{fields}");
        assert!(sent.text.contains(reason), "{fields}: {}", sent.text);
    }
    browser.fixture.check("GET", "/api/users/a", "", 404).await;
}

#[tokio::test]
async fn a_made_up_password_is_told_once() {
    let browser = Browser::start().await;
    let fields = "name=gen&password-is=generated&tag-management=true";
    let sent = browser.send("add-user", "users", fields).await;
    assert_eq!(sent.status, 303, "{sent:?}");
    let page = browser.page("user?name=gen").await;
    let told = page.split_once("shown only now: ").unwrap().1;
    let password = told.split('<').next().unwrap();
    let page = browser.page("user?name=gen").await;
    assert!(!page.contains(password));
    let reply = log_in(&browser.fixture, "gen", password, "queues").await;
    assert_eq!(reply.status, 303);
}

#[tokio::test]
async fn what_is_not_changed_stays() {
    let browser = Browser::start().await;
    let user = r#"{"password":"old","tags":"management,odd"}"#;
    let fixture = &browser.fixture;
    fixture.check("PUT", "/api/users/app", user, 201).await;
    let limit = r#"{"value":3}"#;
    let path = "/api/user-limits/app/max-connections";
    fixture.check("PUT", path, limit, 204).await;
    let before = fixture.check("GET", "/api/users/app", "", 200).await.json;
    let fields = "name=app&password-is=kept&tag-monitoring=true&tags=odd";
    let sent = browser.send("change-user", "user%3Fname=app", fields).await;
    assert_eq!(sent.status, 303, "{sent:?}");
    let after = fixture.check("GET", "/api/users/app", "", 200).await.json;
    assert_eq!(after["tags"], json!(["monitoring", "odd"]));
    for field in ["password_hash", "hashing_algorithm", "limits"] {
        assert_eq!(after[field], before[field]);
    }
}

#[tokio::test]
async fn a_new_password_of_ones_own_does_not_end_this_session() {
    let browser = Browser::start().await;
    let fields = "name=guest&password-is=typed&password=n&again=n&tag-administrator=true";
    let sent = browser
        .send("change-user", "user%3Fname=guest", fields)
        .await;
    assert_eq!(sent.status, 303, "{sent:?}");
    browser.page("user?name=guest").await;
}

#[tokio::test]
async fn a_user_is_cloned() {
    let browser = Browser::start().await;
    let fixture = &browser.fixture;
    let topic = r#"{"exchange":"amq.topic","write":"^a","read":"^b"}"#;
    let path = "/api/topic-permissions/%2F/guest";
    fixture.check("PUT", path, topic, 201).await;
    let fields = "name=guest&new-name=twin&password-is=typed&password=t&again=t";
    let sent = browser
        .send("clone-user", "user%3Fname=guest", fields)
        .await;
    assert_eq!(sent.header("location"), Some("user?name=twin"), "{sent:?}");
    let twin = fixture.check("GET", "/api/users/twin", "", 200).await.json;
    assert_eq!(
        (&twin["tags"], &twin["vhosts"]),
        (&json!(["administrator"]), &json!(["/"]))
    );
    let path = "/api/topic-permissions/%2F/twin";
    let topics = fixture.check("GET", path, "", 200).await.json;
    assert_eq!(topics[0]["write"], "^a");
    assert_eq!(log_in(fixture, "twin", "t", "queues").await.status, 303);
}

#[tokio::test]
async fn permissions_are_set_changed_and_removed() {
    let browser = Browser::start().await;
    let fixture = &browser.fixture;
    let user = r#"{"password":"a","tags":""}"#;
    fixture.check("PUT", "/api/users/app", user, 201).await;
    let fields = "back=user%3Fname%3Dapp&user=app&vhost=%2F&configure=&write=^a&read=.*";
    let sent = browser
        .send("set-permission", "user%3Fname=app", fields)
        .await;
    assert_eq!(sent.header("location"), Some("user?name=app"), "{sent:?}");
    let page = browser
        .page("user?name=app&edit=permission&vhost=%2F")
        .await;
    assert!(page.contains("value=\"^a\""), "{page}");
    let fields = "back=user%3Fname%3Dapp&user=app&vhost=%2F&exchange=t&write=(&read=.*";
    let refused = browser
        .send("set-topic-permission", "user%3Fname=app", fields)
        .await;
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("value=\"t\""), "{refused:?}");
    let key = "do=remove-permission&back=users&key=%5B%22%2F%22,%22app%22%5D";
    let sent = browser.send("confirm", "users", key).await;
    assert_eq!(sent.status, 303, "{sent:?}");
    fixture
        .check("GET", "/api/permissions/%2F/app", "", 404)
        .await;
    let page = browser.page("users").await;
    let sent = browser.undo(&page, "users").await;
    assert_eq!(sent.status, 303, "{sent:?}");
    let path = "/api/permissions/%2F/app";
    let given = fixture.check("GET", path, "", 200).await.json;
    assert_eq!(
        (&given["configure"], &given["write"]),
        (&json!(""), &json!("^a"))
    );
    let again = browser.undo(&page, "users").await;
    assert_eq!(again.status, 400);
    assert!(again.text.contains("taken back any more"), "{again:?}");
}

#[tokio::test]
async fn topic_permissions_are_given_back() {
    let browser = Browser::start().await;
    let fixture = &browser.fixture;
    let path = "/api/topic-permissions/%2F/guest";
    for exchange in ["a", "b"] {
        let given = format!(r#"{{"exchange":"{exchange}","write":"^{exchange}","read":"x"}}"#);
        fixture.check("PUT", path, &given, 201).await;
    }
    let before = fixture.check("GET", path, "", 200).await.json;
    let keys = "key=%5B%22%2F%22,%22guest%22,%22a%22%5D&key=%5B%22%2F%22,%22guest%22,%22b%22%5D";
    let fields = format!("do=remove-topic-permission&back=users&{keys}");
    let sent = browser.send("confirm", "users", &fields).await;
    assert_eq!(sent.status, 303, "{sent:?}");
    let none = fixture.check("GET", path, "", 200).await.json;
    assert_eq!(none, json!([]));
    let page = browser.page("users").await;
    browser.undo(&page, "users").await;
    let after = fixture.check("GET", path, "", 200).await.json;
    assert_eq!(after, before);
}

#[tokio::test]
async fn who_may_what_where_is_seen_at_once() {
    let browser = Browser::start().await;
    let fixture = &browser.fixture;
    for number in 0..9 {
        let path = format!("/api/vhosts/v{number}");
        fixture.check("PUT", &path, "{}", 201).await;
    }
    let user = r#"{"password":"a","tags":""}"#;
    fixture.check("PUT", "/api/users/app", user, 201).await;
    let given = r#"{"configure":"","write":"^a","read":".*"}"#;
    let path = "/api/permissions/v1/app";
    fixture.check("PUT", path, given, 201).await;

    let page = browser.page("permissions").await;
    for part in [
        "everything",
        "^a",
        "> closed<",
        "Page 1 of 2, 10 virtual hosts",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("data-title=\"v8\""), "{page}");
    let page = browser.page("permissions?vhosts=2&filter=app").await;
    assert!(page.contains("data-title=\"v8\"") && !page.contains(">guest</a></th>"));
    let form = "user?name=app&#38;edit=permission&#38;vhost=v8#set-permission";
    assert!(page.contains(form), "{page}");

    let page = browser.page("user?name=app&edit=permission&vhost=v8").await;
    assert!(page.contains("<option selected>v8"), "{page}");
    assert!(page.contains("Give permissions"), "{page}");
    let page = browser.page("permissions?vhost=v1").await;
    assert!(page.contains("data-title=\"v1\"") && !page.contains("data-title=\"v2\""));
    let page = browser.page("permissions?filter=a%3A%3E").await;
    assert!(page.contains("role=\"alert\""), "{page}");
}

#[tokio::test]
async fn the_last_login_is_told() {
    let browser = Browser::start().await;
    let fixture = &browser.fixture;
    let user = r#"{"password":"a","tags":"management"}"#;
    fixture.check("PUT", "/api/users/app", user, 201).await;
    let page = browser.page("user?name=app").await;
    assert!(page.contains("not since the broker started"), "{page}");
    let last =
        async || fixture.check("GET", "/api/users/app", "", 200).await.json["last_login"].clone();
    assert!(last().await.is_null());
    assert_eq!(log_in(fixture, "app", "a", "queues").await.status, 303);
    assert!(last().await.is_u64());
    let page = browser.page("user?name=app").await;
    assert!(!page.contains("not since the broker started"), "{page}");
}
