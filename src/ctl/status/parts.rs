//! Parts of the status that have commands of their own.

use serde_json::json;

use super::text::{Unit, alarm_names, breakdown, bullets, lines, listener_lines, section};
use crate::ctl::context::Context;
use crate::ctl::error::Error;
use crate::ctl::output::plain;
use crate::ctl::path::path;

/// Everything that helps to understand a broker, without messages and secrets.
pub(super) fn report(context: &mut Context) -> Result<(), Error> {
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
    let mut sections = Vec::new();
    for list in LISTS {
        let found = context.client.get(&path(&[list]))?;
        sections.push(section(list, &format!("{found:#}")));
        report[list] = found;
    }
    Ok(context.out.answer(&report, sections.join("\n\n"))?)
}

pub(super) fn memory_breakdown(context: &mut Context, unit: Unit) -> Result<(), Error> {
    let name = context.node()?;
    let answer = context.client.get(&path(&["nodes", &name, "memory"]))?;
    context
        .out
        .banner(format_args!("Reporting memory breakdown on node {name}..."))?;
    let memory = &answer["memory"];
    let text = breakdown(memory, unit);
    Ok(context.out.answer(memory, text.trim_end())?)
}

pub(super) fn listeners(context: &mut Context) -> Result<(), Error> {
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

pub(super) fn alarms(context: &mut Context) -> Result<(), Error> {
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

pub(super) fn log_location(context: &mut Context) -> Result<(), Error> {
    let node = context.node_details()?;
    let name = plain(&node["name"]);
    let banner = format_args!("Log file location(s) on node {name} ...");
    context.out.banner(banner)?;
    let files = &node["log_files"];
    Ok(context.out.answer(files, lines(files, "").trim_end())?)
}
