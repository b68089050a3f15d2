//! How parts of the status read: sections, lists, listeners, amounts of memory.

use std::fmt::Write as _;

use clap::ValueEnum;
use serde_json::{Map, Value};

use crate::ctl::output::plain;

/// Units of memory. Compat: those of rabbitmqctl, by 1000.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::ctl) enum Unit {
    #[value(aliases = ["B", "bytes"])]
    B,
    #[value(aliases = ["KB", "kB"])]
    Kb,
    #[value(alias = "MB")]
    Mb,
    #[value(alias = "GB")]
    Gb,
}

/// What memory is used for, the largest part first.
pub(super) fn breakdown(memory: &Value, unit: Unit) -> String {
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
    text
}

/// The alarms that are on.
pub(super) fn alarm_names(node: &Value) -> Value {
    let alarms = [("mem_alarm", "memory"), ("disk_free_alarm", "disk")];
    let on = alarms.into_iter().filter(|(field, _)| node[field] == true);
    on.map(|(_, name)| name).collect()
}

/// A part of the status below its title.
pub(super) fn section(title: &str, text: &str) -> String {
    format!("{title}\n\n{}", text.trim_end())
}

/// A list with points before its items.
pub(super) fn bullets(list: &Value) -> String {
    match list.as_array().is_none_or(Vec::is_empty) {
        true => "(none)".to_owned(),
        false => lines(list, " * "),
    }
}

/// The items of a list, each on a line of its own behind `before`.
pub(super) fn lines(list: &Value, before: &str) -> String {
    let items = list.as_array().into_iter().flatten();
    items
        .map(|item| format!("{before}{}\n", plain(item)))
        .collect()
}

/// An object with a name per value.
pub(super) fn names(object: &Value) -> String {
    match object.as_object().is_none_or(Map::is_empty) {
        true => "(none)".to_owned(),
        false => plain(object),
    }
}

/// Where the broker listens, a line for each.
pub(super) fn listener_lines(listeners: &Value) -> Vec<String> {
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
    pub(super) fn amount(self, bytes: &Value) -> String {
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
    use serde_json::json;

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
