//! What AMQP clients do, as the numbers of other objects show it.

use serde_json::{Value, json};

use crate::http::fixture::{Client, Fixture};

#[tokio::test]
async fn a_vhost_remembers_what_its_connections_moved() {
    let fixture = Fixture::start().await;
    let path = "/api/vhosts/%2F?columns=recv_oct,recv_oct_details,send_oct";
    let received = |shown: &Value| shown["recv_oct"].as_u64().unwrap();
    fixture.tick(1).await;
    let client = Client::open(&fixture.broker);
    fixture.tick(2).await;
    let shown = fixture.check("GET", path, "", 200).await.json;
    let before = received(&shown);
    assert!(before > 100, "{shown}");
    assert_eq!(shown["send_oct"], 0, "nobody wrote to a socket");
    assert!(shown["recv_oct_details"]["rate"].as_f64().unwrap() > 0.0);
    client.end();
    fixture.tick(3).await;
    let shown = fixture.check("GET", path, "", 200).await.json;
    assert_eq!(received(&shown), before, "{shown}");
    assert_eq!(shown["recv_oct_details"]["rate"], 0.0);

    let mut client = Client::open(&fixture.broker);
    client.declare("q", false);
    fixture.tick(4).await;
    let path = format!("{path}&data_rates_age=60&data_rates_incr=5");
    let shown = fixture.check("GET", &path, "", 200).await.json;
    assert!(received(&shown) > 2 * before, "{shown}");
    assert!(shown["recv_oct_details"]["samples"].is_array());
    fixture.check("PUT", "/api/vhosts/other", "", 201).await;
    fixture.tick(5).await;
    let other = fixture.check("GET", "/api/vhosts/other", "", 200).await;
    assert_eq!(other.json["recv_oct"], 0);
    assert_eq!(other.json["recv_oct_details"], json!({ "rate": 0.0 }));
}
