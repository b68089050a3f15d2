//! The broker at a glance: who sees what of it, and that it agrees with what happened.

use ferrymq_broker::auth::{PasswordHash, User};
use serde_json::{Value, json};

use crate::http::fixture::Fixture;

/// A user with a tag who has access to no vhost.
fn put_user(fixture: &Fixture, tag: &str) {
    let user = User::new(tag, PasswordHash::sha256(b"p"), vec![tag.to_owned()]);
    fixture.broker.users().put_user(user);
}

#[tokio::test]
async fn it_tells_what_runs() {
    let fixture = Fixture::start().await;
    let overview = fixture.check("GET", "/api/overview", "", 200).await.json;
    for (field, expected) in [
        ("rabbitmq_version", json!("4.2.0")),
        ("management_version", json!("4.2.0")),
        ("product_name", json!("FerryMQ")),
        ("cluster_name", json!("ferrymq@<b>")),
        ("node", json!("ferrymq@<b>")),
        ("cluster_tags", json!({})),
        ("rates_mode", json!("basic")),
        ("disable_stats", json!(false)),
        ("message_stats", json!({})),
        ("statistics_db_event_queue", json!(0)),
        ("erlang_version", json!("")),
    ] {
        assert_eq!(overview[field], expected, "{field}");
    }
    let kinds = overview["exchange_types"].as_array().unwrap();
    assert!(kinds.iter().any(|kind| kind["name"] == "x-delayed-message"));
    let listeners = overview["listeners"].as_array().unwrap();
    assert_eq!(listeners[0]["port"], 5672);
    assert_eq!(listeners[0]["protocol"], "amqp");
    let context = &overview["contexts"][0];
    assert_eq!(context["port"], fixture.address.port().to_string());
    let exchanges = fixture.check("GET", "/api/exchanges", "", 200).await.json;
    let exchanges = exchanges.as_array().unwrap().len();
    assert_eq!(overview["object_totals"]["exchanges"], exchanges);
}

#[tokio::test]
async fn numbers_are_those_of_what_happened() {
    let fixture = Fixture::start().await;
    fixture.tick(1).await;
    fixture.check("PUT", "/api/queues/%2F/q", "{}", 201).await;
    let message = json!({
        "properties": {}, "routing_key": "q", "payload": "x", "payload_encoding": "string",
    });
    let publish = "/api/exchanges/%2F/amq.default/publish";
    fixture
        .check("POST", publish, &message.to_string(), 200)
        .await;
    fixture.tick(3).await;
    let ranges = "lengths_age=60&lengths_incr=5&msg_rates_age=60&msg_rates_incr=5";
    let path = format!("/api/overview?{ranges}");
    let overview = fixture.check("GET", &path, "", 200).await.json;
    assert_eq!(overview["object_totals"]["queues"], 1);
    assert_eq!(overview["queue_totals"]["messages_ready"], 1);
    assert_eq!(overview["churn_rates"]["queue_created"], 1);
    let stats = &overview["message_stats"];
    assert_eq!(stats["publish"], 1);
    let details = &stats["publish_details"];
    assert!(details["rate"].is_f64(), "{details}");
    assert_eq!(details["samples"][0]["sample"], 1);
    assert!(
        details["avg"].is_f64() && details["avg_rate"].is_f64(),
        "{details}"
    );
    assert!(stats["disk_writes_details"]["rate"].is_f64());
    assert!(overview["churn_rates"]["channel_closed_details"]["samples"].is_array());

    let plain = "/api/overview?disable_stats=true";
    let overview = fixture.check("GET", plain, "", 200).await.json;
    assert_eq!(overview["object_totals"]["queues"], 1);
    for field in ["message_stats", "churn_rates", "queue_totals"] {
        assert_eq!(overview.get(field), None, "{field}");
    }
    let totals = format!("{plain}&enable_queue_totals=true&columns=queue_totals");
    let overview = fixture.check("GET", &totals, "", 200).await.json;
    let expected = json!({ "messages": 1, "messages_ready": 1, "messages_unacknowledged": 0 });
    assert_eq!(overview, json!({ "queue_totals": expected }));
    let bad = "/api/overview?lengths_age=6000&lengths_incr=1";
    let refused = fixture.check("GET", bad, "", 400).await;
    let reason = "Invalid range parameters: age 6000, incr 1";
    assert_eq!(refused.json["reason"], reason);
}

#[tokio::test]
async fn without_rates_there_are_no_details() {
    let fixture = Fixture::start_with(|config| {
        config.rates_mode = ferrymq_broker::config::RatesMode::None;
    });
    let overview = fixture
        .await
        .check("GET", "/api/overview", "", 200)
        .await
        .json;
    assert_eq!(overview["rates_mode"], "none");
    assert_eq!(overview["queue_totals"]["messages"], 0);
    assert_eq!(overview["queue_totals"].get("messages_details"), None);
}

#[tokio::test]
async fn others_see_what_they_have_access_to() {
    let fixture = Fixture::start().await;
    fixture.check("PUT", "/api/queues/%2F/q", "{}", 201).await;
    fixture.tick(1).await;
    for (tag, sees_all) in [
        ("management", false),
        ("policymaker", false),
        ("monitoring", true),
        ("administrator", true),
    ] {
        put_user(&fixture, tag);
        let credentials = format!("{tag}:p");
        let answer = fixture
            .call_as(&credentials, "GET", "/api/overview", "")
            .await;
        assert_eq!(answer.status, 200, "{tag}");
        assert_eq!(answer.json.get("listeners").is_some(), sees_all, "{tag}");
        assert_eq!(answer.json.get("node").is_some(), sees_all, "{tag}");
        let queues = &answer.json["object_totals"]["queues"];
        assert_eq!(*queues, Value::from(u8::from(sees_all)), "{tag}");
        assert!(answer.json["queue_totals"]["messages"].is_u64(), "{tag}");
    }
}

#[tokio::test]
async fn a_reset_forgets_how_it_went_not_what_there_is() {
    let fixture = Fixture::start().await;
    fixture.tick(1).await;
    fixture.check("PUT", "/api/queues/%2F/q", "{}", 201).await;
    fixture.tick(2).await;
    let churn = "/api/overview?columns=churn_rates";
    let rate = |overview: Value| overview["churn_rates"]["queue_created_details"]["rate"].as_f64();
    let before = fixture.check("GET", churn, "", 200).await.json;
    assert!(rate(before).unwrap() > 0.0);
    fixture.check("DELETE", "/api/reset/nobody", "", 404).await;
    fixture
        .check("DELETE", "/api/reset/ferrymq@%3Cb%3E", "", 204)
        .await;
    fixture.check("DELETE", "/api/reset", "", 204).await;
    let after = fixture.check("GET", churn, "", 200).await.json;
    assert_eq!(after["churn_rates"]["queue_created"], 1);
    assert_eq!(rate(after), Some(0.0));
    fixture.check("GET", "/api/queues/%2F/q", "", 200).await;
}

#[tokio::test]
async fn one_vhost_can_be_asked_about() {
    let fixture = Fixture::start().await;
    fixture.check("PUT", "/api/vhosts/v", "{}", 201).await;
    for queue in ["v/a", "%2F/b", "%2F/c"] {
        let path = format!("/api/queues/{queue}");
        fixture.check("PUT", &path, "{}", 201).await;
    }
    // guest:guest
    let headers = "Authorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\nX-Vhost: v\r\n";
    let of_one = fixture.call_with(headers, "GET", "/api/overview", "").await;
    assert_eq!(of_one.json["object_totals"]["queues"], 1, "{of_one:?}");
    assert_eq!(of_one.json["recv_oct"], 0);
    let of_all = fixture.check("GET", "/api/overview", "", 200).await;
    assert_eq!(of_all.json["object_totals"]["queues"], 3);
    assert!(of_all.json["send_oct_details"].is_object());
}
