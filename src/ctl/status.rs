//! `status`, `cluster_status` and their parts: what the broker tells of itself, for people in sections
//! and for programs as one object.

use std::fmt::Write as _;

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::context::Context;
use super::error::Error;
use super::output::plain;
use super::path::path;

/// Units of memory. Compat: those of rabbitmqctl, by 1000.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Unit {
    #[value(aliases = ["B", "bytes"])]
    B,
    #[value(aliases = ["KB", "kB"])]
    Kb,
    #[value(alias = "MB")]
    Mb,
    #[value(alias = "GB")]
    Gb,
}

#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Command {
    /// What the broker does and has: versions, directories, alarms, memory, disk, totals, listeners
    Status {
        #[arg(long, value_enum, default_value = "gb")]
        unit: Unit,
    },
    /// The cluster, which is this broker alone
    ClusterStatus,
    /// Status, cluster status and all lists, to be sent to whoever helps
    Report,
    /// What the broker's memory is used for
    MemoryBreakdown {
        #[arg(long, value_enum, default_value = "gb")]
        unit: Unit,
    },
    /// Where the broker listens
    Listeners,
    /// Which alarms are on
    Alarms,
    /// Where the broker logs to
    LogLocation {
        #[arg(short = 'a', long, hide = true)]
        all: bool,
    },
}

impl Command {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Error> {
        match self {
            Self::Status { unit } => status(context, unit),
            Self::ClusterStatus => cluster_status(context),
            Self::Report => report(context),
            Self::MemoryBreakdown { unit } => memory_breakdown(context, unit),
            Self::Listeners => listeners(context),
            Self::Alarms => alarms(context),
            Self::LogLocation { .. } => {
                let node = context.node_details()?;
                let files = &node["log_files"];
                let lines = lines(files, "");
                Ok(context.out.answer(files, lines.trim_end())?)
            }
        }
    }
}

fn status(context: &mut Context, unit: Unit) -> Result<(), Error> {
    let overview = context.client.get("/api/overview")?;
    let name = context.node()?;
    let node = context.client.get(&path(&["nodes", &name]))?;
    context
        .out
        .banner(format_args!("Status of node {name} ..."))?;
    let vhosts = context.client.get("/api/vhosts?columns=name")?;
    let totals = json!({
        "connections": overview["object_totals"]["connections"],
        "queues": overview["object_totals"]["queues"],
        "virtual_host_count": vhosts.as_array().map_or(0, Vec::len),
    });
    let value = json!({
        "active_plugins": node["enabled_plugins"],
        "alarms": alarm_names(&node),
        "config_files": node["config_files"],
        "data_directory": node["db_dir"],
        "disk_free": node["disk_free"],
        "disk_free_limit": node["disk_free_limit"],
        "erlang_version": overview["erlang_version"],
        "is_under_maintenance": node["being_drained"],
        "listeners": overview["listeners"],
        "log_files": node["log_files"],
        "memory": {"total": node["mem_used"], "strategy": node["mem_calculation_strategy"]},
        "file_descriptors": {"total_used": node["fd_used"], "total_limit": node["fd_total"]},
        "node_name": name,
        "pid": node["os_pid"],
        "product_name": overview["product_name"],
        "product_version": overview["product_version"],
        "rabbitmq_version": overview["rabbitmq_version"],
        "tags": overview["node_tags"],
        "totals": totals,
        "uptime": uptime_seconds(&node),
        "vm_memory_high_watermark_limit": node["mem_limit"],
    });
    let amount = |field: &str| unit.amount(&value[field]);
    let mut text = String::new();
    section(
        &mut text,
        "Runtime",
        &[
            format!("OS PID: {}", plain(&value["pid"])),
            format!("Uptime (seconds): {}", plain(&value["uptime"])),
            format!(
                "Is under maintenance?: {}",
                plain(&value["is_under_maintenance"])
            ),
            format!("RabbitMQ version: {}", plain(&value["rabbitmq_version"])),
            format!(
                "{} version: {}",
                plain(&value["product_name"]),
                plain(&value["product_version"])
            ),
            format!("Node name: {name}"),
        ],
    );
    section(
        &mut text,
        "Plugins",
        &[
            "Enabled plugins:\n".to_owned(),
            bullets(&value["active_plugins"]),
        ],
    );
    section(
        &mut text,
        "Data directory",
        &[format!(
            "Node data directory: {}",
            plain(&value["data_directory"])
        )],
    );
    section(
        &mut text,
        "Config files",
        &[bullets(&value["config_files"])],
    );
    section(&mut text, "Log file(s)", &[bullets(&value["log_files"])]);
    section(&mut text, "Alarms", &[bullets(&value["alarms"])]);
    section(&mut text, "Tags", &[plain_or_none(&value["tags"])]);
    section(
        &mut text,
        "Memory",
        &[
            format!(
                "Total memory used: {}",
                unit.amount(&value["memory"]["total"])
            ),
            format!(
                "Calculation strategy: {}",
                plain(&value["memory"]["strategy"])
            ),
            format!(
                "Memory high watermark: {}",
                amount("vm_memory_high_watermark_limit")
            ),
        ],
    );
    section(
        &mut text,
        "File Descriptors",
        &[format!(
            "Total: {}, limit: {}",
            plain(&node["fd_used"]),
            plain(&node["fd_total"])
        )],
    );
    section(
        &mut text,
        "Free Disk Space",
        &[
            format!(
                "Low free disk space watermark: {}",
                amount("disk_free_limit")
            ),
            format!("Free disk space: {}", amount("disk_free")),
        ],
    );
    section(
        &mut text,
        "Totals",
        &[
            format!("Connection count: {}", plain(&totals["connections"])),
            format!("Queue count: {}", plain(&totals["queues"])),
            format!(
                "Virtual host count: {}",
                plain(&totals["virtual_host_count"])
            ),
        ],
    );
    section(&mut text, "Listeners", &listener_lines(&value["listeners"]));
    Ok(context.out.answer(&value, text.trim_end())?)
}

fn cluster_status(context: &mut Context) -> Result<(), Error> {
    let overview = context.client.get("/api/overview")?;
    let name = context.node()?;
    let node = context.client.get(&path(&["nodes", &name]))?;
    let flags = context.client.get("/api/feature-flags")?;
    context
        .out
        .banner(format_args!("Cluster status of node {name} ..."))?;
    let value = json!({
        "cluster_name": overview["cluster_name"],
        "cluster_tags": overview["cluster_tags"],
        "disk_nodes": [name],
        "ram_nodes": [],
        "running_nodes": [name],
        "versions": {&name: {
            "rabbitmq_version": overview["rabbitmq_version"],
            "product_name": overview["product_name"],
            "product_version": overview["product_version"],
        }},
        "cpu_cores": {&name: node["processors"]},
        "maintenance_status": {&name: "not under maintenance"},
        "alarms": alarm_names(&node),
        "partitions": {},
        "listeners": {&name: overview["listeners"]},
        "feature_flags": flags,
    });
    let mut text = String::new();
    let cores = plain(&node["processors"]);
    section(
        &mut text,
        "Basics",
        &[
            format!("Cluster name: {}", plain(&value["cluster_name"])),
            format!("Total CPU cores available cluster-wide: {cores}"),
        ],
    );
    section(
        &mut text,
        "Cluster Tags",
        &[plain_or_none(&value["cluster_tags"])],
    );
    section(&mut text, "Disk Nodes", std::slice::from_ref(&name));
    section(&mut text, "Running Nodes", std::slice::from_ref(&name));
    let version = format!(
        "{name}: RabbitMQ {}, {} {}",
        plain(&overview["rabbitmq_version"]),
        plain(&overview["product_name"]),
        plain(&overview["product_version"]),
    );
    section(&mut text, "Versions", &[version]);
    section(
        &mut text,
        "CPU Cores",
        &[format!("Node: {name}, available CPU cores: {cores}")],
    );
    let status = format!("Node: {name}, status: not under maintenance");
    section(&mut text, "Maintenance status", &[status]);
    section(&mut text, "Alarms", &[bullets(&value["alarms"])]);
    section(&mut text, "Network Partitions", &["(none)".to_owned()]);
    let listeners = listener_lines(&overview["listeners"]);
    let listeners: Vec<_> = listeners
        .iter()
        .map(|line| format!("Node: {name}, {line}"))
        .collect();
    section(&mut text, "Listeners", &listeners);
    let flags = flags.as_array().into_iter().flatten();
    let flags = flags.map(|flag| {
        format!(
            "Flag: {}, state: {}",
            plain(&flag["name"]),
            plain(&flag["state"])
        )
    });
    section(&mut text, "Feature flags", &flags.collect::<Vec<_>>());
    Ok(context.out.answer(&value, text.trim_end())?)
}

/// Everything that helps to understand a broker, without messages and secrets.
fn report(context: &mut Context) -> Result<(), Error> {
    const LISTS: [&str; 13] = [
        "overview",
        "nodes",
        "vhosts",
        "connections",
        "channels",
        "consumers",
        "exchanges",
        "queues",
        "bindings",
        "permissions",
        "policies",
        "operator-policies",
        "parameters",
    ];
    context.out.banner(format_args!(
        "Reporting server status of node {} ...",
        context.node()?
    ))?;
    let mut report = json!({});
    let mut text = String::new();
    for list in LISTS {
        let found = context.client.get(&path(&[list]))?;
        section(&mut text, list, &[format!("{found:#}")]);
        report[list] = found;
    }
    Ok(context.out.answer(&report, text.trim_end())?)
}

fn memory_breakdown(context: &mut Context, unit: Unit) -> Result<(), Error> {
    let name = context.node()?;
    let answer = context.client.get(&path(&["nodes", &name, "memory"]))?;
    context
        .out
        .banner(format_args!("Reporting memory breakdown on node {name}..."))?;
    let memory = &answer["memory"];
    let rss = memory["total"]["rss"].as_f64().unwrap_or_default();
    let fields = memory.as_object().into_iter().flatten();
    let mut parts: Vec<_> = fields
        .filter_map(|(name, value)| Some((name, value.as_u64()?)))
        .collect();
    parts.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let mut text = String::new();
    for (name, bytes) in parts {
        let share = if rss > 0.0 {
            bytes as f64 * 100.0 / rss
        } else {
            0.0
        };
        let amount = unit.amount(&bytes.into());
        let _ = writeln!(text, "{name}: {amount} ({share:.2}%)");
    }
    Ok(context.out.answer(memory, text.trim_end())?)
}

fn listeners(context: &mut Context) -> Result<(), Error> {
    let overview = context.client.get("/api/overview")?;
    let name = context.node()?;
    context.out.banner(format_args!(
        "Asking node {name} to report its protocol listeners ..."
    ))?;
    let listeners = &overview["listeners"];
    let text = listener_lines(listeners).join("\n");
    Ok(context
        .out
        .answer(&json!({"listeners": listeners, "node": name}), text)?)
}

fn alarms(context: &mut Context) -> Result<(), Error> {
    let node = context.node_details()?;
    let name = plain(&node["name"]);
    context.out.banner(format_args!(
        "Asking node {name} to report any known resource alarms ..."
    ))?;
    let alarms = alarm_names(&node);
    let text = match alarms.as_array().is_some_and(Vec::is_empty) {
        true => format!("Node {name} reported no alarms, local or clusterwide"),
        false => bullets(&alarms),
    };
    Ok(context
        .out
        .answer(&json!({"alarms": alarms, "node": name}), text)?)
}

fn alarm_names(node: &Value) -> Value {
    let alarms = [("mem_alarm", "memory"), ("disk_free_alarm", "disk")];
    let on = alarms.into_iter().filter(|(field, _)| node[field] == true);
    on.map(|(_, name)| name).collect()
}

fn uptime_seconds(node: &Value) -> u64 {
    node["uptime"].as_u64().unwrap_or_default() / 1000
}

fn section(text: &mut String, title: &str, lines: &[String]) {
    let lines = lines.join("\n");
    let _ = write!(text, "{title}\n\n{}\n\n", lines.trim_end());
}

fn bullets(list: &Value) -> String {
    match list.as_array().is_none_or(Vec::is_empty) {
        true => "(none)".to_owned(),
        false => lines(list, " * "),
    }
}

fn lines(list: &Value, before: &str) -> String {
    let items = list.as_array().into_iter().flatten();
    items
        .map(|item| format!("{before}{}\n", plain(item)))
        .collect()
}

fn plain_or_none(value: &Value) -> String {
    match value.as_object().is_none_or(serde_json::Map::is_empty) {
        true => "(none)".to_owned(),
        false => plain(value),
    }
}

fn listener_lines(listeners: &Value) -> Vec<String> {
    let listeners = listeners.as_array().into_iter().flatten();
    let line = |listener: &Value| {
        let protocol = plain(&listener["protocol"]);
        let purpose = match protocol.as_str() {
            "amqp" => "AMQP 0-9-1",
            "amqp/ssl" => "AMQP 0-9-1 over TLS",
            "http" => "HTTP API",
            "http/prometheus" => "Prometheus exporter API over HTTP",
            _ => "",
        };
        let (interface, port) = (plain(&listener["ip_address"]), plain(&listener["port"]));
        format!("Interface: {interface}, port: {port}, protocol: {protocol}, purpose: {purpose}")
    };
    listeners.map(line).collect()
}

impl Unit {
    fn amount(self, bytes: &Value) -> String {
        let Some(bytes) = bytes.as_f64() else {
            return "unknown".to_owned();
        };
        match self {
            Self::B => format!("{bytes} b"),
            Self::Kb => format!("{:.3} kb", bytes / 1e3),
            Self::Mb => format!("{:.4} mb", bytes / 1e6),
            Self::Gb => format!("{:.4} gb", bytes / 1e9),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_units() {
        let bytes = json!(2_500_000);
        assert_eq!(Unit::B.amount(&bytes), "2500000 b");
        assert_eq!(Unit::Mb.amount(&bytes), "2.5000 mb");
        assert_eq!(Unit::Gb.amount(&bytes), "0.0025 gb");
        assert_eq!(Unit::Gb.amount(&Value::Null), "unknown");
    }

    #[test]
    fn alarms_are_named() {
        let node = json!({"mem_alarm": true, "disk_free_alarm": false});
        assert_eq!(alarm_names(&node), json!(["memory"]));
        assert_eq!(bullets(&alarm_names(&node)), " * memory\n");
        assert_eq!(bullets(&alarm_names(&json!({}))), "(none)");
    }
}
