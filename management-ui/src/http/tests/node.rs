//! The node and what it can do: types that clients rely on, and who may ask.

use ferrymq_broker::auth::{PasswordHash, User};
use serde_json::{Value, json};

use crate::http::fixture::Fixture;

const NODE: &str = "/api/nodes/ferrymq@%3Cb%3E";

/// What typed clients read as whole numbers.
const INTEGERS: [&str; 30] = [
    "uptime",
    "run_queue",
    "processors",
    "fd_total",
    "fd_used",
    "sockets_total",
    "sockets_used",
    "proc_total",
    "proc_used",
    "mem_limit",
    "mem_used",
    "disk_free_limit",
    "disk_free",
    "net_ticktime",
    "gc_num",
    "gc_bytes_reclaimed",
    "context_switches",
    "cpu_time",
    "io_read_count",
    "io_read_bytes",
    "io_write_count",
    "io_write_bytes",
    "io_sync_count",
    "io_seek_count",
    "io_reopen_count",
    "mnesia_ram_tx_count",
    "mnesia_disk_tx_count",
    "msg_store_read_count",
    "queue_index_write_count",
    "connection_created",
];

#[tokio::test]
async fn a_node_has_the_types_that_clients_read() {
    let fixture = Fixture::start().await;
    let all = fixture.check("GET", "/api/nodes", "", 200).await.json;
    let node = fixture.check("GET", NODE, "", 200).await.json;
    assert_eq!(all.as_array().map(Vec::len), Some(1));
    assert_eq!(all[0]["name"], node["name"]);
    for name in INTEGERS {
        assert!(node[name].is_u64(), "{name}: {}", node[name]);
    }
    for name in ["mem_alarm", "disk_free_alarm", "being_drained", "running"] {
        assert!(node[name].is_boolean(), "{name}");
    }
    for name in ["io_read_avg_time", "io_write_avg_time", "io_sync_avg_time"] {
        assert!(node[name].is_f64(), "{name}");
    }
    for name in [
        "mem_used",
        "disk_free",
        "fd_used",
        "gc_num",
        "queue_deleted",
    ] {
        let details = &node[format!("{name}_details")];
        assert!(details["rate"].is_f64(), "{name}: {details}");
    }
    assert_eq!(node["os_pid"], std::process::id().to_string());
    assert_eq!(node["type"], "disc");
    assert_eq!(node["auth_mechanisms"][0]["name"], "PLAIN");
    let plugins = node["enabled_plugins"].as_array().unwrap();
    assert!(plugins.contains(&json!("rabbitmq_management")));
    assert!(plugins.contains(&json!("rabbitmq_prometheus")));
    let applications = node["applications"].as_array().unwrap();
    let rabbit = applications.iter().find(|row| row["name"] == "rabbit");
    assert_eq!(rabbit.unwrap()["version"], "4.2.0");
    let plain = format!("{NODE}?disable_stats=true");
    let node = fixture.check("GET", &plain, "", 200).await.json;
    assert_eq!(node.get("mem_used"), None);
    fixture.check("GET", "/api/nodes/nobody", "", 404).await;
}

#[tokio::test]
async fn samples_of_a_node_go_back_as_far_as_asked() {
    let fixture = Fixture::start().await;
    let broker = &fixture.broker;
    ferrymq_broker::stats::ticker::tick(broker, ferrymq_broker::clock::now()).await;
    let path = format!("{NODE}?node_stats_age=60&node_stats_incr=5&columns=mem_used_details");
    let node = fixture.check("GET", &path, "", 200).await.json;
    let samples = node["mem_used_details"]["samples"].as_array().unwrap();
    assert!(samples[0]["sample"].as_u64().unwrap() > 1 << 20);
    assert_eq!(samples[0]["timestamp"].as_u64().unwrap() % 5_000, 0);
}

#[tokio::test]
async fn the_disk_s_latency_is_that_of_the_last_interval() {
    let fixture = Fixture::start().await;
    fixture.tick(1).await;
    let queue = r#"{"durable":true}"#;
    fixture.check("PUT", "/api/queues/%2F/q", queue, 201).await;
    fixture.tick(2).await;
    let path = format!("{NODE}?node_stats_age=60&node_stats_incr=5");
    let node = fixture.check("GET", &path, "", 200).await.json;
    let sync = node["io_sync_avg_time"].as_f64().unwrap();
    assert!(sync > 0.0, "{sync} ms");
    let details = &node["io_sync_avg_time_details"];
    assert_eq!(details["samples"][0]["sample"], sync, "{details}");
    assert!(details["rate"].as_f64().unwrap() > 0.0, "{details}");
    assert!(node["io_write_avg_time"].as_f64().unwrap() > 0.0);
    assert!(node["cpu_time"].as_u64().unwrap() > 0);
    // Nothing more is synced, so nothing takes any time.
    fixture.tick(3).await;
    let node = fixture.check("GET", NODE, "", 200).await.json;
    assert_eq!(node["io_sync_avg_time"], 0.0);
}

#[tokio::test]
async fn a_node_tells_what_its_start_took() {
    let fixture = Fixture::start().await;
    let node = fixture.check("GET", NODE, "", 200).await.json;
    let recovery = &node["recovery"];
    assert!(recovery["time"].as_f64().unwrap() > 0.0, "{recovery}");
    assert_eq!(recovery["checkpoint"], Value::Null);
    for count in ["segments", "records", "bytes"] {
        assert_eq!(recovery[count], 0, "{recovery}");
    }
}

#[tokio::test]
async fn memory_is_shared_out_whole() {
    let fixture = Fixture::start().await;
    let memory = fixture
        .check("GET", &format!("{NODE}/memory"), "", 200)
        .await;
    let Value::Object(mut parts) = memory.json["memory"].clone() else {
        panic!("{}", memory.text);
    };
    assert_eq!(parts.remove("strategy"), Some(json!("rss")));
    let total = parts.remove("total").unwrap();
    let sum: u64 = parts.values().map(|part| part.as_u64().unwrap()).sum();
    assert_eq!(total["rss"].as_u64(), Some(sum));
    assert!(parts["code"].as_u64().unwrap() > 0);
    assert_eq!(parts.len(), 27);

    let relative = format!("{NODE}/memory/relative");
    let relative = fixture.check("GET", &relative, "", 200).await.json;
    assert_eq!(relative["memory"]["total"], 100);
    assert!(relative["memory"]["other_system"].is_u64());
    let node = fixture
        .check("GET", &format!("{NODE}?memory=true"), "", 200)
        .await
        .json;
    assert!(node["memory"]["total"]["rss"].is_u64());
    for path in ["ets", "ets/relative", "ets/mine", "ets/mine/relative"] {
        let path = format!("{NODE}/memory/{path}");
        let tables = fixture.check("GET", &path, "", 200).await.json;
        assert_eq!(tables, json!({ "ets_tables": "no_tables" }));
    }
    fixture
        .check("GET", "/api/nodes/nobody/memory", "", 404)
        .await;
}

#[tokio::test]
async fn the_cluster_has_a_name() {
    let fixture = Fixture::start().await;
    let path = "/api/cluster-name";
    let name = fixture.check("GET", path, "", 200).await.json;
    assert_eq!(name, json!({ "name": "ferrymq@<b>" }));
    for bad in ["", r#"{"name":""}"#, r#"{"name":1}"#] {
        fixture.check("PUT", path, bad, 400).await;
    }
    fixture.check("PUT", path, r#"{"name":"fleet"}"#, 204).await;
    fixture.check("PUT", path, r#"{"name":"fleet"}"#, 204).await;
    let name = fixture.check("GET", path, "", 200).await.json;
    assert_eq!(name, json!({ "name": "fleet" }));
    let overview = fixture.check("GET", "/api/overview", "", 200).await.json;
    assert_eq!(overview["cluster_name"], "fleet");
    assert_eq!(
        fixture.broker.global_parameter("cluster_name"),
        Some("fleet".into())
    );
}

#[tokio::test]
async fn features_can_be_asked_for() {
    let fixture = Fixture::start().await;
    let flags = fixture
        .check("GET", "/api/feature-flags", "", 200)
        .await
        .json;
    for flag in flags.as_array().unwrap() {
        assert_eq!(flag["state"], "enabled", "{flag}");
        for field in ["name", "desc", "doc_url", "stability", "provided_by"] {
            assert!(flag[field].is_string(), "{flag}");
        }
    }
    let enable = |name: &str| format!("/api/feature-flags/{name}/enable");
    fixture.check("PUT", &enable("khepri_db"), "{}", 204).await;
    fixture.check("PUT", &enable("sails"), "{}", 400).await;
    let form = "Authorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\nContent-Type: text/plain\r\n";
    let refused = fixture
        .call_with(form, "PUT", &enable("khepri_db"), "{}")
        .await;
    assert_eq!(refused.status, 415);

    let names = |rows: Value| -> Vec<String> {
        let rows = rows.as_array().unwrap().clone();
        rows.iter()
            .map(|row| row["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = fixture
        .check("GET", "/api/deprecated-features", "", 200)
        .await
        .json;
    assert!(names(all).contains(&"global_qos".to_owned()));
    let path = "/api/deprecated-features/used";
    let transient = "transient_nonexcl_queues".to_owned();
    let used = fixture.check("GET", path, "", 200).await.json;
    assert!(!names(used).contains(&transient));
    fixture
        .check("PUT", "/api/queues/%2F/q", r#"{"durable":false}"#, 201)
        .await;
    let used = fixture.check("GET", path, "", 200).await.json;
    assert!(names(used).contains(&transient));
}

#[tokio::test]
async fn attempts_to_log_in_are_counted() {
    let fixture = Fixture::start().await;
    let path = "/api/auth/attempts/ferrymq@%3Cb%3E";
    fixture
        .call_as("guest:wrong", "GET", "/api/whoami", "")
        .await;
    let rows = fixture.check("GET", path, "", 200).await.json;
    let http = rows
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["protocol"] == "http");
    let expected = json!({
        "protocol": "http", "auth_attempts": 2, "auth_attempts_failed": 1,
        "auth_attempts_succeeded": 1,
    });
    assert_eq!(http, Some(&expected));
    let sources = format!("{path}/source");
    let rows = fixture.check("GET", &sources, "", 200).await.json;
    assert_eq!(rows[0]["remote_address"], "127.0.0.1");
    assert_eq!(rows[0]["username"], "guest");
    fixture.check("DELETE", &sources, "", 204).await;
    let rows = fixture.check("GET", &sources, "", 200).await.json;
    assert_eq!(rows[0]["auth_attempts"], 1, "this request alone");
    fixture.check("DELETE", path, "", 204).await;
    fixture
        .check("GET", "/api/auth/attempts/nobody", "", 404)
        .await;
}

#[tokio::test]
async fn pages_can_log_in() {
    let fixture = Fixture::start().await;
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let login = |headers, body| fixture.call_with(headers, "POST", "/api/login", body);
    let known = login(form, "username=guest&password=guest").await;
    assert_eq!(known.status, 200);
    assert_eq!(
        known.json["token"],
        json!({ "type": "basic", "value": "Z3Vlc3Q6Z3Vlc3Q=" })
    );
    assert_eq!(known.json["user"]["name"], "guest");
    let as_json = login(
        "Content-Type: application/json\r\n",
        r#"{"username":"guest","password":"guest"}"#,
    );
    assert_eq!(as_json.await.status, 200);
    assert_eq!(login(form, "username=guest&password=x").await.status, 401);
    assert_eq!(login(form, "username=guest").await.status, 400);
    assert_eq!(login(form, &"x".repeat(6_000)).await.status, 400);
    assert_eq!(
        fixture
            .call_with("", "DELETE", "/api/login", "")
            .await
            .status,
        204
    );
    let methods = fixture.call_with("", "GET", "/api/auth", "").await;
    assert_eq!(methods.json, json!({ "oauth_enabled": false }));
}

#[tokio::test]
async fn passwords_are_hashed() {
    let fixture = Fixture::start().await;
    let hash = fixture
        .check("GET", "/api/auth/hash_password/a%2Fb", "", 200)
        .await;
    let hash = hash.json["ok"].as_str().unwrap();
    let hash = PasswordHash::parse(hash, None).unwrap();
    assert!(hash.verify(b"a/b") && !hash.verify(b"a"));
    let path = "/api/auth/hash_password";
    let hash = fixture.check("PUT", path, r#"{"password":"p"}"#, 200).await;
    assert!(hash.json["password_hash"].is_string());
    fixture.check("PUT", path, "{}", 400).await;
}

#[tokio::test]
async fn what_is_not_there_is_empty() {
    let fixture = Fixture::start().await;
    for path in [
        "shovels",
        "shovels/%2F",
        "federation-links",
        "federation-links/%2F",
        "federation-links/state/down",
        "federation-links/%2F/state/down",
        "stream/connections",
        "stream/connections/%2F",
        "stream/connections/%2F/c/consumers",
        "stream/connections/%2F/c/publishers",
        "stream/consumers",
        "stream/consumers/%2F",
        "stream/publishers",
        "stream/publishers/%2F",
        "stream/publishers/%2F/s",
    ] {
        let answer = fixture.check("GET", &format!("/api/{path}"), "", 200).await;
        assert_eq!(answer.json, json!([]), "{path}");
    }
    let page = fixture
        .check("GET", "/api/stream/connections?page=1", "", 200)
        .await;
    assert_eq!(page.json["total_count"], 0);
    for path in [
        "shovels/nowhere",
        "shovels/vhost/%2F/s",
        "stream/connections/%2F/c",
        "stream/%2F/s/tracking",
        "federation-links/nowhere",
    ] {
        fixture.check("GET", &format!("/api/{path}"), "", 404).await;
    }
    fixture
        .check("DELETE", "/api/shovels/vhost/%2F/s/restart", "", 404)
        .await;
    fixture
        .check("PUT", "/api/stream/super-streams/%2F/s", "{}", 400)
        .await;
}

#[tokio::test]
async fn texts_are_texts() {
    let fixture = Fixture::start().await;
    let version = fixture.check("GET", "/api/version", "", 200).await;
    assert_eq!(version.text, r#""4.2.0""#);
    let extensions = fixture.check("GET", "/api/extensions", "", 200).await;
    assert_eq!(extensions.json[0]["javascript"], "dispatcher.js");
    let pointer = fixture.call_with("", "GET", "/cli/rabbitmqadmin", "").await;
    assert!(pointer.text.contains("https://"));
    fixture
        .check("POST", "/api/rebalance/queues/", "", 204)
        .await;
}

/// Which tag is needed for what; without any of them nothing is.
#[tokio::test]
async fn tags_open_what_they_should() {
    let fixture = Fixture::start().await;
    let tags = ["management", "policymaker", "monitoring", "administrator"];
    for tag in tags {
        let hash = PasswordHash::sha256(b"p");
        let user = User::new(tag, hash, vec![tag.to_owned()]);
        fixture.broker.users().put_user(user);
    }
    for (weakest, method, path) in [
        (0, "GET", "/api/overview"),
        (0, "HEAD", "/api/overview"),
        (0, "GET", "/api/cluster-name"),
        (0, "GET", "/api/extensions"),
        (0, "GET", "/api/version"),
        (0, "GET", "/api/feature-flags"),
        (0, "GET", "/api/deprecated-features"),
        (0, "GET", "/api/stream/connections"),
        (0, "GET", "/api/health/checks/alarms"),
        (2, "GET", "/api/nodes"),
        (2, "GET", NODE),
        (2, "GET", "/api/nodes/ferrymq@%3Cb%3E/memory"),
        (2, "GET", "/api/auth/attempts/ferrymq@%3Cb%3E"),
        (2, "GET", "/api/shovels"),
        (2, "GET", "/api/federation-links"),
        (3, "PUT", "/api/feature-flags/khepri_db/enable"),
        (3, "DELETE", "/api/reset"),
        (3, "POST", "/api/rebalance/queues"),
        (3, "DELETE", "/api/auth/attempts/ferrymq@%3Cb%3E"),
        (3, "GET", "/api/auth/hash_password/p"),
        (3, "GET", "/api/config/effective"),
    ] {
        for (strength, tag) in tags.iter().enumerate() {
            let answer = fixture.call_as(&format!("{tag}:p"), method, path, "").await;
            let is_open = answer.status < 300;
            assert_eq!(is_open, strength >= weakest, "{tag} {method} {path}");
            assert!(is_open || answer.status == 401, "{tag} {method} {path}");
        }
        assert_eq!(fixture.call_with("", method, path, "").await.status, 401);
    }
    for (method, path, allowed) in [
        ("POST", "/api/overview", "GET, HEAD, OPTIONS"),
        ("GET", "/api/reset", "DELETE, OPTIONS"),
        ("GET", "/api/login", "POST, DELETE, OPTIONS"),
        ("DELETE", "/api/cluster-name", "GET, HEAD, PUT, OPTIONS"),
    ] {
        let refused = fixture.check(method, path, "", 405).await;
        assert_eq!(refused.header("allow"), Some(allowed), "{path}");
    }
}
