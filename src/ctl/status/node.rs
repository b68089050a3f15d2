//! `status`: versions, directories, alarms, memory, disk, totals, listeners.

use serde_json::{Value, json};

use super::text::{Unit, alarm_names, breakdown, bullets, listener_lines, names, section};
use crate::ctl::context::Context;
use crate::ctl::error::Error;
use crate::ctl::output::plain;
use crate::ctl::path::path;

pub(super) fn print(context: &mut Context, unit: Unit) -> Result<(), Error> {
    let overview = context.client.get("/api/overview")?;
    let name = context.node()?;
    let node = context.client.get(&path(&["nodes", &name]))?;
    let memory = context.client.get(&path(&["nodes", &name, "memory"]))?;
    let vhosts = context.client.get("/api/vhosts?columns=name")?;
    let banner = format_args!("Status of node {name} ...");
    context.out.banner(banner)?;
    let status = gather(&overview, &node, &memory, &vhosts);
    Ok(context.out.answer(&status, text(&status, unit))?)
}

/// Compat: under the names of rabbitmqctl.
fn gather(overview: &Value, node: &Value, memory: &Value, vhosts: &Value) -> Value {
    let uptime_millis = node["uptime"].as_u64().unwrap_or_default();
    json!({
        "active_plugins": node["enabled_plugins"],
        "alarms": alarm_names(node),
        "config_files": node["config_files"],
        "data_directory": node["db_dir"],
        "disk_free": node["disk_free"],
        "disk_free_limit": node["disk_free_limit"],
        "erlang_version": overview["erlang_version"],
        "file_descriptors": {
            "total_used": node["fd_used"],
            "total_limit": node["fd_total"],
            "sockets_used": node["sockets_used"],
            "sockets_limit": node["sockets_total"],
        },
        "is_under_maintenance": node["being_drained"],
        "listeners": overview["listeners"],
        "log_files": node["log_files"],
        "memory": memory["memory"],
        "node_name": node["name"],
        "pid": node["os_pid"].as_str().and_then(|pid| pid.parse::<u32>().ok()),
        "product_name": overview["product_name"],
        "product_version": overview["product_version"],
        "rabbitmq_version": overview["rabbitmq_version"],
        "tags": overview["node_tags"],
        "totals": {
            "connection_count": overview["object_totals"]["connections"],
            "queue_count": overview["object_totals"]["queues"],
            "virtual_host_count": vhosts.as_array().map_or(0, Vec::len),
        },
        "uptime": uptime_millis / 1000,
        "vm_memory_calculation_strategy": node["mem_calculation_strategy"],
        "vm_memory_high_watermark_limit": node["mem_limit"],
    })
}

fn text(status: &Value, unit: Unit) -> String {
    let said = |field: &str| plain(&status[field]);
    let amount = |field: &str| unit.amount(&status[field]);
    let files = &status["file_descriptors"];
    let totals = &status["totals"];
    let used = unit.amount(&status["memory"]["total"]["rss"]);
    let parts = breakdown(&status["memory"], unit);
    [
        section(
            "Runtime",
            &format!(
                "OS PID: {}\nUptime (seconds): {}\nIs under maintenance?: {}\nRabbitMQ version: \
                 {}\n{} version: {}\nNode name: {}",
                said("pid"),
                said("uptime"),
                said("is_under_maintenance"),
                said("rabbitmq_version"),
                said("product_name"),
                said("product_version"),
                said("node_name"),
            ),
        ),
        section(
            "Plugins",
            &format!("Enabled plugins:\n\n{}", bullets(&status["active_plugins"])),
        ),
        section(
            "Data directory",
            &format!("Node data directory: {}", said("data_directory")),
        ),
        section("Config files", &bullets(&status["config_files"])),
        section("Log file(s)", &bullets(&status["log_files"])),
        section("Alarms", &bullets(&status["alarms"])),
        section("Tags", &names(&status["tags"])),
        section(
            "Memory",
            &format!(
                "Total memory used: {used}\nCalculation strategy: {}\nMemory high watermark setting \
                 computed to: {}\n\n{parts}",
                said("vm_memory_calculation_strategy"),
                amount("vm_memory_high_watermark_limit"),
            ),
        ),
        section(
            "File Descriptors",
            &format!(
                "Total: {}, limit: {}\nSockets: {}, limit: {}",
                plain(&files["total_used"]),
                plain(&files["total_limit"]),
                plain(&files["sockets_used"]),
                plain(&files["sockets_limit"]),
            ),
        ),
        section(
            "Free Disk Space",
            &format!(
                "Low free disk space watermark: {}\nFree disk space: {}",
                amount("disk_free_limit"),
                amount("disk_free"),
            ),
        ),
        section(
            "Totals",
            &format!(
                "Connection count: {}\nQueue count: {}\nVirtual host count: {}",
                plain(&totals["connection_count"]),
                plain(&totals["queue_count"]),
                plain(&totals["virtual_host_count"]),
            ),
        ),
        section("Listeners", &listener_lines(&status["listeners"]).join("\n")),
    ]
    .join("\n\n")
}
