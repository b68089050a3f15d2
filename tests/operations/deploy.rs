//! The files in `deploy/`: they can be read, and what they name exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::*;

fn file(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.expect("the workspace").join("deploy").join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(file(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
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
