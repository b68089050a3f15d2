//! `cluster_status`: the cluster, which is this broker alone.

use serde_json::{Value, json};

use super::text::{alarm_names, bullets, listener_lines, names, section};
use crate::ctl::context::Context;
use crate::ctl::error::Error;
use crate::ctl::output::plain;
use crate::ctl::path::path;

pub(super) fn print(context: &mut Context) -> Result<(), Error> {
    let overview = context.client.get("/api/overview")?;
    let name = context.node()?;
    let node = context.client.get(&path(&["nodes", &name]))?;
    let flags = context.client.get("/api/feature-flags")?;
    let banner = format_args!("Cluster status of node {name} ...");
    context.out.banner(banner)?;
    let status = gather(&overview, &node, &flags);
    Ok(context.out.answer(&status, text(&status, &name))?)
}

/// Compat: under the names of rabbitmqctl.
fn gather(overview: &Value, node: &Value, flags: &Value) -> Value {
    let name = plain(&node["name"]);
    json!({
        "alarms": alarm_names(node),
        "cluster_name": overview["cluster_name"],
        "cluster_tags": overview["cluster_tags"],
        "cpu_cores": {&name: node["processors"]},
        "disk_nodes": [name],
        "feature_flags": flags,
        "listeners": {&name: overview["listeners"]},
        "maintenance_status": {&name: "not under maintenance"},
        "partitions": {},
        "ram_nodes": [],
        "running_nodes": [name],
        "versions": {
            &name: {
                "rabbitmq_version": overview["rabbitmq_version"],
                "product_name": overview["product_name"],
                "product_version": overview["product_version"],
            }
        },
    })
}

fn text(status: &Value, name: &str) -> String {
    let cores = plain(&status["cpu_cores"][name]);
    let version = &status["versions"][name];
    let listeners = listener_lines(&status["listeners"][name]);
    let listeners = listeners.iter().map(|line| format!("Node: {name}, {line}"));
    let flags = status["feature_flags"].as_array().into_iter().flatten();
    let flags = flags.map(|flag| {
        let (name, state) = (plain(&flag["name"]), plain(&flag["state"]));
        format!("Flag: {name}, state: {state}")
    });
    [
        section(
            "Basics",
            &format!(
                "Cluster name: {}\nTotal CPU cores available cluster-wide: {cores}",
                plain(&status["cluster_name"])
            ),
        ),
        section("Cluster Tags", &names(&status["cluster_tags"])),
        section("Disk Nodes", name),
        section("Running Nodes", name),
        section(
            "Versions",
            &format!(
                "{name}: RabbitMQ {}, {} {}",
                plain(&version["rabbitmq_version"]),
                plain(&version["product_name"]),
                plain(&version["product_version"]),
            ),
        ),
        section(
            "CPU Cores",
            &format!("Node: {name}, available CPU cores: {cores}"),
        ),
        section(
            "Maintenance status",
            &format!("Node: {name}, status: not under maintenance"),
        ),
        section("Alarms", &bullets(&status["alarms"])),
        section("Network Partitions", "(none)"),
        section("Listeners", &listeners.collect::<Vec<_>>().join("\n")),
        section("Feature flags", &flags.collect::<Vec<_>>().join("\n")),
    ]
    .join("\n\n")
}
