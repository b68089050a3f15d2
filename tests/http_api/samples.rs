//! Answers beside those recorded of RabbitMQ 3.10: the same status, every field there, of the same JSON type.

use std::net::SocketAddr;

use ferrymq_tests::harness::{Broker, Options};
use ferrymq_tests::raw::{Connection, basic};
use serde_json::{Value, json};

use crate::support::{call, call_as, encode, expect, wait_for};

/// Fields that may be absent or different, and why. A path is that of the recorded answer.
const TOLERATED: [(&str, &str); 5] = [
    ("overview.contexts[].cowboy_opts", "a library of RabbitMQ's"),
    ("nodes[].contexts[].cowboy_opts", "a library of RabbitMQ's"),
    (
        "overview.listeners[].socket_opts.",
        "options of Erlang's sockets",
    ),
    (
        "classic queue.backing_queue_status",
        "the files of a queue that RabbitMQ has",
    ),
    (
        "missing protocol.missing",
        "a word in 3.x; in 4.x a list, as more than one can be asked for",
    ),
];

/// Ticks come every second here. Compat: 3.10 takes no notice of columns within `message_stats`.
const SAMPLED: &str = "/api/overview?lengths_age=2&lengths_incr=1&msg_rates_age=2&msg_rates_incr=1\
                       &columns=queue_totals,message_stats";

/// Fields that hold a number of either kind.
const ANY_NUMBER: [&str; 2] = ["consumer_capacity", "consumer_utilisation"];

/// Objects whose keys are names that users chose.
const FREE: [&str; 9] = [
    "arguments",
    "client_properties",
    "cluster_state",
    "effective_policy_definition",
    "open_files",
    "limits",
    "metadata",
    "value",
    "definition",
];

#[test]
fn answers_have_the_fields_and_types_of_rabbitmq() {
    // Compat: objects say since when they are idle; here they soon are.
    let often = "[statistics]\ninterval = \"1s\"\n";
    let broker = Options::default().configuration(often).start();
    let http = broker.http();
    let connection = Connection::open(broker.amqp());
    let channel = connection.channel();
    prepare(http);
    channel.consume_with(basic::Consume {
        queue: "consumed".into(),
        ..Default::default()
    });
    channel.publish("amq.topic", "a.b", "body");
    channel.publish("", "q", "body");
    wait_for(http, "/api/queues/%2F/q", |queue| {
        queue["messages"] == 1 && queue["idle_since"].is_string()
    });
    wait_for(http, "/api/channels", |all| {
        all[0]["idle_since"].is_string()
    });
    wait_for(http, SAMPLED, |overview| {
        overview["message_stats"]["publish_details"]["avg_rate"].is_f64()
    });
    let node = expect(http, "GET", "/api/overview", "", 200)["node"].clone();
    let node = encode(node.as_str().expect("a node's name"));
    check(paths(&node, broker.amqp().port()), |path| {
        call(http, "GET", path, "")
    });
    connection.close();
}

#[test]
fn refusals_are_those_of_rabbitmq() {
    let broker = Broker::start();
    let http = broker.http();
    check([("wrong method", "/api/overview".to_owned())], |path| {
        call(http, "POST", path, "")
    });
    for (name, headers) in [
        ("no credentials", ""),
        (
            "wrong password",
            "Authorization: Basic Z3Vlc3Q6d3Jvbmc=\r\n",
        ),
    ] {
        check([(name, "/api/overview".to_owned())], |path| {
            call_as(http, headers, "GET", path, "")
        });
    }
}

/// Compares what `ask` brings with what was recorded.
fn check(
    paths: impl IntoIterator<Item = (&'static str, String)>,
    ask: impl Fn(&str) -> (u16, Value),
) {
    let recorded: Value =
        serde_json::from_str(include_str!("samples.json")).expect("the recorded answers");
    let mut problems = Vec::new();
    for (name, path) in paths {
        let sample = &recorded[name];
        let (status, ours) = ask(&path);
        if json!(status) != sample["status"] {
            problems.push(format!("{name}: status {status}: {ours}"));
        }
        compare(name, &sample["body"], &ours, &mut problems);
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

/// What is looked at: a queue of each type, an exchange with activity, bindings.
fn prepare(http: SocketAddr) {
    for (path, body) in [
        ("/api/queues/%2F/q", "{}"),
        ("/api/queues/%2F/consumed", "{}"),
        ("/api/queues/%2F/new", "{}"),
        ("/api/vhosts/empty", "{}"),
        ("/api/global-parameters/id", r#"{"value":"x"}"#),
        (
            "/api/queues/%2F/quorum",
            r#"{"durable":true,"arguments":{"x-queue-type":"quorum"}}"#,
        ),
    ] {
        expect(http, "PUT", path, body, 201);
    }
    for path in [
        "/api/bindings/%2F/e/amq.topic/q/q",
        "/api/bindings/%2F/e/amq.headers/q/q",
    ] {
        expect(http, "POST", path, r#"{"arguments":{"foo":"bar"}}"#, 201);
    }
    let publish = r#"{"routing_key":"q","properties":{},"payload":"","payload_encoding":"string"}"#;
    let path = "/api/exchanges/%2F/amq.default/publish";
    expect(http, "POST", path, publish, 200);
    let get = r#"{"count":1,"ackmode":"ack_requeue_false","encoding":"auto"}"#;
    expect(http, "POST", "/api/queues/%2F/q/get", get, 200);
}

/// Where each recorded answer is to be had here.
fn paths(node: &str, amqp_port: u16) -> Vec<(&'static str, String)> {
    let fixed = [
        ("overview", "/api/overview"),
        ("overview with samples", SAMPLED),
        ("nodes", "/api/nodes"),
        ("whoami", "/api/whoami"),
        ("vhosts", "/api/vhosts"),
        ("users", "/api/users"),
        ("permissions", "/api/permissions"),
        ("extensions", "/api/extensions"),
        ("cluster name", "/api/cluster-name"),
        ("classic queue", "/api/queues/%2F/q"),
        ("quorum queue", "/api/queues/%2F/quorum"),
        ("new queue", "/api/queues/%2F/new"),
        (
            "sorted queues",
            "/api/queues?page=1&page_size=1&sort=messages&sort_reverse=true\
             &columns=name,vhost,messages,messages_details.rate",
        ),
        (
            "queues without statistics",
            "/api/queues?disable_stats=true&enable_queue_totals=true&page=1&page_size=1",
        ),
        ("exchange", "/api/exchanges/%2F/amq.topic"),
        ("active exchange", "/api/exchanges"),
        ("bindings", "/api/bindings"),
        ("feature flags", "/api/feature-flags"),
        ("connections", "/api/connections"),
        ("channels", "/api/channels"),
        ("consumers", "/api/consumers"),
        ("no consumers", "/api/consumers/empty"),
        ("policies", "/api/policies"),
        ("operator policies", "/api/operator-policies"),
        ("parameters", "/api/parameters"),
        ("global parameters", "/api/global-parameters"),
        ("topic permissions", "/api/topic-permissions"),
        ("vhost limits", "/api/vhost-limits"),
        ("user limits", "/api/user-limits"),
        ("definitions", "/api/definitions"),
        ("definitions of a vhost", "/api/definitions/%2F"),
        ("missing queue", "/api/queues/%2F/does-not-exist"),
        ("missing page", "/api/queues?page=999"),
        ("page zero", "/api/queues?page=0"),
        ("missing path", "/api/nope"),
        ("alarms", "/api/health/checks/alarms"),
        ("protocol", "/api/health/checks/protocol-listener/amqp091"),
        (
            "missing protocol",
            "/api/health/checks/protocol-listener/mqtt",
        ),
        ("vhosts are up", "/api/health/checks/virtual-hosts"),
        ("healthy", "/api/healthchecks/node"),
        ("missing port", "/api/health/checks/port-listener/1"),
        ("critical", "/api/health/checks/node-is-quorum-critical"),
    ];
    let mut paths: Vec<_> = fixed.map(|(name, path)| (name, path.to_owned())).into();
    paths.extend([
        (
            "port",
            format!("/api/health/checks/port-listener/{amqp_port}"),
        ),
        ("memory", format!("/api/nodes/{node}/memory")),
        (
            "relative memory",
            format!("/api/nodes/{node}/memory/relative"),
        ),
        ("login attempts", format!("/api/auth/attempts/{node}")),
    ]);
    paths
}

/// Notes what `theirs` has that `ours` has not, or of another type. Of lists the first elements are compared.
fn compare(path: &str, theirs: &Value, ours: &Value, problems: &mut Vec<String>) {
    if TOLERATED
        .iter()
        .any(|(tolerated, _)| path.starts_with(tolerated))
    {
        return;
    }
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            let name = path.rsplit('.').next().unwrap_or_default();
            if FREE.contains(&name) {
                return;
            }
            for (field, value) in theirs {
                let path = format!("{path}.{field}");
                compare(&path, value, ours.get(field).unwrap_or(&MISSING), problems);
            }
        }
        // Compat: an Erlang list that happens to be empty stands for an object.
        (Value::Array(theirs), Value::Object(_)) if theirs.is_empty() => {}
        (Value::Array(theirs), Value::Array(ours)) => {
            if let (Some(theirs), Some(ours)) = (theirs.first(), ours.first()) {
                compare(&format!("{path}[]"), theirs, ours, problems);
            }
        }
        (Value::Null, _) => {}
        (Value::Number(theirs), Value::Number(ours)) => {
            let either = ANY_NUMBER.iter().any(|name| path.ends_with(name));
            if theirs.is_f64() != ours.is_f64() && !either {
                problems.push(format!("{path}: {ours} instead of {theirs}"));
            }
        }
        (Value::String(_), Value::String(_)) | (Value::Bool(_), Value::Bool(_)) => {}
        _ => problems.push(format!("{path}: {ours} instead of {theirs}")),
    }
}

/// What an absent field is compared as: null, which only null is like.
const MISSING: Value = Value::Null;
