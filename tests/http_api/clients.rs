//! AMQP clients as the HTTP API shows them: connections, channels, consumers.

use ferrymq_tests::Broker;
use ferrymq_tests::harness::Options;
use ferrymq_tests::raw::{Connection, basic};
use serde_json::json;

use crate::support::{call_as, call_with, encode, expect, wait_for};

#[test]
fn a_consumer_is_found_from_everywhere() {
    let broker = Broker::start();
    let http = broker.http();
    let connection = Connection::open(broker.amqp());
    let channel = connection.channel();
    channel.queue("q");
    let tag = channel.consume_with(basic::Consume {
        queue: "q".into(),
        ..Default::default()
    });
    channel.publish("", "q", "body");
    channel.delivery();
    let connections = wait_for(http, "/api/connections", |all| all[0]["channels"] == 1);
    let name = connections[0]["name"].as_str().expect("a name");
    assert!(name.ends_with(&format!(" -> {}", broker.amqp())), "{name}");
    for (field, expected) in [
        ("user", json!("guest")),
        ("vhost", json!("/")),
        ("state", json!("running")),
        ("protocol", json!("AMQP 0-9-1")),
        ("ssl", json!(false)),
        ("peer_cert_subject", json!(null)),
    ] {
        assert_eq!(connections[0][field], expected, "{field}");
    }
    let path = format!("/api/connections/{}", encode(name));
    assert_eq!(expect(http, "GET", &path, "", 200)["name"], name);
    let channels = expect(http, "GET", &format!("{path}/channels"), "", 200);
    assert_eq!(channels[0]["name"], format!("{name} (1)"));
    assert_eq!(
        expect(http, "GET", &format!("{path}/sessions"), "", 200),
        json!([])
    );
    let path = format!("/api/channels/{}", encode(&format!("{name} (1)")));
    let shown = wait_for(http, &path, |channel| {
        channel["messages_unacknowledged"] == 1
    });
    assert_eq!(shown["consumer_details"][0]["consumer_tag"], tag);
    assert_eq!(shown["consumer_count"], 1);
    // How fast it is may be another in each answer.
    let still = "disable_stats=true";
    let path = format!("/api/consumers/%2F?{still}");
    let consumers = expect(http, "GET", &path, "", 200);
    let consumer = &consumers[0];
    assert_eq!(consumer["queue"], json!({"name": "q", "vhost": "/"}));
    assert_eq!(consumer["channel_details"]["connection_name"], name);
    assert_eq!(consumer["active"], true);
    assert_eq!(consumer["activity_status"], "up");
    assert!(consumer["consumer_timeout"].is_u64());
    let path = format!("/api/queues/%2F/q?{still}");
    let queue = expect(http, "GET", &path, "", 200);
    assert_eq!(queue["consumer_details"][0], *consumer);
    let queue = expect(http, "GET", "/api/queues/%2F/q", "", 200);
    assert_eq!(queue["consumer_details"][0]["message_stats"]["deliver"], 1);
    assert_eq!(
        (&queue["consumers"], &queue["messages_unacknowledged"]),
        (&json!(1), &json!(1))
    );
    let in_vhost = expect(http, "GET", "/api/vhosts/%2F/channels?page=1", "", 200);
    assert_eq!(in_vhost["total_count"], 1);
    let vhost = expect(http, "GET", "/api/vhosts/%2F", "", 200);
    assert_eq!(
        vhost["object_totals"],
        json!({ "connections": 1, "channels": 1, "consumers": 1, "queues": 1 })
    );
    let brief = expect(http, "GET", "/api/connections/username/guest", "", 200);
    assert_eq!(brief[0].as_object().expect("a row").len(), 4);
    let path = format!("/api/consumers/%2F/{}/1/{}", encode(name), encode(&tag));
    let shown = expect(http, "GET", &format!("{path}?{still}"), "", 200);
    assert_eq!(shown, *consumer);
    expect(http, "GET", &format!("{path}x"), "", 404);
    for by in ["user", "product", "peer_host"] {
        let path = format!("/api/connection-groups?by={by}");
        let groups = expect(http, "GET", &path, "", 200);
        let group = &groups[0];
        assert_eq!(
            (&group["connections"], &group["channels"]),
            (&json!(1), &json!(1)),
            "{by}"
        );
        let expected = match by {
            "product" => &connections[0]["client_properties"][by],
            by => &connections[0][by],
        };
        assert_eq!(group["name"], *expected, "{by}");
    }
    for (list, filter) in [
        ("connections", name),
        (
            "connections",
            "state:running channels:1 user:guest address:127",
        ),
        (
            "channels",
            "consumers:1 unacked:1 -prefetch:>0 connection:->",
        ),
        ("consumers", &tag),
        (
            "consumers",
            "q queue:=q vhost:=/ user:guest state:up prefetch:0",
        ),
        (
            "queues",
            "ready:0 unacked:1 bytes:4 consumers:>=1 exclusive:false",
        ),
        ("bindings", "key:q type:queue"),
    ] {
        let found = |filter: &str| {
            let path = format!("/api/{list}?page=1&filter={}", encode(filter));
            expect(http, "GET", &path, "", 200)["item_count"].clone()
        };
        assert_eq!(found(filter), 1, "{list} {filter}");
        assert_eq!(found(&format!("{filter} nowhere")), 0, "{list} {filter}");
    }
    connection.close();
}

#[test]
fn a_connection_is_closed_for_a_reason() {
    let broker = Broker::start();
    let http = broker.http();
    let connection = Connection::open(broker.amqp());
    let all = wait_for(http, "/api/connections", |all| all[0]["name"].is_string());
    let path = format!(
        "/api/connections/{}",
        encode(all[0]["name"].as_str().expect("a name"))
    );
    let reason = "X-Reason: time to go\r\n";
    assert_eq!(call_with(http, reason, "DELETE", &path, "").0, 204);
    connection.refused(320, "time to go");
    let other = Connection::open(broker.amqp());
    wait_for(http, "/api/connections", |all| all[0]["name"].is_string());
    expect(http, "DELETE", "/api/connections/username/guest", "", 204);
    other.refused(320, "Closed via management plugin");
    wait_for(http, "/api/connections", |all| *all == json!([]));
    expect(http, "DELETE", &path, "", 404);
}

#[test]
fn an_exclusive_queue_is_its_connections_own() {
    let broker = Broker::start();
    let http = broker.http();
    let connection = Connection::open(broker.amqp());
    let queue = connection.channel().temporary_queue();
    let path = format!("/api/queues/%2F/{}", encode(&queue));
    let shown = expect(http, "GET", &path, "", 200);
    assert_eq!(shown["exclusive"], true);
    assert!(shown["owner_pid_details"]["name"].is_string());
    let refused = expect(http, "DELETE", &path, "", 400);
    let reason = refused["reason"].as_str().expect("a reason");
    assert!(reason.contains("cannot obtain exclusive access to locked queue"));
    expect(http, "DELETE", &format!("{path}/contents"), "", 400);
    let get = r#"{"count":1,"ackmode":"ack_requeue_true","encoding":"auto"}"#;
    expect(http, "POST", &format!("{path}/get"), get, 400);
    connection.close();
}

#[test]
fn a_prefetch_is_changed_while_messages_flow() {
    let broker = Broker::start();
    let http = broker.http();
    let connection = Connection::open(broker.amqp());
    let channel = connection.channel();
    channel.queue("q");
    channel.fill("q", &["a", "b", "c"]);
    channel.qos(1, false);
    channel.consume("q");
    channel.delivery();
    let consumers = wait_for(http, "/api/consumers/%2F", |all| all[0].is_object());
    let name = consumers[0]["channel_details"]["name"].as_str();
    let name = name.expect("a name");
    let path = format!("/api/channels/{}", encode(name));
    expect(http, "PUT", &path, r#"{"prefetch": 2}"#, 204);
    channel.delivery();
    let shown = expect(http, "GET", &path, "", 200);
    assert_eq!(shown["prefetch_count"], 2);
    assert_eq!(shown["consumer_details"][0]["prefetch_count"], 2);
    for (body, status) in [
        (r#"{"prefetch": 65536}"#, 400),
        (r#"{"prefetch": -1}"#, 400),
        ("{}", 400),
    ] {
        expect(http, "PUT", &path, body, status);
    }
    expect(
        http,
        "PUT",
        "/api/users/other",
        r#"{"password": "other", "tags": "monitoring"}"#,
        201,
    );
    let other = "Authorization: Basic b3RoZXI6b3RoZXI=\r\n";
    let refused = call_as(http, other, "PUT", &path, r#"{"prefetch": 3}"#);
    assert_eq!(refused.0, 401);
    let gone = format!("/api/channels/{}", encode(&name.replace("(1)", "(9)")));
    expect(http, "PUT", &gone, r#"{"prefetch": 3}"#, 404);
}

#[test]
fn a_consumer_is_slow_until_it_acks() {
    let often = "[statistics]\ninterval = \"1s\"\n";
    let broker = Options::default().configuration(often).start();
    let http = broker.http();
    let connection = Connection::open(broker.amqp());
    let channel = connection.channel();
    channel.queue("q");
    channel.qos(2, false);
    channel.consume("q");
    channel.fill("q", &["a", "b", "c"]);
    let (first, second) = (channel.delivery(), channel.delivery());
    let path = "/api/consumers/%2F";
    let slow = wait_for(http, path, |all| all[0]["slow"] == true);
    assert_eq!(slow[0]["message_stats"]["deliver"], 2);
    channel.ack(first.delivery_tag);
    channel.ack(second.delivery_tag);
    channel.delivery();
    let acking = wait_for(http, path, |all| {
        all[0]["message_stats"]["ack_details"]["rate"] != 0.0
    });
    let stats = &acking[0]["message_stats"];
    assert_eq!(
        (&stats["deliver"], &stats["ack"], &acking[0]["slow"]),
        (&json!(3), &json!(2), &json!(false))
    );
    let mean_ms = stats["ack_avg_time"].as_f64().expect("a number");
    assert!(mean_ms >= 1_000.0, "it kept them for an interval: {stats}");
}
