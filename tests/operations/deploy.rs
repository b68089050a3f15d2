//! The files in `deploy/`: they can be read, and what they name exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ferrymq_tests::Broker;
use ferrymq_tests::raw::Connection;
use serde_json::Value;

use crate::support::*;

fn file(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.expect("the workspace").join("deploy").join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(file(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Names of metrics in `text`: words with our or RabbitMQ's prefix.
fn metrics(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    text.split(|c| !is_part(c))
        .filter(|word| word.starts_with("rabbitmq_") || word.starts_with("ferrymq_"))
        .filter(|word| !LABELS.contains(word))
        .map(str::to_owned)
        .collect()
}

/// Labels have the same prefix.
const LABELS: [&str; 4] = [
    "rabbitmq_node",
    "rabbitmq_cluster",
    "rabbitmq_endpoint",
    "rabbitmq_version",
];

#[test]
fn dashboard_and_alerts_ask_for_metrics_that_there_are() {
    let broker = Broker::start();
    // A queue, for what is told of each.
    let connection = Connection::open(broker.amqp());
    connection.channel().queue("orders");
    let mut answered = String::new();
    for path in [
        "/metrics",
        "/metrics/detailed?family=queue_coarse_metrics&family=queue_consumer_count",
    ] {
        let (status, body) = get(broker.metrics(), path);
        assert_eq!(status, 200, "{path}");
        answered += &body;
    }
    let names = answered
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "));
    let mut known: BTreeSet<String> = BTreeSet::new();
    for line in names {
        let (name, kind) = line.split_once(' ').expect("a name and a type");
        known.insert(name.to_owned());
        if kind == "histogram" {
            known.extend(["_bucket", "_sum", "_count"].map(|end| format!("{name}{end}")));
        }
    }
    for name in ["grafana-dashboard.json", "prometheus-rules.yml"] {
        let asked = metrics(&read(name));
        assert!(asked.len() > 5, "{name}: {asked:?}");
        let unknown: Vec<_> = asked.difference(&known).collect();
        assert!(unknown.is_empty(), "{name} asks for {unknown:?}");
    }
}

#[test]
fn the_dashboard_is_one() {
    let dashboard: Value = serde_json::from_str(&read("grafana-dashboard.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64()), "{panel}");
        let is_row = panel["type"] == "row";
        assert_eq!(panel["targets"].is_array(), !is_row, "{panel}");
    }
}

#[test]
fn scripts_and_manifests_can_be_read() {
    let check = |program: &str, arguments: &[&str], name: &str| {
        let status = Command::new(program)
            .args(arguments)
            .arg(file(name))
            .status();
        assert!(status.expect("run it").success(), "{program}: {name}");
    };
    check("sh", &["-n"], "docker-entrypoint.sh");
    let settings = file("docker.conf");
    printed(&["config", "check", settings.to_str().expect("UTF-8")], &[]);
    // The configuration inside the manifest is one of ours.
    let manifest = read("kubernetes.yaml");
    let lines = manifest
        .lines()
        .skip_while(|line| !line.contains("ferrymq.toml: |"));
    let inside = lines
        .skip(1)
        .take_while(|line| line.starts_with("    ") || line.is_empty());
    let toml: String = inside.map(|line| format!("{}\n", line.trim())).collect();
    let files = directory(&[("ferrymq.toml", &toml)]);
    printed(
        &["config", "check", files.path().to_str().expect("UTF-8")],
        &[],
    );
    assert!(toml.contains("high_watermark"), "{toml}");
}
