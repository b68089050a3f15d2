//! Health checks, as rabbitmq-diagnostics has them: 0 when all is well, 69 when it is not.

use std::net::TcpStream;
use std::time::Duration;

use clap::Subcommand;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::client::Ask;
use super::context::Context;
use super::error::Error;
use super::output::plain;
use super::path::path;

/// For a port on this machine to answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What `health` looks at.
const ALL: [&[&str]; 6] = [
    &["is-in-service"],
    &["local-alarms"],
    &["virtual-hosts"],
    &["protocol-listener", "amqp"],
    &["node-is-quorum-critical"],
    &["ready-to-serve-clients"],
];

#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Command {
    /// Run all health checks
    #[command(visible_alias = "node_health_check")]
    Health,
    /// Does the broker serve clients?
    #[command(visible_alias = "is_running")]
    CheckRunning,
    /// Is the broker starting? It does not answer before it has
    IsBooting,
    /// Is an alarm on?
    #[command(visible_alias = "check_alarms")]
    CheckLocalAlarms,
    /// Does every port that the broker listens on accept connections?
    CheckPortConnectivity {
        /// The address to connect to, instead of the one that it listens on
        #[arg(long)]
        address: Option<String>,
    },
    /// Does the broker listen on this port?
    CheckPortListener { port: u16 },
    /// Does the broker speak this protocol?
    CheckProtocolListener { protocol: String },
    /// Is every vhost running?
    CheckVirtualHosts,
    /// Will a certificate expire soon?
    CheckCertificateExpiration {
        #[arg(long, default_value_t = 4)]
        within: u32,
        #[arg(long, default_value = "weeks", value_parser = ["days", "weeks", "months", "years"])]
        unit: String,
    },
    /// Would stopping this node take a majority from a queue?
    CheckIfNodeIsQuorumCritical,
}

impl Command {
    /// Compat: the texts are those of rabbitmq-diagnostics, which scripts look for.
    pub(super) fn run(self, context: &mut Context) -> Result<(), Error> {
        let node = node(context)?;
        let name = node.as_str();
        match self {
            Self::Health => health(context, name),
            Self::CheckRunning => check(
                context,
                &["is-in-service"],
                &format!("Checking if the broker is running on node {name} ..."),
                &format!("FerryMQ on node {name} is fully booted and running"),
            ),
            Self::IsBooting => check(
                context,
                &["is-in-service"],
                &format!("Asking node {name} for its boot status ..."),
                &format!("FerryMQ on node {name} is fully booted (check with is_running)"),
            ),
            Self::CheckLocalAlarms => check(
                context,
                &["local-alarms"],
                &format!("Asking node {name} to report any local resource alarms ..."),
                &format!("Node {name} reported no local alarms"),
            ),
            Self::CheckPortConnectivity { address } => {
                connectivity(context, name, address.as_deref())
            }
            Self::CheckPortListener { port } => check(
                context,
                &["port-listener", &port.to_string()],
                &format!("Asking node {name} if there's an active listener on port {port} ..."),
                &format!("A listener for port {port} is running on node {name}."),
            ),
            Self::CheckProtocolListener { protocol } => check(
                context,
                &["protocol-listener", &protocol],
                &format!(
                    "Asking node {name} if there's an active listener for protocol {protocol} ..."
                ),
                &format!("A listener for protocol {protocol} is running on node {name}."),
            ),
            Self::CheckVirtualHosts => check(
                context,
                &["virtual-hosts"],
                &format!("Checking if all vhosts are running on node {name} ..."),
                &format!("Node {name} reported all vhosts as running"),
            ),
            Self::CheckCertificateExpiration { within, unit } => check(
                context,
                &["certificate-expiration", &within.to_string(), &unit],
                &format!("Checking certificate expiration on node {name} ..."),
                &format!("No certificates are expiring within {within} {unit}."),
            ),
            Self::CheckIfNodeIsQuorumCritical => check(
                context,
                &["node-is-quorum-critical"],
                &format!("Checking if node {name} is critical for quorum of any quorum queues ..."),
                &format!(
                    "Node {name} seems to be the only one in a single node cluster, the check does \
                     not apply"
                ),
            ),
        }
    }
}

/// The broker's name, or where it is asked, for users who may not know its name.
fn node(context: &Context) -> Result<String, Error> {
    match context.node() {
        Err(Error::AccessRefused(_) | Error::NotFound(_)) => Ok(context.client.target().name()),
        node => node,
    }
}

/// One check: says `asking`, and `holds` when it does.
fn check(context: &mut Context, name: &[&str], asking: &str, holds: &str) -> Result<(), Error> {
    context.out.banner(asking)?;
    ask(context, name)?;
    Ok(context.out.message(holds)?)
}

fn ask(context: &Context, name: &[&str]) -> Result<Value, Error> {
    let answer = context.client.ask(&Ask {
        method: Method::GET,
        path: &path(&[&["health", "checks"], name].concat()),
        headers: &[],
        body: None,
    })?;
    match answer.status {
        StatusCode::SERVICE_UNAVAILABLE => Err(Error::CheckFailed(failure(&answer.json()?))),
        _ => answer.successful()?.json(),
    }
}

/// What a failed check says: its reason, and what it found.
fn failure(body: &Value) -> String {
    let reason = plain(&body["reason"]);
    let found = body.as_object().into_iter().flatten();
    let found = found.filter(|(name, _)| !matches!(name.as_str(), "status" | "reason"));
    let parts = found.map(|(name, value)| match value.as_array() {
        Some(items) => {
            let items: Vec<_> = items.iter().map(item).collect();
            format!("{name}: {}", items.join(", "))
        }
        None => format!("{name}: {}", plain(value)),
    });
    let parts: Vec<_> = parts.collect();
    match parts.is_empty() {
        true => reason,
        false => format!("{reason} ({})", parts.join("; ")),
    }
}

fn item(value: &Value) -> String {
    match (&value["resource"], &value["name"]) {
        (Value::String(name), _) | (_, Value::String(name)) => name.clone(),
        _ => plain(value),
    }
}

fn health(context: &mut Context, node: &str) -> Result<(), Error> {
    context
        .out
        .banner(format_args!("Checking health of node {node} ..."))?;
    let mut rows = Vec::new();
    let mut failed = Vec::new();
    for name in ALL {
        let shown = name.join(" ");
        let row = match ask(context, name) {
            Ok(_) => vec![json!(shown), json!("ok"), Value::Null],
            Err(Error::CheckFailed(reason)) => {
                let row = vec![json!(shown), json!("failed"), json!(reason)];
                failed.push(shown);
                row
            }
            Err(error) => return Err(error),
        };
        rows.push(row);
    }
    context.out.rows(&["check", "status", "reason"], &rows)?;
    match failed.is_empty() {
        true => Ok(()),
        false => Err(Error::CheckFailed(format!("failed: {}", failed.join(", ")))),
    }
}

/// Connects to every port that the broker says it listens on.
fn connectivity(context: &mut Context, node: &str, address: Option<&str>) -> Result<(), Error> {
    let overview = context.client.get("/api/overview")?;
    let banner = format_args!("Testing TCP connections to all active listeners on node {node} ...");
    context.out.banner(banner)?;
    let mut connected = Vec::new();
    let mut failed = Vec::new();
    for listener in overview["listeners"].as_array().into_iter().flatten() {
        let port = plain(&listener["port"]);
        let interface = plain(&listener["ip_address"]);
        let host = address.unwrap_or(match interface.as_str() {
            "::" | "0.0.0.0" => "localhost",
            interface => interface,
        });
        match answers(host, port.parse().unwrap_or_default()) {
            true => connected.push(port),
            false => failed.push(format!("{host}:{port}")),
        }
    }
    match failed.is_empty() {
        true => {
            let ports = connected.join(", ");
            let text = format!("Successfully connected to ports {ports} on node {node}.");
            Ok(context.out.message(text)?)
        }
        false => Err(Error::CheckFailed(format!(
            "can't connect to {}",
            failed.join(", ")
        ))),
    }
}

fn answers(host: &str, port: u16) -> bool {
    let addresses = std::net::ToSocketAddrs::to_socket_addrs(&(host, port));
    let mut addresses = addresses.into_iter().flatten();
    addresses.any(|address| TcpStream::connect_timeout(&address, CONNECT_TIMEOUT).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_tell_what_was_found() {
        let check = |body: Value, expected: &str| assert_eq!(failure(&body), expected);
        let alarms = json!([{"node": "n", "resource": "memory"}]);
        check(json!({"status": "failed", "reason": "r"}), "r");
        check(
            json!({"reason": "r", "alarms": alarms}),
            "r (alarms: memory)",
        );
        check(
            json!({"reason": "r", "missing": 1, "ports": [5672, 2]}),
            "r (missing: 1; ports: 5672, 2)",
        );
    }
}
